//! Devices that wait for their person.

use std::sync::Arc;

use countersign_protocol::ErrorCode;
use countersign_protocol::device_code::{
    DeviceRequest, DeviceState, INTERVAL, Presented, UserCode,
};
use countersign_protocol::grant::{EndReason, Grant, GrantId, Sender};
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::status_list::ListedToken;
use countersign_protocol::{Randomness, Timestamp};

use super::samples::{Checked, MANY, NOW, at_once, grant, later, moment, scope, stored};
use crate::error::StoreError;
use crate::store::{DeviceAnswer, DeviceBegun, DeviceOutcome, GrantSelector, Store};

fn user_code(last: char) -> UserCode {
    UserCode::parse(&format!("BBBBBBB{last}")).expect("samples are well-formed")
}

/// The request whose grant would be [`grant`] of the same number.
fn request(number: u8, last: char) -> DeviceRequest {
    DeviceRequest {
        id: grant(number).id,
        user_code: user_code(last),
        client_id: "shop".into(),
        scope: scope("openid profile"),
        audience: vec!["https://api.example".into()],
        asked_from: None,
        created_at: NOW,
        expires_at: later(600),
        state: DeviceState::Waiting,
        interval: INTERVAL,
        polled_at: None,
    }
}

fn allowed(number: u8) -> Grant {
    let (idle_expires_at, expires_at) = (later(600), later(600));
    Grant { generation: 0, session_id: None, idle_expires_at, expires_at, ..grant(number) }
}

fn presented() -> Presented {
    Presented {
        client_id: "shop".into(),
        resources: Vec::new(),
        sender: Sender::Bearer,
        confidential: false,
        refreshable: true,
    }
}

async fn poll(store: &dyn Store, number: u8, at: Timestamp) -> Result<DeviceOutcome, StoreError> {
    let code = (grant(number).id, presented());
    let decided = store.poll_device(code, Lifetimes::default(), None, at).await?;
    Ok(decided.committed().await?.0)
}

fn refusal(outcome: DeviceOutcome) -> ErrorCode {
    match outcome {
        DeviceOutcome::Refused(error) => error.code,
        DeviceOutcome::Redeemed(grant) => panic!("{grant:?}"),
    }
}

async fn allow(store: &dyn Store, number: u8, last: char) -> Result<bool, StoreError> {
    let answer = DeviceAnswer::Allow(Box::new(allowed(number)));
    store.answer_device(user_code(last), answer, later(1)).await
}

pub(super) async fn of_many_at_once_one_gets_the_tokens(store: Arc<dyn Store>) -> Checked {
    assert_eq!(store.begin_device(request(1, 'B'), NOW).await?, DeviceBegun::Begun);
    assert_eq!(store.device(&user_code('B')).await?, Some(request(1, 'B')));
    assert!(allow(&*store, 1, 'B').await?);
    let outcomes =
        at_once(&store, |store, _| async move { poll(&*store, 1, later(2)).await }).await?;
    let (redeemed, refused): (Vec<_>, Vec<_>) =
        outcomes.into_iter().partition(|one| matches!(one, DeviceOutcome::Redeemed(_)));
    assert_eq!((redeemed.len(), refused.len()), (1, MANY - 1));
    let DeviceOutcome::Redeemed(redeemed) = &redeemed[0] else { panic!() };
    assert_eq!(stored(&*store, 1).await?, **redeemed, "what was answered is what is stored");
    assert_eq!(redeemed.generation, 1);
    for outcome in refused {
        assert_eq!(refusal(outcome), ErrorCode::InvalidGrant);
    }
    Ok(())
}

pub(super) async fn an_answer_counts_once_and_in_time(store: Arc<dyn Store>) -> Checked {
    store.begin_device(request(1, 'B'), NOW).await?;
    store.begin_device(request(2, 'C'), NOW).await?;
    assert_eq!(refusal(poll(&*store, 1, later(1)).await?), ErrorCode::AuthorizationPending);
    assert_eq!(refusal(poll(&*store, 1, later(2)).await?), ErrorCode::SlowDown);
    let waiting = store.device(&user_code('B')).await?.expect("it waits");
    assert_eq!((waiting.interval, waiting.polled_at), (2 * INTERVAL, Some(later(2))));

    let deny = |number, last, at| {
        store.answer_device(user_code(last), DeviceAnswer::Deny(grant(number).id), at)
    };
    assert!(!deny(1, 'D', later(3)).await?, "nobody has this code");
    assert!(!deny(1, 'C', later(3)).await?, "it is another's code");
    assert!(!allow(&*store, 1, 'C').await?, "and no grant begins under a foreign id");
    assert!(!deny(1, 'B', later(600)).await?, "it has expired");
    assert_eq!(store.grant(grant(1).id).await?, None);
    assert!(deny(1, 'B', later(3)).await?);
    assert!(!allow(&*store, 1, 'B').await?, "no is no");
    assert_eq!(store.grant(grant(1).id).await?, None);
    assert_eq!(refusal(poll(&*store, 1, later(4)).await?), ErrorCode::AccessDenied);

    assert!(allow(&*store, 2, 'C').await?);
    assert!(!deny(2, 'C', later(5)).await?, "and yes is yes");
    assert_eq!(refusal(poll(&*store, 2, later(600)).await?), ErrorCode::ExpiredToken);
    Ok(())
}

pub(super) async fn what_was_taken_back_gives_no_tokens(store: Arc<dyn Store>) -> Checked {
    store.begin_device(request(1, 'B'), NOW).await?;
    allow(&*store, 1, 'B').await?;
    let alice = GrantSelector::Subject("alice".into());
    store.end_grants(alice, EndReason::PasswordChanged, moment(later(2))).await?;
    assert_eq!(refusal(poll(&*store, 1, later(3)).await?), ErrorCode::AccessDenied);
    Ok(())
}

pub(super) async fn a_token_is_listed_when_it_is_given(store: Arc<dyn Store>) -> Checked {
    store.begin_device(request(1, 'B'), NOW).await?;
    let listed = || {
        let names = ("t1".to_owned(), grant(1).id.to_string());
        let times = (NOW.as_secs(), later(300).as_secs());
        ListedToken::new(names, ("shop".into(), "k".into()), times, &Sevens)
    };
    let poll = || {
        let code = (grant(1).id, presented());
        store.poll_device(code, Lifetimes::default(), Some(listed()), later(2))
    };
    let (_, none) = poll().await?.committed().await?;
    assert_eq!((none, store.status_lists().await?), (None, 0));
    allow(&*store, 1, 'B').await?;
    let (_, place) = poll().await?.committed().await?;
    assert!(place.is_some());
    Ok(())
}

pub(super) async fn there_is_room_for_so_many(store: Arc<dyn Store>) -> Checked {
    store.begin_device(request(1, 'B'), NOW).await?;
    assert_eq!(store.begin_device(request(2, 'B'), NOW).await?, DeviceBegun::CodeTaken);
    let letters: Vec<char> = "BCDFGHJKLMNPQRSTVWXZ".chars().collect();
    for number in 0..=100_u8 {
        let code = [letters[usize::from(number) / 20], letters[usize::from(number) % 20]];
        let code = format!("CCCCCC{}{}", code[0], code[1]);
        let request = DeviceRequest {
            id: GrantId::from_bytes([100 + number; 16]),
            user_code: UserCode::parse(&code).expect("samples are well-formed"),
            asked_from: Some("ip 203.0.113.7".into()),
            ..request(1, 'B')
        };
        let expected = if number < 100 { DeviceBegun::Begun } else { DeviceBegun::Full };
        assert_eq!(store.begin_device(request.clone(), NOW).await?, expected, "{number}");
        if number == 100 {
            let elsewhere = DeviceRequest { asked_from: Some("ip 203.0.113.8".into()), ..request };
            assert_eq!(store.begin_device(elsewhere, NOW).await?, DeviceBegun::Begun);
        }
    }
    // With time there is room again, whether anybody sweeps or not.
    let new = DeviceRequest {
        created_at: later(600),
        expires_at: later(1_200),
        asked_from: Some("ip 203.0.113.7".into()),
        ..request(3, 'D')
    };
    assert_eq!(store.begin_device(new, later(600)).await?, DeviceBegun::Begun);
    assert_eq!(store.sweep(Lifetimes::default(), later(600)).await?, 98, "4 went before");
    assert_eq!(store.device(&user_code('B')).await?, None);
    assert!(store.device(&user_code('D')).await?.is_some());
    Ok(())
}

struct Sevens;

impl Randomness for Sevens {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}
