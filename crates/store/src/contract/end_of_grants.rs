//! Grants end once, for all who follow, and for good.

use std::sync::Arc;

use countersign_protocol::grant::{EndReason, Grant};
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::refresh_family::Refusal;

use super::samples::{
    Checked, NOW, at_once, begin, code, grant, later, moment, pending_grant, published,
    published_grants, redeem, rotate, scope, session, stored, token,
};
use crate::store::{CodeOutcome, GrantSelector, RotationOutcome, Store};

/// Five grants: of two people, two clients and three sessions, one of them pending.
fn assorted() -> [Grant; 5] {
    [
        grant(1),
        Grant { client_id: "bank".into(), ..grant(2) },
        Grant { session_id: Some("sid-2".into()), ..grant(3) },
        Grant { subject: "bob".into(), session_id: None, ..grant(4) },
        Grant { session_id: Some("sid-2".into()), ..pending_grant(5) },
    ]
}

pub(super) async fn each_selector_picks_its_own(store: Arc<dyn Store>) -> Checked {
    // Each row ends what the rows before have left.
    let table: [(GrantSelector, &[u8]); 7] = [
        (GrantSelector::One(grant(1).id), &[1]),
        (GrantSelector::One(grant(9).id), &[]),
        (GrantSelector::Client("bank".into()), &[2]),
        (GrantSelector::Session("sid-2".into()), &[3, 5]),
        (GrantSelector::Subject("alice".into()), &[]),
        (GrantSelector::Subject("bob".into()), &[4]),
        (GrantSelector::All, &[]),
    ];
    begin(&*store, assorted()).await?;
    let mut all = Vec::new();
    for (selector, expected) in table {
        let mut ended =
            store.end_grants(selector.clone(), EndReason::UserRevoked, moment(NOW)).await?;
        ended.sort();
        let expected: Vec<_> = expected.iter().map(|number| grant(*number).id).collect();
        assert_eq!(ended, expected, "{selector:?}");
        all.extend(ended);
        let mut told = published_grants(&*store).await?;
        assert_eq!(told.len(), all.len(), "{selector:?}: each is published once");
        told.sort();
        all.sort();
        assert_eq!(told, all, "{selector:?}");
    }
    for event in published(&*store).await? {
        let horizon = Lifetimes::default().revocation_horizon(NOW).as_secs();
        assert_eq!(event.expires_at, horizon);
    }
    for number in 1..=5 {
        let ended = stored(&*store, number).await?;
        assert_eq!((ended.ended, ended.pending), (Some((NOW, EndReason::UserRevoked)), None));
    }
    begin(&*store, [grant(6), Grant { subject: "bob".into(), ..grant(7) }]).await?;
    let ended = store.end_grants(GrantSelector::All, EndReason::OperatorRevoked, moment(NOW));
    assert_eq!(ended.await?.len(), 2);
    Ok(())
}

pub(super) async fn what_outlives_a_session_stays(store: Arc<dyn Store>) -> Checked {
    let offline = Grant { scope: scope("openid offline_access"), ..grant(2) };
    begin(&*store, [grant(1), offline.clone()]).await?;
    let session = GrantSelector::Session("sid-1".into());
    let ended = store.end_grants(session, EndReason::SignedOut, moment(NOW)).await?;
    assert_eq!(ended, [grant(1).id]);
    assert_eq!(stored(&*store, 2).await?, offline);
    // Every other selector takes it.
    let subject = GrantSelector::Subject("alice".into());
    let ended = store.end_grants(subject, EndReason::PasswordChanged, moment(NOW)).await?;
    assert_eq!(ended, [grant(2).id]);
    Ok(())
}

pub(super) async fn a_grant_is_ended_and_published_once(store: Arc<dyn Store>) -> Checked {
    begin(&*store, [grant(1)]).await?;
    let one = || GrantSelector::One(grant(1).id);
    let first = store.end_grants(one(), EndReason::ClientRevoked, moment(NOW)).await?;
    assert_eq!(first, [grant(1).id]);
    let second = store.end_grants(one(), EndReason::Disabled, moment(later(1))).await?;
    assert_eq!(second, []);
    assert_eq!(published_grants(&*store).await?.len(), 1);
    assert_eq!(stored(&*store, 1).await?.ended, Some((NOW, EndReason::ClientRevoked)));
    Ok(())
}

pub(super) async fn of_many_at_once_one_ends_a_grant(store: Arc<dyn Store>) -> Checked {
    begin(&*store, assorted()).await?;
    let selectors = [
        GrantSelector::All,
        GrantSelector::One(grant(1).id),
        GrantSelector::Subject("alice".into()),
        GrantSelector::Client("shop".into()),
    ];
    let ended = at_once(&store, |store, place| {
        let selector = selectors[place % selectors.len()].clone();
        async move { store.end_grants(selector, EndReason::OperatorRevoked, moment(NOW)).await }
    });
    let mut ended = ended.await?.concat();
    ended.sort();
    let all: Vec<_> = assorted().map(|grant| grant.id).into();
    assert_eq!(ended, all, "each is ended by one of them");
    let mut told = published_grants(&*store).await?;
    told.sort();
    assert_eq!(told, all);
    Ok(())
}

pub(super) async fn an_ended_grant_never_comes_back(store: Arc<dyn Store>) -> Checked {
    begin(&*store, [grant(1), pending_grant(2)]).await?;
    store.end_grants(GrantSelector::All, EndReason::SignedOut, moment(NOW)).await?;
    let before = (stored(&*store, 1).await?, stored(&*store, 2).await?);
    for generation in 0..3 {
        let outcome = rotate(&*store, 1, token(generation), later(1)).await?;
        let refused = matches!(outcome, RotationOutcome::Refused(Refusal::Revoked));
        assert!(refused, "{outcome:?}");
    }
    let outcome = redeem(&*store, 2, code(), later(1)).await?;
    assert!(matches!(outcome, CodeOutcome::Refused(_)), "{outcome:?}");
    assert_eq!((stored(&*store, 1).await?, stored(&*store, 2).await?), before);
    assert_eq!(published_grants(&*store).await?.len(), 2);
    Ok(())
}

pub(super) async fn everything_of_a_person_ends_in_one_step(store: Arc<dyn Store>) -> Checked {
    begin(&*store, assorted()).await?;
    store.begin_session(session(1)).await?;
    store.begin_session(session(2)).await?;
    let mut bobs = session(3);
    bobs.subject = "bob".into();
    store.begin_session(bobs).await?;
    let ended = store.end_everything_of("alice", EndReason::UserRevoked, moment(NOW)).await?;
    assert_eq!(ended.len(), 4);
    assert_eq!(store.sessions_of("alice").await?, []);
    assert_eq!(store.sessions_of("bob").await?.len(), 1);
    assert_eq!(stored(&*store, 4).await?.ended, None);
    Ok(())
}
