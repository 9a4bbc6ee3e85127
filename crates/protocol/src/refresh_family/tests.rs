//! A test for each row of the rule's table, and for each number that bounds it.

use super::*;
use crate::grant::GrantId;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const SETTINGS: Settings = Settings {
    retry_window: Duration::from_secs(10),
    idle: Duration::from_secs(1_000),
    fast_forward_until: None,
};

fn grant(generation: u64) -> Grant {
    Grant {
        id: GrantId::from_bytes([1; 16]),
        subject: "u1".into(),
        client_id: "spa".into(),
        scope: Scope::parse("openid orders").unwrap(),
        audience: vec!["https://api.example".into()],
        auth_time: NOW,
        amr: vec![],
        session_id: None,
        sender: Sender::Bearer,
        generation,
        rotated_at: NOW,
        created_at: NOW,
        idle_expires_at: NOW.plus(Duration::from_secs(1_000)),
        expires_at: NOW.plus(Duration::from_secs(5_000)),
        ended: None,
        pending: None,
        details: crate::grant_details::GrantDetails::default(),
    }
}

fn presented(generation: u64) -> Presented {
    Presented {
        generation,
        client_id: "spa".into(),
        confidential: false,
        keeps: false,
        sender: Sender::Bearer,
        scope: None,
        resources: vec![],
        authorization_details: None,
    }
}

fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn judge(grant: &Grant, presented: &Presented, now: Timestamp) -> Verdict {
    redeem(Some(grant), presented, &SETTINGS, now)
}

#[test]
fn row_1_an_ended_or_expired_grant_refuses_every_generation() {
    for generation in [4, 5, 6] {
        let mut ended = grant(5);
        ended.ended = Some((NOW, EndReason::UserRevoked));
        let verdict = judge(&ended, &presented(generation), NOW);
        assert_eq!(verdict, Verdict::Refuse(Refusal::Revoked));
        let verdict = judge(&grant(5), &presented(generation), after(1_000));
        assert_eq!(verdict, Verdict::Refuse(Refusal::Expired));
    }
}

#[test]
fn row_2_the_newest_generation_rotates_and_slides_only_the_idle_expiry() {
    let Verdict::Rotate(next) = judge(&grant(5), &presented(5), after(100)) else { panic!() };
    assert_eq!((next.generation, next.rotated_at), (6, after(100)));
    assert_eq!(next.idle_expires_at, after(1_100));
    assert_eq!(next.expires_at, after(5_000));
    let mut last = grant(5);
    last.idle_expires_at = after(4_999);
    let Verdict::Rotate(next) = judge(&last, &presented(5), after(4_900)) else { panic!() };
    assert_eq!(next.idle_expires_at, after(5_000), "idle never passes the absolute end");
}

#[test]
fn row_3_the_predecessor_is_answered_again_inside_the_window() {
    assert_eq!(judge(&grant(5), &presented(4), NOW), Verdict::Retry);
    let just_inside = Timestamp::from_millis(after(10).as_millis() - 1);
    assert_eq!(judge(&grant(5), &presented(4), just_inside), Verdict::Retry);
}

#[test]
fn row_3_a_confidential_client_has_the_window_until_the_successor_is_used() {
    let mut confidential = presented(4);
    confidential.confidential = true;
    assert_eq!(judge(&grant(5), &confidential, after(900)), Verdict::Retry);
    let used = grant(6);
    assert_eq!(judge(&used, &confidential, NOW), Verdict::End(EndReason::RefreshReuse));
}

#[test]
fn row_3_a_bound_token_has_the_window_only_with_its_own_key() {
    let mut bound = grant(5);
    bound.sender = Sender::Dpop("key-a".into());
    let mut shown = presented(4);
    assert_eq!(judge(&bound, &shown, NOW), Verdict::Refuse(Refusal::WrongSender));
    shown.sender = Sender::Dpop("key-b".into());
    assert_eq!(judge(&bound, &shown, NOW), Verdict::Refuse(Refusal::WrongSender));
    shown.sender = Sender::Dpop("key-a".into());
    assert_eq!(judge(&bound, &shown, after(900)), Verdict::Retry);
}

#[test]
fn row_4_older_tokens_and_late_predecessors_end_the_grant() {
    let reuse = Verdict::End(EndReason::RefreshReuse);
    assert_eq!(judge(&grant(5), &presented(3), NOW), reuse);
    assert_eq!(judge(&grant(5), &presented(1), NOW), reuse);
    assert_eq!(judge(&grant(5), &presented(4), after(10)), reuse);
}

#[test]
fn row_4_a_window_of_zero_tolerates_nothing_even_in_the_same_instant() {
    let strict = Settings { retry_window: Duration::ZERO, ..SETTINGS };
    let verdict = redeem(Some(&grant(5)), &presented(4), &strict, NOW);
    assert_eq!(verdict, Verdict::End(EndReason::RefreshReuse));
}

#[test]
fn row_5_a_newer_token_is_refused_unless_a_restore_is_declared() {
    let verdict = judge(&grant(5), &presented(9), NOW);
    assert_eq!(verdict, Verdict::Refuse(Refusal::AheadOfRecord));
    let restored = Settings { fast_forward_until: Some(after(60)), ..SETTINGS };
    let Verdict::Rotate(next) = redeem(Some(&grant(5)), &presented(9), &restored, NOW) else {
        panic!()
    };
    assert_eq!(next.generation, 10);
    let verdict = redeem(Some(&grant(5)), &presented(9), &restored, after(60));
    assert_eq!(verdict, Verdict::Refuse(Refusal::AheadOfRecord), "the switch has an end");
    // The backup was made before the code was redeemed: nothing says yet how long it may live, and
    // the code would still be good.
    let verdict = redeem(Some(&grant(0)), &presented(1), &restored, NOW);
    assert_eq!(verdict, Verdict::Refuse(Refusal::AheadOfRecord));
}

#[test]
fn bindings_come_first_so_that_a_stranger_cannot_end_a_grant() {
    let mut stranger = presented(1);
    stranger.client_id = "other".into();
    assert_eq!(judge(&grant(5), &stranger, NOW), Verdict::Refuse(Refusal::WrongClient));
    assert_eq!(redeem(None, &presented(1), &SETTINGS, NOW), Verdict::Refuse(Refusal::Unknown));
}

#[test]
fn narrower_is_allowed_and_wider_does_not_spend_the_token() {
    let mut narrower = presented(5);
    narrower.scope = Some(Scope::parse("orders").unwrap());
    let Verdict::Rotate(next) = judge(&grant(5), &narrower, NOW) else { panic!() };
    assert_eq!(next.scope, grant(5).scope, "the grant keeps what was agreed");
    let mut wider = presented(5);
    wider.scope = Some(Scope::parse("orders admin").unwrap());
    assert_eq!(judge(&grant(5), &wider, NOW), Verdict::Refuse(Refusal::ScopeTooWide));
    let mut elsewhere = presented(5);
    elsewhere.resources = vec!["https://other.example".into()];
    assert_eq!(judge(&grant(5), &elsewhere, NOW), Verdict::Refuse(Refusal::ResourceNotGranted));
}

#[test]
fn a_clock_that_is_set_an_hour_off_ends_no_family() {
    let hour = Duration::from_secs(3_600);
    let long = Settings { idle: 2 * hour, ..SETTINGS };
    let made =
        Grant { idle_expires_at: NOW.plus(2 * hour), expires_at: NOW.plus(9 * hour), ..grant(5) };
    for now in [NOW.plus(hour), NOW.minus(hour)] {
        let Verdict::Rotate(next) = redeem(Some(&made), &presented(5), &long, now) else {
            panic!()
        };
        assert_eq!(next.generation, 6);
        // Set right again, the row is from the future or the past, and is rotated all the same.
        let verdict = redeem(Some(&next), &presented(6), &long, NOW);
        assert!(matches!(verdict, Verdict::Rotate(_)), "{verdict:?}");
        // The counter decides: two behind is theft by any clock.
        let verdict = redeem(Some(&next), &presented(4), &long, now.minus(hour));
        assert_eq!(verdict, Verdict::End(EndReason::RefreshReuse));
    }
    // A clock that is set back makes a window longer, never shorter: a retry is no theft.
    assert_eq!(redeem(Some(&made), &presented(4), &long, NOW.minus(hour)), Verdict::Retry);
    // One that is set forward closes it. A client that can prove itself has no need of it.
    let verdict = redeem(Some(&made), &presented(4), &long, NOW.plus(hour));
    assert_eq!(verdict, Verdict::End(EndReason::RefreshReuse));
    let confidential = Presented { confidential: true, ..presented(4) };
    assert_eq!(redeem(Some(&made), &confidential, &long, NOW.plus(hour)), Verdict::Retry);
}

#[test]
fn a_client_that_keeps_its_token_gets_it_back_with_a_new_idle_time() {
    let keeping = Presented { keeps: true, confidential: true, ..presented(5) };
    let Verdict::Rotate(next) = judge(&grant(5), &keeping, after(100)) else { panic!() };
    assert_eq!((next.generation, next.rotated_at), (5, NOW), "the same token");
    assert_eq!(next.idle_expires_at, after(1_100));
    // Whoever can't prove who they are never keeps one, and an older one is still a theft.
    let public = Presented { keeps: true, ..presented(5) };
    let Verdict::Rotate(next) = judge(&grant(5), &public, NOW) else { panic!() };
    assert_eq!(next.generation, 6);
    let old = Presented { generation: 3, ..keeping };
    assert_eq!(judge(&grant(5), &old, NOW), Verdict::End(EndReason::RefreshReuse));
}
