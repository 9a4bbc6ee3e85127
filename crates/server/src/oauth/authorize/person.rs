//! Whether the person who is signed in is the one that a request is about.

use countersign_protocol::account::Account;
use countersign_protocol::client::Client;
use countersign_protocol::wire::authorize::AuthorizationRequest;
use countersign_store::StoreError;

use crate::app::App;
use crate::process;

/// Compares with `id_token_hint`, if it is one of ours, and with the `sub` that `claims` asks for:
/// each time with what that client knows the person by.
pub(super) async fn is_meant(
    app: &App,
    client: &Client,
    request: &AuthorizationRequest,
    account: &Account,
) -> Result<bool, StoreError> {
    if let Some(subjects) = &request.asked.subjects {
        let subject = app.keys.load_full().subjects.subject(client, &account.subject).into_owned();
        if !subjects.contains(&subject) {
            return Ok(false);
        }
    }
    let Some(hint) = &request.id_token_hint else { return Ok(true) };
    let Some(hint) = app.read_id_token_hint(hint, process::now()).await? else { return Ok(true) };
    // It may have been made for another client.
    let Some(made_for) = hint.audience.first() else { return Ok(false) };
    let Some(made_for) = app.client(made_for).await? else { return Ok(false) };
    Ok(hint.subject == app.keys.load().subjects.subject(&made_for, &account.subject))
}
