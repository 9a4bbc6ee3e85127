//! The key or certificate that must accompany a token (RFC 7800).

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::serialize_optional;
use crate::{Error, json::Members};

/// `cnf`: what the sender of a token has to prove besides having it. A token with both members
/// needs both proofs; one with neither is bound in a way that is not known here, so nothing
/// proves enough.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// `jkt`: the thumbprint of a DPoP key (RFC 9449 section 6.1).
    pub key_thumbprint: Option<String>,
    /// `x5t#S256`: the SHA-256 thumbprint of a client certificate (RFC 8705 section 3.1).
    pub certificate_thumbprint: Option<String>,
}

const KEY: &str = "jkt";
const CERTIFICATE: &str = "x5t#S256";

impl Confirmation {
    /// Whether it names nothing that is known here.
    pub const fn is_unknown(&self) -> bool {
        self.key_thumbprint.is_none() && self.certificate_thumbprint.is_none()
    }

    /// What [`Confirmation::read`] would refuse, without copying anything.
    pub(super) fn check(members: &Members<'_>) -> Result<(), Error> {
        let fits = |name| members.get(name).is_none_or(|value| value.as_text().is_some());
        if fits(KEY) && fits(CERTIFICATE) { Ok(()) } else { Err(Error::InvalidClaim("cnf")) }
    }

    pub(super) fn read(members: &Members<'_>) -> Result<Self, Error> {
        let text = |name| match members.get(name) {
            None => Ok(None),
            Some(value) => match value.as_text() {
                Some(text) => Ok(Some(text.to_owned())),
                None => Err(Error::InvalidClaim("cnf")),
            },
        };
        Ok(Self { key_thumbprint: text(KEY)?, certificate_thumbprint: text(CERTIFICATE)? })
    }
}

impl Serialize for Confirmation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        serialize_optional(&mut map, KEY, self.key_thumbprint.as_ref())?;
        serialize_optional(&mut map, CERTIFICATE, self.certificate_thumbprint.as_ref())?;
        map.end()
    }
}
