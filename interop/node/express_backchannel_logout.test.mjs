// express-openid-connect is told by the server that a sign-in has ended, and lets nobody in on it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import express from "express";
import openid from "express-openid-connect";

import { FormBrowser, formsOf } from "./form_browser.mjs";
import { startSite } from "./site.mjs";

const PASSWORD = "countersign-demo";
const SECRET = "express-secret-0123456789abcdef";
const TOLD_LIMIT_MS = 10_000;

/// What the middleware notes logouts in: an interface of express-session.
class Store extends Map {
  get(key, done) { done(null, super.get(key)); }
  set(key, value, done) { super.set(key, value); done(null); }
  destroy(key, done) { super.delete(key); done(null); }
}

let site;
let store;
before(async () => {
  site = await startSite((origin) => `
    [[client]]
    client_id = "express"
    client_name = "Express"
    client_secret = "${SECRET}"
    token_endpoint_auth_method = "client_secret_post"
    redirect_uris = ["${origin}/callback"]
    backchannel_logout_uri = "${origin}/backchannel-logout"
    id_token_signed_response_alg = "RS256"
  `);
  store = new Store();
  site.handle(application());
});
after(() => site?.stop());

function application() {
  const app = express();
  app.use(openid.auth({
    issuerBaseURL: site.server.issuer,
    baseURL: site.origin,
    clientID: "express",
    clientSecret: SECRET,
    secret: "a secret of this application, for its cookies",
    backchannelLogout: { store },
    authorizationParams: { response_type: "code", scope: "openid" },
  }));
  app.get("/", (request, response) => response.json(request.oidc.user));
  return app;
}

/// Signs in at the application, which asks the server.
async function signIn(username) {
  const browser = new FormBrowser();
  const person = { username, password: PASSWORD };
  const page = await browser.arrive(await browser.visit(`${site.origin}/`), person);
  assert.equal(page.url.href, `${site.origin}/`, `${page.status} ${page.body}`);
  return { browser, user: JSON.parse(page.body) };
}

/// Opens the application's page, and tells whether its own session is enough for that.
async function isIn({ browser }) {
  return (await browser.visit(`${site.origin}/`)).status === 200;
}

/// Signs out on the server's own page: the application's page is not even open.
async function signOut({ browser }) {
  const page = await browser.visit(`${site.server.issuer}/logout`);
  const form = formsOf(page.body).find(({ action }) => action === "/logout");
  assert.ok(form, page.body);
  const done = await browser.submit(page.url, form, {});
  assert.equal(done.status, 200);
}

test("who signs out at the server is out at the application, and nobody else is", async (t) => {
  const [alice, bob] = [await signIn("alice"), await signIn("bob")];
  assert.ok(await isIn(alice) && await isIn(bob));
  await signOut(alice);
  const start = performance.now();
  while (await isIn(alice)) {
    const waited = performance.now() - start;
    assert.ok(waited < TOLD_LIMIT_MS, `still in after ${waited.toFixed(0)} ms`);
    await sleep(20);
  }
  t.diagnostic(`out ${(performance.now() - start).toFixed(0)} ms after the answer to the logout`);
  const { issuer } = site.server;
  assert.ok(store.has(`${issuer}|${alice.user.sid}`), "it was told of this session");
  assert.ok(!store.has(`${issuer}|${bob.user.sid}`));
  assert.ok(await isIn(bob));
  // A new sign-in is not held against the old one.
  assert.ok(await isIn(await signIn("alice")));
});

test("a logout token that the server did not sign is refused", async () => {
  const bob = await signIn("bob");
  const part = (json) => Buffer.from(JSON.stringify(json)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const head = part({ alg: "RS256", typ: "logout+jwt" });
  const payload = part({
    iss: site.server.issuer,
    aud: "express",
    iat: now,
    exp: now + 60,
    jti: "made up",
    sid: bob.user.sid,
    events: { "http://schemas.openid.net/event/backchannel-logout": {} },
  });
  const forged = `${head}.${payload}.${Buffer.alloc(256).toString("base64url")}`;
  const answer = await fetch(`${site.origin}/backchannel-logout`, {
    method: "POST",
    body: new URLSearchParams({ logout_token: forged }),
  });
  assert.equal(answer.status, 400);
  assert.ok(await isIn(bob));
});
