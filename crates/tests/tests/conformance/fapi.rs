//! The modules that the FAPI 2.0 plans share, in the order of the plans, and those of Message
//! Signing alone.

use std::thread;
use std::time::Duration;

use countersign_jose::{DpopProof, IdToken};
use countersign_tests::browser::Person;
use countersign_tests::http::{Answer, Request};
use countersign_tests::relying_party::VERIFIER;
use serde_json::{Value, json};

use super::config::{document, offers};
use super::fapi_flow::{Fapi, Holder, OBJECT, Profile, reference, with_bad_signature};
use super::flow::{is_refused, now, part, random, sign};
use super::party::CAROL;

/// The client is not believed (RFC 6749 section 5.2).
fn is_stranger(answer: &Answer) {
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!(answer.error().as_deref(), Some("invalid_client"));
}

/// A page that leads nowhere, for a reference that nobody may use.
fn leads_nowhere(answer: &Answer) {
    assert_eq!((answer.status, answer.header("location")), (400, None), "{}", answer.text());
    assert!(answer.text().contains("request_uri"), "{}", answer.text());
}

/// A request that differs from the usual one, and succeeds.
fn succeeds_with(profile: Profile, name: &str, value: &str) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask().with(name, value);
    fapi.succeeds(&ask);
}

/// A request without a parameter, which succeeds.
fn succeeds_without(profile: Profile, name: &str) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask().without(name);
    fapi.succeeds(&ask);
}

/// A request that is refused when it is pushed.
fn is_not_taken(profile: Profile, name: &str, value: &str, error: &str) {
    let fapi = Fapi::new(profile);
    is_refused(&fapi.push(&fapi.ask().with(name, value)), error);
}

fn remove(from: &mut Value, name: &str) {
    from.as_object_mut().expect("an object").remove(name);
}

/// A request object with other claims is refused when it is pushed.
fn object_is_refused(profile: Profile, change: impl FnOnce(&mut Value)) {
    let fapi = Fapi::new(profile);
    let mut claims = fapi.object_claims(&fapi.ask());
    change(&mut claims);
    is_refused(&fapi.push_object(&fapi.object(&claims), None), "invalid_request_object");
}

pub(super) fn discovery_end_point_verification(profile: Profile) {
    document(|document, _| {
        for (list, expected) in [
            ("id_token_signing_alg_values_supported", &["ES256"][..]),
            ("token_endpoint_auth_methods_supported", &["private_key_jwt"]),
            ("token_endpoint_auth_signing_alg_values_supported", &["ES256", "PS256"]),
            ("dpop_signing_alg_values_supported", &["ES256"]),
            ("code_challenge_methods_supported", &["S256"]),
            ("scopes_supported", &["openid"]),
        ] {
            offers(document, list, expected);
        }
        assert_eq!(document["pushed_authorization_request_endpoint"], "https://id.example/par");
        assert_eq!(document["authorization_response_iss_parameter_supported"], json!(true));
        if profile == Profile::MessageSigning {
            offers(document, "request_object_signing_alg_values_supported", &["ES256", "PS256"]);
            offers(document, "authorization_signing_alg_values_supported", &["ES256"]);
            offers(document, "response_modes_supported", &["jwt"]);
            assert_eq!(document["request_parameter_supported"], json!(true));
        }
    });
}

pub(super) fn happy_flow(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let login = fapi.succeeds(&fapi.ask());
    let claims = countersign_jose::jwt::peek(&login.tokens.access).expect("a JWT");
    assert!(claims.payload_json().contains(&fapi.holder.thumbprint()), "bound to the key");
}

pub(super) fn user_rejects_authentication(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    // Carol may have agreed before.
    let ask = fapi.ask().with("prompt", "consent");
    let path = fapi.path(&fapi.reference(&ask), &[]);
    let arrival = fapi.arrive(&path, Person { decision: "deny", ..CAROL });
    assert_eq!(fapi.error_in(&ask, &arrival), "access_denied");
}

pub(super) fn ensure_request_object_with_multiple_aud_succeeds(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask();
    let mut claims = fapi.object_claims(&ask);
    claims["aud"] = json!(["https://other.example", fapi.issuer()]);
    object_is_taken(&mut fapi, &claims, |fapi, arrival| fapi.code_in(&ask, arrival));
}

/// A request object with these claims leads to a code.
fn object_is_taken(
    fapi: &mut Fapi,
    claims: &Value,
    code: impl FnOnce(&Fapi, &countersign_tests::browser::Arrival) -> String,
) {
    let pushed = fapi.push_object(&fapi.object(claims), None);
    let path = fapi.path(&reference(&pushed), &[]);
    let arrival = fapi.arrive(&path, CAROL);
    let code = code(fapi, &arrival);
    fapi.tokens(&fapi.redeem(&code), claims["nonce"].as_str());
}

pub(super) fn ensure_authorization_request_without_state_success(profile: Profile) {
    succeeds_without(profile, "state");
}

pub(super) fn ensure_authorization_request_without_nonce_success(profile: Profile) {
    succeeds_without(profile, "nonce");
}

pub(super) fn ensure_authorization_request_with_64_char_nonce_success(profile: Profile) {
    succeeds_with(profile, "nonce", &"n".repeat(64));
}

pub(super) fn ensure_other_scope_order_succeeds(profile: Profile) {
    succeeds_with(profile, "scope", "email openid");
}

/// Every claim that the discovery document names and an account may have, by both doors, and some
/// that nobody knows.
pub(super) fn test_claims_parameter_identity_claims(profile: Profile) {
    const PROTOCOL: &[&str] = &["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr"];
    // Carol has no roles: they are not of OpenID Connect Core section 5.1.
    const NOT_HERS: &[&str] = &["amr", "at_hash", "sid", "roles"];
    let mut fapi = Fapi::new(profile);
    let metadata = fapi.server.send(&Request::get("/.well-known/openid-configuration")).json();
    assert_eq!(metadata["claims_parameter_supported"], json!(true));
    let supported = metadata["claims_supported"].as_array().expect("a list").clone();
    let names = supported.iter().filter_map(Value::as_str);
    let names: Vec<&str> =
        names.filter(|name| !PROTOCOL.contains(name) && !NOT_HERS.contains(name)).collect();
    assert_eq!(names.len(), 19, "all of OpenID Connect Core section 5.1 but sub: {names:?}");
    let mut wanted = json!({});
    for (place, name) in names.iter().enumerate() {
        wanted[*name] = [Value::Null, json!({ "essential": true }), json!({ "essential": false })]
            [place % 3]
            .clone();
    }
    wanted["favourite_colour"] = Value::Null;
    let claims = json!({ "userinfo": wanted, "id_token": wanted, "elsewhere": wanted });
    let ask = fapi.ask().with("claims", &claims.to_string());
    let login = fapi.log_in(&ask);
    let user_info = fapi.call(&login.tokens.access).json();
    for name in names {
        assert!(user_info.get(name).is_some(), "{name} at /userinfo: {user_info}");
        assert_eq!(login.id.extra.get(name), user_info.get(name), "{name} in the id token");
    }
    assert!(user_info.get("favourite_colour").is_none(), "{user_info}");
    assert!(!login.id.extra.contains_key("favourite_colour"));
}

/// A scheme has no case (RFC 9110 section 11.1).
pub(super) fn access_token_type_header_case_sensitivity(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let login = fapi.log_in(&fapi.ask());
    let token = &login.tokens.access;
    for scheme in ["dpOp", "dpop", "DPOP"] {
        let (header, claims) = fapi.holder.parts("GET", &fapi.url("/userinfo"), Some(token));
        let proof = sign(&fapi.holder.key, &header, &claims);
        let request = Request::get("/userinfo")
            .header("authorization", &format!("{scheme} {token}"))
            .header("DPoP", &proof);
        assert_eq!(fapi.server.send(&request).status, 200, "{scheme}");
    }
}

pub(super) fn ensure_request_object_with_nbf_8_seconds_in_the_future_is_accepted(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask();
    let mut claims = fapi.object_claims(&ask);
    claims["nbf"] = json!(now().as_secs() + 8);
    object_is_taken(&mut fapi, &claims, |fapi, arrival| fapi.code_in(&ask, arrival));
}

pub(super) fn check_dpop_proof_nbf_exp(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let code = fapi.code(&fapi.ask());
    let more = |claims: &mut Value| {
        claims["nbf"] = json!(now().as_secs());
        claims["exp"] = json!(now().as_secs() + 300);
    };
    let tokens =
        countersign_tests::relying_party::Tokens::of(&fapi.redeem_with_proof_of(&code, more));
    let (header, mut claims) =
        fapi.holder.parts("GET", &fapi.url("/userinfo"), Some(&tokens.access));
    more(&mut claims);
    let proof = sign(&fapi.holder.key, &header, &claims);
    assert_eq!(fapi.call_with(&tokens.access, &proof).status, 200);
}

/// Proofs are made by clocks that are not ours.
fn clock_is_off(profile: Profile, by: impl Fn(u64) -> u64) {
    let mut fapi = Fapi::new(profile);
    let code = fapi.code(&fapi.ask());
    let change = |claims: &mut Value| claims["iat"] = json!(by(now().as_secs()));
    let answer = fapi.redeem_with_proof_of(&code, change);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let token = answer.member("access_token");
    let (header, mut claims) = fapi.holder.parts("GET", &fapi.url("/userinfo"), Some(&token));
    change(&mut claims);
    let proof = sign(&fapi.holder.key, &header, &claims);
    assert_eq!(fapi.call_with(&token, &proof).status, 200);
}

pub(super) fn ensure_dpopproof_with_iat_10seconds_before_succeeds(profile: Profile) {
    clock_is_off(profile, |now| now - 10);
}

pub(super) fn ensure_dpopproof_with_iat_10seconds_after_succeeds(profile: Profile) {
    clock_is_off(profile, |now| now + 10);
}

/// `dpop_jkt` names another key than the proof beside it.
pub(super) fn ensure_mismatched_dpop_jkt_fails(profile: Profile) {
    let fapi = Fapi::new(profile);
    let ask = fapi.ask().with("dpop_jkt", &Holder::new().thumbprint());
    is_refused(&fapi.push_with(&ask, Some(&fapi.proof("/par"))), "invalid_request");
}

/// The code is bound to the key of the proof with which its request was pushed.
pub(super) fn ensure_token_endpoint_fails_with_mismatched_dpop_proof_jkt(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask();
    let pushed = reference(&fapi.push_with(&ask, Some(&fapi.proof("/par"))));
    let path = fapi.path(&pushed, &[]);
    let arrival = fapi.arrive(&path, CAROL);
    let code = fapi.code_in(&ask, &arrival);
    fapi.holder = Holder::new();
    is_refused(&fapi.redeem(&code), "invalid_grant");
}

/// The code is bound to the key that the request named.
pub(super) fn ensure_token_endpoint_fails_with_mismatched_dpop_jkt(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask().with("dpop_jkt", &Holder::new().thumbprint());
    let code = fapi.code(&ask);
    is_refused(&fapi.redeem(&code), "invalid_grant");
}

pub(super) fn ensure_dpopproof_at_par_endpoint_binding_success(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask();
    let pushed = reference(&fapi.push_with(&ask, Some(&fapi.proof("/par"))));
    let path = fapi.path(&pushed, &[]);
    let arrival = fapi.arrive(&path, CAROL);
    let code = fapi.code_in(&ask, &arrival);
    fapi.tokens(&fapi.redeem(&code), ask.get("nonce"));
}

pub(super) fn ensure_dpop_auth_code_binding_success(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask().with("dpop_jkt", &fapi.holder.thumbprint());
    fapi.succeeds(&ask);
}

/// What stands beside a pushed request counts for nothing.
fn outside_does_not_count(profile: Profile, more: &[(&str, &str)]) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask();
    let path = fapi.path(&fapi.reference(&ask), more);
    let arrival = fapi.arrive(&path, CAROL);
    let code = fapi.code_in(&ask, &arrival);
    fapi.tokens(&fapi.redeem(&code), ask.get("nonce"));
}

pub(super) fn ensure_different_nonce_inside_and_outside_request_object(profile: Profile) {
    outside_does_not_count(profile, &[("nonce", "another nonce")]);
}

pub(super) fn ensure_different_state_inside_and_outside_request_object(profile: Profile) {
    outside_does_not_count(profile, &[("state", "another state")]);
}

/// 1000 characters: they are taken.
pub(super) fn ensure_authorization_request_with_long_nonce(profile: Profile) {
    succeeds_with(profile, "nonce", &"n".repeat(1_000));
}

/// 1000 characters: they are taken.
pub(super) fn ensure_authorization_request_with_long_state(profile: Profile) {
    succeeds_with(profile, "state", &"s".repeat(1_000));
}

pub(super) fn ensure_request_object_without_exp_fails(profile: Profile) {
    object_is_refused(profile, |claims| remove(claims, "exp"));
}

pub(super) fn ensure_request_object_without_nbf_fails(profile: Profile) {
    object_is_refused(profile, |claims| remove(claims, "nbf"));
}

pub(super) fn state_only_outside_request_object_not_used(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask().without("state");
    let path = fapi.path(&fapi.reference(&ask), &[("state", "a state")]);
    let arrival = fapi.arrive(&path, CAROL);
    fapi.code_in(&ask, &arrival);
}

pub(super) fn ensure_request_object_without_redirect_uri_fails(profile: Profile) {
    let fapi = Fapi::new(profile);
    is_refused(&fapi.push(&fapi.ask().without("redirect_uri")), "invalid_request");
}

pub(super) fn ensure_expired_request_object_fails(profile: Profile) {
    object_is_refused(profile, |claims| claims["exp"] = json!(now().as_secs() - 300));
}

pub(super) fn ensure_request_object_with_bad_aud_fails(profile: Profile) {
    object_is_refused(profile, |claims| claims["aud"] = json!("https://other.example"));
}

/// 70 minutes.
pub(super) fn ensure_request_object_with_exp_over_60_fails(profile: Profile) {
    object_is_refused(profile, |claims| claims["exp"] = json!(now().as_secs() + 70 * 60));
}

/// 70 minutes.
pub(super) fn ensure_request_object_with_nbf_over_60_fails(profile: Profile) {
    object_is_refused(profile, |claims| claims["nbf"] = json!(now().as_secs() - 70 * 60));
}

/// Both keys are the client's own; the one for PS256 is good.
pub(super) fn ensure_signed_request_object_with_rs256_fails(profile: Profile) {
    let fapi = Fapi::rsa(profile);
    let claims = fapi.object_claims(&fapi.ask());
    reference(&fapi.push_object(&fapi.object(&claims), None));
    let weak = fapi.client.sign_weakly(OBJECT, &claims);
    is_refused(&fapi.push_object(&weak, None), "invalid_request_object");
}

pub(super) fn ensure_request_object_signature_algorithm_is_not_none(profile: Profile) {
    let fapi = Fapi::new(profile);
    let claims = fapi.object_claims(&fapi.ask());
    let unsigned = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims));
    is_refused(&fapi.push_object(&unsigned, None), "invalid_request_object");
}

pub(super) fn ensure_request_object_with_invalid_signature_fails(profile: Profile) {
    let fapi = Fapi::new(profile);
    let object = fapi.object(&fapi.object_claims(&fapi.ask()));
    is_refused(&fapi.push_object(&with_bad_signature(&object), None), "invalid_request_object");
}

/// Signed by the other client.
pub(super) fn ensure_matching_key_in_authorization_request(profile: Profile) {
    let (fapi, other) = (Fapi::new(profile), Fapi::second(profile));
    let object = other.object(&fapi.object_claims(&fapi.ask()));
    is_refused(&fapi.push_object(&object, None), "invalid_request_object");
}

pub(super) fn ensure_unsigned_request_at_par_endpoint_fails(profile: Profile) {
    let fapi = Fapi::new(profile);
    let assertion = fapi.client.assertion(&fapi.client.assertion_claims(&fapi.issuer()));
    let answer = fapi.send_as("/par", &fapi.ask().fields(), &assertion, None);
    is_refused(&answer, "invalid_request");
}

pub(super) fn ensure_registered_redirect_uri(profile: Profile) {
    let uri = format!("https://rp.example/callback/{}", random());
    is_not_taken(profile, "redirect_uri", &uri, "invalid_request");
}

/// RFC 9126 section 2.4 would allow it. It is refused.
pub(super) fn plain_fapi_tolerate_unregistered_redirect_uri(profile: Profile) {
    is_not_taken(profile, "redirect_uri", "https://rp.example/callback?more", "invalid_request");
}

/// The client has to push its requests.
pub(super) fn ensure_unsigned_authorization_request_without_using_par_fails(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    // Nobody has read that a signed answer is wanted.
    let ask = fapi.ask().without("response_mode");
    let path = format!("/authorize?{}", countersign_tests::http::encode(&ask.fields()));
    let arrival = fapi.arrive(&path, CAROL);
    assert_eq!(arrival.fields.get("error").map(String::as_str), Some("invalid_request"));
    assert_eq!(arrival.fields.get("state").map(String::as_str), ask.get("state"));
    assert_eq!((arrival.fields.get("code"), arrival.asked), (None, vec![]));
}

pub(super) fn ensure_redirect_uri_in_authorization_request(profile: Profile) {
    ensure_request_object_without_redirect_uri_fails(profile);
}

pub(super) fn ensure_response_type_code_idtoken_fails(profile: Profile) {
    is_not_taken(profile, "response_type", "code id_token", "unsupported_response_type");
}

pub(super) fn ensure_response_type_token_fails(profile: Profile) {
    is_not_taken(profile, "response_type", "token", "unsupported_response_type");
}

/// An assertion that names the second client, signed by the first one.
pub(super) fn ensure_client_id_in_token_endpoint(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let other = Fapi::second(profile);
    let code = fapi.code(&fapi.ask());
    let claims = other.client.assertion_claims(&fapi.issuer());
    is_stranger(&fapi.redeem_asserting(&code, &claims));
}

pub(super) fn ensure_holder_of_key_required(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let code = fapi.code(&fapi.ask());
    is_refused(&fapi.redeem_proving(&code, None), "invalid_request");
}

pub(super) fn ensure_authorization_code_is_bound_to_client(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let code = fapi.code(&fapi.ask());
    is_refused(&Fapi::second(profile).redeem(&code), "invalid_grant");
}

pub(super) fn attempt_reuse_authorization_code_after_one_second(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let login = fapi.succeeds(&fapi.ask());
    thread::sleep(Duration::from_secs(1));
    is_refused(&fapi.redeem(&login.code), "invalid_grant");
    let refused = fapi.call(&login.tokens.access);
    assert_eq!((refused.status, refused.error().as_deref()), (401, Some("invalid_token")));
}

/// Codes of 10 seconds instead of 60.
pub(super) fn ensure_token_endpoint_fails_with_expired_auth_code(profile: Profile) {
    let mut fapi = Fapi::quick(profile);
    let code = fapi.code(&fapi.ask());
    thread::sleep(Duration::from_millis(10_500));
    is_refused(&fapi.redeem(&code), "invalid_grant");
}

/// Both keys are the client's own; the one for PS256 is good.
pub(super) fn ensure_signed_client_assertion_with_rs256_fails(profile: Profile) {
    let fapi = Fapi::rsa(profile);
    let claims = || fapi.client.assertion_claims(&fapi.issuer());
    reference(&fapi.push_asserting(&fapi.ask(), &claims()));
    let weak = fapi.client.sign_weakly("JWT", &claims());
    is_stranger(&fapi.push_as(&fapi.ask(), &weak));
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "csr_any")];
    let weak = fapi.client.sign_weakly("JWT", &claims());
    is_stranger(&fapi.send_as("/token", &grant, &weak, Some(&fapi.proof("/token"))));
}

pub(super) fn ensure_client_assertion_in_token_endpoint(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let code = fapi.code(&fapi.ask());
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("client_id", fapi.client.id),
        ("redirect_uri", super::party::REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let request = Request::form("/token", &fields).header("DPoP", &fapi.proof("/token"));
    is_stranger(&fapi.server.send(&request));
}

/// A code is not redeemed with an assertion of other claims.
fn assertion_is_refused(profile: Profile, change: impl FnOnce(&mut Value, &Fapi)) {
    let mut fapi = Fapi::new(profile);
    let code = fapi.code(&fapi.ask());
    let mut claims = fapi.client.assertion_claims(&fapi.issuer());
    change(&mut claims, &fapi);
    is_stranger(&fapi.redeem_asserting(&code, &claims));
}

pub(super) fn ensure_client_assertion_with_exp_is_5_minutes_in_past_fails(profile: Profile) {
    assertion_is_refused(profile, |claims, _| claims["exp"] = json!(now().as_secs() - 300));
}

pub(super) fn ensure_client_assertion_with_wrong_aud_fails(profile: Profile) {
    assertion_is_refused(profile, |claims, _| claims["aud"] = json!("https://other.example"));
}

pub(super) fn ensure_client_assertion_with_no_sub_fails(profile: Profile) {
    assertion_is_refused(profile, |claims, _| remove(claims, "sub"));
}

/// At `/userinfo`: the parts of a proof are changed, one at a time, and then the proof as it goes.
pub(super) fn dpop_negative_tests(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let token = fapi.log_in(&fapi.ask()).tokens.access;
    let url = fapi.url("/userinfo");
    let made = |change: &dyn Fn(&mut Value, &mut Value)| {
        let (mut header, mut claims) = fapi.holder.parts("GET", &url, Some(&token));
        change(&mut header, &mut claims);
        sign(&fapi.holder.key, &header, &claims)
    };
    let good = || made(&|_, _| {});
    let mut refused = vec![
        ("not well-formed", good().replace('.', "")),
        ("no part", String::new()),
        ("a typ of its own", made(&|header, _| header["typ"] = json!("JWT"))),
        ("a private key", made(&|header, _| header["jwk"]["d"] = header["jwk"]["x"].clone())),
        ("another method", made(&|_, claims| claims["htm"] = json!("PUT"))),
        ("another URL", made(&|_, claims| claims["htu"] = json!("https://other.example/userinfo"))),
        ("an hour ahead", made(&|_, claims| claims["iat"] = json!(now().as_secs() + 3_600))),
        ("an hour old", made(&|_, claims| claims["iat"] = json!(now().as_secs() - 3_600))),
        (
            "another token",
            made(&|_, claims| claims["ath"] = json!(DpopProof::access_token_hash("another"))),
        ),
        ("a bad signature", with_bad_signature(&good())),
    ];
    for name in ["typ", "alg", "jwk"] {
        refused.push((name, made(&|header, _| remove(header, name))));
    }
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        refused.push((name, made(&|_, claims| remove(claims, name))));
    }
    let (mut header, claims) = fapi.holder.parts("GET", &url, Some(&token));
    header["alg"] = json!("none");
    refused.push(("alg none", format!("{}.{}.", part(&header), part(&claims))));
    let other = Holder::new();
    let (header, claims) = other.parts("GET", &url, Some(&token));
    refused.push(("another key", sign(&other.key, &header, &claims)));
    for (name, proof) in refused {
        let answer = fapi.call_with(&token, &proof);
        let error = answer.error().unwrap_or_default();
        let known = matches!(error.as_str(), "invalid_dpop_proof" | "invalid_token");
        assert!(answer.status == 401 && known, "{name}: {} {error}", answer.status);
    }
    for (name, proof) in [
        ("a query", made(&|_, claims| claims["htu"] = json!(format!("{url}?a=b#c")))),
        ("upper case", made(&|_, claims| claims["htu"] = json!(url.replace("http:", "HTTP:")))),
        (
            "more members",
            made(&|header, claims| {
                header["more"] = json!("a");
                claims["more"] = json!({ "b": 1 });
            }),
        ),
        ("nothing wrong", good()),
    ] {
        let answer = fapi.call_with(&token, &proof);
        assert_eq!(answer.status, 200, "{name}: {:?}", answer.error());
    }
    requests_with_proofs(&fapi, &token, &good);
}

/// Not the proof is changed, but how it is sent.
fn requests_with_proofs(fapi: &Fapi, token: &str, good: &dyn Fn() -> String) {
    let as_dpop = || Request::get("/userinfo").header("authorization", &format!("DPoP {token}"));
    let once = good();
    for (name, request, status) in [
        ("upper case", as_dpop().header("DPOP", &good()), 200),
        ("two proofs", as_dpop().header("DPoP", &good()).header("DPoP", &good()), 401),
        ("first use", as_dpop().header("DPoP", &once), 200),
        ("second use", as_dpop().header("DPoP", &once), 401),
        ("no proof", as_dpop(), 401),
        ("as a bearer", Request::get("/userinfo").bearer(token), 401),
        ("nothing wrong", as_dpop().header("DPoP", &good()), 200),
    ] {
        assert_eq!(fapi.server.send(&request).status, status, "{name}");
    }
}

pub(super) fn refresh_token(profile: Profile) {
    let is_renewed = |fapi: &Fapi, answer: &Answer, first: &IdToken| {
        let (tokens, id) = fapi.tokens(answer, None);
        assert_eq!(
            (&id.issuer, &id.subject, &id.audience, id.auth_time),
            (&first.issuer, &first.subject, &first.audience, first.auth_time)
        );
        assert_eq!(fapi.call(&tokens.access).status, 200);
        tokens
    };
    let mut fapi = Fapi::new(profile);
    let login = fapi.log_in(&fapi.ask());
    let first = &login.tokens.refresh;
    // FAPI 2.0 Security Profile section 5.3.2.1: it stays, so a lost answer costs nothing.
    for _ in 0..2 {
        let renewed = fapi.refresh(first, Some(&fapi.proof("/token")));
        assert_eq!(is_renewed(&fapi, &renewed, &login.id).refresh, *first);
    }
    is_refused(&fapi.refresh(first, None), "invalid_request");

    let mut other = Fapi::second(profile);
    let others = other.log_in(&other.ask());
    is_refused(&fapi.refresh(&others.tokens.refresh, Some(&fapi.proof("/token"))), "invalid_grant");
    // Another client's token is worth nothing without that client's key.
    assert_eq!(fapi.call(&others.tokens.access).status, 401);
}

/// The browser comes twice before the person has signed in.
pub(super) fn par_ensure_reused_request_uri_prior_to_auth_completion_succeeds(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask();
    let path = fapi.path(&fapi.reference(&ask), &[]);
    let first = fapi.browser.visit(&path);
    assert!(first.header("location").is_some_and(|to| to.starts_with("/login")), "{first:?}");
    let arrival = fapi.arrive(&path, CAROL);
    let code = fapi.code_in(&ask, &arrival);
    fapi.tokens(&fapi.redeem(&code), ask.get("nonce"));
}

pub(super) fn par_attempt_reuse_request_uri(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let ask = fapi.ask();
    let path = fapi.path(&fapi.reference(&ask), &[]);
    let arrival = fapi.arrive(&path, CAROL);
    fapi.code_in(&ask, &arrival);
    leads_nowhere(&fapi.browser.visit(&path));
}

/// Pushed requests of 5 seconds.
pub(super) fn par_attempt_to_use_expired_request_uri(profile: Profile) {
    let mut fapi = Fapi::quick(profile);
    let path = fapi.path(&fapi.reference(&fapi.ask()), &[]);
    thread::sleep(Duration::from_millis(5_500));
    leads_nowhere(&fapi.browser.visit(&path));
}

/// The clock of a client is ahead.
fn push_at(profile: Profile, ahead: u64) -> Answer {
    let fapi = Fapi::new(profile);
    let mut claims = fapi.client.assertion_claims(&fapi.issuer());
    let later = now().as_secs() + ahead;
    claims["iat"] = json!(later);
    claims["nbf"] = json!(later);
    claims["exp"] = json!(later + 60);
    fapi.push_asserting(&fapi.ask(), &claims)
}

pub(super) fn par_ensure_jwt_client_assertions_nbf_8_seconds_in_the_future_is_accepted(
    profile: Profile,
) {
    reference(&push_at(profile, 8));
}

pub(super) fn par_ensure_jwt_client_assertions_nbf_over_60_seconds_in_the_future_fails(
    profile: Profile,
) {
    is_stranger(&push_at(profile, 75));
}

pub(super) fn par_attempt_to_use_request_uri_for_different_client(profile: Profile) {
    let fapi = Fapi::new(profile);
    let pushed = fapi.reference(&fapi.ask());
    let mut other = Fapi::second(profile);
    let path = other.path(&pushed, &[]);
    leads_nowhere(&other.browser.visit(&path));
}

/// As a parameter of the form.
pub(super) fn par_authorization_request_containing_request_uri_form_param(profile: Profile) {
    let fapi = Fapi::new(profile);
    let ask = fapi.ask();
    let object = fapi.object(&fapi.object_claims(&ask));
    let mut fields = match profile {
        Profile::Security => ask.fields(),
        Profile::MessageSigning => {
            vec![("client_id", fapi.client.id), ("request", object.as_str())]
        }
    };
    fields.push(("request_uri", "urn:ietf:params:oauth:request_uri:random"));
    let assertion = fapi.client.assertion(&fapi.client.assertion_claims(&fapi.issuer()));
    is_refused(&fapi.send_as("/par", &fields, &assertion, None), "invalid_request");
}

pub(super) fn par_attempt_invalid_http_method(profile: Profile) {
    let fapi = Fapi::new(profile);
    let form = "application/x-www-form-urlencoded";
    for method in ["PUT", "GET", "DELETE"] {
        let request = Request::new(method, "/par").header("content-type", form);
        let answer = fapi.server.send(&request);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
}

pub(super) fn par_ensure_pkce_required(profile: Profile) {
    let fapi = Fapi::new(profile);
    let ask = fapi.ask().without("code_challenge").without("code_challenge_method");
    is_refused(&fapi.push(&ask), "invalid_request");
}

pub(super) fn ensure_pkce_code_verifier_required(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let code = fapi.code(&fapi.ask());
    is_refused(&fapi.redeem_verifying(&code, None), "invalid_grant");
}

pub(super) fn incorrect_pkce_code_verifier_rejected(profile: Profile) {
    let mut fapi = Fapi::new(profile);
    let code = fapi.code(&fapi.ask());
    let wrong = VERIFIER.replace('d', "e");
    is_refused(&fapi.redeem_verifying(&code, Some(&wrong)), "invalid_grant");
}

pub(super) fn par_plain_pkce_rejected(profile: Profile) {
    let fapi = Fapi::new(profile);
    let ask = fapi.ask().with("code_challenge", VERIFIER).with("code_challenge_method", "plain");
    is_refused(&fapi.push(&ask), "invalid_request");
}

/// As a claim of the request object.
pub(super) fn par_authorization_request_containing_request_uri(profile: Profile) {
    object_is_refused(profile, |claims| {
        claims["request_uri"] = json!("urn:ietf:params:oauth:request_uri:random");
    });
}

/// With `client_id` and `request_uri` alone, as every request of these tests; the other way is that
/// the parameters stand there once more.
pub(super) fn par_without_duplicate_parameters(profile: Profile) {
    outside_does_not_count(profile, &[]);
    outside_does_not_count(profile, &[("response_type", "code"), ("scope", "openid email")]);
}

/// An assertion for another audience is not taken with a pushed request.
fn audience_is_refused(profile: Profile, audience: impl FnOnce(&Fapi) -> Value) {
    let fapi = Fapi::new(profile);
    let mut claims = fapi.client.assertion_claims(&fapi.issuer());
    claims["aud"] = audience(&fapi);
    is_stranger(&fapi.push_asserting(&fapi.ask(), &claims));
}

/// The issuer, the token endpoint and the endpoint itself, as in the suite.
pub(super) fn par_test_array_as_audience_fails(profile: Profile) {
    audience_is_refused(profile, |fapi| {
        json!([fapi.issuer(), fapi.url("/token"), fapi.url("/par")])
    });
}

pub(super) fn par_test_par_endpoint_url_as_audience_fails(profile: Profile) {
    audience_is_refused(profile, |fapi| json!(fapi.url("/par")));
}

pub(super) fn par_test_token_endpoint_url_as_audience_fails(profile: Profile) {
    audience_is_refused(profile, |fapi| json!(fapi.url("/token")));
}
