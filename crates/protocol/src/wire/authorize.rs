//! The authorization request and its answer (OAuth 2.1 §4.1, OpenID Connect Core §3.1.2).

use std::time::Duration;

use countersign_jose::{Timestamp, base64url};

use super::params::Params;
use super::token::read_scope;
use crate::client::{Client, GrantType};
use crate::error::{ErrorCode, OAuthError};
use crate::pkce;
use crate::scope::Scope;

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

/// Where an answer goes, known before the rest of the request is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnAddress {
    /// A registered redirect URI of the client.
    pub redirect_uri: String,
    /// Returned unchanged.
    pub state: Option<String>,
}

impl ReturnAddress {
    /// Finds where the answer goes. A failure here is shown to the user and never redirected,
    /// since the address can't be trusted (RFC 6749 §4.1.2.1).
    ///
    /// # Errors
    /// `invalid_request` when `redirect_uri` is missing or not registered.
    pub fn find(params: &Params, client: &Client) -> Result<Self, OAuthError> {
        let redirect_uri = params.require("redirect_uri")?;
        if !client.takes_answers_at(redirect_uri) {
            return Err(OAuthError::new(
                ErrorCode::InvalidRequest,
                "redirect_uri is not registered for this client; it is compared exactly",
            ));
        }
        let state = params.get("state").filter(|state| state.len() <= OPAQUE_MAX_BYTES);
        Ok(Self { redirect_uri: redirect_uri.to_owned(), state: state.map(str::to_owned) })
    }

    /// The URL that carries a code back, with the issuer (RFC 9207).
    #[must_use]
    pub fn with_code(&self, code: &str, issuer: &str) -> String {
        self.with(&[("code", code)], issuer)
    }

    /// The URL that carries an error back, with the issuer (RFC 9207).
    #[must_use]
    pub fn with_error(&self, error: &OAuthError, issuer: &str) -> String {
        let code = ("error", error.code.as_str());
        self.with(&[code, ("error_description", &error.description)], issuer)
    }

    fn with(&self, answer: &[(&str, &str)], issuer: &str) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        let pairs = answer.iter().copied().chain(state).chain([("iss", issuer)]);
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let joint = if self.redirect_uri.contains('?') { '&' } else { '?' };
        format!("{}{joint}{query}", self.redirect_uri)
    }
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
        if params.get("response_mode").is_some_and(|mode| mode != "query") {
            return fault(ErrorCode::InvalidRequest, "only response_mode=query is offered");
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
            max_age: read_max_age(params)?,
            login_hint: opaque("login_hint")?,
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
mod tests {
    use super::*;

    const GOOD: &str = "response_type=code&client_id=web&redirect_uri=https%3A%2F%2Fa.example%2Fcb\
        &scope=openid+email&state=s&nonce=n\
        &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

    fn client() -> Client {
        serde_json::from_str(
            r#"{"client_id":"web","redirect_uris":["https://a.example/cb"],
                "scope":"openid email","resources":["https://api.example"]}"#,
        )
        .unwrap()
    }

    fn parse(query: &str, client: &Client) -> Result<AuthorizationRequest, ErrorCode> {
        let params = Params::parse(query.as_bytes()).map_err(|e| e.code)?;
        let address = ReturnAddress::find(&params, client).map_err(|e| e.code)?;
        AuthorizationRequest::parse(&params, client, &address, "https://id.example")
            .map_err(|e| e.code)
    }

    #[test]
    fn a_good_request_is_read_whole() {
        let request = parse(GOOD, &client()).unwrap();
        assert_eq!(request.audience, ["https://api.example"]);
        assert_eq!(request.scope.to_string(), "email openid");
        assert_eq!((request.state.as_deref(), request.nonce.as_deref()), (Some("s"), Some("n")));
    }

    #[test]
    fn each_fault_has_its_code() {
        use ErrorCode::*;
        for (from, to, code) in [
            ("response_type=code&", "", InvalidRequest),
            ("response_type=code", "response_type=token", UnsupportedResponseType),
            ("response_type=code", "response_type=code+id_token", UnsupportedResponseType),
            ("openid+email", "openid+admin", InvalidScope),
            ("method=S256", "method=plain", InvalidRequest),
            ("&code_challenge_method=S256", "", InvalidRequest),
            ("code_challenge=E9M", "code_challenge=E9", InvalidRequest),
            ("state=s", "state=s&resource=https://other.example", InvalidTarget),
            ("state=s", "state=s&request=x", RequestNotSupported),
            ("state=s", "state=s&request_uri=x", RequestUriNotSupported),
            ("state=s", "state=s&prompt=none+login", InvalidRequest),
            ("state=s", "state=s&prompt=create", InvalidRequest),
            ("state=s", "state=s&max_age=-1", InvalidRequest),
            ("state=s", "state=s&dpop_jkt=short", InvalidRequest),
            ("state=s", "state=s&dpop_jkt=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=", {
                InvalidRequest
            }),
            ("state=s", "state=s&response_mode=fragment", InvalidRequest),
            ("%2Fcb", "%2Fcb%2F", InvalidRequest),
        ] {
            let query = GOOD.replacen(from, to, 1);
            assert_ne!(query, GOOD, "{from}");
            assert_eq!(parse(&query, &client()), Err(code), "{to}");
        }
    }

    #[test]
    fn pkce_can_be_excused_for_a_confidential_client_only() {
        let without = GOOD.split("&code_challenge").next().unwrap();
        assert_eq!(parse(without, &client()), Err(ErrorCode::InvalidRequest));
        let mut excused = Client { require_pkce: false, ..client() };
        assert!(parse(without, &excused).is_ok());
        excused.token_endpoint_auth_method = crate::client::AuthMethod::None;
        assert_eq!(parse(without, &excused), Err(ErrorCode::InvalidRequest));
    }

    #[test]
    fn answers_go_back_with_state_and_issuer() {
        let address = ReturnAddress {
            redirect_uri: "https://a.example/cb?t=1".into(),
            state: Some("a&b".into()),
        };
        assert_eq!(
            address.with_code("c", "https://id.example"),
            "https://a.example/cb?t=1&code=c&state=a%26b&iss=https%3A%2F%2Fid.example"
        );
    }
}
