//! Sign-in sessions.

use std::sync::Arc;

use countersign_protocol::grant::Grant;
use countersign_protocol::session::Session;

use super::samples::{Checked, NOW, grant, later, moment, scope, session};
use crate::store::{NewGrant, Store};

pub(super) async fn lives_from_begin_to_end(store: Arc<dyn Store>) -> Checked {
    assert_eq!(store.session([1; 32]).await?, None);
    store.begin_session(session(1)).await?;
    assert_eq!(store.session([1; 32]).await?, Some(session(1)));
    let twin = Session { subject: "mallory".into(), ..session(1) };
    assert!(store.begin_session(twin).await.is_err(), "a secret names one session");
    assert_eq!(store.session([1; 32]).await?, Some(session(1)));
    store.end_session([1; 32], NOW).await?;
    assert_eq!(store.session([1; 32]).await?, None);
    // Ending what is not there is no failure.
    store.end_session([1; 32], NOW).await
}

pub(super) async fn a_renewed_one_keeps_its_name_for_the_same_person_only(
    store: Arc<dyn Store>,
) -> Checked {
    store.begin_session(session(1)).await?;
    store.replace_session([1; 32], session(2), NOW).await?;
    assert_eq!(store.session([1; 32]).await?, None);
    let renewed = Session { id: session(1).id, ..session(2) };
    assert_eq!(store.session([2; 32]).await?, Some(renewed));
    let bobs = Session { subject: "bob".into(), ..session(3) };
    store.replace_session([2; 32], bobs.clone(), NOW).await?;
    assert_eq!(store.session([2; 32]).await?, None);
    assert_eq!(store.session([3; 32]).await?, Some(bobs));
    // Of two that replace the same one, the later finds it gone and stands on its own.
    store.replace_session([1; 32], session(4), NOW).await?;
    assert_eq!(store.session([4; 32]).await?, Some(session(4)));
    Ok(())
}

pub(super) async fn signing_out_ends_it_and_its_grants_in_one_step(
    store: Arc<dyn Store>,
) -> Checked {
    store.begin_session(session(1)).await?;
    let of = |id: &str| Some(id.to_owned());
    let offline = scope("offline_access openid");
    for grant in [
        Grant { session_id: of(&session(1).id), ..grant(1) },
        Grant { session_id: of(&session(1).id), scope: offline, ..grant(2) },
        Grant { session_id: of(&session(2).id), ..grant(3) },
    ] {
        store.begin_grant(NewGrant { grant, remember: false, follow_session: false }).await?;
    }
    assert_eq!(store.sign_out([2; 32], moment(NOW)).await?.grants, [], "nobody is signed in there");
    assert_eq!(store.sign_out([1; 32], moment(NOW)).await?.grants, [grant(1).id]);
    assert_eq!(store.session([1; 32]).await?, None);
    let published = store.snapshot(NOW).await?.events;
    assert_eq!(published.len(), 1);
    assert_eq!(published[0].id, grant(1).id.to_string());
    assert_eq!(store.sign_out([1; 32], moment(NOW)).await?.grants, []);
    Ok(())
}

pub(super) async fn a_touch_never_goes_back_and_never_revives(store: Arc<dyn Store>) -> Checked {
    store.begin_session(session(1)).await?;
    for (at, expected) in [(later(60), later(60)), (later(30), later(60)), (NOW, later(60))] {
        store.touch_session([1; 32], at).await?;
        let touched = Session { last_seen_at: expected, ..session(1) };
        assert_eq!(store.session([1; 32]).await?, Some(touched));
    }
    store.end_session([1; 32], NOW).await?;
    store.touch_session([1; 32], later(90)).await?;
    assert_eq!(store.session([1; 32]).await?, None);
    Ok(())
}

pub(super) async fn lists_are_newest_first_and_of_one_person(store: Arc<dyn Store>) -> Checked {
    for (number, seconds) in [(1, 20), (2, 40), (3, 30)] {
        store.begin_session(Session { auth_time: later(seconds), ..session(number) }).await?;
    }
    store.begin_session(Session { subject: "bob".into(), ..session(4) }).await?;
    let sessions = store.sessions_of("alice").await?;
    let ids: Vec<_> = sessions.iter().map(|session| session.id.as_str()).collect();
    assert_eq!(ids, ["sid-2", "sid-3", "sid-1"]);
    assert_eq!(store.sessions_of("nobody").await?, []);
    Ok(())
}
