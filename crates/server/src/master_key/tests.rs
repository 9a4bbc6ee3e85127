//! A master key is replaced while it is used, and whatever goes wrong, the file opens the store.

use std::path::{Path, PathBuf};

use countersign_protocol::key_schedule::{KeyUse, Settings};
use countersign_protocol::keyring::Keyring;
use countersign_store::sqlite::SqliteStore;

use super::*;
use crate::keys;

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("countersign-master-key-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn source(&self) -> Source {
        Source::Own(self.0.join("master.key"))
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.0.join("master.key")).unwrap()
    }

    fn write(&self, text: &str) {
        std::fs::write(self.0.join("master.key"), text).unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether the text of a key opens everything in a store.
async fn opens(text: &str, store: &SqliteStore) -> bool {
    let master = together(&parse(text, "a test").unwrap());
    let stored = store.keys().await.unwrap();
    let secrets = keyring::open_secrets(KeyUse::GrantTokens, &stored, &master);
    Keyring::open(&stored, &master).is_ok() && secrets.is_ok_and(|secrets| !secrets.is_empty())
}

async fn begun(place: &Place) -> (SqliteStore, Master) {
    let master = Master::open(place.source(), false).unwrap();
    let store = SqliteStore::open(&place.0.join("a.db")).unwrap();
    keys::first(Settings::default(), &store, &master).await.unwrap().unwrap();
    (store, master)
}

#[tokio::test]
async fn a_new_key_takes_over_and_the_old_one_opens_nothing() {
    let place = Place::new("whole");
    let (store, running) = begun(&place).await;
    let old = place.text();
    let operator = Master::open(place.source(), true).unwrap();
    let (sealed, by_hand) = operator.reseal(&store).await.unwrap();
    assert_eq!((sealed, by_hand), (store.keys().await.unwrap().len(), false));
    let new = place.text();
    assert_eq!(new.lines().count(), 1);
    assert!(opens(&new, &store).await && !opens(&old, &store).await);
    let stored = store.keys().await.unwrap();
    assert!(Keyring::open(&stored, &running.load()).is_err(), "who runs has the old one");
    running.read_again();
    assert!(Keyring::open(&stored, &running.load()).is_ok());
    // Who still seals with the old one leaves nothing behind that can't be opened.
    let late = Master::open(Source::Text(old.into()), true).unwrap();
    assert!(keys::first(Settings::default(), &store, &late).await.unwrap().is_err());
    assert!(opens(&new, &store).await);
}

/// The file after each part of the work, with the store as it is then.
#[tokio::test]
async fn cut_off_at_any_point_the_file_opens_the_store_and_the_next_try_goes_on() {
    let place = Place::new("cut");
    let (store, _) = begun(&place).await;
    let old = place.text();
    let new = new_text().to_string();
    let both = format!("{new}{old}");
    // Cut off while the file beside was written.
    std::fs::write(place.0.join("master.key.new"), "half a k").unwrap();
    assert!(opens(&place.text(), &store).await);
    // Cut off before the store was changed.
    place.write(&both);
    assert!(opens(&both, &store).await && opens(&old, &store).await);
    // Cut off before the old key went: the store is sealed with the new one.
    Master::open(place.source(), true).unwrap().reseal(&store).await.unwrap();
    assert_eq!(place.text(), new, "no other key is made when one is there already");
    place.write(&both);
    assert!(opens(&both, &store).await && opens(&new, &store).await && !opens(&old, &store).await);
    Master::open(place.source(), true).unwrap().reseal(&store).await.unwrap();
    assert_eq!(place.text(), new);
    assert!(opens(&new, &store).await);
}

#[tokio::test]
async fn of_two_who_replace_it_at_once_one_waits() {
    let place = Place::new("alone");
    let (store, master) = begun(&place).await;
    let other = Master::open(place.source(), true).unwrap();
    let alone = other.alone().unwrap();
    let before = place.text();
    let refused = master.reseal(&store).await.unwrap_err();
    assert!(matches!(refused, MasterKeyError::Busy { .. }), "{refused}");
    assert_eq!(place.text(), before);
    drop(alone);
    master.reseal(&store).await.unwrap();
    assert!(opens(&place.text(), &store).await);
}

#[tokio::test]
async fn a_key_that_can_not_be_written_is_replaced_in_two_parts() {
    let place = Place::new("text");
    let (store, _) = begun(&place).await;
    let (old, new) = (place.text(), new_text());
    let one = Master::open(Source::Text(old.clone().into()), true).unwrap();
    let refused = one.reseal(&store).await.unwrap_err();
    assert!(matches!(refused, MasterKeyError::OnlyOne { .. }), "{refused}");
    let two = Source::Text(format!("{} {}", new.trim(), old.trim()).into());
    let (_, by_hand) = Master::open(two, true).unwrap().reseal(&store).await.unwrap();
    assert!(by_hand && opens(&new, &store).await && !opens(&old, &store).await);
    let stranger = Source::Text(format!("{} {}", new_text().trim(), new_text().trim()).into());
    let refused = Master::open(stranger, true).unwrap().reseal(&store).await.unwrap_err();
    assert!(matches!(refused, MasterKeyError::Unsealed { .. }), "{refused}");
    assert!(opens(&new, &store).await, "and nothing was changed");
}

#[test]
fn only_whole_keys_are_read() {
    let key = new_text();
    let good = [key.to_string(), format!(" {} \n\n{}", key.trim(), key.trim())];
    for text in good {
        assert!(parse(&text, "x").is_ok(), "{text:?}");
    }
    for text in ["", "\n", "abc", &format!("{} x", key.trim()), &key.trim()[1..]] {
        assert!(parse(text, "x").is_err(), "{text:?}");
    }
    let missing = Source::File(Path::new("/nowhere/at/all").into()).read();
    assert!(matches!(missing, Err(MasterKeyError::Missing { .. })));
}
