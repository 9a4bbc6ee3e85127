//! Opening and refusing files, and what only this backend promises.

mod batches;
mod files;
mod folder;
mod model;
mod nodes;
mod plans;
mod rotation;
mod storage;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use folder::Folder;

use super::SqliteStore;
use crate::contract;
use crate::store::Store;

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_rule_of_the_contract() {
    let folder = Folder::new();
    let count = AtomicU32::new(0);
    contract::all(|| async {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let store = SqliteStore::open(&folder.path(&format!("{number}.db"))).unwrap();
        Arc::new(store) as Arc<dyn Store>
    })
    .await;
}
