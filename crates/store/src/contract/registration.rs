//! Clients that register themselves.

use std::sync::Arc;

use countersign_protocol::client::Client;
use countersign_protocol::error::{ErrorCode, OAuthError};
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::revocation::RevokedKind;

use super::samples::{
    Checked, MANY, NOW, at_once, begin, client, grant, later, moment, published, stored,
};
use crate::registration::{InitialAccess, NewRegistration, RegisteredClient, RegistrationOutcome};
use crate::store::Store;

const TOKEN: [u8; 32] = [7; 32];
const PERMIT: [u8; 32] = [9; 32];

fn new(client_id: &str) -> NewRegistration {
    let client = client(client_id);
    NewRegistration { client, management: TOKEN, permit: None, most: 100, now: NOW }
}

fn permit(uses_left: u32) -> InitialAccess {
    InitialAccess {
        name: "partners".into(),
        hash: PERMIT,
        created_at: NOW,
        expires_at: later(60),
        uses_left,
    }
}

fn renamed(client: Client) -> Result<Client, OAuthError> {
    Ok(Client { client_name: Some("New".into()), ..client })
}

pub(super) async fn a_client_is_there_for_its_token_alone(store: Arc<dyn Store>) -> Checked {
    assert_eq!(store.register_client(new("shop")).await?, RegistrationOutcome::Done);
    assert_eq!(store.client("shop").await?, Some(client("shop")));
    let registered = RegisteredClient { client: client("shop"), registered_at: NOW };
    assert_eq!(store.registered_client("shop", TOKEN).await?, Some(registered));
    store.put_client(client("declared"), moment(NOW)).await?;
    for (id, token) in [("shop", [8; 32]), ("declared", TOKEN), ("nobody", TOKEN)] {
        assert_eq!(store.registered_client(id, token).await?, None);
        let changed = store.change_registered_client(id.into(), token, Box::new(renamed)).await?;
        assert_eq!(changed, None);
        let removed = store.remove_registered_client(id.into(), token, moment(NOW)).await?;
        assert!(removed.is_none());
    }
    assert_eq!(store.client("shop").await?, Some(client("shop")));
    // An id is given once, and what is there already is not overwritten.
    for taken in ["shop", "declared"] {
        assert!(store.register_client(new(taken)).await.is_err(), "{taken}");
        assert_eq!(store.registered_client("declared", TOKEN).await?, None);
    }
    Ok(())
}

pub(super) async fn a_permission_is_used_up(store: Arc<dyn Store>) -> Checked {
    assert!(store.add_initial_access(permit(2)).await?);
    assert!(!store.add_initial_access(permit(5)).await?, "the name is taken");
    let register = async |number: u8, now, hash| {
        let new = NewRegistration { permit: Some(hash), now, ..new(&format!("c{number}")) };
        store.register_client(new).await
    };
    assert_eq!(register(1, NOW, [1; 32]).await?, RegistrationOutcome::NoPermit);
    assert_eq!(register(2, later(60), PERMIT).await?, RegistrationOutcome::NoPermit);
    assert_eq!(register(3, later(59), PERMIT).await?, RegistrationOutcome::Done);
    assert_eq!(store.initial_accesses(NOW).await?, [permit(1)]);
    assert_eq!(register(4, NOW, PERMIT).await?, RegistrationOutcome::Done);
    assert_eq!(register(5, NOW, PERMIT).await?, RegistrationOutcome::NoPermit);
    assert_eq!(store.client("c5").await?, None);
    assert_eq!(store.initial_accesses(NOW).await?, []);
    assert_eq!(store.sweep(Lifetimes::default(), NOW).await?, 1);
    assert!(store.add_initial_access(permit(2)).await?, "the name is free again");
    assert!(store.remove_initial_access("partners").await?);
    assert!(!store.remove_initial_access("partners").await?);
    Ok(())
}

pub(super) async fn of_many_at_once_no_more_register_than_may(store: Arc<dyn Store>) -> Checked {
    assert!(store.add_initial_access(permit(1_000)).await?);
    let outcomes = at_once(&store, |store, place| async move {
        let new = new(&format!("c{place}"));
        store.register_client(NewRegistration { permit: Some(PERMIT), most: 5, ..new }).await
    });
    let outcomes = outcomes.await?;
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let (done, full) = (RegistrationOutcome::Done, RegistrationOutcome::Full);
    assert_eq!((count(done), count(full)), (5, MANY - 5));
    assert_eq!(store.clients().await?.len(), 5);
    assert_eq!(store.initial_accesses(NOW).await?, [permit(995)], "a refusal costs nothing");
    Ok(())
}

/// An operator disables the client while it changes its own registration.
pub(super) async fn a_change_is_made_on_what_is_there(store: Arc<dyn Store>) -> Checked {
    store.register_client(new("shop")).await?;
    let changed = at_once(&store, |store, place| async move {
        if place == MANY / 2 {
            let found = store.client("shop").await?.expect("it was registered");
            let disabled = Client { disabled: true, status_list: true, ..found };
            store.put_client(disabled, moment(NOW)).await?;
            return Ok(());
        }
        let add = move |client: Client| {
            let mut contacts = client.contacts.clone();
            contacts.push(place.to_string());
            Ok(Client { contacts, ..client })
        };
        store.change_registered_client("shop".into(), TOKEN, Box::new(add)).await?;
        Ok(())
    });
    changed.await?;
    let found = store.client("shop").await?.expect("it is still there");
    assert!(found.disabled && found.status_list);
    let error = OAuthError::new(ErrorCode::InvalidClientMetadata, "no");
    let refused = error.clone();
    let change = Box::new(move |_| Err(refused));
    let outcome = store.change_registered_client("shop".into(), TOKEN, change).await?;
    assert_eq!(outcome, Some(Err(error)));
    assert_eq!(store.client("shop").await?, Some(found));
    Ok(())
}

pub(super) async fn a_removed_client_is_gone_with_its_tokens(store: Arc<dyn Store>) -> Checked {
    store.register_client(new("shop")).await?;
    begin(&*store, [grant(1)]).await?;
    let removed = store.remove_registered_client("shop".into(), TOKEN, moment(NOW)).await?;
    let ended = removed.expect("the token is right");
    assert_eq!(ended.grants, [grant(1).id]);
    assert_eq!(store.client("shop").await?, None);
    assert_eq!(store.registered_client("shop", TOKEN).await?, None);
    assert!(stored(&*store, 1).await?.ended.is_some());
    let told: Vec<_> = published(&*store).await?.into_iter().map(|e| (e.kind, e.id)).collect();
    assert_eq!(told, [(RevokedKind::Client, "shop".into())]);
    Ok(())
}

pub(super) async fn a_disabled_client_can_not_slip_away(store: Arc<dyn Store>) -> Checked {
    store.register_client(new("shop")).await?;
    let disabled = Client { disabled: true, ..client("shop") };
    store.put_client(disabled.clone(), moment(NOW)).await?;
    let removed = store.remove_registered_client("shop".into(), TOKEN, moment(NOW)).await?;
    assert!(removed.is_none());
    assert_eq!(store.client("shop").await?, Some(disabled));
    Ok(())
}

pub(super) async fn what_nobody_uses_goes(store: Arc<dyn Store>) -> Checked {
    for name in ["never", "granted", "used", "lately"] {
        store.register_client(new(name)).await?;
    }
    store.put_client(client("declared"), moment(NOW)).await?;
    let mut theirs = grant(1);
    theirs.client_id = "granted".into();
    begin(&*store, [theirs]).await?;
    store.note_client_use("used".into(), later(10)).await?;
    store.note_client_use("lately".into(), later(20)).await?;
    store.note_client_use("lately".into(), later(5)).await?;
    store.note_client_use("declared".into(), later(5)).await?;
    let left = async || {
        let clients = store.clients().await?;
        Ok(clients.into_iter().map(|client| client.client_id).collect::<Vec<_>>())
    };
    assert_eq!(store.forget_unused_clients(NOW, later(10)).await?, 0);
    assert_eq!(store.forget_unused_clients(later(1), later(10)).await?, 1);
    assert_eq!(left().await?, ["declared", "granted", "lately", "used"]);
    assert_eq!(store.forget_unused_clients(later(1), later(11)).await?, 1);
    assert_eq!(left().await?, ["declared", "granted", "lately"]);
    Ok(())
}
