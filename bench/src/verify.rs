//! `bench verify`: what an API pays for a token: seen for the first time and seen before, with few
//! and with many revocations, on one thread and on two.

mod issuer;

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use countersign_jose::{AccessToken, Algorithm, SigningKey, Timestamp, jwt};
use countersign_verify::Verifier;
use serde_json::{Value, json};

use crate::clock;
use crate::output::{Options, json_line, rounded};
use crate::rounds::median;
use issuer::Issuer;

const AUDIENCE: &str = "https://api.example.com/orders";
const DENY_SETS: [u64; 3] = [0, 10_000, 1_000_000];
const THREADS: [usize; 2] = [1, 2];
/// Tokens in use at a time, for each thread; they come in turn.
const TOKENS: usize = 256;
/// How long one measurement of one round lasts.
const TURN: Duration = Duration::from_millis(40);
const DEFAULT_ROUNDS: u64 = 11;

pub(crate) fn run(words: &[String]) -> Result<(), String> {
    let options = Options::parse(words, &["rounds"])?;
    let rounds = options.number("rounds", (5, 200))?.unwrap_or(DEFAULT_ROUNDS) as usize;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let mut contestants = Vec::new();
    for revocations in DENY_SETS {
        eprintln!("preparing {revocations} revocations");
        contestants.push(runtime.block_on(Contestant::new(revocations, true))?);
    }
    contestants.push(runtime.block_on(Contestant::new(0, false))?);
    let rows = measure(&contestants, rounds);
    for row in &rows {
        if options.json {
            json_line(&row.to_json(rounds));
        } else {
            println!("{row}");
        }
    }
    drop(contestants);
    runtime.shutdown_background();
    Ok(())
}

/// A verifier, and tokens that it accepts.
struct Contestant {
    revocations: u64,
    remembers: bool,
    verifier: Verifier,
    /// A list for each thread.
    tokens: Vec<Vec<String>>,
    loaded_in: Duration,
}

impl Contestant {
    async fn new(revocations: u64, remembers: bool) -> Result<Self, String> {
        let key = SigningKey::generate(Algorithm::RS256).map_err(|error| error.to_string())?;
        let public = key.public_jwk().ok_or("no public key")?;
        let jwks = json!({ "keys": [public] }).to_string();
        let issuer = Issuer::bind().await?;
        let url = issuer.url.clone();
        issuer.serve(jwks, revocations, now().as_secs() + 7200);
        let begun = Instant::now();
        let cache = if remembers { 64 << 20 } else { 0 };
        let verifier = Verifier::discover(&url, AUDIENCE)
            .revocations("api", "secret")
            .token_cache(cache)
            .start()
            .map_err(|error| error.to_string())?;
        let ready = tokio::time::timeout(Duration::from_secs(60), verifier.ready());
        ready.await.map_err(|_| "the verifier was not ready within a minute".to_owned())?;
        let loaded_in = begun.elapsed();
        let list = |thread: usize| -> Result<Vec<String>, String> {
            (0..TOKENS).map(|number| token(&key, &url, &format!("t-{thread}-{number}"))).collect()
        };
        let tokens = (0..THREADS.len()).map(list).collect::<Result<Vec<_>, _>>()?;
        let contestant = Self { revocations, remembers, verifier, tokens, loaded_in };
        contestant.prove(&key, &url)?;
        Ok(contestant)
    }

    /// What is timed accepts good tokens and refuses others.
    fn prove(&self, key: &SigningKey, issuer: &str) -> Result<(), String> {
        for token in self.tokens.iter().flatten() {
            self.verifier.verify_now(token, now()).map_err(|error| error.to_string())?;
        }
        if self.revocations > 0 {
            // The revocation of number 0 names a token.
            let revoked = token(key, issuer, &format!("{:032x}", 0))?;
            for _ in 0..2 {
                match self.verifier.verify_now(&revoked, now()) {
                    Err(countersign_verify::Error::Revoked) => {}
                    other => return Err(format!("a revoked token: {other:?}")),
                }
            }
        }
        let hits = self.verifier.metrics().cached;
        if self.tokens.iter().flatten().any(|token| self.verifier.verify_now(token, now()).is_err())
        {
            return Err("a token was refused the second time".to_owned());
        }
        let remembered = self.verifier.metrics().cached > hits;
        if remembered == self.remembers { Ok(()) } else { Err("the cache is not as set".into()) }
    }

    /// Nanoseconds for one check on each of `threads` threads, and checks a second on all.
    fn time(&self, threads: usize) -> (f64, f64) {
        let barrier = Barrier::new(threads);
        let counts: Vec<(u64, Duration)> = std::thread::scope(|scope| {
            let barrier = &barrier;
            let work = |tokens| {
                scope.spawn(move || {
                    barrier.wait();
                    self.check_for_a_turn(tokens)
                })
            };
            let lists = self.tokens[..threads].iter().map(Vec::as_slice);
            let handles: Vec<_> = lists.map(work).collect();
            handles.into_iter().map(|handle| handle.join().expect("no panic")).collect()
        });
        let per_second: f64 =
            counts.iter().map(|(count, took)| *count as f64 / took.as_secs_f64()).sum();
        (threads as f64 * 1e9 / per_second, per_second)
    }

    fn check_for_a_turn(&self, tokens: &[String]) -> (u64, Duration) {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < TURN {
            for token in &tokens[..if self.remembers { TOKENS } else { 16 }] {
                black_box(self.verifier.verify_now(black_box(token), now()))
                    .expect("proven before");
                count += 1;
            }
        }
        (count, start.elapsed())
    }
}

/// Medians over the rounds; in each round everybody has a turn.
fn measure(contestants: &[Contestant], rounds: usize) -> Vec<Row> {
    let turns: Vec<(&Contestant, usize)> =
        contestants.iter().flat_map(|one| THREADS.map(|threads| (one, threads))).collect();
    let mut samples = vec![(Vec::new(), Vec::new()); turns.len()];
    for round in 0..rounds {
        for step in 0..turns.len() {
            let place = (round + step) % turns.len();
            let (contestant, threads) = turns[place];
            let (ns, per_second) = contestant.time(threads);
            samples[place].0.push(ns);
            samples[place].1.push(per_second);
        }
    }
    let mut rows = Vec::new();
    for ((contestant, threads), (ns, per_second)) in turns.into_iter().zip(&mut samples) {
        rows.push(Row {
            cached: contestant.remembers,
            deny_set: contestant.revocations,
            threads,
            ns: median(ns),
            per_second: median(per_second),
            loaded_in: contestant.loaded_in,
        });
    }
    rows
}

struct Row {
    cached: bool,
    deny_set: u64,
    threads: usize,
    ns: f64,
    per_second: f64,
    loaded_in: Duration,
}

impl Row {
    fn to_json(&self, rounds: usize) -> Value {
        json!({
            "bench": if self.cached { "verify-cached" } else { "verify-cold" },
            "alg": "RS256",
            "deny_set": self.deny_set,
            "threads": self.threads,
            "ns": rounded(self.ns),
            "per_second": rounded(self.per_second),
            "ready_ms": rounded(self.loaded_in.as_secs_f64() * 1e3),
            "rounds": rounds,
        })
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seen = if self.cached { "seen before" } else { "first time" };
        let Self { deny_set, threads, ns, per_second, .. } = self;
        let ready = self.loaded_in.as_millis();
        write!(
            f,
            "RS256, {seen}, {deny_set:>7} revocations, threads: {threads}  {ns:>8.0} ns each, \
             {per_second:>10.0} a second  (ready in {ready} ms)"
        )
    }
}

fn token(key: &SigningKey, issuer: &str, id: &str) -> Result<String, String> {
    let now = now().as_secs();
    let claims = AccessToken {
        issuer: issuer.to_owned(),
        subject: "248289761001-7f3a5c1e9b8d4f60".to_owned(),
        audience: vec![AUDIENCE.to_owned()],
        client_id: "storefront-web-production".to_owned(),
        expires_at: now + 7200,
        issued_at: now - 5,
        token_id: id.to_owned(),
        not_before: Some(now - 5),
        scope: Some(
            "openid profile email offline_access orders:read orders:write refunds:read \
             refunds:approve stock:read stock:reserve invoices:read invoices:write"
                .to_owned(),
        ),
        grant_id: Some(format!("0192f4c3-6d11-7c02-8f4b-{id:>012}")),
        auth_time: Some(now - 900),
        ..AccessToken::default()
    };
    jwt::sign(key, AccessToken::TYPE, &claims).map_err(|error| error.to_string())
}

fn now() -> Timestamp {
    Timestamp::from_millis(clock::since_epoch().as_millis() as u64)
}
