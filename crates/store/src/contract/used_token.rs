//! A token that may be used once is used once.

use std::sync::Arc;

use countersign_protocol::lifetimes::Lifetimes;

use super::samples::{Checked, MANY, NOW, at_once, later};
use crate::store::{Store, Use, UsedOnce};

pub(super) async fn each_token_of_each_issuer_is_first_once(store: Arc<dyn Store>) -> Checked {
    for (issuer, token_id, expected) in [
        ("https://a", "1", UsedOnce::First),
        ("https://a", "1", UsedOnce::Replayed),
        ("https://b", "1", UsedOnce::First),
        ("https://a", "2", UsedOnce::First),
        // The pair counts, not the text of both.
        ("https://a1", "", UsedOnce::First),
        ("https://a", "1", UsedOnce::Replayed),
    ] {
        let outcome = store.use_once(Use::new(issuer, token_id, later(60)), NOW).await?;
        assert_eq!(outcome, expected, "{issuer} {token_id}");
    }
    Ok(())
}

pub(super) async fn of_many_at_once_one_is_first(store: Arc<dyn Store>) -> Checked {
    for round in 0..10 {
        let outcomes = at_once(&store, move |store, _| async move {
            store.use_once(Use::new("i", &round.to_string(), later(60)), NOW).await
        });
        let outcomes = outcomes.await?;
        let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
        assert_eq!((count(UsedOnce::First), count(UsedOnce::Replayed)), (1, MANY - 1));
    }
    Ok(())
}

pub(super) async fn a_forgotten_token_is_not_new_again(store: Arc<dyn Store>) -> Checked {
    let old = Use::new("i", "old", later(60));
    assert_eq!(store.use_once(old.clone(), NOW).await?, UsedOnce::First);
    assert_eq!(store.sweep(Lifetimes::default(), later(59)).await?, 0);
    assert_eq!(store.sweep(Lifetimes::default(), later(60)).await?, 1);
    // The clock was set back.
    assert_eq!(store.use_once(old, NOW).await?, UsedOnce::Replayed);
    // A clock that was ahead for a moment does not make all that is new look used.
    assert_eq!(store.sweep(Lifetimes::default(), later(3_600)).await?, 0);
    let new = Use::new("i", "new", later(61));
    assert_eq!(store.use_once(new, NOW).await?, UsedOnce::First);
    Ok(())
}
