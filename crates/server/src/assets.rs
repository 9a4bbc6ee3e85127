//! The files that pages load, compiled in.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// `GET /assets/…`.
pub(crate) async fn get(Path(path): Path<String>) -> Response {
    let (kind, content) = match path.as_str() {
        "countersign.css" => ("text/css; charset=utf-8", include_str!("../assets/countersign.css")),
        "logo.svg" => ("image/svg+xml", include_str!("../assets/logo.svg")),
        "favicon.svg" => ("image/svg+xml", include_str!("../assets/favicon.svg")),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    serve(kind, content)
}

/// A file with the headers that keep browsers from guessing at it.
pub(crate) fn serve(kind: &'static str, content: &'static str) -> Response {
    let mut response = content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
