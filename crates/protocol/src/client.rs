//! Clients: what they registered (RFC 7591 and OpenID registration names), what they may ask
//! for, and how they authenticate.

use aws_lc_rs::digest::{SHA256, digest};
use countersign_jose::{Algorithm, base64url};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::client_assertion;
use crate::error::{ErrorCode, OAuthError};
use crate::keyring;
use crate::redirect_uri;
use crate::release;
use crate::scope::Scope;
use crate::token_format::TokenFormat;

/// How a client proves who it is at the token endpoint (RFC 7591 §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A secret in the `Authorization` header. The form body is taken as well.
    #[default]
    ClientSecretBasic,
    /// A secret in the form body. The `Authorization` header is taken as well.
    ClientSecretPost,
    /// A signature by one of its registered keys (RFC 7523).
    PrivateKeyJwt,
    /// Not at all: a public client.
    None,
}

/// The grants that a client may use at the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// OAuth 2.1 §4.1.
    AuthorizationCode,
    /// OAuth 2.1 §4.3.
    RefreshToken,
    /// OAuth 2.1 §4.2.
    ClientCredentials,
}

/// A registered client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its public name.
    pub client_id: String,
    /// The name that people read on the consent page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// SHA-256 of the secret, base64url. Secrets are random, so a fast hash is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_sha256: Option<String>,
    /// Where answers may go.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where a browser may go after signing out.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// What it may do at the token endpoint.
    #[serde(default = "default_grant_types")]
    pub grant_types: Vec<GrantType>,
    /// Only `code` is offered.
    #[serde(default = "default_response_types")]
    pub response_types: Vec<String>,
    /// How it authenticates.
    #[serde(default)]
    pub token_endpoint_auth_method: AuthMethod,
    /// Its public keys, for `private_key_jwt`. They are never fetched from anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<serde_json::Value>,
    /// The only algorithm of its assertions; any that fits its keys when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub token_endpoint_auth_signing_alg: Option<Algorithm>,
    /// Its assertions may name the URL of the token endpoint as their audience, as was usual before
    /// RFC 10070: another server that knows this URL could then use them here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub danger_token_endpoint_as_audience: bool,
    /// The widest scope that it may ask for. See [`Client::grantable_scope`] for when it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The signature of its id tokens; ES256 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub id_token_signed_response_alg: Option<Algorithm>,
    /// The form of its access tokens, where the owner of the resource does not decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_format: Option<TokenFormat>,
    /// The form of the access tokens for the resources that it protects, whoever asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_access_token_format: Option<TokenFormat>,
    /// The signature of introspection answers, where it asks for signed ones (RFC 9701 §6); ES256
    /// when absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub introspection_signed_response_alg: Option<Algorithm>,
    /// The signature of its access tokens, which is for the APIs that it calls to like; ES256 when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "algorithm_name")]
    pub access_token_signed_response_alg: Option<Algorithm>,
    /// Whether its access tokens have an entry in a Token Status List, for verifiers that do not
    /// follow our revocations.
    #[serde(default, skip_serializing_if = "is_false")]
    pub status_list: bool,
    /// Whether authorization requests must carry a code challenge. Always for public clients.
    #[serde(default = "yes")]
    pub require_pkce: bool,
    /// The resources (RFC 8707) that it may ask tokens for. The first is the default.
    #[serde(default)]
    pub resources: Vec<String>,
    /// The resources that it is the API of: it may introspect their tokens and read the
    /// revocation feed.
    #[serde(default)]
    pub protects: Vec<String>,
    /// Pages that the consent page links to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// Its privacy policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    /// Its terms of service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    /// Each of its token requests must carry a DPoP proof (RFC 9449 §5.2).
    #[serde(default, skip_serializing_if = "is_false")]
    pub dpop_bound_access_tokens: bool,
    /// Its tokens are bound to the certificate of the connection (RFC 8705 §3.4).
    #[serde(default, skip_serializing_if = "is_false")]
    pub tls_client_certificate_bound_access_tokens: bool,
    /// Development only: any redirect URI on a loopback address is taken.
    #[serde(default, skip_serializing_if = "is_false")]
    pub danger_any_loopback_redirect: bool,
    /// A disabled client is refused everywhere.
    #[serde(default, skip_serializing_if = "is_false")]
    pub disabled: bool,
}

/// What a request carries to authenticate its client.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// `client_id` alone.
    Public {
        /// The client that the request says it comes from.
        client_id: String,
    },
    /// A secret, from the header or the form.
    Secret {
        /// The client that the request says it comes from.
        client_id: String,
        /// What should be its secret.
        secret: String,
    },
    /// A signed assertion, see [`client_assertion`].
    Assertion {
        /// The client that the request says it comes from.
        client_id: String,
        /// The assertion.
        assertion: String,
    },
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Credentials").field(&self.client_id()).finish()
    }
}

impl Credentials {
    /// The client that the request says it comes from.
    #[must_use]
    pub fn client_id(&self) -> &str {
        match self {
            Self::Public { client_id }
            | Self::Secret { client_id, .. }
            | Self::Assertion { client_id, .. } => client_id,
        }
    }
}

impl Client {
    /// Whether it can keep a secret (OAuth 2.1 §2.1).
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        self.token_endpoint_auth_method != AuthMethod::None
    }

    /// Whether it may use a grant.
    #[must_use]
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Refuses a grant that it may not use.
    ///
    /// # Errors
    /// `unauthorized_client`.
    pub fn require(&self, grant: GrantType) -> Result<(), OAuthError> {
        if self.may_use(grant) {
            return Ok(());
        }
        let why = "the client is not registered for this grant type";
        Err(OAuthError::new(ErrorCode::UnauthorizedClient, why))
    }

    /// What its access tokens are signed with.
    #[must_use]
    pub fn access_token_algorithm(&self) -> Algorithm {
        self.access_token_signed_response_alg.unwrap_or(keyring::DEFAULT_ALGORITHM)
    }

    /// What its id tokens are signed with.
    #[must_use]
    pub fn id_token_algorithm(&self) -> Algorithm {
        self.id_token_signed_response_alg.unwrap_or(keyring::DEFAULT_ALGORITHM)
    }

    /// Whether an answer may go to `uri`.
    #[must_use]
    pub fn takes_answers_at(&self, uri: &str) -> bool {
        redirect_uri::is_registered(uri, &self.redirect_uris)
            || (self.danger_any_loopback_redirect
                && redirect_uri::check(uri).is_ok()
                && redirect_uri::is_loopback(uri))
    }

    /// Whether someone else on the user's machine could pose as this client: it has no secret,
    /// and its answers go to an address that any local program can listen on.
    #[must_use]
    pub fn can_be_impersonated(&self, redirect_uri: &str) -> bool {
        let https = redirect_uri.starts_with("https://");
        !self.is_confidential() && !https
    }

    /// Whether it authenticates with a secret.
    fn has_secret(&self) -> bool {
        matches!(
            self.token_endpoint_auth_method,
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost
        )
    }

    /// Checks the proof of identity (RFC 6749 §2.3), but for assertions, which this never takes:
    /// [`client_assertion::verify`] judges them.
    ///
    /// # Errors
    /// `invalid_client`, worded the same for a wrong secret and for a missing one.
    pub fn authenticate(&self, credentials: &Credentials) -> Result<(), OAuthError> {
        let good = match (credentials, &self.client_secret_sha256) {
            (Credentials::Public { .. }, _) => !self.is_confidential(),
            (Credentials::Secret { secret, .. }, Some(hash)) => {
                self.has_secret()
                    && bool::from(hash_secret(secret).as_bytes().ct_eq(hash.as_bytes()))
            }
            (Credentials::Secret { .. }, None) | (Credentials::Assertion { .. }, _) => false,
        };
        if good && !self.disabled { Ok(()) } else { Err(unauthenticated()) }
    }

    /// The scope to grant for what was asked, all of it registered. A client that registered
    /// none may ask a user for what every user understands ([`release::KNOWN_SCOPES`]), and for
    /// itself for nothing.
    ///
    /// # Errors
    /// `invalid_scope` when the client may not ask for some of it (RFC 6749 §5.2).
    pub fn grantable_scope(
        &self,
        asked: Option<&Scope>,
        grant: GrantType,
    ) -> Result<Scope, OAuthError> {
        let Some(asked) = asked else { return Ok(Scope::default()) };
        let allowed = match &self.scope {
            Some(registered) => asked.is_within(registered),
            None if grant == GrantType::ClientCredentials => asked.is_empty(),
            None => asked.iter().all(release::is_known_scope),
        };
        if allowed {
            return Ok(asked.clone());
        }
        let why = "the client is not registered for all of the requested scope";
        Err(OAuthError::new(ErrorCode::InvalidScope, why))
    }

    /// The audience of a token: the resources that were asked for, or the client's first one,
    /// or the issuer itself when it has none.
    ///
    /// # Errors
    /// `invalid_target` for a resource that is not registered for this client (RFC 8707 §2).
    pub fn audience(&self, asked: &[String], issuer: &str) -> Result<Vec<String>, OAuthError> {
        if asked.is_empty() {
            let default = self.resources.first().map_or(issuer, String::as_str);
            return Ok(vec![default.to_owned()]);
        }
        let mut audience: Vec<String> = Vec::new();
        for resource in asked {
            if !self.resources.contains(resource) {
                return Err(OAuthError::new(
                    ErrorCode::InvalidTarget,
                    "the client is not registered for this resource",
                ));
            }
            if !audience.contains(resource) {
                audience.push(resource.clone());
            }
        }
        Ok(audience)
    }

    /// What is wrong with a registration, one sentence each; empty when nothing is.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let legal = |b: u8| b.is_ascii_graphic() && b != b':';
        if self.client_id.is_empty()
            || self.client_id.len() > 255
            || !self.client_id.bytes().all(legal)
        {
            faults.push("client_id must be 1 to 255 printable ASCII characters without `:`".into());
        }
        for uri in self.redirect_uris.iter().chain(&self.post_logout_redirect_uris) {
            if let Err(why) = redirect_uri::check(uri) {
                faults.push(format!("{uri:?} can't be a redirect URI: {why}"));
            }
        }
        if self.response_types.iter().any(|kind| kind != "code") {
            faults.push("response_types: only \"code\" is offered".into());
        }
        faults.extend(self.key_faults());
        if self.has_secret() && self.client_secret_sha256.is_none() {
            faults.push(
                "client_secret is missing (or say token_endpoint_auth_method = \"none\")".into(),
            );
        }
        if !self.has_secret() && self.client_secret_sha256.is_some() {
            let why =
                "no secret goes with token_endpoint_auth_method \"none\" or \"private_key_jwt\"";
            faults.push(why.into());
        }
        if !self.is_confidential() && self.may_use(GrantType::ClientCredentials) {
            faults.push("client_credentials needs a client that authenticates".into());
        }
        if !self.is_confidential() && !self.protects.is_empty() {
            faults.push("a client that protects a resource has to authenticate".into());
        }
        if !self.is_confidential() && !self.require_pkce {
            faults.push("require_pkce can't be turned off for a public client".into());
        }
        if self.may_use(GrantType::AuthorizationCode)
            && self.redirect_uris.is_empty()
            && !self.danger_any_loopback_redirect
        {
            faults.push("authorization_code needs at least one of redirect_uris".into());
        }
        faults.extend(self.algorithm_faults());
        if self.protected_access_token_format.is_some() && self.protects.is_empty() {
            faults.push("protected_access_token_format is for a client that protects".into());
        }
        if self.dpop_bound_access_tokens && self.tls_client_certificate_bound_access_tokens {
            faults.push(
                "a token is bound to a key or to a certificate: choose between \
                 dpop_bound_access_tokens and tls_client_certificate_bound_access_tokens"
                    .into(),
            );
        }
        for resource in self.resources.iter().chain(&self.protects) {
            if !is_resource(resource) {
                faults.push(format!(
                    "{resource:?} can't be a resource: it must be an absolute URI without fragment"
                ));
            }
        }
        faults
    }
}

impl Client {
    fn algorithm_faults(&self) -> impl Iterator<Item = String> {
        let asked = [
            ("id_token_signed_response_alg", self.id_token_signed_response_alg),
            ("access_token_signed_response_alg", self.access_token_signed_response_alg),
            ("introspection_signed_response_alg", self.introspection_signed_response_alg),
        ];
        let signs = |wanted: Algorithm| keyring::ALGORITHMS.contains(&wanted);
        asked.into_iter().filter(move |(_, wanted)| !wanted.is_none_or(signs)).map(|(name, _)| {
            let names: Vec<_> = keyring::ALGORITHMS.iter().map(|one| one.name()).collect();
            format!("{name} must be one of {}", names.join(", "))
        })
    }
}

impl Client {
    fn key_faults(&self) -> Vec<String> {
        let by_key = self.token_endpoint_auth_method == AuthMethod::PrivateKeyJwt;
        let mut faults = match &self.jwks {
            Some(jwks) => client_assertion::key_faults(jwks),
            None if by_key => {
                vec!["private_key_jwt needs the client's public keys: give jwks".to_owned()]
            }
            None => Vec::new(),
        };
        let wanted = self.token_endpoint_auth_signing_alg;
        if wanted.is_some_and(|wanted| !client_assertion::ALGORITHMS.contains(&wanted)) {
            faults.push("token_endpoint_auth_signing_alg is not taken for assertions".into());
        }
        faults
    }
}

/// Whether text can name a resource (RFC 8707 §2).
#[must_use]
pub fn is_resource(text: &str) -> bool {
    text.len() <= 2_048
        && !text.contains('#')
        && text.bytes().all(|b| b.is_ascii_graphic())
        && text.split_once(':').is_some_and(|(scheme, rest)| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
                && !rest.is_empty()
        })
}

/// What is stored of a client secret.
#[must_use]
pub fn hash_secret(secret: &str) -> String {
    base64url::encode(digest(&SHA256, secret.as_bytes()).as_ref())
}

/// The error for a client that is unknown or did not prove who it is.
#[must_use]
pub fn unauthenticated() -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClient, "client authentication failed")
}

fn default_grant_types() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode, GrantType::RefreshToken]
}

fn default_response_types() -> Vec<String> {
    vec!["code".to_owned()]
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
const fn is_false(value: &bool) -> bool {
    !*value
}

mod algorithm_name {
    use countersign_jose::Algorithm;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(
        value: &Option<Algorithm>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(Algorithm::name).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Algorithm>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        name.map(|name| {
            Algorithm::from_name(&name)
                .ok_or_else(|| D::Error::custom("the algorithm is not supported"))
        })
        .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for (name, faults) in [
            ("ES256", 0),
            ("Ed25519", 0),
            ("RS256", 0),
            ("ES384", 1),
            ("ML-DSA-65", 1),
            ("HS256", 1),
        ] {
            let wanted = Algorithm::from_name(name);
            let client = Client { id_token_signed_response_alg: wanted, ..confidential() };
            assert_eq!(client.faults().len(), faults, "{name}");
            let client = Client { access_token_signed_response_alg: wanted, ..client };
            assert_eq!(client.faults().len(), 2 * faults, "{name}");
        }
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
}
