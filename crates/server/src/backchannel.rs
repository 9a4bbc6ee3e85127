//! Tells clients that a sign-in session has ended (OpenID Connect Back-Channel Logout 1.0 §2.5).
//! What is to be told was noted in the step that ended the session, and stays in the store until
//! the client has taken it or was asked often enough.

use std::sync::Arc;
use std::time::Duration;

use countersign_jose::LogoutToken;
use countersign_protocol::client::Client;
use countersign_protocol::logout::LogoutNotice;
use countersign_store::StoreError;
use tokio::task::JoinSet;

use crate::app::App;
use crate::process;

/// Notices that are under way at a time, so that a client that answers slowly delays no other.
const AT_A_TIME: usize = 64;
/// A notice that was taken and not settled by then is due again: whoever took it is gone.
const TAKEN_FOR: Duration = Duration::from_secs(60);
/// How often the store is looked at. What ends a session mostly ends grants as well, and is seen at
/// once.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// So much of a client's answer is read; nothing in it counts.
const ANSWER_MAX_BYTES: usize = 16 * 1_024;

/// Delivers notices for as long as the server runs.
pub(crate) async fn deliver(app: Arc<App>) {
    let mut position = app.position.clone();
    let mut under_way = JoinSet::new();
    loop {
        let room = AT_A_TIME - under_way.len();
        match take(&app, room).await {
            Ok(notices) => {
                for notice in notices {
                    let app = Arc::clone(&app);
                    under_way.spawn(async move { settle(&app, &notice).await });
                }
            }
            Err(error) => {
                tracing::error!(code = error.code(), %error, "notices of logout can't be read");
            }
        }
        tokio::select! {
            Some(_) = under_way.join_next() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            moved = position.changed() => if moved.is_err() { return },
        }
    }
}

async fn take(app: &App, room: usize) -> Result<Vec<LogoutNotice>, StoreError> {
    if room == 0 {
        return Ok(Vec::new());
    }
    let now = process::now();
    app.store().take_logout_notices(now, now.plus(TAKEN_FOR), room).await
}

/// Tells one client, and notes how it went.
async fn settle(app: &App, notice: &LogoutNotice) {
    let client_id = &notice.client_id;
    let (result, again_at) = match tell(app, notice).await {
        Ok(Told::Taken) => ("taken", None),
        Ok(Told::NotWanted) => ("not_wanted", None),
        Err(why) => {
            let again_at = notice.next_attempt(process::now());
            let given_up = again_at.is_none();
            tracing::warn!(
                client_id,
                attempt = notice.attempts,
                why,
                given_up,
                "a client did not take a logout"
            );
            (if given_up { "given_up" } else { "failed" }, again_at)
        }
    };
    app.metrics.told_of_logout(result);
    if let Err(error) = app.store().settle_logout_notice(notice.id, again_at).await {
        tracing::error!(code = error.code(), %error, "a notice of logout can't be settled");
    }
}

enum Told {
    Taken,
    /// The client is gone, or has no address for it any more.
    NotWanted,
}

async fn tell(app: &App, notice: &LogoutNotice) -> Result<Told, String> {
    let client = app.client(&notice.client_id).await.map_err(|error| error.to_string())?;
    let Some(client) = client else { return Ok(Told::NotWanted) };
    let Some(uri) = &client.backchannel_logout_uri else { return Ok(Told::NotWanted) };
    let token = sign(app, &client, notice).await?;
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", &token)
        .finish();
    let form = "application/x-www-form-urlencoded";
    let answer = app.outbound.post(uri, form, body.into(), ANSWER_MAX_BYTES).await;
    let status = answer.map_err(|error| error.to_string())?.status;
    // §2.8 asks for 200; many answer 204.
    if status.is_success() { Ok(Told::Taken) } else { Err(format!("it answered {status}")) }
}

/// Signed as the client's id tokens are (§2.4).
async fn sign(app: &App, client: &Client, notice: &LogoutNotice) -> Result<String, String> {
    let keys = app.keys.load_full();
    let person = notice.person(client, &keys.subjects);
    let claims = notice.token(&app.issuer, &person, process::now());
    let token = (LogoutToken::TYPE, &claims);
    let signing = app.sign_for_client(client, client.id_token_algorithm(), token);
    signing.await.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;
    use countersign_jose::Policy;
    use countersign_protocol::keyring;
    use tokio::sync::mpsc;

    use super::*;
    use crate::fixture::Fixture;
    use crate::remote_site::RemoteSite;

    /// A client's end: it gives each body that it is sent, and answers with these statuses in turn.
    async fn client(answers: &'static [u16]) -> (RemoteSite, mpsc::UnboundedReceiver<String>) {
        let (got, bodies) = mpsc::unbounded_channel();
        let count = Arc::new(AtomicUsize::new(0));
        let take = move |body: String| {
            let status = answers[count.fetch_add(1, Ordering::SeqCst)];
            got.send(body).unwrap();
            async move { StatusCode::from_u16(status).unwrap() }
        };
        (RemoteSite::start(Router::new().route("/logout", post(take))).await, bodies)
    }

    fn registered(url: &str) -> String {
        format!(
            "[[client]]\nclient_id = \"rp\"\nclient_secret = \"a secret of the party\"\n\
             redirect_uris = [\"https://web.example/cb\"]\nbackchannel_logout_uri = \"{url}\"\n"
        )
    }

    /// Alice signs in, goes to the client, and signs out.
    async fn sign_in_and_out(site: &Fixture) -> String {
        let session = site.sign_in("alice").await;
        let request = site.authorize(&[]).replace("client_id=web", "client_id=rp");
        let back = site.agree(&session, &request).await;
        assert!(back.get("code").is_some(), "{back:?}");
        let signed_out = site.submit("/logout", &session, &[]).await;
        assert!(signed_out.status().is_success(), "{}", signed_out.status());
        session
    }

    fn read(site: &Fixture, body: &str) -> LogoutToken {
        let token = body.strip_prefix("logout_token=").expect("one parameter");
        let policy = Policy::logout_token(&site.app.issuer, "rp", keyring::ALGORITHMS).unwrap();
        let keys = site.app.keys.load();
        policy.verify(keys.keyring.verification(), token, process::now()).unwrap().into_inner()
    }

    async fn next(bodies: &mut mpsc::UnboundedReceiver<String>) -> String {
        tokio::time::timeout(Duration::from_secs(20), bodies.recv()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_client_hears_who_signed_out_of_which_session_until_it_has_taken_it() {
        let (party, mut bodies) = client(&[500, 204]).await;
        let site = Fixture::open_with(&registered(&party.url("/logout"))).await;
        let job = tokio::spawn(deliver(Arc::clone(&site.app)));
        sign_in_and_out(&site).await;
        let first = read(&site, &next(&mut bodies).await);
        assert_eq!(first.subject.as_deref(), Some(&*site.alice().await.subject));
        let second = read(&site, &next(&mut bodies).await);
        assert_eq!((&second.token_id, &second.session_id), (&first.token_id, &first.session_id));
        job.abort();
        let _ended = job.await;
        // The answer was given before it could be noted, so the job may have ended in between.
        assert!(left(&site).await <= 1);
    }

    #[tokio::test]
    async fn a_client_with_pairwise_subjects_hears_the_names_that_it_knows() {
        let (party, mut bodies) = client(&[204]).await;
        let pairwise = registered(&party.url("/logout")) + "subject_type = \"pairwise\"\n";
        let site = Fixture::open_with(&pairwise).await;
        let job = tokio::spawn(deliver(Arc::clone(&site.app)));
        let session = site.sign_in("alice").await;
        let session_id = site.session(&session).await.id;
        let request = site.authorize(&[]).replace("client_id=web", "client_id=rp");
        site.agree(&session, &request).await;
        site.submit("/logout", &session, &[]).await;
        let told = read(&site, &next(&mut bodies).await);
        job.abort();
        let rp = site.app.client("rp").await.unwrap().unwrap();
        let keys = site.app.keys.load();
        let (subject, alice) = (told.subject.unwrap(), site.alice().await.subject);
        assert_eq!(subject, keys.subjects.subject(&rp, &alice));
        assert_eq!(told.session_id.unwrap(), keys.subjects.session(&rp, &session_id));
        assert!(subject != alice && !told.token_id.contains(&session_id));
    }

    /// How many are still to be told, looked at from a time when everything is due.
    async fn left(site: &Fixture) -> usize {
        let at = process::now().plus(Duration::from_secs(86_400));
        site.app.store().take_logout_notices(at, at, 10).await.unwrap().len()
    }

    #[tokio::test]
    async fn what_was_not_delivered_is_delivered_after_a_restart() {
        let (party, mut bodies) = client(&[200]).await;
        let site = Fixture::open_with(&registered(&party.url("/logout"))).await;
        sign_in_and_out(&site).await;
        let again = site.start_again(&[]).await;
        let job = tokio::spawn(deliver(again));
        assert!(next(&mut bodies).await.starts_with("logout_token="));
        job.abort();
    }

    #[tokio::test]
    async fn clients_in_the_browser_are_opened_in_frames_before_it_goes_on() {
        let site = Fixture::open_with(
            "[[client]]\nclient_id = \"rp\"\nclient_secret = \"a secret of the party\"\n\
             redirect_uris = [\"https://web.example/cb\"]\n\
             post_logout_redirect_uris = [\"https://web.example/bye\"]\n\
             frontchannel_logout_uri = \"https://web.example/out\"\n\
             frontchannel_logout_session_required = true\n",
        )
        .await;
        let session = site.sign_in("alice").await;
        let request = site.authorize(&[]).replace("client_id=web", "client_id=rp");
        site.agree(&session, &request).await;
        let bye = "client_id=rp&post_logout_redirect_uri=https%3A%2F%2Fweb.example%2Fbye";
        let page = site.submit("/logout", &session, &[("request", bye)]).await;
        let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.ends_with("; frame-src https://web.example"), "{policy}");
        let html = crate::fixture::body(page).await;
        assert!(html.contains("<iframe src=\"https://web.example/out?iss="), "{html}");
        assert!(html.contains("&#38;sid="), "{html}");
        assert!(html.contains("content=\"3; url=https://web.example/bye\""), "{html}");
        let again = site.submit("/logout", &session, &[("request", bye)]).await;
        assert_eq!(crate::fixture::location(&again), "https://web.example/bye", "nobody to tell");
    }
}
