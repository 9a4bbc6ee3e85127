//! Revocations stand in one order, and no one who follows it misses any.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_jose::Algorithm;
use countersign_protocol::client::Client;
use countersign_protocol::key_schedule::Wish;
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::revocation::{Revocation, RevokedKind};
use countersign_protocol::snapshot::Snapshot;

use super::samples::{
    Checked, NOW, begin, client, grant, key_change, later, moment, published, rotate, signing_key,
    token,
};
use crate::error::StoreError;
use crate::store::{Position, Store};

/// Few write at once, so that there are many commits to look between.
const WRITERS: u64 = 4;
const EACH: u64 = 150;
const ALL: u64 = WRITERS * EACH;

/// Revokes [`ALL`] tokens. Answers their places.
async fn many_writers(store: Arc<dyn Store>) -> Result<Vec<u64>, StoreError> {
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut places = Vec::new();
                for number in 0..EACH {
                    let id = format!("{writer}-{number}");
                    places.push(store.revoke_token(id, later(300)).await?);
                }
                Ok::<_, StoreError>(places)
            })
        })
        .collect();
    let mut places = Vec::new();
    for writer in writers {
        places.extend(writer.await.expect("a writer does not panic")?);
    }
    Ok(places)
}

pub(super) async fn numbers_have_no_hole_under_concurrent_writers(
    store: Arc<dyn Store>,
) -> Checked {
    let writers = tokio::spawn(many_writers(Arc::clone(&store)));
    let mut seen: Vec<Revocation> = Vec::new();
    // Stays at the edge, where an event that commits late would be passed over.
    while (seen.len() as u64) < ALL {
        let place = seen.len() as u64;
        let events = store.revocations_after(place, 7).await?;
        let events = events.expect("nothing was forgotten, and no place is ahead");
        assert!(events.len() <= 7);
        for event in events {
            assert_eq!(event.seq, seen.len() as u64 + 1);
            seen.push(event);
        }
        tokio::task::yield_now().await;
    }
    let mut places = writers.await.expect("the writers don't panic")?;
    places.sort_unstable();
    assert!(places.into_iter().eq(1..=ALL), "each was told its own place");
    let mut ids: Vec<_> = seen.iter().map(|event| event.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len() as u64, ALL, "each event is there once");
    assert_eq!(published(&*store).await?, seen, "and stays where it was");
    Ok(())
}

pub(super) async fn a_snapshot_holds_all_up_to_its_number(store: Arc<dyn Store>) -> Checked {
    assert_eq!(store.snapshot(NOW).await?, Snapshot::default());
    let writers = tokio::spawn(many_writers(Arc::clone(&store)));
    let mut last = 0;
    while last < ALL {
        let snapshot = store.snapshot(NOW).await?;
        assert!(snapshot.seq >= last);
        assert!(snapshot.events.iter().map(|event| event.seq).eq(1..=snapshot.seq));
        last = snapshot.seq;
        tokio::task::yield_now().await;
    }
    writers.await.expect("the writers don't panic")?;
    let over = store.snapshot(later(300)).await?;
    assert_eq!((over.seq, over.events), (last, Vec::new()), "the expired are left out");
    Ok(())
}

pub(super) async fn the_feed_answers_from_any_place(store: Arc<dyn Store>) -> Checked {
    assert_eq!(store.revocations_after(0, 10).await?, Some(Vec::new()));
    assert_eq!(store.revocations_after(1, 10).await?, None, "ahead of an empty store");
    let mut all = Vec::new();
    for number in 1..=5 {
        let id = format!("token {number}");
        assert_eq!(store.revoke_token(id.clone(), later(300)).await?, number);
        let expires_at = later(300).as_secs();
        let (seq, kind, issued_until) = (number, RevokedKind::Token, None);
        all.push(Revocation { seq, kind, id, issued_until, expires_at });
    }
    for place in 0..=5 {
        let events = store.revocations_after(place as u64, 10).await?;
        assert_eq!(events.as_deref(), Some(&all[place..]));
        let two = store.revocations_after(place as u64, 2).await?;
        assert_eq!(two.as_deref(), Some(&all[place..5.min(place + 2)]));
    }
    for ahead in [6, 7, 1 << 40, u64::MAX] {
        assert_eq!(store.revocations_after(ahead, 10).await?, None);
    }
    Ok(())
}

pub(super) async fn what_was_forgotten_is_not_passed_over(store: Arc<dyn Store>) -> Checked {
    let lifetimes = Lifetimes::default();
    for (id, seconds) in [("1", 10), ("2", 100), ("3", 10), ("4", 200)] {
        store.revoke_token(id.into(), later(seconds)).await?;
    }
    let seqs = |place: u64| {
        let store = Arc::clone(&store);
        async move {
            let events = store.revocations_after(place, 10).await?;
            let seqs = |events: Vec<Revocation>| events.iter().map(|event| event.seq).collect();
            Ok::<Option<Vec<_>>, StoreError>(events.map(seqs))
        }
    };
    // The third is dead, but stands behind one that lives: no hole is made.
    store.sweep(lifetimes.clone(), later(50)).await?;
    assert_eq!(seqs(0).await?, None);
    assert_eq!(seqs(1).await?, Some(vec![2, 3, 4]));
    assert_eq!(seqs(3).await?, Some(vec![4]));
    let snapshot = store.snapshot(later(50)).await?;
    let live: Vec<_> = snapshot.events.iter().map(|event| event.seq).collect();
    assert_eq!((snapshot.seq, live), (4, vec![2, 4]));

    store.sweep(lifetimes.clone(), later(200)).await?;
    for forgotten in 0..4 {
        assert_eq!(seqs(forgotten).await?, None, "after {forgotten}");
    }
    assert_eq!(seqs(4).await?, Some(Vec::new()), "nothing was missed there");
    assert_eq!(seqs(5).await?, None);
    assert_eq!(store.snapshot(later(200)).await?, Snapshot { seq: 4, events: Vec::new() });
    assert_eq!(store.revoke_token("5".into(), later(900)).await?, 5, "no number comes twice");
    assert_eq!(seqs(4).await?, Some(vec![5]));
    Ok(())
}

pub(super) async fn the_position_moves_with_each_change(store: Arc<dyn Store>) -> Checked {
    let mut follower = store.position();
    let start = *follower.borrow_and_update();
    assert_eq!(start.revocation, 0);
    // That nothing has changed is known as well.
    let asked_at = Instant::now();
    while store.looked_at() <= asked_at {
        assert!(asked_at.elapsed() < Duration::from_secs(5), "nobody looks");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(!follower.has_changed().expect("it is open"));

    // When the answer is there, the position is.
    let seq = store.revoke_token("t".into(), later(300)).await?;
    assert_eq!(follower.borrow_and_update().revocation, seq);
    begin(&*store, [grant(1)]).await?;
    rotate(&*store, 1, token(1), NOW).await?;
    let quiet = Position { revocation: seq, ..start };
    assert_eq!(*follower.borrow_and_update(), quiet, "grants that live are no news");
    rotate(&*store, 1, token(0), later(100)).await?;
    assert_eq!(follower.borrow_and_update().revocation, seq + 1);

    store.put_client(client("shop"), moment(NOW)).await?;
    let added = follower.borrow_and_update().catalogue;
    assert!(added > start.catalogue);
    store.put_client(client("shop"), moment(NOW)).await?;
    assert_eq!(follower.borrow_and_update().catalogue, added, "nothing has changed");
    let renamed = Client { client_name: Some("Shop".into()), ..client("shop") };
    store.put_client(renamed, moment(NOW)).await?;
    let changed = follower.borrow_and_update().catalogue;
    assert!(changed > added);
    let keys = vec![signing_key("k1", Algorithm::ES256)];
    store.change_keys(key_change(Wish::Schedule, keys, NOW)).await?;
    assert!(follower.borrow_and_update().catalogue > changed);

    // Who waits is woken.
    let waiting = tokio::spawn(async move { follower.changed().await.is_ok() });
    store.revoke_token("u".into(), later(300)).await?;
    let woken = tokio::time::timeout(Duration::from_secs(5), waiting).await;
    assert!(matches!(woken, Ok(Ok(true))), "{woken:?}");
    // Who comes later sees where things stand.
    assert_eq!(store.position().borrow().revocation, seq + 2);
    Ok(())
}
