//! What is wrong with a registration, in sentences.

use countersign_jose::Algorithm;

use super::permission::is_resource;
use super::{AuthMethod, Client, GrantType};
use crate::client_assertion;
use crate::client_keys::ClientKeys;
use crate::keyring;
use crate::redirect_uri;
use crate::remote_url::{RemoteUrl, is_web_address};
use crate::security_profile;
use crate::wire::authorize::request_object;

impl Client {
    /// What is wrong with a registration, one sentence each; empty when nothing is.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.member_faults();
        let legal = |b: u8| b.is_ascii_graphic() && b != b':';
        if self.client_id.is_empty()
            || self.client_id.len() > 255
            || !self.client_id.bytes().all(legal)
        {
            faults.push("client_id must be 1 to 255 printable ASCII characters without `:`".into());
        }
        faults
    }

    /// The same without the id, which has a form of its own where a document describes the client.
    pub(crate) fn member_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for uri in self.redirect_uris.iter().chain(&self.post_logout_redirect_uris) {
            if let Err(why) = redirect_uri::check(uri) {
                faults.push(format!("{uri:?} can't be a redirect URI: {why}"));
            }
        }
        faults.extend(self.logout_faults());
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
            faults.push("no secret goes with its token_endpoint_auth_method".into());
        }
        if !self.is_confidential() && self.may_use(GrantType::ClientCredentials) {
            faults.push("client_credentials needs a client that authenticates".into());
        }
        if !self.is_confidential() && self.may_use(GrantType::JwtBearer) {
            faults.push("the JWT bearer grant needs a client that authenticates".into());
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
        faults.extend(self.certificate_fault());
        faults.extend(self.exchange_faults());
        faults.extend(self.algorithm_faults());
        faults.extend(security_profile::faults(self));
        faults.extend(self.url_faults());
        faults.extend(self.openid_faults());
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
        let resources = self.resources.iter().chain(&self.protects);
        for resource in resources.chain(&self.exchange_audiences) {
            if !is_resource(resource) {
                faults.push(format!(
                    "{resource:?} can't be a resource: it must be an absolute URI without fragment"
                ));
            }
        }
        faults
    }

    /// Logout addresses are for web applications: https, or a loopback address while developing.
    fn logout_faults(&self) -> impl Iterator<Item = String> {
        let addresses = [
            ("backchannel_logout_uri", &self.backchannel_logout_uri),
            ("frontchannel_logout_uri", &self.frontchannel_logout_uri),
        ];
        addresses.into_iter().filter_map(|(name, uri)| {
            let uri = uri.as_ref()?;
            let web = uri.starts_with("https://") || redirect_uri::is_loopback(uri);
            (!web || redirect_uri::check(uri).is_err())
                .then(|| format!("{name} has to be an https address without a fragment"))
        })
    }

    /// URLs that this server asks at, or that people are led to.
    fn url_faults(&self) -> impl Iterator<Item = String> {
        let asked = [
            ("jwks_uri", &self.jwks_uri),
            ("sector_identifier_uri", &self.sector_identifier_uri),
            ("logo_uri", &self.logo_uri),
        ];
        let shown = [
            ("client_uri", &self.client_uri),
            ("policy_uri", &self.policy_uri),
            ("tos_uri", &self.tos_uri),
            ("initiate_login_uri", &self.initiate_login_uri),
        ];
        let unfit = |(name, url): (&str, &Option<String>)| {
            let why = RemoteUrl::parse(url.as_deref()?, true).err()?;
            Some(format!("{name} can't be used: {why}"))
        };
        let odd = |(name, url): (&str, &Option<String>)| {
            let web = url.as_deref().is_none_or(is_web_address);
            (!web).then(|| format!("{name} is not an http or https address"))
        };
        asked.into_iter().filter_map(unfit).chain(shown.into_iter().filter_map(odd))
    }

    fn certificate_fault(&self) -> Option<String> {
        let names = self.certificate_names().count();
        let why = match (self.token_endpoint_auth_method, names) {
            (AuthMethod::TlsClientAuth, 1) if self.certificate_name().is_some() => return None,
            (AuthMethod::TlsClientAuth, 1) => {
                "the name in tls_client_auth_subject_dn or tls_client_auth_san_ip can't be read"
            }
            (AuthMethod::TlsClientAuth, _) => {
                "tls_client_auth needs one name: tls_client_auth_subject_dn, \
                 tls_client_auth_san_dns, tls_client_auth_san_uri, tls_client_auth_san_ip or \
                 tls_client_auth_san_email"
            }
            (_, 0) => return None,
            _ => "tls_client_auth_… is for token_endpoint_auth_method \"tls_client_auth\"",
        };
        Some(why.to_owned())
    }

    fn exchange_faults(&self) -> Vec<String> {
        let exchanges = self.may_use(GrantType::TokenExchange);
        let fault = |bad: bool, why: &str| bad.then(|| why.to_owned());
        let set = !self.exchange_audiences.is_empty() || self.danger_impersonation;
        [
            fault(
                exchanges && !self.is_confidential(),
                "token exchange needs a client that authenticates",
            ),
            fault(
                exchanges && self.resources.is_empty(),
                "token exchange needs resources: where the tokens are to be used",
            ),
            fault(
                exchanges && self.protects.is_empty() && self.exchange_audiences.is_empty(),
                "token exchange needs protects or exchange_audiences: whose tokens to exchange",
            ),
            fault(
                !exchanges && set,
                "exchange_audiences and danger_impersonation are for a client that may use token \
                 exchange",
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn algorithm_faults(&self) -> impl Iterator<Item = String> {
        let asked = [
            ("id_token_signed_response_alg", self.id_token_signed_response_alg),
            ("userinfo_signed_response_alg", self.userinfo_signed_response_alg),
            ("access_token_signed_response_alg", self.access_token_signed_response_alg),
            ("introspection_signed_response_alg", self.introspection_signed_response_alg),
            ("authorization_signed_response_alg", self.authorization_signed_response_alg),
        ];
        let by_secret = self.is_confidential();
        asked.into_iter().filter_map(move |(name, wanted)| {
            let wanted = wanted?;
            // What is for its client alone may be signed with the secret that both have.
            let alone =
                matches!(name, "id_token_signed_response_alg" | "userinfo_signed_response_alg");
            if keyring::ALGORITHMS.contains(&wanted) || alone && by_secret && wanted.is_symmetric()
            {
                return None;
            }
            if alone && wanted.is_symmetric() {
                return Some(format!("{name}: a MAC needs a client that can keep a secret"));
            }
            let names: Vec<_> = keyring::ALGORITHMS.iter().map(|one| one.name()).collect();
            Some(format!("{name} must be one of {}", names.join(", ")))
        })
    }

    /// What can't be kept about signed requests, and signed or encrypted answers.
    fn request_and_response_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let wanted = self.request_object_signing_alg;
        if wanted.is_some_and(|wanted| !request_object::ALGORITHMS.contains(&wanted)) {
            faults.push("request_object_signing_alg is not taken for request objects".to_owned());
        }
        for uri in &self.request_uris {
            // Whether plain http to this machine is taken depends on the server.
            if let Err(why) = RemoteUrl::parse(uri, true) {
                faults.push(format!("{uri:?} can't be one of request_uris: {why}"));
            }
        }
        // What a client publishes is looked at when it is needed.
        let published = self.jwks_uri.is_some();
        let keys = ClientKeys::registered(self).and_then(Result::ok);
        let can_sign = keys.as_ref().is_some_and(|keys| !keys.signatures().is_empty());
        if self.require_signed_request_object && !published && !can_sign {
            faults.push(
                "require_signed_request_object needs a key of the client's signatures in jwks, or \
                 jwks_uri"
                    .to_owned(),
            );
        }
        let (alg, enc) =
            (self.authorization_encrypted_response_alg, self.authorization_encrypted_response_enc);
        match alg {
            None if enc.is_some() => faults.push(
                "authorization_encrypted_response_enc needs authorization_encrypted_response_alg"
                    .to_owned(),
            ),
            Some(alg) if !published && keys.and_then(|keys| keys.encryption(alg)).is_none() => {
                faults.push(
                    "authorization_encrypted_response_alg needs a public key in jwks that fits \
                     it, or jwks_uri"
                        .to_owned(),
                );
            }
            Some(alg) if alg.is_symmetric() => faults.push(
                "authorization_encrypted_response_alg has to be one of public keys".to_owned(),
            ),
            _ => {}
        }
        faults
    }

    fn key_faults(&self) -> Vec<String> {
        let by_key = matches!(
            self.token_endpoint_auth_method,
            AuthMethod::PrivateKeyJwt | AuthMethod::SelfSignedTlsClientAuth
        );
        let mut faults = match (&self.jwks, &self.jwks_uri) {
            (Some(_), Some(_)) => vec!["give jwks or jwks_uri, not both".to_owned()],
            (Some(jwks), None) => {
                let keys = ClientKeys::registered(self).and_then(Result::ok);
                let unfit = by_key && keys.is_some_and(|keys| keys.signatures().is_empty());
                let unfit = unfit.then(|| "jwks has no key for private_key_jwt".to_owned());
                let faults = client_assertion::key_faults(jwks);
                if faults.is_empty() { unfit.into_iter().collect() } else { faults }
            }
            (None, None) if by_key => {
                let why = "its token_endpoint_auth_method needs public keys: give jwks or jwks_uri";
                vec![why.to_owned()]
            }
            (None, _) => Vec::new(),
        };
        faults.extend(self.request_and_response_faults());
        let wanted = self.token_endpoint_auth_signing_alg;
        let method = self.token_endpoint_auth_method;
        let taken = |wanted: Algorithm| match client_assertion::algorithms_of(method) {
            // It has no effect.
            [] => client_assertion::ALGORITHMS.contains(&wanted),
            fitting => fitting.contains(&wanted),
        };
        if !wanted.is_none_or(taken) {
            let why = "token_endpoint_auth_signing_alg is not taken for its assertions";
            faults.push(why.into());
        }
        faults
    }
}
