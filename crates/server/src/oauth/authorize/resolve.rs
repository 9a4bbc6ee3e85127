//! Finds the parameters of an authorization request: they may be in a token that the client signed,
//! at this server already, or at a URL of the client.

use axum::http::StatusCode;
use countersign_jose::{KeySet, jwt};
use countersign_protocol::client::Client;
use countersign_protocol::wire::authorize::pushed::{self, PushedRequest, Reference};
use countersign_protocol::wire::authorize::{Source, request_object};
use countersign_protocol::wire::params::Params;
use countersign_protocol::{ErrorCode, OAuthError, Timestamp};
use countersign_store::{Pushed, StoreError};

use crate::app::App;
use crate::process::{self, SystemRandom};

/// What was found.
pub(super) struct Found<'a> {
    pub(super) params: Params,
    /// Where it can be found again.
    pub(super) source: Source<'a>,
    /// The request that waits in the store, if it is one.
    pub(super) pushed: Option<PushedRequest>,
}

/// Why nothing was found.
pub(super) enum NotFound {
    /// There is nothing, or it does not hold.
    Refused(OAuthError),
    /// A reference of this server leads nowhere. Nobody knows where an answer would have to go.
    Gone(OAuthError),
    Store(StoreError),
}

impl From<OAuthError> for NotFound {
    fn from(error: OAuthError) -> Self {
        Self::Refused(error)
    }
}

impl From<StoreError> for NotFound {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Finds the parameters of a request of `client`.
pub(super) async fn find<'a>(
    app: &App,
    client: &Client,
    source: Source<'a>,
    outer: &Params,
) -> Result<Found<'a>, NotFound> {
    let now = process::now();
    match source {
        Source::Open => Ok(Found { params: outer.clone(), source, pushed: None }),
        Source::Object(object) => {
            let params = signed(app, client, object, now).await?;
            Ok(Found { params, source, pushed: None })
        }
        Source::Pushed(reference) => {
            let waiting = app.store().pushed_request(reference.key(), now).await?;
            let waiting = waiting.ok_or_else(|| NotFound::Gone(pushed::gone()))?;
            let params = waiting.open(client).map_err(NotFound::Gone)?;
            Ok(Found { params, source: Source::Pushed(reference), pushed: Some(waiting) })
        }
        Source::Elsewhere(uri) => {
            let object = fetch(app, client, uri).await?;
            let params = signed(app, client, &object, now).await?;
            let (reference, kept) = keep(app, client, &params, now).await?;
            Ok(Found { params, source: Source::Pushed(reference), pushed: Some(kept) })
        }
    }
}

/// The parameters that a client signed.
pub(in crate::oauth) async fn signed(
    app: &App,
    client: &Client,
    object: &str,
    now: Timestamp,
) -> Result<Params, OAuthError> {
    let judge = |keys: &KeySet| request_object::verify(client, keys, object, &app.issuer, now);
    let verified = app.judge_with_keys(client, judge).await.map_err(|error| {
        let client_id = &client.client_id;
        tracing::info!(client_id, code = error.code(), %error, "a request object was refused");
        request_object::invalid(format!("the request object is not accepted: {error}"))
    })?;
    request_object::parameters(&verified)
}

/// A request object that lies at one of the URLs that its client registered (RFC 9101 §5.2).
async fn fetch(app: &App, client: &Client, uri: &str) -> Result<String, OAuthError> {
    let refuse = |why: &'static str| OAuthError::new(ErrorCode::InvalidRequestUri, why);
    if !client.request_uris.iter().any(|registered| registered == uri) {
        return Err(refuse(
            "request_uri is not registered for this client; it is compared exactly",
        ));
    }
    let failed = "request_uri can't be fetched, or there is no request object";
    let answer = app.outbound.get(uri, jwt::MAX_BYTES).await.map_err(|error| {
        let client_id = &client.client_id;
        tracing::info!(client_id, code = error.code(), %error, "a request_uri gave no answer");
        refuse(failed)
    })?;
    let text = String::from_utf8(answer.body.to_vec()).map_err(|_| refuse(failed))?;
    if answer.status != StatusCode::OK {
        return Err(refuse(failed));
    }
    Ok(text.trim_ascii().to_owned())
}

/// Keeps what was fetched as if it had been pushed: asked again, the client could show one request
/// to the person and have another one agreed to. It counts among those of strangers, since anybody
/// can bring the URL.
async fn keep(
    app: &App,
    client: &Client,
    params: &Params,
    now: Timestamp,
) -> Result<(Reference, PushedRequest), NotFound> {
    let reference = Reference::new(&SystemRandom);
    let lifetime = app.authorization.pushed_request();
    let kept = PushedRequest::new(&reference, client, params, lifetime, now)?;
    let kept = PushedRequest { confidential: false, ..kept };
    if app.store().push_request(kept.clone(), now).await? == Pushed::Full {
        let why = "too many requests wait for their users; try again";
        return Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, why).into());
    }
    Ok((reference, kept))
}

#[cfg(test)]
mod tests;
