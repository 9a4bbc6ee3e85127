// The client of the MCP SDK with an id that nobody gave it by hand: the URL of a document that
// describes it, or what it registers by itself.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { auth } from "@modelcontextprotocol/sdk/client/auth.js";

import { Agent, REDIRECT_URI } from "./mcp_agent.mjs";
import { startServer } from "./server.mjs";

let folder;
let host;
let server;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "countersign-documents-"));
  host = await startHost();
  server = await startServer(`
    [outbound]
    ca_file = "${join(folder, "cert.pem")}"
    [registration]
    mode = "open"
  `);
});
after(async () => {
  await server?.stop();
  await host?.stop();
  await rm(folder, { recursive: true, force: true });
});

/// Serves the document by https, as its ids demand, with a certificate of the test.
async function startHost() {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  await promisify(execFile)("openssl", [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
    "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=documents",
    "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE",
  ]);
  let fetched = 0;
  const options = { key: await readFile(key), cert: await readFile(cert) };
  const listener = createServer(options, (request, response) => {
    fetched += 1;
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({
      client_id: id,
      client_name: "An agent",
      redirect_uris: [REDIRECT_URI],
      grant_types: ["authorization_code", "refresh_token"],
      token_endpoint_auth_method: "none",
    }));
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const id = `https://127.0.0.1:${listener.address().port}/agent.json`;
  const stop = async () => {
    listener.close();
    listener.closeAllConnections();
    await once(listener, "close");
  };
  return { id, stop, fetched: () => fetched };
}

/// From nothing but the address of the API to its answer; gives the claims of the token.
async function callApi(agent) {
  agent.saveClientInformation = (client) => { agent.kept.client = client; };
  const options = { serverUrl: `${server.issuer}/sample` };
  assert.equal(await auth(agent, options), "REDIRECT");
  const authorizationCode = await agent.agree();
  assert.equal(await auth(agent, { ...options, authorizationCode }), "AUTHORIZED");
  const headers = { authorization: `Bearer ${agent.kept.tokens.access_token}` };
  const answer = await fetch(`${server.issuer}/sample/me`, { headers });
  assert.equal(answer.status, 200);
  return answer.json();
}

test("a document describes the client", async () => {
  const agent = new Agent(server.issuer);
  agent.clientMetadataUrl = host.id;
  const claims = await callApi(agent);
  assert.equal(claims.client_id, host.id);
  assert.ok(host.fetched() >= 1);
  const { access_token } = agent.kept.tokens;
  assert.equal(await auth(agent, { serverUrl: `${server.issuer}/sample` }), "AUTHORIZED");
  assert.notEqual(agent.kept.tokens.access_token, access_token, "renewed without the person");
});

test("a client without a document registers by itself", async () => {
  const agent = new Agent(server.issuer);
  const fetched = host.fetched();
  const claims = await callApi(agent);
  assert.equal(claims.client_id, agent.kept.client.client_id);
  assert.ok(!claims.client_id.startsWith("https://"));
  assert.equal(host.fetched(), fetched);
});
