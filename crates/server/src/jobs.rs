//! What the server does by itself while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign_protocol::Timestamp;
use countersign_protocol::revocation::{CLOCK_SET_BACK, ISSUE_NOTED_EVERY, RevokedKind};
use countersign_store::StoreError;
use countersign_verify::Revoked;
use tokio::time::Instant;

use crate::app::App;
use crate::keys;
use crate::master_key::Master;
use crate::process;

/// How often dead rows are forgotten.
const SWEEP_EVERY: Duration = Duration::from_secs(600);
/// How soon it is noticed that the clock was set back.
const LOOK_AT_CLOCK: Duration = Duration::from_millis(100);
/// After a failure the store is asked again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// So often it is noted that nothing has happened.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);
/// Revocations that are read from the store at a time.
const READ_MAX: usize = 1_000;

/// A server that has not read the revocations for so long says of no token that it is good.
const FOLLOWED_MAX: Duration = Duration::from_secs(2);

/// Up to when this server knows the revocations in its store.
#[derive(Debug)]
pub(crate) struct LastFollowed {
    origin: Instant,
    /// Milliseconds after the origin, plus one; 0 before the job that follows has begun.
    at: AtomicU64,
}

impl LastFollowed {
    pub(crate) fn new() -> Self {
        Self { origin: Instant::now(), at: AtomicU64::new(0) }
    }

    /// What was committed before this moment is known.
    fn note(&self, moment: Instant) {
        let millis = moment.saturating_duration_since(self.origin).as_millis();
        self.at.store(u64::try_from(millis).unwrap_or(u64::MAX - 1) + 1, Ordering::Release);
    }

    /// Whether other processes may have revoked for long what is not known here.
    pub(crate) fn is_too_long_ago(&self) -> bool {
        let at = self.at.load(Ordering::Acquire).checked_sub(1).map(Duration::from_millis);
        at.is_some_and(|at| self.origin.elapsed().saturating_sub(at) > FOLLOWED_MAX)
    }
}

/// Loads the live revocations, then follows the store: revocations go into the deny set, changed
/// keys into the keyring, whichever process changed them.
pub(crate) async fn follow_store(app: Arc<App>, master: Arc<Master>) {
    let mut position = app.position.clone();
    let (mut applied, mut catalogue) = (None, position.borrow().catalogue);
    app.followed_at.note(Instant::now());
    loop {
        // In this order: the position says all that had happened by then.
        let looked_at = Instant::from_std(app.store().looked_at());
        let newest = *position.borrow_and_update();
        let step = async {
            // The keys first: none that was revoked signs any more when its revocation is told.
            if catalogue != newest.catalogue {
                keys::reload(&app, &master).await?;
                catalogue = newest.catalogue;
            }
            // One reading has an upper limit. The place may also lie beyond the newest that was
            // told, and then there is nothing to read on for.
            while applied < Some(newest.revocation) {
                let before = applied;
                applied = Some(apply_revocations(&app, applied).await?);
                if applied == before {
                    break;
                }
            }
            Ok::<_, StoreError>(())
        };
        if let Err(error) = step.await {
            tracing::error!(code = error.code(), %error, "the store could not be followed");
            tokio::time::sleep(RETRY_AFTER).await;
            continue;
        }
        // What was read beyond it may rest on keys that have not been read.
        app.followed.send_replace(applied.unwrap_or_default().min(newest.revocation));
        app.followed_at.note(looked_at);
        if let Ok(Err(_)) = tokio::time::timeout(FOLLOW_EVERY, position.changed()).await {
            return;
        }
    }
}

/// Brings the deny set up to date and answers the place that it has reached.
pub(crate) async fn apply_revocations(app: &App, applied: Option<u64>) -> Result<u64, StoreError> {
    let known = match applied {
        Some(seq) => {
            app.store().revocations_after(seq, READ_MAX).await?.map(|events| (seq, events))
        }
        None => None,
    };
    let (seq, events) = match known {
        Some(known) => known,
        None => {
            let snapshot = app.store().snapshot(app.time_to_forget()).await?;
            (snapshot.seq, snapshot.events)
        }
    };
    for event in &events {
        let id = &*event.id;
        let revoked = match event.kind {
            RevokedKind::Token => Revoked::Token(id),
            RevokedKind::Grant => Revoked::Grant(id),
            RevokedKind::Client => {
                let issued_until = event.issued_until.unwrap_or(u64::MAX);
                Revoked::Client { client_id: id, issued_until }
            }
            RevokedKind::Key => Revoked::Key(id),
        };
        app.denied.insert(revoked, Timestamp::from_secs(event.expires_at));
    }
    Ok(events.last().map_or(seq, |event| event.seq.max(seq)))
}

/// Has the store know until when tokens were issued: now and then, and at once when the clock is
/// set back. A client that is revoked after that loses the tokens from before it as well.
pub(crate) async fn note_issues(app: Arc<App>) {
    let (mut noted, mut noted_at) = (Timestamp::default(), Instant::now());
    loop {
        tokio::time::sleep(LOOK_AT_CLOCK).await;
        let latest = app.latest_issue();
        let set_back = latest > process::now().plus(CLOCK_SET_BACK);
        if latest <= noted || !(set_back || noted_at.elapsed() >= ISSUE_NOTED_EVERY) {
            continue;
        }
        match app.store().note_access_token(app.lifetimes.access_token, latest).await {
            Ok(()) => (noted, noted_at) = (latest, Instant::now()),
            Err(error) => {
                tracing::error!(code = error.code(), %error, "the last issue was not noted");
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}

/// Forgets what can't matter any more, now and then.
pub(crate) async fn sweep(app: Arc<App>) {
    let mut tick = tokio::time::interval(SWEEP_EVERY);
    loop {
        tick.tick().await;
        let now = app.time_to_forget();
        app.denied.prune(now);
        app.prune_verified_tokens(now);
        match app.store().sweep(app.lifetimes.clone(), now).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "dead rows were forgotten"),
            Err(error) => tracing::error!(code = error.code(), %error, "sweeping failed"),
        }
        match app.forget_unused_clients(now).await {
            Ok(0) => {}
            Ok(clients) => tracing::info!(clients, "clients that nobody used were forgotten"),
            Err(error) => tracing::error!(code = error.code(), %error, "sweeping failed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode, header};
    use countersign_jose::{AccessToken, jwt};
    use countersign_protocol::ErrorCode;
    use countersign_protocol::grant::{EndReason, Grant};
    use countersign_protocol::keyring;
    use countersign_protocol::lifetimes::CLOCK_STEP_MAX;
    use countersign_protocol::scope::Scope;
    use countersign_store::{GrantSelector, NewGrant};

    use super::*;
    use crate::fixture::Fixture;

    #[tokio::test]
    async fn more_revocations_at_once_than_one_reading_takes_are_all_followed() {
        let site = Fixture::open().await;
        let app = &site.app;
        let denied = async |grant: &Grant| {
            let id = grant.id.to_string();
            for _ in 0..500 {
                let token = AccessToken { grant_id: Some(id.clone()), ..AccessToken::default() };
                if app.denied.is_revoked((&token).into(), process::now()) {
                    return true;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            false
        };
        let end = async |selector| {
            app.store().end_grants(selector, EndReason::OperatorRevoked, app.moment()).await
        };
        let job = follow_store(Arc::clone(app), Arc::clone(&site.master));
        let job = tokio::spawn(job);
        // One before the others, so that the job has its place in the order.
        let first = site.grant("bob");
        app.store()
            .begin_grant(NewGrant { grant: first.clone(), remember: false, follow_session: false })
            .await
            .unwrap();
        end(GrantSelector::One(first.id)).await.unwrap();
        assert!(denied(&first).await);
        let grants: Vec<_> = (0..=READ_MAX).map(|_| site.grant("alice")).collect();
        let mut begun = tokio::task::JoinSet::new();
        for grant in grants.clone() {
            let app = Arc::clone(app);
            let new = NewGrant { grant, remember: false, follow_session: false };
            begun.spawn(async move { app.store().begin_grant(new).await.unwrap() });
        }
        begun.join_all().await;
        let ended = end(GrantSelector::Subject("alice".into())).await.unwrap();
        assert_eq!(ended.grants.len(), grants.len());
        for grant in &grants {
            assert!(denied(grant).await, "{} is followed", grant.id);
        }
        job.abort();
    }

    /// What another process revokes meanwhile is not known here.
    #[tokio::test]
    async fn a_server_that_does_not_follow_its_store_vouches_for_no_token() {
        let site = Fixture::open().await;
        let app = &site.app;
        let job = tokio::spawn(follow_store(Arc::clone(app), Arc::clone(&site.master)));
        let key = app.signing_key(keyring::DEFAULT_ALGORITHM).await.unwrap();
        let audience = ["https://api.example".to_owned()];
        let claims = app.issuing(process::now());
        let claims = claims.access_token_for_client("web", &Scope::default(), &audience);
        let good = jwt::sign(&key, AccessToken::TYPE, &claims).unwrap();
        // Longer than without a look: each of them counts, also if nothing has happened.
        for _ in 0..5 {
            tokio::time::sleep(FOLLOWED_MAX / 4).await;
            assert!(app.verify_access_token(&good, process::now()).unwrap().is_some());
        }
        job.abort();
        tokio::time::sleep(FOLLOWED_MAX + Duration::from_millis(100)).await;
        let refused = app.verify_access_token(&good, process::now()).unwrap_err();
        assert_eq!(refused.code, ErrorCode::TemporarilyUnavailable);
        for token in [&good, "junk"] {
            let api = "Basic YXBpOmErc2VjcmV0K29mK3RoZStBUEklMjdzK2NsaWVudA==";
            let request = Request::post("/introspect")
                .header(header::AUTHORIZATION, api)
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(Body::from(format!("token={token}")));
            let answer = site.send(request.unwrap()).await;
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{token:.8}");
        }
    }

    /// A token of the client credentials belongs to no grant: only its time of issue tells that it
    /// is older than the revocation of its client.
    #[tokio::test]
    async fn a_clock_that_is_set_back_hides_no_token_from_the_revocation_of_its_client() {
        let site = Fixture::open().await;
        let app = &site.app;
        let before = process::now().plus(CLOCK_STEP_MAX);
        let claims = app.issuing(before).access_token_for_client("api", &Scope::default(), &[]);
        let job = tokio::spawn(note_issues(Arc::clone(app)));
        let revoked = async || {
            let api = GrantSelector::Client("api".into());
            let reason = EndReason::OperatorRevoked;
            app.deny(&app.store().end_grants(api, reason, app.moment()).await.unwrap());
            app.denied.is_revoked((&claims).into(), process::now())
        };
        let deadline = Instant::now() + Duration::from_secs(5);
        while !revoked().await {
            assert!(Instant::now() < deadline, "the time of issue is noted");
            tokio::time::sleep(LOOK_AT_CLOCK).await;
        }
        job.abort();
    }
}
