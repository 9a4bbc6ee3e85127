//! The rule of refresh-token rotation, as it is kept under whatever happens at once.

use std::sync::Arc;
use std::time::Duration;

use countersign_protocol::Timestamp;
use countersign_protocol::grant::{EndReason, Grant, Sender};
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::refresh_family::{Presented, Refusal};

use super::samples::{
    Checked, MANY, NOW, at_once, begin, grant, later, moment, published_grants, rotate, scope,
    settings, stored, token,
};
use crate::store::{RotationOutcome, RotationRequest, Store};

/// What a row of the rule expects.
#[derive(Debug, PartialEq)]
enum Expected {
    Rotated,
    Retried,
    Reused,
    Refused(Refusal),
}

impl Expected {
    fn of(outcome: &RotationOutcome) -> Self {
        match outcome {
            RotationOutcome::Rotated(_) => Self::Rotated,
            RotationOutcome::Retried(_) => Self::Retried,
            RotationOutcome::Reused(_) => Self::Reused,
            RotationOutcome::Refused(refusal) => Self::Refused(*refusal),
        }
    }
}

/// A grant at generation 5, made so at [`NOW`].
fn at_five(number: u8) -> Grant {
    Grant { generation: 5, ..grant(number) }
}

/// The rows: who presents which generation when, and what follows.
fn rows() -> Vec<(&'static str, Grant, Presented, Timestamp, Expected)> {
    use Expected::{Refused, Retried, Reused, Rotated};
    let dpop = Sender::Dpop("thumbprint".into());
    let confidential = |generation| Presented { confidential: true, ..token(generation) };
    let bound = |generation| Presented { sender: dpop.clone(), ..token(generation) };
    let bound_grant = || Grant { sender: dpop.clone(), ..at_five(1) };
    let night = later(8 * 3600);
    let idle = NOW.plus(Lifetimes::default().refresh_idle);
    let absolute = Grant { idle_expires_at: later(60), expires_at: later(60), ..at_five(1) };
    let ended = Grant { ended: Some((NOW, EndReason::UserRevoked)), ..at_five(1) };
    vec![
        ("n", at_five(1), token(5), later(1), Rotated),
        ("n, much later", at_five(1), token(5), night, Rotated),
        ("n-1 at once", at_five(1), token(4), NOW, Retried),
        ("n-1 at the window's end", at_five(1), token(4), later(10), Reused),
        ("n-1 just before", at_five(1), token(4), NOW.plus(Duration::from_millis(9_999)), Retried),
        ("n-1, confidential, after a night", at_five(1), confidential(4), night, Retried),
        ("n-1, bound, after a night", bound_grant(), bound(4), night, Retried),
        ("n-2 at once", at_five(1), token(3), NOW, Reused),
        ("n-2, confidential", at_five(1), confidential(3), NOW, Reused),
        ("n-2, bound", bound_grant(), bound(3), NOW, Reused),
        ("the first", at_five(1), token(1), later(1), Reused),
        ("n+1", at_five(1), token(6), later(1), Refused(Refusal::AheadOfRecord)),
        ("n when idle for too long", at_five(1), token(5), idle, Refused(Refusal::Expired)),
        ("n after the absolute end", absolute, token(5), later(60), Refused(Refusal::Expired)),
        ("n-2 when expired", at_five(1), token(3), idle, Refused(Refusal::Expired)),
        ("n of an ended grant", ended.clone(), token(5), later(1), Refused(Refusal::Revoked)),
        ("n-2 of an ended grant", ended, token(3), later(1), Refused(Refusal::Revoked)),
    ]
}

pub(super) async fn every_row_of_the_rule(store: Arc<dyn Store>) -> Checked {
    for (number, (name, before, presented, now, expected)) in (1..).zip(rows()) {
        let before = Grant { id: grant(number).id, ..before };
        begin(&*store, [before.clone()]).await?;
        if let Some((at, reason)) = before.ended {
            // A grant is begun alive.
            let one = crate::store::GrantSelector::One(before.id);
            store.end_grants(one, reason, moment(at)).await?;
        }
        let published = published_grants(&*store).await?.len();
        let outcome = rotate(&*store, number, presented, now).await?;
        assert_eq!(Expected::of(&outcome), expected, "{name}");

        let mut after = before.clone();
        match &outcome {
            RotationOutcome::Rotated(answered) => {
                after.generation = 6;
                after.rotated_at = now;
                after.idle_expires_at =
                    now.plus(Lifetimes::default().refresh_idle).min(after.expires_at);
                assert_eq!(**answered, after, "{name}: the answer");
            }
            RotationOutcome::Retried(answered) => assert_eq!(**answered, after, "{name}"),
            RotationOutcome::Reused(answered) => {
                after.ended = Some((now, EndReason::RefreshReuse));
                assert_eq!(**answered, after, "{name}: the answer");
            }
            RotationOutcome::Refused(_) => {}
        }
        assert_eq!(stored(&*store, number).await?, after, "{name}: the row");
        let newly = published_grants(&*store).await?.split_off(published);
        let ended = matches!(outcome, RotationOutcome::Reused(_)).then_some(before.id);
        assert_eq!(newly, Vec::from_iter(ended), "{name}: what was published");
    }
    Ok(())
}

pub(super) async fn each_refusal_changes_nothing(store: Arc<dyn Store>) -> Checked {
    let bound = Grant { sender: Sender::Dpop("a".into()), ..at_five(2) };
    begin(&*store, [at_five(1), bound.clone()]).await?;
    let stranger = Presented { client_id: "thief".into(), ..token(5) };
    let wide = Presented { scope: Some(scope("openid admin")), ..token(5) };
    let elsewhere = Presented { resources: vec!["https://other.example".into()], ..token(5) };
    let other_key = Presented { sender: Sender::Dpop("b".into()), ..token(5) };
    let table = [
        (1, stranger.clone(), Refusal::WrongClient),
        (1, Presented { generation: 1, ..stranger }, Refusal::WrongClient),
        (1, wide, Refusal::ScopeTooWide),
        (1, elsewhere, Refusal::ResourceNotGranted),
        (2, other_key.clone(), Refusal::WrongSender),
        (2, Presented { generation: 1, ..other_key }, Refusal::WrongSender),
        (3, token(5), Refusal::Unknown),
    ];
    for (number, presented, refusal) in table {
        let outcome = rotate(&*store, number, presented, later(1)).await?;
        assert_eq!(Expected::of(&outcome), Expected::Refused(refusal));
    }
    assert_eq!(stored(&*store, 1).await?, at_five(1));
    assert_eq!(stored(&*store, 2).await?, bound);
    assert_eq!(published_grants(&*store).await?, []);
    assert_eq!(store.audit(10).await?, []);
    // What was refused for its wishes has not been spent.
    let narrower = Presented { scope: Some(scope("openid")), ..token(5) };
    let outcome = rotate(&*store, 1, narrower, later(1)).await?;
    let RotationOutcome::Rotated(rotated) = outcome else { panic!("{outcome:?}") };
    assert_eq!(rotated.scope, at_five(1).scope, "the grant keeps what was agreed to");
    Ok(())
}

pub(super) async fn of_many_at_once_one_rotates_and_the_others_retry(
    store: Arc<dyn Store>,
) -> Checked {
    begin(&*store, [at_five(1)]).await?;
    for generation in 5..10 {
        let outcomes = at_once(&store, |store, _| async move {
            rotate(&*store, 1, token(generation), later(generation)).await
        });
        let (mut rotated, mut retried) = (0, 0);
        for outcome in outcomes.await? {
            match outcome {
                RotationOutcome::Rotated(grant) => {
                    rotated += 1;
                    assert_eq!(grant.generation, generation + 1);
                }
                RotationOutcome::Retried(grant) => {
                    retried += 1;
                    assert_eq!(grant.generation, generation + 1);
                }
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((rotated, retried), (1, MANY - 1));
        assert_eq!(stored(&*store, 1).await?.generation, generation + 1);
    }
    assert_eq!(published_grants(&*store).await?, []);
    Ok(())
}

pub(super) async fn a_reuse_ends_and_publishes_the_grant(store: Arc<dyn Store>) -> Checked {
    begin(&*store, [at_five(1), at_five(2)]).await?;
    let outcomes =
        at_once(&store, |store, _| async move { rotate(&*store, 1, token(3), later(1)).await })
            .await?;
    let reused = outcomes.iter().filter(|outcome| Expected::of(outcome) == Expected::Reused);
    let revoked = Expected::Refused(Refusal::Revoked);
    let refused = outcomes.iter().filter(|outcome| Expected::of(outcome) == revoked);
    assert_eq!((reused.count(), refused.count()), (1, MANY - 1));
    assert_eq!(published_grants(&*store).await?, [grant(1).id]);
    let audit = store.audit(10).await?;
    assert_eq!(audit.len(), 1, "{audit:?}");
    let entry = &audit[0];
    assert_eq!((entry.event.as_str(), entry.at_ms), ("refresh_reuse", later(1).as_millis()));
    assert_eq!((entry.subject.as_str(), entry.client_id.as_str()), ("alice", "shop"));
    assert_eq!(entry.grant_id, grant(1).id.to_string());
    // The family dies, not the person's other families.
    assert_eq!(stored(&*store, 2).await?, at_five(2));
    Ok(())
}

pub(super) async fn a_restored_database_catches_up_only_when_told_to(
    store: Arc<dyn Store>,
) -> Checked {
    begin(&*store, [at_five(1)]).await?;
    let request = |until| RotationRequest {
        grant: grant(1).id,
        presented: token(9),
        settings: countersign_protocol::refresh_family::Settings {
            fast_forward_until: until,
            ..settings()
        },
    };
    for until in [None, Some(later(1))] {
        let outcome = store.rotate(request(until), moment(later(1))).await?.committed().await?;
        assert_eq!(Expected::of(&outcome), Expected::Refused(Refusal::AheadOfRecord));
        assert_eq!(stored(&*store, 1).await?, at_five(1));
    }
    let audit = store.audit(10).await?;
    assert_eq!(audit.len(), 2);
    assert!(audit.iter().all(|entry| entry.event == "refresh_ahead_of_record"), "{audit:?}");
    assert_eq!(published_grants(&*store).await?, []);

    let outcome = store.rotate(request(Some(later(2))), moment(later(1))).await?;
    let outcome = outcome.committed().await?;
    assert_eq!(Expected::of(&outcome), Expected::Rotated);
    assert_eq!(stored(&*store, 1).await?.generation, 10);
    Ok(())
}
