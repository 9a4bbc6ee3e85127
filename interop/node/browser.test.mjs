// A person with a real browser: the sample page, signing in, and what scripts can get at.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { launch, openPage } from "./chromium.mjs";
import { startServer } from "./server.mjs";

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };

const screenshots = process.env.SCREENSHOT_DIR;
let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await launch();
  if (screenshots) await mkdir(screenshots, { recursive: true });
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/// A page of its own profile that remembers the token endpoint's answers and every complaint.
async function open() {
  const { context, page, complaints } = await openPage(browser, { viewport: WIDE });
  const seen = { answers: [], complaints };
  page.on("response", (response) => {
    const { pathname } = new URL(response.url());
    if (pathname === "/token" && response.ok()) seen.answers.push(response);
  });
  await page.goto(`${server.issuer}/`);
  return { context, page, seen };
}

/// Looks at the page as it is, wide and on a phone: it must not scroll sideways.
async function look(page, name) {
  for (const [kind, size] of [["wide", WIDE], ["narrow", NARROW]]) {
    await page.setViewportSize(size);
    const spill = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(spill <= 0, `${name} scrolls sideways by ${spill} px at ${size.width} px`);
    if (screenshots) {
      const path = join(screenshots, `${name}-${kind}.png`);
      await page.screenshot({ path, fullPage: true });
    }
  }
  await page.setViewportSize(WIDE);
}

async function logIn(page, username, pictures = false) {
  await page.click("#login");
  await page.waitForSelector("input[name=username]");
  if (pictures) await look(page, "login");
  await page.fill("input[name=username]", username);
  await page.fill("input[name=password]", "countersign-demo");
  await page.click("form button[type=submit]");
  const allow = "button[name=decision][value=allow]";
  await page.waitForSelector(`${allow}, #token-payload:not(:empty)`);
  if (await page.locator(allow).count() > 0) {
    if (pictures) await look(page, "consent");
    await page.click(allow);
  }
  await page.waitForSelector("#token-payload:not(:empty)");
}

async function payload(page) {
  return JSON.parse(await page.textContent("#token-payload"));
}

/// Presses a button and waits until the API's result shows this status.
async function press(page, button, status) {
  await page.click(button);
  return shows(page, status);
}

async function callApi(page, status) {
  const answered = page.waitForResponse((response) => response.url().endsWith("/sample/me"));
  await page.click("#call-api");
  assert.equal((await answered).status(), status);
  return shows(page, status);
}

async function shows(page, status) {
  await page.waitForFunction((text) => {
    return document.querySelector("#api-status").textContent.endsWith(text);
  }, `: ${status}`);
  return page.textContent("#api-result");
}

test("log in, call, renew, revoke: the API refuses at once", async (t) => {
  const { page, seen } = await open();
  await look(page, "start");
  await logIn(page, "alice", true);
  assert.equal(page.url(), `${server.issuer}/`, "the code has left the address bar");
  const first = await payload(page);
  assert.equal(first.iss, server.issuer);

  const answer = await callApi(page, 200);
  assert.ok(answer.includes(first.sub) && answer.includes(first.jti), answer);
  await look(page, "called");

  const early = await page.textContent("#countdown");
  assert.match(early, /^\d+:\d\d$/);
  await sleep(1200);
  assert.notEqual(await page.textContent("#countdown"), early, "the countdown runs");

  await page.click("#refresh");
  await page.waitForFunction((jti) => {
    return JSON.parse(document.querySelector("#token-payload").textContent).jti !== jti;
  }, first.jti);
  const second = await payload(page);
  assert.equal(second.grant_id, first.grant_id);
  assert.match(await page.textContent("#who"), /Alice/, "a renewal forgets nobody");
  assert.ok((await callApi(page, 200)).includes(second.jti));

  const refused = await press(page, "#revoke", 401);
  assert.ok(refused.includes("invalid_token"), refused);
  const ms = Number(await page.getAttribute("#refusal", "data-ms"));
  assert.ok(Number.isFinite(ms));
  t.diagnostic(`from the answer to the revocation to the API's refusal: ${ms} ms`);
  console.log(`revocation to refusal, as the page saw it: ${ms} ms`);
  await look(page, "revoked");
  assert.ok((await callApi(page, 401)).includes("invalid_token"));
  assert.deepEqual(seen.complaints, []);
});

test("no script and no storage gets at a token", async () => {
  const { context, page, seen } = await open();
  await logIn(page, "alice");
  await page.click("#refresh");
  await page.waitForFunction(() => {
    return document.querySelector("#renewals").textContent.includes("once");
  });
  const answers = await Promise.all(seen.answers.map((answer) => answer.json()));
  assert.equal(answers.length, 2, "one answer to the login and one to the renewal");
  const tokens = answers.flatMap((answer) => {
    return [answer.access_token, answer.refresh_token, answer.id_token].filter(Boolean);
  });
  assert.ok(tokens.length >= 5, `only ${tokens.length} tokens were seen`);
  const visible = await page.evaluate(() => ({
    local: Object.entries(localStorage),
    session: Object.entries(sessionStorage),
    cookies: document.cookie,
    name: window.name,
    address: location.href,
    history: JSON.stringify(history.state),
  }));
  assert.deepEqual(visible.local, []);
  assert.deepEqual(visible.session, []);
  assert.equal(visible.cookies, "");
  const kept = JSON.stringify([visible, await context.storageState({ indexedDB: true })]);
  for (const token of tokens) assert.ok(!kept.includes(token), "a token is kept somewhere");
  for (const cookie of await context.cookies()) {
    assert.ok(cookie.httpOnly, `${cookie.name} can be read by scripts`);
    assert.notEqual(cookie.sameSite, "None");
  }
});

test("sign out everywhere ends the other browser's access, and nobody else's", async () => {
  const [here, there, bob] = [await open(), await open(), await open()];
  await logIn(here.page, "alice");
  await logIn(there.page, "alice");
  await logIn(bob.page, "bob");
  await callApi(there.page, 200);
  const refused = await press(here.page, "#sign-out-everywhere", 401);
  assert.ok(refused.includes("invalid_token"), refused);
  assert.ok((await callApi(there.page, 401)).includes("invalid_token"));
  await callApi(bob.page, 200);
  // The session at the server has ended as well: the next login asks for the password again.
  await there.page.click("#login");
  await there.page.waitForSelector("input[name=password]");
});

test("a wrong password says so and keeps the name", async () => {
  const { page } = await open();
  await page.click("#login");
  await page.fill("input[name=username]", "alice");
  await page.fill("input[name=password]", "not this one");
  await page.click("form button[type=submit]");
  await page.waitForSelector("[role=alert]");
  assert.equal(await page.inputValue("input[name=username]"), "alice");
  assert.equal(await page.inputValue("input[name=password]"), "");
  await look(page, "wrong-password");
});

test("the account page lists what has access, and takes it back", async () => {
  const { page, context } = await open();
  await logIn(page, "bob");
  const account = await context.newPage();
  await account.goto(`${server.issuer}/account`);
  await look(account, "account");
  const answered = account.waitForResponse((response) => response.request().method() === "POST");
  await account.click("form[action='/account/grants/revoke'] button");
  assert.ok((await answered).status() < 400);
  assert.ok((await callApi(page, 401)).includes("invalid_token"));
});
