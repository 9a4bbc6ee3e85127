//! Which form of access token each resource wants, kept in memory as long as no client changes.

use arc_swap::ArcSwapOption;
use countersign_protocol::token_format::ResourceFormats;
use countersign_store::{Store, StoreError};
use std::sync::Arc;

/// What the clients that protect resources ask for, and the state of the catalogue that it was
/// read at.
#[derive(Debug, Default)]
pub(crate) struct TokenFormats(ArcSwapOption<(u64, Arc<ResourceFormats>)>);

impl TokenFormats {
    /// The wishes as of `version` of the catalogue or later. Read from the store once for each.
    pub(crate) async fn at(
        &self,
        version: u64,
        store: &dyn Store,
    ) -> Result<Arc<ResourceFormats>, StoreError> {
        if let Some(known) = &*self.0.load()
            && known.0 == version
        {
            return Ok(Arc::clone(&known.1));
        }
        let formats = Arc::new(ResourceFormats::of(&store.protecting_clients().await?));
        self.0.store(Some(Arc::new((version, Arc::clone(&formats)))));
        Ok(formats)
    }
}
