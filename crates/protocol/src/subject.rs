//! What a client knows a person and their sign-in by (OpenID Connect Core §8).
//!
//! Most clients know people by the subject of their account. A client with pairwise subjects knows
//! them by a name that only clients of its sector share, so that what several such clients know
//! can't be put together. The sign-in session is named in the same way: one `sid` for all clients
//! would tell what the subjects hide.
//!
//! A name must never change: it is what a client's own accounts hang on. So it is computed, from a
//! secret that is made once, is never replaced, and is sealed with the others
//! (`KeyUse::PairwiseSubjects`). Who has the secret can tell that two names are the same person, if
//! they know the person's subject, and can do nothing else with it.

use std::borrow::Cow;

use aws_lc_rs::hmac;
use countersign_jose::base64url;

use crate::client::{Client, SubjectType};
use crate::grant::Grant;
use crate::keyring::Secret;

const SUBJECT_LABEL: &[u8] = b"countersign pairwise subject";
const SESSION_LABEL: &[u8] = b"countersign pairwise session";

/// The secret that pairwise names are computed with.
#[derive(Debug)]
pub struct SubjectKey(hmac::Key);

/// A person as one client knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person<'a> {
    /// `sub`.
    pub subject: Cow<'a, str>,
    /// `sid`: the sign-in session, if there was one.
    pub session_id: Option<Cow<'a, str>>,
}

impl SubjectKey {
    /// The key from its secret. Should there ever be several, the first that was made counts, which
    /// stands last. `None` when there is none.
    #[must_use]
    pub fn new(secrets: &[Secret]) -> Option<Self> {
        let first = secrets.last()?;
        Some(Self(hmac::Key::new(hmac::HMAC_SHA256, &first.bytes)))
    }

    /// What a client knows the person with this subject by.
    #[must_use]
    pub fn subject<'a>(&self, client: &Client, subject: &'a str) -> Cow<'a, str> {
        self.name(SUBJECT_LABEL, client, subject)
    }

    /// What a client knows the sign-in session with this id by.
    #[must_use]
    pub fn session<'a>(&self, client: &Client, session_id: &'a str) -> Cow<'a, str> {
        self.name(SESSION_LABEL, client, session_id)
    }

    /// What a client knows the person of a grant by.
    #[must_use]
    pub fn person<'a>(&self, client: &Client, grant: &'a Grant) -> Person<'a> {
        let session_id = grant.session_id.as_deref();
        Person {
            subject: self.subject(client, &grant.subject),
            session_id: session_id.map(|session_id| self.session(client, session_id)),
        }
    }

    fn name<'a>(&self, label: &[u8], client: &Client, own: &'a str) -> Cow<'a, str> {
        if client.subject_type == SubjectType::Public {
            return Cow::Borrowed(own);
        }
        let mut name = hmac::Context::with_key(&self.0);
        // A registration that names no sector was refused; should there be one, it is alone.
        let (kind, sector) = match client.sector() {
            Some(sector) => (b"s", sector),
            None => (b"c", client.client_id.clone()),
        };
        // With their lengths, so that no two run together.
        for part in [label, kind, sector.as_bytes(), own.as_bytes()] {
            name.update(&(part.len() as u64).to_be_bytes());
            name.update(part);
        }
        Cow::Owned(base64url::encode(name.sign().as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> SubjectKey {
        let bytes = vec![byte; 32].into();
        SubjectKey::new(&[Secret { id: 1, active_at: None, retired_at: None, bytes }]).unwrap()
    }

    fn client(id: &str, redirect_uris: &[&str], sector: Option<&str>) -> Client {
        Client {
            subject_type: SubjectType::Pairwise,
            redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
            sector_identifier_uri: sector.map(str::to_owned),
            ..Client::new(id)
        }
    }

    #[test]
    fn names_are_the_same_within_a_sector_and_nowhere_else() {
        let key = key(7);
        let a = client("a", &["https://one.example/cb"], None);
        let name = |client: &Client, subject| key.subject(client, subject).into_owned();
        let alice = name(&a, "alice");
        // Written down, since it must never change.
        assert_eq!(alice, "Na-_6EI7-85wo7kRPHFw-VlAySEmfaNZLnMMTkps8a4");
        let same = [
            client("b", &["https://one.example/other", "https://one.example:444/cb"], None),
            client("c", &["https://two.example/cb"], Some("https://one.example/sector.json")),
            client("a", &["https://ONE.example/cb"], None),
        ];
        for other in &same {
            assert_eq!(name(other, "alice"), alice, "{}", other.client_id);
        }
        let different = [
            client("a", &["https://two.example/cb"], None),
            client("a", &["https://one.example/cb"], Some("https://two.example/")),
            client("one.example", &[], None),
        ];
        for other in &different {
            assert_ne!(name(other, "alice"), alice, "{:?}", other.redirect_uris);
        }
        assert_ne!(name(&a, "bob"), alice);
        assert_ne!(key.session(&a, "alice"), alice);
        assert_ne!(self::key(8).subject(&a, "alice"), alice);
        let public = Client { subject_type: SubjectType::Public, ..a };
        assert_eq!(name(&public, "alice"), "alice");
        assert_eq!(key.session(&public, "s1"), "s1");
    }

    #[test]
    fn a_loopback_address_is_a_sector_only_as_the_place_of_a_list() {
        let list = Some("http://127.0.0.1:9000/sector.json");
        for (uris, list, sector) in [
            (&["http://127.0.0.1/cb"][..], None, None),
            (&["https://one.example/cb", "http://localhost/cb"], None, None),
            (&["https://one.example/cb"], list, Some("127.0.0.1")),
            (&["http://127.0.0.1/cb"], list, Some("127.0.0.1")),
            (&["com.example.app:/cb"], None, None),
        ] {
            assert_eq!(client("a", uris, list).sector().as_deref(), sector, "{uris:?} {list:?}");
        }
    }

    #[test]
    fn the_first_secret_counts() {
        let secret = |byte: u8| Secret {
            id: byte.into(),
            active_at: None,
            retired_at: None,
            bytes: vec![byte; 32].into(),
        };
        let several = SubjectKey::new(&[secret(9), secret(7)]).unwrap();
        let a = client("a", &["https://one.example/cb"], None);
        assert_eq!(several.subject(&a, "alice"), key(7).subject(&a, "alice"));
        assert!(SubjectKey::new(&[]).is_none());
    }
}
