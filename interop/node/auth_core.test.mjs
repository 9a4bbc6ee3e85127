// Auth.js (@auth/core), the whole of its sign-in: its forms, its cookies, its session.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import { Auth } from "@auth/core";

import { FormBrowser } from "./form_browser.mjs";
import { startSite } from "./site.mjs";

const ALICE = { username: "alice", password: "countersign-demo" };
const PROVIDERS = [
  {
    id: "web",
    clientId: "demo-web",
    clientSecret: "demo-web-secret-0123456789abcdef",
  },
  { id: "spa", clientId: "demo-spa", client: { token_endpoint_auth_method: "none" } },
];

let site;
before(async () => {
  site = await startSite(() => "");
  const config = {
    basePath: "/auth",
    secret: "a secret of this application, for its cookies",
    trustHost: true,
    // Its errors are looked at in the page that they lead to.
    logger: { error: () => {}, warn: () => {}, debug: () => {} },
    providers: PROVIDERS.map(provider),
    callbacks: {
      // What the provider's tokens say goes into the session, where the test can see it.
      jwt: ({ token, account, profile }) => account ? { ...token, account, profile } : token,
      session: ({ session, token }) => {
        return { ...session, account: token.account, profile: token.profile };
      },
    },
  };
  site.handle((request, response) => answer(request, response, config));
});
after(() => site?.stop());

/// Id tokens of this server hold no personal data, so the profile is read from userinfo.
function provider(own) {
  return {
    ...own,
    name: "Countersign",
    type: "oidc",
    issuer: site.server.issuer,
    checks: ["pkce", "state", "nonce"],
    idToken: false,
    authorization: { params: { scope: "openid profile email offline_access" } },
  };
}

/// Between node's HTTP and the Request and Response that Auth.js works with.
async function answer(incoming, outgoing, config) {
  const parts = [];
  for await (const part of incoming) parts.push(part);
  const request = new Request(`${site.origin}${incoming.url}`, {
    method: incoming.method,
    headers: incoming.headers,
    body: parts.length > 0 ? Buffer.concat(parts) : undefined,
  });
  const isAuth = incoming.url.startsWith("/auth/");
  const response = isAuth ? await Auth(request, config) : new Response("the application");
  outgoing.setHeaders(response.headers);
  outgoing.writeHead(response.status);
  outgoing.end(Buffer.from(await response.arrayBuffer()));
}

/// Sends one of its forms, as its own pages would.
async function post(browser, path, fields = {}) {
  const { body } = await browser.visit(`${site.origin}/auth/csrf`);
  const { csrfToken } = JSON.parse(body);
  const form = { action: path, hidden: { csrfToken, callbackUrl: `${site.origin}/` } };
  return browser.submit(site.origin, form, fields);
}

async function session(browser) {
  return JSON.parse((await browser.visit(`${site.origin}/auth/session`)).body);
}

for (const { id, clientId } of PROVIDERS) {
  describe(`@auth/core as ${clientId}`, () => {
    test("signs in, keeps a session, signs out", async () => {
      const browser = new FormBrowser();
      assert.equal(await session(browser), null);
      const page = await browser.arrive(await post(browser, `/auth/signin/${id}`), ALICE);
      assert.equal(page.url.href, `${site.origin}/`, `${page.status} ${page.body}`);
      const { user, account, profile } = await session(browser);
      assert.equal(user.name, "Alice Example");
      assert.equal(user.email, "alice@example.com");
      assert.equal(profile.preferred_username, "alice");
      assert.equal(account.providerAccountId, profile.sub);
      assert.equal(account.token_type, "bearer");
      assert.match(account.refresh_token, /^csr_/);
      await post(browser, "/auth/signout");
      assert.equal(await session(browser), null);
    });

    test("a person who says no comes back without a session", async () => {
      const browser = new FormBrowser();
      const bob = { username: "bob", password: "countersign-demo", decision: "deny" };
      const page = await browser.arrive(await post(browser, `/auth/signin/${id}`), bob);
      assert.equal(page.url.origin, site.origin);
      assert.ok(page.url.searchParams.get("error"), page.url.href);
      assert.equal(await session(browser), null);
    });

    test("an answer in somebody else's browser signs nobody in", async () => {
      const [mine, theirs] = [new FormBrowser(), new FormBrowser()];
      const sent = await post(mine, `/auth/signin/${id}`);
      const redirectUri = `${site.origin}/auth/callback/${id}`;
      const answer = await mine.authorize(sent.headers.location, { ...ALICE, redirectUri });
      const page = await theirs.arrive(await theirs.visit(answer), {});
      assert.ok(page.url.searchParams.get("error"), page.url.href);
      assert.equal(await session(theirs), null);
      await mine.visit(answer);
      assert.equal((await session(mine)).user.name, "Alice Example");
    });
  });
}
