//! What the types rule out, each with the twin that compiles: seen by the documentation tests only.
//! The codes are those of the one mistake that each has.

/// A policy without an audience, or without algorithms.
///
/// ```
/// use countersign_jose::{AccessToken, Algorithm::ES256, Policy};
/// let _: Result<Policy<AccessToken>, _> = Policy::access_token("issuer", "api", &[ES256]);
/// ```
/// ```compile_fail,E0061
/// use countersign_jose::{AccessToken, Algorithm::ES256, Policy};
/// let _: Result<Policy<AccessToken>, _> = Policy::access_token("issuer", &[ES256]);
/// ```
/// ```compile_fail,E0061
/// use countersign_jose::{AccessToken, Algorithm, Policy};
/// let _: Result<Policy<AccessToken>, _> = Policy::access_token("issuer", "api");
/// ```
/// ```compile_fail,E0599
/// use countersign_jose::{AccessToken, Policy};
/// let _ = Policy::<AccessToken>::default();
/// ```
struct PolicyWithAHole;

/// A verdict that nobody has given.
///
/// ```
/// use countersign_jose::{AccessToken, KeySet, Policy, Timestamp, Verified};
/// fn admit(policy: &Policy<AccessToken>, keys: &KeySet) -> Option<Verified<AccessToken>> {
///     policy.verify(keys, "a.b.c", Timestamp::from_secs(1_000)).ok()
/// }
/// ```
/// ```compile_fail,E0624
/// use countersign_jose::{AccessToken, Verified, VerifyingKey};
/// fn admit(key: VerifyingKey) -> Verified<AccessToken> {
///     Verified::new(AccessToken::default(), key)
/// }
/// ```
/// ```compile_fail,E0451
/// use countersign_jose::{AccessToken, Verified, VerifyingKey};
/// fn admit(key: VerifyingKey) -> Verified<AccessToken> {
///     Verified { token: AccessToken::default(), key }
/// }
/// ```
/// ```compile_fail,E0277
/// use countersign_jose::{AccessToken, Verified};
/// fn admit() -> Verified<AccessToken> {
///     AccessToken::default().into()
/// }
/// ```
struct VerdictOfOnesOwn;

/// Claims that were changed after they were judged.
///
/// ```
/// use countersign_jose::{AccessToken, Verified};
/// fn raise(verified: Verified<AccessToken>) -> AccessToken {
///     let mut token = verified.into_inner();
///     token.scope = Some("admin".to_owned());
///     token
/// }
/// ```
/// ```compile_fail,E0594
/// use countersign_jose::{AccessToken, Verified};
/// fn raise(mut verified: Verified<AccessToken>) -> Verified<AccessToken> {
///     verified.scope = Some("admin".to_owned());
///     verified
/// }
/// ```
struct VerdictThatWasChanged;

/// One kind of token in place of another.
///
/// ```
/// use countersign_jose::{AccessToken, Claims, Verified};
/// fn open(_: &Verified<AccessToken>) {}
/// fn open_borrowed(_: &Verified<Claims<'_, AccessToken>>) {}
/// fn call(token: &Verified<AccessToken>, borrowed: &Verified<Claims<'_, AccessToken>>) {
///     open(token);
///     open_borrowed(borrowed);
/// }
/// ```
/// ```compile_fail,E0308
/// use countersign_jose::{AccessToken, IdToken, Verified};
/// fn open(_: &Verified<AccessToken>) {}
/// fn call(token: &Verified<IdToken>) {
///     open(token);
/// }
/// ```
/// ```compile_fail,E0308
/// use countersign_jose::{AccessToken, Claims, IdToken, Verified};
/// fn open(_: &Verified<Claims<'_, AccessToken>>) {}
/// fn call(token: &Verified<Claims<'_, IdToken>>) {
///     open(token);
/// }
/// ```
/// ```compile_fail,E0308
/// use countersign_jose::{IdToken, IdTokenHint, Verified};
/// fn log_in(_: &Verified<IdToken>) {}
/// fn call(token: &Verified<IdTokenHint>) {
///     log_in(token);
/// }
/// ```
struct OneKindForAnother;

/// Claims of a token that was only looked at.
///
/// ```
/// use countersign_jose::jwt::Unverified;
/// fn show(seen: &Unverified) -> String {
///     seen.to_string()
/// }
/// ```
/// ```compile_fail,E0599
/// use countersign_jose::jwt::Unverified;
/// fn subject(seen: &Unverified) -> Option<&str> {
///     seen.subject()
/// }
/// ```
/// ```compile_fail,E0616
/// use countersign_jose::jwt::Unverified;
/// fn subject(seen: Unverified) -> String {
///     seen.payload
/// }
/// ```
/// ```compile_fail,E0277
/// use countersign_jose::{AccessToken, jwt::Unverified};
/// fn claims(seen: Unverified) -> AccessToken {
///     seen.into()
/// }
/// ```
struct ClaimsThatNobodyChecked;

/// What was decrypted in place of what was verified.
///
/// ```
/// use countersign_jose::{AccessToken, Verified};
/// fn open(_: &Verified<AccessToken>) {}
/// fn call(token: &Verified<AccessToken>) {
///     open(token);
/// }
/// ```
/// ```compile_fail,E0308
/// use countersign_jose::{AccessToken, Verified, jwe::Decrypted};
/// fn open(_: &Verified<AccessToken>) {}
/// fn call(token: &Decrypted) {
///     open(token);
/// }
/// ```
struct DecryptedAsProof;

/// The payload of a JSON form before anybody said whose signatures are needed.
///
/// ```
/// use countersign_jose::{Error, jws::Report};
/// fn read<'r>(report: &'r Report<'_>) -> Result<&'r [u8], Error> {
///     report.all()
/// }
/// ```
/// ```compile_fail,E0616
/// use countersign_jose::jws::Report;
/// fn read<'r>(report: &'r Report<'_>) -> &'r [u8] {
///     &report.payload
/// }
/// ```
struct PayloadUnasked;

/// A kind of token with rules of its own making.
///
/// ```
/// use countersign_jose::{Policy, Profile};
/// fn any<P: Profile>(_: &Policy<P>) {}
/// ```
/// ```compile_fail,E0277
/// use countersign_jose::Profile;
/// struct Lax;
/// impl Profile for Lax {}
/// ```
struct KindOfOnesOwn;

/// An algorithm that signs nothing.
///
/// ```
/// use countersign_jose::Algorithm;
/// let _ = Algorithm::ES256;
/// ```
/// ```compile_fail,E0599
/// use countersign_jose::Algorithm;
/// let _ = Algorithm::None;
/// ```
struct NoAlgorithm;

/// A public key as a secret, and a key for decrypting among those that verify.
///
/// ```
/// use countersign_jose::{Algorithm, Jwk, KeySet, VerifyingKey};
/// fn keys(jwk: &Jwk, secret: &[u8]) -> Option<KeySet> {
///     let public = VerifyingKey::from_jwk(jwk).ok()?;
///     Some(KeySet::new([public, VerifyingKey::from_secret(Algorithm::HS256, secret).ok()?]))
/// }
/// ```
/// ```compile_fail,E0308
/// use countersign_jose::{Algorithm, Jwk, VerifyingKey};
/// fn key(jwk: &Jwk) -> Option<VerifyingKey> {
///     VerifyingKey::from_secret(Algorithm::HS256, jwk).ok()
/// }
/// ```
/// ```compile_fail,E0271
/// use countersign_jose::{DecryptionKey, KeySet};
/// fn keys(key: DecryptionKey) -> KeySet {
///     KeySet::new([key])
/// }
/// ```
/// ```compile_fail,E0599
/// use countersign_jose::{Error, VerifyingKey};
/// fn forge(key: &VerifyingKey) -> Result<Vec<u8>, Error> {
///     key.sign(b"message")
/// }
/// ```
struct KeyForSomethingElse;

/// A private key in a document by accident.
///
/// ```
/// use countersign_jose::Jwk;
/// fn publish(key: &Jwk) -> Option<String> {
///     serde_json::to_string(key).ok()
/// }
/// ```
/// ```compile_fail,E0277
/// use countersign_jose::PrivateJwk;
/// fn publish(key: &PrivateJwk) -> Option<String> {
///     serde_json::to_string(key).ok()
/// }
/// ```
/// ```compile_fail,E0277
/// use countersign_jose::SigningKey;
/// fn publish(key: &SigningKey) -> Option<String> {
///     serde_json::to_string(key).ok()
/// }
/// ```
/// ```compile_fail,E0308
/// use countersign_jose::{JwkSet, PrivateJwk};
/// fn publish(key: PrivateJwk) -> JwkSet {
///     JwkSet { keys: vec![key] }
/// }
/// ```
struct PrivateKeyInPublic;

/// Claims of one token beside the buffer of the next.
///
/// ```
/// use countersign_jose::{AccessToken, Buffer, Error, KeySet, Policy, Timestamp};
/// fn both(policy: &Policy<AccessToken>, keys: &KeySet, now: Timestamp) -> Result<(), Error> {
///     let mut buffer = Buffer::new();
///     policy.verify_in(keys, "a.b.c", now, &mut buffer)?.subject().map(drop);
///     policy.verify_in(keys, "d.e.f", now, &mut buffer)?.subject().map(drop);
///     Ok(())
/// }
/// ```
/// ```compile_fail,E0499
/// use countersign_jose::{AccessToken, Buffer, Error, KeySet, Policy, Timestamp};
/// fn both(policy: &Policy<AccessToken>, keys: &KeySet, now: Timestamp) -> Result<(), Error> {
///     let mut buffer = Buffer::new();
///     let first = policy.verify_in(keys, "a.b.c", now, &mut buffer)?;
///     policy.verify_in(keys, "d.e.f", now, &mut buffer)?.subject().map(drop);
///     first.subject().map(drop);
///     Ok(())
/// }
/// ```
struct ClaimsOfTheTokenBefore;
