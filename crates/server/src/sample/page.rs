//! The sample single-page app, served at `/`.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::Shared;
use crate::assets::serve;
use crate::web::headers::{page_policy, protect_page};

/// The page and its files.
pub(super) fn routes() -> Router<Shared> {
    let script = || async {
        serve("text/javascript; charset=utf-8", include_str!("../../assets/sample/app.js"))
    };
    let style = || async {
        serve("text/css; charset=utf-8", include_str!("../../assets/sample/sample.css"))
    };
    Router::new()
        .route("/", get(index))
        .route("/assets/sample/app.js", get(script))
        .route("/assets/sample/sample.css", get(style))
}

async fn index(State(shared): State<Shared>) -> Response {
    let mut response = include_str!("../../assets/sample/index.html").into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    let policy = format!("{}; script-src 'self'; connect-src 'self'", page_policy(None));
    protect_page(headers, &policy, shared.app.site.is_https());
    response
}
