//! Clients and accounts, and what a change of one ends in the same step.

use std::sync::Arc;

use countersign_protocol::account::Account;
use countersign_protocol::client::Client;
use countersign_protocol::grant::{EndReason, Grant};
use countersign_protocol::revocation::RevokedKind;

use super::samples::{
    Checked, NOW, account, begin, client, grant, later, moment, published, published_grants,
    session, stored,
};
use crate::store::Store;

pub(super) async fn a_client_comes_back_as_it_was_stored(store: Arc<dyn Store>) -> Checked {
    assert_eq!(store.client("shop").await?, None);
    for name in ["shop", "bank"] {
        assert_eq!(store.put_client(client(name), moment(NOW)).await?.grants, []);
    }
    assert_eq!(store.client("shop").await?, Some(client("shop")));
    assert_eq!(store.clients().await?, [client("bank"), client("shop")]);
    let renamed = Client { client_name: Some("The \"Shop\"".into()), ..client("shop") };
    store.put_client(renamed.clone(), moment(NOW)).await?;
    assert_eq!(store.client("shop").await?, Some(renamed));
    assert_eq!(store.clients().await?.len(), 2);
    assert_eq!(store.protecting_clients().await?, []);
    let api = Client { protects: vec!["https://api.example".into()], ..client("api") };
    store.put_client(api.clone(), moment(NOW)).await?;
    assert_eq!(store.protecting_clients().await?, [api]);
    Ok(())
}

pub(super) async fn disabling_a_client_ends_its_grants(store: Arc<dyn Store>) -> Checked {
    let other = Grant { client_id: "bank".into(), ..grant(2) };
    begin(&*store, [grant(1), other.clone()]).await?;
    let disabled = Client { disabled: true, ..client("shop") };
    assert_eq!(store.put_client(disabled.clone(), moment(NOW)).await?.grants, [grant(1).id]);
    assert_eq!(store.client("shop").await?, Some(disabled.clone()));
    assert_eq!(stored(&*store, 1).await?.ended, Some((NOW, EndReason::Disabled)));
    assert_eq!(stored(&*store, 2).await?, other);
    assert_eq!(store.put_client(disabled, moment(later(1))).await?.grants, []);
    // As one event, once: it is put again at each start.
    let events = published(&*store).await?;
    let told: Vec<_> = events.iter().map(|event| (event.kind, &*event.id)).collect();
    assert_eq!(told, [(RevokedKind::Client, "shop")]);
    store.put_client(client("shop"), moment(later(2))).await?;
    let disabled = Client { disabled: true, ..client("shop") };
    store.put_client(disabled, moment(later(3))).await?;
    assert_eq!(published(&*store).await?.len(), 2, "and once more when it is disabled again");
    Ok(())
}

pub(super) async fn an_account_comes_back_by_both_names(store: Arc<dyn Store>) -> Checked {
    assert_eq!(store.account("alice").await?, None);
    for name in ["bob", "alice"] {
        assert_eq!(store.put_account(account(name), moment(NOW)).await?.grants, []);
    }
    assert_eq!(store.account("alice").await?, Some(account("alice")));
    assert_eq!(store.account_named("alice@example").await?, Some(account("alice")));
    assert_eq!(store.account_named("alice").await?, None);
    assert_eq!(store.accounts().await?, [account("alice"), account("bob")]);
    Ok(())
}

pub(super) async fn a_user_name_belongs_to_one_account(store: Arc<dyn Store>) -> Checked {
    store.put_account(account("alice"), moment(NOW)).await?;
    store.put_account(account("bob"), moment(NOW)).await?;
    begin(&*store, [Grant { subject: "bob".into(), ..grant(1) }]).await?;
    let usurper = Account {
        username: account("alice").username,
        password_hash: Some("$argon2id$other".into()),
        ..account("bob")
    };
    assert!(store.put_account(usurper, moment(NOW)).await.is_err());
    // The step failed as a whole: bob's new password has ended nothing either.
    assert_eq!(store.account("bob").await?, Some(account("bob")));
    assert_eq!(published_grants(&*store).await?, []);
    Ok(())
}

/// Two people with a session and a grant each, who have accounts.
async fn two_people(store: &dyn Store) -> Checked {
    let (mut alices, mut bobs) = (session(1), session(2));
    alices.subject = "alice".into();
    bobs.subject = "bob".into();
    for (name, session) in [("alice", alices), ("bob", bobs)] {
        store.put_account(account(name), moment(NOW)).await?;
        store.begin_session(session).await?;
    }
    begin(store, [grant(1), Grant { subject: "bob".into(), ..grant(2) }]).await
}

async fn only_alice_was_hit(store: &dyn Store, reason: EndReason) -> Checked {
    assert_eq!(stored(store, 1).await?.ended, Some((later(1), reason)));
    assert_eq!(stored(store, 2).await?.ended, None);
    assert_eq!(store.session([1; 32]).await?, None);
    assert_eq!(store.session([2; 32]).await?.map(|session| session.id), Some("sid-2".into()));
    assert_eq!(published_grants(store).await?, [grant(1).id]);
    Ok(())
}

pub(super) async fn a_new_password_ends_grants_and_sessions(store: Arc<dyn Store>) -> Checked {
    two_people(&*store).await?;
    let changed = Account { password_hash: Some("$argon2id$second".into()), ..account("alice") };
    assert_eq!(store.put_account(changed.clone(), moment(later(1))).await?.grants, [grant(1).id]);
    only_alice_was_hit(&*store, EndReason::PasswordChanged).await?;
    // What begins afterwards is not hit: neither at once nor when the same is put again.
    begin(&*store, [grant(3)]).await?;
    assert_eq!(store.put_account(changed, moment(later(2))).await?.grants, []);
    assert_eq!(stored(&*store, 3).await?, grant(3));
    Ok(())
}

pub(super) async fn disabling_an_account_ends_grants_and_sessions(
    store: Arc<dyn Store>,
) -> Checked {
    two_people(&*store).await?;
    let disabled = Account { disabled: true, ..account("alice") };
    assert_eq!(store.put_account(disabled.clone(), moment(later(1))).await?.grants, [grant(1).id]);
    only_alice_was_hit(&*store, EndReason::Disabled).await?;
    assert_eq!(store.account("alice").await?, Some(disabled));
    Ok(())
}

pub(super) async fn other_changes_of_an_account_end_nothing(store: Arc<dyn Store>) -> Checked {
    two_people(&*store).await?;
    let mut changed = account("alice");
    changed.username = "alice2@example".into();
    changed.claims.insert("name".into(), "Alice B.".into());
    assert_eq!(store.put_account(changed.clone(), moment(later(1))).await?.grants, []);
    assert_eq!(store.account_named("alice2@example").await?, Some(changed));
    assert_eq!(store.account_named("alice@example").await?, None);
    assert_eq!(stored(&*store, 1).await?, grant(1));
    assert_eq!(store.sessions_of("alice").await?.len(), 1);
    assert_eq!(published_grants(&*store).await?, []);
    Ok(())
}
