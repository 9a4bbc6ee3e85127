// The client of the MCP SDK finds its own way: from an MCP server's refusal to its metadata, to the
// authorization server, to the person, and back with a token for that server alone.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { auth, UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import {
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { InvalidTokenError } from "@modelcontextprotocol/sdk/server/auth/errors.js";
import {
  requireBearerAuth,
} from "@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js";
import { mcpAuthMetadataRouter } from "@modelcontextprotocol/sdk/server/auth/router.js";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import {
  StreamableHTTPServerTransport,
} from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import express from "express";

import { Agent, REDIRECT_URI } from "./mcp_agent.mjs";
import { startSite } from "./site.mjs";

const SERVER_SECRET = "mcp-server-secret-0123456789abcdef";

let site;
let mcpUrl;
before(async () => {
  site = await startSite((origin) => `
    [[client]]
    client_id = "agent"
    client_name = "An agent"
    token_endpoint_auth_method = "none"
    redirect_uris = ["${REDIRECT_URI}"]
    resources = ["${origin}/mcp", "${origin}/other"]

    [[client]]
    client_id = "mcp-server"
    client_secret = "${SERVER_SECRET}"
    grant_types = []
    protects = ["${origin}/mcp", "${origin}/other"]
  `);
  mcpUrl = new URL(`${site.origin}/mcp`);
  site.handle(await application());
});
after(() => site?.stop());

/// An MCP server with one tool, and metadata for a second resource beside it.
async function application() {
  const found = await fetch(`${site.server.issuer}/.well-known/oauth-authorization-server`);
  const oauthMetadata = await found.json();
  const app = express();
  for (const path of ["/mcp", "/other"]) {
    const resource = `${site.origin}${path}`;
    app.use(mcpAuthMetadataRouter({ oauthMetadata, resourceServerUrl: new URL(resource) }));
    const described = `${site.origin}/.well-known/oauth-protected-resource${path}`;
    const guard = requireBearerAuth({
      verifier: { verifyAccessToken },
      resourceMetadataUrl: described,
      expectedResource: resource,
    });
    app.post(path, guard, express.json(), answer);
    app.get(path, guard, (request, response) => response.status(405).end());
  }
  return app;
}

/// The SDK leaves it to its user what a token is worth: here, what introspection says.
async function verifyAccessToken(token) {
  const response = await fetch(`${site.server.issuer}/introspect`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`mcp-server:${SERVER_SECRET}`)}` },
    body: new URLSearchParams({ token }),
  });
  const told = await response.json();
  if (!told.active) throw new InvalidTokenError("the token is not active");
  return {
    token,
    clientId: told.client_id,
    scopes: told.scope?.split(" ") ?? [],
    expiresAt: told.exp,
    resource: new URL(told.aud),
    extra: { sub: told.sub },
  };
}

async function answer(request, response) {
  const server = new McpServer({ name: "test", version: "1.0.0" });
  server.registerTool("whoami", { description: "Who calls" }, ({ authInfo }) => {
    const { clientId, extra: { sub } } = authInfo;
    return { content: [{ type: "text", text: JSON.stringify({ clientId, sub }) }] };
  });
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on("close", () => { transport.close(); server.close(); });
  await server.connect(transport);
  await transport.handleRequest(request, response, request.body);
}

async function connect(agent, url = mcpUrl) {
  const transport = new StreamableHTTPClientTransport(url, { authProvider: agent });
  const client = new Client({ name: "agent", version: "1.0.0" });
  try {
    await client.connect(transport);
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await transport.finishAuth(await agent.agree());
    return connect(agent, url);
  }
  return client;
}

async function whoami(client) {
  const { content } = await client.callTool({ name: "whoami" });
  return JSON.parse(content[0].text);
}

test("from a refusal to a tool that knows who calls", async () => {
  const agent = new Agent(site.server.issuer, { client_id: "agent" });
  const client = await connect(agent);
  const { url } = agent.kept;
  assert.equal(url.origin, site.server.issuer);
  assert.equal(url.searchParams.get("resource"), mcpUrl.href);
  assert.equal(url.searchParams.get("code_challenge_method"), "S256");
  const { clientId, sub } = await whoami(client);
  assert.equal(clientId, "agent");
  assert.ok(sub);
  await client.close();
});

test("an access token that is refused is renewed without the person", async () => {
  const agent = new Agent(site.server.issuer, { client_id: "agent" });
  const client = await connect(agent);
  const before = await whoami(client);
  const { access_token, refresh_token } = agent.kept.tokens;
  delete agent.kept.url;
  agent.kept.tokens = { ...agent.kept.tokens, access_token: "worn out" };
  assert.deepEqual(await whoami(client), before);
  assert.notEqual(agent.kept.tokens.access_token, access_token);
  assert.notEqual(agent.kept.tokens.refresh_token, refresh_token, "a public client's is rotated");
  assert.equal(agent.kept.url, undefined);
  await client.close();
});

test("what was revoked sends to the person again", async () => {
  const agent = new Agent(site.server.issuer, { client_id: "agent" });
  const client = await connect(agent);
  const { refresh_token } = agent.kept.tokens;
  const body = new URLSearchParams({ client_id: "agent", token: refresh_token });
  const revoked = await fetch(`${site.server.issuer}/revoke`, { method: "POST", body });
  assert.equal(revoked.status, 200);
  delete agent.kept.url;
  await assert.rejects(whoami(client), UnauthorizedError);
  assert.ok(agent.kept.url);
  await client.close();
});

test("a token for one MCP server is worth nothing at another", async () => {
  const agent = new Agent(site.server.issuer, { client_id: "agent" });
  await (await connect(agent)).close();
  const headers = {
    accept: "application/json, text/event-stream",
    authorization: `Bearer ${agent.kept.tokens.access_token}`,
    "content-type": "application/json",
  };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  const statuses = ["/mcp", "/other"].map(async (path) => {
    const response = await fetch(site.origin + path, { method: "POST", headers, body });
    await response.text();
    return response.status;
  });
  assert.deepEqual(await Promise.all(statuses), [200, 401]);
});

test("our own verifier's refusal leads to a token for its API", async () => {
  const api = `${site.server.issuer}/sample/me`;
  const refusal = await fetch(api);
  assert.equal(refusal.status, 401);
  const challenge = refusal.headers.get("www-authenticate");
  const [, resourceMetadataUrl] = /resource_metadata="([^"]+)"/.exec(challenge);
  const agent = new Agent(site.server.issuer, { client_id: "demo-spa" });
  const options = { serverUrl: api, resourceMetadataUrl: new URL(resourceMetadataUrl) };
  assert.equal(await auth(agent, options), "REDIRECT");
  const authorizationCode = await agent.agree();
  assert.equal(await auth(agent, { ...options, authorizationCode }), "AUTHORIZED");
  const headers = { authorization: `Bearer ${agent.kept.tokens.access_token}` };
  const answer = await fetch(api, { headers });
  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).client_id, "demo-spa");
});
