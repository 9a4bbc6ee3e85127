// express-openid-connect, a middleware that gives an application sessions of its own.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import express from "express";
import openid from "express-openid-connect";

import { FormBrowser } from "./form_browser.mjs";
import { startSite } from "./site.mjs";

const ALICE = { username: "alice", password: "countersign-demo" };
const SECRET = "express-secret-0123456789abcdef";

let site;
before(async () => {
  // The middleware takes id tokens with RS256 unless it is told otherwise.
  site = await startSite((origin) => `
    [[client]]
    client_id = "express"
    client_name = "Express"
    client_secret = "${SECRET}"
    token_endpoint_auth_method = "client_secret_post"
    redirect_uris = ["${origin}/callback"]
    post_logout_redirect_uris = ["${origin}/goodbye"]
    id_token_signed_response_alg = "RS256"
  `);
  site.handle(application());
});
after(() => site?.stop());

function application() {
  const app = express();
  // Its errors are answered, not printed.
  app.set("env", "test");
  app.use(openid.auth({
    issuerBaseURL: site.server.issuer,
    baseURL: site.origin,
    clientID: "express",
    clientSecret: SECRET,
    secret: "a secret of this application, for its cookies",
    authRequired: false,
    idpLogout: true,
    routes: { postLogoutRedirect: "/goodbye" },
    authorizationParams: {
      response_type: "code",
      scope: "openid profile email offline_access",
    },
  }));
  app.get("/", (request, response) => response.send("public"));
  app.get("/goodbye", (request, response) => response.send("signed out"));
  app.get("/me", openid.requiresAuth(), async (request, response) => {
    const { user, accessToken } = request.oidc;
    response.json({ user, accessToken, info: await request.oidc.fetchUserInfo() });
  });
  app.get("/renew", openid.requiresAuth(), async (request, response) => {
    response.json(await request.oidc.accessToken.refresh());
  });
  return app;
}

/// Goes to a page of the application, as this person where somebody asks.
async function open(browser, path, person = {}) {
  const page = await browser.arrive(await browser.visit(`${site.origin}${path}`), person);
  assert.equal(page.url.origin, site.origin, `${page.status} ${page.body}`);
  return page;
}

test("a page that needs a user sends there and comes back with one", async () => {
  const browser = new FormBrowser();
  assert.equal((await open(browser, "/")).body, "public");
  const page = await open(browser, "/me", ALICE);
  assert.equal(page.url.pathname, "/me");
  const { user, info, accessToken } = JSON.parse(page.body);
  assert.ok(user.sub && user.sid);
  assert.equal(info.sub, user.sub);
  assert.equal(info.preferred_username, "alice");
  assert.equal(info.email, "alice@example.com");
  assert.equal(accessToken.token_type, "Bearer");
  assert.ok(accessToken.expires_in > 0);
  // Its session, not the server's, answers from now on: nobody is asked again.
  const again = await browser.visit(`${site.origin}/me`);
  assert.equal(again.status, 200);
  assert.deepEqual(JSON.parse(again.body).user, user);
});

test("the login route, and a renewed access token in the session", async () => {
  const browser = new FormBrowser();
  const page = await open(browser, "/login", ALICE);
  assert.equal(page.body, "public");
  const before = JSON.parse((await open(browser, "/me")).body);
  const renewed = JSON.parse((await open(browser, "/renew")).body);
  assert.notEqual(renewed.access_token, before.accessToken.access_token);
  const after = JSON.parse((await open(browser, "/me")).body);
  assert.equal(after.accessToken.access_token, renewed.access_token);
  assert.equal(after.user.sub, before.user.sub);
});

test("logout ends both sessions and comes back", async () => {
  const browser = new FormBrowser();
  await open(browser, "/me", ALICE);
  const page = await open(browser, "/logout");
  assert.equal(page.url.pathname, "/goodbye");
  assert.equal(page.body, "signed out");
  // Whoever wants in again is asked for the password.
  const asked = await browser.arrive(await browser.visit(`${site.origin}/me`), {});
  assert.equal(`${asked.url.origin}${asked.url.pathname}`, `${site.server.issuer}/login`);
});

test("an answer that belongs to no login is refused", async () => {
  const browser = new FormBrowser();
  const query = `code=stolen&state=made-up&iss=${encodeURIComponent(site.server.issuer)}`;
  const page = await browser.visit(`${site.origin}/callback?${query}`);
  assert.equal(page.status, 400);
  const wanted = await browser.visit(`${site.origin}/me`);
  assert.equal(wanted.status, 302);
});
