//! One contestant.

/// Makes the fixture's token from prepared claims.
pub(super) type Sign = Box<dyn Fn() -> Result<String, String>>;
/// Checks signature, type, issuer, audience and times, and reads all claims.
pub(super) type Verify = Box<dyn Fn(&str) -> Result<(), String>>;

/// Who signs and verifies, with everything that can be prepared once prepared once.
pub(super) struct Side {
    pub(super) name: &'static str,
    pub(super) sign: Sign,
    pub(super) verify: Verify,
}

/// What any library gives as an error, as text.
pub(super) fn reason(error: impl std::fmt::Display) -> String {
    error.to_string()
}
