// oidc-client-ts in a page of another origin: everything it asks the server for crosses origins.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, test } from "node:test";

import { launch, openPage } from "./chromium.mjs";
import { startSite } from "./site.mjs";

const LIBRARY = new URL(
  "./node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js", import.meta.url);
// Where the page lies, and what its user manager is told beside the usual.
const PAGES = {
  "/bearer": "loadUserInfo: true",
  "/dpop": "dpop: { store: new oidc.IndexedDbDPoPStore(), bind_authorization_code: true }",
};

let site;
let browser;
before(async () => {
  site = await startSite((origin) => `
    [[client]]
    client_id = "page"
    client_name = "A page"
    token_endpoint_auth_method = "none"
    redirect_uris = [${Object.keys(PAGES).map((path) => `"${origin}${path}"`).join(", ")}]
    post_logout_redirect_uris = ["${origin}/bearer"]
  `);
  const library = await readFile(LIBRARY);
  site.handle((request, response) => {
    const { pathname } = new URL(request.url, site.origin);
    if (pathname === "/oidc-client-ts.js") {
      response.writeHead(200, { "content-type": "text/javascript" }).end(library);
    } else if (pathname in PAGES) {
      response.writeHead(200, { "content-type": "text/html" }).end(html(pathname));
    } else {
      response.writeHead(404).end();
    }
  });
  browser = await launch();
});
afterEach(async () => {
  await Promise.all(browser.contexts().map((context) => context.close()));
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

function html(path) {
  return `<!doctype html>
<meta charset="utf-8"><title>A page</title><link rel="icon" href="data:,">
<script src="/oidc-client-ts.js"></script>
<script>
window.manager = new oidc.UserManager({
  authority: "${site.server.issuer}",
  client_id: "page",
  redirect_uri: "${site.origin}${path}",
  post_logout_redirect_uri: "${site.origin}/bearer",
  scope: "openid profile email offline_access",
  automaticSilentRenew: false,
  ${PAGES[path]},
});
</script>`;
}

/// Opens the page, signs in as alice at the server, and gives the user that the library made.
async function signIn(path) {
  const opened = await openPage(browser);
  const { page } = opened;
  await page.goto(site.origin + path);
  // The page goes away before the promise is settled.
  await page.evaluate(() => { manager.signinRedirect({ state: "where the user was" }); });
  await page.fill("input[name=username]", "alice");
  await page.fill("input[name=password]", "countersign-demo");
  await page.click("form button[type=submit]");
  await page.click("button[name=decision][value=allow]");
  await page.waitForURL(`${site.origin}${path}?code=*`);
  const user = await page.evaluate(() => manager.signinRedirectCallback());
  return { ...opened, user };
}

test("signs in, and reads userinfo across origins", async () => {
  const { user, complaints } = await signIn("/bearer");
  assert.equal(user.state, "where the user was");
  assert.equal(user.profile.iss, site.server.issuer);
  assert.equal(user.profile.aud, "page");
  // The id token has no such claims: they came from userinfo.
  assert.equal(user.profile.preferred_username, "alice");
  assert.equal(user.profile.email, "alice@example.com");
  assert.match(user.refresh_token, /^csr_/);
  assert.deepEqual(complaints, []);
});

test("renews by refresh token, revokes, and can read why it is refused then", async () => {
  const { page, user, complaints } = await signIn("/bearer");
  const renewed = await page.evaluate(() => manager.signinSilent());
  assert.notEqual(renewed.access_token, user.access_token);
  assert.notEqual(renewed.refresh_token, user.refresh_token);
  assert.equal(renewed.profile.sub, user.profile.sub);
  const refused = await page.evaluate(async () => {
    const user = await manager.getUser();
    const { refresh_token } = user;
    await manager.revokeTokens();
    await manager.storeUser(Object.assign(user, { refresh_token }));
    return manager.signinSilent().catch(({ name, error }) => ({ name, error }));
  });
  assert.deepEqual(refused, { name: "ErrorResponse", error: "invalid_grant" });
  assert.deepEqual(complaints, []);
});

test("signs out at the server and comes back", async () => {
  const { page, complaints } = await signIn("/bearer");
  await page.evaluate(() => { manager.signoutRedirect({ state: "bye" }); });
  await page.waitForURL(`${site.origin}/bearer?state=*`);
  const { userState } = await page.evaluate(() => manager.signoutRedirectCallback());
  assert.equal(userState, "bye");
  assert.equal(await page.evaluate(() => manager.getUser()), null);
  await page.evaluate(() => { manager.signinRedirect(); });
  await page.waitForSelector("input[name=password]");
  assert.deepEqual(complaints, []);
});

test("DPoP: reads the nonces that the server hands out, and renews with its key", async () => {
  const { page, user, complaints } = await signIn("/dpop");
  assert.equal(user.token_type, "DPoP");
  const renewed = await page.evaluate(() => manager.signinSilent());
  assert.equal(renewed.token_type, "DPoP");
  assert.notEqual(renewed.access_token, user.access_token);
  const seen = await page.evaluate(async () => {
    const user = await manager.getUser();
    const url = await manager.metadataService.getUserInfoEndpoint();
    const call = async (nonce) => fetch(url, {
      headers: {
        authorization: `DPoP ${user.access_token}`,
        dpop: await manager.dpopProof(url, user, "GET", nonce),
      },
    });
    const first = await call("not a nonce of this server");
    const challenge = first.headers.get("www-authenticate");
    const second = await call(first.headers.get("dpop-nonce"));
    return { challenge, status: second.status, info: await second.json() };
  });
  assert.match(seen.challenge, /error="use_dpop_nonce"/);
  assert.equal(seen.status, 200);
  assert.equal(seen.info.preferred_username, "alice");
  assert.deepEqual(complaints, []);
});
