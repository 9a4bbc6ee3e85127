//! What is signed for one client: with a key of this server, or, if the client registered a MAC,
//! with the secret that both have.

use std::sync::Arc;

use countersign_jose::{Algorithm, IdTokenHint, KeySet, Policy, SigningKey, VerifyingKey, jwt};
use countersign_protocol::client::Client;
use countersign_protocol::client_secret;
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use countersign_store::StoreError;
use serde::Serialize;
use serde_json::Value;

use crate::app::App;

impl App {
    /// The key that signs for a client with an algorithm that it registered.
    ///
    /// # Errors
    /// `temporarily_unavailable` while it is being made; `server_error` when the client's secret
    /// can't be read or is too short.
    pub(crate) async fn key_for_client(
        &self,
        client: &Client,
        algorithm: Algorithm,
    ) -> Result<Arc<SigningKey>, OAuthError> {
        if !client_secret::is_symmetric(algorithm) {
            return self.signing_key(algorithm).await;
        }
        let key = SigningKey::from_secret(algorithm, &self.client_secret(client)?);
        key.map(Arc::new).map_err(|error| unsigned(&error))
    }

    /// Signs something for a client, and for nobody else, with the algorithm that it registered.
    ///
    /// # Errors
    /// Those of [`Self::key_for_client`].
    pub(crate) async fn sign_for_client<C: Serialize>(
        &self,
        client: &Client,
        algorithm: Algorithm,
        (typ, claims): (&str, &C),
    ) -> Result<String, OAuthError> {
        let key = self.key_for_client(client, algorithm).await?;
        let signed = if client_secret::is_symmetric(algorithm) {
            jwt::sign_with_secret(&key, typ, claims)
        } else {
            jwt::sign(&key, typ, claims)
        };
        signed.map_err(|error| unsigned(&error))
    }

    /// Reads an id token that this server issued, even if it has expired.
    pub(crate) async fn read_id_token_hint(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<IdTokenHint>, StoreError> {
        if let Some(hint) = self.own_id_token_hint(token, now) {
            return Ok(Some(hint));
        }
        let Some(client) = claimed_client(token) else { return Ok(None) };
        let Some(client) = self.client(&client).await? else { return Ok(None) };
        Ok(self.read_with_secret(&client, token, now))
    }

    /// The same for one that was signed with the secret of its client. The client could have
    /// written it, so it says no more than the client's word.
    fn read_with_secret(
        &self,
        client: &Client,
        token: &str,
        now: Timestamp,
    ) -> Option<IdTokenHint> {
        let algorithm = client.id_token_algorithm();
        if !client_secret::is_symmetric(algorithm) {
            return None;
        }
        let key = VerifyingKey::from_secret(algorithm, &self.client_secret(client).ok()?).ok()?;
        let policy = Policy::own_id_token_hint(&self.issuer, &[algorithm]).ok()?;
        let hint = policy.verify(&KeySet::new([key]), token, now).ok()?.into_inner();
        (hint.audience == [client.client_id.as_str()]).then_some(hint)
    }
}

/// The client that an id token says it is for, not verified: whose secret to try.
fn claimed_client(token: &str) -> Option<String> {
    let payload: Value = serde_json::from_str(jwt::peek(token).ok()?.payload_json()).ok()?;
    payload.get("aud")?.as_str().map(str::to_owned)
}

fn unsigned(error: &countersign_jose::Error) -> OAuthError {
    tracing::error!(code = error.code(), %error, "something could not be signed for a client");
    OAuthError::new(ErrorCode::ServerError, "the answer could not be signed")
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode, header};
    use countersign_jose::{IdToken, jws};
    use countersign_protocol::client_secret::ALGORITHMS;
    use serde_json::json;

    use super::*;
    use crate::fixture::flow::{Caller, WEB};
    use crate::fixture::{Fixture, body, location};
    use crate::process;

    const SECRET: &str = "a secret of sixty-four bytes and more, as long as the longest of hashes";
    const MAC: Caller =
        Caller { client_id: "mac", client_secret: SECRET, redirect_uri: "https://mac.example/cb" };

    fn registered(algorithm: Algorithm) -> String {
        format!(
            "[[client]]\nclient_id = \"mac\"\nclient_secret = \"{SECRET}\"\n\
             redirect_uris = [\"https://mac.example/cb\"]\n\
             post_logout_redirect_uris = [\"https://mac.example/bye\"]\n\
             id_token_signed_response_alg = \"{algorithm}\"\n\
             userinfo_signed_response_alg = \"{algorithm}\"\n"
        )
    }

    #[tokio::test]
    async fn a_client_may_want_a_mac_by_its_own_secret() {
        for algorithm in ALGORITHMS {
            let site = Fixture::open_with(&registered(*algorithm)).await;
            let session = site.sign_in("alice").await;
            let tokens = site.tokens(&session, MAC, &[("nonce", "n")]).await;
            let id_token = tokens["id_token"].as_str().unwrap();
            let key = VerifyingKey::from_secret(*algorithm, SECRET.as_bytes()).unwrap();
            let policy = Policy::id_token(&site.app.issuer, "mac", &[*algorithm]).unwrap();
            let now = process::now();
            let verified = policy.nonce("n").verify(&KeySet::new([key.clone()]), id_token, now);
            let verified = verified.unwrap();
            let access_token = tokens["access_token"].as_str().unwrap();
            let hash = IdToken::access_token_hash(*algorithm, access_token);
            assert_eq!(verified.access_token_hash, Some(hash));
            let header = jwt::peek(id_token).unwrap();
            assert!(!header.header_json().contains("kid"), "{}", header.header_json());

            let bearer = format!("Bearer {access_token}");
            let request = Request::get("/userinfo").header(header::AUTHORIZATION, bearer);
            let answer = site.send(request.body(Body::empty()).unwrap()).await;
            let told = jws::compact::verify(&key, &body(answer).await).unwrap();
            let told: Value = serde_json::from_slice(&told).unwrap();
            assert_eq!(told["sub"], json!(verified.subject));
        }
    }

    #[tokio::test]
    async fn such_an_id_token_comes_back_as_a_hint_about_its_own_client() {
        let site = Fixture::open_with(&registered(Algorithm::HS256)).await;
        let session = site.sign_in("alice").await;
        let tokens = site.tokens(&session, MAC, &[]).await;
        let id_token = tokens["id_token"].as_str().unwrap();
        let read = async |token: &str| {
            site.app.read_id_token_hint(token, process::now()).await.unwrap().is_some()
        };
        assert!(read(id_token).await);
        // What its client writes about another client, or another one with its own secret.
        let forged = |secret: &str, audience: Value| {
            let claims = json!({ "iss": site.app.issuer, "aud": audience, "sub": "alice",
                "iat": process::now().as_secs(), "exp": process::now().as_secs() + 60 });
            let key = SigningKey::from_secret(Algorithm::HS256, secret.as_bytes()).unwrap();
            jwt::sign_with_secret(&key, "JWT", &claims).unwrap()
        };
        assert!(read(&forged(SECRET, json!("mac"))).await);
        for (secret, audience) in [
            (SECRET, json!("web")),
            (SECRET, json!(["mac", "web"])),
            (SECRET, json!("nobody")),
            (&*SECRET.replace("of", "by"), json!("mac")),
        ] {
            assert!(!read(&forged(secret, audience.clone())).await, "{audience}");
        }
        let query = form_urlencoded::Serializer::new("/logout?".to_owned())
            .append_pair("id_token_hint", id_token)
            .append_pair("post_logout_redirect_uri", "https://mac.example/bye")
            .finish();
        let signed_out = site.get(&query, Some(&session)).await;
        assert_eq!(location(&signed_out), "https://mac.example/bye");
        let own = site.tokens(&site.sign_in("alice").await, WEB, &[]).await;
        assert!(read(own["id_token"].as_str().unwrap()).await);
        assert_eq!(signed_out.status(), StatusCode::SEE_OTHER);
    }
}
