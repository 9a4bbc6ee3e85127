//! The answer to an authorization request, and the form in which it goes back.

use std::time::Duration;

use countersign_jose::jwe::ContentEncryption;
use countersign_jose::{AuthorizationResponse, EncryptionKey, Error, SigningKey, Timestamp, jwt};

use super::ReturnAddress;
use crate::client::Client;
use crate::error::OAuthError;

/// A signed answer is read at once. JARM §2.1 recommends ten minutes at most.
const LIFETIME: Duration = Duration::from_secs(60);

/// The parameters of an answer, without the issuer.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer(Vec<(&'static str, String)>);

/// Without the values: a code is among them.
impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// How an answer reaches the client, by way of the browser.
#[derive(Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The browser is sent to this URL.
    Redirect(String),
    /// The browser sends a form.
    Form {
        /// Where to.
        action: String,
        /// What is in it.
        fields: Vec<(&'static str, String)>,
    },
}

/// Without what is delivered.
impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Redirect(_) => "Redirect",
            Self::Form { .. } => "Form",
        })
    }
}

impl ReturnAddress {
    /// An answer with a code (OAuth 2.1 §4.1.2).
    #[must_use]
    pub fn code(&self, code: &str) -> Answer {
        self.answer(vec![("code", code.to_owned())])
    }

    /// An answer with an error (OAuth 2.1 §4.1.2.1).
    #[must_use]
    pub fn error(&self, error: &OAuthError) -> Answer {
        let description = error.description.clone().into_owned();
        self.answer(vec![
            ("error", error.code.as_str().to_owned()),
            ("error_description", description),
        ])
    }

    fn answer(&self, mut parameters: Vec<(&'static str, String)>) -> Answer {
        parameters.extend(self.state.clone().map(|state| ("state", state)));
        Answer(parameters)
    }

    /// The answer in the open, with the issuer, so that a client of several servers knows whose
    /// it is (RFC 9207).
    #[must_use]
    pub fn deliver(&self, answer: Answer, issuer: &str) -> Delivery {
        let Answer(mut parameters) = answer;
        parameters.push(("iss", issuer.to_owned()));
        self.send(parameters)
    }

    /// The answer as one token, which names the issuer itself.
    #[must_use]
    pub fn deliver_signed(&self, token: String) -> Delivery {
        self.send(vec![("response", token)])
    }

    fn send(&self, fields: Vec<(&'static str, String)>) -> Delivery {
        if self.mode.is_posted() {
            return Delivery::Form { action: self.redirect_uri.clone(), fields };
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        Delivery::Redirect(format!("{}{joint}{query}", self.redirect_uri))
    }
}

impl Answer {
    /// The answer as a token for `client`, encrypted to `recipient` as well if there is one (JARM
    /// §2.2).
    ///
    /// # Errors
    /// When signing or encrypting fails.
    pub fn sign(
        self,
        (client, issuer): (&Client, &str),
        key: &SigningKey,
        recipient: Option<&EncryptionKey>,
        now: Timestamp,
    ) -> Result<String, Error> {
        let parameters = self.0.into_iter().map(|(name, value)| (name.to_owned(), value.into()));
        let claims = AuthorizationResponse {
            issuer: issuer.to_owned(),
            audience: vec![client.client_id.clone()],
            expires_at: now.plus(LIFETIME).as_secs(),
            parameters: parameters.collect(),
        };
        let Some(recipient) = recipient else {
            return jwt::sign(key, AuthorizationResponse::TYPE, &claims);
        };
        let content = client.authorization_encrypted_response_enc;
        let content = content.unwrap_or(ContentEncryption::A128CbcHs256);
        jwt::sign_and_encrypt(key, AuthorizationResponse::TYPE, &claims, recipient, content)
    }
}

#[cfg(test)]
mod tests {
    use countersign_jose::jwe::KeyManagement;
    use countersign_jose::{Algorithm, DecryptionKey, KeySet, Policy, Recipient};
    use serde_json::json;

    use super::*;
    use crate::error::ErrorCode;
    use crate::wire::authorize::ResponseMode;

    const ISSUER: &str = "https://id.example";
    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn address(mode: ResponseMode) -> ReturnAddress {
        let redirect_uri = "https://a.example/cb?t=1".to_owned();
        ReturnAddress { redirect_uri, state: Some("a&b".to_owned()), mode }
    }

    #[test]
    fn answers_go_back_with_state_and_issuer() {
        let address = address(ResponseMode::Query);
        let refused = OAuthError::new(ErrorCode::AccessDenied, "no");
        for (answer, expected) in [
            (address.code("c"), "code=c"),
            (address.error(&refused), "error=access_denied&error_description=no"),
        ] {
            let expected = format!(
                "https://a.example/cb?t=1&{expected}&state=a%26b&iss=https%3A%2F%2Fid.example"
            );
            assert!(address.deliver(answer, ISSUER) == Delivery::Redirect(expected));
        }
    }

    #[test]
    fn a_form_holds_the_same() {
        let address = address(ResponseMode::FormPost);
        let Delivery::Form { action, fields } = address.deliver(address.code("c"), ISSUER) else {
            panic!("a redirect")
        };
        assert_eq!(action, "https://a.example/cb?t=1");
        let expected = [("code", "c"), ("state", "a&b"), ("iss", ISSUER)];
        assert_eq!(fields, expected.map(|(name, value)| (name, value.to_owned())));
    }

    #[test]
    fn a_signed_answer_is_for_its_client_and_encrypted_if_that_is_wanted() {
        let key = SigningKey::generate(Algorithm::ES256).unwrap();
        let client = Client::new("web");
        let address = address(ResponseMode::QueryJwt);
        let sign = |recipient: Option<&EncryptionKey>| {
            address.code("c").sign((&client, ISSUER), &key, recipient, NOW).unwrap()
        };
        let policy = Policy::authorization_response(ISSUER, "web", &[Algorithm::ES256]).unwrap();
        let keys = KeySet::new([key.verifying_key()]);

        let token = sign(None);
        let read = policy.verify(&keys, &token, NOW).unwrap();
        assert_eq!(read.parameters.get("code"), Some(&json!("c")));
        assert_eq!(read.parameters.get("state"), Some(&json!("a&b")));
        assert_eq!((read.parameters.len(), read.expires_at), (2, NOW.as_secs() + 60));
        let other = Policy::authorization_response(ISSUER, "spa", &[Algorithm::ES256]).unwrap();
        assert_eq!(other.verify(&keys, &token, NOW).err(), Some(Error::Audience));
        let expected = format!("https://a.example/cb?t=1&response={token}");
        assert!(address.deliver_signed(token) == Delivery::Redirect(expected));

        let private = DecryptionKey::generate(KeyManagement::EcdhEsA256KW).unwrap();
        let token = sign(Some(&private.encryption_key()));
        let recipient = Recipient::new([private], &[ContentEncryption::A128CbcHs256]).unwrap();
        let read = policy.verify_nested(&recipient, &keys, &token, NOW).unwrap();
        assert_eq!(read.parameters.get("code"), Some(&json!("c")));
    }
}
