// oauth4webapi, which leaves each step to its user, goes the whole way against the server.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import * as oauth from "oauth4webapi";

import { FormBrowser } from "./form_browser.mjs";
import { startServer } from "./server.mjs";

const REDIRECT_URI = "http://127.0.0.1:49152/callback";
const ALICE = { username: "alice", password: "countersign-demo", redirectUri: REDIRECT_URI };
const INSECURE = { [oauth.allowInsecureRequests]: true };
const SERVICE = {
  client: { client_id: "demo-service" },
  auth: oauth.ClientSecretBasic("demo-service-secret-0123456789abcdef"),
};
const CLIENTS = [
  {
    client: { client_id: "demo-web" },
    auth: oauth.ClientSecretBasic("demo-web-secret-0123456789abcdef"),
  },
  { client: { client_id: "demo-spa" }, auth: oauth.None() },
];

let server;
let as;
before(async () => {
  server = await startServer();
  const issuer = new URL(server.issuer);
  as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, INSECURE));
});
after(() => server?.stop());

/// Sends the person to the server, and gives what comes back to the redirect URI.
async function ask(client, more = {}) {
  const verifier = oauth.generateRandomCodeVerifier();
  const expected = { state: oauth.generateRandomState(), nonce: oauth.generateRandomNonce() };
  const url = new URL(as.authorization_endpoint);
  url.search = new URLSearchParams({
    client_id: client.client_id,
    response_type: "code",
    redirect_uri: REDIRECT_URI,
    scope: "openid profile email offline_access",
    resource: `${server.issuer}/sample`,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...expected,
    ...more,
  });
  return { answer: await new FormBrowser().authorize(url, ALICE), verifier, expected };
}

/// Trades the code; checks the signature of the id token and what it says of this login.
async function redeem({ client, auth }, { answer, verifier, expected }, DPoP) {
  const params = oauth.validateAuthResponse(as, client, answer, expected.state);
  const response = await withNonce(() => {
    const options = { ...INSECURE, DPoP };
    return oauth.authorizationCodeGrantRequest(
      as, client, auth, params, REDIRECT_URI, verifier, options);
  }, (response) => oauth.processAuthorizationCodeResponse(as, client, response, {
    expectedNonce: expected.nonce,
    requireIdToken: true,
  }));
  await oauth.validateApplicationLevelSignature(as, response.raw, INSECURE);
  return response.read;
}

/// Sends and reads; once more if the server wants its nonce in the proof (RFC 9449 §8).
async function withNonce(send, read) {
  for (let turn = 0; ; turn += 1) {
    const raw = await send();
    try {
      return { raw, read: await read(raw) };
    } catch (error) {
      if (turn > 0 || !oauth.isDPoPNonceError(error)) throw error;
    }
  }
}

async function refresh({ client, auth }, token, DPoP) {
  const { read } = await withNonce(
    () => oauth.refreshTokenGrantRequest(as, client, auth, token, { ...INSECURE, DPoP }),
    (response) => oauth.processRefreshTokenResponse(as, client, response),
  );
  return read;
}

async function userInfo({ client }, tokens, DPoP) {
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  const { read } = await withNonce(
    () => oauth.userInfoRequest(as, client, tokens.access_token, { ...INSECURE, DPoP }),
    (response) => oauth.processUserInfoResponse(as, client, sub, response),
  );
  return read;
}

async function callApi(token, DPoP) {
  const url = new URL(`${server.issuer}/sample/me`);
  const options = { ...INSECURE, DPoP };
  return oauth.protectedResourceRequest(token, "GET", url, undefined, undefined, options);
}

async function introspect(token, options = {}) {
  const { client, auth } = SERVICE;
  const all = { ...INSECURE, ...options };
  const response = await oauth.introspectionRequest(as, client, auth, token, all);
  const read = await oauth.processIntrospectionResponse(as, client, response);
  if (options.requestJwtResponse) {
    await oauth.validateApplicationLevelSignature(as, response, INSECURE);
  }
  return read;
}

async function revoke({ client, auth }, token) {
  const response = await oauth.revocationRequest(as, client, auth, token, INSECURE);
  await oauth.processRevocationResponse(response);
}

for (const who of CLIENTS) {
  const { client } = who;
  describe(`oauth4webapi as ${client.client_id}`, () => {
    let tokens;

    test("logs in with code and PKCE", async () => {
      tokens = await redeem(who, await ask(client));
      const claims = oauth.getValidatedIdTokenClaims(tokens);
      assert.equal(claims.aud, client.client_id);
      assert.equal(tokens.token_type, "bearer");
      assert.match(tokens.refresh_token, /^csr_/);
    });

    test("takes no answer that names another issuer, or none", async () => {
      const { answer, expected } = await ask(client);
      assert.equal(answer.searchParams.get("iss"), server.issuer);
      const read = (url) => oauth.validateAuthResponse(as, client, url, expected.state);
      assert.equal(read(answer).get("code"), answer.searchParams.get("code"));
      const [other, none] = [new URL(answer), new URL(answer)];
      other.searchParams.set("iss", "https://other.example");
      none.searchParams.delete("iss");
      // The second is refused because the metadata promises `iss` (RFC 9207 §2.4).
      for (const url of [other, none]) {
        assert.throws(() => read(url), { code: oauth.INVALID_RESPONSE });
      }
    });

    test("an error answer names the issuer too", async () => {
      const { answer, expected } = await ask(client, { scope: "openid", prompt: "none" });
      assert.equal(answer.searchParams.get("iss"), server.issuer);
      const read = () => oauth.validateAuthResponse(as, client, answer, expected.state);
      assert.throws(read, { code: oauth.AUTHORIZATION_RESPONSE_ERROR, error: "login_required" });
    });

    test("userinfo, introspection plain and signed, and the API agree", async () => {
      const { sub } = oauth.getValidatedIdTokenClaims(tokens);
      assert.equal((await userInfo(who, tokens)).preferred_username, "alice");
      for (const requestJwtResponse of [false, true]) {
        const told = await introspect(tokens.access_token, { requestJwtResponse });
        assert.equal(told.active, true);
        assert.equal(told.sub, sub);
        assert.equal(told.client_id, client.client_id);
      }
      const answer = await callApi(tokens.access_token);
      assert.equal((await answer.json()).sub, sub);
    });

    test("renews", async () => {
      const renewed = await refresh(who, tokens.refresh_token);
      assert.notEqual(renewed.access_token, tokens.access_token);
      assert.notEqual(renewed.refresh_token, tokens.refresh_token);
      assert.equal((await callApi(renewed.access_token)).status, 200);
      tokens = { ...tokens, ...renewed };
    });

    test("a code is worth nothing with another verifier", async () => {
      const asked = await ask(client);
      const wrong = { ...asked, verifier: oauth.generateRandomCodeVerifier() };
      await assert.rejects(redeem(who, wrong), { error: "invalid_grant" });
    });

    test("revokes", async () => {
      assert.equal((await introspect(tokens.access_token)).active, true);
      await revoke(who, tokens.refresh_token);
      assert.deepEqual(await introspect(tokens.access_token), { active: false });
      await assert.rejects(refresh(who, tokens.refresh_token), { error: "invalid_grant" });
    });

    test("DPoP: tokens, userinfo, API and renewal, with the nonces that it is handed", async () => {
      const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"));
      const dpop_jkt = await DPoP.calculateThumbprint();
      const bound = await redeem(who, await ask(client, { dpop_jkt }), DPoP);
      assert.equal(bound.token_type, "dpop");
      assert.equal((await userInfo(who, bound, DPoP)).preferred_username, "alice");
      const renewed = await refresh(who, bound.refresh_token, DPoP);
      assert.equal(renewed.token_type, "dpop");
      const answer = await callApi(renewed.access_token, DPoP);
      assert.equal((await answer.json()).cnf.jkt, dpop_jkt);
      const refused = { name: "WWWAuthenticateChallengeError", status: 401 };
      await assert.rejects(callApi(renewed.access_token), refused);
    });
  });
}

test("oauth4webapi as demo-service: client credentials, with and without a key", async () => {
  const { client, auth } = SERVICE;
  const parameters = { resource: `${server.issuer}/sample` };
  for (const DPoP of [undefined, oauth.DPoP(client, await oauth.generateKeyPair("Ed25519"))]) {
    const { read: tokens } = await withNonce(
      () => oauth.clientCredentialsGrantRequest(
        as, client, auth, parameters, { ...INSECURE, DPoP }),
      (response) => oauth.processClientCredentialsResponse(as, client, response),
    );
    assert.equal(tokens.token_type, DPoP ? "dpop" : "bearer");
    assert.equal(tokens.refresh_token, undefined);
    assert.equal((await callApi(tokens.access_token, DPoP)).status, 200);
    await revoke(SERVICE, tokens.access_token);
    assert.deepEqual(await introspect(tokens.access_token), { active: false });
  }
});

test("oauth4webapi finds the server from the API's metadata", async () => {
  const resource = new URL(`${server.issuer}/sample`);
  const response = await oauth.resourceDiscoveryRequest(resource, INSECURE);
  const described = await oauth.processResourceDiscoveryResponse(resource, response);
  assert.deepEqual(described.authorization_servers, [server.issuer]);
  const issuer = new URL(described.authorization_servers[0]);
  const options = { ...INSECURE, algorithm: "oauth2" };
  const found = await oauth.discoveryRequest(issuer, options);
  const metadata = await oauth.processDiscoveryResponse(issuer, found);
  assert.equal(metadata.token_endpoint, as.token_endpoint);
});
