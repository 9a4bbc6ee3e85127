//! oidcc-dynamic-certification-test-plan: clients that register themselves.

use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use countersign_jose::{Algorithm, SigningKey, jwt};
use countersign_tests::binary;
use countersign_tests::browser::{attributes, forms};
use countersign_tests::client_site::ClientSite;
use countersign_tests::http::{Answer, Request};
use countersign_tests::relying_party::Tokens;
use countersign_tests::server::Server;
use countersign_tests::shared::Shared;
use serde_json::{Value, json};

use super::flow::{
    Ask, Flow, Login, Mode, header, is_json_that_is_not_stored, is_refused, part, published_keys,
    random, sign,
};
use super::party::{CAROL, Party, REDIRECT_URI, carol};

const PATIENCE: Duration = Duration::from_secs(30);

/// As the suite needs it: anybody registers, and does without PKCE.
static SERVER: Shared = Shared::new(|| {
    "[registration]\nmode = \"open\"\ndanger_without_pkce = true\n".to_owned() + &carol()
});

/// The same, for clients that were built before RFC 10070, as the suite's are where a module says
/// nothing else.
static OLDER: Shared = Shared::new(|| {
    "[registration]\nmode = \"open\"\ndanger_without_pkce = true\n\
     danger_token_endpoint_as_audience = true\n"
        .to_owned()
        + &carol()
});

/// The site of all these clients.
static SITE: LazyLock<ClientSite> = LazyLock::new(ClientSite::open);

/// The keys of all these clients: of RSA, since a dynamic provider has to take RS256.
static KEYS: LazyLock<[Arc<SigningKey>; 2]> = LazyLock::new(|| {
    [0, 1].map(|_| Arc::new(SigningKey::generate(Algorithm::RS256).expect("a key")))
});

fn jwks(key: &SigningKey) -> Value {
    let jwk = serde_json::to_value(key.public_jwk().expect("a public half")).expect("JSON");
    json!({ "keys": [jwk] })
}

/// What a client of the suite registers, with these members beside or in their place.
fn registration(more: &Value) -> Value {
    let mut members = json!({
        "client_name": "A client of the tests",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "redirect_uris": [REDIRECT_URI],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": jwks(&KEYS[0]),
        "contacts": ["tests@rp.example"],
    });
    for (name, value) in more.as_object().expect("an object") {
        members[name] = value.clone();
    }
    // `jwks` and `jwks_uri` exclude each other.
    if members.get("jwks_uri").is_some() {
        members.as_object_mut().expect("an object").remove("jwks");
    }
    members
}

fn register(server: &Server<'_>, more: &Value) -> Answer {
    let body = registration(more).to_string();
    let request = Request::new("POST", "/register").header("content-type", "application/json");
    server.send(&request.body(body.as_bytes()))
}

/// A client that has registered itself, and the members that it was answered
/// (RFC 7591 section 3.2.1).
fn registered(server: &Server<'_>, more: &Value) -> (Party, Value) {
    let answer = register(server, more);
    assert_eq!(answer.status, 201, "{}", answer.text());
    is_json_that_is_not_stored(&answer);
    let members = answer.json();
    let text = |name: &str| members[name].as_str().unwrap_or_else(|| panic!("{name}: {members}"));
    let id = text("client_id");
    assert!(!text("registration_access_token").is_empty());
    let managed_at = format!("{}/register/{id}", server.site.issuer());
    assert_eq!(text("registration_client_uri"), managed_at);
    for (name, value) in more.as_object().expect("an object") {
        assert_eq!(members[name], *value, "{name} is as it was registered");
    }
    let mut party = Party::registered(id, &KEYS[0], &server.site.issuer());
    party.redirect_uri = members["redirect_uris"][0].as_str().expect("text").to_owned();
    (party, members)
}

/// A registration that is refused (RFC 7591 section 3.2.2).
fn is_not_registered(more: &Value, error: &str) {
    let server = SERVER.server();
    is_refused(&register(&server, more), error);
    assert_eq!(register(&server, &json!({})).status, 201, "without it there is nothing wrong");
}

/// A browser in which nobody is signed in, and a client with these members.
fn flow(more: &Value) -> Flow {
    let server = SERVER.server();
    let (party, _) = registered(&server, more);
    Flow::new(server, party, Mode::Query)
}

/// All the way.
fn succeeds(flow: &mut Flow) -> Login {
    let login = flow.log_in(&flow.ask());
    flow.user_info(&login);
    login
}

/// A page that leads nowhere, since the address is not registered or not there.
fn leads_nowhere(flow: &mut Flow, ask: &Ask) {
    let path = flow.path(ask);
    let answer = flow.browser.visit(&path);
    assert_eq!((answer.status, answer.header("location")), (400, None), "{}", answer.text());
    assert!(answer.text().contains("redirect_uri"), "{}", answer.text());
}

#[test]
fn idtoken_rs256() {
    let mut flow = flow(&json!({ "id_token_signed_response_alg": "RS256" }));
    let login = flow.log_in(&flow.ask());
    assert_eq!(header(&login.tokens.id)["alg"], "RS256");
}

#[test]
fn idtoken_unsigned() {
    is_not_registered(
        &json!({ "id_token_signed_response_alg": "none" }),
        "invalid_client_metadata",
    );
}

#[test]
fn userinfo_rs256() {
    let mut flow = flow(&json!({ "userinfo_signed_response_alg": "RS256" }));
    let login = flow.log_in(&flow.ask());
    let request = Request::get("/userinfo").bearer(&login.tokens.access);
    let answer = flow.server.send(&request);
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/jwt")));
    let token = answer.text();
    let header = header(&token);
    assert_eq!(header["alg"], "RS256");
    let keys = published_keys(&flow.server);
    let key = keys.get(header["kid"].as_str().expect("a name")).expect("it is published");
    let (input, signature) = token.rsplit_once('.').expect("three parts");
    let signature = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature.as_bytes());
    key.verify(input.as_bytes(), &signature.expect("base64url")).expect("its signature");
    let claims = jwt::peek(&token).expect("a JWT");
    let claims: Value = serde_json::from_str(claims.payload_json()).expect("JSON");
    assert_eq!(claims["sub"], *login.id.subject);
    // OpenID Connect Core section 5.3.2.
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!(flow.server.site.issuer()), &json!(flow.party.id))
    );
}

#[test]
fn ensure_redirect_uri_in_authorization_request() {
    let mut flow = flow(&json!({}));
    let ask = flow.ask().without("redirect_uri");
    leads_nowhere(&mut flow, &ask);
}

/// The query of the address stays, and the answer stands behind it.
#[test]
fn redirect_uri_query_ok() {
    let uri = format!("{REDIRECT_URI}?foo=bar");
    let mut flow = flow(&json!({ "redirect_uris": [uri] }));
    succeeds(&mut flow);
}

#[test]
fn redirect_uri_query_mismatch() {
    let mut flow = flow(&json!({ "redirect_uris": [format!("{REDIRECT_URI}?foo=bar")] }));
    let ask = flow.ask().with("redirect_uri", &format!("{REDIRECT_URI}?bar=foo"));
    leads_nowhere(&mut flow, &ask);
}

#[test]
fn redirect_uri_query_added() {
    let mut flow = flow(&json!({}));
    let ask = flow.ask().with("redirect_uri", &format!("{REDIRECT_URI}?foo=bar"));
    leads_nowhere(&mut flow, &ask);
}

#[test]
fn redirect_uri_regfrag() {
    let uri = format!("{REDIRECT_URI}#foobar");
    is_not_registered(&json!({ "redirect_uris": [uri] }), "invalid_redirect_uri");
}

/// What the module wants of a dynamic provider beside the Config plan: response types that answer
/// with tokens in the front channel. They are neither named nor given.
#[test]
fn discovery_endpoint_verification() {
    let server = SERVER.server();
    let metadata = server.send(&Request::get("/.well-known/openid-configuration")).json();
    assert_eq!(metadata["registration_endpoint"], format!("{}/register", server.site.issuer()));
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    let grants = metadata["grant_types_supported"].as_array().expect("a list");
    assert!(grants.contains(&json!("authorization_code")) && !grants.contains(&json!("implicit")));
    let mut flow = flow(&json!({}));
    for kind in ["id_token", "id_token token"] {
        let ask = flow.ask().with("response_type", kind);
        let arrival = flow.arrive(&ask);
        assert_eq!(flow.error(&ask, &arrival), "unsupported_response_type", "{kind}");
        is_not_registered(&json!({ "response_types": [kind] }), "invalid_client_metadata");
    }
}

/// With assertions for the issuer, and for the token endpoint where the operator permits that.
#[test]
fn server() {
    succeeds(&mut flow(&json!({})));
    let server = OLDER.server();
    let (mut party, _) = registered(&server, &json!({}));
    party = Party::registered(&party.id, &KEYS[0], &format!("{}/token", server.site.issuer()));
    succeeds(&mut Flow::new(server, party, Mode::Query));
}

/// The page that asks for consent to a client with these members, and where it is shown.
fn consent_page(more: &Value) -> (Flow, Answer) {
    let mut flow = flow(more);
    let path = flow.path(&flow.ask());
    let mut answer = flow.browser.visit(&path);
    loop {
        if let Some(location) = answer.header("location").map(str::to_owned) {
            assert!(!location.starts_with(REDIRECT_URI), "nobody was asked: {location}");
            answer = flow.browser.visit(&location);
            continue;
        }
        let forms = forms(&answer.text());
        let Some(form) = forms.iter().find(|form| form.asks("username")) else { break };
        let typed = [("username", CAROL.username), ("password", CAROL.password)];
        answer = super::flow::signing_in(|| flow.browser.submit(form, &typed));
    }
    assert!(answer.text().contains("A client of the tests"), "{}", answer.text());
    (flow, answer)
}

/// A person who is asked for consent can follow this link.
fn is_linked(name: &str) {
    let uri = format!("https://rp.example/{}", random());
    let (_, page) = consent_page(&json!({ name: uri }));
    assert!(attributes(&page.text(), "a", "href").contains(&uri), "{}", page.text());
}

/// The logo is shown by this server, so that its owner learns of nobody who looks at it.
#[test]
fn registration_logo_uri() {
    // The smallest picture that there is: one dot.
    const DOT: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\x01\0\0\0\0,\0\0\0\
        \0\x01\0\x01\0\0\x02\x02D\x01\0;";
    let path = format!("/{}.gif", random());
    SITE.publish(&path, "image/gif", DOT);
    let (mut flow, page) = consent_page(&json!({ "logo_uri": SITE.url(&path) }));
    let pictures = attributes(&page.text(), "img", "src");
    let shown: Vec<Answer> = pictures.iter().map(|src| flow.browser.visit(src)).collect();
    let logo = shown.iter().find(|picture| picture.body == DOT);
    let logo = logo.unwrap_or_else(|| panic!("not among {pictures:?}"));
    assert_eq!(logo.header("content-type"), Some("image/gif"));
}

#[test]
fn registration_policy_uri() {
    is_linked("policy_uri");
}

#[test]
fn registration_tos_uri() {
    is_linked("tos_uri");
}

#[test]
fn registration_jwks_uri() {
    let path = format!("/{}", random());
    SITE.publish(&path, "application/json", jwks(&KEYS[0]).to_string().as_bytes());
    succeeds(&mut flow(&json!({ "jwks_uri": SITE.url(&path) })));
}

/// A list of the redirect URIs of a sector.
fn sector(uris: &[&str]) -> Value {
    let path = format!("/{}.json", random());
    SITE.publish(&path, "application/json", json!(uris).to_string().as_bytes());
    json!({ "subject_type": "pairwise", "sector_identifier_uri": SITE.url(&path) })
}

/// The client knows the person by a name that another client does not know.
#[test]
fn registration_sector_uri() {
    let server = SERVER.server();
    let metadata = server.send(&Request::get("/.well-known/openid-configuration")).json();
    let offered = metadata["subject_types_supported"].as_array().expect("a list");
    assert!(offered.contains(&json!("pairwise")));
    let of_sector = sector(&[REDIRECT_URI, "https://rp.example/another"]);
    let [first, second] = [&of_sector, &of_sector].map(|more| succeeds(&mut flow(more)).id.subject);
    let stranger = succeeds(&mut flow(&json!({}))).id.subject;
    assert_eq!(first, second, "one name in one sector");
    assert_ne!(first, stranger, "another name elsewhere");
}

#[test]
fn registration_sector_bad() {
    let more = sector(&["https://rp.example/another"]);
    is_not_registered(&more, "invalid_client_metadata");
}

/// Not shared with other tests: its keys change.
static ROTATING: Shared = Shared::new(|| Party::first().declaration() + &carol());

#[test]
fn server_rotate_keys() {
    let server = ROTATING.server();
    server.wait_for_keys();
    let mut flow = Flow::new(server, Party::first(), Mode::Query);
    let first = flow.log_in(&flow.ask());
    let before = published_keys(&flow.server);
    let mut command = Command::new(binary::path());
    command.args(["key", "rotate", "--now", "--data-dir"]).arg(flow.server.site.data());
    let output = command.output().expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let start = Instant::now();
    loop {
        let login = flow.log_in(&flow.ask());
        if header(&login.tokens.id)["kid"] != header(&first.tokens.id)["kid"] {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the new key does not sign");
        thread::sleep(Duration::from_millis(20));
    }
    // The key after the next one takes a moment to be made.
    let new = || {
        let after = published_keys(&flow.server);
        for key_id in before.key_ids() {
            assert!(after.get(key_id).is_some(), "{key_id} is still published");
        }
        after.key_ids().filter(|key_id| before.get(key_id).is_none()).count()
    };
    while new() == 0 {
        assert!(start.elapsed() < PATIENCE, "no new key is published");
        thread::sleep(Duration::from_millis(20));
    }
    // What the old key signed is still good.
    flow.id_token(&first.tokens, first.id.nonce.as_deref());
}

/// Uses a refresh token.
fn refresh(flow: &Flow, token: &str) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
    flow.server.send(&flow.party.form("/token", &fields))
}

/// The tokens of a refresh, with an id token about the same sign-in.
fn is_renewed(flow: &Flow, answer: &Answer, login: &Login) -> Tokens {
    let tokens = flow.tokens(answer);
    let id = flow.id_token(&tokens, None);
    assert_eq!((&id.subject, id.auth_time), (&login.id.subject, login.id.auth_time));
    flow.user_info_of(&Request::get("/userinfo").bearer(&tokens.access), &id);
    tokens
}

fn refreshing() -> Value {
    json!({ "grant_types": ["authorization_code", "refresh_token"] })
}

/// The client's own key is replaced. The suite waits for a minute before it uses the new one; this
/// server asks for the new keys after ten seconds.
#[test]
fn refresh_token_rp_key_rotation() {
    let path = format!("/{}", random());
    SITE.publish(&path, "application/json", jwks(&KEYS[0]).to_string().as_bytes());
    let mut more = refreshing();
    more["jwks_uri"] = json!(SITE.url(&path));
    let mut flow = flow(&more);
    let ask = flow.ask().with("scope", "openid offline_access").with("prompt", "consent");
    let login = flow.log_in(&ask);
    SITE.publish(&path, "application/json", jwks(&KEYS[1]).to_string().as_bytes());
    thread::sleep(Duration::from_secs(11));
    flow.party = Party::registered(&flow.party.id, &KEYS[1], &flow.server.site.issuer());
    let answer = refresh(&flow, &login.tokens.refresh);
    is_renewed(&flow, &answer, &login);
}

#[test]
fn refresh_token() {
    let mut first = flow(&refreshing());
    let ask = first.ask().with("scope", "openid offline_access").with("prompt", "consent");
    let login = first.log_in(&ask);
    let answer = refresh(&first, &login.tokens.refresh);
    let tokens = is_renewed(&first, &answer, &login);
    let second = flow(&refreshing());
    is_refused(&refresh(&second, &tokens.refresh), "invalid_grant");
}

/// The claims of a request object for this request.
fn claims_of(flow: &Flow, ask: &Ask) -> Value {
    let mut claims = json!({ "iss": flow.party.id, "aud": flow.server.site.issuer() });
    for (name, value) in ask.fields() {
        claims[name] = json!(value);
    }
    claims
}

fn unsigned(claims: &Value) -> String {
    format!("{}.{}.", part(&json!({ "alg": "none" })), part(claims))
}

fn signed(claims: &Value) -> String {
    let key = &KEYS[0];
    let header = json!({ "alg": "RS256", "kid": key.key_id(), "typ": "oauth-authz-req+jwt" });
    sign(key, &header, claims)
}

/// A client with a request object at its site, which is made of the claims of a request, and the
/// request that leads there.
fn by_reference(more: &Value, object: impl FnOnce(&Value) -> String) -> (Flow, Ask, Ask) {
    let path = format!("/{}", random());
    let uri = SITE.url(&path);
    let mut more = more.clone();
    more["request_uris"] = json!([uri]);
    let flow = flow(&more);
    let ask = flow.ask();
    let object = object(&claims_of(&flow, &ask));
    SITE.publish(&path, "application/jose", object.as_bytes());
    // The suite repeats what OAuth and OpenID Connect want to see outside as well.
    let outside = ask.clone().without("state").without("nonce").with("request_uri", &uri);
    (flow, ask, outside)
}

/// What is signed by nobody could have been written by anybody: it is refused.
#[test]
fn request_uri_unsigned() {
    let (mut flow, _, outside) = by_reference(&json!({}), unsigned);
    let arrival = flow.arrive(&outside);
    assert_eq!(flow.error(&outside, &arrival), "invalid_request_object");
}

#[test]
fn request_uri_signed_rs256() {
    let more = json!({ "request_object_signing_alg": "RS256" });
    let (mut flow, ask, outside) = by_reference(&more, signed);
    let offered = &flow.metadata()["request_object_signing_alg_values_supported"];
    assert!(offered.as_array().is_some_and(|names| names.contains(&json!("RS256"))));
    assert_eq!(flow.metadata()["request_uri_parameter_supported"], json!(true));
    let arrival = flow.arrive(&outside);
    // The state and the nonce stand inside alone.
    let login = flow.finish(&ask, &arrival, &[]);
    flow.user_info(&login);
}

/// A request object without a signature is refused, whatever it says; in a signed one the address
/// counts, and the one outside, which is not registered, does not.
#[test]
fn ensure_request_object_with_redirect_uri() {
    let mut flow = flow(&json!({}));
    let ask = flow.ask();
    let claims = claims_of(&flow, &ask);
    let with = |object: &str| {
        ask.clone().with("redirect_uri", "https://rp.example/other").with("request", object)
    };
    let path = flow.path(&with(&unsigned(&claims)));
    let answer = flow.browser.visit(&path);
    assert_eq!((answer.status, answer.header("location")), (400, None), "{}", answer.text());

    let arrival = flow.arrive(&with(&signed(&claims)));
    flow.finish(&ask, &arrival, &[]);
}

/// As in each of these tests. No other audience is taken, unless the operator says so (RFC 10070).
#[test]
fn ensure_client_assertion_with_iss_aud_succeeds() {
    let mut flow = flow(&json!({}));
    succeeds(&mut flow);
    let arrival = flow.arrive(&flow.ask());
    let code = arrival.fields["code"].clone();
    let token_endpoint = format!("{}/token", flow.server.site.issuer());
    flow.party = Party::registered(&flow.party.id, &KEYS[0], &token_endpoint);
    let answer = flow.redeem(&code, &[]);
    assert_eq!((answer.status, answer.error().as_deref()), (401, Some("invalid_client")));
}
