use countersign_jose::Algorithm;

use super::*;
use crate::error::ErrorCode;
use crate::scope::Scope;

fn client(json: &str) -> Client {
    serde_json::from_str(json).unwrap()
}

fn confidential() -> Client {
    let mut client = client(r#"{"client_id":"web","redirect_uris":["https://a.example/cb"]}"#);
    client.client_secret_sha256 = Some(hash_secret("s3cret"));
    client
}

#[test]
fn tokens_are_asked_for_only_with_algorithms_that_the_server_signs_with() {
    for (name, faults) in
        [("ES256", 0), ("Ed25519", 0), ("RS256", 0), ("ES384", 0), ("ML-DSA-65", 0), ("HS256", 1)]
    {
        let wanted = Algorithm::from_name(name);
        let client = Client { access_token_signed_response_alg: wanted, ..confidential() };
        assert_eq!(client.faults().len(), faults, "{name}");
        let client = Client { introspection_signed_response_alg: wanted, ..client };
        assert_eq!(client.faults().len(), 2 * faults, "{name}");
        // What is for the client alone may have its own secret as the key.
        let client = Client { id_token_signed_response_alg: wanted, ..confidential() };
        assert_eq!(client.faults(), [""; 0], "{name}");
        assert_eq!(client.needs_readable_secret(), faults == 1, "{name}");
    }
}

#[test]
fn a_mac_needs_a_client_that_can_keep_a_secret() {
    let wanted = Some(Algorithm::HS384);
    let public = client(
        r#"{"client_id":"spa","redirect_uris":["https://a.example/cb"],
            "token_endpoint_auth_method":"none"}"#,
    );
    let spa = Client { userinfo_signed_response_alg: wanted, ..public };
    assert!(spa.faults().iter().any(|fault| fault.contains("MAC")), "{:?}", spa.faults());
    let web = Client { userinfo_signed_response_alg: wanted, ..confidential() };
    assert_eq!(web.least_secret_bytes(), Some(48));
    let both = Client { id_token_signed_response_alg: Some(Algorithm::HS512), ..web };
    assert_eq!(both.least_secret_bytes(), Some(64));
    assert_eq!(confidential().least_secret_bytes(), None);
}

#[test]
fn only_the_right_proof_authenticates() {
    let secret =
        |secret: &str| Credentials::Secret { client_id: "web".into(), secret: secret.into() };
    let public = Credentials::Public { client_id: "web".into() };
    let web = confidential();
    assert!(web.authenticate(&secret("s3cret")).is_ok());
    assert!(web.authenticate(&secret("s3cret ")).is_err());
    assert!(web.authenticate(&secret("")).is_err());
    assert!(web.authenticate(&public).is_err(), "a confidential client must prove itself");
    let spa = client(r#"{"client_id":"spa","token_endpoint_auth_method":"none"}"#);
    assert!(spa.authenticate(&public).is_ok());
    assert!(spa.authenticate(&secret("x")).is_err());
    let disabled = Client { disabled: true, ..confidential() };
    assert!(disabled.authenticate(&secret("s3cret")).is_err());
}

#[test]
fn audience_is_what_was_asked_for_or_the_default() {
    let mut client = confidential();
    let issuer = "https://id.example";
    assert_eq!(client.audience(&[], issuer).unwrap(), [issuer]);
    client.resources = vec!["https://api.example".into(), "https://b.example".into()];
    assert_eq!(client.audience(&[], issuer).unwrap(), ["https://api.example"]);
    let asked = ["https://b.example".to_owned(), "https://b.example".to_owned()];
    assert_eq!(client.audience(&asked, issuer).unwrap(), ["https://b.example"]);
    let error = client.audience(&["https://api.example/".to_owned()], issuer).unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidTarget);
}

#[test]
fn nobody_gets_a_scope_that_was_not_registered() {
    let scope = |text: &str| Scope::parse(text).unwrap();
    let (user, own) = (GrantType::AuthorizationCode, GrantType::ClientCredentials);
    let unregistered = confidential();
    let granted = |client: &Client, text: &str, grant| {
        client.grantable_scope(Some(&scope(text)), grant).map_err(|error| error.code)
    };
    assert_eq!(granted(&unregistered, "openid email", user), Ok(scope("openid email")));
    assert_eq!(granted(&unregistered, "admin", user), Err(ErrorCode::InvalidScope));
    assert_eq!(granted(&unregistered, "openid", own), Err(ErrorCode::InvalidScope));
    assert_eq!(unregistered.grantable_scope(None, own), Ok(Scope::default()));
    let registered = Client { scope: Some(scope("orders")), ..confidential() };
    assert_eq!(granted(&registered, "orders", own), Ok(scope("orders")));
    assert_eq!(granted(&registered, "openid", user), Err(ErrorCode::InvalidScope));
}

#[test]
fn faults_are_named() {
    assert_eq!(confidential().faults(), Vec::<String>::new());
    let bad = client(
        r#"{"client_id":"a b","redirect_uris":["http://a.example/"],"response_types":["token"],
            "grant_types":["client_credentials"],"token_endpoint_auth_method":"none",
            "require_pkce":false,"resources":["not a uri"],"protects":["x:y"]}"#,
    );
    assert_eq!(bad.faults().len(), 7, "{:#?}", bad.faults());
    assert!(serde_json::from_str::<Client>(r#"{"client_id":"a","redirect_urls":[]}"#).is_err());
}

#[test]
fn urls_are_looked_at_before_they_are_asked_or_shown() {
    let with = |name: &str, url: &str| {
        let mut json = serde_json::to_value(confidential()).unwrap();
        json[name] = url.into();
        serde_json::from_value::<Client>(json).unwrap().faults().len()
    };
    for name in ["jwks_uri", "sector_identifier_uri", "logo_uri"] {
        assert_eq!(with(name, "https://a.example/x"), 0, "{name}");
        for bad in ["http://a.example/x", "https://me@a.example/", "https://127.1/", "x"] {
            assert_eq!(with(name, bad), 1, "{name} {bad}");
        }
    }
    for name in ["client_uri", "policy_uri", "tos_uri", "initiate_login_uri"] {
        assert_eq!(with(name, "https://a.example/x"), 0, "{name}");
        assert_eq!(with(name, "javascript:alert(1)"), 1, "{name}");
    }
}

#[test]
fn signed_requests_and_answers_need_keys_that_fit() {
    let signing = countersign_jose::SigningKey::generate(Algorithm::ES256).unwrap();
    let agreement = countersign_jose::PrivateJwk::generate(KeyManagement::EcdhEs).unwrap();
    let signing = serde_json::to_value(signing.public_jwk().unwrap()).unwrap();
    let encrypting = serde_json::to_value(agreement.public().unwrap()).unwrap();
    let keys = |keys: &[&serde_json::Value]| Some(serde_json::json!({ "keys": keys }));
    let (both, only) = (keys(&[&signing, &encrypting]), keys(&[&encrypting]));
    let faults = |change: &dyn Fn(&mut Client)| {
        let mut client = confidential();
        change(&mut client);
        client.faults().len()
    };
    for (jwks, expected) in [(None, 1), (only.clone(), 1), (both.clone(), 0)] {
        let signs = |client: &mut Client| {
            (client.jwks, client.require_signed_request_object) = (jwks.clone(), true);
        };
        assert_eq!(faults(&signs), expected, "{jwks:?}");
    }
    for (jwks, expected) in [(None, 1), (keys(&[&signing]), 1), (only.clone(), 0), (both, 0)] {
        let encrypted = |client: &mut Client| {
            client.jwks.clone_from(&jwks);
            // A key for signatures by its own words is not taken for this.
            client.authorization_encrypted_response_alg = Some(KeyManagement::EcdhEs);
        };
        assert_eq!(faults(&encrypted), expected, "{jwks:?}");
    }
    let content = Some(ContentEncryption::A256GCM);
    assert_eq!(faults(&|client| client.authorization_encrypted_response_enc = content), 1);
    for (uri, expected) in [("https://a.example/request#hash", 0), ("ftp://a.example/request", 1)] {
        assert_eq!(faults(&|client| client.request_uris = vec![uri.to_owned()]), expected, "{uri}");
    }
    let secret = Some(Algorithm::HS256);
    assert_eq!(faults(&|client| client.request_object_signing_alg = secret), 1);
    assert_eq!(faults(&|client| client.authorization_signed_response_alg = secret), 1);
    let published = |client: &mut Client| {
        client.jwks_uri = Some("https://a.example/keys".to_owned());
        client.require_signed_request_object = true;
        client.authorization_encrypted_response_alg = Some(KeyManagement::EcdhEs);
    };
    assert_eq!(faults(&published), 0, "what it publishes is looked at later");
    let by_secret = Some(KeyManagement::A128KW);
    assert_eq!(faults(&|client| client.authorization_encrypted_response_alg = by_secret), 1);
    let by_key = |client: &mut Client| {
        client.token_endpoint_auth_method = AuthMethod::PrivateKeyJwt;
        (client.client_secret_sha256, client.jwks) = (None, only.clone());
    };
    assert_eq!(faults(&by_key), 1, "it can't sign with a key of encryption");
    let written = serde_json::to_value(Client {
        authorization_encrypted_response_alg: Some(KeyManagement::RsaOaep256),
        authorization_encrypted_response_enc: content,
        ..confidential()
    });
    let written = written.unwrap();
    assert_eq!(written["authorization_encrypted_response_alg"], "RSA-OAEP-256");
    assert_eq!(written["authorization_encrypted_response_enc"], "A256GCM");
    assert!(serde_json::from_value::<Client>(written).is_ok());
}
