//! Where the parameters of an authorization request are: in the request itself, in a token that the
//! client signed (RFC 9101), or at this server already (RFC 9126).

use super::pushed::Reference;
use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};
use crate::wire::params::Params;

/// The longest query that the pages of this server carry on, in bytes: it stands inside another
/// URL, where it grows by two thirds at most.
pub const CARRIED_MAX_BYTES: usize = 8_000;

/// Where the parameters are.
#[derive(Debug)]
pub enum Source<'a> {
    /// In the request itself.
    Open,
    /// In a request object that came along.
    Object(&'a str),
    /// In a request that was pushed.
    Pushed(Reference),
    /// At some other URL.
    Elsewhere(&'a str),
}

impl<'a> Source<'a> {
    /// Finds out.
    ///
    /// # Errors
    /// `invalid_request` when there are two of them (RFC 9101 §5).
    pub fn of(outer: &'a Params) -> Result<Self, OAuthError> {
        match (outer.get("request"), outer.get("request_uri")) {
            (None, None) => Ok(Self::Open),
            (Some(object), None) => Ok(Self::Object(object)),
            (None, Some(uri)) => {
                Ok(Reference::parse(uri).map_or(Self::Elsewhere(uri), Self::Pushed))
            }
            (Some(_), Some(_)) => {
                let why = "request and request_uri exclude each other";
                Err(OAuthError::new(ErrorCode::InvalidRequest, why))
            }
        }
    }

    /// Whether a client may send its requests in this way. `push` says that all clients have to
    /// push theirs.
    ///
    /// # Errors
    /// `invalid_request` when it has to push (RFC 9126 §4) or to sign (RFC 9101 §10.5).
    pub fn permit(&self, client: &Client, push: bool) -> Result<(), OAuthError> {
        let fault = |why: &'static str| Err(OAuthError::new(ErrorCode::InvalidRequest, why));
        let pushed = matches!(self, Self::Pushed(_));
        if (push || client.requires_pushed_requests()) && !pushed {
            return fault("the request has to be pushed first, to the endpoint for that");
        }
        if client.requires_signed_requests() && matches!(self, Self::Open) {
            return fault("the request has to be signed: send a request object");
        }
        Ok(())
    }

    /// What the pages of this server carry on to find the request again, as a query.
    ///
    /// # Errors
    /// `invalid_request` when it is too long for that.
    pub fn carried(&self, outer: &Params, client: &Client) -> Result<String, OAuthError> {
        let pointing_to = |name: &str, value: &str| {
            form_urlencoded::Serializer::new(String::new())
                .append_pair("client_id", &client.client_id)
                .append_pair(name, value)
                .finish()
        };
        let query = match self {
            Self::Open => outer.to_query(&[]),
            Self::Object(object) => pointing_to("request", object),
            Self::Pushed(reference) => pointing_to("request_uri", &reference.uri()),
            Self::Elsewhere(uri) => pointing_to("request_uri", uri),
        };
        if query.len() > CARRIED_MAX_BYTES {
            let why = "the request is too long to be carried in a URL: push it";
            return Err(OAuthError::new(ErrorCode::InvalidRequest, why));
        }
        Ok(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUSHED: &str = "urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A\
        AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn client() -> Client {
        serde_json::from_str(r#"{"client_id":"web"}"#).unwrap()
    }

    fn outer(more: &str) -> Params {
        Params::parse(format!("client_id=web&state=s{more}").as_bytes()).unwrap()
    }

    #[test]
    fn only_what_is_needed_is_carried_on() {
        let pushed = format!("&request_uri={PUSHED}");
        let carried = format!("client_id=web{pushed}");
        for (more, expected) in [
            ("", "client_id=web&state=s"),
            ("&request=a.b.c", "client_id=web&request=a.b.c"),
            (&*pushed, &*carried),
        ] {
            let outer = outer(more);
            let source = Source::of(&outer).unwrap();
            assert_eq!(source.carried(&outer, &client()).as_deref(), Ok(expected));
        }
        let long = outer(&format!("&request={}", "a".repeat(8_000)));
        let refused = Source::of(&long).unwrap().carried(&long, &client()).unwrap_err();
        assert_eq!(refused.code, ErrorCode::InvalidRequest);
        let both = outer(&format!("&request=a.b.c{pushed}"));
        assert_eq!(Source::of(&both).unwrap_err().code, ErrorCode::InvalidRequest);
        let elsewhere = outer("&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Ashort");
        assert!(matches!(Source::of(&elsewhere), Ok(Source::Elsewhere(_))));
    }

    #[test]
    fn a_client_sends_its_requests_as_it_has_to() {
        let (free, push, sign) = (
            client(),
            Client { require_pushed_authorization_requests: true, ..client() },
            Client { require_signed_request_object: true, ..client() },
        );
        let pushed = format!("&request_uri={PUSHED}");
        for (more, expected) in [
            ("", [true, false, false, false]),
            ("&request=a.b.c", [true, false, true, false]),
            // Whether it is signed was looked at when it was pushed.
            (&*pushed, [true, true, true, true]),
        ] {
            let outer = outer(more);
            let source = Source::of(&outer).unwrap();
            let permitted = [(&free, false), (&push, false), (&sign, false), (&free, true)]
                .map(|(client, push)| source.permit(client, push).is_ok());
            assert_eq!(permitted, expected, "{more}");
        }
    }
}
