//! Servers that start at once agree on their keys.

use std::sync::Arc;

use countersign_jose::Algorithm;

use super::samples::{Checked, NOW, at_once, signing_key};
use crate::store::{SealedSecret, Store};

pub(super) async fn of_two_keys_of_an_algorithm_one_is_added(store: Arc<dyn Store>) -> Checked {
    assert_eq!(store.signing_keys().await?, []);
    let algorithms = [Algorithm::ES256, Algorithm::Ed25519];
    let added = at_once(&store, |store, place| async move {
        let key = signing_key(&format!("key {place}"), algorithms[place % 2]);
        Ok((place, store.add_signing_key(key).await?))
    });
    let added = added.await?;
    let winners: Vec<usize> =
        added.iter().filter(|(_, added)| *added).map(|(place, _)| *place).collect();
    assert_eq!(winners.len(), 2, "one of each algorithm");
    let mut keys = store.signing_keys().await?;
    keys.sort_by_key(|key| key.algorithm != Algorithm::ES256);
    let mut expected: Vec<_> = winners
        .iter()
        .map(|place| signing_key(&format!("key {place}"), algorithms[place % 2]))
        .collect();
    expected.sort_by_key(|key| key.algorithm != Algorithm::ES256);
    assert_eq!(keys, expected, "those that were told so are there, as they were given");
    Ok(())
}

pub(super) async fn of_two_first_secrets_of_a_purpose_one_is_added(
    store: Arc<dyn Store>,
) -> Checked {
    let added = at_once(&store, |store, place| async move {
        let purpose = if place % 2 == 0 { "codes" } else { "refresh tokens" };
        let sealed = vec![u8::try_from(place).unwrap_or(u8::MAX)];
        let added = store.add_first_secret(purpose, sealed.clone(), NOW).await?;
        Ok(added.then_some((purpose, sealed)))
    });
    let added: Vec<_> = added.await?.into_iter().flatten().collect();
    assert_eq!(added.len(), 2, "one of each purpose");
    let mut ids = Vec::new();
    for (purpose, sealed) in added {
        let secrets: Vec<SealedSecret> = store.secrets(purpose).await?;
        assert_eq!(secrets.len(), 1);
        assert_eq!(secrets[0].sealed, sealed);
        ids.push(secrets[0].id);
    }
    assert_ne!(ids[0], ids[1], "tokens carry the number, so it is one secret's alone");
    assert_eq!(store.secrets("nothing").await?, []);
    Ok(())
}
