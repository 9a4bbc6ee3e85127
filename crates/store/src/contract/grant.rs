//! Grants and consents are kept as they were given.

use std::sync::Arc;

use countersign_protocol::authorization_details::AuthorizationDetails;
use countersign_protocol::claims_request::Asked;
use countersign_protocol::grant::{EndReason, Grant, Sender};
use countersign_protocol::grant_details::GrantDetails;
use countersign_protocol::{authorization_code, refresh_family};

use super::samples::{
    Checked, NOW, begin, code, details, grant, later, moment, pending_grant, redeem, rotate, scope,
    stored, token,
};
use crate::store::{CodeOutcome, Consent, GrantSelector, NewGrant, RotationOutcome, Store};

pub(super) async fn comes_back_as_it_was_stored(store: Arc<dyn Store>) -> Checked {
    let odd = Grant {
        subject: "o'brien \u{1f600}\0".into(),
        scope: scope(""),
        audience: vec!["https://a.example/\"quoted\"".into(), String::new()],
        amr: Vec::new(),
        session_id: None,
        sender: Sender::Certificate("x5t".into()),
        generation: u64::from(u32::MAX) * 1_000,
        ..grant(3)
    };
    let bound = Grant { sender: Sender::Dpop("jkt".into()), ..pending_grant(4) };
    let detailed = Grant { details: details(), ..grant(5) };
    let grants = [grant(1), pending_grant(2), odd, bound, detailed];
    begin(&*store, grants.clone()).await?;
    for before in grants {
        assert_eq!(store.grant(before.id).await?, Some(before));
    }
    assert_eq!(store.grant(grant(9).id).await?, None);
    Ok(())
}

pub(super) async fn is_begun_once(store: Arc<dyn Store>) -> Checked {
    begin(&*store, [grant(1)]).await?;
    let other = Grant { subject: "mallory".into(), ..grant(1) };
    let again =
        store.begin_grant(NewGrant { grant: other, remember: true, follow_session: false }).await;
    assert!(again.is_err(), "an id names one grant");
    assert_eq!(stored(&*store, 1).await?, grant(1));
    assert_eq!(store.consent("mallory", "shop").await?, Consent::default());
    Ok(())
}

pub(super) async fn lists_are_newest_first_and_limited(store: Arc<dyn Store>) -> Checked {
    let bobs = Grant { subject: "bob".into(), client_id: "bank".into(), ..grant(3) };
    let detached = Grant { session_id: None, ..grant(4) };
    begin(&*store, [grant(2), grant(1), bobs, detached]).await?;
    let one = GrantSelector::One(grant(2).id);
    store.end_grants(one.clone(), EndReason::UserRevoked, moment(NOW)).await?;
    let table: [(GrantSelector, usize, &[u8]); 8] = [
        (GrantSelector::All, 10, &[4, 3, 2, 1]),
        (GrantSelector::All, 2, &[4, 3]),
        (GrantSelector::All, 0, &[]),
        (one, usize::MAX, &[2]),
        (GrantSelector::Subject("alice".into()), 10, &[4, 2, 1]),
        (GrantSelector::Client("bank".into()), 10, &[3]),
        (GrantSelector::Session("sid-1".into()), 10, &[3, 2, 1]),
        (GrantSelector::Subject("nobody".into()), 10, &[]),
    ];
    for (selector, limit, expected) in table {
        let found = store.grants(selector.clone(), limit).await?;
        let found: Vec<_> = found.iter().map(|grant| grant.id).collect();
        let expected: Vec<_> = expected.iter().map(|number| grant(*number).id).collect();
        assert_eq!(found, expected, "{selector:?}, at most {limit}");
    }
    Ok(())
}

pub(super) async fn details_stay_through_code_and_refresh(store: Arc<dyn Store>) -> Checked {
    let wide = Some(AuthorizationDetails::read(r#"[{"type":"other"}]"#).expect("well-formed"));
    begin(&*store, [Grant { details: details(), ..pending_grant(1) }]).await?;
    let more = authorization_code::Presented { authorization_details: wide.clone(), ..code() };
    let refused = redeem(&*store, 1, more, later(1)).await?;
    assert!(matches!(refused, CodeOutcome::Refused(_)), "{refused:?}");
    let same = Some(details().authorization_details);
    let same = authorization_code::Presented { authorization_details: same, ..code() };
    let CodeOutcome::Redeemed { grant, .. } = redeem(&*store, 1, same, later(1)).await? else {
        panic!("it asks for no more than what was granted");
    };
    assert_eq!(grant.details, details());
    let more = refresh_family::Presented { authorization_details: wide, ..token(1) };
    let refused = rotate(&*store, 1, more, later(2)).await?;
    let RotationOutcome::Refused(why) = refused else { panic!("{refused:?}") };
    assert_eq!(why, refresh_family::Refusal::DetailsNotGranted);
    let RotationOutcome::Rotated(grant) = rotate(&*store, 1, token(1), later(2)).await? else {
        panic!("the refused request has changed nothing");
    };
    assert_eq!(grant.details, details());
    assert_eq!(stored(&*store, 1).await?.details, details());
    Ok(())
}

pub(super) async fn consent_is_remembered_when_wanted(store: Arc<dyn Store>) -> Checked {
    assert_eq!(store.consent("alice", "shop").await?, Consent::default());
    begin(&*store, [grant(1)]).await?;
    assert_eq!(store.consent("alice", "shop").await?, Consent::default(), "not wanted");
    let second = Grant { scope: scope("openid email"), ..grant(2) };
    store.begin_grant(NewGrant { grant: second, remember: true, follow_session: false }).await?;
    let consent = store.consent("alice", "shop").await?;
    assert_eq!(consent.scope, scope("email openid"));
    assert_eq!(consent.audience, ["https://api.example"]);
    assert_eq!(store.consent("bob", "shop").await?, Consent::default());
    assert_eq!(store.consent("alice", "bank").await?, Consent::default());
    Ok(())
}

pub(super) async fn consent_grows_only_by_what_was_agreed_to(store: Arc<dyn Store>) -> Checked {
    let steps = [
        ("read", "a", ("read", "a")),
        ("write", "a", ("read write", "a")),
        ("read", "a", ("read write", "a")),
        ("read write", "b", ("read write", "a b")),
        ("write", "b", ("read write", "a b")),
        // At `c` nothing but deleting was allowed, and deleting nowhere else.
        ("delete", "c", ("delete", "c")),
        ("delete read", "a c", ("delete read", "a c")),
        ("read", "b", ("read", "b")),
    ];
    for ((asked, at, (remembered, there)), number) in steps.into_iter().zip(1..) {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let grant = Grant { scope: scope(asked), audience: words(at), ..grant(number) };
        store.begin_grant(NewGrant { grant, remember: true, follow_session: false }).await?;
        let (scope, audience) = (scope(remembered), words(there));
        let expected = Consent { scope, audience, ..Consent::default() };
        assert_eq!(store.consent("alice", "shop").await?, expected, "{asked} at {at}");
    }
    Ok(())
}

pub(super) async fn consent_to_single_claims_adds_up(store: Arc<dyn Store>) -> Checked {
    let details = |claims: &str| GrantDetails {
        claims: Asked::read(claims).expect("samples are well-formed").claims,
        ..details()
    };
    let steps = [
        (r#"{"userinfo":{"email":null}}"#, "openid", vec!["email"]),
        (r#"{"id_token":{"name":null}}"#, "openid profile", vec!["email", "name"]),
        ("{}", "openid", vec!["email", "name"]),
    ];
    for ((claims, words, expected), number) in steps.into_iter().zip(1..) {
        let grant = Grant { details: details(claims), scope: scope(words), ..grant(number) };
        store.begin_grant(NewGrant { grant, remember: true, follow_session: false }).await?;
        let known = store.consent("alice", "shop").await?.claims;
        assert_eq!(known.iter().collect::<Vec<_>>(), expected, "{claims}");
    }
    Ok(())
}

pub(super) async fn consent_goes_when_the_person_takes_a_grant_back(
    store: Arc<dyn Store>,
) -> Checked {
    let remember =
        |grant| store.begin_grant(NewGrant { grant, remember: true, follow_session: false });
    remember(grant(1)).await?;
    remember(Grant { client_id: "bank".into(), ..grant(2) }).await?;
    let session = GrantSelector::Session("sid-1".into());
    store.end_grants(session, EndReason::SignedOut, moment(NOW)).await?;
    assert_ne!(store.consent("alice", "shop").await?, Consent::default());

    remember(grant(3)).await?;
    remember(grant(4)).await?;
    let other = GrantSelector::One(grant(4).id);
    store.end_grants(other, EndReason::ClientRevoked, moment(later(1))).await?;
    assert_ne!(store.consent("alice", "shop").await?, Consent::default(), "the client's doing");
    let one = GrantSelector::One(grant(3).id);
    store.end_grants(one, EndReason::UserRevoked, moment(later(1))).await?;
    assert_eq!(store.consent("alice", "shop").await?, Consent::default());
    assert_ne!(store.consent("alice", "bank").await?, Consent::default());
    Ok(())
}

pub(super) async fn consent_that_grows_too_long_starts_again(store: Arc<dyn Store>) -> Checked {
    let first = Grant { scope: scope(&"a".repeat(1_500)), ..grant(1) };
    let second = Grant { scope: scope(&"b".repeat(1_500)), ..grant(2) };
    store.begin_grant(NewGrant { grant: first, remember: true, follow_session: false }).await?;
    store.begin_grant(NewGrant { grant: second, remember: true, follow_session: false }).await?;
    assert_eq!(store.consent("alice", "shop").await?.scope, scope(&"b".repeat(1_500)));
    Ok(())
}

pub(super) async fn consents_are_listed_and_forgotten_one_by_one(store: Arc<dyn Store>) -> Checked {
    for (number, client_id) in [(1, "shop"), (2, "bank")] {
        let grant = Grant { client_id: client_id.into(), ..grant(number) };
        store.begin_grant(NewGrant { grant, remember: true, follow_session: false }).await?;
    }
    let clients = async |store: &dyn Store| -> Result<Vec<String>, crate::StoreError> {
        Ok(store.consents("alice").await?.into_iter().map(|(client_id, _)| client_id).collect())
    };
    assert_eq!(clients(&*store).await?, ["bank", "shop"]);
    assert_eq!(store.consents("bob").await?, []);
    store.forget_consent("alice", "shop").await?;
    assert_eq!(clients(&*store).await?, ["bank"]);
    assert!(stored(&*store, 1).await?.ended.is_none(), "what was granted goes on");
    store.forget_consent("alice", "shop").await
}
