//! Nonces for DPoP proofs (RFC 9449 sections 8 and 9): a client cannot prepare proofs for later.
//!
//! Nothing is stored. A nonce is the number of a stretch of time and a MAC over it, so every
//! process with the same secret accepts what another has handed out.

use std::{fmt, time::Duration};

use aws_lc_rs::{constant_time, hmac};
use countersign_jose::{Timestamp, base64url};

/// A nonce is handed out for so long, and accepted for as long again.
const STRETCH: Duration = Duration::from_secs(120);
const NUMBER_BYTES: usize = 8;
const MAC_BYTES: usize = 16;

/// Makes nonces for DPoP proofs, and knows its own.
pub struct DpopNonces {
    newest: hmac::Key,
    older: Vec<hmac::Key>,
}

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// It is the newest one.
    Newest,
    /// It is still good, and about to be replaced.
    Aging,
    /// It is too old, or was never handed out.
    Gone,
}

impl DpopNonces {
    /// Nonces under a secret of at least 32 random bytes, which all processes of one service share.
    /// `older` are secrets that it had before, whose nonces are still accepted.
    pub fn new<'a>(secret: &[u8], older: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let key = |secret: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { newest: key(secret), older: older.into_iter().map(key).collect() }
    }

    /// The nonce to hand out now.
    pub fn issue(&self, now: Timestamp) -> String {
        let number = stretch(now).to_be_bytes();
        base64url::encode(&[&number[..], &mac(&self.newest, number)].concat())
    }

    pub(crate) fn judge(&self, nonce: &str, now: Timestamp) -> Age {
        let Ok(bytes) = base64url::decode(nonce.as_bytes()) else { return Age::Gone };
        let Some((number, given)) = bytes.split_first_chunk::<NUMBER_BYTES>() else {
            return Age::Gone;
        };
        let (made_in, current) = (u64::from_be_bytes(*number), stretch(now));
        // The clock of another process may be a little ahead.
        if made_in.abs_diff(current) > 1 {
            return Age::Gone;
        }
        let is_by = |key: &hmac::Key| {
            constant_time::verify_slices_are_equal(&mac(key, *number), given).is_ok()
        };
        if is_by(&self.newest) {
            if made_in < current { Age::Aging } else { Age::Newest }
        } else if self.older.iter().any(is_by) {
            Age::Aging
        } else {
            Age::Gone
        }
    }
}

impl fmt::Debug for DpopNonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopNonces").finish_non_exhaustive()
    }
}

const fn stretch(now: Timestamp) -> u64 {
    now.as_secs() / STRETCH.as_secs()
}

fn mac(key: &hmac::Key, number: [u8; NUMBER_BYTES]) -> [u8; MAC_BYTES] {
    let tag = hmac::sign(key, &[b"countersign dpop nonce", &number[..]].concat());
    let mut mac = [0; MAC_BYTES];
    mac.copy_from_slice(&tag.as_ref()[..MAC_BYTES]);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn a_nonce_lives_for_two_stretches_and_is_known_to_all_with_its_secret() {
        let nonces = DpopNonces::new(&[1; 32], []);
        let nonce = nonces.issue(at(0));
        let elsewhere = DpopNonces::new(&[1; 32], []);
        assert_eq!(elsewhere.issue(at(119)), nonce);
        for (now, age) in [
            (at(0), Age::Newest),
            (at(119), Age::Newest),
            (at(120), Age::Aging),
            (at(239), Age::Aging),
            (at(240), Age::Gone),
            // The clock here is behind the one that made it.
            (Timestamp::from_secs(1_799_999_999), Age::Newest),
            (Timestamp::from_secs(1_799_999_879), Age::Gone),
        ] {
            assert_eq!(elsewhere.judge(&nonce, now), age, "{now:?}");
        }
    }

    #[test]
    fn another_secret_an_altered_nonce_and_junk_are_not_ours() {
        let nonces = DpopNonces::new(&[1; 32], []);
        let nonce = nonces.issue(at(0));
        assert_eq!(DpopNonces::new(&[2; 32], []).judge(&nonce, at(0)), Age::Gone);
        let renewed = DpopNonces::new(&[2; 32], [&[1; 32][..]]);
        assert_eq!(renewed.judge(&nonce, at(0)), Age::Aging);
        for end in 0..nonce.len() {
            assert_eq!(nonces.judge(&nonce[..end], at(0)), Age::Gone, "{end}");
            let mut altered = nonce.clone().into_bytes();
            altered[end] = if altered[end] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).expect("ASCII");
            assert_eq!(nonces.judge(&altered, at(0)), Age::Gone, "{altered}");
        }
        for junk in ["", "=", "\u{fc}", &format!("{nonce}="), &format!("{nonce}A")] {
            assert_eq!(nonces.judge(junk, at(0)), Age::Gone, "{junk}");
        }
    }
}
