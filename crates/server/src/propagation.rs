//! The revocation barrier: waits until every verifier refuses what was revoked.

use std::collections::HashSet;
use std::time::Duration;

use countersign_protocol::follower::Propagation;
use countersign_store::StoreError;
use tokio::time::Instant;

use crate::app::App;

/// How often the followers of other servers are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Acknowledgements that come at once are looked at together.
const TOGETHER: Duration = Duration::from_millis(1);

/// Waits until every verifier has acknowledged the place `seq` or accepts nothing any more, at the
/// longest for `limit`. Answers how far it has come.
pub(crate) async fn wait(app: &App, seq: u64, limit: Duration) -> Result<Propagation, StoreError> {
    let deadline = Instant::now() + limit;
    let mut moved = app.followers.moved();
    loop {
        moved.mark_unchanged();
        // The store first: who goes from memory to the store meanwhile is seen in the older state.
        let stored = app.store().followers().await?;
        let mut followers = app.followers.list();
        let here: HashSet<_> = followers.iter().map(|follower| follower.id.clone()).collect();
        followers.extend(stored.into_iter().filter(|follower| !here.contains(&follower.id)));
        // By a clock that is never ahead: a jump must not make anyone seem to be past accepting.
        let propagation = Propagation::of(followers, seq, app.time_to_forget());
        if propagation.is_settled() || Instant::now() >= deadline {
            return Ok(propagation);
        }
        let look_again = deadline.min(Instant::now() + LOOK_EVERY);
        let change = tokio::time::timeout_at(look_again, moved.changed()).await;
        if change.is_ok() {
            tokio::time::sleep(TOGETHER).await;
        }
    }
}
