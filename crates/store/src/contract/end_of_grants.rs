//! Grants end once, for all who follow, and for good.

use std::sync::Arc;
use std::time::Duration;

use countersign_protocol::grant::{EndReason, Grant};
use countersign_protocol::lifetimes::{Lifetimes, revocation_horizon};
use countersign_protocol::refresh_family::Refusal;
use countersign_protocol::revocation::RevokedKind;

use super::samples::{
    Checked, NOW, at_once, begin, code, grant, later, moment, pending_grant, published,
    published_grants, redeem, rotate, scope, session, stored, token,
};
use crate::error::StoreError;
use crate::store::{CodeOutcome, Ended, GrantSelector, Moment, RotationOutcome, Store};

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
        let ended = store.end_grants(selector.clone(), EndReason::UserRevoked, moment(NOW)).await?;
        assert_eq!(ended.seq, published(&*store).await?.len() as u64, "{selector:?}");
        let mut ended = ended.grants;
        ended.sort();
        let expected: Vec<_> = expected.iter().map(|number| grant(*number).id).collect();
        assert_eq!(ended, expected, "{selector:?}");
        all.extend(ended);
        let mut told = published_grants(&*store).await?;
        // Those of the bank were published as the bank.
        let mut single: Vec<_> = all.iter().copied().filter(|id| *id != grant(2).id).collect();
        assert_eq!(told.len(), single.len(), "{selector:?}: each is published once");
        told.sort();
        single.sort();
        assert_eq!(told, single, "{selector:?}");
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
    assert_eq!(ended.await?.grants.len(), 2);
    Ok(())
}

pub(super) async fn what_outlives_a_session_stays(store: Arc<dyn Store>) -> Checked {
    let offline = Grant { scope: scope("openid offline_access"), ..grant(2) };
    begin(&*store, [grant(1), offline.clone()]).await?;
    let session = GrantSelector::Session("sid-1".into());
    let ended = store.end_grants(session, EndReason::SignedOut, moment(NOW)).await?;
    assert_eq!(ended.grants, [grant(1).id]);
    assert_eq!(stored(&*store, 2).await?, offline);
    // Every other selector takes it.
    let subject = GrantSelector::Subject("alice".into());
    let ended = store.end_grants(subject, EndReason::PasswordChanged, moment(NOW)).await?;
    assert_eq!(ended.grants, [grant(2).id]);
    Ok(())
}

pub(super) async fn a_grant_is_ended_and_published_once(store: Arc<dyn Store>) -> Checked {
    begin(&*store, [grant(1)]).await?;
    let one = || GrantSelector::One(grant(1).id);
    let first = store.end_grants(one(), EndReason::ClientRevoked, moment(NOW)).await?;
    assert_eq!((&*first.grants, first.seq), (&[grant(1).id][..], 1));
    let second = store.end_grants(one(), EndReason::Disabled, moment(later(1))).await?;
    assert_eq!((&*second.grants, second.seq), (&[][..], 1), "to wait for the first is enough");
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
        GrantSelector::Session("sid-1".into()),
    ];
    let ended = at_once(&store, |store, place| {
        let selector = selectors[place % selectors.len()].clone();
        async move {
            let ended = store.end_grants(selector, EndReason::OperatorRevoked, moment(NOW)).await?;
            Ok::<_, StoreError>(ended.grants)
        }
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

pub(super) async fn a_client_is_ended_and_published_as_one(store: Arc<dyn Store>) -> Checked {
    begin(&*store, assorted()).await?;
    let shop = || GrantSelector::Client("shop".into());
    for (round, mut expected) in [(1, vec![1, 3, 4, 5]), (2, vec![])] {
        let ended = store.end_grants(shop(), EndReason::OperatorRevoked, moment(NOW)).await?;
        let Ended { mut grants, client, expires_at, seq } = ended;
        grants.sort();
        let expected: Vec<_> = expected.drain(..).map(|number| grant(number).id).collect();
        assert_eq!(grants, expected);
        let client = client.expect("the client");
        let events = published(&*store).await?;
        // Also when no grant is left: there may be tokens of the client credentials.
        assert_eq!((events.len(), seq), (round, round as u64));
        let event = events.last().expect("one");
        assert_eq!((event.kind, &*event.id), (RevokedKind::Client, "shop"));
        assert_eq!(event.issued_until, Some(client.issued_until));
        assert_eq!(event.expires_at, expires_at.as_secs());
        // Whole seconds: what was issued in the same one counts as issued before.
        assert!(client.issued_until > NOW.as_secs() && client.issued_until < NOW.as_secs() + 60);
    }
    assert_eq!(stored(&*store, 2).await?.ended, None);
    Ok(())
}

/// Its tokens say that they were issued later than now, and they end all the same.
pub(super) async fn a_client_loses_what_was_issued_before_the_clock_was_set_back(
    store: Arc<dyn Store>,
) -> Checked {
    let hour = 3_600;
    store.note_access_token(Duration::from_secs(300), later(hour)).await?;
    let shop = GrantSelector::Client("shop".into());
    let ended = store.end_grants(shop, EndReason::OperatorRevoked, moment(NOW)).await?;
    let client = ended.client.expect("the client");
    assert!(client.issued_until >= later(hour).as_secs(), "{client:?}");
    assert!(ended.expires_at >= later(hour + 300), "until the last of them has expired");
    Ok(())
}

/// A token that was exchanged belongs to another client, so the end of the first one is not enough.
pub(super) async fn an_exchanged_grant_is_published_with_its_client(
    store: Arc<dyn Store>,
) -> Checked {
    begin(&*store, assorted()).await?;
    let exchange = |number, at| store.exchange_grant(grant(number).id, at);
    assert_eq!(exchange(9, NOW).await?, None, "there is no such grant");
    for _ in 0..2 {
        assert_eq!(exchange(1, NOW).await?, Some(grant(1)));
    }
    let dead = grant(1).idle_expires_at;
    assert_eq!(exchange(1, dead).await?, None, "not even one that was exchanged before");
    assert_eq!(exchange(3, dead).await?, None);
    let shop = GrantSelector::Client("shop".into());
    let ended = store.end_grants(shop, EndReason::OperatorRevoked, moment(NOW)).await?;
    assert_eq!(ended.client.expect("the client").exchanged, [grant(1).id]);
    let told: Vec<_> = published(&*store).await?.into_iter().map(|event| event.id).collect();
    assert_eq!(told, ["shop".to_owned(), grant(1).id.to_string()]);
    assert_eq!((ended.seq, exchange(1, NOW).await?, exchange(3, NOW).await?), (2, None, None));
    Ok(())
}

/// Tokens that live longer than today's are still about: their revocation has to outlive them.
pub(super) async fn a_shorter_lifetime_forgets_no_revocation(store: Arc<dyn Store>) -> Checked {
    let (hour, minute) = (Duration::from_secs(3_600), Duration::from_secs(60));
    let lifetimes = |access_token| Lifetimes { access_token, ..Lifetimes::default() };
    // A process that issues no tokens has to assume the longest that there can be.
    let revoke = async |number, moment| {
        begin(&*store, [grant(number)]).await?;
        let one = GrantSelector::One(grant(number).id);
        let ended = store.end_grants(one, EndReason::OperatorRevoked, moment).await?;
        Ok::<_, StoreError>(ended.expires_at)
    };
    let day = Duration::from_secs(86_400);
    assert_eq!(revoke(1, Moment::at(NOW)).await?, revocation_horizon(day, NOW));
    // The first start, and the second with shorter tokens.
    store.note_access_token(hour, NOW).await?;
    store.note_access_token(minute, later(10)).await?;
    assert_eq!(store.longest_access_token(later(10)).await?, Some(hour));
    let short = |now| Moment::new(now, &lifetimes(minute));
    for (number, moment) in [(2, short(later(10))), (3, Moment::at(later(10)))] {
        assert_eq!(revoke(number, moment).await?, revocation_horizon(hour, later(10)));
    }
    // Nor does a sweep by the shorter clock forget the grant or the event.
    let before_it_dies = later(3_600);
    store.sweep(lifetimes(minute), before_it_dies).await?;
    assert!(store.grant(grant(2).id).await?.is_some());
    let live = store.snapshot(before_it_dies).await?;
    assert!(live.events.iter().any(|event| event.id == grant(2).id.to_string()));
    // A reuse and a replayed code go by the same rule.
    begin(&*store, [grant(4), pending_grant(5)]).await?;
    rotate(&*store, 4, token(1), later(10)).await?;
    rotate(&*store, 4, token(0), later(60)).await?;
    redeem(&*store, 5, code(), later(10)).await?;
    redeem(&*store, 5, code(), later(11)).await?;
    let events = published(&*store).await?;
    for (number, at) in [(4, 60), (5, 11)] {
        let id = grant(number).id.to_string();
        let event = events.iter().find(|event| event.id == id).expect("it was published");
        assert_eq!(event.expires_at, revocation_horizon(hour, later(at)).as_secs());
    }
    // Long after the last long token the short lifetime is all that counts.
    let much_later = later(3 * 86_400);
    store.note_access_token(minute, much_later).await?;
    assert_eq!(store.longest_access_token(much_later).await?, Some(minute));
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
    assert_eq!(ended.grants.len(), 4);
    assert_eq!(store.sessions_of("alice").await?, []);
    assert_eq!(store.sessions_of("bob").await?.len(), 1);
    assert_eq!(stored(&*store, 4).await?.ended, None);
    Ok(())
}
