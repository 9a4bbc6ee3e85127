//! What a client registered about id tokens and `/userinfo` (OpenID Connect Registration §2).

use std::time::Duration;

use countersign_jose::jwe::{ContentEncryption, KeyManagement};
use http::Uri;
use serde::{Deserialize, Serialize};

use super::Client;
use crate::authorization_details;
use crate::client_keys::ClientKeys;
use crate::redirect_uri::is_loopback_host;

/// The ways in which a content key is sent to a client. The symmetric ones need a secret that both
/// sides can read, and of a client's secret only a hash is kept.
pub const KEY_MANAGEMENT: &[KeyManagement] = &[
    KeyManagement::RsaOaep,
    KeyManagement::RsaOaep256,
    KeyManagement::RsaOaep384,
    KeyManagement::RsaOaep512,
    KeyManagement::EcdhEs,
    KeyManagement::EcdhEsA128KW,
    KeyManagement::EcdhEsA192KW,
    KeyManagement::EcdhEsA256KW,
];

/// What content is encrypted with, if the client does not say.
const DEFAULT_CONTENT: ContentEncryption = ContentEncryption::A128CbcHs256;

/// More names than this can't be registered as the usual authentication contexts.
const ACR_VALUES_MAX: usize = 16;

/// What a client knows people by (OpenID Connect Core §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// The subject of their account, as other clients do.
    #[default]
    Public,
    /// A name that only clients of the same sector know.
    Pairwise,
}

impl SubjectType {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
    pub(super) fn is_public(&self) -> bool {
        *self == Self::Public
    }
}

/// How something is encrypted to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// How the content key is sent.
    pub management: KeyManagement,
    /// What the content is encrypted with.
    pub content: ContentEncryption,
}

impl Client {
    /// `max_age` of its requests that have none.
    #[must_use]
    pub fn default_max_age(&self) -> Option<Duration> {
        self.default_max_age.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Whose names it shares, if it has pairwise ones: the host of `sector_identifier_uri`, or else
    /// the one host of all its redirect URIs (OpenID Connect Core §8.1). `None` when there is no
    /// single one. A redirect to a loopback address leads to everybody and so to nobody; a list of
    /// the sector is fetched from where it is, which only a server for development does from there.
    #[must_use]
    pub fn sector(&self) -> Option<String> {
        let host = |uri: &str| {
            let uri: Uri = uri.parse().ok()?;
            let web = matches!(uri.scheme_str(), Some("http" | "https"));
            Some(uri.host().filter(|_| web)?.to_ascii_lowercase())
        };
        if let Some(uri) = &self.sector_identifier_uri {
            return host(uri);
        }
        let own = |uri: &String| host(uri).filter(|host| !is_loopback_host(host));
        let mut hosts = self.redirect_uris.iter().map(own);
        let first = hosts.next()??;
        hosts.all(|other| other.as_ref() == Some(&first)).then_some(first)
    }

    /// How its id tokens are encrypted, if it wants them so.
    #[must_use]
    pub fn id_token_encryption(&self) -> Option<Encryption> {
        let management = self.id_token_encrypted_response_alg?;
        let content = self.id_token_encrypted_response_enc.unwrap_or(DEFAULT_CONTENT);
        Some(Encryption { management, content })
    }

    /// How the answers of `/userinfo` are encrypted, if it wants them so.
    #[must_use]
    pub fn userinfo_encryption(&self) -> Option<Encryption> {
        let management = self.userinfo_encrypted_response_alg?;
        let content = self.userinfo_encrypted_response_enc.unwrap_or(DEFAULT_CONTENT);
        Some(Encryption { management, content })
    }

    pub(super) fn openid_faults(&self) -> Vec<String> {
        let id_token = (self.id_token_encrypted_response_alg, self.id_token_encrypted_response_enc);
        let userinfo = (self.userinfo_encrypted_response_alg, self.userinfo_encrypted_response_enc);
        let mut faults = Vec::new();
        faults.extend(self.encryption_fault("id_token_encrypted_response", id_token));
        faults.extend(self.encryption_fault("userinfo_encrypted_response", userinfo));
        if self.subject_type == SubjectType::Pairwise && self.sector().is_none() {
            let why = "subject_type \"pairwise\" needs sector_identifier_uri, unless all of \
                       redirect_uris have one host";
            faults.push(why.to_owned());
        }
        if self.default_acr_values.len() > ACR_VALUES_MAX {
            faults.push("default_acr_values has too many names".to_owned());
        }
        let types = &self.authorization_details_types;
        if !types.iter().all(|name| authorization_details::is_type(name)) {
            faults.push("authorization_details_types holds names of at most 255 bytes".to_owned());
        }
        faults
    }

    fn encryption_fault(
        &self,
        name: &str,
        (management, content): (Option<KeyManagement>, Option<ContentEncryption>),
    ) -> Option<String> {
        let Some(management) = management else {
            return content.map(|_| format!("{name}_enc needs {name}_alg"));
        };
        if !KEY_MANAGEMENT.contains(&management) {
            let names: Vec<_> = KEY_MANAGEMENT.iter().map(|one| one.name()).collect();
            return Some(format!("{name}_alg must be one of {}", names.join(", ")));
        }
        let needs_key = || format!("{name}_alg needs a public key in jwks that fits it");
        match ClientKeys::registered(self) {
            Some(Ok(keys)) => keys.encryption(management).is_none().then(needs_key),
            Some(Err(_)) => None,
            // What is published at jwks_uri is looked at when it is needed.
            None => self.jwks_uri.is_none().then(needs_key),
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_jose::PrivateJwk;
    use serde_json::json;

    use super::*;

    fn faults(more: &serde_json::Value) -> Vec<String> {
        let mut client = json!({ "client_id": "web", "redirect_uris": ["https://a.example/cb"],
            "client_secret_sha256": "x" });
        client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value::<Client>(client).unwrap().faults()
    }

    #[test]
    fn what_is_encrypted_needs_a_key_that_fits() {
        let key = PrivateJwk::generate(KeyManagement::EcdhEsA256KW).unwrap().public().unwrap();
        let jwks = json!({ "keys": [key] });
        let none = Vec::<String>::new();
        for name in ["id_token_encrypted_response", "userinfo_encrypted_response"] {
            let (alg, enc) = (format!("{name}_alg"), format!("{name}_enc"));
            let fits = json!({ &alg: "ECDH-ES+A256KW", &enc: "A256GCM", "jwks": jwks });
            assert_eq!(faults(&fits), none);
            let published = json!({ &alg: "RSA-OAEP", "jwks_uri": "https://a.example/jwks" });
            assert_eq!(faults(&published), none);
            for bad in [
                json!({ &alg: "ECDH-ES+A256KW" }),
                json!({ &alg: "RSA-OAEP-256", "jwks": jwks }),
                json!({ &alg: "dir", "jwks": jwks }),
                json!({ &enc: "A256GCM", "jwks": jwks }),
            ] {
                assert_eq!(faults(&bad).len(), 1, "{bad}");
            }
        }
    }

    #[test]
    fn a_key_of_encryption_proves_nobody() {
        let encrypting = PrivateJwk::generate(KeyManagement::EcdhEs).unwrap().public().unwrap();
        let signing = PrivateJwk::generate(countersign_jose::Algorithm::ES256).unwrap();
        let signing = signing.public().unwrap();
        for (keys, count) in [(json!([encrypting]), 1), (json!([encrypting, signing]), 0)] {
            let client: Client = serde_json::from_value(json!({
                "client_id": "web", "redirect_uris": ["https://a.example/cb"],
                "token_endpoint_auth_method": "private_key_jwt", "jwks": { "keys": keys }
            }))
            .unwrap();
            assert_eq!(client.faults().len(), count, "{:?}", client.faults());
        }
    }

    #[test]
    fn content_is_encrypted_as_usual_unless_something_is_said() {
        let client: Client = serde_json::from_value(json!({
            "client_id": "web", "userinfo_encrypted_response_alg": "ECDH-ES",
            "id_token_encrypted_response_alg": "RSA-OAEP",
            "id_token_encrypted_response_enc": "A256GCM"
        }))
        .unwrap();
        let userinfo = client.userinfo_encryption().unwrap();
        assert_eq!(userinfo.content.name(), "A128CBC-HS256");
        assert_eq!(client.id_token_encryption().unwrap().content.name(), "A256GCM");
        assert_eq!(Client::new("spa").id_token_encryption(), None);
    }

    #[test]
    fn pairwise_names_need_one_sector() {
        let with = |uris: &[&str], sector: Option<&str>| {
            let client = json!({ "redirect_uris": uris, "subject_type": "pairwise",
                "sector_identifier_uri": sector });
            faults(&client).len()
        };
        let sector = Some("https://a.example/uris.json");
        assert_eq!(with(&["https://a.example/cb", "https://a.example/2"], None), 0);
        assert_eq!(with(&["https://a.example/cb", "https://b.example/cb"], None), 1);
        assert_eq!(with(&["https://a.example/cb", "https://b.example/cb"], sector), 0);
        for native in ["com.example.app:/cb", "http://127.0.0.1/cb"] {
            assert_eq!((with(&[native], None), with(&[native], sector)), (1, 0), "{native}");
        }
        assert_eq!(faults(&json!({ "redirect_uris": ["http://127.0.0.1/cb"] })), [""; 0]);
    }

    #[test]
    fn names_are_names() {
        assert_eq!(faults(&json!({ "authorization_details_types": [""] })).len(), 1);
        assert_eq!(faults(&json!({ "default_acr_values": vec!["1"; 17] })).len(), 1);
        assert_eq!(faults(&json!({ "introspection_signed_response_alg": "HS256" })).len(), 1);
    }
}
