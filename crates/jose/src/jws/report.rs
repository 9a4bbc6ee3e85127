//! What became of each signature of a JSON form.

use std::{borrow::Cow, fmt};

use crate::{Algorithm, Error};

/// What a verifier found out about every signature, in the order of the text.
///
/// The payload is given out only to who says which signatures it needs: [`Report::all`],
/// [`Report::by`]. A text may carry signatures that anybody added, so one that verifies says
/// nothing about the others.
///
/// ```
/// use countersign_jose::{Algorithm, Error, KeySet, SigningKey, jws::{Signatory, json}};
/// let ours = SigningKey::generate(Algorithm::ES256)?;
/// let theirs = SigningKey::generate(Algorithm::Ed25519)?;
/// let text = json::sign_general(&[Signatory::new(&ours), Signatory::new(&theirs)], b"contract")?;
///
/// // Who knows only one of the two keys can ask for that one, and not for all.
/// let keys = KeySet::new([ours.verifying_key()]);
/// let report = json::verify(&keys, text.as_bytes())?;
/// assert_eq!(report.by(&[ours.key_id()])?, b"contract");
/// assert_eq!(report.all(), Err(Error::UnknownKey));
/// assert_eq!(report.signatures()[1].key_id.as_deref(), Some(theirs.key_id()));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is accepted until the report is asked"]
pub struct Report<'p> {
    payload: Cow<'p, [u8]>,
    signatures: Vec<SignatureReport>,
}

/// What became of one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignatureReport {
    /// The id of the key that verified it; otherwise the `kid` of its header, which is a claim.
    pub key_id: Option<String>,
    /// The `alg` of its protected header. A claim unless verified.
    pub algorithm: Option<Algorithm>,
    /// The `typ` of its protected header. A claim unless verified.
    pub typ: Option<String>,
    /// Whether the signature fits the key and the payload, or why it was refused.
    pub verdict: Result<(), Error>,
}

impl<'p> Report<'p> {
    /// `signatures` is not empty.
    pub(super) fn new(payload: Cow<'p, [u8]>, signatures: Vec<SignatureReport>) -> Self {
        Self { payload, signatures }
    }

    /// Every signature, in the order of the text; there is at least one.
    pub fn signatures(&self) -> &[SignatureReport] {
        &self.signatures
    }

    /// The payload, when every signature is verified.
    ///
    /// # Errors
    /// That of the first signature that is not.
    pub fn all(&self) -> Result<&[u8], Error> {
        self.signatures.iter().try_for_each(|signature| signature.verdict.clone())?;
        Ok(&self.payload)
    }

    /// The payload, when each of these keys has signed it; other signatures do not matter.
    ///
    /// # Errors
    /// [`Error::MissingSignature`] when a key has no signature here, otherwise why its signature
    /// was refused. [`Error::InvalidPolicy`] when no key is named.
    pub fn by(&self, key_ids: &[&str]) -> Result<&[u8], Error> {
        if key_ids.is_empty() {
            return Err(Error::InvalidPolicy("key_ids"));
        }
        for wanted in key_ids {
            let named = |signature: &&SignatureReport| signature.key_id.as_deref() == Some(*wanted);
            self.one_of(self.signatures.iter().filter(named))?;
        }
        Ok(&self.payload)
    }

    /// The payload, when at least one signature is verified, whichever it is: only for who trusts
    /// every key of the set alike, and to whom the other signatures mean nothing.
    ///
    /// # Errors
    /// That of the first signature.
    pub fn danger_any(&self) -> Result<&[u8], Error> {
        self.one_of(self.signatures.iter())?;
        Ok(&self.payload)
    }

    fn one_of<'s>(
        &self,
        signatures: impl Iterator<Item = &'s SignatureReport> + Clone,
    ) -> Result<(), Error> {
        if signatures.clone().any(|signature| signature.verdict.is_ok()) {
            return Ok(());
        }
        signatures
            .map(|signature| signature.verdict.clone())
            .next()
            .unwrap_or(Err(Error::MissingSignature))
    }
}

/// Without the payload: a log line must not give out what nobody has asked the report for.
impl fmt::Debug for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report").field("signatures", &self.signatures).finish_non_exhaustive()
    }
}
