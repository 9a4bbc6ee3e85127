//! Client secrets that the server has to read again, because it computes with them: to check
//! assertions (`client_secret_jwt`), or to sign for the client alone (`HS256` and its kin). They
//! rest sealed under the master key, in the row of their client; of all others only a hash is kept.

use countersign_jose::{Algorithm, base64url};
use zeroize::Zeroizing;

use crate::client::{AuthMethod, Client};
use crate::random::Randomness;
use crate::seal::{MasterKey, MasterKeyId, WrongMasterKey};

/// The algorithms that work with a secret of the client's.
pub const ALGORITHMS: &[Algorithm] = &[Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

/// Whether an algorithm works with a secret of the client's.
#[must_use]
pub fn is_symmetric(algorithm: Algorithm) -> bool {
    ALGORITHMS.contains(&algorithm)
}

/// The fewest bytes of a secret for an algorithm: as many as its hash has (RFC 7518 §3.2).
#[must_use]
pub const fn least_bytes(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::HS512 => 64,
        Algorithm::HS384 => 48,
        _ => 32,
    }
}

/// Seals the secret of a client.
#[must_use]
pub fn seal(client_id: &str, secret: &str, master: &MasterKey, random: &dyn Randomness) -> String {
    base64url::encode(&master.seal(&purpose(client_id), secret.as_bytes(), random))
}

/// The secret of a client, if it has one that can be read.
///
/// # Errors
/// [`WrongMasterKey`] for another key, another client, or altered bytes.
pub fn open(
    client: &Client,
    master: &MasterKey,
) -> Result<Option<Zeroizing<Vec<u8>>>, WrongMasterKey> {
    let Some(sealed) = &client.client_secret_sealed else { return Ok(None) };
    let sealed = base64url::decode(sealed.as_bytes()).map_err(|_| WrongMasterKey)?;
    master.open(&purpose(&client.client_id), &sealed).map(Some)
}

/// The same secret, sealed by the newest master key; `None` for a client that has none to read.
///
/// # Errors
/// [`WrongMasterKey`] when none of the master keys opens it.
pub fn reseal(
    client: &Client,
    master: &MasterKey,
    random: &dyn Randomness,
) -> Result<Option<String>, WrongMasterKey> {
    let plain = open(client, master)?;
    Ok(plain
        .map(|plain| base64url::encode(&master.seal(&purpose(&client.client_id), &plain, random))))
}

/// The master key that sealed the secret of a client, if there is one.
#[must_use]
pub fn sealed_by(client: &Client) -> Option<MasterKeyId> {
    let sealed = client.client_secret_sealed.as_ref()?;
    MasterKeyId::of(&base64url::decode(sealed.as_bytes()).ok()?)
}

/// Only the client that it was sealed for opens it, so no row can be given another's secret.
fn purpose(client_id: &str) -> String {
    format!("client secret {client_id}")
}

impl Client {
    /// Whether the server has to read its secret again.
    #[must_use]
    pub fn needs_readable_secret(&self) -> bool {
        self.token_endpoint_auth_method == AuthMethod::ClientSecretJwt
            || self.answers_by_secret().next().is_some()
    }

    /// The algorithms of the answers that are to be signed with its secret.
    fn answers_by_secret(&self) -> impl Iterator<Item = Algorithm> + use<> {
        let answers = [self.id_token_signed_response_alg, self.userinfo_signed_response_alg];
        answers.into_iter().flatten().filter(|wanted| is_symmetric(*wanted))
    }

    /// The fewest bytes that its secret must have for what it registered; none in particular if
    /// only a hash of it is kept.
    #[must_use]
    pub fn least_secret_bytes(&self) -> Option<usize> {
        let wanted = self.token_endpoint_auth_signing_alg.filter(|wanted| is_symmetric(*wanted));
        let all = self.answers_by_secret().chain(wanted).map(least_bytes);
        self.needs_readable_secret().then(|| all.max().unwrap_or(least_bytes(Algorithm::HS256)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nines;

    impl Randomness for Nines {
        fn fill(&self, out: &mut [u8]) {
            out.fill(9);
        }
    }

    fn client(id: &str, sealed: &str) -> Client {
        Client { client_secret_sealed: Some(sealed.to_owned()), ..Client::new(id) }
    }

    #[test]
    fn only_the_clients_own_row_and_a_known_master_key_open_it() {
        let old = MasterKey::new(&[1; 32]);
        let sealed = seal("web", "the secret", &old, &Nines);
        let opened = open(&client("web", &sealed), &old).unwrap().expect("a secret");
        assert_eq!(opened.as_slice(), b"the secret");
        assert!(open(&client("spa", &sealed), &old).is_err(), "it is not the secret of another");
        assert!(open(&client("web", "junk"), &old).is_err());
        assert_eq!(open(&Client::new("web"), &old), Ok(None));

        let both = MasterKey::new(&[2; 32]).and_older(&[1; 32]);
        let anew = reseal(&client("web", &sealed), &both, &Nines).unwrap().unwrap();
        assert_eq!(sealed_by(&client("web", &sealed)), Some(old.id()));
        assert_eq!(sealed_by(&client("web", &anew)), Some(both.id()));
        assert!(open(&client("web", &anew), &old).is_err());
        let new = MasterKey::new(&[2; 32]);
        let opened = open(&client("web", &anew), &new).unwrap().expect("a secret");
        assert_eq!(opened.as_slice(), b"the secret");
        assert_eq!(reseal(&Client::new("web"), &both, &Nines), Ok(None));
        assert!(reseal(&client("web", &sealed), &new, &Nines).is_err());
    }
}
