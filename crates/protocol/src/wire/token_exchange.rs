//! The parameters of a token exchange (RFC 8693 §2.1).

use super::params::Params;
use crate::error::{ErrorCode, OAuthError};
use crate::opaque_token;

/// `grant_type` of an exchange.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// What kind of token one is said to be (RFC 8693 §3). Others are not exchanged here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// An access token of this server, whatever it looks like.
    AccessToken,
    /// One that is a JWT.
    Jwt,
}

impl TokenType {
    /// The URI.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::AccessToken => "urn:ietf:params:oauth:token-type:access_token",
            Self::Jwt => "urn:ietf:params:oauth:token-type:jwt",
        }
    }

    fn read(uri: &str) -> Result<Self, OAuthError> {
        let known = [Self::AccessToken, Self::Jwt].into_iter().find(|known| known.uri() == uri);
        known.ok_or_else(|| fault("only access tokens of this server are exchanged, for others"))
    }
}

/// An exchange that is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct ExchangeRequest {
    /// The token that was shown to the client.
    pub subject_token: String,
    /// The token of who acts, if there is one.
    pub actor_token: Option<String>,
    /// What is wanted.
    pub requested: TokenType,
    /// `resource` and `audience`, as often as they stand.
    pub targets: Vec<String>,
}

impl std::fmt::Debug for ExchangeRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExchangeRequest")
            .field("requested", &self.requested)
            .finish_non_exhaustive()
    }
}

impl ExchangeRequest {
    /// Reads the parameters.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn parse(params: &Params) -> Result<Self, OAuthError> {
        let subject_token = params.require("subject_token")?;
        let kind = TokenType::read(params.require("subject_token_type")?)?;
        let subject_token = typed(subject_token, kind)?;
        let actor_token = match (params.get("actor_token"), params.get("actor_token_type")) {
            (Some(token), Some(kind)) => Some(typed(token, TokenType::read(kind)?)?),
            (None, None) => None,
            _ => return Err(fault("actor_token goes with actor_token_type")),
        };
        let requested = params.get("requested_token_type").map(TokenType::read).transpose()?;
        let mut targets = params.all("resource");
        targets.extend(params.all("audience"));
        let requested = requested.unwrap_or(TokenType::AccessToken);
        Ok(Self { subject_token, actor_token, requested, targets })
    }
}

fn typed(token: &str, kind: TokenType) -> Result<String, OAuthError> {
    if kind == TokenType::Jwt && opaque_token::is_opaque(token) {
        return Err(fault("a token is not of the type that the request says"));
    }
    Ok(token.to_owned())
}

fn fault(why: &'static str) -> OAuthError {
    OAuthError::new(ErrorCode::InvalidRequest, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCESS: &str = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token";
    const JWT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt";

    fn read(form: &str) -> Result<ExchangeRequest, ErrorCode> {
        let params = Params::parse(form.as_bytes()).unwrap();
        ExchangeRequest::parse(&params).map_err(|error| error.code)
    }

    #[test]
    fn tokens_come_with_their_types() {
        let good = format!("subject_token=s&subject_token_type={ACCESS}");
        let request = read(&format!("{good}&resource=x:a&audience=x:b&audience=x:c")).unwrap();
        assert_eq!(request.targets, ["x:a", "x:b", "x:c"]);
        assert_eq!((request.actor_token, request.requested), (None, TokenType::AccessToken));
        let both = format!("{good}&actor_token=a&actor_token_type={JWT}");
        assert_eq!(read(&both).unwrap().actor_token.as_deref(), Some("a"));
        let refresh = ACCESS.replace("access_token", "refresh_token");
        let id_token = ACCESS.replace("access_token", "id_token");
        for bad in [
            format!("subject_token_type={ACCESS}"),
            "subject_token=s".to_owned(),
            format!("subject_token=s&subject_token_type={id_token}"),
            format!("subject_token=s&subject_token_type={refresh}"),
            format!("subject_token=csa_x&subject_token_type={JWT}"),
            format!("{good}&actor_token=a"),
            format!("{good}&actor_token_type={ACCESS}"),
            format!("{good}&actor_token=a&actor_token_type={id_token}"),
            format!("{good}&requested_token_type={refresh}"),
        ] {
            assert_eq!(read(&bad), Err(ErrorCode::InvalidRequest), "{bad}");
        }
    }
}
