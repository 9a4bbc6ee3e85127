// passport-openidconnect knows no PKCE: a confidential client that is let off it, with a nonce.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import express from "express";
import session from "express-session";
import passport from "passport";
import { Strategy } from "passport-openidconnect";

import { FormBrowser } from "./form_browser.mjs";
import { startSite } from "./site.mjs";

const ALICE = { username: "alice", password: "countersign-demo" };
const SECRET = "passport-secret-0123456789abcdef";

const declare = (id, origin, more = "") => `
  [[client]]
  client_id = "${id}"
  client_name = "Passport"
  client_secret = "${SECRET}"
  token_endpoint_auth_method = "client_secret_post"
  redirect_uris = ["${origin}/callback/${id}"]
  ${more}
`;

let site;
before(async () => {
  site = await startSite((origin) => {
    return declare("let-off", origin, "require_pkce = false") + declare("held-to-it", origin);
  });
  site.handle(application());
});
after(() => site?.stop());

function strategy(clientID) {
  const { issuer } = site.server;
  const options = {
    issuer,
    authorizationURL: `${issuer}/authorize`,
    tokenURL: `${issuer}/token`,
    userInfoURL: `${issuer}/userinfo`,
    clientID,
    clientSecret: SECRET,
    callbackURL: `${site.origin}/callback/${clientID}`,
    scope: ["profile", "email"],
    nonce: true,
    skipUserProfile: false,
  };
  return new Strategy(options, (issuer, profile, context, idToken, done) => {
    const claims = JSON.parse(Buffer.from(idToken.split(".")[1], "base64url"));
    done(null, { issuer, profile, claims });
  });
}

/// Each client has its way to sign in; `/` tells who is signed in.
function application() {
  const app = express();
  app.use(session({ secret: "of this test", resave: false, saveUninitialized: false }));
  app.use(passport.session());
  passport.serializeUser((user, done) => done(null, user));
  passport.deserializeUser((user, done) => done(null, user));
  for (const id of ["let-off", "held-to-it"]) {
    passport.use(id, strategy(id));
    app.get(`/login/${id}`, passport.authenticate(id));
    app.get(`/callback/${id}`, passport.authenticate(id, { successRedirect: "/" }));
  }
  app.get("/", (request, response) => response.json(request.user ?? null));
  // Express tells an error handler by its four arguments.
  app.use((error, request, response, next) => {
    if (response.headersSent) return next(error);
    return response.status(500).json({ error: error.code, why: error.message });
  });
  return app;
}

/// Signs in with this client; gives the page of the application that this ends on.
async function signIn(browser, id, person = ALICE) {
  const page = await browser.arrive(await browser.visit(`${site.origin}/login/${id}`), person);
  assert.equal(page.url.origin, site.origin, `${page.status} ${page.body}`);
  return page;
}

test("signs in without PKCE, by its nonce", async () => {
  const browser = new FormBrowser();
  const page = await signIn(browser, "let-off");
  const { issuer, profile, claims } = JSON.parse(page.body);
  assert.equal(page.url.pathname, "/");
  assert.equal(issuer, site.server.issuer);
  assert.ok(claims.nonce);
  assert.equal(profile.id, claims.sub);
  assert.equal(profile.username, "alice");
  assert.equal(profile.displayName, "Alice Example");
  assert.deepEqual(profile.emails, [{ value: "alice@example.com" }]);
  const again = await browser.visit(`${site.origin}/`);
  assert.equal(again.body, page.body, "its session remembers");
});

test("a client that was not let off is sent back in spite of its nonce", async () => {
  const page = await signIn(new FormBrowser(), "held-to-it");
  assert.equal(JSON.parse(page.body).error, "invalid_request");
});

test("a person who says no is not signed in", async () => {
  const browser = new FormBrowser();
  const bob = { username: "bob", password: "countersign-demo", decision: "deny" };
  const page = await signIn(browser, "let-off", bob);
  assert.equal(page.status, 401);
  assert.equal((await browser.visit(`${site.origin}/`)).body, "null");
});
