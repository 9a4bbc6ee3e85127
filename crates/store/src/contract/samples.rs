//! What the rules are tried on.

use std::sync::Arc;
use std::time::Duration;

use countersign_jose::Algorithm;
use countersign_protocol::account::Account;
use countersign_protocol::authorization_code;
use countersign_protocol::authorization_details::AuthorizationDetails;
use countersign_protocol::claims_request::Asked;
use countersign_protocol::client::Client;
use countersign_protocol::grant::{Grant, GrantId, PendingCode, Sender};
use countersign_protocol::grant_details::GrantDetails;
use countersign_protocol::key_schedule::{self, KeyLife, KeyUse, Wish};
use countersign_protocol::keyring::SealedKey;
use countersign_protocol::lifetimes::Lifetimes;
use countersign_protocol::refresh_family;
use countersign_protocol::revocation::Revocation;
use countersign_protocol::scope::Scope;
use countersign_protocol::session::Session;
use countersign_protocol::{Timestamp, revocation::RevokedKind};
use tokio::sync::Barrier;

use crate::error::StoreError;
use crate::store::{
    CodeOutcome, KeyChange, Moment, NewGrant, RotationOutcome, RotationRequest, Store,
};

/// What a rule answers.
pub(crate) type Checked = Result<(), StoreError>;

pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// How many do the same at once.
pub(crate) const MANY: usize = 64;

/// `seconds` after [`NOW`].
pub(crate) fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

pub(crate) fn moment(now: Timestamp) -> Moment {
    Moment::new(now, &Lifetimes::default())
}

pub(crate) fn scope(text: &str) -> Scope {
    Scope::parse(text).expect("samples are well-formed")
}

/// A grant of alice for the shop, at generation 1.
pub(crate) fn grant(number: u8) -> Grant {
    let lifetimes = Lifetimes::default();
    Grant {
        id: GrantId::from_bytes([number; 16]),
        subject: "alice".into(),
        client_id: "shop".into(),
        scope: scope("openid profile"),
        audience: vec!["https://api.example".into()],
        auth_time: NOW.minus(Duration::from_secs(5)),
        amr: vec!["pwd".into()],
        session_id: Some("sid-1".into()),
        sender: Sender::Bearer,
        generation: 1,
        rotated_at: NOW,
        created_at: NOW,
        idle_expires_at: NOW.plus(lifetimes.refresh_idle),
        expires_at: NOW.plus(lifetimes.refresh_absolute),
        ended: None,
        pending: None,
        details: GrantDetails::default(),
    }
}

/// What few grants have.
pub(crate) fn details() -> GrantDetails {
    let claims = r#"{"userinfo":{"email":{"value":"a'b"}},"id_token":{"name":null}}"#;
    let details = r#"[{"type":"payment","amount":{"value":"1.50"}}]"#;
    GrantDetails {
        acr: Some("1".into()),
        claims: Asked::read(claims).expect("samples are well-formed").claims,
        authorization_details: AuthorizationDetails::read(details)
            .expect("samples are well-formed"),
    }
}

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A grant whose code has not been redeemed.
pub(crate) fn pending_grant(number: u8) -> Grant {
    Grant {
        generation: 0,
        idle_expires_at: later(60),
        expires_at: later(60),
        pending: Some(PendingCode {
            redirect_uri: "https://shop.example/cb".into(),
            code_challenge: Some(CHALLENGE.into()),
            nonce: Some("n-1".into()),
            dpop_jkt: None,
        }),
        ..grant(number)
    }
}

/// What the shop presents with the code of [`pending_grant`].
pub(crate) fn code() -> authorization_code::Presented {
    authorization_code::Presented {
        client_id: "shop".into(),
        redirect_uri: Some("https://shop.example/cb".into()),
        code_verifier: Some(VERIFIER.into()),
        sender: Sender::Bearer,
        confidential: false,
        refreshable: true,
        resources: Vec::new(),
        authorization_details: None,
    }
}

/// What the shop, a public client here, presents with a refresh token.
pub(crate) fn token(generation: u64) -> refresh_family::Presented {
    refresh_family::Presented {
        generation,
        client_id: "shop".into(),
        confidential: false,
        keeps: false,
        sender: Sender::Bearer,
        scope: None,
        resources: Vec::new(),
        authorization_details: None,
    }
}

pub(crate) fn settings() -> refresh_family::Settings {
    let lifetimes = Lifetimes::default();
    refresh_family::Settings {
        retry_window: Duration::from_secs(10),
        idle: lifetimes.refresh_idle,
        fast_forward_until: None,
    }
}

pub(crate) fn client(client_id: &str) -> Client {
    let json = format!(r#"{{"client_id":"{client_id}","resources":["https://api.example"]}}"#);
    serde_json::from_str(&json).expect("samples are well-formed")
}

pub(crate) fn account(name: &str) -> Account {
    let claims = serde_json::json!({ "name": name, "roles": ["buyer"] });
    Account {
        subject: name.into(),
        username: format!("{name}@example"),
        password_hash: Some("$argon2id$first".into()),
        disabled: false,
        claims: claims.as_object().cloned().unwrap_or_default(),
    }
}

pub(crate) fn session(number: u8) -> Session {
    Session {
        secret_hash: [number; 32],
        id: format!("sid-{number}"),
        subject: "alice".into(),
        auth_time: NOW,
        last_seen_at: NOW,
        user_agent: "Browser/1".into(),
    }
}

pub(crate) fn signing_key(kid: &str, algorithm: Algorithm) -> SealedKey {
    let life = KeyLife::new(kid.into(), KeyUse::Signature(algorithm), NOW, false);
    SealedKey { life, sealed: kid.as_bytes().to_vec() }
}

/// What the keys' schedule says at `now`, with these keys to choose from.
pub(crate) fn key_change(wish: Wish, candidates: Vec<SealedKey>, now: Timestamp) -> KeyChange {
    let uses = vec![KeyUse::Signature(Algorithm::ES256), KeyUse::Signature(Algorithm::Ed25519)];
    let settings = key_schedule::Settings::default();
    KeyChange { wish, uses, settings, candidates, now }
}

/// Begins these grants, without remembering a consent.
pub(crate) async fn begin(
    store: &dyn Store,
    grants: impl IntoIterator<Item = Grant>,
) -> Result<(), StoreError> {
    for grant in grants {
        store.begin_grant(NewGrant { grant, remember: false, follow_session: false }).await?;
    }
    Ok(())
}

/// The grant with this number, which has to be there.
pub(crate) async fn stored(store: &dyn Store, number: u8) -> Result<Grant, StoreError> {
    let found = store.grant(grant(number).id).await?;
    Ok(found.expect("the grant is in the store"))
}

pub(crate) async fn redeem(
    store: &dyn Store,
    number: u8,
    presented: authorization_code::Presented,
    now: Timestamp,
) -> Result<CodeOutcome, StoreError> {
    let id = grant(number).id;
    store.redeem_code(id, presented, Lifetimes::default(), now).await?.committed().await
}

pub(crate) async fn rotate(
    store: &dyn Store,
    number: u8,
    presented: refresh_family::Presented,
    now: Timestamp,
) -> Result<RotationOutcome, StoreError> {
    let request = RotationRequest { grant: grant(number).id, presented, settings: settings() };
    store.rotate(request, moment(now)).await?.committed().await
}

/// Everything that was ever published; nothing may have been forgotten.
pub(crate) async fn published(store: &dyn Store) -> Result<Vec<Revocation>, StoreError> {
    let events = store.revocations_after(0, usize::MAX).await?;
    Ok(events.expect("nothing was forgotten"))
}

/// The grants that were published as ended, in order.
pub(crate) async fn published_grants(store: &dyn Store) -> Result<Vec<GrantId>, StoreError> {
    let events = published(store).await?;
    let of_grants = events.iter().filter(|event| event.kind == RevokedKind::Grant);
    Ok(of_grants.map(|event| event.id.parse().expect("it names a grant")).collect())
}

/// Does the same [`MANY`] times at once. Answers what each got.
pub(crate) async fn at_once<T, Doing>(
    store: &Arc<dyn Store>,
    act: impl Fn(Arc<dyn Store>, usize) -> Doing,
) -> Result<Vec<T>, StoreError>
where
    T: Send + 'static,
    Doing: Future<Output = Result<T, StoreError>> + Send + 'static,
{
    let start = Arc::new(Barrier::new(MANY));
    let tasks: Vec<_> = (0..MANY)
        .map(|place| {
            let (doing, start) = (act(Arc::clone(store), place), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                doing.await
            })
        })
        .collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.expect("no one panics here")?);
    }
    Ok(results)
}
