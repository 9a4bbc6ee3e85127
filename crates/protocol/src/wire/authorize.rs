//! The authorization request and its answer (OAuth 2.1 §4.1, OpenID Connect Core §3.1.2).

mod answer;
pub mod pushed;
pub mod request_object;
mod response_mode;
mod return_address;
mod source;
mod wishes;

use std::time::Duration;

use countersign_jose::{Timestamp, base64url};

use super::params::Params;
use super::token::{read_details, read_scope};
use crate::authorization_details::AuthorizationDetails;
use crate::claims_request::Asked;
use crate::client::{Client, GrantType};
use crate::error::{ErrorCode, OAuthError};
use crate::grant_details::GrantDetails;
use crate::offer::Offer;
use crate::pkce;
use crate::scope::Scope;

pub use answer::{Answer, Delivery};
pub use response_mode::ResponseMode;
pub use return_address::ReturnAddress;
pub use source::{CARRIED_MAX_BYTES, Source};

/// The longest `state` and `nonce` that are carried, in bytes.
const OPAQUE_MAX_BYTES: usize = 2_048;

/// A request that passed every check that needs no user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect_uri: String,
    /// Returned unchanged.
    pub state: Option<String>,
    /// What is asked for; known and allowed.
    pub scope: Scope,
    /// The resources that the tokens will be for.
    pub audience: Vec<String>,
    /// For the id token.
    pub nonce: Option<String>,
    /// The S256 challenge.
    pub code_challenge: Option<String>,
    /// `dpop_jkt`: the thumbprint of the key that the code is bound to (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// `prompt`.
    pub prompt: Prompt,
    /// `max_age`: a sign-in older than this has to be repeated.
    pub max_age: Option<Duration>,
    /// `login_hint`: fills the user name in.
    pub login_hint: Option<String>,
    /// `id_token_hint`: the person that the request is about. Not checked yet.
    pub id_token_hint: Option<String>,
    /// `claims` and `acr_values`.
    pub asked: Asked,
    /// `authorization_details` (RFC 9396).
    pub authorization_details: AuthorizationDetails,
}

/// What `prompt` asks for (OpenID Connect Core §3.1.2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// `none`: nothing may be shown.
    pub none: bool,
    /// `login` or `select_account`: sign in anew.
    pub login: bool,
    /// `consent`: ask even if it was agreed to before.
    pub consent: bool,
}
impl AuthorizationRequest {
    /// Reads the rest of a request whose return address is known. A failure here goes back to
    /// the client.
    ///
    /// # Errors
    /// The error that the client gets.
    pub fn parse(
        params: &Params,
        client: &Client,
        address: &ReturnAddress,
        issuer: &str,
    ) -> Result<Self, OAuthError> {
        let fault = |code, why: &'static str| Err(OAuthError::new(code, why));
        if params.get("request").is_some() {
            return fault(ErrorCode::RequestNotSupported, "request objects are not taken");
        }
        if params.get("request_uri").is_some() {
            return fault(ErrorCode::RequestUriNotSupported, "request_uri is not taken");
        }
        if params.get("registration").is_some() {
            return fault(ErrorCode::RegistrationNotSupported, "registration is not taken");
        }
        if params.require("response_type")? != "code" {
            return fault(
                ErrorCode::UnsupportedResponseType,
                "only response_type=code is offered: a token does not belong in a URL",
            );
        }
        let mode = ResponseMode::read(params)?;
        if client.requires_signed_answers() && !mode.is_signed() {
            return fault(
                ErrorCode::InvalidRequest,
                "the answer has to be signed: ask for response_mode=jwt",
            );
        }
        if !client.may_use(GrantType::AuthorizationCode) {
            return fault(
                ErrorCode::UnauthorizedClient,
                "the client is not registered for authorization_code",
            );
        }
        let opaque = |name: &'static str| match params.get(name) {
            Some(text) if text.len() > OPAQUE_MAX_BYTES => Err(OAuthError::new(
                ErrorCode::InvalidRequest,
                format!("{name} is longer than {OPAQUE_MAX_BYTES} bytes"),
            )),
            text => Ok(text.map(str::to_owned)),
        };
        let scope =
            client.grantable_scope(read_scope(params)?.as_ref(), GrantType::AuthorizationCode)?;
        let asked = wishes::read(params, client, &scope)?;
        Ok(Self {
            client_id: client.client_id.clone(),
            redirect_uri: address.redirect_uri.clone(),
            state: opaque("state")?,
            scope,
            audience: client.audience(&params.all("resource"), issuer)?,
            nonce: opaque("nonce")?,
            code_challenge: read_challenge(params, client)?,
            dpop_jkt: read_thumbprint(params)?,
            prompt: read_prompt(params)?,
            max_age: read_max_age(params)?.or_else(|| client.default_max_age()),
            login_hint: opaque("login_hint")?,
            id_token_hint: params.get("id_token_hint").map(str::to_owned),
            asked,
            authorization_details: read_details(params)?.unwrap_or_default(),
        })
    }

    /// Refuses what is not offered here, or not to this client.
    ///
    /// # Errors
    /// The error that the client gets.
    pub fn check_offer(&self, offer: &Offer, client: &Client) -> Result<(), OAuthError> {
        offer.check_details(&self.authorization_details, client)?;
        offer.acr(self.asked.acr.as_ref()).map(drop)
    }

    /// What the grant keeps beside scope and resources.
    ///
    /// # Errors
    /// See [`Offer::acr`].
    pub fn grant_details(&self, offer: &Offer) -> Result<GrantDetails, OAuthError> {
        Ok(GrantDetails {
            acr: offer.acr(self.asked.acr.as_ref())?,
            claims: self.asked.claims.clone(),
            authorization_details: self.authorization_details.clone(),
        })
    }

    /// Whether a sign-in at `auth_time` is too old for this request.
    #[must_use]
    pub fn needs_fresh_login(&self, auth_time: Timestamp, now: Timestamp) -> bool {
        self.prompt.login || self.max_age.is_some_and(|max_age| now.since(auth_time) > max_age)
    }
}

fn read_challenge(params: &Params, client: &Client) -> Result<Option<String>, OAuthError> {
    let fault = |why: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, why));
    let Some(challenge) = params.get("code_challenge") else {
        let required = client.require_pkce || !client.is_confidential();
        return if required || params.get("code_challenge_method").is_some() {
            fault("code_challenge is missing: PKCE with S256 is required")
        } else {
            Ok(None)
        };
    };
    if params.get("code_challenge_method") != Some("S256") {
        return fault("code_challenge_method must be S256");
    }
    if !pkce::is_challenge(challenge) {
        return fault("code_challenge is not the base64url form of a SHA-256 hash");
    }
    Ok(Some(challenge.to_owned()))
}

fn read_thumbprint(params: &Params) -> Result<Option<String>, OAuthError> {
    let Some(jkt) = params.get("dpop_jkt") else { return Ok(None) };
    if base64url::decode(jkt.as_bytes()).is_ok_and(|hash| hash.len() == 32) {
        return Ok(Some(jkt.to_owned()));
    }
    let why = "dpop_jkt is not the base64url form of a SHA-256 thumbprint";
    Err(OAuthError::new(ErrorCode::InvalidRequest, why))
}

fn read_prompt(params: &Params) -> Result<Prompt, OAuthError> {
    let mut prompt = Prompt::default();
    for word in params.get("prompt").unwrap_or_default().split(' ').filter(|w| !w.is_empty()) {
        match word {
            "none" => prompt.none = true,
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            _ => {
                return Err(OAuthError::new(
                    ErrorCode::InvalidRequest,
                    "prompt knows none, login, consent and select_account",
                ));
            }
        }
    }
    if prompt.none && (prompt.login || prompt.consent) {
        return Err(OAuthError::new(
            ErrorCode::InvalidRequest,
            "prompt=none can't be combined with others",
        ));
    }
    Ok(prompt)
}

fn read_max_age(params: &Params) -> Result<Option<Duration>, OAuthError> {
    let number = params.get("max_age").map(str::parse::<u32>).transpose();
    let seconds = number.map_err(|_| {
        OAuthError::new(ErrorCode::InvalidRequest, "max_age is a whole number of seconds")
    })?;
    Ok(seconds.map(|seconds| Duration::from_secs(seconds.into())))
}

#[cfg(test)]
mod tests;
