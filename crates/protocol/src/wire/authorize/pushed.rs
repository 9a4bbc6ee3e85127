//! Pushed authorization requests (RFC 9126): what a client brought by itself, and the reference
//! that its user's browser brings later.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use countersign_jose::{Timestamp, base64url};

use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};
use crate::random::{self, Randomness};
use crate::wire::params::Params;

/// What every reference begins with (RFC 9126 §2.2).
pub const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// The longest request that is kept, in bytes.
const REQUEST_MAX_BYTES: usize = 16 * 1_024;

/// Who came in time may take this much longer to sign in and to agree.
const PATIENCE: Duration = Duration::from_secs(600);

/// Parameters that prove who the client is. They are not part of the request, and never kept.
const CREDENTIALS: &[&str] = &["client_secret", "client_assertion", "client_assertion_type"];

/// The name of a pushed request: 256 random bits, known to the client and the browser alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Reference(String);

impl std::fmt::Debug for Reference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reference").finish_non_exhaustive()
    }
}

impl Reference {
    /// A new one.
    #[must_use]
    pub fn new(random: &dyn Randomness) -> Self {
        Self(random::secret(random))
    }

    /// Reads a `request_uri`; `None` when it can't be one of this server's.
    #[must_use]
    pub fn parse(uri: &str) -> Option<Self> {
        let secret = uri.strip_prefix(PREFIX)?;
        let bytes = base64url::decode(secret.as_bytes()).ok()?;
        (bytes.len() == 32).then(|| Self(secret.to_owned()))
    }

    /// The `request_uri`.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{PREFIX}{}", self.0)
    }

    /// What the store knows it by: who reads the store learns no reference.
    #[must_use]
    pub fn key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
        key
    }
}

/// A request that waits for its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRequest {
    /// [`Reference::key`].
    pub key: [u8; 32],
    /// Whose it is.
    pub client_id: String,
    /// Whether the client proved that it is the one.
    pub confidential: bool,
    /// Its parameters, as a query.
    pub parameters: String,
    /// When it was pushed.
    pub pushed_at: Timestamp,
    /// Until when a browser may bring it.
    pub expires_at: Timestamp,
}

impl PushedRequest {
    /// A request that was found to be good.
    ///
    /// # Errors
    /// `invalid_request` when it is too long to be kept.
    pub fn new(
        reference: &Reference,
        client: &Client,
        params: &Params,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<Self, OAuthError> {
        let parameters = params.to_query(CREDENTIALS);
        if parameters.len() > REQUEST_MAX_BYTES {
            let why = format!("the request is longer than {REQUEST_MAX_BYTES} bytes");
            return Err(OAuthError::new(ErrorCode::InvalidRequest, why));
        }
        Ok(Self {
            key: reference.key(),
            client_id: client.client_id.clone(),
            confidential: client.is_confidential(),
            parameters,
            pushed_at: now,
            expires_at: now.plus(lifetime),
        })
    }

    /// The parameters, for the client that a browser names beside the reference.
    ///
    /// # Errors
    /// `invalid_request_uri` when the request is another client's.
    pub fn open(&self, client: &Client) -> Result<Params, OAuthError> {
        if self.client_id != client.client_id {
            return Err(gone());
        }
        Params::parse(self.parameters.as_bytes())
    }

    /// Until when it lives once a browser has brought it: signing in may take longer than bringing
    /// it. `lifetime` is what it was given when it was pushed.
    #[must_use]
    pub fn in_use_until(&self, lifetime: Duration) -> Timestamp {
        self.pushed_at.plus(lifetime).plus(PATIENCE)
    }
}

/// Binds a request to the key that its client proved while pushing it: the code will be redeemed
/// with that key only (RFC 9449 §10.1).
///
/// # Errors
/// `invalid_request` when `dpop_jkt` names another key.
pub fn bind_to_key(params: &mut Params, thumbprint: &str) -> Result<(), OAuthError> {
    match params.get("dpop_jkt") {
        None => {
            params.add("dpop_jkt", thumbprint);
            Ok(())
        }
        Some(named) if named == thumbprint => Ok(()),
        Some(_) => {
            let why = "dpop_jkt names another key than the one of the DPoP proof";
            Err(OAuthError::new(ErrorCode::InvalidRequest, why))
        }
    }
}

/// The error for a reference that leads nowhere, worded the same whatever the reason.
#[must_use]
pub fn gone() -> OAuthError {
    let why = "request_uri leads to no request of this client, or it was used or has expired";
    OAuthError::new(ErrorCode::InvalidRequestUri, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Randomness for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.fill(self.0);
        }
    }

    fn client(id: &str) -> Client {
        serde_json::from_str(&format!(r#"{{"client_id":"{id}"}}"#)).unwrap()
    }

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn push(query: &str) -> Result<PushedRequest, OAuthError> {
        let params = Params::parse(query.as_bytes()).unwrap();
        PushedRequest::new(&Reference::new(&Fixed(7)), &client("web"), &params, MINUTE, NOW)
    }

    #[test]
    fn a_reference_is_read_back_and_nothing_else_is() {
        let reference = Reference::new(&Fixed(7));
        let uri = reference.uri();
        assert_eq!(uri.len(), PREFIX.len() + 43);
        assert!(Reference::parse(&uri) == Some(reference.clone()));
        assert_ne!(reference.key(), Reference::new(&Fixed(8)).key());
        for other in [
            "",
            PREFIX,
            "https://id.example/request",
            &uri[..uri.len() - 1],
            &format!("{uri}A"),
            &format!("{uri}="),
            &uri.replace("urn", "URN"),
        ] {
            assert!(Reference::parse(other).is_none(), "{other}");
        }
    }

    #[test]
    fn credentials_are_not_kept() {
        let pushed = push(
            "client_id=web&client_secret=s3cret&client_assertion=a.b.c&state=s\
             &client_assertion_type=x",
        );
        assert_eq!(pushed.unwrap().parameters, "client_id=web&state=s");
    }

    #[test]
    fn a_request_is_opened_for_its_own_client() {
        let pushed = push("client_id=web&state=s").unwrap();
        assert_eq!(pushed.open(&client("web")).unwrap().get("state"), Some("s"));
        let refused = pushed.open(&client("spa")).unwrap_err();
        assert_eq!(refused, gone());
        assert_eq!(pushed.expires_at, NOW.plus(MINUTE));
        assert_eq!(pushed.in_use_until(MINUTE), NOW.plus(MINUTE * 11));
    }

    #[test]
    fn a_request_has_one_key() {
        for (query, bound) in [("a=1", true), ("dpop_jkt=k1", true), ("dpop_jkt=k2", false)] {
            let mut params = Params::parse(query.as_bytes()).unwrap();
            assert_eq!(bind_to_key(&mut params, "k1").is_ok(), bound, "{query}");
            assert_eq!(params.get("dpop_jkt") == Some("k1"), bound, "{query}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let long = |count: usize| {
            let pairs: Vec<_> = (0..count).map(|n| format!("p{n}={}", "a".repeat(8_000))).collect();
            push(&pairs.join("&"))
        };
        assert!(long(2).is_ok());
        assert_eq!(long(3).unwrap_err().code, ErrorCode::InvalidRequest);
    }
}
