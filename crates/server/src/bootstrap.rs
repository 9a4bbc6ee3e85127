//! From a configuration to a running server: store, keys, declared users and clients.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign_protocol::account::{Account, canonical_username};
use countersign_protocol::client::Client;
use countersign_protocol::keyring::KeyringError;
use countersign_protocol::random;
use countersign_protocol::seal::WrongMasterKey;
use countersign_store::sqlite::SqliteStore;
use countersign_store::{Moment, Store, StoreError};
use tokio::sync::watch;

use crate::app::{App, Parts};
use crate::client_secret::put_with_secret;
use crate::config::{ClientCertificates, Config, DeclaredUser};
use crate::master_key::{Master, MasterKeyError, Source};
use crate::metrics::Metrics;
use crate::oauth::sender::SenderConstraint;
use crate::passwords;
use crate::process::{self, SystemRandom};
use crate::self_registration::SelfRegistration;
use crate::web::outbound::{CaFileError, Outbound};
use crate::{jobs, keys, listen};

/// Why the server can't start. Each is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data folder can't be made or used.
    #[error(
        "the data folder {path} can't be used ({}): make it a folder that this user can write to, \
         or choose another", .reason.kind()
    )]
    DataFolder {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        reason: std::io::Error,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The master key.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The master key is not the one that sealed the database.
    #[error(
        "the master key is not the one that this database was sealed with: put the right key back \
         (nothing was changed)"
    )]
    WrongMasterKey,
    /// A stored or new key can't be used.
    #[error("a signing key can't be used: {0}")]
    Key(countersign_jose::Error),
    /// The certificates to trust can't be read.
    #[error("outbound.ca_file {path} can't be used ({reason}): give a file of PEM certificates")]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The address.
    #[error(transparent)]
    Listen(#[from] listen::ListenError),
}

impl From<WrongMasterKey> for StartError {
    fn from(_: WrongMasterKey) -> Self {
        Self::WrongMasterKey
    }
}

impl From<CaFileError> for StartError {
    fn from(CaFileError { path, reason }: CaFileError) -> Self {
        Self::CaFile { path, reason }
    }
}

impl From<KeyringError> for StartError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Key(error) => Self::Key(error),
            _ => Self::WrongMasterKey,
        }
    }
}

/// An opened store and the key that opens its secrets.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Arc<SqliteStore>,
    /// The master key.
    pub master: Arc<Master>,
}

/// Opens the store of a data folder, making both at the first start.
///
/// # Errors
/// [`StartError`]; nothing is overwritten.
pub fn open(data_dir: &Path, source: Source) -> Result<Opened, StartError> {
    std::fs::create_dir_all(data_dir)
        .map_err(|reason| StartError::DataFolder { path: data_dir.to_owned(), reason })?;
    let database = data_dir.join("countersign.db");
    let master = Master::open(source, database.exists())?;
    let store = SqliteStore::open(&database)?;
    Ok(Opened { store: Arc::new(store), master: Arc::new(master) })
}

/// Makes the application's state: keys, secrets, what the configuration declares.
pub(crate) async fn assemble(
    config: &Config,
    opened: &Opened,
    sign_in_hint: Option<String>,
    stopping: watch::Receiver<bool>,
) -> Result<Arc<App>, StartError> {
    let Opened { store, master } = opened;
    let key_settings = config.key_settings();
    let keys = keys::first(key_settings, &**store, master).await??;
    let lifetimes = config.lifetimes();
    let moment = Moment::new(process::now(), &lifetimes);
    store.note_access_token(lifetimes.access_token, moment.now).await?;
    for client in &config.clients {
        let secret = config.client_secrets.of(&client.client_id);
        declare_client(&**store, master, client.clone(), secret, moment).await?;
    }
    let outbound = Outbound::new(&config.outbound, &config.issuer)?;
    let mut metrics = Metrics::new();
    let counted = Arc::clone(store);
    let help = "Transactions that the store has committed, each with one write to the disk";
    metrics.count_with("store_commits", help, move || counted.commits());
    let counted = Arc::clone(store);
    let help = "Questions that the store was asked, beside its transactions";
    metrics.count_with("store_reads", help, move || counted.reads());
    let app = App::new(Parts {
        issuer: config.issuer.clone(),
        lifetimes,
        fast_forward_until: config.fast_forward_until(),
        trusted_proxies: config.server.trusted_proxies.clone(),
        outbound,
        master: Arc::clone(master),
        offer: config.offer(),
        self_registration: SelfRegistration::new(config),
        trusted_issuers: config.trusted_issuers.clone(),
        sender_constraint: sender_constraint(config),
        authorization: config.authorization.clone(),
        keys,
        algorithms: config.algorithms(),
        key_settings,
        metrics,
        sign_in_hint,
        stopping,
        store: Arc::clone(store) as Arc<dyn Store>,
    });
    let app = Arc::new(app.map_err(StartError::Key)?);
    // Before the first request: a server that just came up must not take a revoked token.
    jobs::apply_revocations(&app, None).await?;
    Ok(app)
}

/// What is asked of senders.
fn sender_constraint(config: &Config) -> SenderConstraint {
    let header = config.server.client_certificate_header.as_deref();
    SenderConstraint {
        nonces: config.dpop.nonces,
        // What is not the name of a header was refused with the configuration.
        certificate_header: header.and_then(|name| name.parse().ok()),
        certificates_verified: config.server.client_certificates == ClientCertificates::Verified,
    }
}

/// Adds a declared client or brings it up to date. One that was disabled by command stays so until
/// it is enabled by command: a restart must not let it in again.
async fn declare_client(
    store: &dyn Store,
    master: &Master,
    declared: Client,
    secret: Option<&str>,
    moment: Moment,
) -> Result<(), StoreError> {
    let known = store.client(&declared.client_id).await?;
    let disabled = declared.disabled || known.is_some_and(|known| known.disabled);
    let declared = Client { disabled, ..declared };
    match secret {
        Some(secret) => put_with_secret(store, master, declared, secret, moment).await?,
        None => store.put_client(declared, moment).await?,
    };
    Ok(())
}

/// Brings the declared users up to date, beside the first answers, since passwords take their
/// time. Nobody can sign in before it is done.
pub(crate) async fn declare_users(app: Arc<App>, users: Vec<DeclaredUser>) {
    for user in &users {
        if let Err(error) = declare_user(app.store(), user, app.moment()).await {
            tracing::error!(username = user.username, %error, "a declared user was not stored");
        }
    }
    app.users_declared.send_replace(true);
}

/// Adds a declared user or brings it up to date. A password that has not changed is not hashed
/// anew: that would end all of the user's sessions at every start.
async fn declare_user(
    store: &dyn Store,
    user: &DeclaredUser,
    moment: Moment,
) -> Result<(), StoreError> {
    let Some(username) = canonical_username(&user.username) else { return Ok(()) };
    let known = store.account_named(&username).await?;
    let known_hash = known.as_ref().and_then(|account| account.password_hash.clone());
    let password_hash = match (&user.password_hash, &user.password) {
        (Some(hash), _) => Some(hash.clone()),
        (None, Some(password)) => {
            let (password, known_hash) = (password.clone(), known_hash);
            let hashed = tokio::task::spawn_blocking(move || match known_hash {
                Some(hash) if passwords::verify_now(&password, &hash) => hash,
                _ => passwords::hash(&password),
            });
            hashed.await.ok()
        }
        (None, None) => known_hash,
    };
    let subject = known.as_ref().map(|account| account.subject.clone());
    let account = Account {
        subject: subject.unwrap_or_else(|| random::identifier(&SystemRandom)),
        username,
        password_hash,
        // An account that was closed by command stays closed until it is opened by command.
        disabled: user.disabled || known.as_ref().is_some_and(|known| known.disabled),
        claims: user.claims.clone(),
    };
    if known.as_ref() != Some(&account) {
        store.put_account(account, moment).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use countersign_protocol::grant::EndReason;
    use countersign_protocol::lifetimes::revocation_horizon;
    use countersign_store::{GrantSelector, NewGrant};

    use super::*;
    use crate::fixture::Fixture;

    /// The first start gives tokens an hour, the second a minute: those of the first are alive.
    #[tokio::test]
    async fn a_shorter_lifetime_at_the_next_start_forgets_no_revocation_early() {
        let site = Fixture::open().await;
        let lifetime = "COUNTERSIGN__TOKENS__ACCESS_TOKEN_S";
        let first = site.start_again(&[(lifetime, "3600")]).await;
        let second = site.start_again(&[(lifetime, "60")]).await;
        assert_eq!(second.lifetimes.access_token, Duration::from_secs(60));
        drop(first);
        let grant = site.grant("alice");
        let new = NewGrant { grant: grant.clone(), remember: false, follow_session: false };
        second.store().begin_grant(new).await.unwrap();
        let (one, moment) = (GrantSelector::One(grant.id), second.moment());
        let ended = second.store().end_grants(one, EndReason::UserRevoked, moment).await.unwrap();
        let hour = Duration::from_secs(3_600);
        assert_eq!(ended.expires_at, revocation_horizon(hour, moment.now));
    }

    #[tokio::test]
    async fn what_was_disabled_by_command_stays_so_at_the_next_start() {
        let site = Fixture::open().await;
        let web = site.app.client("web").await.unwrap().unwrap();
        let disabled = Client { disabled: true, ..(*web).clone() };
        site.app.store().put_client(disabled, site.app.moment()).await.unwrap();
        let again = site.start_again(&[]).await;
        assert!(again.client("web").await.unwrap().is_none());
        // And is not published anew each time.
        let events = again.store().revocations_after(0, 10).await.unwrap().unwrap();
        assert_eq!(events.len(), 1);
    }
}
