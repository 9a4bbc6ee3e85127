//! [`Caller`] as an argument of axum handlers.

use axum_core::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};

use crate::Caller;

/// A handler takes a [`Caller`], but its route is not behind a [`BearerLayer`](crate::BearerLayer).
/// A mistake in the program, and so the only 500 of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingLayer;

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, MissingLayer> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!(
                path = parts.uri.path(),
                "a handler takes a Caller, but its route is not behind verifier.layer()"
            );
            MissingLayer
        })
    }
}

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    #[tokio::test]
    async fn without_the_layer_a_handler_is_not_run() {
        let (mut parts, ()) = Request::new(()).into_parts();
        let outcome = Caller::from_request_parts(&mut parts, &()).await;
        let response = outcome.expect_err("no caller").into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
