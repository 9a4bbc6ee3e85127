//! HTML answers, error pages with a reference, and redirects.

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use countersign_protocol::random;
use countersign_store::StoreError;

use super::cookies::{self, Cookie};
use super::csrf::FormToken;
use super::headers;
use super::site::Site;
use crate::pages::error::ErrorPage;
use crate::process::SystemRandom;

/// A page, with the headers that protect it, and the visit cookie if its form needs one.
pub(crate) fn page(
    site: &Site,
    status: StatusCode,
    template: &impl Template,
    form_target: Option<&str>,
    form: Option<&FormToken>,
) -> Response {
    let mut response = page_under(site, status, template, &headers::page_policy(form_target));
    if let Some(visit) = form.and_then(|form| form.new_visit.as_deref()) {
        let cookie = cookies::set(site, Cookie::Visit, visit);
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// A page that opens frames of other sites.
pub(crate) fn framing_page(site: &Site, template: &impl Template, frames: &[String]) -> Response {
    let origins: Vec<_> = frames.iter().filter_map(|url| headers::csp_source(url)).collect();
    page_under(site, StatusCode::OK, template, &headers::framing_policy(&origins))
}

/// A page with a policy of its own.
pub(crate) fn page_under(
    site: &Site,
    status: StatusCode,
    template: &impl Template,
    policy: &str,
) -> Response {
    let html = template.render().expect("templates only print what they are given");
    let mut response = (status, html).into_response();
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    headers::protect_page(response.headers_mut(), policy, site.is_https());
    response
}

/// What went wrong, for a person. The reference stands in the log as well.
#[derive(Clone, Debug)]
pub(crate) struct PageError {
    status: StatusCode,
    title: &'static str,
    message: String,
}

impl PageError {
    pub(crate) fn new(status: StatusCode, title: &'static str, message: impl Into<String>) -> Self {
        Self { status, title, message: message.into() }
    }

    /// A form that did not come from our page, or from one that is too old.
    pub(crate) fn forged() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "This form has expired",
            "The form was not sent from a current page of this server. Go back, reload the page \
             and try again.",
        )
    }

    pub(crate) fn show(self, site: &Site) -> Response {
        let reference = random::identifier(&SystemRandom);
        tracing::info!(
            reference,
            status = self.status.as_u16(),
            message = self.message,
            "an error page was shown"
        );
        let status = self.status.as_u16();
        let (title, message) = (self.title, &self.message);
        page(
            site,
            self.status,
            &ErrorPage { title, message, reference: &reference, status },
            None,
            None,
        )
    }
}

impl From<StoreError> for PageError {
    fn from(error: StoreError) -> Self {
        tracing::error!(code = error.code(), %error, "the store failed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Please try again",
            "The server can't reach its database at the moment.",
        )
    }
}

/// A redirect after which the browser asks by GET, and which no cache keeps.
pub(crate) fn see_other(target: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::try_from(target).unwrap_or(HeaderValue::from_static("/account"));
    response.headers_mut().insert(header::LOCATION, location);
    headers::no_store(response.headers_mut());
    response
}
