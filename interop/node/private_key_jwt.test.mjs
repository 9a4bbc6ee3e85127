// openid-client authenticates with a signature (RFC 7523), and its key is registered inline.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { exportJWK, generateKeyPair } from "jose";
import * as oidc from "openid-client";

import { startServer } from "./server.mjs";

const ALGORITHMS = ["ES256", "Ed25519", "PS256", "RS256"];

const keys = new Map();
let server;
before(async () => {
  let config = "";
  for (const algorithm of ALGORITHMS) {
    const { privateKey, publicKey } = await generateKeyPair(algorithm);
    keys.set(algorithm, privateKey);
    const jwk = { ...await exportJWK(publicKey), alg: algorithm };
    const members = Object.entries(jwk).map(([name, value]) => `${name} = "${value}"`);
    config += `
      [[client]]
      client_id = "${algorithm}"
      token_endpoint_auth_method = "private_key_jwt"
      grant_types = ["client_credentials"]
      jwks = { keys = [{ ${members.join(", ")} }] }
    `;
  }
  server = await startServer(config);
});
after(() => server?.stop());

function discover(id, auth) {
  const execute = [oidc.allowInsecureRequests];
  return oidc.discovery(new URL(server.issuer), id, undefined, auth, { execute });
}

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: a token, introspection and revocation, each with its assertion`, async () => {
    const config = await discover(algorithm, oidc.PrivateKeyJwt(keys.get(algorithm)));
    const methods = config.serverMetadata().token_endpoint_auth_methods_supported;
    assert.ok(methods.includes("private_key_jwt"));
    const { access_token } = await oidc.clientCredentialsGrant(config);
    const alive = await oidc.tokenIntrospection(config, access_token);
    assert.equal(alive.client_id, algorithm);
    await oidc.tokenRevocation(config, access_token);
    assert.deepEqual(await oidc.tokenIntrospection(config, access_token), { active: false });
  });
}

test("another key, and an assertion for the token endpoint, are refused", async () => {
  const other = await discover("ES256", oidc.PrivateKeyJwt(keys.get("Ed25519")));
  await assert.rejects(oidc.clientCredentialsGrant(other), { status: 401 });
  const toEndpoint = oidc.PrivateKeyJwt(keys.get("ES256"), {
    [oidc.modifyAssertion]: (_, payload) => { payload.aud = `${server.issuer}/token`; },
  });
  const older = await discover("ES256", toEndpoint);
  await assert.rejects(oidc.clientCredentialsGrant(older), { status: 401 });
});
