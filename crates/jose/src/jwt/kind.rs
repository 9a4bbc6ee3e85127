//! What a kind of token states about itself.

use std::fmt::Debug;

use super::claims::{Claims, Rule};
use crate::{Error, jws::header};

/// A kind of token that a [`Policy`](crate::Policy) can judge. The kinds are fixed by this crate.
#[expect(private_bounds, reason = "seals the trait: the rules cannot be named outside")]
pub trait Profile: Rules {}

/// The rules of a kind of token: its `typ`, its table of claims, and what only it asks for.
pub(crate) trait Rules: Sized {
    /// The `typ` header (RFC 8725 section 3.11).
    const TYPE: &'static str;
    /// Whether a token without `typ` may be of this kind.
    const TYPE_OPTIONAL: bool = false;
    /// What those write who are older than the kind's own type.
    const OLDER_TYPE: Option<&'static str> = None;
    /// Whether a token without `kid` may be checked with the only key that fits its algorithm.
    const KEY_ID_OPTIONAL: bool = false;
    /// The longest token of this kind, in bytes.
    const MAX_BYTES: usize = super::MAX_BYTES;
    /// Every claim that the kind knows: its form, and whether it must or must not be there.
    const CLAIMS: &'static [Rule];

    /// What a caller may ask for beyond issuer, audience and times.
    type Expected: Clone + Debug + Default;

    fn accepts_type(typ: Option<&str>) -> bool {
        let Some(typ) = typ else { return Self::TYPE_OPTIONAL };
        let is = |known: &str| header::same_type(typ, known);
        is(Self::TYPE) || Self::OLDER_TYPE.is_some_and(is)
    }

    /// Rules that the table cannot say, in the order of the specification.
    fn check(claims: &Claims<'_, Self>, expected: &Self::Expected) -> Result<(), Error> {
        let _ = (claims, expected);
        Ok(())
    }

    /// Copies checked claims into the kind's own type.
    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error>;
}
