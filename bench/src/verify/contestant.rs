//! A verifier that has loaded revocations, and tokens that it accepts.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use countersign_jose::{AccessToken, Algorithm, SigningKey};
use countersign_verify::{Error, Verifier};
use serde_json::json;

use super::issuer::Issuer;
use super::peer::Verify;
use super::revoked::{Revoked, client_id, token_id};
use super::tokens::{AUDIENCE, bad, claims, now, sign};
use super::{THREADS, TURN};

/// Tokens in use at a time, for each thread; they come in turn.
const TOKENS: u64 = 256;
/// Where each takes so long that a turn has room for a few.
const FEW_TOKENS: usize = 16;
/// Tokens that are good have numbers from here on, and nothing revokes them.
const GOOD: u64 = 1 << 32;

pub(super) struct Contestant {
    pub(super) revoked: Revoked,
    /// Whether it keeps the tokens that it has verified.
    pub(super) remembers: bool,
    /// From its start to its first answer.
    pub(super) loaded_in: Duration,
    pub(super) snapshot_bytes: usize,
    verifier: Verifier,
    key: SigningKey,
    issuer: String,
    /// A list for each thread.
    tokens: Vec<Vec<String>>,
}

impl Contestant {
    pub(super) async fn new(revoked: Revoked, remembers: bool) -> Result<Self, String> {
        let key = SigningKey::generate(Algorithm::RS256).map_err(|error| error.to_string())?;
        let public = key.public_jwk().ok_or("no public key")?;
        let jwks = json!({ "keys": [public] }).to_string();
        let listener = Issuer::bind().await?;
        let issuer = listener.url.clone();
        let snapshot = revoked.snapshot(now().as_secs());
        let text = serde_json::to_string(&snapshot).map_err(|error| error.to_string())?;
        let snapshot_bytes = text.len();
        listener.serve(jwks, snapshot.seq, text);
        drop(snapshot);
        let begun = Instant::now();
        let cache = if remembers { 64 << 20 } else { 0 };
        let verifier = Verifier::discover(&issuer, AUDIENCE)
            .revocations("api", "secret")
            .token_cache(cache)
            .start()
            .map_err(|error| error.to_string())?;
        let ready = tokio::time::timeout(Duration::from_secs(60), verifier.ready());
        ready.await.map_err(|_| "the verifier was not ready within a minute".to_owned())?;
        let loaded_in = begun.elapsed();
        let list = |thread: usize| -> Result<Vec<String>, String> {
            let first = GOOD + thread as u64 * TOKENS;
            let token = |number| {
                let claims = claims(&issuer, token_id(number), number);
                sign(&key, AccessToken::TYPE, &claims)
            };
            (first..first + TOKENS).map(token).collect()
        };
        let tokens = (0..THREADS.len()).map(list).collect::<Result<Vec<_>, _>>()?;
        let contestant =
            Self { revoked, remembers, loaded_in, snapshot_bytes, verifier, key, issuer, tokens };
        contestant.prove()?;
        Ok(contestant)
    }

    /// What is timed accepts good tokens and refuses others, also the second time.
    fn prove(&self) -> Result<(), String> {
        self.prove_side("the verifier", |token| {
            self.verifier.verify_now(token, now()).map(drop).map_err(|error| error.to_string())
        })?;
        let refuses = |claims: &AccessToken| {
            let token = sign(&self.key, AccessToken::TYPE, claims)?;
            for _ in 0..2 {
                match self.verifier.verify_now(&token, now()) {
                    Err(Error::Revoked) => {}
                    other => return Err(format!("a revoked token: {other:?}")),
                }
            }
            Ok(())
        };
        if self.revoked.ids > 0 {
            refuses(&claims(&self.issuer, token_id(0), GOOD))?;
        }
        if self.revoked.clients > 0 {
            let claims = claims(&self.issuer, token_id(GOOD), GOOD);
            refuses(&AccessToken { client_id: client_id(0), ..claims })?;
        }
        let hits = self.verifier.metrics().cached;
        if self.tokens.iter().flatten().any(|token| self.verifier.verify_now(token, now()).is_err())
        {
            return Err("a token was refused the second time".to_owned());
        }
        let remembered = self.verifier.metrics().cached > hits;
        if remembered == self.remembers { Ok(()) } else { Err("the cache is not as set".into()) }
    }

    /// Nobody is timed who does less than the others.
    fn prove_side(
        &self,
        name: &str,
        verify: impl Fn(&str) -> Result<(), String>,
    ) -> Result<(), String> {
        for token in self.tokens.iter().flatten() {
            verify(token).map_err(|reason| format!("{name} refuses: {reason}"))?;
        }
        for (fault, token) in bad(&self.key, &claims(&self.issuer, token_id(GOOD), GOOD))? {
            if verify(&token).is_ok() {
                return Err(format!("{name} accepts a token with {fault}"));
            }
        }
        Ok(())
    }

    /// The peer, for the very same tokens; `None` if it was not built.
    pub(super) fn peer(&self) -> Result<Option<Verify>, String> {
        let peer = super::peer::verify(&self.key, &self.issuer)?;
        if let Some(verify) = &peer {
            self.prove_side(super::peer::NAME, verify)?;
        }
        Ok(peer)
    }

    /// Nanoseconds for one check by the peer.
    pub(super) fn time_peer(&self, verify: &Verify) -> f64 {
        let (count, took) = for_a_turn(&self.tokens[0][..FEW_TOKENS], |token| {
            verify(black_box(token)).expect("proven before");
        });
        took.as_secs_f64() * 1e9 / count as f64
    }

    /// Nanoseconds for one check on each of `threads` threads.
    pub(super) fn time(&self, threads: usize) -> f64 {
        let barrier = Barrier::new(threads);
        let counts: Vec<(u64, Duration)> = std::thread::scope(|scope| {
            let barrier = &barrier;
            let work = |tokens| {
                scope.spawn(move || {
                    barrier.wait();
                    for_a_turn(tokens, |token| {
                        black_box(self.verifier.verify_now(black_box(token), now()))
                            .expect("proven before");
                    })
                })
            };
            let count = if self.remembers { TOKENS as usize } else { FEW_TOKENS };
            let lists = self.tokens[..threads].iter().map(|tokens| &tokens[..count]);
            let handles: Vec<_> = lists.map(work).collect();
            handles.into_iter().map(|handle| handle.join().expect("no panic")).collect()
        });
        let per_second: f64 =
            counts.iter().map(|(count, took)| *count as f64 / took.as_secs_f64()).sum();
        threads as f64 * 1e9 / per_second
    }
}

/// All tokens in turn, until the time is over: how often, and in which time.
fn for_a_turn(tokens: &[String], check: impl Fn(&str)) -> (u64, Duration) {
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < TURN {
        tokens.iter().for_each(|token| check(token));
        count += tokens.len() as u64;
    }
    (count, start.elapsed())
}
