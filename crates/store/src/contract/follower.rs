//! Verifiers that follow the feed, as every process on the store sees them.

use std::sync::Arc;
use std::time::Duration;

use countersign_protocol::follower::Follower;
use countersign_protocol::lifetimes::Lifetimes;

use super::samples::{Checked, NOW, later};
use crate::store::Store;

fn follower(number: u8) -> Follower {
    Follower {
        id: format!("follower-{number}"),
        client_id: "api".into(),
        name: None,
        peer: "10.0.0.7:4711".into(),
        connected_at: later(u64::from(number)),
        seen_at: later(u64::from(number)),
        gone_at: None,
        acknowledged: None,
        max_staleness: None,
    }
}

pub(super) async fn comes_back_as_it_was_written(store: Arc<dyn Store>) -> Checked {
    assert_eq!(store.followers().await?, []);
    let told = Follower {
        name: Some("orders \"1\"".into()),
        gone_at: Some(later(9)),
        acknowledged: Some(0),
        max_staleness: Some(Duration::from_millis(1_500)),
        ..follower(2)
    };
    store.put_followers(vec![told.clone(), follower(1)], Vec::new()).await?;
    assert_eq!(store.followers().await?, [follower(1), told.clone()]);
    store.put_followers(vec![follower(3)], vec![follower(1).id, "nobody".into()]).await?;
    assert_eq!(store.followers().await?, [told, follower(3)]);
    Ok(())
}

/// The server that it is connected to writes it again while another has heard more of it.
pub(super) async fn what_was_acknowledged_only_grows(store: Arc<dyn Store>) -> Checked {
    let at = |acknowledged| Follower { acknowledged, ..follower(1) };
    for (put, expect) in [
        (None, None),
        (Some(0), Some(0)),
        (Some(7), Some(7)),
        (None, Some(7)),
        (Some(5), Some(7)),
        (Some(8), Some(8)),
    ] {
        store.put_followers(vec![at(put)], Vec::new()).await?;
        assert_eq!(store.followers().await?, [at(expect)], "after {put:?}");
    }
    Ok(())
}

pub(super) async fn those_that_are_past_caring_about_go(store: Arc<dyn Store>) -> Checked {
    let lost = Follower { gone_at: Some(later(100)), ..follower(1) };
    let abandoned = follower(2);
    let connected = Follower { seen_at: later(199), ..follower(3) };
    let all = vec![lost.clone(), abandoned.clone(), connected.clone()];
    store.put_followers(all.clone(), Vec::new()).await?;
    store.sweep(Lifetimes::default(), NOW).await?;
    assert_eq!(store.followers().await?, all);
    store.sweep(Lifetimes::default(), later(105)).await?;
    assert_eq!(store.followers().await?, [lost, connected.clone()], "its server has ended");
    store.sweep(Lifetimes::default(), later(200)).await?;
    assert_eq!(store.followers().await?, [connected]);
    Ok(())
}
