//! Clients that hear of the end of a session.

use std::sync::Arc;

use countersign_protocol::account::Account;
use countersign_protocol::grant::{EndReason, Grant};
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::session::Session;

use super::samples::{Checked, NOW, account, at_once, grant, later, moment, session};
use crate::error::StoreError;
use crate::store::{GrantSelector, NewGrant, Store};

/// Alice signs in, and goes to a client that wants to hear of the end.
async fn follow(store: &dyn Store, number: u8, client_id: &str) -> Result<(), StoreError> {
    if store.session([number; 32]).await?.is_none() {
        store.begin_session(session(number)).await?;
    }
    let id = u8::try_from(client_id.len()).expect("short") + 10 * number;
    let session_id = Some(session(number).id);
    let grant = Grant { client_id: client_id.into(), session_id, ..grant(id) };
    store.begin_grant(NewGrant { grant, remember: false, follow_session: true }).await
}

/// Who is told by now: client and session.
async fn told(store: &dyn Store) -> Result<Vec<(String, String)>, StoreError> {
    let notices = store.take_logout_notices(NOW, later(60), 100).await?;
    let mut told: Vec<_> =
        notices.iter().map(|n| (n.client_id.clone(), n.session_id.clone())).collect();
    told.sort();
    for notice in notices {
        store.settle_logout_notice(notice.id, None).await?;
    }
    Ok(told)
}

fn pair(client_id: &str, number: u8) -> (String, String) {
    (client_id.to_owned(), session(number).id)
}

pub(super) async fn whoever_follows_a_session_is_told_of_its_end(store: Arc<dyn Store>) -> Checked {
    follow(&*store, 1, "shop").await?;
    follow(&*store, 1, "banks").await?;
    follow(&*store, 2, "shop").await?;
    let quiet = Grant { client_id: "quiet".into(), ..grant(99) };
    store.begin_grant(NewGrant { grant: quiet, remember: false, follow_session: false }).await?;
    assert_eq!(store.session_followers(&session(1).id).await?, ["banks", "shop"]);
    assert_eq!(told(&*store).await?, []);
    store.sign_out([1; 32], moment(NOW)).await?;
    assert_eq!(told(&*store).await?, [pair("banks", 1), pair("shop", 1)]);
    assert_eq!(store.session_followers(&session(1).id).await?, [""; 0]);
    assert_eq!(store.session_followers(&session(2).id).await?, ["shop"]);
    store.sign_out([1; 32], moment(NOW)).await?;
    assert_eq!(told(&*store).await?, [], "each is told once");
    Ok(())
}

pub(super) async fn each_way_of_ending_a_session_tells(store: Arc<dyn Store>) -> Checked {
    follow(&*store, 1, "shop").await?;
    store.replace_session([1; 32], session(2), NOW).await?;
    assert_eq!(told(&*store).await?, [], "it was renewed, and goes on under its name");
    let bobs = Session { subject: "bob".into(), ..session(3) };
    store.replace_session([2; 32], bobs, NOW).await?;
    assert_eq!(told(&*store).await?, [pair("shop", 1)], "somebody else sits there now");
    follow(&*store, 4, "shop").await?;
    store.end_session([4; 32], NOW).await?;
    assert_eq!(told(&*store).await?, [pair("shop", 4)]);
    follow(&*store, 5, "shop").await?;
    store.end_everything_of("alice", EndReason::OperatorRevoked, moment(NOW)).await?;
    assert_eq!(told(&*store).await?, [pair("shop", 5)]);
    store.put_account(account("alice"), moment(NOW)).await?;
    follow(&*store, 6, "shop").await?;
    let changed = Account { password_hash: Some("$argon2id$new".into()), ..account("alice") };
    store.put_account(changed.clone(), moment(NOW)).await?;
    assert_eq!(told(&*store).await?, [pair("shop", 6)]);
    follow(&*store, 7, "shop").await?;
    store.put_account(Account { disabled: true, ..changed }, moment(NOW)).await?;
    assert_eq!(told(&*store).await?, [pair("shop", 7)]);
    // Taken back by the person: that application alone.
    follow(&*store, 8, "shop").await?;
    follow(&*store, 8, "banks").await?;
    let id = grant(84).id;
    store.end_grants(GrantSelector::One(id), EndReason::UserRevoked, moment(NOW)).await?;
    assert_eq!(told(&*store).await?, [pair("shop", 8)]);
    assert_eq!(store.session_followers(&session(8).id).await?, ["banks"]);
    Ok(())
}

pub(super) async fn a_notice_is_taken_by_one_and_not_lost(store: Arc<dyn Store>) -> Checked {
    follow(&*store, 1, "shop").await?;
    store.sign_out([1; 32], moment(NOW)).await?;
    let taken =
        at_once(
            &store,
            |store, _| async move { store.take_logout_notices(NOW, later(60), 10).await },
        );
    let taken: Vec<_> = taken.await?.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1, "one of many takes it");
    assert_eq!((taken[0].attempts, taken[0].subject.as_str()), (1, "alice"));
    assert_eq!(store.take_logout_notices(later(59), later(120), 10).await?, []);
    let again = store.take_logout_notices(later(60), later(120), 10).await?;
    assert_eq!((again[0].id, again[0].attempts), (taken[0].id, 2), "whoever took it is gone");
    store.settle_logout_notice(again[0].id, Some(later(300))).await?;
    assert_eq!(store.take_logout_notices(later(299), later(400), 10).await?, []);
    assert_eq!(store.take_logout_notices(later(300), later(400), 10).await?.len(), 1);
    store.settle_logout_notice(again[0].id, None).await?;
    assert_eq!(store.take_logout_notices(later(9_000), later(9_999), 10).await?, []);
    Ok(())
}

pub(super) async fn a_session_that_timed_out_is_forgotten(store: Arc<dyn Store>) -> Checked {
    follow(&*store, 1, "shop").await?;
    let lifetimes = Lifetimes::default();
    let end = NOW.plus(lifetimes.session_absolute).plus(lifetimes.session_idle);
    store.sweep(lifetimes, end).await?;
    assert_eq!(store.session_followers(&session(1).id).await?, [""; 0]);
    assert_eq!(told(&*store).await?, [], "nobody signed out");
    Ok(())
}
