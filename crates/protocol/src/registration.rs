//! What clients register about themselves (RFC 7591, OpenID Connect Registration): which members
//! they may set, what the operator allows, and what is refused. Members that nobody here knows are
//! ignored, and so are those that only an operator sets.

mod redirects;
pub mod sector;
mod urls;

use countersign_jose::jwt;
use serde_json::{Map, Value};

use crate::client::{Client, GrantType, hash_secret};
use crate::error::{ErrorCode, OAuthError};
use crate::scope::Scope;

/// The longest registration that is read, in bytes.
pub const REGISTRATION_MAX_BYTES: usize = 64 * 1_024;

/// The members of [`Client`] that a client may set itself. What gives power over others
/// (`protects`), weakens something (`danger_…`) or is a decision about the client (`disabled`) is
/// not among them.
const MEMBERS: &[&str] = &[
    "application_type",
    "authorization_details_types",
    "authorization_encrypted_response_alg",
    "authorization_encrypted_response_enc",
    "authorization_signed_response_alg",
    "backchannel_logout_session_required",
    "backchannel_logout_uri",
    "client_name",
    "client_uri",
    "contacts",
    "default_acr_values",
    "default_max_age",
    "dpop_bound_access_tokens",
    "frontchannel_logout_session_required",
    "frontchannel_logout_uri",
    "grant_types",
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "id_token_signed_response_alg",
    "initiate_login_uri",
    "introspection_signed_response_alg",
    "jwks",
    "jwks_uri",
    "logo_uri",
    "policy_uri",
    "post_logout_redirect_uris",
    "redirect_uris",
    "request_object_signing_alg",
    "request_uris",
    "require_auth_time",
    "require_pushed_authorization_requests",
    "require_signed_request_object",
    "resources",
    "response_types",
    "scope",
    "sector_identifier_uri",
    "software_id",
    "software_version",
    "subject_type",
    "tls_client_certificate_bound_access_tokens",
    "token_endpoint_auth_method",
    "token_endpoint_auth_signing_alg",
    "tos_uri",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "userinfo_signed_response_alg",
];

/// The longest text of a member that people read, in characters.
const TEXT_MAX: usize = 200;
/// The longest list of texts.
const LIST_MAX: usize = 20;

/// What an operator allows clients that register themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// The resources that they may ask tokens for. They get all of them unless they want fewer.
    pub resources: Vec<String>,
    /// The widest scope.
    pub scope: Scope,
    /// The grants.
    pub grant_types: Vec<GrantType>,
    /// The types of access that is spelled out (RFC 9396).
    pub details_types: Vec<String>,
    /// Whether confidential ones may do without PKCE.
    pub without_pkce: bool,
    /// Whether their assertions may be for the token endpoint, as before RFC 10070.
    pub token_endpoint_as_audience: bool,
    /// Whether their URLs may lead to this machine, by plain http.
    pub loopback: bool,
}

/// A registration as it was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Registration(Map<String, Value>);

/// A secret for a client that needs one and has none.
#[derive(Clone, Copy)]
pub struct FreshSecret<'a> {
    /// What the client is told.
    pub plain: &'a str,
    /// The same sealed for this client ([`crate::client_secret::seal`]), in case that the server
    /// has to read it again.
    pub sealed: &'a str,
}

impl std::fmt::Debug for FreshSecret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FreshSecret").finish_non_exhaustive()
    }
}

/// A client as it is registered, and the secret that it got just now.
#[derive(Clone, PartialEq)]
pub struct Registered {
    /// The client.
    pub client: Client,
    /// A secret that nobody knows yet; it can't be told again.
    pub new_secret: Option<String>,
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registered").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Registration {
    /// Reads a registration. A member that is `null` counts as absent (RFC 7592 §2.2).
    ///
    /// # Errors
    /// `invalid_client_metadata`.
    pub fn read(body: &[u8]) -> Result<Self, OAuthError> {
        let read = Some(body).filter(|body| body.len() <= REGISTRATION_MAX_BYTES);
        match read.and_then(|body| serde_json::from_slice(body).ok()) {
            Some(Value::Object(mut members)) => {
                members.retain(|_, value| !value.is_null());
                Ok(Self(members))
            }
            _ => Err(refused("the registration is not a JSON object of at most 64 KiB")),
        }
    }

    /// A member as text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// Whether a member is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The same with a member that counts where it is absent.
    #[must_use]
    pub(crate) fn or(mut self, name: &str, value: &str) -> Self {
        self.0.entry(name).or_insert_with(|| value.into());
        self
    }

    /// Puts this in the place of what `before` registered; what only an operator sets stays as it
    /// is. `secret` is for a client that needs one and has none.
    ///
    /// # Errors
    /// `invalid_redirect_uri`, `invalid_client_metadata`, `invalid_software_statement` or
    /// `unapproved_software_statement` (RFC 7591 §3.2.2).
    pub fn apply(
        &self,
        before: Client,
        terms: &Terms,
        secret: FreshSecret<'_>,
    ) -> Result<Registered, OAuthError> {
        self.refuse_software_statement()?;
        let mut client = self.lay_over(before)?;
        client.application_type =
            Some(redirects::check(&client.redirect_uris, client.application_type)?);
        self.choose_flows(&mut client, terms)?;
        choose_scope(&mut client, terms)?;
        self.choose_resources(&mut client, terms)?;
        urls::check(&client, terms)?;
        check_texts(&client)?;
        client.self_registered = true;
        client.require_pkce = !(client.is_confidential() && terms.without_pkce);
        client.danger_token_endpoint_as_audience |= terms.token_endpoint_as_audience;
        let new_secret = choose_secret(&mut client, secret);
        if client.may_use(GrantType::AuthorizationCode) && client.redirect_uris.is_empty() {
            return Err(redirects::refused("redirect_uris is missing"));
        }
        match client.member_faults().into_iter().next() {
            // Those are sentences for operators; a description has no double quotes (RFC 6749
            // §5.2).
            Some(fault) => Err(refused(fault.replace('"', "'"))),
            None => Ok(Registered { client, new_secret }),
        }
    }

    /// What comes with a software statement would have to be taken from it (RFC 7591 §2.3), and
    /// nobody's is trusted.
    fn refuse_software_statement(&self) -> Result<(), OAuthError> {
        let Some(statement) = self.0.get("software_statement") else { return Ok(()) };
        let (code, why) = match statement.as_str().map(jwt::peek) {
            Some(Ok(_)) => (
                ErrorCode::UnapprovedSoftwareStatement,
                "no issuer of software statements is trusted here",
            ),
            _ => (ErrorCode::InvalidSoftwareStatement, "the software statement is not a JWT"),
        };
        Err(OAuthError::new(code, why))
    }

    fn lay_over(&self, before: Client) -> Result<Client, OAuthError> {
        let Ok(Value::Object(mut members)) = serde_json::to_value(before) else {
            return Err(refused("the registration can't be changed"));
        };
        for name in MEMBERS {
            members.remove(*name);
        }
        // RFC 7591 §2: a client that says nothing gets codes and nothing else.
        members.insert("grant_types".to_owned(), vec!["authorization_code"].into());
        for &name in MEMBERS {
            let Some(value) = self.0.get(name) else { continue };
            let value = match name {
                "grant_types" => offered(name, value, is_grant_type)?,
                "response_types" => offered(name, value, |kind| kind == "code")?,
                _ => value.clone(),
            };
            // One by one, so that the answer can say which one it was.
            let alone = Map::from_iter([
                ("client_id".to_owned(), "x".into()),
                (name.to_owned(), value.clone()),
            ]);
            if serde_json::from_value::<Client>(alone.into()).is_err() {
                return Err(match name {
                    "redirect_uris" => redirects::refused("redirect_uris is not a list of texts"),
                    _ => refused(format!("{name} has a value that is not supported")),
                });
            }
            members.insert(name.to_owned(), value);
        }
        serde_json::from_value(members.into())
            .map_err(|_| refused("the members of the registration don't go together"))
    }

    /// The grants and what goes with them.
    fn choose_flows(&self, client: &mut Client, terms: &Terms) -> Result<(), OAuthError> {
        client.grant_types.retain(|grant| terms.grant_types.contains(grant));
        if client.grant_types.is_empty() {
            return Err(refused("none of the grant_types is offered to clients like this"));
        }
        if !client.may_use(GrantType::AuthorizationCode) {
            if self.has("response_types") && !client.response_types.is_empty() {
                return Err(refused("response_types need the grant type authorization_code"));
            }
            client.response_types.clear();
        }
        Ok(())
    }

    fn choose_resources(&self, client: &mut Client, terms: &Terms) -> Result<(), OAuthError> {
        if !self.has("resources") {
            client.resources.clone_from(&terms.resources);
        }
        if !client.resources.iter().all(|resource| terms.resources.contains(resource)) {
            let why = "resources: not all of them are open to clients that register themselves";
            return Err(refused(why));
        }
        let types = &client.authorization_details_types;
        if types.iter().all(|name| terms.details_types.contains(name)) {
            return Ok(());
        }
        Err(refused(
            "authorization_details_types: not all of them are open to clients that register \
             themselves",
        ))
    }
}

/// What a client registered, as it is answered (RFC 7591 §3.2.1).
#[must_use]
pub fn registered_members(client: &Client) -> Map<String, Value> {
    let Ok(Value::Object(mut members)) = serde_json::to_value(client) else { return Map::new() };
    members.retain(|name, _| name == "client_id" || MEMBERS.contains(&name.as_str()));
    members
}

/// Of a list of what a client could use, what is known here. It is told what that is.
fn offered(
    name: &str,
    value: &Value,
    is_known: impl Fn(&str) -> bool,
) -> Result<Value, OAuthError> {
    let list = value.as_array().map(|list| list.iter().filter_map(Value::as_str).collect());
    let list: Vec<&str> = list.ok_or_else(|| refused(format!("{name} is not a list of texts")))?;
    let known: Vec<&str> = list.iter().copied().filter(|one| is_known(one)).collect();
    if known.is_empty() && !list.is_empty() {
        return Err(refused(format!("{name}: nothing of it is offered")));
    }
    Ok(known.into())
}

fn is_grant_type(name: &str) -> bool {
    serde_json::from_value::<GrantType>(name.into()).is_ok()
}

/// A scope that is wider than allowed is cut, and the client is told.
fn choose_scope(client: &mut Client, terms: &Terms) -> Result<(), OAuthError> {
    let Some(asked) = client.scope.take() else {
        client.scope = Some(terms.scope.clone());
        return Ok(());
    };
    let granted = asked.and(&terms.scope);
    if granted.is_empty() && !asked.is_empty() {
        return Err(refused("nothing of the scope is open to clients that register themselves"));
    }
    client.scope = Some(granted);
    Ok(())
}

/// Gives a secret to a client that needs one and has none; takes it from one that needs none.
fn choose_secret(client: &mut Client, secret: FreshSecret<'_>) -> Option<String> {
    let readable = client.needs_readable_secret();
    if !readable {
        client.client_secret_sealed = None;
    }
    if !client.has_secret() {
        client.client_secret_sha256 = None;
        return None;
    }
    // Of one that was not sealed only the hash is known.
    let sealed = client.client_secret_sealed.is_some();
    if client.client_secret_sha256.is_some() && (sealed || !readable) {
        return None;
    }
    client.client_secret_sha256 = Some(hash_secret(secret.plain));
    client.client_secret_sealed = readable.then(|| secret.sealed.to_owned());
    Some(secret.plain.to_owned())
}

/// What people read has bounds, and nothing in it moves a cursor.
fn check_texts(client: &Client) -> Result<(), OAuthError> {
    let fits = |text: &str| text.chars().count() <= TEXT_MAX && !text.chars().any(char::is_control);
    let single = [
        ("client_name", &client.client_name),
        ("software_id", &client.software_id),
        ("software_version", &client.software_version),
    ];
    for (name, text) in single {
        if !text.as_deref().is_none_or(fits) {
            return Err(refused(format!("{name} is longer than {TEXT_MAX} plain characters")));
        }
    }
    let contacts = &client.contacts;
    if contacts.len() > LIST_MAX || !contacts.iter().all(|text| fits(text)) {
        return Err(refused("contacts are at most 20, of 200 plain characters each"));
    }
    let contexts = &client.default_acr_values;
    if contexts.len() > LIST_MAX || !contexts.iter().all(|text| fits(text)) {
        return Err(refused("default_acr_values are at most 20, of 200 plain characters each"));
    }
    Ok(())
}

fn refused(why: impl Into<std::borrow::Cow<'static, str>>) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidClientMetadata, why)
}

#[cfg(test)]
mod tests;
