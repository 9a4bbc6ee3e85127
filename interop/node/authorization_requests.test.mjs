// openid-client pushes and signs its requests, and takes its answers by a form and as signed
// tokens.
// Chromium sends the form by itself.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { exportJWK, generateKeyPair } from "jose";
import * as oidc from "openid-client";

import { launch, openPage } from "./chromium.mjs";
import { FormBrowser, formsOf } from "./form_browser.mjs";
import { startSite } from "./site.mjs";

const ALICE = { username: "alice", password: "countersign-demo" };
const SECRET = "a secret of the client web, 0123456789";
const JAR_ALGORITHMS = ["ES256", "Ed25519", "PS256", "RS256"];

const signing = new Map();
const received = [];
let decrypting;
let requestObject;
let site;
let redirectUri;
before(async () => {
  const jwks = [];
  for (const algorithm of JAR_ALGORITHMS) {
    const { privateKey, publicKey } = await generateKeyPair(algorithm);
    signing.set(algorithm, { key: privateKey, kid: algorithm });
    jwks.push({ ...await exportJWK(publicKey), alg: algorithm, kid: algorithm });
  }
  const encryption = await generateKeyPair("ECDH-ES+A256KW", { crv: "P-256" });
  decrypting = encryption.privateKey;
  const sealed = { ...await exportJWK(encryption.publicKey), alg: "ECDH-ES+A256KW", kid: "e" };
  site = await startSite((origin) => {
    redirectUri = `${origin}/callback`;
    const client = (id, more) => `
      [[client]]
      client_id = "${id}"
      redirect_uris = ["${redirectUri}"]
      ${more}`;
    const keys = (all) => `jwks = { keys = [${all.map(tomlOf).join(", ")}] }`;
    const secret = `client_secret = "${SECRET}"`;
    return [
      client("web", secret),
      client("page", `token_endpoint_auth_method = "none"`),
      client("pushing", `${secret}\nrequire_pushed_authorization_requests = true`),
      client("signing", `${secret}\nrequire_signed_request_object = true\n${keys(jwks)}
        request_uris = ["${origin}/request"]`),
      client("sealed", `${secret}\n${keys([sealed])}
        authorization_signed_response_alg = "Ed25519"
        authorization_encrypted_response_alg = "ECDH-ES+A256KW"
        authorization_encrypted_response_enc = "A256GCM"`),
    ].join("\n");
  });
  site.handle(async (request, answer) => {
    if (request.url === "/request") {
      answer.setHeader("content-type", "application/oauth-authz-req+jwt");
      answer.end(requestObject);
      return;
    }
    let body = "";
    for await (const part of request) body += part;
    received.push({ method: request.method, url: request.url, headers: request.headers, body });
    answer.setHeader("content-type", "text/html");
    answer.end("<!doctype html><title>back</title>");
  });
});
after(() => site?.stop());

function tomlOf(jwk) {
  return `{ ${Object.entries(jwk).map(([name, value]) => `${name} = "${value}"`).join(", ")} }`;
}

function discover(id, ...extensions) {
  const auth = id === "page" ? oidc.None() : oidc.ClientSecretBasic(SECRET);
  const execute = [oidc.allowInsecureRequests, ...extensions];
  return oidc.discovery(new URL(site.server.issuer), id, undefined, auth, { execute });
}

/// A request and what its answer has to fit.
async function prepare() {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const checks = {
    pkceCodeVerifier,
    expectedState: oidc.randomState(),
    expectedNonce: oidc.randomNonce(),
  };
  const parameters = {
    redirect_uri: redirectUri,
    scope: "openid email",
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
  };
  return { parameters, checks };
}

/// Alice signs in and agrees; the answer is in the address that she is sent to.
async function finish(config, url, checks, options) {
  const back = await new FormBrowser().authorize(url, { redirectUri, ...ALICE });
  const tokens = await oidc.authorizationCodeGrant(config, back, checks, undefined, options);
  assert.equal(tokens.claims().iss, site.server.issuer);
  return { back, tokens };
}

for (const id of ["web", "page", "pushing"]) {
  test(`${id}: a pushed request`, async () => {
    const config = await discover(id);
    const { parameters, checks } = await prepare();
    const url = await oidc.buildAuthorizationUrlWithPAR(config, parameters);
    assert.deepEqual([...url.searchParams.keys()].sort(), ["client_id", "request_uri"]);
    await finish(config, url, checks);
    const again = await new FormBrowser().visit(url);
    assert.equal(again.status, 400);
  });
}

test("a client that has to push is not heard otherwise", async () => {
  const config = await discover("pushing");
  const { parameters, checks } = await prepare();
  const url = oidc.buildAuthorizationUrl(config, parameters);
  await assert.rejects(finish(config, url, checks), { error: "invalid_request" });
});

test("a pushed request with DPoP binds the code to the key", async () => {
  const config = await discover("page");
  const { parameters, checks } = await prepare();
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair("ES256"));
  const url = await oidc.buildAuthorizationUrlWithPAR(config, parameters, { DPoP });
  const back = await new FormBrowser().authorize(url, { redirectUri, ...ALICE });
  const other = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair("ES256"));
  const redeem = (options) =>
    oidc.authorizationCodeGrant(config, back, checks, undefined, options);
  await assert.rejects(redeem({ DPoP: other }), { error: "invalid_grant" });
  const tokens = await redeem({ DPoP });
  assert.equal(tokens.token_type, "dpop");
});

test("what is wrong with a pushed request is told at once", async () => {
  const config = await discover("web");
  const { parameters } = await prepare();
  const wrong = { ...parameters, redirect_uri: "https://evil.example/" };
  const pushed = oidc.buildAuthorizationUrlWithPAR(config, wrong);
  await assert.rejects(pushed, { status: 400, error: "invalid_request" });
});

for (const algorithm of JAR_ALGORITHMS) {
  test(`${algorithm}: a signed request, by value, by reference and pushed`, async () => {
    const config = await discover("signing");
    const supported = config.serverMetadata().request_object_signing_alg_values_supported;
    assert.ok(supported.includes(algorithm) && !supported.includes("none"), supported);
    for (const way of ["value", "reference", "pushed"]) {
      const { parameters, checks } = await prepare();
      let url = await oidc.buildAuthorizationUrlWithJAR(
        config,
        { ...parameters, max_age: "3600" },
        signing.get(algorithm),
      );
      if (way === "reference") {
        requestObject = url.searchParams.get("request");
        url = oidc.buildAuthorizationUrl(config, { request_uri: `${site.origin}/request` });
      } else if (way === "pushed") {
        url = await oidc.buildAuthorizationUrlWithPAR(config, url.searchParams);
      }
      const { tokens } = await finish(config, url, { ...checks, maxAge: 3600 });
      assert.ok(tokens.claims().auth_time, way);
    }
  });
}

test("a client that has to sign is not heard otherwise, nor with another key", async () => {
  const config = await discover("signing");
  const { parameters, checks } = await prepare();
  const open = oidc.buildAuthorizationUrl(config, parameters);
  await assert.rejects(finish(config, open, checks), { error: "invalid_request" });
  const { privateKey } = await generateKeyPair("ES256");
  const stranger = { key: privateKey, kid: "ES256" };
  const url = await oidc.buildAuthorizationUrlWithJAR(config, parameters, stranger);
  url.searchParams.set("redirect_uri", redirectUri);
  url.searchParams.set("state", checks.expectedState);
  await assert.rejects(finish(config, url, checks), { error: "invalid_request_object" });
});

test("a signed answer, and one that is encrypted as well", async () => {
  for (const id of ["web", "sealed"]) {
    const config = await discover(id, oidc.useJwtResponseMode);
    if (id === "sealed") {
      oidc.enableDecryptingResponses(config, ["A256GCM"], { key: decrypting, kid: "e" });
    }
    const { parameters, checks } = await prepare();
    const url = oidc.buildAuthorizationUrl(config, parameters);
    assert.equal(url.searchParams.get("response_mode"), "jwt");
    const { back } = await finish(config, url, checks);
    assert.deepEqual([...back.searchParams.keys()], ["response"]);
    const parts = back.searchParams.get("response").split(".").length;
    assert.equal(parts, id === "sealed" ? 5 : 3);
    // Bad news comes in the same way.
    const next = await prepare();
    const quiet = oidc.buildAuthorizationUrl(config, { ...next.parameters, prompt: "none" });
    const refused = await new FormBrowser().authorize(quiet, { redirectUri, ...ALICE });
    const grant = oidc.authorizationCodeGrant(config, refused, next.checks);
    await assert.rejects(grant, { error: "login_required" });
  }
});

test("an answer by a form, for a browser without scripts", async () => {
  const config = await discover("web");
  const { parameters, checks } = await prepare();
  const url = oidc.buildAuthorizationUrl(config, { ...parameters, response_mode: "form_post" });
  const browser = new FormBrowser();
  const page = await browser.arrive(await browser.visit(url), ALICE);
  const [form] = formsOf(page.body);
  assert.equal(form.action, redirectUri);
  const body = new URLSearchParams(form.hidden);
  const back = new Request(redirectUri, { method: "POST", body });
  const tokens = await oidc.authorizationCodeGrant(config, back, checks);
  assert.equal(tokens.claims().nonce, checks.expectedNonce);
});

test("an answer by a form, which Chromium sends by itself", async () => {
  const browser = await launch();
  try {
    for (const mode of ["form_post", "form_post.jwt"]) {
      const signed = mode === "form_post.jwt";
      const config = await discover("web", ...(signed ? [oidc.useJwtResponseMode] : []));
      const { parameters, checks } = await prepare();
      const url = oidc.buildAuthorizationUrl(config, { ...parameters, prompt: "consent" });
      url.searchParams.set("response_mode", mode);
      const { page, complaints } = await openPage(browser);
      received.length = 0;
      await page.goto(url.href);
      await page.fill("input[name=username]", ALICE.username);
      await page.fill("input[name=password]", ALICE.password);
      await page.click("form button[type=submit]");
      await page.click("button[name=decision][value=allow]");
      await page.waitForURL(redirectUri);
      const [answer] = received;
      assert.equal(answer.method, "POST");
      assert.equal(answer.headers.origin, site.server.issuer, "the client sees whose page it was");
      const back = new Request(redirectUri, {
        method: "POST",
        headers: { "content-type": answer.headers["content-type"] },
        body: answer.body,
      });
      await oidc.authorizationCodeGrant(config, back, checks);
      assert.deepEqual(complaints, [], mode);
      await page.context().close();
    }
  } finally {
    await browser.close();
  }
});
