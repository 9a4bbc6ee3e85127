// What an application tells the MCP SDK, and the person who uses it.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { FormBrowser } from "./form_browser.mjs";

export const REDIRECT_URI = "http://127.0.0.1:49152/callback";
const ALICE = { username: "alice", password: "countersign-demo", redirectUri: REDIRECT_URI };

/// Keeps everything in memory, and notes where the person has to go.
export class Agent {
  redirectUrl = REDIRECT_URI;
  clientMetadata = { client_name: "An agent", redirect_uris: [REDIRECT_URI] };
  kept = {};

  /// `client` is what it knows of itself at this issuer.
  constructor(issuer, client) {
    this.issuer = issuer;
    this.kept.client = client && { ...client, issuer };
  }

  state() { return this.kept.state = randomUUID(); }
  clientInformation() { return this.kept.client; }
  tokens() { return this.kept.tokens; }
  saveTokens(tokens) { this.kept.tokens = tokens; }
  codeVerifier() { return this.kept.verifier; }
  saveCodeVerifier(verifier) { this.kept.verifier = verifier; }
  redirectToAuthorization(url) { this.kept.url = url; }
  invalidateCredentials(scope) {
    if (scope === "tokens" || scope === "all") delete this.kept.tokens;
  }

  /// Alice at her browser, who says yes: gives the code that comes back.
  async agree() {
    const answer = await new FormBrowser().authorize(this.kept.url, ALICE);
    assert.equal(answer.searchParams.get("state"), this.kept.state);
    assert.equal(answer.searchParams.get("iss"), this.issuer);
    return answer.searchParams.get("code");
  }
}
