//! Passwords: Argon2id, a few at a time.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

/// Memory in KiB, passes, and lanes: of the equally strong choices in OWASP's password storage
/// advice the one with the most memory. It is also more than the C library keeps for reuse, so it
/// goes back to the system after each sign-in.
const MEMORY_KIB: u32 = 46 * 1_024;
const PASSES: u32 = 1;
const LANES: u32 = 1;
/// Longer passwords are not hashed, in bytes.
pub(crate) const PASSWORD_MAX_BYTES: usize = 1_024;
/// Sign-ins that may wait for their turn; more are turned away.
const WAITING_MAX: usize = 256;

/// Hashes and checks passwords on as many threads as there are processors, so that a storm of
/// sign-ins can't starve the token endpoint.
#[derive(Debug)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    decoy: String,
}

/// Too many sign-ins are waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

impl Passwords {
    /// A pool for this machine.
    pub(crate) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            turns: Arc::new(Semaphore::new(processors)),
            waiting: Arc::new(Semaphore::new(WAITING_MAX)),
            decoy: DECOY.to_owned(),
        }
    }

    /// Whether `password` is the one of `hash`. Without a hash the same work is done, so that
    /// the time does not tell whether an account exists.
    ///
    /// # Errors
    /// [`Busy`] when too many are waiting.
    pub(crate) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, Busy> {
        if password.len() > PASSWORD_MAX_BYTES {
            return Ok(false);
        }
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let matches = self.run(move || verify_now(&password, &hash)).await?;
        Ok(matches && known)
    }

    /// Takes all places, as a storm of sign-ins would.
    #[cfg(test)]
    pub(crate) fn fill_up(&self) -> tokio::sync::OwnedSemaphorePermit {
        let all = u32::try_from(WAITING_MAX).unwrap();
        Arc::clone(&self.waiting).try_acquire_many_owned(all).unwrap()
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let place = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| Busy)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| Busy)?;
        // Whoever asked may hang up, but the work goes on: it keeps its turn until it is done.
        let work = move || (work(), turn, place).0;
        tokio::task::spawn_blocking(work).await.map_err(|_| Busy)
    }
}

/// A hash of random bytes that nobody kept, with today's parameters.
const DECOY: &str = "$argon2id$v=19$m=47104,t=1,p=1$Yb0Q5rZrk3hVqg0fXnWc6A$\
    1m0yZ2o1lB0i5rX3m8yC1s6iGd2bq0Yk2V7b5o7yP3E";

/// Hashes a password for storing: a PHC string.
///
/// # Panics
/// Never: the parameters are fixed and good.
#[must_use]
pub fn hash(password: &str) -> String {
    argon2()
        .hash_password(password.as_bytes())
        .expect("the parameters are valid and there is randomness")
        .to_string()
}

/// Whether a password belongs to a PHC string. Takes tens of milliseconds.
#[must_use]
pub fn verify_now(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|parsed| argon2().verify_password(password.as_bytes(), &parsed).is_ok())
}

/// Whether text is a password hash that can be checked here.
#[must_use]
pub fn is_hash(text: &str) -> bool {
    text.starts_with("$argon2id$") && PasswordHash::new(text).is_ok()
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are valid");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_accepts_its_own_password_only() {
        let stored = hash("correct horse");
        assert!(stored.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"), "{stored}");
        assert!(is_hash(&stored) && is_hash(DECOY) && !is_hash("correct horse"));
        assert!(verify_now("correct horse", &stored));
        assert!(!verify_now("correct horse ", &stored));
        assert_ne!(stored, hash("correct horse"), "each hash has its own salt");
    }

    #[tokio::test]
    async fn an_unknown_account_costs_the_same_work_and_never_opens() {
        let passwords = Passwords::new();
        assert_eq!(passwords.verify("x".into(), None).await, Ok(false));
        assert_eq!(passwords.verify("y".into(), Some(hash("y"))).await, Ok(true));
        let long = "z".repeat(PASSWORD_MAX_BYTES + 1);
        assert_eq!(passwords.verify(long.clone(), Some(hash(&long))).await, Ok(false));
    }

    #[tokio::test]
    async fn work_keeps_its_turn_when_nobody_waits_for_it_any_more() {
        let passwords = Arc::new(Passwords::new());
        let turns = passwords.turns.available_permits();
        let (finish, finished) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let asking = Arc::clone(&passwords);
        let asked = tokio::spawn(async move {
            asking
                .run(move || {
                    let _ = begin.send(());
                    let _ = finished.recv();
                })
                .await
        });
        begun.await.unwrap();
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        assert_eq!(passwords.turns.available_permits(), turns - 1, "hanging up frees no turn");
        finish.send(()).unwrap();
        let back = passwords.turns.acquire_many(u32::try_from(turns).unwrap());
        assert!(tokio::time::timeout(std::time::Duration::from_secs(10), back).await.is_ok());
    }
}
