//! Tokens that must not be accepted, each with the exact reason for its refusal.
//!
//! Unless a row says otherwise the token is signed with the right key: the refusal must come from
//! what the row changes, not from a broken signature.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use countersign_jose::{
    AccessToken, Algorithm, ClientAssertion, Error, IdToken, IntrospectionResponse, KeySet,
    LogoutToken, Policy, Profile, RequestObject, SecurityEvent, SigningKey, StatusListToken,
    Timestamp, jwt,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example";
const API: &str = "https://api.example";
const NOW: u64 = 1_790_000_000;

struct Bench {
    key: SigningKey,
    keys: KeySet,
    access: Policy<AccessToken>,
    id: Policy<IdToken>,
}

impl Bench {
    fn new(algorithm: Algorithm) -> Self {
        let key = SigningKey::generate(algorithm).unwrap();
        Self {
            keys: KeySet::new([key.verifying_key()]),
            access: Policy::access_token(ISSUER, API, &[algorithm]).unwrap(),
            id: Policy::id_token(ISSUER, "web", &[algorithm]).unwrap(),
            key,
        }
    }

    fn header(&self) -> Value {
        json!({ "alg": self.key.algorithm().name(), "kid": self.key.key_id(), "typ": "at+jwt" })
    }

    /// Signs whatever it is given, as an attacker with an honest issuer's help would.
    fn raw(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", encode(header), encode(payload));
        let signature = self.key.sign(input.as_bytes()).unwrap();
        format!("{input}.{}", encode(signature))
    }

    fn token(&self, header: &Value, payload: &Value) -> String {
        self.raw(&header.to_string(), &payload.to_string())
    }

    fn verify(&self, compact: &str) -> Result<(), Error> {
        self.access.verify(&self.keys, compact, Timestamp::from_secs(NOW)).map(drop)
    }

    fn verify_id(&self, compact: &str) -> Result<(), Error> {
        self.id.verify(&self.keys, compact, Timestamp::from_secs(NOW)).map(drop)
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "ada", "aud": API, "client_id": "web", "jti": "t1",
        "iat": NOW - 10, "exp": NOW + 300,
    })
}

fn id_claims() -> Value {
    json!({ "iss": ISSUER, "sub": "ada", "aud": "web", "iat": NOW - 10, "exp": NOW + 300 })
}

/// The object with one member set, or taken out when the value is null.
fn with(mut object: Value, name: &str, value: Value) -> Value {
    let members = object.as_object_mut().unwrap();
    if value.is_null() {
        members.remove(name);
    } else {
        members.insert(name.to_owned(), value);
    }
    object
}

#[test]
fn the_honest_token_is_accepted_by_every_algorithm() {
    for &algorithm in Algorithm::ALL {
        let bench = Bench::new(algorithm);
        assert_eq!(bench.verify(&bench.token(&bench.header(), &claims())), Ok(()), "{algorithm}");
    }
}

#[test]
fn hostile_headers() {
    let bench = Bench::new(Algorithm::ES256);
    let denied = Error::AlgorithmNotAllowed;
    for (name, value, expected) in [
        ("alg", json!("none"), denied.clone()),
        ("alg", json!("None"), denied.clone()),
        ("alg", json!("NONE"), denied.clone()),
        ("alg", json!("nOnE"), denied.clone()),
        ("alg", json!("none "), denied.clone()),
        ("alg", json!("none\u{0}"), denied.clone()),
        ("alg", json!(""), denied.clone()),
        ("alg", json!("es256"), denied.clone()),
        ("alg", json!("HS256"), denied.clone()),
        ("alg", json!("Ed25519"), denied),
        ("alg", json!(null), Error::InvalidHeader("alg")),
        ("alg", json!(["ES256"]), Error::InvalidHeader("alg")),
        ("alg", json!(0), Error::InvalidHeader("alg")),
        ("crit", json!(["exp"]), Error::UnknownCritical),
        ("crit", json!([]), Error::UnknownCritical),
        ("b64", json!(false), Error::InvalidHeader("b64")),
        ("zip", json!("DEF"), Error::InvalidHeader("zip")),
        ("enc", json!("A256GCM"), Error::InvalidHeader("enc")),
        ("kid", json!(null), Error::MissingKeyId),
        ("kid", json!("../../dev/null"), Error::UnknownKey),
        ("kid", json!("' OR 1=1 --"), Error::UnknownKey),
        ("kid", json!("a\u{0}"), Error::InvalidHeader("kid")),
        ("kid", json!("k".repeat(257)), Error::InvalidHeader("kid")),
        ("kid", json!([bench.key.key_id()]), Error::InvalidHeader("kid")),
        ("typ", json!(null), Error::WrongType),
        ("typ", json!("JWT"), Error::WrongType),
        ("typ", json!("dpop+jwt"), Error::WrongType),
        ("typ", json!("logout+jwt"), Error::WrongType),
        ("typ", json!("at+jwt "), Error::WrongType),
        ("typ", json!(["at+jwt"]), Error::InvalidHeader("typ")),
        ("pad", json!("x".repeat(4096)), Error::TooLarge),
    ] {
        let token = bench.token(&with(bench.header(), name, value.clone()), &claims());
        assert_eq!(bench.verify(&token), Err(expected), "{name} = {value}");
    }
}

#[test]
fn headers_that_are_well_meant_are_accepted() {
    let bench = Bench::new(Algorithm::Ed25519);
    for (name, value) in [
        ("typ", json!("application/at+jwt")),
        ("typ", json!("AT+JWT")),
        ("alg", json!("EdDSA")),
        ("cty", json!("JWT")),
        ("x5t", json!("abc")),
    ] {
        let token = bench.token(&with(bench.header(), name, value.clone()), &claims());
        assert_eq!(bench.verify(&token), Ok(()), "{name} = {value}");
    }
}

#[test]
fn a_key_in_the_token_is_never_used() {
    let bench = Bench::new(Algorithm::ES256);
    let attacker = SigningKey::generate(Algorithm::ES256).unwrap();
    let forger = Bench { key: attacker, ..Bench::new(Algorithm::ES256) };
    let mut header = bench.header();
    header["jwk"] = serde_json::to_value(forger.key.public_jwk()).unwrap();
    header["jku"] = json!("https://evil.example/jwks.json");
    header["x5u"] = json!("https://evil.example/chain.pem");
    header["x5c"] = json!(["MIIB"]);
    assert_eq!(bench.verify(&forger.token(&header, &claims())), Err(Error::BadSignature));
    header["kid"] = json!(forger.key.key_id());
    assert_eq!(bench.verify(&forger.token(&header, &claims())), Err(Error::UnknownKey));
    header.as_object_mut().unwrap().remove("kid");
    assert_eq!(bench.verify(&forger.token(&header, &claims())), Err(Error::MissingKeyId));
}

#[test]
fn hostile_claims() {
    let bench = Bench::new(Algorithm::HS256);
    let invalid = Error::InvalidClaim;
    for (name, value, expected) in [
        ("iss", json!(null), Error::MissingClaim("iss")),
        ("iss", json!("https://id.example/"), Error::Issuer),
        ("iss", json!("https://ID.example"), Error::Issuer),
        ("iss", json!("https://id.example.evil.example"), Error::Issuer),
        ("iss", json!("https://id.exampl"), Error::Issuer),
        ("iss", json!(7), invalid("iss")),
        ("iss", json!([ISSUER]), invalid("iss")),
        ("iss", json!(""), invalid("iss")),
        ("sub", json!(null), Error::MissingClaim("sub")),
        ("sub", json!(""), invalid("sub")),
        ("sub", json!(7), invalid("sub")),
        ("sub", json!(["ada"]), invalid("sub")),
        ("sub", json!("a".repeat(256)), invalid("sub")),
        ("sub", json!("a\nb"), invalid("sub")),
        ("aud", json!(null), Error::MissingClaim("aud")),
        ("aud", json!("https://api.example/"), Error::Audience),
        ("aud", json!("https://api.example https://other.example"), Error::Audience),
        ("aud", json!("*"), Error::Audience),
        ("aud", json!("web"), Error::Audience),
        ("aud", json!(["https://other.example"]), Error::Audience),
        ("aud", json!([]), invalid("aud")),
        ("aud", json!(""), invalid("aud")),
        ("aud", json!({ "a": API }), invalid("aud")),
        ("aud", json!([[API]]), invalid("aud")),
        ("aud", json!([API, 7]), invalid("aud")),
        ("aud", json!([API, null]), invalid("aud")),
        ("aud", json!(true), invalid("aud")),
        ("aud", json!(vec![API; 65]), invalid("aud")),
        ("client_id", json!(null), Error::MissingClaim("client_id")),
        ("client_id", json!(""), invalid("client_id")),
        ("jti", json!(null), Error::MissingClaim("jti")),
        ("jti", json!(""), invalid("jti")),
        ("jti", json!("j".repeat(3000)), invalid("jti")),
        ("iat", json!(null), Error::MissingClaim("iat")),
        ("iat", json!(NOW + 31), Error::IssuedInFuture),
        ("iat", json!("1"), invalid("iat")),
        ("nbf", json!(NOW + 31), Error::NotYetValid),
        ("nbf", json!(NOW as f64 + 30.5), Error::NotYetValid),
        ("nbf", json!("0"), invalid("nbf")),
        ("nbf", json!([0]), invalid("nbf")),
        ("exp", json!(null), Error::MissingClaim("exp")),
        ("exp", json!(NOW - 30), Error::Expired),
        ("exp", json!(NOW as f64 - 29.5), Error::Expired),
        ("exp", json!(0), Error::Expired),
        ("exp", json!((NOW + 300).to_string()), invalid("exp")),
        ("exp", json!(-1), invalid("exp")),
        ("exp", json!(true), invalid("exp")),
        ("exp", json!([NOW + 300]), invalid("exp")),
        ("exp", json!(u64::MAX), invalid("exp")),
        ("exp", json!(i64::MIN), invalid("exp")),
        ("exp", json!(1e300), invalid("exp")),
        ("exp", json!(1e-300), Error::Expired),
        ("scope", json!(["a"]), invalid("scope")),
        ("scope", json!("a\tb"), invalid("scope")),
        ("grant_id", json!(7), invalid("grant_id")),
        ("auth_time", json!("1"), invalid("auth_time")),
        ("acr", json!(2), invalid("acr")),
        ("amr", json!("pwd"), invalid("amr")),
        ("amr", json!([]), invalid("amr")),
    ] {
        let token = bench.token(&bench.header(), &with(claims(), name, value.clone()));
        assert_eq!(bench.verify(&token), Err(expected), "{name} = {value}");
    }
}

#[test]
fn claims_at_the_edge_are_accepted() {
    let bench = Bench::new(Algorithm::HS256);
    for (name, value) in [
        ("exp", json!(NOW - 29)),
        ("exp", json!(253_402_300_799u64)),
        ("exp", json!(NOW as f64 + 0.5)),
        ("iat", json!(NOW + 30)),
        ("nbf", json!(NOW + 30)),
        ("aud", json!([API])),
        ("aud", json!(["https://other.example", API])),
        ("sub", json!("a".repeat(255))),
        ("scope", json!("")),
        ("unknown", json!({ "deep": [1, 2, { "x": null }] })),
    ] {
        let token = bench.token(&bench.header(), &with(claims(), name, value.clone()));
        assert_eq!(bench.verify(&token), Ok(()), "{name} = {value}");
    }
}

#[test]
fn payloads_that_readers_disagree_about() {
    let bench = Bench::new(Algorithm::HS256);
    let header = bench.header().to_string();
    let good = claims().to_string();
    let start = &good[..good.len() - 1];
    for (payload, expected) in [
        (String::new(), Error::Json),
        ("null".to_owned(), Error::Json),
        (format!("[{good}]"), Error::Json),
        (format!("{good}x"), Error::Json),
        (format!("{good}{good}"), Error::Json),
        (format!("\u{feff}{good}"), Error::Json),
        (format!(r#"{start},"exp":9999999999}}"#), Error::DuplicateMember),
        (format!(r#"{start},"\u0065xp":9999999999}}"#), Error::DuplicateMember),
        (format!(r#"{start},"x":{{"a":1,"a":2}}}}"#), Error::DuplicateMember),
        (format!(r#"{start},"x":"\ud800"}}"#), Error::Json),
        (format!(r#"{start},"x":NaN}}"#), Error::Json),
        (format!(r#"{start},"x":1e400}}"#), Error::Json),
        (format!(r#"{start},"x":{}}}"#, "[".repeat(5000)), Error::Json),
        (format!(r#"{start},"nbf":1e400}}"#), Error::InvalidClaim("nbf")),
        (format!(r#"{start},"nbf":1e99999}}"#), Error::InvalidClaim("nbf")),
        (format!(r#"{start},"x":"{}"}}"#, "x".repeat(16 * 1024)), Error::TooLarge),
    ] {
        assert_eq!(bench.verify(&bench.raw(&header, &payload)), Err(expected), "{payload:.300}");
    }
    let twice = header.replacen('{', r#"{"alg":"none","#, 1);
    assert_eq!(bench.verify(&bench.raw(&twice, &good)), Err(Error::DuplicateMember));
}

#[test]
fn texts_that_are_not_the_one_text_of_the_token() {
    let bench = Bench::new(Algorithm::ES256);
    let token = bench.token(&bench.header(), &claims());
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("three parts") };
    // 64 bytes leave four unused bits in the last character.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap();
    let trailing = format!("{}{}", &signature[..85], &alphabet[place + 1..place + 2]);
    for (text, expected) in [
        (String::new(), Error::Malformed),
        ("{}".to_owned(), Error::Malformed),
        (format!("{header}.{payload}"), Error::Malformed),
        (format!("{token}."), Error::Malformed),
        (format!("{token}.{signature}.{signature}"), Error::Malformed),
        (format!(".{payload}.{signature}"), Error::Malformed),
        (".".repeat(16 * 1024), Error::Malformed),
        ("a".repeat(16 * 1024 + 1), Error::TooLarge),
        (format!("{token}="), Error::Base64),
        (format!("{token}\n"), Error::Base64),
        (format!(" {token}"), Error::Base64),
        (format!("{header}=.{payload}.{signature}"), Error::Base64),
        (format!("{header}.{payload}.{trailing}"), Error::Base64),
        (format!("{header}.{payload}.{}", signature.replace(['-', '_'], "+")), Error::Base64),
        (format!("{header}.{payload}."), Error::BadSignature),
        (format!("{header}..{signature}"), Error::BadSignature),
        (format!("{header}.{payload}x.{signature}"), Error::BadSignature),
    ] {
        if text != token && !(text.ends_with(signature) && text.starts_with(&token)) {
            assert_eq!(bench.verify(&text), Err(expected), "{text:.200}");
        }
    }
}

#[test]
fn signatures_that_prove_nothing() {
    let bench = Bench::new(Algorithm::ES256);
    let token = bench.token(&bench.header(), &claims());
    let (input, signature) = token.rsplit_once('.').unwrap();
    let real = URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap();
    let order = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
        0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let der = [&[0x30, 0x44, 2, 0x20][..], &real[..32], &[2, 0x20], &real[32..]].concat();
    for forged in [
        vec![0; 64],
        [order, order].concat(),
        vec![0xff; 64],
        real[..63].to_vec(),
        [&real[..], &[0]].concat(),
        [&[0], &real[..]].concat(),
        der,
        Vec::new(),
    ] {
        let token = format!("{input}.{}", encode(&forged));
        assert_eq!(bench.verify(&token), Err(Error::BadSignature), "{forged:02x?}");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let rsa = SigningKey::generate(Algorithm::RS256).unwrap();
    let jwk = serde_json::to_vec(&rsa.public_jwk().unwrap()).unwrap();
    // The verifier will not even hold such a secret.
    assert!(matches!(
        countersign_jose::VerifyingKey::from_secret(Algorithm::HS256, &jwk),
        Err(Error::WeakKey(_))
    ));
    // And a header that says HS256 does not turn the RSA key into one, whatever the policy allows.
    let both = [Algorithm::RS256, Algorithm::HS256];
    let policy = Policy::access_token(ISSUER, API, &both).unwrap();
    let forger = Bench::new(Algorithm::HS256);
    let header = with(forger.header(), "kid", json!(rsa.key_id()));
    let token = forger.token(&header, &claims());
    let keys = KeySet::new([rsa.verifying_key()]);
    let verdict = policy.verify(&keys, &token, Timestamp::from_secs(NOW));
    assert_eq!(verdict.err(), Some(Error::AlgorithmNotAllowed));
}

#[test]
fn a_key_in_the_set_does_not_widen_the_policy() {
    let bench = Bench::new(Algorithm::ES256);
    let other = SigningKey::generate(Algorithm::Ed25519).unwrap();
    let keys = KeySet::new([bench.key.verifying_key(), other.verifying_key()]);
    let token = jwt::sign(&other, "at+jwt", &claims()).unwrap();
    let verdict = bench.access.verify(&keys, &token, Timestamp::from_secs(NOW));
    assert_eq!(verdict.err(), Some(Error::AlgorithmNotAllowed));
}

#[test]
fn one_kind_of_token_is_not_the_other() {
    let bench = Bench::new(Algorithm::ES256);
    let id_header = with(bench.header(), "typ", json!("JWT"));
    // Claims that would satisfy both policies, so that only the type tells them apart.
    let both = with(claims(), "aud", json!([API, "web"]));
    let both = with(both, "azp", json!("web"));
    assert_eq!(bench.verify(&bench.token(&bench.header(), &both)), Ok(()));
    assert_eq!(bench.verify_id(&bench.token(&id_header, &both)), Ok(()));
    assert_eq!(bench.verify(&bench.token(&id_header, &both)), Err(Error::WrongType));
    assert_eq!(bench.verify_id(&bench.token(&bench.header(), &both)), Err(Error::WrongType));
    let untyped = with(bench.header(), "typ", json!(null));
    assert_eq!(bench.verify(&bench.token(&untyped, &both)), Err(Error::WrongType));
    assert_eq!(bench.verify_id(&bench.token(&untyped, &both)), Ok(()));
}

#[test]
fn hostile_id_tokens() {
    let bench = Bench::new(Algorithm::ES256);
    let header = with(bench.header(), "typ", json!("JWT"));
    for (changes, expected) in [
        (vec![], Ok(())),
        (vec![("azp", json!("web"))], Ok(())),
        (vec![("azp", json!("other"))], Err(Error::AuthorizedParty)),
        (vec![("azp", json!(["web"]))], Err(Error::InvalidClaim("azp"))),
        (vec![("aud", json!(["web", "other"]))], Err(Error::AuthorizedParty)),
        (
            vec![("aud", json!(["web", "other"])), ("azp", json!("other"))],
            Err(Error::AuthorizedParty),
        ),
        (vec![("aud", json!(["web", "other"])), ("azp", json!("web"))], Ok(())),
        (vec![("aud", json!("other"))], Err(Error::Audience)),
        (vec![("iat", json!(null))], Err(Error::MissingClaim("iat"))),
        (vec![("exp", json!(null))], Err(Error::MissingClaim("exp"))),
        (vec![("sub", json!(null))], Err(Error::MissingClaim("sub"))),
        (vec![("nonce", json!(7))], Err(Error::InvalidClaim("nonce"))),
        (vec![("exp", json!(NOW - 30))], Err(Error::Expired)),
        (vec![("nbf", json!(NOW + 30))], Ok(())),
        (vec![("nbf", json!(NOW + 31))], Err(Error::NotYetValid)),
        (vec![("nbf", json!("soon"))], Err(Error::InvalidClaim("nbf"))),
    ] {
        let payload = changes
            .iter()
            .fold(id_claims(), |object, (name, value)| with(object, name, value.clone()));
        assert_eq!(bench.verify_id(&bench.token(&header, &payload)), expected, "{payload}");
    }
}

/// A token that starts later is not valid yet, whatever its kind (RFC 7519 section 4.1.5).
#[test]
fn every_kind_waits_for_nbf() {
    fn verdict<P: Profile>(typ: &str, policy: Result<Policy<P>, Error>, mut claims: Value) {
        let bench = Bench::new(Algorithm::HS256);
        let (header, policy) = (with(bench.header(), "typ", json!(typ)), policy.unwrap());
        for (nbf, expected) in [(NOW + 30, Ok(())), (NOW + 31, Err(Error::NotYetValid))] {
            claims["nbf"] = nbf.into();
            let token = bench.token(&header, &claims);
            let verdict = policy.verify(&bench.keys, &token, Timestamp::from_secs(NOW));
            assert_eq!(verdict.map(drop), expected, "{typ}");
        }
    }
    const HS: &[Algorithm] = &[Algorithm::HS256];
    let list = "https://id.example/list";
    let about = |more: Value| {
        let mut claims = json!({ "iss": ISSUER, "aud": API, "iat": NOW, "jti": "1" });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        claims
    };
    let logout = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    let logout = about(json!({ "exp": NOW + 60, "sub": "ada", "events": logout }));
    let request = json!({ "iss": "web", "client_id": "web", "aud": ISSUER, "exp": NOW + 60,
        "response_type": "code" });
    let assertion = json!({ "iss": "web", "sub": "web", "aud": ISSUER, "jti": "1",
        "exp": NOW + 60 });
    let status = json!({ "iss": ISSUER, "sub": list, "iat": NOW,
        "status_list": { "bits": 1, "lst": "eNrbuRgAAhcBXQ" } });
    verdict(LogoutToken::TYPE, Policy::logout_token(ISSUER, API, HS), logout);
    verdict(RequestObject::TYPE, Policy::request_object("web", ISSUER, HS), request);
    verdict(ClientAssertion::TYPE, Policy::client_assertion("web", ISSUER, HS), assertion);
    verdict(StatusListToken::TYPE, Policy::status_list(ISSUER, list, HS), status);
    let event = about(json!({ "events": { "urn:x": {} } }));
    verdict(SecurityEvent::TYPE, Policy::security_event(ISSUER, API, HS), event);
    let answer = about(json!({ "token_introspection": { "active": true } }));
    let policy = Policy::introspection_response(ISSUER, API, HS);
    verdict(IntrospectionResponse::TYPE, policy, answer);
    verdict(IdToken::TYPE, Policy::own_id_token_hint(ISSUER, HS), id_claims());
}

#[test]
fn the_nonce_must_be_the_one_that_was_asked_for() {
    let bench = Bench::new(Algorithm::ES256);
    let header = with(bench.header(), "typ", json!("JWT"));
    let policy = bench.id.clone().nonce("n-1");
    for (nonce, accepted) in [(json!("n-1"), true), (json!("n-2"), false), (json!(null), false)] {
        let token = bench.token(&header, &with(id_claims(), "nonce", nonce.clone()));
        let verdict = policy.verify(&bench.keys, &token, Timestamp::from_secs(NOW));
        assert_eq!(verdict.map(drop), if accepted { Ok(()) } else { Err(Error::Nonce) }, "{nonce}");
    }
}

#[test]
fn leeway_moves_both_ends_and_has_a_limit() {
    let bench = Bench::new(Algorithm::HS256);
    let token = bench.token(&bench.header(), &claims());
    let verdict = |leeway: u64, now_millis: u64| {
        let policy = bench.access.clone().leeway(Duration::from_secs(leeway));
        policy.verify(&bench.keys, &token, Timestamp::from_millis(now_millis)).map(drop)
    };
    let (issued, expires) = ((NOW - 10) * 1000, (NOW + 300) * 1000);
    assert_eq!(verdict(0, expires - 1), Ok(()));
    assert_eq!(verdict(0, expires), Err(Error::Expired));
    assert_eq!(verdict(5, expires + 4_999), Ok(()));
    assert_eq!(verdict(5, expires + 5_000), Err(Error::Expired));
    assert_eq!(verdict(5, issued - 5_000), Ok(()));
    assert_eq!(verdict(5, issued - 5_001), Err(Error::IssuedInFuture));
    assert_eq!(verdict(1_000_000, expires + 300_000), Err(Error::Expired));
    assert_eq!(verdict(1_000_000, expires + 299_999), Ok(()));
}

#[test]
fn an_issuer_reads_its_own_tokens_for_any_audience_and_checks_all_else() {
    let bench = Bench::new(Algorithm::ES256);
    let own = Policy::own_access_token(ISSUER, &[Algorithm::ES256]).unwrap();
    let verdict = |header: &Value, payload: &Value| {
        let token = bench.token(header, payload);
        own.verify(&bench.keys, &token, Timestamp::from_secs(NOW)).map(drop)
    };
    for (name, value, expected) in [
        ("aud", json!("https://other.example"), Ok(())),
        ("aud", json!(null), Err(Error::MissingClaim("aud"))),
        ("aud", json!([]), Err(Error::InvalidClaim("aud"))),
        ("iss", json!("https://other.example"), Err(Error::Issuer)),
        ("exp", json!(NOW - 30), Err(Error::Expired)),
        ("nbf", json!(NOW + 31), Err(Error::NotYetValid)),
    ] {
        let payload = with(claims(), name, value.clone());
        assert_eq!(verdict(&bench.header(), &payload), expected, "{name} = {value}");
    }
    let id_header = with(bench.header(), "typ", json!("JWT"));
    assert_eq!(verdict(&id_header, &claims()), Err(Error::WrongType));
}

#[test]
fn a_logout_hint_may_be_old_and_for_any_client_and_nothing_else() {
    let bench = Bench::new(Algorithm::ES256);
    let hint = Policy::own_id_token_hint(ISSUER, &[Algorithm::ES256]).unwrap();
    let header = with(bench.header(), "typ", json!("JWT"));
    let verdict =
        |token: &str| hint.verify(&bench.keys, token, Timestamp::from_secs(NOW)).map(drop);
    let old = with(id_claims(), "exp", json!(NOW - 1_000_000));
    for (payload, expected) in [
        (with(old.clone(), "aud", json!("other")), Ok(())),
        (with(old.clone(), "azp", json!("other")), Ok(())),
        (with(old.clone(), "iss", json!("https://other.example")), Err(Error::Issuer)),
        (with(old.clone(), "exp", json!(null)), Err(Error::MissingClaim("exp"))),
        (with(old.clone(), "iat", json!(NOW + 31)), Err(Error::IssuedInFuture)),
    ] {
        assert_eq!(verdict(&bench.token(&header, &payload)), expected, "{payload}");
    }
    assert_eq!(verdict(&bench.token(&bench.header(), &claims())), Err(Error::WrongType));
    let token = bench.token(&header, &old);
    let (input, _) = token.rsplit_once('.').unwrap();
    assert_eq!(verdict(&format!("{input}.")), Err(Error::BadSignature));
}

#[test]
fn a_policy_with_a_hole_is_not_built() {
    let algorithms = [Algorithm::ES256];
    let hole = |result: Result<Policy<AccessToken>, Error>| result.err();
    assert_eq!(
        hole(Policy::access_token("", API, &algorithms)),
        Some(Error::InvalidPolicy("issuer"))
    );
    assert_eq!(
        hole(Policy::access_token(ISSUER, "", &algorithms)),
        Some(Error::InvalidPolicy("audience"))
    );
    assert_eq!(
        hole(Policy::access_token(ISSUER, API, &[])),
        Some(Error::InvalidPolicy("algorithms"))
    );
    let no_client = Policy::id_token(ISSUER, "", &algorithms).err();
    assert_eq!(no_client, Some(Error::InvalidPolicy("client_id")));
}

#[test]
fn what_no_verifier_would_read_is_not_signed() {
    let key = SigningKey::generate(Algorithm::HS256).unwrap();
    assert_eq!(jwt::sign(&key, "at+jwt", &"text"), Err(Error::Unserializable));
    assert_eq!(jwt::sign(&key, "at+jwt", &[1]), Err(Error::Unserializable));
    let large = json!({ "x": "x".repeat(16 * 1024) });
    assert_eq!(jwt::sign(&key, "at+jwt", &large), Err(Error::TooLarge));
    assert_eq!(jwt::sign(&key, "at\njwt", &json!({})), Err(Error::InvalidHeader("typ")));
}

#[test]
fn the_verdict_names_the_key_and_hands_the_claims_over() {
    let bench = Bench::new(Algorithm::ES256);
    let token = bench.token(&bench.header(), &claims());
    let verified = bench.access.verify(&bench.keys, &token, Timestamp::from_secs(NOW)).unwrap();
    assert_eq!(verified.key_id(), bench.key.key_id());
    assert_eq!(verified.client_id, "web");
    assert_eq!(verified.into_inner().token_id, "t1");
}

proptest! {
    #[test]
    fn no_signed_payload_makes_the_verifier_panic(
        members in proptest::collection::vec(
            r#""(iss|sub|aud|exp|iat|nbf|jti)":([0-9eE.+\-]{1,8}|"[a-z]{0,3}"|\[\]|null)"#,
            0..8,
        ),
    ) {
        let payload = format!("{{{}}}", members.join(","));
        let key = SigningKey::from_secret(Algorithm::HS256, &[7; 32]).unwrap();
        let bench = Bench {
            keys: KeySet::new([key.verifying_key()]),
            key,
            access: Policy::access_token(ISSUER, API, &[Algorithm::HS256]).unwrap(),
            id: Policy::id_token(ISSUER, "web", &[Algorithm::HS256]).unwrap(),
        };
        prop_assert!(bench.verify(&bench.raw(&bench.header().to_string(), &payload)).is_err());
    }
}
