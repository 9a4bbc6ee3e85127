// The sample app of `countersign dev`: authorization code with PKCE, tokens in memory only.
// It shows how such a client works. It is no library.

const issuer = location.origin;
const clientId = "demo-spa";
const redirectUri = `${issuer}/`;
const resource = `${issuer}/sample`;
const scope = "openid profile email offline_access";

const PENDING_LOGIN = "countersign-sample-login";
const LEEWAY_S = 30;
const PROBE_EVERY_MS = 5;
const PROBE_LIMIT_MS = 2000;
const LOG_LIMIT = 100;

// ---- The client: everything that touches a token -------------------------------------------

/// Tokens live in this closure and nowhere else; `view` hands out decoded copies for display.
function createClient(metadata) {
  let tokens = null; // { access, refresh, id, claims, expiresAt, lifetime, renewals, signedOut }
  let renewal = null;

  async function beginLogin() {
    const login = { verifier: randomText(), state: randomText(), nonce: randomText() };
    // The only thing ever stored: it has to outlive the redirect, and is worth nothing without
    // the code that comes back.
    sessionStorage.setItem(PENDING_LOGIN, JSON.stringify(login));
    const url = new URL(metadata.authorization_endpoint);
    url.search = new URLSearchParams({
      response_type: "code",
      client_id: clientId,
      redirect_uri: redirectUri,
      scope,
      resource,
      state: login.state,
      nonce: login.nonce,
      code_challenge: await sha256(login.verifier),
      code_challenge_method: "S256",
    });
    location.assign(url);
  }

  async function finishLogin(answer, pending) {
    const code = judgeLoginAnswer(answer, pending);
    const reply = await postForm(metadata.token_endpoint, {
      grant_type: "authorization_code",
      code,
      redirect_uri: redirectUri,
      client_id: clientId,
      code_verifier: pending.verifier,
      resource,
    });
    const granted = tokenReply(reply);
    if (!granted.id_token) throw new Error("The server sent no ID token.");
    const claims = judgeIdToken(granted.id_token, { nonce: pending.nonce });
    tokens = { ...kept(granted), id: granted.id_token, claims, renewals: 0, signedOut: false };
  }

  /// Two callers that need a new token share one request.
  function refresh() {
    renewal ??= renew().finally(() => { renewal = null; });
    return renewal;
  }

  async function renew() {
    if (!tokens?.refresh) throw new Error("There is no refresh token. Log in again.");
    const before = tokens;
    const reply = await postForm(metadata.token_endpoint, {
      grant_type: "refresh_token",
      refresh_token: before.refresh,
      client_id: clientId,
      resource,
    });
    if (reply.body?.error === "invalid_grant") tokens = { ...before, refresh: null };
    const granted = tokenReply(reply);
    const claims = granted.id_token
      ? { ...before.claims, ...judgeIdToken(granted.id_token, { subject: before.claims.sub }) }
      : before.claims;
    tokens = {
      ...before,
      ...kept(granted),
      refresh: granted.refresh_token ?? before.refresh,
      id: granted.id_token ?? before.id,
      claims,
      renewals: before.renewals + 1,
    };
  }

  async function call(method, path) {
    const headers = tokens ? { Authorization: `Bearer ${tokens.access}` } : {};
    const options = { method, headers, cache: "no-store", credentials: "omit" };
    return readReply(await fetch(resource + path, options));
  }

  /// At most one refresh and one repeat, and only for `invalid_token`: no loop can start here.
  async function callApi(mayRenew) {
    const first = await call("GET", "/me");
    if (!mayRenew || !saysInvalidToken(first) || !tokens?.refresh) return first;
    await refresh();
    return { ...await call("GET", "/me"), renewed: true };
  }

  async function transferTwice() {
    return [await call("POST", "/transfer"), await call("POST", "/transfer")];
  }

  /// Revokes the grant by its refresh token (RFC 7009), then watches the API.
  async function revoke() {
    if (!tokens?.refresh) throw new Error("There is no refresh token to revoke.");
    const reply = await postForm(metadata.revocation_endpoint, {
      token: tokens.refresh,
      token_type_hint: "refresh_token",
      client_id: clientId,
    });
    if (!reply.ok) throw new Error(oauthError(reply));
    return untilRefused();
  }

  async function signOutEverywhere() {
    const body = new URLSearchParams({ id_token_hint: tokens.id, everywhere: "true" });
    const headers = { Accept: "application/json" };
    const options = { method: "POST", headers, body, credentials: "same-origin" };
    const reply = await readReply(await fetch(metadata.end_session_endpoint, options));
    if (!reply.ok) throw new Error(oauthError(reply));
    // Kept a while longer, only to show that they are refused.
    tokens = { ...tokens, signedOut: true };
    return untilRefused();
  }

  /// Calls the API until it answers 401; the clock starts when the revocation was answered.
  async function untilRefused() {
    const start = performance.now();
    for (let accepted = 0; ; accepted += 1) {
      const reply = await call("GET", "/me");
      const after = performance.now() - start;
      if (reply.status === 401) return { reply, accepted, after };
      if (after > PROBE_LIMIT_MS) return { reply, accepted: accepted + 1, after: null };
      await new Promise((resume) => setTimeout(resume, PROBE_EVERY_MS));
    }
  }

  async function userInfo() {
    const headers = { Authorization: `Bearer ${tokens.access}` };
    const options = { headers, cache: "no-store", credentials: "omit" };
    const reply = await readReply(await fetch(metadata.userinfo_endpoint, options));
    // OpenID Connect Core 5.3.2: claims about someone else are not used.
    if (reply.ok && reply.body?.sub === tokens.claims.sub) {
      tokens = { ...tokens, claims: { ...reply.body, ...tokens.claims } };
    }
  }

  function view() {
    if (!tokens) return null;
    const { access, refresh: _refresh, id: _id, ...harmless } = tokens;
    return { ...harmless, access: decode(access) };
  }

  return Object.freeze({
    beginLogin, finishLogin, userInfo, callApi, refresh, revoke, signOutEverywhere,
    transferTwice, view,
  });
}

/// What the login left in storage; gone from there whatever comes next.
function takePendingLogin() {
  const stored = sessionStorage.getItem(PENDING_LOGIN);
  sessionStorage.removeItem(PENDING_LOGIN);
  return stored && JSON.parse(stored);
}

/// Gives the code, once `state` (CSRF) and `iss` (mix-up, RFC 9207) are as they should be.
function judgeLoginAnswer(answer, pending) {
  if (!pending || answer.get("state") !== pending.state) {
    throw new Error("This answer belongs to no login that this tab began. It was ignored.");
  }
  if (answer.get("iss") !== issuer) {
    throw new Error("The answer names another issuer. It was ignored.");
  }
  if (answer.has("error")) {
    throw new Error(describe(answer.get("error"), answer.get("error_description")));
  }
  if (!answer.get("code")) throw new Error("The answer carries no code.");
  return answer.get("code");
}

/// OpenID Connect Core 3.1.3.7. The token came straight from the token endpoint, which is what
/// allows a client to leave the signature to the connection (item 6).
function judgeIdToken(token, { nonce, subject }) {
  const claims = decode(token).payload;
  const audience = [claims.aud].flat();
  const wrong = (what) => new Error(`The ID token was refused: ${what}.`);
  if (claims.iss !== issuer) throw wrong("another issuer");
  if (!audience.includes(clientId)) throw wrong("made for another client");
  if (audience.length > 1 && claims.azp !== clientId) throw wrong("made for several clients");
  if (nonce !== undefined && claims.nonce !== nonce) throw wrong("the nonce does not match");
  if (subject !== undefined && claims.sub !== subject) throw wrong("another person");
  if (typeof claims.sub !== "string") throw wrong("it names nobody");
  if (!(claims.exp > Date.now() / 1000 - LEEWAY_S)) throw wrong("it has expired");
  return claims;
}

function tokenReply(reply) {
  if (!reply.ok) throw new Error(oauthError(reply));
  const { access_token: access, token_type: type } = reply.body;
  if (!access || String(type).toLowerCase() !== "bearer") {
    throw new Error("The server's answer holds no bearer token.");
  }
  return reply.body;
}

function kept(granted) {
  // `expires_in` is counted from now, so a wrong clock on this machine does no harm.
  const lifetime = (granted.expires_in ?? 0) * 1000;
  return {
    access: granted.access_token,
    refresh: granted.refresh_token ?? null,
    expiresAt: performance.now() + lifetime,
    lifetime,
  };
}

async function discover() {
  const response = await fetch("/.well-known/openid-configuration");
  if (!response.ok) throw new Error(`Discovery answered ${response.status}.`);
  const metadata = await response.json();
  if (metadata.issuer !== issuer) {
    throw new Error(`This server is ${metadata.issuer}. Open the page at that address.`);
  }
  return metadata;
}

async function postForm(url, fields) {
  const body = new URLSearchParams(fields);
  return readReply(await fetch(url, { method: "POST", body, credentials: "omit" }));
}

async function readReply(response) {
  const text = await response.text();
  let body = text;
  try {
    body = JSON.parse(text);
  } catch { /* Not JSON: shown as it is. */ }
  const challenge = response.headers.get("WWW-Authenticate");
  return { ok: response.ok, status: response.status, challenge, body };
}

function saysInvalidToken(reply) {
  return reply.status === 401 && /error="?invalid_token"?/.test(reply.challenge ?? "");
}

function oauthError(reply) {
  if (!reply.body?.error) return `The server answered ${reply.status}.`;
  return describe(reply.body.error, reply.body.error_description);
}

function describe(error, description) {
  return description ? `${error}: ${description}` : error;
}

function randomText() {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function sha256(text) {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", utf8(text))));
}

function utf8(text) {
  return new TextEncoder().encode(text);
}

function base64url(bytes) {
  const plain = btoa(String.fromCharCode(...bytes));
  return plain.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/// Reads a JWT for people. Nothing is checked here.
function decode(token) {
  const part = (text) => {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(plain, (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  };
  try {
    const [header, payload] = token.split(".");
    return { header: part(header), payload: part(payload) };
  } catch {
    return { header: null, payload: null };
  }
}

// ---- The page: shows text, never markup ----------------------------------------------------

function element(id) {
  return document.getElementById(id);
}

function show(id, text) {
  element(id).textContent = text;
}

function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function log(text, tone = "", facts = {}) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  const words = document.createElement("span");
  time.textContent = new Date().toLocaleTimeString([], { hour12: false });
  words.textContent = text;
  words.className = tone;
  Object.assign(item.dataset, facts);
  item.append(time, words);
  element("log").prepend(item);
  show("latest", text);
  element("latest").hidden = false;
  while (element("log").childElementCount > LOG_LIMIT) element("log").lastElementChild.remove();
}

function showReplies(label, replies) {
  const last = replies.at(-1);
  const status = element("api-status");
  status.textContent = `${label}: ${replies.map((reply) => reply.status).join(", then ")}`;
  status.className = last.ok ? "status good" : "status bad";
  element("api-challenge-block").hidden = !last.challenge;
  show("api-challenge", last.challenge ?? "");
  element("api-body").hidden = last.body === "";
  show("api-body", pretty(last.body));
}

function showTokens(client) {
  const view = client.view();
  if (!view) return;
  const { access, renewals } = view;
  showPerson(view);
  const times = renewals === 1 ? "once" : `${renewals} times`;
  show("renewals", renewals === 0 ? "not renewed yet" : `renewed ${times}`);
  element("token-block").hidden = false;
  show("token-header", access.header ? pretty(access.header) : "An opaque token.");
  show("token-payload", access.payload ? pretty(access.payload) : "An opaque token.");
  for (const id of ["refresh", "single-use", "revoke", "sign-out-everywhere"]) {
    element(id).disabled = false;
  }
}

function showPerson({ claims, signedOut }) {
  show("login", signedOut ? "Log in" : "Log in again");
  if (signedOut) {
    show("who", "Signed out everywhere");
    show("id-token", "The token stays on this page only to show that it is refused.");
    return;
  }
  const name = claims.name ?? claims.preferred_username ?? claims.sub;
  show("who", claims.email ? `${name} · ${claims.email}` : name);
  show("id-token", `The ID token is for this app (${clientId}): issuer, audience, nonce and `
    + "expiry were checked. It is never sent to an API.");
}

function showCountdown(client) {
  const view = client.view();
  if (!view) return;
  const left = Math.max(0, view.expiresAt - performance.now());
  const seconds = Math.ceil(left / 1000);
  const clock = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  show("countdown", left > 0 ? clock : "expired");
  element("lifetime").value = view.lifetime ? left / view.lifetime : 0;
}

function showRefusal(what, { reply, accepted, after }) {
  showReplies("GET /sample/me", [reply]);
  const banner = element("refusal");
  banner.hidden = after === null;
  if (after === null) {
    log(`${what}; the API still answers ${reply.status} after ${PROBE_LIMIT_MS} ms`, "bad");
    return;
  }
  const ms = after.toFixed(1);
  const big = document.createElement("strong");
  big.textContent = `${ms} ms`;
  banner.replaceChildren(big, "from the server's answer to the API's first refusal");
  banner.dataset.ms = ms;
  const calls = accepted === 1 ? "1 call" : `${accepted} calls`;
  const meanwhile = accepted === 0 ? "" : ` (${calls} still answered)`;
  log(`${what}; the API refused ${ms} ms later${meanwhile}`, "good", { refusedAfterMs: ms });
}

// ---- What the buttons do -------------------------------------------------------------------

function actions(client) {
  return {
    login: () => client.beginLogin(),

    "call-api": async () => {
      const start = performance.now();
      const reply = await client.callApi(element("auto-renew").checked);
      const took = (performance.now() - start).toFixed(1);
      showReplies("GET /sample/me", [reply]);
      const renewed = reply.renewed ? ", after one renewal" : "";
      log(`API: ${reply.status} in ${took} ms${renewed}`, reply.ok ? "" : "bad");
    },

    refresh: async () => {
      const start = performance.now();
      await client.refresh();
      log(`Renewed in ${(performance.now() - start).toFixed(1)} ms`);
    },

    "single-use": async () => {
      const replies = await client.transferTwice();
      showReplies("POST /sample/transfer", replies);
      const [first, second] = replies;
      if (first.ok) {
        const verdict = second.ok ? "was accepted too" : "was refused as a replay";
        log(`One token sent twice: the second ${verdict}`, second.ok ? "bad" : "good");
      } else {
        log("This token was refused both times. Refresh to get one that is not used up.", "bad");
      }
    },

    revoke: async () => showRefusal("Revoked", await client.revoke()),

    "sign-out-everywhere": async () => {
      showRefusal("Signed out everywhere", await client.signOutEverywhere());
    },
  };
}

/// Buttons take turns: a click waits until the action before it is done.
function wire(client) {
  let turn = Promise.resolve();
  for (const [id, action] of Object.entries(actions(client))) {
    element(id).addEventListener("click", () => {
      turn = turn.then(async () => {
        element("refusal").hidden = true;
        try {
          await action();
        } catch (error) {
          log(error.message, "bad");
        }
        showTokens(client);
        showCountdown(client);
      });
    });
  }
  element("login").disabled = false;
  element("call-api").disabled = false;
  setInterval(() => showCountdown(client), 250);
}

async function start() {
  const pending = takePendingLogin();
  const answer = new URLSearchParams(location.search);
  const returned = answer.has("code") || answer.has("error");
  // The code leaves the address bar and the history before anything else happens.
  if (returned) history.replaceState(null, "", redirectUri);
  const client = createClient(await discover());
  if (returned) {
    try {
      await client.finishLogin(answer, pending);
      if (!client.view().claims.name) await client.userInfo();
      log("Logged in with a code and PKCE");
    } catch (error) {
      log(error.message, "bad");
    }
  }
  wire(client);
  showTokens(client);
  showCountdown(client);
}

start().catch((error) => log(error.message, "bad"));
