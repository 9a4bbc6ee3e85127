//! What makes a configuration unsafe or useless. Every fault is told at once.

use std::collections::HashSet;

use axum::http::{HeaderName, Uri};
use countersign_protocol::account::canonical_username;
use countersign_protocol::client::AuthMethod;
use countersign_protocol::key_schedule::ANNOUNCE_MIN;
use countersign_protocol::redirect_uri::is_loopback_host;

use super::{AfterRestore, ClientCertificates, Config, DAY};
use crate::master_key;

impl Config {
    /// Everything that is wrong, a sentence each.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = issuer_fault(&self.issuer).into_iter().collect();
        faults.extend(self.lifetime_faults());
        faults.extend(self.key_faults());
        if let Some(key) = &self.secrets.master_key
            && let Err(error) = master_key::parse(key, "secrets.master_key")
        {
            faults.push(error.to_string());
        }
        if self.secrets.master_key.is_some() && self.secrets.master_key_file.is_some() {
            let why = "give secrets.master_key or secrets.master_key_file, not both";
            faults.push(why.into());
        }
        if self.server.operations == Some(self.server.listen) {
            faults.push("server.operations must differ from server.listen".into());
        }
        if let Some(name) = &self.server.client_certificate_header
            && name.parse::<HeaderName>().is_err()
        {
            faults.push("server.client_certificate_header is not the name of a header".into());
        }
        let restore = (self.refresh.after_restore, self.refresh.after_restore_until);
        if restore.0 == AfterRestore::FastForward && restore.1.is_none() {
            faults.push(
                "refresh.after_restore = \"fast-forward\" needs an end: set \
                 refresh.after_restore_until (seconds since the epoch)"
                    .into(),
            );
        }
        let verified = self.server.client_certificates == ClientCertificates::Verified;
        for client in &self.clients {
            let method = client.token_endpoint_auth_method;
            if method == AuthMethod::TlsClientAuth && !verified {
                faults.push(format!(
                    "client {}: tls_client_auth believes the names in certificates, so the proxy \
                     must let no other certificates through: see to that, and say \
                     server.client_certificates = \"verified\"",
                    client.client_id
                ));
            }
            if client.danger_any_loopback_redirect {
                let id = &client.client_id;
                let why = "danger_any_loopback_redirect is for `countersign dev` only";
                faults.push(format!("client {id}: {why}"));
            }
        }
        faults.extend(self.declared_faults());
        faults.extend(self.trust_faults());
        faults
    }

    fn trust_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut seen = HashSet::new();
        for trusted in &self.trusted_issuers {
            let name = &trusted.issuer;
            if trusted.issuer == self.issuer {
                faults.push(format!("trusted_issuer {name} is this server itself"));
            }
            if !seen.insert(name) {
                faults.push(format!("trusted_issuer {name} is declared twice"));
            }
        }
        faults
    }

    /// What is wrong with the declared clients and users, and with what is allowed to others.
    #[must_use]
    pub fn declared_faults(&self) -> Vec<String> {
        let mut faults = self.offer_faults();
        faults.extend(self.registration.faults());
        let mut seen = HashSet::new();
        for client in &self.clients {
            let id = &client.client_id;
            faults.extend(client.faults().iter().map(|fault| format!("client {id}: {fault}")));
            if !seen.insert(id) {
                faults.push(format!("client {id} is declared twice"));
            }
        }
        let mut seen = HashSet::new();
        for user in &self.users {
            if !seen.insert(canonical_username(&user.username)) {
                faults.push(format!("user {:?} is declared twice", user.username));
            }
        }
        faults
    }

    fn lifetime_faults(&self) -> Vec<String> {
        let bounds = [
            ("tokens.access_token_s", self.tokens.access_token_s, 10, DAY),
            ("tokens.id_token_s", self.tokens.id_token_s, 10, DAY),
            ("tokens.code_s", self.tokens.code_s, 10, 600),
            ("tokens.device_code_s", self.tokens.device_code_s, 60, 1_800),
            ("refresh.idle_s", self.refresh.idle_s, 60, 400 * DAY),
            ("refresh.absolute_s", self.refresh.absolute_s, 60, 400 * DAY),
            ("refresh.retry_window_s", self.refresh.retry_window_s, 0, 300),
            ("sessions.idle_s", self.sessions.idle_s, 60, 90 * DAY),
            ("authorization.pushed_request_s", self.authorization.pushed_request_s, 5, 600),
            ("keys.announce_s", self.keys.announce_s, ANNOUNCE_MIN.as_secs(), 30 * DAY),
            ("sessions.absolute_s", self.sessions.absolute_s, 60, 90 * DAY),
        ];
        let days = self.keys.rotation_days;
        let too_long =
            (days > 3_650).then(|| format!("keys.rotation_days = {days}: ten years at most"));
        bounds
            .into_iter()
            .filter(|(_, value, least, most)| !(least..=most).contains(&value))
            .map(|(name, value, least, most)| {
                format!("{name} = {value}: it has to be between {least} and {most} seconds")
            })
            .chain(too_long)
            .collect()
    }
}

/// RFC 8414 §2: https, no query, no fragment. Ours has no path either, since cookies with the
/// `__Host-` prefix are for whole origins.
fn issuer_fault(issuer: &str) -> Option<String> {
    if issuer.is_empty() {
        return Some("issuer is missing: the https origin of this server".into());
    }
    let fault = |why: &str| Some(format!("issuer {issuer:?} {why}"));
    let Ok(uri) = issuer.parse::<Uri>() else { return fault("is not a URL") };
    let Some(authority) = uri.authority() else { return fault("is not a URL") };
    let loopback = is_loopback_host(authority.host());
    match uri.scheme_str() {
        Some("https") => {}
        Some("http") if loopback => {}
        _ => return fault("must be https (http is for loopback addresses only)"),
    }
    let plain = format!("{}://{authority}", uri.scheme_str().unwrap_or_default());
    if issuer != plain || authority.as_str().contains('@') {
        return fault("must be an origin: no path, no slash at the end, no query");
    }
    None
}
