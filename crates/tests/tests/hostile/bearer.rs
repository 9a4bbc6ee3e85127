//! Every wrong kind of token at the doors that take access tokens.

use aws_lc_rs::hmac;
use countersign_jose::{Algorithm, SigningKey, jwt};
use countersign_tests::browser::Browser;
use countersign_tests::http::Request;
use countersign_tests::relying_party::{DEMO_SERVICE, DEMO_SPA, Tokens};
use countersign_tests::server::Site;
use serde_json::{Value, json};

use super::{Table, shown};

const DOORS: &[&str] = &["/sample/me", "/userinfo"];

fn part(value: &Value) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(value.to_string().as_bytes())
}

fn decoded(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("a JWT has three parts");
    let bytes = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(part.as_bytes()).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// Tokens made from a good one, which no door may take.
fn forgeries(good: &str, jwks: &[u8]) -> Vec<(String, String)> {
    let (header, payload) = (decoded(good, 0), decoded(good, 1));
    let signature = good.rsplit('.').next().expect("a signature");
    let with = |value: &Value, name: &str, new: Value| {
        let mut value = value.clone();
        value[name] = new;
        value
    };
    let signed =
        |header: &Value, payload: &Value| format!("{}.{}.{signature}", part(header), part(payload));
    let mut forged: Vec<(String, String)> = Vec::new();
    for none in ["none", "None", "NONE", "nOnE", ""] {
        let header = with(&header, "alg", json!(none));
        forged.push((format!("alg {none}"), format!("{}.{}.", part(&header), part(&payload))));
        forged.push((format!("alg {none}, signature kept"), signed(&header, &payload)));
    }
    for (name, value) in [
        ("sub", json!("somebody else")),
        ("exp", json!(9_999_999_999_u64)),
        ("aud", json!("https://another.example")),
        ("scope", json!("admin")),
    ] {
        forged.push((format!("changed {name}"), signed(&header, &with(&payload, name, value))));
    }
    for (name, value) in [
        ("kid", json!("../../etc/passwd")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!("k".repeat(4000))),
        ("kid", json!(7)),
        ("typ", json!("JWT")),
        ("crit", json!(["exp"])),
        ("jku", json!("http://127.0.0.1:1/keys")),
        ("alg", json!("RS256")),
        ("alg", json!("ES512")),
        ("b64", json!(false)),
    ] {
        let shown: String = value.to_string().chars().take(20).collect();
        forged.push((format!("{name} {shown}"), signed(&with(&header, name, value), &payload)));
    }
    forged.extend(foreign(&payload));
    forged.extend(confused(&header, &payload, jwks));
    forged.extend(mangled(good));
    forged
}

/// Well-formed tokens, signed with keys that are not the server's.
fn foreign(payload: &Value) -> Vec<(String, String)> {
    let stranger = SigningKey::generate(Algorithm::ES256).expect("a key can be made");
    let own = jwt::sign(&stranger, "at+jwt", payload).expect("it can be signed");
    let mut header = decoded(&own, 0);
    header["jwk"] =
        serde_json::to_value(stranger.public_jwk().expect("it is public")).expect("JSON");
    let (_, rest) = own.split_once('.').expect("a JWT has three parts");
    vec![
        ("a stranger's key".to_owned(), own.clone()),
        ("a key of its own in the header".to_owned(), format!("{}.{rest}", part(&header))),
    ]
}

/// The server's public keys as the secret of a MAC: the oldest confusion of all. By hand, since
/// our own library refuses such a secret.
fn confused(header: &Value, payload: &Value, jwks: &[u8]) -> Vec<(String, String)> {
    let keys: Value = serde_json::from_slice(jwks).expect("JSON");
    let mut keys = keys["keys"].as_array().expect("a list").iter();
    let key = keys.find(|key| key["kid"] == header["kid"]).expect("it is published");
    let x = key["x"].as_str().expect("the key is on a curve");
    let x = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(x.as_bytes()).expect("base64url");
    let mut header = header.clone();
    header["alg"] = json!("HS256");
    let message = format!("{}.{}", part(&header), part(payload));
    [("the set", jwks.to_vec()), ("the key", key.to_string().into_bytes()), ("x", x)]
        .map(|(name, secret)| {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, &secret);
            let mac = hmac::sign(&secret, message.as_bytes());
            let mac = base64_simd::URL_SAFE_NO_PAD.encode_to_string(mac.as_ref());
            (format!("HS256 with {name} as the secret"), format!("{message}.{mac}"))
        })
        .to_vec()
}

/// What is hardly a token any more.
fn mangled(good: &str) -> Vec<(String, String)> {
    [
        ("cut", good[..good.len() - 4].to_owned()),
        ("four parts", format!("{good}.a")),
        ("five parts", format!("{good}.a.b")),
        ("two parts", good.rsplit_once('.').expect("three parts").0.to_owned()),
        ("padded", format!("{good}=")),
        ("dots", "..".to_owned()),
        ("junk", "junk".to_owned()),
        ("opaque junk", "csa_junk".to_owned()),
        ("40 kB", "a".repeat(40_000)),
        ("deep JSON", {
            let deep = format!("{}{}", "[".repeat(3000), "]".repeat(3000));
            let deep = base64_simd::URL_SAFE_NO_PAD.encode_to_string(deep.as_bytes());
            format!("{deep}.{deep}.a")
        }),
    ]
    .map(|(name, token)| (name.to_owned(), token))
    .to_vec()
}

#[test]
fn no_door_takes_a_token_of_another_kind() {
    let site = Site::new();
    let server = site.start();
    let mut browser = Browser::new(server.address());
    let tokens = DEMO_SPA.log_in(&server, &mut browser, "alice");
    let code = DEMO_SPA.code(&server, &mut browser, "alice");
    let jwks = server.send(&Request::get("/.well-known/jwks.json")).body;
    let mut wrong = forgeries(&tokens.access, &jwks);
    wrong.push(("an id token".to_owned(), tokens.id.clone()));
    wrong.push(("a refresh token".to_owned(), tokens.refresh.clone()));
    wrong.push(("a code".to_owned(), code));
    let mut table = Table::new(&server);
    for door in DOORS {
        for (name, token) in &wrong {
            let name = format!("{door}: {name}");
            // A header of 40 kB may be too much before anybody reads a token in it.
            let statuses: &[u16] = if token.len() > 20_000 { &[400, 401, 431] } else { &[401] };
            let answer = server.send(&Request::get(door).bearer(token));
            table.check_shape(&name, &answer);
            let error = answer.error().unwrap_or_default();
            if !statuses.contains(&answer.status)
                || (answer.status == 401 && error != "invalid_token")
            {
                table.blame(&name, &shown(&answer));
            }
        }
        let good = server.send(&Request::get(door).bearer(&tokens.access));
        if good.status != 200 {
            table.blame(door, &format!("refuses a good token: {}", shown(&good)));
        }
    }
    table.finish();
    server.stop();
}

#[test]
fn a_token_comes_in_one_header_and_nowhere_else() {
    let site = Site::new();
    let server = site.start();
    let tokens = DEMO_SPA.log_in(&server, &mut Browser::new(server.address()), "alice");
    let mut table = Table::new(&server);
    let access = &tokens.access;
    for door in DOORS {
        for (name, request) in [
            ("nothing", Request::get(door)),
            ("query", Request::get(&format!("{door}?access_token={access}"))),
            ("another scheme", Request::get(door).basic("alice", access)),
            ("cookie", Request::get(door).header("cookie", &format!("access_token={access}"))),
        ] {
            let name = format!("{door}: {name}");
            let answer = server.send(&request);
            table.check_shape(&name, &answer);
            // RFC 6750 section 3.1: without a token there is nothing to say about one.
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            if answer.status != 401 || !challenge.contains("Bearer") || challenge.contains("error=")
            {
                table.blame(&name, &shown(&answer));
            }
        }
        // RFC 9449 section 7.1: a token that is bound to no key is not good in this scheme.
        let name = format!("{door}: DPoP scheme");
        let dpop = Request::get(door).header("authorization", &format!("DPoP {access}"));
        let answer = server.send(&dpop);
        table.check_shape(&name, &answer);
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        if answer.status != 401 || !challenge.starts_with("DPoP error=\"invalid_token\"") {
            table.blame(&name, &shown(&answer));
        }
        for (name, header) in [
            ("empty", "Bearer ".to_owned()),
            ("two tokens", format!("Bearer {access} {access}")),
            ("a comma", format!("Bearer {access}, Bearer {access}")),
        ] {
            let name = format!("{door}: {name}");
            let answer = server.send(&Request::get(door).header("authorization", &header));
            table.check_shape(&name, &answer);
            if !matches!(answer.status, 400 | 401) {
                table.blame(&name, &shown(&answer));
            }
        }
        let two = Request::get(door).bearer(access).bearer(access);
        let answer = server.send(&two);
        table.check_shape(door, &answer);
        if !matches!(answer.status, 400 | 401) {
            table.blame(&format!("{door}: two headers"), &shown(&answer));
        }
        // RFC 9110 section 11.1: the name of a scheme has no case.
        let lower = Request::get(door).header("authorization", &format!("bearer {access}"));
        table.case(&format!("{door}: lower case"), &lower, &[200], "");
    }
    let bare = server.send(&Request::get("/sample/me"));
    let challenge = bare.header("www-authenticate").unwrap_or_default();
    assert!(challenge.contains("resource_metadata=\""), "RFC 9728 section 5.1: {challenge}");
    table.finish();
    server.stop();
}

#[test]
fn userinfo_is_for_people() {
    let site = Site::new();
    let server = site.start();
    let mut table = Table::new(&server);
    let own = Tokens::of(&server.send(&DEMO_SERVICE.client_credentials(&server)));
    let answer = server.send(&Request::get("/userinfo").bearer(&own.access));
    table.check_shape("a token of a client for itself", &answer);
    let error = answer.error().unwrap_or_default();
    if !matches!((answer.status, &*error), (401, "invalid_token") | (403, "insufficient_scope")) {
        table.blame("a token of a client for itself", &shown(&answer));
    }
    let good = server.send(&Request::get("/sample/me").bearer(&own.access));
    assert_eq!(good.status, 200, "it is good at its own door: {}", shown(&good));
    table.finish();
    server.stop();
}
