//! A document in memory, served with an ETag.

use aws_lc_rs::digest::{SHA256, digest};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use countersign_jose::base64url;
use countersign_protocol::wire::metadata::Metadata;

/// A document that does not change while the server runs.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    body: Bytes,
    etag: HeaderValue,
}

impl Document {
    pub(crate) fn new(body: Bytes) -> Self {
        let hash = base64url::encode(digest(&SHA256, &body).as_ref());
        let etag = HeaderValue::try_from(format!("\"{hash}\"")).expect("base64url is ASCII");
        Self { body, etag }
    }

    /// The metadata of an issuer.
    pub(crate) fn metadata(metadata: &Metadata) -> Self {
        let body = serde_json::to_vec(metadata).expect("metadata is plain data");
        Self::new(body.into())
    }

    /// The whole document, or 304 when the caller has it.
    pub(crate) fn answer(&self, request: &HeaderMap, cache: &'static str) -> Response {
        let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let ours = self.etag.to_str().unwrap_or_default();
        let current = known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == ours));
        let mut response = if current {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            self.body.clone().into_response()
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::ETAG, self.etag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        response
    }
}
