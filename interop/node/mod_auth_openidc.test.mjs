// Debian's Apache with mod_auth_openidc before an application that only reads headers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { startApache } from "./apache.mjs";
import { FormBrowser, formsOf } from "./form_browser.mjs";
import { freePort } from "./server.mjs";
import { startSite } from "./site.mjs";

const ALICE = { username: "alice", password: "countersign-demo" };
const TOLD_LIMIT_MS = 10_000;
const SECRET = "apache-secret-0123456789abcdef";

let site;
let apache;
before(async () => {
  const port = await freePort();
  const own = `http://127.0.0.1:${port}`;
  site = await startSite(() => `
    [[client]]
    client_id = "apache"
    client_name = "Apache"
    client_secret = "${SECRET}"
    redirect_uris = ["${own}/private/signed-in"]
    post_logout_redirect_uris = ["${own}/goodbye"]
    backchannel_logout_uri = "${own}/private/signed-in?logout=backchannel"
  `);
  // The application behind: what it is told in headers.
  site.handle((request, response) => response.end(JSON.stringify({
    path: request.url,
    headers: request.headers,
  })));
  apache = await startApache(port, `
OIDCProviderMetadataURL ${site.server.issuer}/.well-known/openid-configuration
OIDCClientID apache
OIDCClientSecret ${SECRET}
OIDCRedirectURI ${own}/private/signed-in
OIDCCryptoPassphrase "a secret of this Apache"
OIDCScope "openid profile email roles offline_access"
OIDCPKCEMethod S256
OIDCRemoteUserClaim sub
OIDCInfoHook access_token id_token userinfo refresh_token
ProxyPass /private/signed-in !
ProxyPass / ${site.origin}/
<Location /private>
  AuthType openid-connect
  Require valid-user
</Location>
<Location /private/admins>
  AuthType openid-connect
  Require claim roles:admin
</Location>
`);
});
after(async () => {
  await apache?.stop();
  await site?.stop();
});

/// Goes to a page behind Apache, as this person where somebody asks.
async function open(browser, path, person = {}) {
  const page = await browser.arrive(await browser.visit(apache.origin + path), person);
  assert.equal(page.url.origin, apache.origin, `${page.status} ${page.body}`);
  return page;
}

async function info(browser, more = "") {
  const page = await browser.visit(`${apache.origin}/private/signed-in?info=json${more}`);
  assert.equal(page.status, 200, `${page.body}${await apache.log()}`);
  return JSON.parse(page.body);
}

test("who is not signed in is sent to the server", async () => {
  const browser = new FormBrowser();
  assert.equal((await browser.visit(`${apache.origin}/public`)).status, 200);
  const closed = await browser.visit(`${apache.origin}/private/page`);
  assert.equal(closed.status, 302);
  assert.equal(new URL(closed.headers.location).origin, site.server.issuer);
});

test("signs in, and the application is told the claims", async () => {
  const browser = new FormBrowser();
  const page = await open(browser, "/private/page?a=b", ALICE);
  assert.equal(page.status, 200, await apache.log());
  const { path, headers } = JSON.parse(page.body);
  assert.equal(path, "/private/page?a=b");
  assert.equal(headers.oidc_claim_iss, site.server.issuer);
  assert.equal(headers.oidc_claim_aud, "apache");
  // The id token has no such claims: they came from userinfo.
  assert.equal(headers.oidc_claim_preferred_username, "alice");
  assert.equal(headers.oidc_claim_email, "alice@example.com");
  assert.ok(headers.oidc_access_token);
  const { id_token, userinfo } = await info(browser);
  assert.equal(id_token.sub, headers.oidc_claim_sub);
  assert.equal(userinfo.sub, headers.oidc_claim_sub);
});

test("lets in by a claim, and keeps out without it", async () => {
  const [alice, bob] = [new FormBrowser(), new FormBrowser()];
  const page = await open(alice, "/private/admins", ALICE);
  assert.equal(JSON.parse(page.body).headers.oidc_claim_roles, "buyer,admin");
  const other = await open(bob, "/private/page", { ...ALICE, username: "bob" });
  assert.equal(JSON.parse(other.body).headers.oidc_claim_preferred_username, "bob");
  assert.equal((await bob.visit(`${apache.origin}/private/admins`)).status, 401);
});

test("renews the access token of the session", async () => {
  const browser = new FormBrowser();
  await open(browser, "/private/page", ALICE);
  const before = await info(browser);
  const after = await info(browser, "&access_token_refresh_interval=0");
  assert.notEqual(after.access_token, before.access_token);
  assert.notEqual(after.refresh_token, before.refresh_token);
  assert.equal(after.id_token.sub, before.id_token.sub);
});

test("signs out at the server and comes back", async () => {
  const browser = new FormBrowser();
  await open(browser, "/private/page", ALICE);
  const goodbye = encodeURIComponent(`${apache.origin}/goodbye`);
  const page = await open(browser, `/private/signed-in?logout=${goodbye}`);
  assert.equal(page.url.pathname, "/goodbye");
  // Whoever wants in again is asked for the password.
  const asked = await browser.arrive(await browser.visit(`${apache.origin}/private/page`), {});
  assert.equal(`${asked.url.origin}${asked.url.pathname}`, `${site.server.issuer}/login`);
});

test("is told by the back channel that a sign-in has ended", async () => {
  const [alice, bob] = [new FormBrowser(), new FormBrowser()];
  await open(alice, "/private/page", ALICE);
  await open(bob, "/private/page", { ...ALICE, username: "bob" });
  const status = async (browser) => (await browser.visit(`${apache.origin}/private/page`)).status;
  assert.deepEqual([await status(alice), await status(bob)], [200, 200]);
  const page = await alice.visit(`${site.server.issuer}/logout`);
  const form = formsOf(page.body).find(({ action }) => action === "/logout");
  await alice.submit(page.url, form, {});
  const limit = Date.now() + TOLD_LIMIT_MS;
  while (await status(alice) === 200) {
    assert.ok(Date.now() < limit, `still in\n${await apache.log()}`);
    await sleep(20);
  }
  assert.equal(await status(bob), 200);
});
