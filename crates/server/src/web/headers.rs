//! Response headers that keep a page to itself and an answer out of caches.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use countersign_verify::DPOP_NONCE;

/// What a page of this server may do. Forms may go to the server itself, and, because browsers
/// apply the rule to redirects as well, to the one place where the answer of the form leads.
pub(crate) fn page_policy(form_target: Option<&str>) -> String {
    let target = form_target.map(|target| format!(" {target}")).unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{target}; \
         frame-ancestors 'none'; base-uri 'none'"
    )
}

/// The same for a page that opens frames of these origins.
pub(crate) fn framing_policy(origins: &[String]) -> String {
    format!("{}; frame-src {}", page_policy(None), origins.join(" "))
}

/// What the page may do that sends a form to the redirect URI and does nothing else. It runs one
/// script, which is named by its hash.
pub(crate) fn form_post_policy(script_sha256: &str, target: Option<&str>) -> String {
    let target = target.unwrap_or("'none'");
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; \
         script-src 'sha256-{script_sha256}'; form-action {target}; frame-ancestors 'none'; \
         base-uri 'none'"
    )
}

/// The origin of a redirect URI as a CSP source: the scheme alone for an application's own scheme.
pub(crate) fn csp_source(uri: &str) -> Option<String> {
    let (scheme, _) = uri.split_once(':')?;
    if !matches!(scheme, "http" | "https") {
        return Some(format!("{scheme}:"));
    }
    let parsed: Uri = uri.parse().ok()?;
    parsed.authority().map(|authority| format!("{scheme}://{authority}"))
}

/// Puts the headers of an HTML page in place.
pub(crate) fn protect_page(headers: &mut HeaderMap, policy: &str, https: bool) {
    no_store(headers);
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    };
    set(header::CONTENT_SECURITY_POLICY, policy);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    // Not `no-referrer`: with it browsers send `Origin: null` with a form.
    set(header::REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
}

/// The answer is for this request only (RFC 6749 §5.1).
pub(crate) fn no_store(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Browser applications of any origin may read the answer. No cookie takes part.
pub(crate) fn allow_any_origin(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("DPoP-Nonce, WWW-Authenticate"),
    );
}

/// The nonce for the next DPoP proof (RFC 9449 §8.2).
pub(crate) fn hand_out_nonce(headers: &mut HeaderMap, nonce: &str) {
    if let Ok(value) = HeaderValue::try_from(nonce) {
        headers.insert(DPOP_NONCE, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_origins_or_schemes() {
        let source = |uri| csp_source(uri).unwrap();
        assert_eq!(source("https://a.example/cb?x"), "https://a.example");
        assert_eq!(source("http://127.0.0.1:9/cb"), "http://127.0.0.1:9");
        assert_eq!(source("com.example.app:/cb"), "com.example.app:");
    }
}
