//! `GET /clients/{client_id}/logo`: the logo of an application, for the consent page. Browsers get
//! it from here and not from where it lies: the application would learn who looks at it, and could
//! show each of them something else.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use countersign_protocol::freshness::{self, Bounds};
use countersign_protocol::logo::{LOGO_MAX_BYTES, media_type};

use crate::app::{App, Shared};
use crate::sign_in;
use crate::web::outbound::Outbound;
use crate::web::remote_cache::{Failure, RemoteCache, Timing};

/// Logos that are kept.
const KEPT: usize = 200;

/// The logos that were fetched, by their URL.
#[derive(Debug)]
pub(crate) struct Logos(RemoteCache<Logo>);

#[derive(Debug)]
struct Logo {
    kind: &'static str,
    picture: Bytes,
}

impl Default for Logos {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        let lifetime =
            Bounds { least: seconds(300), silent: seconds(3_600), most: seconds(86_400) };
        let (stale, retry) = (seconds(86_400), seconds(60));
        Self(RemoteCache::new(KEPT, Timing { lifetime, stale, retry, pause: retry }))
    }
}

/// Where the logo of a client is shown from.
pub(crate) fn path(client_id: &str) -> String {
    let id: String = form_urlencoded::byte_serialize(client_id.as_bytes()).collect();
    format!("/clients/{id}/logo")
}

/// Answers a picture, or that there is none. Only whoever is signed in sees a consent page, so
/// nobody else has anything fetched.
pub(crate) async fn get(
    State(shared): State<Shared>,
    Path(client_id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let app = &*shared.app;
    if !matches!(sign_in::current(app, &headers).await, Ok(Some(_))) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match find(app, &client_id).await {
        Some(logo) => show(&logo),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn find(app: &App, client_id: &str) -> Option<Arc<Logo>> {
    let client = app.known_client(client_id).await.ok()??;
    let url = client.logo_uri.clone()?;
    let (outbound, bounds, asked) =
        (Arc::clone(&app.outbound), app.logos.0.lifetime(), url.clone());
    let fetch = async move { fetch(&outbound, &asked, &bounds).await };
    app.logos.0.current(&url, fetch).await
}

async fn fetch(
    outbound: &Outbound,
    url: &str,
    bounds: &Bounds,
) -> Result<(Logo, Duration), Failure> {
    let answer = outbound.get(url, LOGO_MAX_BYTES).await.map_err(|error| {
        let code = error.code();
        tracing::info!(url, code, %error, "the logo of a client could not be fetched");
        Failure::Unknown
    })?;
    let kind = media_type(&answer.body).filter(|_| answer.status == StatusCode::OK);
    let Some(kind) = kind else {
        tracing::info!(url, status = answer.status.as_u16(), "the logo of a client is no picture");
        return Err(Failure::Gone);
    };
    Ok((Logo { kind, picture: answer.body }, freshness::lifetime(&answer.headers, bounds)))
}

/// Whatever it is, it is a picture: nothing in it runs, no other site has it in its pages.
fn show(logo: &Logo) -> Response {
    let mut response = logo.picture.clone().into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, logo.kind),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "private, max-age=300"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;

    use super::*;
    use crate::fixture::{Fixture, PASSWORD, body, session_of};
    use crate::remote_site::RemoteSite;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

    async fn site_with(logo: &str) -> (Fixture, String) {
        let site = Fixture::open_with(&format!(
            "[[client]]\nclient_id = \"shown\"\ntoken_endpoint_auth_method = \"none\"\n\
             redirect_uris = [\"https://web.example/cb\"]\nlogo_uri = \"{logo}\""
        ))
        .await;
        let fields = [("username", "alice"), ("password", PASSWORD), ("continue", "/account")];
        let session = session_of(&site.submit("/login", "visit", &fields).await);
        (site, session)
    }

    #[tokio::test]
    async fn a_logo_comes_from_this_server_and_is_a_picture() {
        let picture = get(|| async { ([(header::CONTENT_TYPE, "text/html")], PNG) });
        let remote = RemoteSite::start(Router::new().route("/logo.png", picture)).await;
        let (site, session) = site_with(&remote.url("/logo.png")).await;
        let answer = site.get("/clients/shown/logo", Some(&session)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "image/png");
        assert_eq!(answer.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(
            answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap().contains("sand")
        );
        for (path, session) in [
            ("/clients/shown/logo", None),
            ("/clients/web/logo", Some(&*session)),
            ("/clients/nobody/logo", Some(&*session)),
        ] {
            assert_eq!(site.get(path, session).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let query = site.authorize(&[]).replace("client_id=web", "client_id=shown");
        let page = site.get(&query.replace("/authorize", "/consent"), Some(&session)).await;
        let page = body(page).await;
        assert!(page.contains("src=\"/clients/shown/logo\""), "{page}");
        assert!(!page.contains(&remote.url("")), "nothing is asked of another site");
    }

    #[tokio::test]
    async fn what_is_no_picture_is_not_shown() {
        let script = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
        let routes = Router::new()
            .route(
                "/svg",
                get(move || async move { ([(header::CONTENT_TYPE, "image/png")], script) }),
            )
            .route("/long", get(|| async { [PNG, &[0; LOGO_MAX_BYTES]].concat() }))
            .route("/gone", get(|| async { (StatusCode::NOT_FOUND, PNG) }))
            .route("/moved", get(|| async { axum::response::Redirect::temporary("/png") }))
            .route("/png", get(|| async { PNG }));
        let remote = RemoteSite::start(routes).await;
        for path in ["/svg", "/long", "/gone", "/moved"] {
            let (site, session) = site_with(&remote.url(path)).await;
            let answer = site.get("/clients/shown/logo", Some(&session)).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
        }
        let (site, session) = site_with("https://169.254.169.254/logo.png").await;
        let answer = site.get("/clients/shown/logo", Some(&session)).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
}
