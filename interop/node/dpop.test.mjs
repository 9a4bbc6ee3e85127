// openid-client proves its key (RFC 9449): at the token endpoint, at userinfo and at the API.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import * as oidc from "openid-client";

import { FormBrowser } from "./form_browser.mjs";
import { startServer } from "./server.mjs";

const REDIRECT_URI = "http://127.0.0.1:49152/callback";
const ALICE = { username: "alice", password: "countersign-demo", redirectUri: REDIRECT_URI };
const WEB_AUTH = oidc.ClientSecretBasic("demo-web-secret-0123456789abcdef");

let server;
before(async () => { server = await startServer(); });
after(() => server?.stop());

async function discover(id, auth) {
  const execute = [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks];
  return oidc.discovery(new URL(server.issuer), id, undefined, auth, { execute });
}

/// Logs in with code, PKCE and a key.
async function login(config, DPoP) {
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier();
  const expectedState = oidc.randomState();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: "openid profile offline_access",
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: "S256",
    dpop_jkt: await DPoP.calculateThumbprint(),
    state: expectedState,
  });
  const answer = await new FormBrowser().authorize(url, ALICE);
  const checks = { pkceCodeVerifier, expectedState, idTokenExpected: true };
  return oidc.authorizationCodeGrant(config, answer, checks, undefined, { DPoP });
}

for (const [id, auth] of [["demo-spa", oidc.None()], ["demo-web", WEB_AUTH]]) {
  for (const algorithm of ["ES256", "Ed25519", "PS256", "RS256"]) {
    test(`${id} with ${algorithm}: tokens, userinfo, API, renewal`, async () => {
      const config = await discover(id, auth);
      const metadata = config.serverMetadata();
      assert.ok(metadata.dpop_signing_alg_values_supported.includes(algorithm));
      const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair(algorithm));
      const tokens = await login(config, DPoP);
      assert.equal(tokens.token_type, "dpop");
      const { sub } = tokens.claims();
      const info = await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
      assert.equal(info.preferred_username, "alice");

      const { refresh_token } = tokens;
      const renewed = await oidc.refreshTokenGrant(config, refresh_token, undefined, { DPoP });
      assert.equal(renewed.token_type, "dpop");
      const url = new URL(`${server.issuer}/sample/me`);
      const call = (token, proof) =>
        oidc.fetchProtectedResource(config, token, url, "GET", null, undefined, proof);
      for (const token of [tokens.access_token, renewed.access_token]) {
        const answer = await call(token, { DPoP });
        assert.equal(answer.status, 200);
        assert.equal((await answer.json()).cnf.jkt, await DPoP.calculateThumbprint());
      }
      const headers = { authorization: `Bearer ${renewed.access_token}` };
      assert.equal((await fetch(url, { headers })).status, 401);
      const other = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair(algorithm));
      await assert.rejects(call(renewed.access_token, { DPoP: other }));
    });
  }
}

test("a public client's refresh token needs its key", async () => {
  const config = await discover("demo-spa", oidc.None());
  const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  const other = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
  const { refresh_token } = await login(config, DPoP);
  const refresh = (options) => oidc.refreshTokenGrant(config, refresh_token, undefined, options);
  await assert.rejects(refresh({ DPoP: other }), { error: "invalid_grant" });
  await assert.rejects(refresh(), { error: "invalid_grant" });
  assert.equal((await refresh({ DPoP })).token_type, "dpop");
});
