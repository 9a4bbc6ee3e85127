//! The configuration: TOML, overridden by environment variables, checked as a whole.

mod check;
mod declared;
mod keys;
mod offer;
mod outbound;
mod print;
mod registration;
mod sources;
mod trusted;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_protocol::Timestamp;
use countersign_protocol::client::Client;
use countersign_protocol::jwt_grant::TrustedIssuer;
use countersign_protocol::lifetimes::Lifetimes;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::master_key::Source;

pub use declared::{ClientSecrets, Declared, DeclaredUser};
pub use keys::KeySection;
pub use offer::{AuthenticationSection, AuthorizationSection};
pub use outbound::OutboundSection;
pub use print::Line;
pub use registration::{RegistrationMode, RegistrationSection};
pub use sources::{Origin, Sources};

/// In seconds.
const DAY: u64 = 86_400;

/// A configuration that was read and found to be without fault.
#[derive(Clone, Debug)]
pub struct Config {
    /// The issuer identifier: the https origin under which the server is reached.
    pub issuer: String,
    /// Where the database and the master key lie.
    pub data_dir: PathBuf,
    /// Addresses and proxies.
    pub server: ServerSection,
    /// Token lifetimes.
    pub tokens: TokenSection,
    /// Refresh-token rotation.
    pub refresh: RefreshSection,
    /// Sign-in sessions.
    pub sessions: SessionSection,
    /// How people sign in.
    pub authentication: AuthenticationSection,
    /// What clients may ask for, and how.
    pub authorization: AuthorizationSection,
    /// Proofs of possession.
    pub dpop: DpopSection,
    /// The schedule of the keys.
    pub keys: KeySection,
    /// What the server asks at because others named it.
    pub outbound: OutboundSection,
    /// Clients that nobody declared.
    pub registration: RegistrationSection,
    /// Secrets that come from outside.
    pub secrets: SecretSection,
    /// Declared clients, brought up to date at each start.
    pub clients: Vec<Client>,
    /// Their secrets, where a hash is not enough.
    pub client_secrets: ClientSecrets,
    /// Declared users, brought up to date at each start.
    pub users: Vec<DeclaredUser>,
    /// Other issuers whose word is taken.
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// What works but should be looked at, one sentence each.
    pub warnings: Vec<String>,
}

/// `[server]`
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSection {
    /// The address for everyone. TLS is ended in front of it.
    pub listen: SocketAddr,
    /// The address for health and metrics; none when absent.
    pub operations: Option<SocketAddr>,
    /// Networks of the proxies whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which those proxies report the client's TLS certificate; none when absent.
    pub client_certificate_header: Option<String>,
    /// Which certificates they let through.
    pub client_certificates: ClientCertificates,
}

/// Which client certificates a proxy lets through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificates {
    /// Any: what a certificate says of itself proves nothing.
    #[default]
    Any,
    /// Those that an authority has issued which the proxy trusts to name clients.
    Verified,
}

/// `[tokens]`, in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenSection {
    /// Lifetime of access tokens.
    pub access_token_s: u64,
    /// Lifetime of id tokens.
    pub id_token_s: u64,
    /// Lifetime of authorization codes.
    pub code_s: u64,
    /// How long a person has to type a device's code in and to agree.
    pub device_code_s: u64,
}

/// `[refresh]`, in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RefreshSection {
    /// A grant that is not refreshed for this long ends.
    pub idle_s: u64,
    /// A grant ends this long after it was made.
    pub absolute_s: u64,
    /// How long a bearer refresh token of a public client may be retried. 0: not at all.
    pub retry_window_s: u64,
    /// What happens to tokens that are newer than a restored database.
    pub after_restore: AfterRestore,
    /// Until when `fast-forward` holds, in seconds since the epoch.
    pub after_restore_until: Option<u64>,
}

/// What happens to refresh tokens that are newer than the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterRestore {
    /// They are refused.
    Refuse,
    /// They are accepted: the MAC proves that this server issued them.
    FastForward,
}

/// `[sessions]`, in seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionSection {
    /// A sign-in that is not used for this long ends.
    pub idle_s: u64,
    /// A sign-in ends after this long.
    pub absolute_s: u64,
}

/// `[dpop]` (RFC 9449)
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DpopSection {
    /// Whose proofs need a nonce of this server.
    pub nonces: NonceUse,
}

/// Whose DPoP proofs need a nonce of this server (RFC 9449 §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NonceUse {
    /// Nobody's.
    Off,
    /// Those of public clients, whose keys lie where foreign code may run.
    #[default]
    PublicClients,
    /// Everybody's.
    AllClients,
}

/// `[secrets]`
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SecretSection {
    /// The master key, 32 bytes in base64url; or several, newest first.
    pub master_key: Option<String>,
    /// A file that holds it. Without either, the systemd credential `countersign-master-key` is
    /// used, or else the file `master.key` in the data folder, which is made at the first start.
    pub master_key_file: Option<PathBuf>,
}

impl std::fmt::Debug for SecretSection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretSection").finish_non_exhaustive()
    }
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            operations: Some(SocketAddr::from(([127, 0, 0, 1], 9090))),
            trusted_proxies: Vec::new(),
            client_certificate_header: None,
            client_certificates: ClientCertificates::default(),
        }
    }
}

impl Default for TokenSection {
    fn default() -> Self {
        let default = Lifetimes::default();
        Self {
            access_token_s: default.access_token.as_secs(),
            id_token_s: default.id_token.as_secs(),
            code_s: default.code.as_secs(),
            device_code_s: default.device_code.as_secs(),
        }
    }
}

impl Default for RefreshSection {
    fn default() -> Self {
        let default = Lifetimes::default();
        Self {
            idle_s: default.refresh_idle.as_secs(),
            absolute_s: default.refresh_absolute.as_secs(),
            retry_window_s: default.retry_window.as_secs(),
            after_restore: AfterRestore::Refuse,
            after_restore_until: None,
        }
    }
}

impl Default for SessionSection {
    fn default() -> Self {
        let default = Lifetimes::default();
        Self {
            idle_s: default.session_idle.as_secs(),
            absolute_s: default.session_absolute.as_secs(),
        }
    }
}

/// What is wrong with a configuration: a sentence for each fault.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Faults(pub Vec<String>);

/// The file as it is written, with the declared parts still raw.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    issuer: Option<String>,
    data_dir: Option<PathBuf>,
    #[serde(default)]
    server: ServerSection,
    #[serde(default)]
    tokens: TokenSection,
    #[serde(default)]
    refresh: RefreshSection,
    #[serde(default)]
    sessions: SessionSection,
    #[serde(default)]
    authentication: AuthenticationSection,
    #[serde(default)]
    authorization: AuthorizationSection,
    #[serde(default)]
    dpop: DpopSection,
    #[serde(default)]
    keys: KeySection,
    #[serde(default)]
    outbound: OutboundSection,
    #[serde(default)]
    secrets: SecretSection,
    #[serde(default)]
    registration: RegistrationSection,
    #[serde(default, rename = "client")]
    clients: Vec<toml::Table>,
    #[serde(default, rename = "user")]
    users: Vec<toml::Table>,
    #[serde(default, rename = "trusted_issuer")]
    trusted_issuers: Vec<toml::Table>,
}

/// TLS is ended in front of this server, so with an https issuer every connection is a proxy's.
const NO_PROXY: &str = "server.trusted_proxies is empty: whoever fails to sign in too often makes \
    everybody behind the same proxy wait; list the proxy that ends TLS";

/// What of mutual TLS is set and has no effect.
fn certificate_warnings(server: &ServerSection, clients: &[Client]) -> Option<String> {
    let header = server.client_certificate_header.is_some();
    let shows = |client: &&Client| {
        client.tls_client_certificate_bound_access_tokens
            || client.token_endpoint_auth_method.is_by_certificate()
    };
    match (header, clients.iter().find(shows)) {
        (true, _) if server.trusted_proxies.is_empty() => Some(
            "server.client_certificate_header has no effect: server.trusted_proxies is empty, and \
             nobody else is believed"
                .to_owned(),
        ),
        (false, Some(client)) => Some(format!(
            "client {}: it has to show a certificate, and none is ever reported: set \
             server.client_certificate_header",
            client.client_id
        )),
        _ => None,
    }
}

impl Config {
    /// Reads a file, lays the environment over it, and checks the whole.
    ///
    /// # Errors
    /// [`Faults`], all at once.
    pub fn load(
        path: &Path,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Sources), Faults> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Faults(vec![format!(
                "the configuration {} can't be read ({}): check the path and its permissions",
                path.display(),
                error.kind()
            )])
        })?;
        let (table, sources) = sources::merge(&text, &path.display().to_string(), environment)?;
        let config = Self::from_table(table)?;
        let faults = config.faults();
        if faults.is_empty() { Ok((config, sources)) } else { Err(Faults(faults)) }
    }

    /// Reads of a file only what `dev` takes from it.
    ///
    /// # Errors
    /// [`Faults`], all at once.
    pub fn load_declared(path: &Path) -> Result<Declared, Faults> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Faults(vec![format!(
                "the configuration {} can't be read ({}): check the path and its permissions",
                path.display(),
                error.kind()
            )])
        })?;
        let (table, _) = sources::merge(&text, &path.display().to_string(), [])?;
        let config = Self::from_table(table)?;
        let faults = config.declared_faults();
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        let Self { clients, client_secrets, users, trusted_issuers, .. } = config;
        let Self { authentication, authorization, outbound, registration, .. } = config;
        Ok(Declared {
            clients,
            client_secrets,
            users,
            trusted_issuers,
            authentication,
            authorization,
            outbound,
            registration,
        })
    }

    fn from_table(table: toml::Table) -> Result<Self, Faults> {
        let raw: Raw = table.try_into().map_err(|error: toml::de::Error| {
            Faults(vec![format!("the configuration has a mistake: {}", error.message())])
        })?;
        let (mut faults, mut warnings) = (Vec::new(), Vec::new());
        let (mut clients, mut client_secrets) = (Vec::new(), ClientSecrets::default());
        for client in raw.clients {
            match declared::client(client, &mut client_secrets, &mut warnings) {
                Ok(mut client) => {
                    client.profile = client.profile.max(raw.authorization.profile);
                    clients.push(client);
                }
                Err(fault) => faults.push(fault),
            }
        }
        let mut users = Vec::new();
        for user in raw.users {
            match declared::user(user) {
                Ok(user) => users.push(user),
                Err(fault) => faults.push(fault),
            }
        }
        let mut trusted_issuers = Vec::new();
        for issuer in raw.trusted_issuers {
            match trusted::issuer(issuer) {
                Ok(issuer) => trusted_issuers.push(issuer),
                Err(fault) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        let https = raw.issuer.as_deref().is_some_and(|issuer| issuer.starts_with("https://"));
        if https && raw.server.trusted_proxies.is_empty() {
            warnings.push(NO_PROXY.to_owned());
        }
        warnings.extend(certificate_warnings(&raw.server, &clients));
        warnings.extend(raw.registration.warnings());
        Ok(Self {
            issuer: raw.issuer.unwrap_or_default(),
            data_dir: raw.data_dir.unwrap_or_else(|| PathBuf::from("data")),
            server: raw.server,
            tokens: raw.tokens,
            refresh: raw.refresh,
            sessions: raw.sessions,
            authentication: raw.authentication,
            authorization: raw.authorization,
            dpop: raw.dpop,
            keys: raw.keys,
            outbound: raw.outbound,
            registration: raw.registration,
            secrets: raw.secrets,
            clients,
            client_secrets,
            users,
            trusted_issuers,
            warnings,
        })
    }

    /// The lifetimes of everything.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            access_token: Duration::from_secs(self.tokens.access_token_s),
            id_token: Duration::from_secs(self.tokens.id_token_s),
            code: Duration::from_secs(self.tokens.code_s),
            device_code: Duration::from_secs(self.tokens.device_code_s),
            refresh_idle: Duration::from_secs(self.refresh.idle_s),
            refresh_absolute: Duration::from_secs(self.refresh.absolute_s),
            retry_window: Duration::from_secs(self.refresh.retry_window_s),
            session_idle: Duration::from_secs(self.sessions.idle_s),
            session_absolute: Duration::from_secs(self.sessions.absolute_s),
        }
    }

    /// Where the master key comes from.
    #[must_use]
    pub fn master_key_source(&self) -> Source {
        match (&self.secrets.master_key, &self.secrets.master_key_file) {
            (Some(text), _) => Source::Text(text.clone().into()),
            (None, Some(path)) => Source::File(path.clone()),
            (None, None) => Source::Own(self.data_dir.join("master.key")),
        }
    }

    /// Until when tokens newer than the database are accepted, if they are.
    #[must_use]
    pub fn fast_forward_until(&self) -> Option<Timestamp> {
        let until = self.refresh.after_restore_until.map(Timestamp::from_secs);
        until.filter(|_| self.refresh.after_restore == AfterRestore::FastForward)
    }
}

#[cfg(test)]
mod tests;
