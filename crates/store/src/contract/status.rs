//! Each listed token has an index of its own, and its bit turns with the event.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use countersign_protocol::Randomness;
use countersign_protocol::client::Client;
use countersign_protocol::grant::EndReason;
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::refresh_family::{Presented, Refusal};
use countersign_protocol::status_list::{ListedToken, StatusIndex, USABLE_FOR_S};

use super::samples::{
    Checked, MANY, NOW, at_once, begin, client, code, grant, later, moment, pending_grant,
    settings, token,
};
use crate::store::{
    CodeOutcome, GrantSelector, RotationOutcome, RotationRequest, StatusList, Store,
};

/// Other bytes at each call.
#[derive(Default)]
struct Counter(AtomicU64);

impl Randomness for Counter {
    fn fill(&self, out: &mut [u8]) {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
        out.iter_mut().zip(mixed.iter().cycle()).for_each(|(byte, new)| *byte = *new);
    }
}

fn rotation(number: u8, presented: Presented) -> RotationRequest {
    RotationRequest { grant: grant(number).id, presented, settings: settings() }
}

/// A token of the shop, issued at [`NOW`] for 300 seconds.
fn listed(token_id: &str, grant_id: &str, random: &Counter) -> ListedToken {
    let issued_at = NOW.as_secs();
    ListedToken::new(
        (token_id.into(), grant_id.into()),
        ("shop".into(), "k1".into()),
        (issued_at, issued_at + 300),
        random,
    )
}

async fn is_revoked(store: &dyn Store, place: StatusIndex) -> Result<bool, crate::StoreError> {
    let list = store.status_list(place.list).await?.expect("the list is there");
    Ok(list.revoked.contains(&place.index))
}

pub(super) async fn no_index_is_given_twice_while_its_token_lives(
    store: Arc<dyn Store>,
) -> Checked {
    // All of them draw the same indexes.
    let places = at_once(&store, |store, number| {
        let token = listed(&number.to_string(), "g", &Counter::default());
        async move { store.list_token(token).await }
    });
    let places = places.await?;
    let different: HashSet<_> = places.iter().collect();
    assert_eq!(different.len(), MANY);
    // As many lists as were needed, and their indexes can be had again, but not too early.
    assert!(store.status_lists().await? > 1);
    let free = 300 + 300 + USABLE_FOR_S;
    store.sweep(Lifetimes::default(), later(free - 1)).await?;
    assert!(store.status_lists().await? > 1);
    store.sweep(Lifetimes::default(), later(free)).await?;
    assert_eq!(store.status_lists().await?, 0);
    assert_eq!(store.status_list(0).await?, None);
    Ok(())
}

pub(super) async fn each_kind_of_revocation_turns_the_bits_in_its_own_step(
    store: Arc<dyn Store>,
) -> Checked {
    let random = Counter::default();
    let one = grant(1);
    begin(&*store, [one.clone()]).await?;
    store.put_client(client("shop"), moment(NOW)).await?;
    let by_token = store.list_token(listed("t", "other", &random)).await?;
    let by_grant = store.list_token(listed("u", &one.id.to_string(), &random)).await?;
    let spared = store.list_token(listed("v", "another", &random)).await?;
    for place in [by_token, by_grant, spared] {
        assert!(!is_revoked(&*store, place).await?);
    }
    let seq = store.revoke_token("t".into(), later(300)).await?;
    assert!(is_revoked(&*store, by_token).await?);
    assert_eq!(store.status_list(0).await?.map(|list| list.seq), Some(seq));
    let all = GrantSelector::One(one.id);
    store.end_grants(all, EndReason::UserRevoked, moment(NOW)).await?;
    assert!(is_revoked(&*store, by_grant).await?);
    assert!(!is_revoked(&*store, spared).await?);
    // The client as one, up to this second.
    store
        .end_grants(GrantSelector::Client("shop".into()), EndReason::OperatorRevoked, moment(NOW))
        .await?;
    assert!(is_revoked(&*store, spared).await?);
    let same_second = store.list_token(listed("w", "g", &random)).await?;
    assert!(is_revoked(&*store, same_second).await?, "its event names this second too");
    let mut later_token = listed("x", "g", &random);
    later_token.issued_at += 10;
    let later_place = store.list_token(later_token.clone()).await?;
    assert!(!is_revoked(&*store, later_place).await?);
    // A disabled client, as well.
    let disabled = Client { disabled: true, ..client("shop") };
    store.put_client(disabled, moment(later(20))).await?;
    assert!(is_revoked(&*store, later_place).await?);
    Ok(())
}

pub(super) async fn a_token_is_listed_in_the_step_that_rotates_or_redeems(
    store: Arc<dyn Store>,
) -> Checked {
    let random = Counter::default();
    begin(&*store, [grant(1), pending_grant(2)]).await?;
    let id = grant(1).id.to_string();
    let (rotated, place) = store
        .rotate_listed(rotation(1, token(1)), listed("t", &id, &random), moment(NOW))
        .await?
        .committed()
        .await?;
    assert!(matches!(rotated, RotationOutcome::Rotated(_)));
    let place = place.expect("it is listed");
    assert_eq!(store.status_list(place.list).await?.map(|list| list.revoked), Some(Vec::new()));
    // A refusal lists nothing, and neither does a reuse, which ends what was listed.
    let (refused, none) = store
        .rotate_listed(rotation(9, token(1)), listed("u", &id, &random), moment(NOW))
        .await?
        .committed()
        .await?;
    assert!(matches!(refused, RotationOutcome::Refused(Refusal::Unknown)) && none.is_none());
    let (reused, none) = store
        .rotate_listed(rotation(1, token(0)), listed("v", &id, &random), moment(later(100)))
        .await?
        .committed()
        .await?;
    assert!(matches!(reused, RotationOutcome::Reused(_)) && none.is_none());
    assert!(is_revoked(&*store, place).await?);
    let lifetimes = Lifetimes::default();
    let (redeemed, place) = store
        .redeem_code_listed(
            (grant(2).id, code()),
            lifetimes,
            listed("w", &grant(2).id.to_string(), &random),
            NOW,
        )
        .await?
        .committed()
        .await?;
    assert!(matches!(redeemed, CodeOutcome::Redeemed { .. }));
    let place = place.expect("it is listed");
    assert!(!is_revoked(&*store, place).await?);
    assert_ne!(store.status_list(place.list).await?, Some(StatusList::default()));
    Ok(())
}
