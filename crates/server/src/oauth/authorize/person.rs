//! Whether the person who is signed in is the one that a request is about.

use countersign_protocol::account::Account;
use countersign_protocol::wire::authorize::AuthorizationRequest;

use crate::app::App;
use crate::process;

/// Compares with `id_token_hint`, if it is one of ours, and with the `sub` that `claims` asks for.
pub(super) fn is_meant(app: &App, request: &AuthorizationRequest, account: &Account) -> bool {
    let hint = request.id_token_hint.as_deref();
    let hinted = hint.and_then(|hint| app.read_id_token_hint(hint, process::now()));
    let subjects = request.asked.subjects.as_ref();
    hinted.is_none_or(|token| token.subject == account.subject)
        && subjects.is_none_or(|subjects| subjects.contains(&account.subject))
}
