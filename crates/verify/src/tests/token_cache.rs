//! Tokens that were verified before: faster, and refused for the same reasons as ever.

use std::{sync::Arc, time::Duration};

use countersign_jose::{Algorithm, Error as TokenError, KeySet, Policy, Timestamp, jwt};

use super::{
    describe, eventually, following,
    issuer::{AUDIENCE, Issuer, claims, new_key},
    keys_only, ready,
};
use crate::{AccessToken, Error, TokenCache, clock};

#[tokio::test]
async fn the_second_check_of_a_token_needs_no_signature_and_gives_the_same_caller() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let (token, other) = (issuer.token("t", "g"), issuer.token("u", "g"));
    let first = verifier.verify_now(&token, clock::now()).expect("good");
    assert_eq!(verifier.metrics().cached, 0);
    let second = verifier.verify_now(&token, clock::now()).expect("good");
    assert_eq!(first, second);
    assert_eq!((first.token_id.as_str(), first.key_id()), ("t", second.key_id()));
    let stranger = verifier.verify_now(&other, clock::now()).expect("good");
    assert_eq!(stranger.token_id, "u");
    let metrics = verifier.metrics();
    assert_eq!((metrics.accepted, metrics.cached, metrics.cached_tokens), (3, 1, 2));
}

#[tokio::test]
async fn nothing_that_was_not_verified_is_remembered() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let token = issuer.token("t", "g");
    let (signed, _) = token.rsplit_once('.').expect("three parts");
    let other = issuer.token("u", "g");
    let (_, signature) = other.rsplit_once('.').expect("three parts");
    let forged = format!("{signed}.{signature}");
    for _ in 0..3 {
        let refused = Err(Error::Token(TokenError::BadSignature));
        assert_eq!(verifier.verify_now(&forged, clock::now()), refused);
    }
    let late = clock::now().plus(Duration::from_secs(100_000));
    for _ in 0..3 {
        let refused = Err(Error::Token(TokenError::Expired));
        assert_eq!(verifier.verify_now(&token, late), refused);
    }
    assert_eq!((verifier.metrics().cached, verifier.metrics().cached_tokens), (0, 0));
}

#[tokio::test]
async fn a_remembered_token_is_refused_as_soon_as_it_or_its_grant_is_revoked() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    let (by_id, by_grant) = (issuer.token("a", "g1"), issuer.token("b", "g2"));
    for token in [&by_id, &by_grant] {
        assert!(verifier.verify_now(token, clock::now()).is_ok());
        assert!(verifier.verify_now(token, clock::now()).is_ok());
    }
    assert_eq!(verifier.metrics().cached, 2);
    issuer.revoke("token", "a");
    issuer.revoke("grant", "g2");
    for token in [&by_id, &by_grant] {
        let refused = || verifier.verify_now(token, clock::now()) == Err(Error::Revoked);
        eventually("it is revoked", refused).await;
        assert!(refused(), "and stays so");
    }
}

#[tokio::test]
async fn a_remembered_token_ends_when_it_expires_to_the_millisecond() {
    let issuer = Issuer::start().await;
    let verifier = keys_only(&issuer).await;
    let token = issuer.token("t", "g");
    let caller = verifier.verify_now(&token, clock::now()).expect("good");
    let end = Timestamp::from_secs(caller.expires_at).plus(Duration::from_secs(30));
    let before = end.minus(Duration::from_millis(1));
    assert!(verifier.verify_now(&token, before).is_ok());
    assert_eq!(verifier.verify_now(&token, end), Err(Error::Token(TokenError::Expired)));
    assert_eq!(verifier.metrics().cached_tokens, 0, "it is forgotten");
    // A clock that is set back changes nothing about the token.
    assert!(verifier.verify_now(&token, before).is_ok());
    let too_early = Timestamp::from_secs(caller.issued_at).minus(Duration::from_secs(31));
    let refused = Err(Error::Token(TokenError::IssuedInFuture));
    assert_eq!(verifier.verify_now(&token, too_early), refused);
}

#[tokio::test]
async fn a_remembered_token_is_refused_when_its_key_leaves_the_set() {
    let issuer = Issuer::start().await;
    issuer.script().jwks_headers.push(("cache-control", "no-store"));
    let verifier = keys_only(&issuer).await;
    let token = issuer.token("t", "g");
    assert!(verifier.verify_now(&token, clock::now()).is_ok());
    let next = new_key();
    issuer.script().keys = vec![next];
    let refused = Err(Error::Token(TokenError::UnknownKey));
    eventually("its key is gone", || verifier.verify_now(&token, clock::now()) == refused).await;
    assert_eq!(verifier.metrics().cached_tokens, 0);
}

#[tokio::test]
async fn tokens_of_a_key_that_left_are_forgotten_although_nobody_brings_them_again() {
    let issuer = Issuer::start().await;
    issuer.script().jwks_headers.push(("cache-control", "no-store"));
    let verifier = keys_only(&issuer).await;
    assert!(verifier.verify_now(&issuer.token("t", "g"), clock::now()).is_ok());
    assert_eq!(verifier.metrics().cached_tokens, 1);
    issuer.script().keys = vec![new_key()];
    eventually("it is forgotten", || verifier.metrics().cached_tokens == 0).await;
}

#[tokio::test]
async fn the_memory_for_tokens_is_bounded_and_may_be_none() {
    let issuer = Issuer::start().await;
    let tokens: Vec<_> = (0..400).map(|id| issuer.token(&format!("t{id}"), "g")).collect();
    for (max_bytes, fits) in [(100_000, 1..=60), (0, 0..=0), (u64::MAX, 400..=400)] {
        let built = describe(&issuer).no_revocations().token_cache(max_bytes).start();
        let verifier = built.expect("well described");
        ready(&verifier).await;
        for token in &tokens {
            assert!(verifier.verify_now(token, clock::now()).is_ok());
        }
        let kept = verifier.metrics().cached_tokens;
        assert!(fits.contains(&kept), "{kept} tokens in {max_bytes} bytes");
    }
}

#[tokio::test]
async fn a_twin_of_a_token_is_another_token_and_falls_with_it() {
    let issuer = Issuer::start().await;
    let verifier = following(&issuer).await;
    // Two signatures of the same claims by the same key, as an ECDSA twin would be.
    let (one, two) = (issuer.token("t", "g"), issuer.token("t", "g"));
    assert_ne!(one, two);
    for token in [&one, &two] {
        assert!(verifier.verify_now(token, clock::now()).is_ok());
    }
    assert_eq!(verifier.metrics().cached_tokens, 2);
    issuer.revoke("token", "t");
    for token in [&one, &two] {
        let refused = || verifier.verify_now(token, clock::now()) == Err(Error::Revoked);
        eventually("both are revoked", refused).await;
    }
}

#[test]
fn what_one_policy_verified_another_judges_by_its_own_rules() {
    let key = new_key();
    let keys = Arc::new(KeySet::new([key.verifying_key()]));
    let issuer = "https://id.example";
    let token = jwt::sign(&key, AccessToken::TYPE, &claims(issuer, "t")).expect("a token");
    let policy = |issuer, audience, algorithm| {
        Policy::access_token(issuer, audience, &[algorithm]).expect("well described")
    };
    let own = key.algorithm();
    let cache = TokenCache::new(1 << 20);
    for (other, refusal) in [
        (policy(issuer, AUDIENCE, Algorithm::PS512), TokenError::AlgorithmNotAllowed),
        (policy("https://other.example", AUDIENCE, own), TokenError::Issuer),
        (policy(issuer, "https://other.example", own), TokenError::Audience),
    ] {
        let hits = cache.hits();
        let good = policy(issuer, AUDIENCE, own);
        assert!(cache.verify(&good, &keys, &token, clock::now()).is_ok());
        assert_eq!(cache.verify(&other, &keys, &token, clock::now()), Err(refusal));
        assert_eq!(cache.hits(), hits + 1, "it was the remembered one that was judged");
    }
}

#[test]
fn expired_tokens_are_forgotten_although_nobody_brings_them_again() {
    let key = new_key();
    let keys = Arc::new(KeySet::new([key.verifying_key()]));
    let issuer = "https://id.example";
    let policy =
        Policy::access_token(issuer, AUDIENCE, &[key.algorithm()]).expect("well described");
    let cache = TokenCache::new(1 << 20);
    let now = clock::now();
    let mut expires_at = 0;
    for (id, more) in [("short", 0), ("long", 60)] {
        let mut claims = claims(issuer, id);
        claims.expires_at += more;
        expires_at = claims.expires_at - more;
        let token = jwt::sign(&key, AccessToken::TYPE, &claims).expect("a token");
        assert!(cache.verify(&policy, &keys, &token, now).is_ok());
    }
    let end = Timestamp::from_secs(expires_at);
    for (at, left) in [
        (now, 2),
        (end.minus(Duration::from_millis(1)), 2),
        (end, 1),
        (end.plus(Duration::from_millis(59_999)), 1),
        (end.plus(Duration::from_secs(60)), 0),
    ] {
        cache.prune(&keys, at);
        assert_eq!(cache.len(), left, "at {at:?}");
    }
    assert!(cache.is_empty());
}
