//! The page that sends an answer back by a form (OAuth 2.0 Form Post Response Mode).

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::web::headers;
use crate::web::page::page_under;
use crate::web::site::Site;

/// The only script of our pages. Without it there is the button.
const SCRIPT: &str = "document.forms[0].submit()";
/// Its SHA-256, for the policy that lets it run.
const SCRIPT_SHA256: &str = "ePniVEkSivX/c7XWBGafqh8tSpiRrKiqYeqbG7N1TOE=";

/// Shows the page for as long as the browser needs to send the form.
pub(crate) fn show(site: &Site, action: &str, fields: &[(&'static str, String)]) -> Response {
    let target = headers::csp_source(action);
    let host = target.as_deref().unwrap_or_default();
    let host = host.split_once("://").map_or(host, |(_, host)| host);
    let page = FormPostPage { action, fields, host, script: SCRIPT };
    let policy = headers::form_post_policy(SCRIPT_SHA256, target.as_deref());
    let mut response = page_under(site, StatusCode::OK, &page, &policy);
    // The client sees from where the form comes: `Origin` would be `null` otherwise.
    let referrer = HeaderValue::from_static("strict-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, referrer);
    response
}

/// Holds the answer to an application in hidden fields.
#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPostPage<'a> {
    /// The redirect URI.
    action: &'a str,
    /// The answer.
    fields: &'a [(&'static str, String)],
    /// The host of the redirect URI.
    host: &'a str,
    /// [`SCRIPT`], not to be escaped.
    script: &'static str,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use aws_lc_rs::digest::{SHA256, digest};
    use countersign_jose::base64url;

    use super::*;
    use crate::fixture::body;
    use crate::web::site::FormKeys;

    #[tokio::test]
    async fn the_page_sends_what_it_holds_and_nothing_else() {
        let hash = base64url::encode(digest(&SHA256, SCRIPT.as_bytes()).as_ref());
        assert_eq!(format!("{}=", hash.replace('-', "+").replace('_', "/")), SCRIPT_SHA256);

        let site = Site::new("https://id.example", Arc::new(FormKeys::new(&[])));
        let hostile = "\"></form><script>alert(1)</script>".to_owned();
        let fields = [("code", "c&<".to_owned()), ("state", hostile)];
        let response = show(&site, "https://web.example/cb?a=1&b=2", &fields);
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        for part in [
            "default-src 'none'",
            &*format!("script-src 'sha256-{SCRIPT_SHA256}'"),
            "form-action https://web.example;",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{part}: {policy}");
        }
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let html = body(response).await;
        assert!(html.contains("action=\"https://web.example/cb?a=1&#38;b=2\""), "{html}");
        assert!(html.contains("name=\"code\" value=\"c&#38;&#60;\""), "{html}");
        // One form, one script, and a button for those without scripts.
        for once in ["<form ", "<script", "</script>", "<button class=\"button primary\""] {
            assert_eq!(html.matches(once).count(), 1, "{once}: {html}");
        }
        assert!(html.contains(&format!("<script>{SCRIPT}</script>")), "{html}");
        assert!(!html.contains("alert(1)</script>"), "{html}");
        assert!(html.contains("<strong><bdi>web.example</bdi></strong>"), "{html}");
    }
}
