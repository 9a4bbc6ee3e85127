// openid-client, a certified relying party, goes the whole way against the server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import * as oidc from "openid-client";

import { FormBrowser } from "./form_browser.mjs";
import { startServer } from "./server.mjs";

const REDIRECT_URI = "http://127.0.0.1:49152/callback";
const ALICE = { username: "alice", password: "countersign-demo", redirectUri: REDIRECT_URI };
const REFUSAL_LIMIT_MS = 1000;

const CLIENTS = [
  { id: "demo-web", auth: oidc.ClientSecretBasic("demo-web-secret-0123456789abcdef") },
  { id: "demo-spa", auth: oidc.None() },
];

let server;
before(async () => { server = await startServer(); });
after(() => server?.stop());

function discover(id, auth) {
  const execute = [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks];
  return oidc.discovery(new URL(server.issuer), id, undefined, auth, { execute });
}

/// Logs in with code and PKCE; `person` may decide otherwise.
async function login(config, person = ALICE) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [oidc.randomState(), oidc.randomNonce()];
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: "openid profile email offline_access",
    resource: `${server.issuer}/sample`,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    state: expectedState,
    nonce: expectedNonce,
  });
  const answer = await new FormBrowser().authorize(url, person);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  const redeem = () => oidc.authorizationCodeGrant(config, answer, checks);
  return { tokens: await redeem(), redeem };
}

async function callApi(accessToken) {
  const headers = { authorization: `Bearer ${accessToken}` };
  const response = await fetch(`${server.issuer}/sample/me`, { headers });
  const body = await response.json().catch(() => null);
  const challenge = response.headers.get("www-authenticate") ?? "";
  return { status: response.status, body, challenge };
}

/// Calls until the API refuses the token as invalid, and gives the time that took.
async function untilRefused(accessToken) {
  const start = performance.now();
  for (;;) {
    const { status, challenge } = await callApi(accessToken);
    const after = performance.now() - start;
    if (status === 401) {
      assert.match(challenge, /error="invalid_token"/);
      return after;
    }
    assert.ok(after < REFUSAL_LIMIT_MS, `still ${status} after ${after.toFixed(0)} ms`);
    await sleep(2);
  }
}

for (const { id, auth } of CLIENTS) {
  describe(`openid-client as ${id}`, () => {
    let config;
    let tokens;
    let redeem;

    test("discovers the server", async () => {
      config = await discover(id, auth);
      const metadata = config.serverMetadata();
      assert.equal(metadata.issuer, server.issuer);
      assert.ok(metadata.supportsPKCE("S256"));
    });

    test("logs in with code and PKCE, and validates the ID token", async () => {
      ({ tokens, redeem } = await login(config));
      const claims = tokens.claims();
      assert.equal(claims.iss, server.issuer);
      assert.equal(claims.aud, id);
      assert.ok(claims.sub);
      assert.match(tokens.refresh_token, /^csr_/);
      assert.ok(tokens.expires_in > 0);
    });

    test("reads the same person from userinfo", async () => {
      const claims = tokens.claims();
      const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
      assert.equal(info.preferred_username, "alice");
      assert.ok(info.email);
    });

    test("calls the API, renews, and calls again", async () => {
      const first = await callApi(tokens.access_token);
      assert.equal(first.status, 200);
      assert.equal(first.body.client_id, id);
      const renewed = await oidc.refreshTokenGrant(config, tokens.refresh_token);
      assert.notEqual(renewed.refresh_token, tokens.refresh_token);
      assert.notEqual(renewed.access_token, tokens.access_token);
      const second = await callApi(renewed.access_token);
      assert.equal(second.status, 200);
      assert.equal(second.body.sub, first.body.sub);
      assert.equal(second.body.grant_id, first.body.grant_id);
      // Parallel calls still use the token before the last; a renewal does not end it.
      assert.equal((await callApi(tokens.access_token)).status, 200);
      tokens = { ...renewed, earlier: tokens.access_token };
    });

    test("revokes, and the API refuses every token of the grant", async (t) => {
      await oidc.tokenRevocation(config, tokens.refresh_token);
      const after = await untilRefused(tokens.access_token);
      await untilRefused(tokens.earlier);
      t.diagnostic(`refused ${after.toFixed(1)} ms after the answer to the revocation`);
      const again = oidc.refreshTokenGrant(config, tokens.refresh_token);
      await assert.rejects(again, { error: "invalid_grant" });
    });

    test("cannot redeem a code twice, and the second try ends the first one's tokens", async () => {
      ({ tokens, redeem } = await login(config));
      assert.equal((await callApi(tokens.access_token)).status, 200);
      await assert.rejects(redeem(), { error: "invalid_grant" });
      await untilRefused(tokens.access_token);
    });

    test("hears that the person said no", async () => {
      const denied = login(config, { ...ALICE, username: "bob", decision: "deny" });
      await assert.rejects(denied, { error: "access_denied" });
    });
  });
}

test("openid-client as demo-service: client credentials, introspection, revocation", async () => {
  const auth = oidc.ClientSecretBasic("demo-service-secret-0123456789abcdef");
  const config = await discover("demo-service", auth);
  const tokens = await oidc.clientCredentialsGrant(config, {
    resource: `${server.issuer}/sample`,
  });
  assert.equal(tokens.refresh_token, undefined);
  const alive = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.equal(alive.active, true);
  assert.equal(alive.client_id, "demo-service");
  assert.equal((await callApi(tokens.access_token)).status, 200);
  await oidc.tokenRevocation(config, tokens.access_token);
  const dead = await oidc.tokenIntrospection(config, tokens.access_token);
  assert.deepEqual(dead, { active: false });
  await untilRefused(tokens.access_token);
});
