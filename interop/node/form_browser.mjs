// A browser without JavaScript: cookies, redirects and plain HTML forms, nothing else.

import { request } from "node:http";

const HOPS = 12;

export class FormBrowser {
  #cookies = new Map();

  /// Goes to `url` and through whatever forms come, as this person, until the server sends the
  /// browser to `redirectUri`. Gives that address, unvisited.
  async authorize(url, { redirectUri, ...person }) {
    const reached = (target) => target.href.startsWith(redirectUri);
    const { target, page } = await this.#walk(await this.visit(url), person, reached);
    if (page) throw new Error(`No form to go on with: ${page.status} ${page.body}`);
    return target;
  }

  /// Goes on from `response` wherever it leads, other sites included, until a page asks for
  /// nothing that this person could answer. Gives that page.
  async arrive(response, person) {
    return (await this.#walk(response, person, () => false)).page;
  }

  /// `decision` answers a consent page.
  async #walk(response, { username, password, decision = "allow" }, reached) {
    for (let hop = 0; hop < HOPS; hop += 1) {
      const { location } = response.headers;
      if (response.status >= 300 && response.status < 400 && location) {
        const target = new URL(location, response.url);
        if (reached(target)) return { target };
        response = await this.visit(target);
        continue;
      }
      const known = (form) => (username && form.asks("username")) || form.asks("decision");
      const form = formsOf(response.body).find(known);
      if (!form) return { page: response };
      const answers = form.asks("username") ? { username, password } : { decision };
      response = await this.submit(response.url, form, answers);
    }
    throw new Error(`No end within ${HOPS} steps: ${response.url}`);
  }

  visit(url, method = "GET", headers = {}, body = undefined) {
    const target = new URL(url);
    const options = {
      method,
      headers: {
        accept: "text/html",
        cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; "),
        "sec-fetch-dest": "document",
        "sec-fetch-mode": "navigate",
        "sec-fetch-site": method === "GET" ? "none" : "same-origin",
        ...headers,
      },
    };
    return new Promise((resolve, reject) => {
      const sent = request(target, options, (answer) => {
        const parts = [];
        answer.on("data", (part) => parts.push(part));
        answer.on("error", reject);
        answer.on("end", () => {
          this.#keep(answer.headers["set-cookie"] ?? []);
          const text = Buffer.concat(parts).toString("utf8");
          resolve({ url: target, status: answer.statusCode, headers: answer.headers, body: text });
        });
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  /// Sends a form with its hidden inputs and these answers.
  submit(page, form, answers) {
    const fields = new URLSearchParams({ ...form.hidden, ...answers });
    const target = new URL(form.action, page);
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      origin: new URL(page).origin,
    };
    return this.visit(target, "POST", headers, fields.toString());
  }

  #keep(lines) {
    for (const line of lines) {
      const [pair, ...attributes] = line.split(";").map((part) => part.trim());
      const [name, value] = [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)];
      const gone = attributes.some((attribute) => {
        const expires = /^expires=(.*)$/i.exec(attribute);
        return /^max-age=(0|-.*)$/i.test(attribute) || Date.parse(expires?.[1]) <= Date.now();
      });
      if (gone) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
}

/// The forms of a page that are sent by POST: where to, hidden inputs, names it asks for.
export function formsOf(html) {
  return [...html.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)].map(([, attributes, inside]) => {
    const controls = [...inside.matchAll(/<(?:input|button)\b([^>]*)>/gs)]
      .map(([, text]) => attributesOf(text));
    const hidden = controls.filter((control) => control.type === "hidden");
    return {
      action: attributesOf(attributes).action ?? "",
      hidden: Object.fromEntries(hidden.map(({ name, value }) => [name, value ?? ""])),
      asks: (name) => controls.some((control) => control.name === name),
    };
  });
}

function attributesOf(text) {
  const pairs = text.matchAll(/([a-z-]+)(?:\s*=\s*"([^"]*)")?/gi);
  return Object.fromEntries([...pairs].map(([, name, value]) => [name, plain(value ?? "")]));
}

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function plain(text) {
  return text.replaceAll(/&(?:#(\d+)|#x([0-9a-f]+)|([a-z]+));/gi, (whole, ten, sixteen, name) => {
    if (ten) return String.fromCodePoint(Number(ten));
    if (sixteen) return String.fromCodePoint(Number.parseInt(sixteen, 16));
    return ENTITIES[name] ?? whole;
  });
}
