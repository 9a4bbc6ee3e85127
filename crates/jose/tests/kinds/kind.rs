//! The kinds of token, with claims that each specification asks for and permits.

use serde_json::{Value, json};

/// The one name that stands wherever a name may stand: issuer, audience, client, subject, URL of a
/// list and of a request. The worst case for telling kinds apart.
pub(crate) const EVERYONE: &str = "https://everyone.example";
pub(crate) const NOW: u64 = 1_790_000_000;
pub(crate) const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";

pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) typ: &'static str,
    /// What the kind requires, and nothing else.
    pub(crate) minimal: Value,
    /// Every claim whose form the kind knows.
    pub(crate) full: Value,
    /// Claims that others of its kind bring along.
    pub(crate) extra: Value,
    pub(crate) forbidden: &'static [&'static str],
}

impl Kind {
    /// Everything that such a token may say.
    pub(crate) fn richest(&self) -> Value {
        merged(self.full.clone(), self.extra.clone())
    }

    pub(crate) fn required(&self) -> Vec<&'static str> {
        names(&self.minimal)
    }

    pub(crate) fn known(&self) -> Vec<&'static str> {
        names(&self.full)
    }
}

/// Leaked, since errors hold names that live as long as the program.
fn names(object: &Value) -> Vec<&'static str> {
    object.as_object().unwrap().keys().map(|name| &*name.clone().leak()).collect()
}

pub(crate) fn merged(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("no object") };
    object.as_object_mut().unwrap().extend(more);
    object
}

/// The object with one member set.
pub(crate) fn with(mut object: Value, name: &str, value: impl Into<Value>) -> Value {
    object.as_object_mut().unwrap().insert(name.to_owned(), value.into());
    object
}

/// The object with one member left out.
pub(crate) fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name).unwrap();
    object
}

fn kind(
    (name, typ): (&'static str, &'static str),
    minimal: Value,
    more: Value,
    extra: Value,
    forbidden: &'static [&'static str],
) -> Kind {
    Kind { name, typ, full: merged(minimal.clone(), more), minimal, extra, forbidden }
}

pub(crate) fn all() -> Vec<Kind> {
    let mut all = of_servers();
    all.extend(of_clients());
    all
}

pub(crate) fn by_name(name: &str) -> Kind {
    all().into_iter().find(|kind| kind.name == name).unwrap()
}

/// What an authorization server signs.
fn of_servers() -> Vec<Kind> {
    let (past, soon) = (NOW - 10, NOW + 300);
    vec![
        // RFC 9068 section 2.2.
        kind(
            ("access_token", "at+jwt"),
            json!({ "iss": EVERYONE, "sub": EVERYONE, "aud": EVERYONE, "client_id": EVERYONE,
                "iat": past, "exp": soon, "jti": "1" }),
            json!({ "nbf": past, "scope": "openid a b", "grant_id": "g", "auth_time": past,
                "acr": "2", "amr": ["pwd", "otp"], "cnf": { "jkt": "x" } }),
            json!({ "roles": ["admin"], "sid": "s", "azp": EVERYONE,
                "nonce": "n" }),
            &["at_hash", "c_hash"],
        ),
        // OpenID Connect Core section 2.
        kind(
            ("id_token", "JWT"),
            json!({ "iss": EVERYONE, "sub": "ada", "aud": EVERYONE, "iat": past, "exp": soon }),
            json!({ "nbf": past, "auth_time": past, "nonce": "n", "acr": "2", "amr": ["pwd"],
                "azp": EVERYONE, "at_hash": "x", "sid": "s" }),
            json!({ "c_hash": "x", "jti": "1", "client_id": EVERYONE, "email": "ada@example.com",
                "status": { "status_list": { "idx": 0, "uri": EVERYONE } } }),
            &["events", "status_list"],
        ),
        // OpenID Connect Back-Channel Logout section 2.4.
        kind(
            ("logout_token", "logout+jwt"),
            json!({ "iss": EVERYONE, "aud": EVERYONE, "iat": past, "exp": soon, "jti": "1",
                "sub": EVERYONE, "events": { LOGOUT: {} } }),
            json!({ "sid": "s", "nbf": past }),
            json!({ "trace": "x" }),
            &["nonce"],
        ),
        // RFC 8417 section 2.2, Shared Signals Framework section 4.1.
        kind(
            ("security_event", "secevent+jwt"),
            json!({ "iss": EVERYONE, "aud": EVERYONE, "iat": past, "jti": "1",
                "events": { "https://schemas.openid.net/secevent/caep/event-type/session-revoked":
                    { "event_timestamp": past } } }),
            json!({ "sub_id": { "format": "iss_sub", "iss": EVERYONE, "sub": "ada" }, "txn": "t",
                "toe": past, "nbf": past }),
            json!({ "trace": "x" }),
            &["exp", "sub"],
        ),
        // draft-ietf-oauth-status-list section 5.1.
        kind(
            ("status_list", "statuslist+jwt"),
            json!({ "sub": EVERYONE, "iat": past,
                "status_list": { "bits": 1, "lst": "eNrbuRgAAhcBXQ" } }),
            json!({ "iss": EVERYONE, "exp": soon, "ttl": 43_200, "nbf": past }),
            json!({ "jti": "1", "aud": EVERYONE }),
            &[],
        ),
        // RFC 9701 section 5.
        kind(
            ("introspection", "token-introspection+jwt"),
            json!({ "iss": EVERYONE, "aud": EVERYONE, "iat": past,
                "token_introspection": { "active": true, "iss": EVERYONE, "sub": EVERYONE,
                    "aud": EVERYONE, "client_id": EVERYONE, "exp": soon, "jti": "1" } }),
            json!({ "nbf": past }),
            json!({ "jti": "1" }),
            &["sub", "exp"],
        ),
        // JWT Secured Authorization Response Mode section 2.1.
        kind(
            ("authorization_response", "JWT"),
            json!({ "iss": EVERYONE, "aud": EVERYONE, "exp": soon, "code": "c" }),
            json!({ "iat": past, "nbf": past }),
            json!({ "state": "s", "scope": "openid", "jti": "1", "client_id": EVERYONE }),
            &["sub", "response_type", "events", "status_list", "token_introspection", "htm"],
        ),
    ]
}

/// What a client signs.
fn of_clients() -> Vec<Kind> {
    let (past, soon) = (NOW - 10, NOW + 300);
    vec![
        // RFC 9449 section 4.2.
        kind(
            ("dpop_proof", "dpop+jwt"),
            json!({ "jti": "1", "htm": "POST", "htu": EVERYONE, "iat": past }),
            json!({ "ath": "x", "nonce": "n", "exp": soon, "nbf": past }),
            json!({ "trace": "x" }),
            &[],
        ),
        // RFC 7523 section 3, RFC 10070.
        kind(
            ("client_assertion", "client-authentication+jwt"),
            json!({ "iss": EVERYONE, "sub": EVERYONE, "aud": EVERYONE, "exp": soon, "jti": "1" }),
            json!({ "iat": past, "nbf": past }),
            json!({ "trace": "x" }),
            &[
                "events",
                "nonce",
                "htm",
                "response_type",
                "scope",
                "client_id",
                "token_introspection",
                "status_list",
            ],
        ),
        // RFC 9101 section 4.
        kind(
            ("request_object", "oauth-authz-req+jwt"),
            json!({ "iss": EVERYONE, "aud": EVERYONE, "client_id": EVERYONE,
                "response_type": "code" }),
            json!({ "exp": soon, "iat": past, "nbf": past, "jti": "1" }),
            json!({ "scope": "openid", "nonce": "n", "state": "s", "redirect_uri": EVERYONE,
                "max_age": 60, "claims": { "id_token": { "acr": null } } }),
            &["request", "request_uri", "sub", "events"],
        ),
    ]
}
