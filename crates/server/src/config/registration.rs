//! `[registration]`: clients that nobody declared.

use countersign_protocol::client::{GrantType, is_resource};
use countersign_protocol::registration::Terms;
use countersign_protocol::release::KNOWN_SCOPES;
use countersign_protocol::scope::Scope;
use serde::{Deserialize, Serialize};

/// Clients that may register themselves unless said otherwise.
const CLIENTS_MAX: u64 = 10_000;
/// A client that nobody used for so long goes.
const UNUSED_DAYS: u64 = 90;

/// `[registration]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RegistrationSection {
    /// Who may register clients at `POST /register` (RFC 7591).
    pub mode: RegistrationMode,
    /// Whether a client may be the URL of a document that describes it. Only `dev` does so when
    /// nothing is said.
    pub metadata_documents: Option<bool>,
    /// The hosts of such documents; any when empty.
    pub document_hosts: Vec<String>,
    /// The resources that such clients may ask tokens for.
    pub resources: Vec<String>,
    /// Scopes that they may have beside those of OpenID Connect.
    pub scopes: Vec<String>,
    /// The grants that they may use.
    pub grant_types: Vec<GrantType>,
    /// Those of `authorization.details_types` that they may ask for.
    pub details_types: Vec<String>,
    /// Clients that authenticate and register themselves may do without PKCE.
    pub danger_without_pkce: bool,
    /// The assertions of clients that register themselves may name `/token` as their audience, as
    /// was usual before RFC 10070.
    pub danger_token_endpoint_as_audience: bool,
    /// How many may register themselves.
    pub max_clients: u64,
    /// A client that registered itself and was not used for so many days goes.
    pub unused_days: u64,
}

/// Who may register clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegistrationMode {
    /// Nobody.
    #[default]
    Off,
    /// Whoever has a token for it, made by `countersign registration token`.
    InitialAccessToken,
    /// Anybody.
    Open,
}

impl Default for RegistrationSection {
    fn default() -> Self {
        Self {
            mode: RegistrationMode::Off,
            metadata_documents: None,
            document_hosts: Vec::new(),
            resources: Vec::new(),
            scopes: Vec::new(),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            details_types: Vec::new(),
            danger_without_pkce: false,
            danger_token_endpoint_as_audience: false,
            max_clients: CLIENTS_MAX,
            unused_days: UNUSED_DAYS,
        }
    }
}

impl RegistrationSection {
    /// Whether a client may be the URL of a document that describes it.
    #[must_use]
    pub fn takes_documents(&self) -> bool {
        self.metadata_documents.unwrap_or(false)
    }

    /// What clients that register themselves are allowed.
    #[must_use]
    pub fn terms(&self, issuer: &str) -> Terms {
        let known = KNOWN_SCOPES.iter().map(|scope| scope.name);
        let scopes: Vec<_> = known.chain(self.scopes.iter().map(String::as_str)).collect();
        Terms {
            resources: self.resources.clone(),
            // What is not a scope was refused with the configuration.
            scope: Scope::parse(&scopes.join(" ")).unwrap_or_default(),
            grant_types: self.grant_types.clone(),
            details_types: self.details_types.clone(),
            without_pkce: self.danger_without_pkce,
            token_endpoint_as_audience: self.danger_token_endpoint_as_audience,
            loopback: issuer.starts_with("http://"),
        }
    }

    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for resource in self.resources.iter().filter(|resource| !is_resource(resource)) {
            faults.push(format!(
                "registration.resources: {resource:?} must be an absolute URI without fragment"
            ));
        }
        let odd = |scope: &&String| scope.contains(' ') || Scope::parse(scope).is_err();
        for scope in self.scopes.iter().filter(odd) {
            faults.push(format!("registration.scopes: {scope:?} is not one scope"));
        }
        if self.grant_types.is_empty() {
            faults.push("registration.grant_types is empty".to_owned());
        }
        for (name, value, most) in
            [("max_clients", self.max_clients, 1_000_000), ("unused_days", self.unused_days, 3_650)]
        {
            if !(1..=most).contains(&value) {
                faults.push(format!(
                    "registration.{name} = {value}: it has to be between 1 and {most}"
                ));
            }
        }
        faults
    }

    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.mode == RegistrationMode::Open {
            warnings.push(
                "registration.mode = \"open\" lets anybody register clients: each can ask your \
                 users for access under a name of its choice"
                    .to_owned(),
            );
        }
        if self.danger_without_pkce {
            warnings.push(
                "registration.danger_without_pkce: clients that register themselves may leave PKCE \
                 out, and a code that is stolen from one can be used at it"
                    .to_owned(),
            );
        }
        if self.danger_token_endpoint_as_audience {
            warnings.push(
                "registration.danger_token_endpoint_as_audience: clients that register themselves \
                 may send assertions that another server could use here (RFC 10070)"
                    .to_owned(),
            );
        }
        if self.grant_types.contains(&GrantType::ClientCredentials)
            && self.mode == RegistrationMode::Open
        {
            warnings.push(
                "registration.grant_types: anybody gets tokens for registration.resources without \
                 asking a user"
                    .to_owned(),
            );
        }
        warnings
    }
}
