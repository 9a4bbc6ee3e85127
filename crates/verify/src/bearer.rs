//! The token in the `Authorization` header (RFC 6750 section 2.1), and nowhere else: a token in the
//! query or the body ends up in logs and is not looked at.

use countersign_jose::jwt;
use http::{HeaderMap, header};

/// Why there is no token to check.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// No `Authorization` header, or one of another scheme.
    #[error("the request has no bearer token")]
    Missing,
    /// More than one `Authorization` header. Which one counts would be a guess, and another program
    /// on the way may guess differently.
    #[error("the request has several Authorization headers")]
    Repeated,
    /// Not `Bearer`, a space and a token68 (RFC 9110 section 11.2).
    #[error("the Authorization header is malformed")]
    Malformed,
    /// Longer than any token that is accepted.
    #[error("the token in the Authorization header is too long")]
    TooLong,
}

impl BearerError {
    /// A stable name for logs and tests.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing_credentials",
            Self::Repeated => "repeated_authorization",
            Self::Malformed => "malformed_authorization",
            Self::TooLong => "oversized_authorization",
        }
    }
}

/// The scheme that a token is presented under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RFC 6750 section 2.1.
    Bearer,
    /// RFC 9449 section 7.1: together with a proof in the `DPoP` header.
    Dpop,
}

/// The bearer token of a request.
///
/// # Errors
/// When there is not exactly one well-formed token; see [`BearerError`].
pub fn bearer_token(headers: &HeaderMap) -> Result<&str, BearerError> {
    match credentials(headers)? {
        (Scheme::Bearer, token) => Ok(token),
        (Scheme::Dpop, _) => Err(BearerError::Missing),
    }
}

/// The token of a request, under either scheme.
pub(crate) fn credentials(headers: &HeaderMap) -> Result<(Scheme, &str), BearerError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(BearerError::Missing)?;
    if values.next().is_some() {
        return Err(BearerError::Repeated);
    }
    let value = value.to_str().map_err(|_| BearerError::Malformed)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    let scheme = if scheme.eq_ignore_ascii_case("bearer") {
        Scheme::Bearer
    } else if scheme.eq_ignore_ascii_case("dpop") {
        Scheme::Dpop
    } else {
        return Err(BearerError::Missing);
    };
    let token = token.trim_matches(' ');
    if token.len() > jwt::MAX_BYTES {
        return Err(BearerError::TooLong);
    }
    if is_token68(token) { Ok((scheme, token)) } else { Err(BearerError::Malformed) }
}

fn is_token68(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    !body.is_empty() && body.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(values: &[&[u8]], expect: Result<&str, BearerError>) {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value).expect("a header value");
            headers.append(header::AUTHORIZATION, value);
        }
        assert_eq!(bearer_token(&headers), expect, "{values:?}");
    }

    #[test]
    fn one_well_formed_token_passes() {
        check(&[b"Bearer abc.def-_~+/=="], Ok("abc.def-_~+/=="));
        check(&[b"bEARER abc"], Ok("abc"));
        check(&[b"Bearer   abc "], Ok("abc"));
        let longest = "a".repeat(jwt::MAX_BYTES);
        check(&[format!("Bearer {longest}").as_bytes()], Ok(&longest));
    }

    #[test]
    fn everything_else_is_told_apart() {
        check(&[], Err(BearerError::Missing));
        check(&[b"Basic YTpi"], Err(BearerError::Missing));
        check(&[b"DPoP abc"], Err(BearerError::Missing));
        check(&[b""], Err(BearerError::Missing));
        check(&[b"Bearerabc"], Err(BearerError::Missing));
        check(&[b"Bearer a", b"Bearer a"], Err(BearerError::Repeated));
        check(&[b"Basic YTpi", b"Bearer a"], Err(BearerError::Repeated));
        for value in [
            &b"Bearer"[..],
            b"Bearer ",
            b"Bearer =",
            b"Bearer a=b",
            b"Bearer a b",
            b"Bearer a,b",
            b"Bearer a, Bearer b",
            b"Bearer \"a\"",
            b"Bearer token=abc",
            b"Bearer \ta",
            b"Bearer a\xc3\xbc",
        ] {
            check(&[value], Err(BearerError::Malformed));
        }
        let longer = format!("Bearer {}", "a".repeat(jwt::MAX_BYTES + 1));
        check(&[longer.as_bytes()], Err(BearerError::TooLong));
    }
}
