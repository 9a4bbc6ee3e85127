//! A pushed authorization request is answered once.

use std::sync::Arc;

use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::wire::authorize::pushed::PushedRequest;

use super::samples::{Checked, MANY, NOW, at_once, later, pending_grant};
use crate::store::{GrantSelector, NewGrant, Pushed, Store};

fn pushed(number: u8) -> PushedRequest {
    PushedRequest {
        key: [number; 32],
        client_id: "shop".into(),
        confidential: number.is_multiple_of(2),
        parameters: format!("client_id=shop&state={number}"),
        pushed_at: NOW,
        expires_at: later(60),
    }
}

fn new_grant(number: u8) -> NewGrant {
    NewGrant { grant: pending_grant(number), remember: false, follow_session: false }
}

pub(super) async fn comes_back_until_it_expires(store: Arc<dyn Store>) -> Checked {
    for number in [1, 2] {
        assert_eq!(store.push_request(pushed(number), NOW).await?, Pushed::Kept);
    }
    for number in [1, 2] {
        let key = [number; 32];
        assert_eq!(store.pushed_request(key, later(59)).await?, Some(pushed(number)));
        assert_eq!(store.pushed_request(key, later(60)).await?, None);
    }
    assert_eq!(store.pushed_request([3; 32], NOW).await?, None);
    // A grant needs a request that lives, and leaves no trace without one.
    for (key, now) in [([1; 32], later(60)), ([3; 32], NOW)] {
        assert!(!store.begin_grant_pushed(new_grant(1), key, now).await?);
        assert!(!store.take_pushed_request(key, now).await?);
    }
    assert_eq!(store.grant(new_grant(1).grant.id).await?, None);
    Ok(())
}

pub(super) async fn of_many_at_once_one_answers_it(store: Arc<dyn Store>) -> Checked {
    store.push_request(pushed(1), NOW).await?;
    let outcomes = at_once(&store, |store, number| async move {
        let number = u8::try_from(number).expect("few at once");
        // Half of them agree, half of them do not.
        if number.is_multiple_of(2) {
            store.begin_grant_pushed(new_grant(number), [1; 32], NOW).await
        } else {
            store.take_pushed_request([1; 32], NOW).await
        }
    })
    .await?;
    assert_eq!((outcomes.iter().filter(|lived| **lived).count(), outcomes.len()), (1, MANY));
    assert_eq!(store.pushed_request([1; 32], NOW).await?, None);
    let first = outcomes.iter().position(|lived| *lived).unwrap_or_default();
    let begun = store.grants(GrantSelector::All, MANY).await?.len();
    assert_eq!(begun, usize::from(first.is_multiple_of(2)));
    Ok(())
}

pub(super) async fn lives_longer_while_its_user_thinks(store: Arc<dyn Store>) -> Checked {
    store.push_request(pushed(1), NOW).await?;
    store.prolong_pushed_request([1; 32], later(600)).await?;
    // Never shorter, whoever asks.
    store.prolong_pushed_request([1; 32], later(60)).await?;
    store.prolong_pushed_request([2; 32], later(600)).await?;
    assert!(store.pushed_request([1; 32], later(599)).await?.is_some());
    assert!(store.begin_grant_pushed(new_grant(1), [1; 32], later(599)).await?);
    assert_eq!(store.pushed_request([2; 32], NOW).await?, None);
    Ok(())
}

pub(super) async fn is_forgotten_when_it_has_expired(store: Arc<dyn Store>) -> Checked {
    store.push_request(pushed(1), NOW).await?;
    store.push_request(pushed(2), NOW).await?;
    store.take_pushed_request([2; 32], NOW).await?;
    assert_eq!(store.sweep(Lifetimes::default(), later(59)).await?, 0);
    assert_eq!(store.sweep(Lifetimes::default(), later(60)).await?, 1);
    Ok(())
}
