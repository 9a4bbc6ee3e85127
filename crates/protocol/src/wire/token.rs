//! Requests to the token, revocation and introspection endpoints, and the token answer.

use countersign_jose::base64url;
use serde::Serialize;

use super::params::Params;
use super::token_exchange::{self, ExchangeRequest};
use crate::authorization_details::AuthorizationDetails;
use crate::client::{Credentials, unauthenticated};
use crate::client_assertion;
use crate::error::{ErrorCode, OAuthError};
use crate::jwt_grant;
use crate::scope::Scope;

/// `grant_type` of a device (RFC 8628 §3.4).
pub const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A token request (RFC 6749 §4.1.3, §4.4.2, §6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// The grant and what belongs to it.
    pub grant: GrantRequest,
    /// `scope`.
    pub scope: Option<Scope>,
    /// `resource`, as often as it stands (RFC 8707).
    pub resources: Vec<String>,
    /// `authorization_details` (RFC 9396 §6).
    pub authorization_details: Option<AuthorizationDetails>,
}

/// The grant types that are offered.
#[derive(Clone, PartialEq, Eq)]
pub enum GrantRequest {
    /// A code from the authorization endpoint.
    AuthorizationCode {
        /// The code itself.
        code: String,
        /// Compared with the one of the authorization request, if it is sent.
        redirect_uri: Option<String>,
        /// PKCE.
        code_verifier: Option<String>,
    },
    /// A refresh token.
    RefreshToken {
        /// The token itself.
        refresh_token: String,
    },
    /// The client for itself.
    ClientCredentials,
    /// A device that asks whether its person has agreed.
    DeviceCode {
        /// The code itself.
        device_code: String,
    },
    /// The word of another issuer.
    JwtBearer {
        /// Its assertion.
        assertion: String,
    },
    /// A token for the next API.
    TokenExchange(Box<ExchangeRequest>),
}

impl std::fmt::Debug for GrantRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::AuthorizationCode { .. } => "AuthorizationCode",
            Self::RefreshToken { .. } => "RefreshToken",
            Self::ClientCredentials => "ClientCredentials",
            Self::DeviceCode { .. } => "DeviceCode",
            Self::JwtBearer { .. } => "JwtBearer",
            Self::TokenExchange(_) => "TokenExchange",
        })
    }
}

impl TokenRequest {
    /// Reads a token request.
    ///
    /// # Errors
    /// `invalid_request`, `unsupported_grant_type`, `invalid_scope` or
    /// `invalid_authorization_details`.
    pub fn parse(params: &Params) -> Result<Self, OAuthError> {
        let text = |name| params.get(name).map(str::to_owned);
        let grant = match params.require("grant_type")? {
            "authorization_code" => GrantRequest::AuthorizationCode {
                code: params.require("code")?.to_owned(),
                redirect_uri: text("redirect_uri"),
                code_verifier: text("code_verifier"),
            },
            "refresh_token" => GrantRequest::RefreshToken {
                refresh_token: params.require("refresh_token")?.to_owned(),
            },
            "client_credentials" => GrantRequest::ClientCredentials,
            DEVICE_CODE => {
                GrantRequest::DeviceCode { device_code: params.require("device_code")?.to_owned() }
            }
            jwt_grant::GRANT_TYPE => {
                GrantRequest::JwtBearer { assertion: params.require("assertion")?.to_owned() }
            }
            token_exchange::GRANT_TYPE => {
                GrantRequest::TokenExchange(Box::new(ExchangeRequest::parse(params)?))
            }
            _ => {
                return Err(OAuthError::new(
                    ErrorCode::UnsupportedGrantType,
                    "the grant types that are offered stand in the metadata",
                ));
            }
        };
        Ok(Self {
            grant,
            scope: read_scope(params)?,
            resources: params.all("resource"),
            authorization_details: read_details(params)?,
        })
    }
}

/// Reads `scope`.
///
/// # Errors
/// `invalid_scope`.
pub fn read_scope(params: &Params) -> Result<Option<Scope>, OAuthError> {
    let parsed = params.get("scope").map(Scope::parse).transpose();
    parsed.map_err(|error| OAuthError::new(ErrorCode::InvalidScope, error.to_string()))
}

/// Reads `authorization_details`.
///
/// # Errors
/// `invalid_authorization_details`.
pub fn read_details(params: &Params) -> Result<Option<AuthorizationDetails>, OAuthError> {
    params.get("authorization_details").map(AuthorizationDetails::read).transpose()
}

/// The client credentials of a request, from the `Authorization` header or the form, never from
/// both (RFC 6749 §2.3).
///
/// # Errors
/// `invalid_client` for a header that is not HTTP Basic or not readable, `invalid_request` for
/// two methods at once or none at all.
pub fn credentials(
    authorization: Option<&str>,
    params: &Params,
) -> Result<Credentials, OAuthError> {
    let form_id = params.get("client_id");
    let form_secret = params.get("client_secret");
    let assertion = params.get("client_assertion");
    let fault = |why: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, why));
    if params.get("client_assertion_type").is_some_and(|kind| kind != client_assertion::TYPE)
        || params.get("client_assertion_type").is_some() != assertion.is_some()
    {
        return fault("client_assertion goes with the client_assertion_type of RFC 7523");
    }
    if let Some(assertion) = assertion {
        if authorization.is_some() || form_secret.is_some() {
            return fault("the client authenticates twice, with an assertion and with a secret");
        }
        let client_id = match form_id {
            Some(id) => id.to_owned(),
            None => client_assertion::claimed_client(assertion).ok_or_else(unauthenticated)?,
        };
        return Ok(Credentials::Assertion { client_id, assertion: assertion.to_owned() });
    }
    if let Some(header) = authorization {
        let (client_id, secret) = basic(header).ok_or_else(unauthenticated)?;
        if form_secret.is_some() || form_id.is_some_and(|id| id != client_id) {
            return fault(
                "the client authenticates twice, in the Authorization header and in the form",
            );
        }
        return Ok(Credentials::Secret { client_id, secret });
    }
    let client_id = form_id
        .ok_or_else(|| {
            OAuthError::new(ErrorCode::InvalidClient, "the request does not say its client")
        })?
        .to_owned();
    Ok(match form_secret {
        Some(secret) => Credentials::Secret { client_id, secret: secret.to_owned() },
        None => Credentials::Public { client_id },
    })
}

/// Reads HTTP Basic credentials, which are form-encoded first (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    // The standard alphabet of RFC 4648 §4, told apart from base64url by two characters only.
    let unpadded = encoded.trim().trim_end_matches('=');
    let canonical: String = unpadded
        .chars()
        .map(|c| {
            if c == '+' {
                '-'
            } else if c == '/' {
                '_'
            } else {
                c
            }
        })
        .collect();
    let text = String::from_utf8(base64url::decode(canonical.as_bytes()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decode(id)?, form_decode(secret)?))
}

fn form_decode(text: &str) -> Option<String> {
    // As the value of a parameter, so that `&` and `=` in a secret that was not encoded stay.
    let guarded = text.replace('&', "%26").replace('=', "%3D");
    let value = form_urlencoded::parse(format!("v={guarded}").as_bytes()).next()?.1.into_owned();
    (!value.contains(char::REPLACEMENT_CHARACTER)).then_some(value)
}

/// A successful token answer (RFC 6749 §5.1).
#[derive(Serialize)]
pub struct TokenAnswer {
    /// The access token.
    pub access_token: String,
    /// What kind of token that is, after an exchange (RFC 8693 §2.2.1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_token_type: Option<&'static str>,
    /// The scheme under which it is used: `Bearer` or `DPoP`.
    pub token_type: &'static str,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// The next refresh token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Seconds until the refresh token expires if it is not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token_timeout: Option<u64>,
    /// Seconds until the grant ends, however often it is refreshed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_expires_in: Option<u64>,
    /// The id token, for `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// The details that the access token carries (RFC 9396 §7).
    #[serde(skip_serializing_if = "AuthorizationDetails::is_empty")]
    pub authorization_details: AuthorizationDetails,
    /// The scope of the access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
}

impl std::fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenAnswer").field("scope", &self.scope).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: Option<&str>, form: &str) -> Result<Credentials, ErrorCode> {
        credentials(header, &Params::parse(form.as_bytes()).unwrap()).map_err(|error| error.code)
    }

    fn secret(id: &str, secret: &str) -> Result<Credentials, ErrorCode> {
        Ok(Credentials::Secret { client_id: id.into(), secret: secret.into() })
    }

    #[test]
    fn basic_is_form_decoded() {
        // `a b:c%+d` and `web:s&=x`, not encoded by the client.
        assert_eq!(read(Some("Basic YStiOmMlMjUlMkJk"), ""), secret("a b", "c%+d"));
        assert_eq!(read(Some("basic d2ViOnMmPXg="), ""), secret("web", "s&=x"));
        for bad in ["Basic", "Basic !", "Bearer d2ViOnM=", "Basic d2Vi", "Basic d2ViOiX/"] {
            assert_eq!(read(Some(bad), ""), Err(ErrorCode::InvalidClient), "{bad}");
        }
    }

    #[test]
    fn one_method_only() {
        let header = Some("Basic d2ViOnM=");
        assert_eq!(read(header, "client_id=web"), secret("web", "s"));
        assert_eq!(read(header, "client_id=spa"), Err(ErrorCode::InvalidRequest));
        assert_eq!(read(header, "client_secret=s"), Err(ErrorCode::InvalidRequest));
        assert_eq!(read(None, "client_id=web&client_secret=s"), secret("web", "s"));
        assert_eq!(read(None, ""), Err(ErrorCode::InvalidClient));
        let public = Credentials::Public { client_id: "spa".into() };
        assert_eq!(read(None, "client_id=spa"), Ok(public));
    }

    #[test]
    fn an_assertion_stands_alone_and_with_its_type() {
        let kind = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A\
            client-assertion-type%3Ajwt-bearer";
        let asserted =
            Credentials::Assertion { client_id: "web".into(), assertion: "a.b.c".into() };
        let form = format!("client_id=web&client_assertion=a.b.c&{kind}");
        assert_eq!(read(None, &form), Ok(asserted));
        for (header, form, code) in [
            (None, format!("{form}&client_secret=s"), ErrorCode::InvalidRequest),
            (Some("Basic d2ViOnM="), form.clone(), ErrorCode::InvalidRequest),
            (None, "client_id=web&client_assertion=a".to_owned(), ErrorCode::InvalidRequest),
            (None, format!("client_id=web&{kind}"), ErrorCode::InvalidRequest),
            (None, form.replace("jwt-bearer", "saml2-bearer"), ErrorCode::InvalidRequest),
            (None, format!("client_assertion=a.b.c&{kind}"), ErrorCode::InvalidClient),
        ] {
            assert_eq!(read(header, &form), Err(code), "{form}");
        }
    }

    #[test]
    fn unknown_grants_and_missing_parts_are_named() {
        let parse = |form: &str| {
            TokenRequest::parse(&Params::parse(form.as_bytes()).unwrap()).map_err(|e| e.code)
        };
        assert_eq!(parse("").unwrap_err(), ErrorCode::InvalidRequest);
        assert_eq!(parse("grant_type=password").unwrap_err(), ErrorCode::UnsupportedGrantType);
        assert_eq!(parse("grant_type=refresh_token").unwrap_err(), ErrorCode::InvalidRequest);
        let bad_scope = "grant_type=client_credentials&scope=%22";
        assert_eq!(parse(bad_scope).unwrap_err(), ErrorCode::InvalidScope);
        assert!(parse("grant_type=client_credentials&scope=a&unknown=1").is_ok());
    }
}
