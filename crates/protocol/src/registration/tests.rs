use countersign_jose::jwe::KeyManagement;
use countersign_jose::{Algorithm, PrivateJwk, SigningKey};
use serde_json::json;

use super::*;
use crate::client::ApplicationType;
use crate::client::AuthMethod;

fn terms() -> Terms {
    Terms {
        resources: vec!["https://api.example".to_owned(), "https://b.example".to_owned()],
        scope: Scope::parse("openid email orders").unwrap(),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        details_types: vec!["payment".to_owned()],
        without_pkce: false,
        token_endpoint_as_audience: false,
        loopback: false,
    }
}

const FRESH: FreshSecret<'_> = FreshSecret { plain: "a fresh secret", sealed: "sealed" };

fn apply(before: Client, body: &Value, terms: &Terms) -> Result<Registered, OAuthError> {
    Registration::read(body.to_string().as_bytes())?.apply(before, terms, FRESH)
}

fn register(body: &Value) -> Result<Registered, OAuthError> {
    apply(Client::new("c1"), body, &terms())
}

fn client(body: &Value) -> Client {
    register(body).unwrap().client
}

#[test]
fn what_is_not_said_is_as_the_specification_says() {
    let body = json!({ "redirect_uris": ["https://rp.example/cb"] });
    let Registered { client, new_secret } = register(&body).unwrap();
    assert_eq!(new_secret.as_deref(), Some("a fresh secret"));
    assert_eq!(client.client_secret_sha256, Some(hash_secret("a fresh secret")));
    assert_eq!(client.token_endpoint_auth_method, AuthMethod::ClientSecretBasic);
    assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
    assert_eq!(client.response_types, ["code"]);
    assert_eq!(client.application_type, Some(ApplicationType::Web));
    assert_eq!(client.scope, Some(terms().scope));
    assert_eq!(client.resources, terms().resources);
    assert!(client.require_pkce && client.self_registered, "{client:?}");
    let told = registered_members(&client);
    assert_eq!(told["redirect_uris"], json!(["https://rp.example/cb"]));
    assert_eq!(told["client_id"], "c1");
    assert!(!told.contains_key("client_secret_sha256") && !told.contains_key("self_registered"));
}

#[test]
fn every_member_is_kept_and_told_again() {
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let encrypting = PrivateJwk::generate(KeyManagement::EcdhEs).unwrap();
    let mut body = json!({
        "application_type": "web",
        "authorization_details_types": ["payment"],
        "authorization_encrypted_response_alg": "ECDH-ES",
        "authorization_encrypted_response_enc": "A256GCM",
        "authorization_signed_response_alg": "ES256",
        "backchannel_logout_session_required": true,
        "backchannel_logout_uri": "https://rp.example/back",
        "client_name": "The RP",
        "client_uri": "https://rp.example",
        "contacts": ["ops@rp.example"],
        "default_acr_values": ["urn:x"],
        "default_max_age": 600,
        "dpop_bound_access_tokens": true,
        "frontchannel_logout_session_required": true,
        "frontchannel_logout_uri": "https://rp.example/front",
        "grant_types": ["authorization_code", "refresh_token"],
        "id_token_encrypted_response_alg": "ECDH-ES",
        "id_token_encrypted_response_enc": "A128GCM",
        "id_token_signed_response_alg": "RS256",
    });
    let more = json!({
        "initiate_login_uri": "https://rp.example/login",
        "introspection_signed_response_alg": "ES256",
        "jwks": { "keys": [key.public_jwk(), encrypting.public()] },
        "logo_uri": "https://rp.example/logo.png",
        "policy_uri": "https://rp.example/policy",
        "post_logout_redirect_uris": ["https://rp.example/bye"],
        "redirect_uris": ["https://rp.example/cb", "https://rp.example/cb?x=1"],
        "request_object_signing_alg": "ES256",
        "request_uris": ["https://rp.example/request#hash"],
        "require_auth_time": true,
        "require_pushed_authorization_requests": true,
        "require_signed_request_object": true,
        "resources": ["https://b.example"],
        "response_types": ["code"],
        "scope": "openid email",
        "sector_identifier_uri": "https://rp.example/sector.json",
        "software_id": "rp",
        "software_version": "1.2",
        "subject_type": "pairwise",
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "tos_uri": "https://rp.example/tos",
        "userinfo_encrypted_response_alg": "ECDH-ES",
        "userinfo_encrypted_response_enc": "A256GCM",
        "userinfo_signed_response_alg": "ES256",
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut told = registered_members(&client(&body));
    assert_eq!(told.remove("client_id"), Some("c1".into()));
    // Each of these goes instead of another.
    let other = ["jwks_uri", "tls_client_certificate_bound_access_tokens"];
    for name in MEMBERS.iter().filter(|name| !other.contains(name)) {
        assert!(told.contains_key(*name), "{name} has no value in this test");
    }
    // The scope is a set.
    assert_eq!(told.insert("scope".to_owned(), "openid email".into()), Some("email openid".into()));
    assert_eq!(Value::from(told), body);
}

#[test]
fn each_member_that_may_be_set_is_one_of_a_client_and_gives_no_power() {
    for name in MEMBERS {
        let odd = json!({ "client_id": "x", *name: { "odd": true } });
        let error = serde_json::from_value::<Client>(odd).map(|_| ()).err();
        let unknown = error.is_some_and(|error| error.to_string().contains("unknown field"));
        assert!(!unknown, "{name}");
        assert!(!name.starts_with("danger_"), "{name}");
    }
    for name in ["disabled", "protects", "self_registered", "client_secret_sha256", "require_pkce"]
    {
        assert!(!MEMBERS.contains(&name), "{name}");
    }
}

#[test]
fn what_nobody_knows_or_only_an_operator_sets_is_ignored() {
    let plain = json!({ "redirect_uris": ["https://rp.example/cb"] });
    let mut more = plain.clone();
    for (name, value) in [
        ("client_name#de", json!("Der RP")),
        ("client_id", json!("chosen")),
        ("client_secret", json!("chosen")),
        ("client_secret_sha256", json!("chosen")),
        ("disabled", json!(true)),
        ("self_registered", json!(false)),
        ("protects", json!(["https://victim.example"])),
        ("protected_access_token_format", json!("opaque")),
        ("require_pkce", json!(false)),
        ("danger_any_loopback_redirect", json!(true)),
        ("danger_token_endpoint_as_audience", json!(true)),
        ("unheard_of", json!({ "a": [1] })),
        ("client_name", json!(null)),
    ] {
        more[name] = value;
    }
    assert_eq!(client(&more), client(&plain));
}

#[test]
fn what_is_refused_and_with_which_code() {
    let (address, metadata) = ("invalid_redirect_uri", "invalid_client_metadata");
    for (name, value, code) in [
        ("redirect_uris", json!(null), address),
        ("redirect_uris", json!([]), address),
        ("redirect_uris", json!("https://rp.example/cb"), address),
        ("redirect_uris", json!([1]), address),
        ("redirect_uris", json!(["https://rp.example/cb#x"]), address),
        ("redirect_uris", json!(["http://rp.example/cb"]), address),
        ("redirect_uris", json!(["javascript:alert(1)"]), address),
        ("redirect_uris", json!(["https://u@rp.example/cb"]), address),
        ("redirect_uris", json!(vec!["https://rp.example/cb"; 21]), address),
        ("post_logout_redirect_uris", json!(["javascript:alert(1)"]), metadata),
        ("post_logout_redirect_uris", json!(vec!["https://rp.example/"; 21]), metadata),
        ("token_endpoint_auth_method", json!("tls_client_auth_x"), metadata),
        ("token_endpoint_auth_method", json!("private_key_jwt"), metadata),
        ("token_endpoint_auth_signing_alg", json!("none"), metadata),
        ("token_endpoint_auth_signing_alg", json!("HS256"), metadata),
        ("id_token_signed_response_alg", json!("none"), metadata),
        ("id_token_signed_response_alg", json!("HS256"), "ok"),
        ("introspection_signed_response_alg", json!("HS256"), metadata),
        ("grant_types", json!(["implicit"]), metadata),
        ("grant_types", json!(["client_credentials"]), metadata),
        ("grant_types", json!("authorization_code"), metadata),
        ("grant_types", json!(["refresh_token"]), "ok"),
        ("response_types", json!(["token"]), metadata),
        ("response_types", json!(["code", "code id_token"]), "ok"),
        ("scope", json!("admin"), metadata),
        ("scope", json!(["openid"]), metadata),
        ("scope", json!("openid admin"), "ok"),
        ("resources", json!(["https://victim.example"]), metadata),
        ("resources", json!(["https://api.example", "https://victim.example"]), metadata),
        ("resources", json!(["https://api.example/"]), metadata),
        ("jwks", json!("x"), metadata),
        ("jwks", json!({ "keys": [] }), metadata),
        ("jwks_uri", json!("http://rp.example/keys"), metadata),
        ("jwks_uri", json!("http://127.0.0.1/keys"), metadata),
        ("jwks_uri", json!("https://2130706433/keys"), metadata),
        ("jwks_uri", json!("https://me@rp.example/keys"), metadata),
        ("sector_identifier_uri", json!("file:///etc/passwd"), metadata),
        ("logo_uri", json!("data:image/png;base64,AAAA"), metadata),
        ("initiate_login_uri", json!("http://rp.example/login"), metadata),
        ("client_uri", json!("javascript:alert(1)"), metadata),
        ("backchannel_logout_uri", json!("http://127.0.0.1/bye"), metadata),
        ("backchannel_logout_uri", json!("https://127.1/bye"), metadata),
        ("frontchannel_logout_uri", json!("https://victim.example/delete"), metadata),
        ("frontchannel_logout_uri", json!("https://rp.example:8443/bye"), metadata),
        ("frontchannel_logout_uri", json!("https://rp.example/bye"), "ok"),
        ("authorization_details_types", json!(["payment", "refund"]), metadata),
        ("authorization_details_types", json!(["payment"]), "ok"),
        ("request_uris", json!(["http://rp.example/request"]), metadata),
        ("request_uris", json!(vec!["https://rp.example/request"; 21]), metadata),
        ("request_object_signing_alg", json!("none"), metadata),
        ("subject_type", json!("secret"), metadata),
        ("default_max_age", json!(-1), metadata),
        ("default_acr_values", json!(["a\u{7}"]), metadata),
        ("client_name", json!("x".repeat(201)), metadata),
        ("client_name", json!("a\u{1b}[2J"), metadata),
        ("contacts", json!(vec!["a@b.example"; 21]), metadata),
        ("application_type", json!("desktop"), metadata),
        ("software_statement", json!("x"), "invalid_software_statement"),
        ("software_statement", json!(1), "invalid_software_statement"),
        ("software_statement", json!("e30.e30.AA"), "unapproved_software_statement"),
    ] {
        let mut body = json!({ "redirect_uris": ["https://rp.example/cb"] });
        body[name] = value.clone();
        let found = register(&body);
        let found_code = found.as_ref().map_or_else(|error| error.code.as_str(), |_| "ok");
        assert_eq!(found_code, code, "{name} {value}: {found:?}");
        if let (Err(error), Some(sent)) = (&found, value.as_str()) {
            let word = sent.len() < 2 || sent == "private_key_jwt";
            assert!(word || !error.description.contains(sent), "{name}: {error}");
        }
    }
    let two_hosts = ["https://rp.example/cb", "https://other.example/cb"];
    let error = register(&json!({ "redirect_uris": two_hosts, "subject_type": "pairwise" }));
    // RFC 6749 §5.2: neither quotation marks nor backslashes.
    let description = error.unwrap_err().description;
    assert!(description.contains("subject_type 'pairwise' needs"), "{description}");
    for junk in ["", "[]", "\"x\"", "{", "null"] {
        let error = Registration::read(junk.as_bytes()).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidClientMetadata, "{junk}");
    }
}

#[test]
fn a_list_is_cut_to_what_is_offered_and_the_client_is_told() {
    let client = client(&json!({
        "redirect_uris": ["https://rp.example/cb"],
        "grant_types": ["authorization_code", "implicit", "refresh_token", "client_credentials"],
        "response_types": ["code", "id_token"],
        "scope": "openid admin",
    }));
    assert_eq!(client.grant_types, [GrantType::AuthorizationCode, GrantType::RefreshToken]);
    assert_eq!(client.response_types, ["code"]);
    assert_eq!(client.scope, Some(Scope::parse("openid").unwrap()));
}

#[test]
fn addresses_fit_the_kind_of_application() {
    let kind = |kind: Option<&str>, uris: &[&str]| {
        let body = json!({ "redirect_uris": uris, "application_type": kind });
        register(&body).ok().and_then(|registered| registered.client.application_type)
    };
    let (web, native) = (Some(ApplicationType::Web), Some(ApplicationType::Native));
    for (uri, as_web, unsaid) in [
        ("https://rp.example/cb", web, web),
        ("https://localhost/cb", None, native),
        ("https://LOCALHOST/cb", None, native),
        ("https://127.0.0.1/cb", None, native),
        ("http://127.0.0.1:3000/cb", None, native),
        ("http://localhost:3000/cb", None, native),
        ("com.example.app:/cb", None, native),
    ] {
        assert_eq!(kind(Some("web"), &[uri]), as_web, "{uri}");
        assert_eq!(kind(Some("native"), &[uri]), native, "{uri}");
        assert_eq!(kind(None, &[uri]), unsaid, "{uri}");
    }
    // An editor with a page on the web and a listener on the machine.
    assert_eq!(kind(None, &["https://rp.example/cb", "http://127.0.0.1/cb"]), native);
}

#[test]
fn pkce_is_left_out_only_where_the_operator_and_a_proof_allow_it() {
    let lax = Terms { without_pkce: true, ..terms() };
    let required = |method: &str, terms: &Terms| {
        let body = json!({
            "redirect_uris": ["https://rp.example/cb"], "token_endpoint_auth_method": method
        });
        apply(Client::new("c1"), &body, terms).unwrap().client.require_pkce
    };
    assert!(required("client_secret_basic", &terms()));
    assert!(!required("client_secret_basic", &lax));
    assert!(required("none", &lax));
}

#[test]
fn assertions_are_for_the_issuer_unless_the_operator_says_otherwise() {
    let body = json!({ "redirect_uris": ["https://rp.example/cb"] });
    let older = Terms { token_endpoint_as_audience: true, ..terms() };
    for (terms, expected) in [(terms(), false), (older, true)] {
        let client = apply(Client::new("c1"), &body, &terms).unwrap().client;
        assert_eq!(client.danger_token_endpoint_as_audience, expected);
    }
}

#[test]
fn a_new_registration_replaces_the_old_one_and_nothing_else() {
    let body = json!({
        "redirect_uris": ["https://rp.example/cb"],
        "client_name": "Old",
        "contacts": ["a@b.example"],
    });
    let mut before = client(&body);
    before.disabled = true;
    before.danger_token_endpoint_as_audience = true;
    before.status_list = true;
    before.protects = vec!["https://api.example".to_owned()];
    let secret = before.client_secret_sha256.clone();
    let new = json!({ "redirect_uris": ["https://rp.example/new"], "client_name": "New" });
    let after = apply(before.clone(), &new, &terms()).unwrap();
    assert_eq!(after.new_secret, None);
    let expected = Client {
        redirect_uris: vec!["https://rp.example/new".to_owned()],
        client_name: Some("New".to_owned()),
        contacts: Vec::new(),
        ..before
    };
    assert_eq!(after.client, expected);
    // A change of method takes the secret, or gives a new one.
    let public = json!({
        "redirect_uris": ["https://rp.example/new"], "token_endpoint_auth_method": "none"
    });
    let refused = apply(after.client.clone(), &public, &terms());
    assert!(refused.is_err(), "what protects something has to authenticate");
    let after = Client { protects: Vec::new(), ..after.client };
    let public = apply(after, &public, &terms()).unwrap();
    assert_eq!((public.new_secret, &public.client.client_secret_sha256), (None, &None));
    let again = apply(public.client, &new, &terms()).unwrap();
    assert!(again.new_secret.is_some());
    assert_eq!(again.client.client_secret_sha256, secret, "the test has one fresh secret only");
}

#[test]
fn a_secret_that_is_read_again_is_sealed_and_a_hash_is_not_enough_for_it() {
    let body = |method: &str| {
        let redirect_uris = ["https://rp.example/cb"];
        json!({ "redirect_uris": redirect_uris, "token_endpoint_auth_method": method })
    };
    let basic = client(&body("client_secret_basic"));
    assert_eq!(basic.client_secret_sealed, None);
    let mac = apply(basic, &body("client_secret_jwt"), &terms()).unwrap();
    assert!(mac.new_secret.is_some(), "the old one can't be read");
    assert_eq!(mac.client.client_secret_sealed.as_deref(), Some("sealed"));
    assert!(!registered_members(&mac.client).contains_key("client_secret_sealed"));
    let same = apply(mac.client.clone(), &body("client_secret_jwt"), &terms()).unwrap();
    assert_eq!((same.new_secret, &same.client), (None, &mac.client));
    let basic = apply(mac.client, &body("client_secret_basic"), &terms()).unwrap();
    assert_eq!((basic.new_secret, basic.client.client_secret_sealed), (None, None));
}
