//! A code is good once.

use std::sync::Arc;

use countersign_protocol::ErrorCode;
use countersign_protocol::grant::EndReason;
use countersign_protocol::lifetimes::Lifetimes;

use super::samples::{
    Checked, MANY, NOW, at_once, begin, code, grant, later, pending_grant, published_grants,
    redeem, stored,
};
use crate::store::{CodeOutcome, Store};

pub(super) async fn of_many_at_once_one_redeems_a_code(store: Arc<dyn Store>) -> Checked {
    begin(&*store, [pending_grant(1)]).await?;
    let outcomes =
        at_once(&store, |store, _| async move { redeem(&*store, 1, code(), NOW).await }).await?;
    let redeemed =
        outcomes.iter().filter(|outcome| matches!(outcome, CodeOutcome::Redeemed { .. }));
    assert_eq!((redeemed.count(), outcomes.len()), (1, MANY));
    // The others are replays, and the first of them has ended the grant.
    assert_eq!(published_grants(&*store).await?, [grant(1).id]);
    assert_eq!(store.audit(10).await?.len(), 1);
    Ok(())
}

pub(super) async fn a_replay_ends_and_publishes_the_grant(store: Arc<dyn Store>) -> Checked {
    begin(&*store, [pending_grant(1)]).await?;
    let first = redeem(&*store, 1, code(), later(1)).await?;
    let CodeOutcome::Redeemed { grant: redeemed, nonce } = first else { panic!("{first:?}") };
    assert_eq!(nonce.as_deref(), Some("n-1"));
    assert_eq!((redeemed.generation, &redeemed.pending), (1, &None));
    assert_eq!(redeemed.expires_at, NOW.plus(Lifetimes::default().refresh_absolute));
    assert_eq!(stored(&*store, 1).await?, *redeemed, "what was answered is what is stored");
    assert_eq!(published_grants(&*store).await?, []);

    let replay = redeem(&*store, 1, code(), later(2)).await?;
    let CodeOutcome::Refused(error) = replay else { panic!("{replay:?}") };
    assert_eq!(error.code, ErrorCode::InvalidGrant);
    let ended = stored(&*store, 1).await?;
    assert_eq!(ended.ended, Some((later(2), EndReason::CodeReplay)));
    let events = store.revocations_after(0, 10).await?.expect("nothing was forgotten");
    let horizon = Lifetimes::default().revocation_horizon(later(2)).as_secs();
    assert_eq!((events.len(), events[0].expires_at), (1, horizon));
    assert_eq!(events[0].id, grant(1).id.to_string());
    let audit = store.audit(10).await?;
    assert_eq!(audit.len(), 1);
    assert_eq!((audit[0].event.as_str(), audit[0].at_ms), ("code_replay", later(2).as_millis()));

    // Once more changes nothing.
    let again = redeem(&*store, 1, code(), later(3)).await?;
    assert!(matches!(again, CodeOutcome::Refused(_)), "{again:?}");
    assert_eq!(published_grants(&*store).await?.len(), 1);
    assert_eq!(stored(&*store, 1).await?, ended);
    Ok(())
}

pub(super) async fn a_refused_code_can_still_be_redeemed(store: Arc<dyn Store>) -> Checked {
    begin(&*store, [pending_grant(1)]).await?;
    let mut wrong = code();
    wrong.code_verifier = Some("A".repeat(43));
    let mut stranger = code();
    stranger.client_id = "thief".into();
    for presented in [wrong, stranger] {
        let outcome = redeem(&*store, 1, presented, NOW).await?;
        assert!(matches!(outcome, CodeOutcome::Refused(_)), "{outcome:?}");
        assert_eq!(stored(&*store, 1).await?, pending_grant(1));
    }
    let unknown = redeem(&*store, 2, code(), NOW).await?;
    assert!(matches!(unknown, CodeOutcome::Refused(_)), "{unknown:?}");
    let outcome = redeem(&*store, 1, code(), NOW).await?;
    assert!(matches!(outcome, CodeOutcome::Redeemed { .. }), "{outcome:?}");
    Ok(())
}
