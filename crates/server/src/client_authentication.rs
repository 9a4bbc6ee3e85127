//! Which client a request comes from, and how it proves that.

use std::sync::Arc;

use axum::http::HeaderMap;
use countersign_jose::KeySet;
use countersign_protocol::client::{self, AuthMethod, Client, Credentials};
use countersign_protocol::client_assertion;
use countersign_protocol::wire::{self, params::Params};
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_verify::ReplayError;

use crate::app::{App, authorization};
use crate::client_keys::ClientKeyError;
use crate::process;
use crate::web::oauth_error::ErrorAnswer;

impl App {
    /// The client that a request comes from, once it has proved it, by the `Authorization` header,
    /// a secret in the form (RFC 6749 §2.3) or a signed assertion (RFC 7523 §2.2).
    pub(crate) async fn authenticate(
        &self,
        headers: &HeaderMap,
        form: &Params,
    ) -> Result<Arc<Client>, ErrorAnswer> {
        let credentials = wire::token::credentials(authorization(headers)?, form)?;
        let client = self.client(credentials.client_id()).await?;
        let client = client.ok_or_else(client::unauthenticated)?;
        match &credentials {
            Credentials::Assertion { assertion, .. } => {
                self.check_assertion(&client, assertion).await?;
            }
            _ => client.authenticate(&credentials)?,
        }
        Ok(client)
    }

    /// An assertion is taken once, by its client and its `jti` (RFC 7523 §3).
    async fn check_assertion(&self, client: &Client, assertion: &str) -> Result<(), OAuthError> {
        let (client_id, now) = (&client.client_id, process::now());
        let judge =
            |keys: &KeySet| client_assertion::verify(client, keys, assertion, &self.issuer, now);
        let accepted = match client.token_endpoint_auth_method {
            AuthMethod::ClientSecretJwt => {
                let secret = self.client_secret(client)?;
                let judged = client_assertion::secret_key(&secret, assertion);
                judged.and_then(|keys| judge(&keys)).map_err(ClientKeyError::from)
            }
            _ => self.judge_with_keys(client, judge).await,
        };
        let accepted = accepted.map_err(|error| {
            tracing::info!(client_id, code = error.code(), %error, "an assertion was refused");
            client::unauthenticated()
        })?;
        if accepted.older_audience {
            tracing::warn!(
                client_id,
                "an assertion names the token endpoint as its audience: its client is excused by \
                 danger_token_endpoint_as_audience"
            );
        }
        let noting =
            self.used_tokens.use_once(&client.client_id, &accepted.token_id, accepted.until, now);
        noting.await.map_err(|error| match error {
            ReplayError::Replayed => {
                tracing::warn!(client_id = client.client_id, "an assertion was used twice");
                client::unauthenticated()
            }
            _ => {
                let why = "the server can't tell whether the assertion was used before; try again";
                OAuthError::new(ErrorCode::TemporarilyUnavailable, why)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use axum::body::Body;
    use axum::http::{Request, header};
    use countersign_jose::{Algorithm, ClientAssertion, SigningKey, jwt};
    use countersign_protocol::client_secret;
    use countersign_protocol::random;
    use serde_json::Value;

    use super::*;
    use crate::fixture::{Fixture, body};

    const ISSUER: &str = "http://127.0.0.1:8080";

    struct Signer(SigningKey);

    impl Signer {
        fn new() -> Self {
            Self(SigningKey::generate(Algorithm::ES256).unwrap())
        }

        /// A server that knows this key as that of the client `signer`.
        async fn site(&self) -> Fixture {
            let jwk = serde_json::to_value(self.0.public_jwk().unwrap()).unwrap();
            let members = ["kty", "crv", "x", "y"].map(|name| format!("{name} = {}", jwk[name]));
            Fixture::open_with(&format!(
                "[[client]]\nclient_id = \"signer\"\ngrant_types = [\"client_credentials\"]\n\
                 token_endpoint_auth_method = \"private_key_jwt\"\n\
                 protects = [\"https://api.example\"]\njwks = {{ keys = [{{ {} }}] }}",
                members.join(", ")
            ))
            .await
        }

        fn assertion(&self, change: impl FnOnce(&mut ClientAssertion)) -> String {
            let mut claims = ClientAssertion {
                client_id: "signer".to_owned(),
                audience: vec![ISSUER.to_owned()],
                expires_at: process::now().as_secs() + 60,
                token_id: random::identifier(&process::SystemRandom),
                ..ClientAssertion::default()
            };
            change(&mut claims);
            jwt::sign(&self.0, ClientAssertion::TYPE, &claims).unwrap()
        }
    }

    async fn ask(site: &Fixture, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form));
        let response = site.send(request.unwrap()).await;
        let status = response.status().as_u16();
        (status, serde_json::from_str(&body(response).await).unwrap_or_default())
    }

    async fn token(site: &Fixture, assertion: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", client_assertion::TYPE),
            ("client_assertion", assertion),
        ];
        ask(site, "/token", &form).await
    }

    #[tokio::test]
    async fn a_signature_authenticates_once_at_each_endpoint() {
        let signer = Signer::new();
        let site = signer.site().await;
        let assertion = signer.assertion(|_| {});
        let (status, answer) = token(&site, &assertion).await;
        assert_eq!(status, 200, "{answer}");
        let access = answer["access_token"].as_str().unwrap();
        let with = |assertion: &str, more: Option<(&str, &str)>| {
            let kind = ("client_assertion_type", client_assertion::TYPE);
            let form = [kind, ("client_assertion", assertion), ("token", access)];
            form.into_iter()
                .chain(more)
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect::<Vec<_>>()
        };
        let endpoints = [("/introspect", None), ("/revoke", Some(("client_id", "signer")))];
        for (path, more) in endpoints {
            for (assertion, expected) in [(assertion.clone(), 401), (signer.assertion(|_| {}), 200)]
            {
                let form = with(&assertion, more);
                let form: Vec<_> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                assert_eq!(ask(&site, path, &form).await.0, expected, "{path}");
            }
        }
    }

    /// HMAC over header and payload, as a client does it that knows nothing of names of keys.
    fn with_mac(secret: &[u8], header: &str, payload: &Value) -> String {
        let encode = |bytes: &[u8]| countersign_jose::base64url::encode(bytes);
        let input =
            format!("{}.{}", encode(header.as_bytes()), encode(payload.to_string().as_bytes()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&key, input.as_bytes());
        format!("{input}.{}", encode(tag.as_ref()))
    }

    const SECRET: &str = "a secret of 32 bytes, which is it";

    async fn site_of_a_secretive_client() -> Fixture {
        Fixture::open_with(&format!(
            "[[client]]\nclient_id = \"mac\"\nclient_secret = \"{SECRET}\"\n\
             grant_types = [\"client_credentials\"]\n\
             token_endpoint_auth_method = \"client_secret_jwt\""
        ))
        .await
    }

    fn payload(id: &str) -> Value {
        let soon = process::now().as_secs() + 60;
        serde_json::json!({ "iss": "mac", "sub": "mac", "aud": ISSUER, "exp": soon, "jti": id })
    }

    #[tokio::test]
    async fn a_mac_by_the_secret_authenticates_once() {
        let site = site_of_a_secretive_client().await;
        let header = r#"{"alg":"HS256"}"#;
        let good = with_mac(SECRET.as_bytes(), header, &payload("1"));
        assert_eq!(token(&site, &good).await.0, 200);
        let named = SigningKey::from_secret(Algorithm::HS256, SECRET.as_bytes()).unwrap();
        let named = jwt::sign(&named, ClientAssertion::TYPE, &payload("2")).unwrap();
        assert_eq!(token(&site, &named).await.0, 200);
        let stored = site.app.client("mac").await.unwrap().unwrap();
        let hash = client::hash_secret(SECRET);
        for (what, assertion) in [
            ("a second time", good.clone()),
            ("by another secret", with_mac(&[7; 32], header, &payload("3"))),
            ("by the hash of it", with_mac(hash.as_bytes(), header, &payload("4"))),
            ("by what is stored", {
                let sealed = stored.client_secret_sealed.clone().unwrap();
                with_mac(sealed.as_bytes(), header, &payload("5"))
            }),
            ("by an algorithm that it is too short for", {
                with_mac(SECRET.as_bytes(), r#"{"alg":"HS512"}"#, &payload("6"))
            }),
            ("without any", with_mac(SECRET.as_bytes(), r#"{"alg":"none"}"#, &payload("7"))),
        ] {
            let (status, answer) = token(&site, &assertion).await;
            assert_eq!((status, &answer["error"]), (401, &"invalid_client".into()), "{what}");
        }
        let plain =
            [("grant_type", "client_credentials"), ("client_id", "mac"), ("client_secret", SECRET)];
        let (status, _) = ask(&site, "/token", &plain).await;
        assert_eq!(status, 401, "it is never sent");
        let shown = format!("{stored:?}{}", serde_json::to_string(&*stored).unwrap());
        assert!(!shown.contains(SECRET));
    }

    #[tokio::test]
    async fn a_new_master_key_takes_the_secrets_of_clients_along() {
        let site = site_of_a_secretive_client().await;
        let good = |id| with_mac(SECRET.as_bytes(), r#"{"alg":"HS256"}"#, &payload(id));
        assert_eq!(token(&site, &good("1")).await.0, 200);
        let before = site.app.client("mac").await.unwrap().unwrap();
        let again = site.start_again(&[]).await;
        let unchanged = again.client("mac").await.unwrap().unwrap();
        assert_eq!(before, unchanged, "a start with the same configuration changes nothing");

        let catalogue = site.app.position.borrow().catalogue;
        // Another process: the server still has the old key.
        let operator = site.open_master();
        operator.reseal(site.app.store()).await.unwrap();
        site.app.position.clone().wait_for(|now| now.catalogue > catalogue).await.unwrap();
        let after = site.app.client("mac").await.unwrap().unwrap();
        assert_ne!(before.client_secret_sealed, after.client_secret_sealed);
        assert!(client_secret::open(&before, &operator.load()).is_err());
        assert!(client_secret::open(&after, &site.app.master.load()).is_err(), "so far");
        assert_eq!(token(&site, &good("2")).await.0, 200, "it reads the key again");
        assert!(client_secret::open(&after, &site.app.master.load()).is_ok());

        // Who still has the old one seals nothing with it.
        let stale = site.app.store().put_client((*before).clone(), site.app.moment()).await;
        assert_eq!(stale, Err(countersign_store::StoreError::SealedWithAnOldKey));
        let restarted = site.start_again(&[]).await;
        let kept = restarted.client("mac").await.unwrap().unwrap();
        assert_eq!(kept.client_secret_sealed, after.client_secret_sealed);
    }

    #[tokio::test]
    async fn a_used_foreign_or_ill_addressed_assertion_is_refused() {
        let (signer, thief) = (Signer::new(), Signer::new());
        let site = signer.site().await;
        let named = || signer.assertion(|claims| claims.token_id = "the same".into());
        assert_eq!(token(&site, &named()).await.0, 200);
        let later = signer.assertion(|claims| {
            claims.token_id = "the same".into();
            claims.expires_at += 1;
        });
        let endpoint = format!("{ISSUER}/token");
        let to = |audience: &[&str]| {
            let audience = audience.iter().map(|&one| one.to_owned()).collect();
            signer.assertion(|claims| claims.audience = audience)
        };
        for (what, assertion) in [
            ("signed again under the same name", named()),
            ("the same name, another time", later),
            ("for the token endpoint", to(&[&endpoint])),
            ("for two", to(&[ISSUER, &endpoint])),
            ("for another server", to(&["https://other.example"])),
            ("by another key", thief.assertion(|_| {})),
            ("of a client with a secret", signer.assertion(|c| c.client_id = "web".into())),
            ("of nobody", signer.assertion(|c| c.client_id = "nobody".into())),
            ("for ever", signer.assertion(|c| c.expires_at += 100_000)),
            ("too old", signer.assertion(|c| c.expires_at -= 100)),
            ("junk", "a.b.c".to_owned()),
        ] {
            let (status, answer) = token(&site, &assertion).await;
            assert_eq!((status, &answer["error"]), (401, &"invalid_client".into()), "{what}");
        }
        let form = [("grant_type", "client_credentials"), ("client_id", "signer")];
        for secret in [None, Some(("client_secret", ""))] {
            let form: Vec<_> = form.into_iter().chain(secret).collect();
            assert_eq!(ask(&site, "/token", &form).await.0, 401);
        }
        assert_eq!(token(&site, &signer.assertion(|_| {})).await.0, 200);
    }
}
