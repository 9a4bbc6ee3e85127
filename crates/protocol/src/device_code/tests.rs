use std::sync::atomic::{AtomicU8, Ordering};

use super::*;
use crate::grant::EndReason;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// Every byte in turn.
#[derive(Default)]
struct Counting(AtomicU8);

impl Randomness for Counting {
    fn fill(&self, out: &mut [u8]) {
        out.iter_mut().for_each(|byte| *byte = self.0.fetch_add(1, Ordering::Relaxed));
    }
}

fn at(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn request(state: DeviceState) -> DeviceRequest {
    DeviceRequest {
        id: GrantId::from_bytes([1; 16]),
        user_code: UserCode::parse("WDJBMJHT").unwrap(),
        client_id: "tv".into(),
        scope: Scope::parse("openid").unwrap(),
        audience: vec!["https://api.example".into()],
        asked_from: None,
        created_at: NOW,
        expires_at: at(600),
        state,
        interval: INTERVAL,
        polled_at: None,
    }
}

fn grant() -> Grant {
    let DeviceRequest { id, client_id, scope, audience, created_at, expires_at, .. } =
        request(DeviceState::Allowed);
    Grant {
        id,
        subject: "alice".into(),
        client_id,
        scope,
        audience,
        auth_time: NOW,
        amr: vec!["pwd".into()],
        session_id: None,
        sender: Sender::Bearer,
        generation: 0,
        rotated_at: created_at,
        created_at,
        idle_expires_at: expires_at,
        expires_at,
        ended: None,
        pending: None,
        details: crate::grant_details::GrantDetails::default(),
    }
}

fn presented() -> Presented {
    Presented {
        client_id: "tv".into(),
        resources: Vec::new(),
        sender: Sender::Bearer,
        confidential: false,
        refreshable: true,
    }
}

fn judge(request: &DeviceRequest, grant: Option<&Grant>, now: Timestamp) -> Verdict {
    poll(Some(request), grant, &presented(), &Lifetimes::default(), now)
}

fn code_of(verdict: Verdict) -> ErrorCode {
    match verdict {
        Verdict::Refuse(error) | Verdict::Wait { error, .. } => error.code,
        Verdict::Redeem(grant) => panic!("{grant:?}"),
    }
}

#[test]
fn codes_are_even_over_the_alphabet_and_read_as_they_are_typed() {
    let random = Counting::default();
    let mut seen = [0; ALPHABET.len()];
    // 240 of 256 bytes make a letter: thirty codes use them all up, each letter twelve times.
    for _ in 0..30 {
        let code = UserCode::new(&random);
        assert_eq!(UserCode::parse(&code.to_string()), Some(code.clone()));
        for letter in code.as_str().bytes() {
            seen[ALPHABET.iter().position(|known| *known == letter).unwrap()] += 1;
        }
    }
    assert_eq!(seen, [12; ALPHABET.len()]);
    let code = UserCode::parse("WDJB-MJHT").unwrap();
    for typed in ["wdjbmjht", " wdjb mjht ", "W-D-J-B.MJHT", "WDJB_MJHT"] {
        assert_eq!(UserCode::parse(typed).as_ref(), Some(&code), "{typed}");
    }
    for junk in ["", "WDJB-MJH", "WDJB-MJHTX", "WDJB-MJHA", "WDJB-MJH1", "WDJBMJHT\0", "ＷDJBMJHT"]
    {
        assert_eq!(UserCode::parse(junk), None, "{junk}");
    }
}

#[test]
fn a_device_waits_as_long_as_it_is_told() {
    let mut request = request(DeviceState::Waiting);
    // When it asks, and how long it has to wait from then on.
    for (second, expected, interval_s) in [
        (0, ErrorCode::AuthorizationPending, 5),
        (5, ErrorCode::AuthorizationPending, 5),
        (9, ErrorCode::AuthorizationPending, 5), // a second of jitter
        (12, ErrorCode::SlowDown, 10),
        (22, ErrorCode::AuthorizationPending, 10),
        (23, ErrorCode::SlowDown, 15),
        (24, ErrorCode::SlowDown, 20),
    ] {
        let Verdict::Wait { interval, error } = judge(&request, None, at(second)) else {
            panic!("at {second}");
        };
        assert_eq!((error.code, interval.as_secs()), (expected, interval_s), "at {second}");
        request.interval = interval;
        request.polled_at = Some(at(second));
    }
    request.interval = INTERVAL_MAX;
    let Verdict::Wait { interval, .. } = judge(&request, None, at(25)) else { panic!() };
    assert_eq!(interval, INTERVAL_MAX);
}

#[test]
fn each_state_has_its_answer() {
    let (waiting, allowed) = (request(DeviceState::Waiting), request(DeviceState::Allowed));
    let Verdict::Redeem(redeemed) = judge(&allowed, Some(&grant()), at(1)) else { panic!() };
    let lifetimes = Lifetimes::default();
    assert_eq!((redeemed.generation, redeemed.rotated_at), (1, at(1)));
    assert_eq!(redeemed.expires_at, NOW.plus(lifetimes.refresh_absolute));
    assert_eq!(redeemed.idle_expires_at, at(1).plus(lifetimes.refresh_idle));
    // Who asks too often gets its tokens all the same.
    let hasty = DeviceRequest { polled_at: Some(at(1)), ..allowed.clone() };
    assert!(matches!(judge(&hasty, Some(&grant()), at(1)), Verdict::Redeem(_)));

    let gone = poll(None, None, &presented(), &lifetimes, at(1));
    assert_eq!(code_of(gone), ErrorCode::ExpiredToken);
    for (request, grant, second, expected) in [
        (request(DeviceState::Denied), None, 1, ErrorCode::AccessDenied),
        (request(DeviceState::Used), Some(grant()), 1, ErrorCode::InvalidGrant),
        (waiting.clone(), None, 600, ErrorCode::ExpiredToken),
        (allowed.clone(), Some(grant()), 600, ErrorCode::ExpiredToken),
        (allowed.clone(), None, 1, ErrorCode::AccessDenied),
        (
            allowed.clone(),
            Some(Grant { ended: Some((NOW, EndReason::SignedOut)), ..grant() }),
            1,
            ErrorCode::AccessDenied,
        ),
        (allowed.clone(), Some(Grant { generation: 1, ..grant() }), 1, ErrorCode::AccessDenied),
    ] {
        assert_eq!(code_of(judge(&request, grant.as_ref(), at(second))), expected, "{request:?}");
    }
    let stranger = Presented { client_id: "other".into(), ..presented() };
    for request in [&waiting, &allowed] {
        let verdict = poll(Some(request), Some(&grant()), &stranger, &lifetimes, at(1));
        assert_eq!(code_of(verdict), ErrorCode::InvalidGrant);
    }
    let elsewhere = Presented { resources: vec!["https://other.example".into()], ..presented() };
    let verdict = poll(Some(&allowed), Some(&grant()), &elsewhere, &lifetimes, at(1));
    assert_eq!(code_of(verdict), ErrorCode::InvalidTarget);
}

#[test]
fn only_what_a_public_client_gets_is_bound_to_its_key() {
    let sender = Sender::Dpop("k1".into());
    for (confidential, kept) in [(false, &sender), (true, &Sender::Bearer)] {
        let shown = Presented { sender: sender.clone(), confidential, ..presented() };
        let allowed = request(DeviceState::Allowed);
        let verdict = poll(Some(&allowed), Some(&grant()), &shown, &Lifetimes::default(), at(1));
        let Verdict::Redeem(grant) = verdict else { panic!("{verdict:?}") };
        assert_eq!(grant.sender, *kept);
    }
}

#[test]
fn there_is_an_end_of_room() {
    let crowd = Crowd { all: WAITING - 1, of_client: WAITING_PER_CLIENT - 1, from_address: 99 };
    assert!(crowd.has_room());
    for full in [
        Crowd { all: WAITING, ..crowd },
        Crowd { of_client: WAITING_PER_CLIENT, ..crowd },
        Crowd { from_address: WAITING_PER_ADDRESS, ..crowd },
    ] {
        assert!(!full.has_room(), "{full:?}");
    }
}
