//! The mark that a request for authorization gets when its person has just signed in for it: proof
//! that `prompt=login` or `max_age` is fulfilled. The request itself can't say so, since a signed
//! or pushed one can't be changed. It holds for one session and one request.

use countersign_jose::base64url;

use super::site::Site;

/// The parameter that carries it beside the request.
pub(crate) const PARAMETER: &str = "countersign_signed_in";

/// The page that a sign-in goes on to, marked if it is a request for authorization.
pub(crate) fn put(site: &Site, session: &[u8; 32], target: &str) -> String {
    let Some(request) = target.strip_prefix("/authorize?") else { return target.to_owned() };
    let mark = base64url::encode(&site.forms().sign(&content(session, request)));
    format!("{target}&{PARAMETER}={mark}")
}

/// Whether a mark was made for this session and this request.
pub(crate) fn is_good(site: &Site, session: &[u8; 32], request: &str, mark: &str) -> bool {
    base64url::decode(mark.as_bytes())
        .is_ok_and(|tag| site.forms().verify(&content(session, request), &tag))
}

/// The keys also make the tokens of forms, from the values of cookies. Those never have a NUL.
fn content(session: &[u8; 32], request: &str) -> Vec<u8> {
    [b"signed in\0", &session[..], request.as_bytes()].concat()
}
