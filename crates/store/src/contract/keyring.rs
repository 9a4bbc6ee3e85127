//! Keys change by the schedule, and all who ask agree on it.

use std::sync::Arc;
use std::time::Duration;

use countersign_jose::Algorithm;
use countersign_protocol::Randomness;
use countersign_protocol::client::Client;
use countersign_protocol::client_secret;
use countersign_protocol::key_schedule::{
    KeyLife, KeyState, KeyUse, Refusal, Settings, Step, Wish, revocation_life,
};
use countersign_protocol::keyring::SealedKey;
use countersign_protocol::revocation::RevokedKind;
use countersign_protocol::seal::MasterKey;
use countersign_protocol::status_list::ListedToken;

use super::samples::{Checked, NOW, at_once, key_change, later, moment, published, signing_key};
use crate::error::StoreError;
use crate::store::{KeyChange, KeysChanged, NewMaster, Seal, Store};

const ES256: KeyUse = KeyUse::Signature(Algorithm::ES256);
const DAY: u64 = 86_400;

/// Of one use: the names of the keys in their states.
async fn states(store: &dyn Store, usage: KeyUse) -> Result<Vec<(String, KeyState)>, StoreError> {
    let keys = store.keys().await?.into_iter().filter(|key| key.life.usage == usage);
    Ok(keys.map(|key| (key.life.kid.clone(), key.life.state())).collect())
}

/// A store with `first`, which signs, and `second`.
async fn begun(store: &dyn Store) -> Checked {
    let keys =
        vec![signing_key("first", Algorithm::ES256), signing_key("second", Algorithm::ES256)];
    let change = KeyChange { uses: vec![ES256], ..key_change(Wish::Schedule, keys, NOW) };
    store.change_keys(change).await?;
    Ok(())
}

async fn change(
    store: &dyn Store,
    wish: Wish,
    candidates: &[&str],
    seconds: u64,
) -> Result<KeysChanged, StoreError> {
    let candidates = candidates.iter().map(|kid| signing_key(kid, Algorithm::ES256)).collect();
    let change = key_change(wish, candidates, later(seconds));
    store.change_keys(KeyChange { uses: vec![ES256], ..change }).await
}

pub(super) async fn of_many_first_keys_one_of_each_use_signs(store: Arc<dyn Store>) -> Checked {
    assert_eq!(store.keys().await?, []);
    let algorithms = [Algorithm::ES256, Algorithm::Ed25519];
    at_once(&store, |store, place| async move {
        let key = signing_key(&format!("key {place:02}"), algorithms[place % 2]);
        store.change_keys(key_change(Wish::Schedule, vec![key], NOW)).await
    })
    .await?;
    for algorithm in algorithms {
        let states = states(&*store, KeyUse::Signature(algorithm)).await?;
        let count = |state| states.iter().filter(|(_, found)| *found == state).count();
        let counts = (count(KeyState::Active), count(KeyState::Announced), states.len());
        assert_eq!(counts, (1, 1, 2), "{states:?}");
    }
    Ok(())
}

pub(super) async fn a_key_goes_through_its_states(store: Arc<dyn Store>) -> Checked {
    let none = change(&*store, Wish::Schedule, &[], 0).await?;
    let KeysChanged::Done { wanted, next_at, .. } = none else { panic!("{none:?}") };
    assert_eq!((wanted, next_at), (vec![ES256, ES256], None));
    begun(&*store).await?;
    let due = later(90 * DAY);
    let early = change(&*store, Wish::Schedule, &["third"], 90 * DAY - 1).await?;
    let nothing = KeysChanged::Done { steps: vec![], wanted: vec![], next_at: Some(due) };
    assert_eq!(early, nothing);
    let done = change(&*store, Wish::Schedule, &["third", "fourth"], 90 * DAY).await?;
    let KeysChanged::Done { steps, wanted, .. } = done else { panic!("{done:?}") };
    assert_eq!((steps.len(), wanted), (3, vec![]));
    let name = |name: &str, state| (name.to_owned(), state);
    let expected = [
        name("first", KeyState::Retiring),
        name("second", KeyState::Active),
        name("third", KeyState::Announced),
    ];
    assert_eq!(states(&*store, ES256).await?, expected, "what is not needed is not kept");
    let [first, _, third] = &store.keys().await?[..] else { panic!() };
    assert_eq!((first.life.active_at, first.life.retired_at), (Some(NOW), Some(due)));
    let life = KeyLife::new("third".into(), ES256, due, false);
    assert_eq!(*third, SealedKey { life, sealed: b"third".to_vec() });
    change(&*store, Wish::Schedule, &[], 91 * DAY).await?;
    assert_eq!(states(&*store, ES256).await?.len(), 2);
    Ok(())
}

pub(super) async fn longer_tokens_are_remembered(store: Arc<dyn Store>) -> Checked {
    begun(&*store).await?;
    let mut long = key_change(Wish::Schedule, vec![], later(1));
    long.settings.lives.signed = Duration::from_millis(86_399_001);
    store.change_keys(KeyChange { uses: vec![ES256], ..long }).await?;
    change(&*store, Wish::Schedule, &[], 2).await?;
    let lives: Vec<_> = store.keys().await?.iter().map(|key| key.life.longest_token).collect();
    assert_eq!(lives, [Duration::from_secs(DAY); 2], "and never too short");
    Ok(())
}

/// A token of a client that wants it listed.
fn signed_by(kid: &str) -> ListedToken {
    let names = |one: &str, two: &str| (one.to_owned(), two.to_owned());
    let times = (NOW.as_secs(), later(300).as_secs());
    ListedToken::new(names(kid, "grant"), names("shop", kid), times, &OfKey(kid.as_bytes()[0]))
}

/// Draws by the first letter of a key's name.
struct OfKey(u8);

impl Randomness for OfKey {
    fn fill(&self, out: &mut [u8]) {
        out.fill(self.0);
    }
}

pub(super) async fn a_revoked_key_is_replaced_and_published_in_one_step(
    store: Arc<dyn Store>,
) -> Checked {
    begun(&*store).await?;
    let revoke = |kids: &[&str]| Wish::Revoke { kids: kids.iter().map(|k| (*k).into()).collect() };
    let unknown = change(&*store, revoke(&["nobody"]), &["third"], 5).await?;
    assert_eq!(unknown, KeysChanged::Refused(Refusal::NoSuchKey("nobody".into())));
    let both = revoke(&["first", "second"]);
    let none = change(&*store, both.clone(), &[], 5).await?;
    assert_eq!(none, KeysChanged::NothingToSignWith(ES256), "better than none at all");
    assert_eq!(states(&*store, ES256).await?.len(), 2);
    assert_eq!(published(&*store).await?, []);
    let listed = store.list_token(signed_by("first")).await?;
    let spared = store.list_token(signed_by("third")).await?;
    let done = change(&*store, both, &["third"], 5).await?;
    let KeysChanged::Done { wanted, .. } = done else { panic!("{done:?}") };
    assert_eq!(wanted, [ES256]);
    let list = store.status_list(0).await?.expect("two tokens are listed");
    assert_eq!(list.revoked, [listed.index], "and not {}", spared.index);
    assert_eq!(states(&*store, ES256).await?, [("third".into(), KeyState::Active)]);
    let events = published(&*store).await?;
    let expires_at = later(5).plus(revocation_life(Duration::ZERO)).as_secs();
    let events: Vec<_> =
        events.iter().map(|event| (event.kind, &*event.id, event.expires_at)).collect();
    let key = RevokedKind::Key;
    assert_eq!(events, [(key, "first", expires_at), (key, "second", expires_at)]);
    let noted: Vec<_> = store.audit(9).await?.into_iter().map(|e| (e.event, e.subject)).collect();
    assert_eq!(noted[1], ("key_revoked".into(), "first".into()));
    Ok(())
}

pub(super) async fn a_key_rotates_when_somebody_asks(store: Arc<dyn Store>) -> Checked {
    begun(&*store).await?;
    let rotate = |force| Wish::Rotate { usage: ES256, force };
    let refused = change(&*store, rotate(false), &["third"], 10).await?;
    let ripe_at = NOW.plus(Settings::default().announce);
    let not_yet = Refusal::NotYet { ripe_at: Some(ripe_at) };
    assert_eq!(refused, KeysChanged::Refused(not_yet));
    let done = change(&*store, rotate(true), &["third"], 10).await?;
    let KeysChanged::Done { steps, .. } = done else { panic!("{done:?}") };
    assert_eq!(steps[0], Step::Activate { kid: "second".into() });
    let states = states(&*store, ES256).await?;
    let expected = [KeyState::Retiring, KeyState::Active, KeyState::Announced];
    assert_eq!(states.iter().map(|(_, state)| *state).collect::<Vec<_>>(), expected);
    assert_eq!(published(&*store).await?, [], "its tokens live on");
    Ok(())
}

pub(super) async fn all_keys_are_sealed_anew_or_none(store: Arc<dyn Store>) -> Checked {
    let old = MasterKey::new(&[1; 32]);
    let by = |master: &MasterKey, kid: &str| {
        let key = signing_key(kid, Algorithm::ES256);
        SealedKey { sealed: master.seal(kid, kid.as_bytes(), &Sevens), ..key }
    };
    let begin = |kid, wish| {
        let change = key_change(wish, vec![by(&old, kid)], NOW);
        store.change_keys(KeyChange { uses: vec![ES256], ..change })
    };
    begin("first", Wish::Schedule).await?;
    begin("second", Wish::Schedule).await?;
    let both = || MasterKey::new(&[2; 32]).and_older(&[1; 32]);
    let seal = |master: MasterKey| -> Box<dyn Seal> { Box::new(ByKid(master)) };
    let secretive = |master: &MasterKey, id: &str| {
        let sealed = client_secret::seal(id, "the secret", master, &Sevens);
        Client { client_secret_sealed: Some(sealed), ..Client::new(id) }
    };
    store.put_client(secretive(&old, "shop"), moment(NOW)).await?;
    store.put_client(Client::new("bank"), moment(NOW)).await?;
    let before = store.keys().await?;
    let stranger = MasterKey::new(&[3; 32]);
    let masters = |newest| NewMaster { newest, replaced: vec![old.id()] };
    let failed = store.reseal_keys(masters(stranger.id()), seal(stranger)).await?;
    assert_eq!(failed, Err("first".into()));
    assert_eq!(store.keys().await?, before);
    for _ in 0..2 {
        let master = both();
        assert_eq!(
            store.reseal_keys(masters(master.id()), seal(master)).await?,
            Ok(3),
            "also once more"
        );
        let shop = store.client("shop").await?.expect("it is there");
        assert!(client_secret::open(&shop, &old).is_err());
        let opened = client_secret::open(&shop, &MasterKey::new(&[2; 32])).expect("it opens");
        assert_eq!(opened.expect("a secret").as_slice(), b"the secret");
        for key in store.keys().await? {
            assert!(old.open(&key.life.kid, &key.sealed).is_err(), "the old key opens nothing");
            let opened = MasterKey::new(&[2; 32]).open(&key.life.kid, &key.sealed);
            assert_eq!(opened.expect("the new one does").as_slice(), key.life.kid.as_bytes());
        }
    }
    let wish = Wish::Rotate { usage: ES256, force: true };
    assert_eq!(begin("third", wish.clone()).await?, KeysChanged::SealedWithAnOldKey);
    let change = key_change(wish, vec![by(&both(), "third")], NOW);
    let done = store.change_keys(KeyChange { uses: vec![ES256], ..change }).await?;
    assert!(matches!(done, KeysChanged::Done { .. }), "{done:?}");
    let late = store.put_client(secretive(&old, "late"), moment(NOW)).await;
    assert_eq!(late, Err(StoreError::SealedWithAnOldKey));
    assert_eq!(store.client("late").await?, None);
    store.put_client(secretive(&both(), "late"), moment(NOW)).await?;

    // One that can't be opened: nothing changes at all.
    let strange = secretive(&MasterKey::new(&[9; 32]), "strange");
    store.put_client(strange.clone(), moment(NOW)).await?;
    let before = (store.keys().await?, store.clients().await?);
    let newer = MasterKey::new(&[4; 32]).and_older(&[2; 32]);
    let masters = NewMaster { newest: newer.id(), replaced: newer.older_ids().collect() };
    let failed = store.reseal_keys(masters, seal(newer)).await?;
    assert_eq!(failed, Err("of the client strange".into()));
    assert_eq!((store.keys().await?, store.clients().await?), before);
    Ok(())
}

/// Each key is sealed for its own name here.
struct ByKid(MasterKey);

impl Seal for ByKid {
    fn key(&self, key: &SealedKey) -> Option<Vec<u8>> {
        let kid = &key.life.kid;
        let plain = self.0.open(kid, &key.sealed).ok()?;
        Some(self.0.seal(kid, &plain, &Sevens))
    }

    fn client_secret(&self, client: &Client) -> Option<String> {
        client_secret::reseal(client, &self.0, &Sevens).ok()?
    }
}

struct Sevens;

impl Randomness for Sevens {
    fn fill(&self, out: &mut [u8]) {
        out.fill(7);
    }
}
