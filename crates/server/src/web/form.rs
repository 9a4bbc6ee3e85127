//! Form bodies and queries, read strictly.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use countersign_protocol::wire::params::Params;
use countersign_protocol::{ErrorCode, OAuthError};
use http_body_util::BodyExt as _;

use super::oauth_error::ErrorAnswer;

/// The longest body that is read, in bytes.
const BODY_MAX_BYTES: usize = 64 * 1_024;
/// How much of a longer body is read and dropped before it is refused, in bytes.
const DROPPED_MAX_BYTES: usize = 4 * 1_024 * 1_024;
/// A body that has not come whole by then is not waited for: an open connection costs the sender
/// next to nothing.
pub(super) const BODY_PATIENCE: Duration = Duration::from_secs(20);
/// The longest query that is read, in bytes.
const QUERY_MAX_BYTES: usize = 16 * 1_024;

/// The parameters of a form body.
#[derive(Debug)]
pub(crate) struct Form(pub(crate) Params);

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = ErrorAnswer;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ErrorAnswer> {
        Ok(Self(Params::parse(&body(request).await?)?))
    }
}

/// The body of a form, checked for its type and length but not yet parsed.
///
/// # Errors
/// `invalid_request`.
pub(crate) async fn body(request: Request) -> Result<bytes::Bytes, ErrorAnswer> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let why = "the Content-Type has to be application/x-www-form-urlencoded";
        return Err(OAuthError::new(ErrorCode::InvalidRequest, why).into());
    }
    // RFC 6749 §2.3.1 and §3.2: parameters of these endpoints never stand in the URL.
    if request.uri().query().is_some_and(|query| !query.is_empty()) {
        let why = "the parameters belong in the body, not in the URL";
        return Err(OAuthError::new(ErrorCode::InvalidRequest, why).into());
    }
    read_body(request.into_body(), BODY_PATIENCE).await
}

/// The query of a URL, checked for its length but not yet parsed.
///
/// # Errors
/// `invalid_request`.
pub(crate) fn query(query: Option<&str>) -> Result<&[u8], OAuthError> {
    let text = query.unwrap_or_default();
    if text.len() > QUERY_MAX_BYTES {
        return Err(OAuthError::new(ErrorCode::InvalidRequest, "the query is too long"));
    }
    Ok(text.as_bytes())
}

/// The parameters of a page of ours, whose links are never faulty: what is not sound is absent.
pub(crate) fn page_query(text: Option<&str>) -> Params {
    query(text).map(|text| Params::parse_sound(text).0).unwrap_or_default()
}

/// A whole body of at most [`BODY_MAX_BYTES`].
pub(super) async fn read_body(body: Body, patience: Duration) -> Result<bytes::Bytes, ErrorAnswer> {
    let (why, status) = match tokio::time::timeout(patience, collect(body)).await {
        Ok(Ok(Some(whole))) => return Ok(whole),
        Ok(Ok(None)) => ("the body is longer than 64 KiB", StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => ("the body broke off", StatusCode::BAD_REQUEST),
        Err(_) => ("the body took too long to come", StatusCode::REQUEST_TIMEOUT),
    };
    let error = OAuthError::new(ErrorCode::InvalidRequest, why);
    Err(ErrorAnswer::with_status(error, status))
}

/// The whole body, or `None` if it is too long. What is too long is read on for a while and
/// dropped: a client that is cut off while it writes may never see the answer.
async fn collect(mut body: Body) -> Result<Option<bytes::Bytes>, axum::Error> {
    let (mut kept, mut seen) = (bytes::BytesMut::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        seen += data.len();
        if seen <= BODY_MAX_BYTES {
            kept.extend_from_slice(&data);
        } else if seen > DROPPED_MAX_BYTES {
            break;
        }
    }
    Ok((seen <= BODY_MAX_BYTES).then(|| kept.freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse as _;

    #[tokio::test]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let stuck = tokio_stream::pending::<Result<bytes::Bytes, std::convert::Infallible>>();
        let read = read_body(Body::from_stream(stuck), Duration::from_millis(10)).await;
        assert_eq!(read.unwrap_err().into_response().status(), StatusCode::REQUEST_TIMEOUT);
        let whole = read_body(Body::from("a=1"), Duration::from_secs(10)).await;
        assert_eq!(whole.unwrap(), "a=1");
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_is_refused_by_one_byte() {
        let read = |length| read_body(Body::from(vec![b'a'; length]), BODY_PATIENCE);
        assert_eq!(read(BODY_MAX_BYTES).await.unwrap().len(), BODY_MAX_BYTES);
        for length in [BODY_MAX_BYTES + 1, DROPPED_MAX_BYTES + 1] {
            let status = read(length).await.unwrap_err().into_response().status();
            assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        }
    }
}
