//! Forgetting takes what is dead and nothing else.

use std::sync::Arc;

use countersign_protocol::grant::{EndReason, Grant};
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::session::Session;

use super::samples::{Checked, NOW, begin, grant, later, moment, pending_grant, session, stored};
use crate::store::{Consent, GrantSelector, NewGrant, Store};

/// How long after a grant the last access token of it may live, in seconds.
fn margin() -> u64 {
    Lifetimes::default().revocation_horizon(NOW).since(NOW).as_secs()
}

pub(super) async fn ended_and_expired_grants_stay_until_the_horizon(
    store: Arc<dyn Store>,
) -> Checked {
    let absolute = Grant { expires_at: later(0), ..grant(2) };
    let idle = Grant { idle_expires_at: later(0), ..grant(3) };
    begin(&*store, [grant(1), absolute, idle, pending_grant(4), grant(5)]).await?;
    let one = GrantSelector::One(grant(1).id);
    store.end_grants(one, EndReason::UserRevoked, moment(NOW)).await?;

    assert_eq!(store.sweep(Lifetimes::default(), later(margin() - 1)).await?, 0);
    let ended = stored(&*store, 1).await?;
    assert_eq!(ended.ended, Some((NOW, EndReason::UserRevoked)));

    // Three grants, and the event of the first.
    assert_eq!(store.sweep(Lifetimes::default(), later(margin() + 1)).await?, 4);
    for number in 1..=3 {
        assert_eq!(store.grant(grant(number).id).await?, None, "{number}");
    }
    assert_eq!(stored(&*store, 4).await?, pending_grant(4), "its code has expired later");
    assert_eq!(store.sweep(Lifetimes::default(), later(margin() + 61)).await?, 1);
    assert_eq!(stored(&*store, 5).await?, grant(5));
    Ok(())
}

pub(super) async fn what_lives_stays(store: Arc<dyn Store>) -> Checked {
    store.begin_grant(NewGrant { grant: grant(1), remember: true, follow_session: false }).await?;
    store.begin_session(session(1)).await?;
    store.revoke_token("t".into(), later(300)).await?;
    assert_eq!(store.sweep(Lifetimes::default(), later(299)).await?, 0);
    assert_eq!(stored(&*store, 1).await?, grant(1));
    assert_eq!(store.session([1; 32]).await?, Some(session(1)));
    assert_eq!(store.revocations_after(0, 10).await?.map(|events| events.len()), Some(1));
    // A consent outlives its grants.
    let long_after = grant(1).expires_at.plus(Lifetimes::default().refresh_absolute);
    store.sweep(Lifetimes::default(), long_after).await?;
    assert_eq!(store.grant(grant(1).id).await?, None);
    assert_ne!(store.consent("alice", "shop").await?, Consent::default());
    Ok(())
}

pub(super) async fn dead_sessions_go(store: Arc<dyn Store>) -> Checked {
    let lifetimes = Lifetimes::default();
    let now = NOW.plus(lifetimes.session_absolute);
    let idle = Session { auth_time: now, ..session(1) };
    let old = Session { last_seen_at: now, ..session(2) };
    let live = Session { auth_time: later(2), last_seen_at: now, ..session(3) };
    for session in [idle, old, live.clone()] {
        store.begin_session(session).await?;
    }
    assert_eq!(store.sweep(lifetimes, now.plus(std::time::Duration::from_secs(1))).await?, 2);
    assert_eq!(store.sessions_of("alice").await?, [live]);
    Ok(())
}
