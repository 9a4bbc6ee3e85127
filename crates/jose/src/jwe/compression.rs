//! Compressed content: refused, unless the caller asks for it with a limit (RFC 7516 section
//! 4.1.3).

use zeroize::Zeroizing;

use crate::Error;

/// Whether compressed content is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Refused,
    /// Read when it inflates to at most this many bytes.
    #[cfg(feature = "deflate")]
    UpTo(usize),
}

impl Compression {
    pub(crate) const fn is_refused(self) -> bool {
        matches!(self, Self::Refused)
    }

    /// The content as it was before it was compressed. No more memory is taken than the limit says,
    /// whatever the content claims to be.
    pub(crate) fn expand(self, content: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self {
            Self::Refused => {
                drop(content);
                Err(Error::InvalidHeader("zip"))
            }
            #[cfg(feature = "deflate")]
            Self::UpTo(limit) => {
                use miniz_oxide::inflate::{TINFLStatus, decompress_to_vec_with_limit};
                match decompress_to_vec_with_limit(&content, limit) {
                    Ok(plain) => Ok(Zeroizing::new(plain)),
                    Err(error) if error.status == TINFLStatus::HasMoreOutput => {
                        Err(Error::TooLarge)
                    }
                    Err(_) => Err(Error::Decryption),
                }
            }
        }
    }
}
