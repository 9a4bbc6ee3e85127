//! Clients and users that the configuration declares.

use std::collections::HashMap;
use std::path::Path;

use countersign_protocol::account::canonical_username;
use countersign_protocol::client::{self, Client, GrantType};
use countersign_protocol::jwt_grant::TrustedIssuer;
use countersign_protocol::release;
use serde_json::{Map, Value};
use toml::Table;
use zeroize::Zeroizing;

use super::{AuthenticationSection, AuthorizationSection, OutboundSection, RegistrationSection};
use crate::passwords;

/// Secrets shorter than this can be guessed, and they are kept under a fast hash.
const SECRET_MIN_CHARS: usize = 16;

/// What `dev` takes from a configuration: the rest of it is settled there.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// Clients.
    pub clients: Vec<Client>,
    /// Their secrets, where a hash is not enough.
    pub client_secrets: ClientSecrets,
    /// Users.
    pub users: Vec<DeclaredUser>,
    /// Other issuers whose word is taken.
    pub trusted_issuers: Vec<TrustedIssuer>,
    /// How people sign in.
    pub authentication: AuthenticationSection,
    /// What clients may ask for.
    pub authorization: AuthorizationSection,
    /// What the server asks at because others named it.
    pub outbound: OutboundSection,
    /// Clients that nobody declared.
    pub registration: RegistrationSection,
}

/// A user as declared.
#[derive(Clone)]
pub struct DeclaredUser {
    /// What the person types to sign in.
    pub username: String,
    /// The password in plain text; hashed before it is stored.
    pub password: Option<String>,
    /// The password as an Argon2id PHC string.
    pub password_hash: Option<String>,
    /// Whether the account is closed.
    pub disabled: bool,
    /// Standard claims about the person.
    pub claims: Map<String, Value>,
}

impl std::fmt::Debug for DeclaredUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeclaredUser").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The plain secrets of declared clients that the server has to read again, until they are sealed.
#[derive(Clone, Default)]
pub struct ClientSecrets(HashMap<String, Zeroizing<String>>);

impl std::fmt::Debug for ClientSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientSecrets").finish_non_exhaustive()
    }
}

impl ClientSecrets {
    /// The secret of a client, if it is needed.
    #[must_use]
    pub fn of(&self, client_id: &str) -> Option<&str> {
        self.0.get(client_id).map(|secret| secret.as_str())
    }
}

/// Reads a `[[client]]`.
pub(super) fn client(
    mut table: Table,
    secrets: &mut ClientSecrets,
    warnings: &mut Vec<String>,
) -> Result<Client, String> {
    let name = table.get("client_id").and_then(toml::Value::as_str).unwrap_or("?").to_owned();
    let fault = |why: String| format!("client {name}: {why}");
    let secret = take_secret(&mut table, "client_secret").map_err(&fault)?;
    for member in ["client_secret_sha256", "client_secret_sealed"] {
        if table.contains_key(member) {
            return Err(fault(format!("{member} is for the store: give client_secret")));
        }
    }
    let mut client: Client =
        table.try_into().map_err(|error: toml::de::Error| fault(error.message().to_owned()))?;
    if (client.jwks.is_some() || client.jwks_uri.is_some())
        && !client.token_endpoint_auth_method.is_by_key()
        && !client.may_use(GrantType::AuthorizationCode)
    {
        warnings.push(format!(
            "client {name}: jwks or jwks_uri has no effect without a token_endpoint_auth_method \
             that goes by keys or the grant type authorization_code"
        ));
    }
    if client.danger_token_endpoint_as_audience {
        warnings.push(format!(
            "client {name}: danger_token_endpoint_as_audience takes assertions that another server \
             could use here (RFC 10070)"
        ));
    }
    if client.danger_impersonation {
        warnings.push(format!(
            "client {name}: danger_impersonation hides from APIs that it acts for others"
        ));
    }
    if let Some(secret) = secret {
        if secret.chars().count() < SECRET_MIN_CHARS {
            let why =
                format!("client_secret has to be random, {SECRET_MIN_CHARS} characters or more");
            return Err(fault(why));
        }
        if let Some(least) = client.least_secret_bytes().filter(|least| secret.len() < *least) {
            let why = format!("client_secret needs {least} bytes for the MACs of this client");
            return Err(fault(why));
        }
        client.client_secret_sha256 = Some(client::hash_secret(&secret));
        if client.needs_readable_secret() {
            secrets.0.insert(client.client_id.clone(), secret.into());
        }
    }
    Ok(client)
}

/// Reads a `[[user]]`: all that is not about signing in is a claim.
pub(super) fn user(mut table: Table) -> Result<DeclaredUser, String> {
    let take = |table: &mut Table, key: &str| match table.remove(key) {
        None => Ok(None),
        Some(toml::Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{key} is text")),
    };
    let username = take(&mut table, "username")?.unwrap_or_default();
    let fault = |why: &str| format!("user {username:?}: {why}");
    if canonical_username(&username).is_none() {
        return Err(fault("username must be 1 to 128 characters"));
    }
    let password = take_secret(&mut table, "password").map_err(|why| fault(&why))?;
    let password_hash = take(&mut table, "password_hash").map_err(|why| fault(&why))?;
    if password_hash.as_deref().is_some_and(|hash| !passwords::is_hash(hash)) {
        return Err(fault("password_hash must be an Argon2id PHC string"));
    }
    let disabled = match table.remove("disabled") {
        None => false,
        Some(toml::Value::Boolean(disabled)) => disabled,
        Some(_) => return Err(fault("disabled is true or false")),
    };
    let mut claims = Map::new();
    for (name, value) in table {
        if !release::known_claims().any(|known| known == name) {
            return Err(fault(&format!("{name} is not a standard claim")));
        }
        let value = serde_json::to_value(value).map_err(|_| fault(&format!("{name} is odd")))?;
        claims.insert(name, value);
    }
    Ok(DeclaredUser { username, password, password_hash, disabled, claims })
}

/// A secret that stands in the file, or in a file of its own (`…_file`).
fn take_secret(table: &mut Table, key: &str) -> Result<Option<String>, String> {
    let (inline, file) = (table.remove(key), table.remove(&format!("{key}_file")));
    match (inline, file) {
        (None, None) => Ok(None),
        (Some(toml::Value::String(secret)), None) => Ok(Some(secret)),
        (None, Some(toml::Value::String(path))) => read_secret(Path::new(&path)).map(Some),
        (Some(_), Some(_)) => Err(format!("give {key} or {key}_file, not both")),
        _ => Err(format!("{key} is text")),
    }
}

/// Reads a secret from a file, without the line end that editors add.
fn read_secret(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("{} can't be read: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}
