use std::{sync::atomic::AtomicUsize, time::Duration};

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_000);

/// Issued in second 900 to the client `c`, signed by `k`.
const TOKEN: TokenNames<'_> = TokenNames {
    token_id: "t",
    grant_id: Some("g"),
    client_id: "c",
    issued_at: 900,
    key_id: Some("k"),
};

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn named(token_id: &str) -> TokenNames<'_> {
    TokenNames { token_id, grant_id: None, ..TOKEN }
}

const fn client(issued_until: u64) -> Revoked<'static> {
    Revoked::Client { client_id: "c", issued_until }
}

#[test]
fn each_kind_hits_what_it_names_and_nothing_else() {
    for (revoked, hit, spared) in [
        (
            Revoked::Token("t"),
            vec![TOKEN, named("t")],
            vec![named("u"), TokenNames { grant_id: Some("t"), ..named("u") }],
        ),
        (
            Revoked::Grant("g"),
            vec![TOKEN, TokenNames { token_id: "u", ..TOKEN }],
            vec![named("g"), named("t"), TokenNames { grant_id: Some("h"), ..TOKEN }],
        ),
        (
            client(900),
            vec![TOKEN, named("u"), TokenNames { issued_at: 0, ..TOKEN }],
            vec![
                TokenNames { issued_at: 901, ..TOKEN },
                TokenNames { client_id: "d", key_id: Some("c"), ..TOKEN },
                TokenNames { client_id: "d", grant_id: Some("c"), token_id: "c", ..TOKEN },
            ],
        ),
        (
            Revoked::Key("k"),
            vec![TOKEN, TokenNames { issued_at: u64::MAX, ..TOKEN }],
            vec![
                TokenNames { key_id: Some("l"), ..TOKEN },
                TokenNames { key_id: None, client_id: "k", ..TOKEN },
            ],
        ),
    ] {
        let set = DenySet::new();
        assert!(!set.is_revoked(TOKEN, NOW), "nothing is revoked yet");
        assert!(set.insert(revoked, later(10)));
        for token in hit {
            assert!(set.is_revoked(token, NOW), "{revoked:?} ends {token:?}");
        }
        for token in spared {
            assert!(!set.is_revoked(token, NOW), "{revoked:?} spares {token:?}");
        }
    }
}

/// Two bugs that a well-known server had: its note that a client's older tokens are void hid the
/// wider note that all older tokens are. Here every pair comes in both orders, and the token has
/// to be refused for as long as either of the two refuses it alone.
#[test]
fn no_revocation_masks_another_whichever_comes_first() {
    let events = [
        Revoked::Token("t"),
        Revoked::Token("other"),
        Revoked::Grant("g"),
        Revoked::Grant("other"),
        client(899),
        client(900),
        client(2_000),
        Revoked::Key("k"),
        Revoked::Key("other"),
    ];
    let tokens = [
        TOKEN,
        named("other"),
        TokenNames { issued_at: 899, ..TOKEN },
        TokenNames { issued_at: 1_500, ..TOKEN },
        TokenNames { key_id: Some("other"), ..TOKEN },
        TokenNames { key_id: None, grant_id: None, ..TOKEN },
    ];
    for first in events {
        for second in events {
            for (first_ends, second_ends) in [(10, 20), (20, 10), (10, 10)] {
                let (alone, other, both) = (DenySet::new(), DenySet::new(), DenySet::new());
                alone.insert(first, later(first_ends));
                other.insert(second, later(second_ends));
                both.insert(first, later(first_ends));
                both.insert(second, later(second_ends));
                for at in [0, 9, 10, 19] {
                    let now = later(at);
                    both.prune(now);
                    for token in tokens {
                        let either = alone.is_revoked(token, now) || other.is_revoked(token, now);
                        assert!(
                            both.is_revoked(token, now) || !either,
                            "{first:?} until {first_ends}, then {second:?} until {second_ends}: \
                             {token:?} passes at {at}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn of_two_events_of_a_client_the_later_second_and_the_later_expiry_count() {
    for (first, second) in [((900, 20), (950, 10)), ((950, 10), (900, 20))] {
        let set = DenySet::new();
        for (issued_until, ends) in [first, second] {
            set.insert(client(issued_until), later(ends));
        }
        let at = |issued_at| TokenNames { issued_at, ..TOKEN };
        assert!(set.is_revoked(at(950), later(9)));
        assert!(set.is_revoked(at(900), later(19)));
        assert!(!set.is_revoked(at(951), later(9)));
        assert!(!set.is_revoked(at(900), later(20)));
        assert_eq!(set.len(), 1);
    }
}

#[test]
fn an_entry_counts_until_its_expiry_and_pruning_changes_no_answer() {
    let kinds = |id| [Revoked::Token(id), Revoked::Grant(id), Revoked::Key(id)];
    let clients = |client_id| Revoked::Client { client_id, issued_until: 900 };
    let set = DenySet::new();
    for revoked in kinds("short").into_iter().chain([clients("short")]) {
        set.insert(revoked, later(10));
    }
    for revoked in kinds("long").into_iter().chain([clients("long")]) {
        set.insert(revoked, later(20));
    }
    let other =
        TokenNames { token_id: "", grant_id: None, client_id: "", key_id: None, issued_at: 900 };
    let by_each = |id| {
        [
            TokenNames { token_id: id, ..other },
            TokenNames { grant_id: Some(id), ..other },
            TokenNames { client_id: id, ..other },
            TokenNames { key_id: Some(id), ..other },
        ]
    };
    for pruned in [false, true] {
        if pruned {
            set.prune(later(10));
            assert_eq!(set.len(), 4);
        } else {
            assert!(by_each("short").into_iter().all(|token| set.is_revoked(token, later(9))));
        }
        assert!(!by_each("short").into_iter().any(|token| set.is_revoked(token, later(10))));
        assert!(by_each("long").into_iter().all(|token| set.is_revoked(token, later(19))));
    }
    set.prune(later(20));
    assert!(set.is_empty());
    set.insert(Revoked::Key("again"), later(30));
    assert!(set.is_revoked(TokenNames { key_id: Some("again"), ..other }, later(29)));
}

#[test]
fn an_earlier_expiry_never_shortens_a_later_one() {
    for revoked in [Revoked::Token("t"), Revoked::Grant("g"), client(900), Revoked::Key("k")] {
        let set = DenySet::new();
        assert!(set.insert(revoked, later(20)), "new");
        assert!(!set.insert(revoked, later(10)), "known");
        assert!(set.is_revoked(TOKEN, later(19)), "{revoked:?}");
        assert_eq!(set.len(), 1);
    }
}

#[test]
fn readers_see_every_entry_whose_insert_has_returned_while_the_table_grows() {
    let set = DenySet::new();
    let inserted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for index in 0..50_000 {
                set.insert(Revoked::Token(&index.to_string()), later(60));
                inserted.store(index + 1, Ordering::Release);
            }
        });
        scope.spawn(|| {
            loop {
                let count = inserted.load(Ordering::Acquire);
                for index in (0..count).step_by(997).chain(count.checked_sub(1)) {
                    let id = index.to_string();
                    assert!(set.is_revoked(named(&id), NOW), "{index} of {count}");
                }
                if count == 50_000 {
                    break;
                }
            }
        });
    });
    assert_eq!(set.len(), 50_000);
}

#[test]
fn readers_see_every_client_while_another_thread_prunes() {
    let set = DenySet::new();
    let inserted = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for index in 0..5_000 {
                // Gone at once, so that the table is empty again and again.
                set.insert(Revoked::Key("dead"), NOW);
                let client_id = index.to_string();
                set.insert(Revoked::Client { client_id: &client_id, issued_until: 900 }, later(60));
                inserted.store(index + 1, Ordering::Release);
            }
        });
        scope.spawn(|| {
            while inserted.load(Ordering::Acquire) < 5_000 {
                set.prune(NOW);
            }
        });
        scope.spawn(|| {
            loop {
                let count = inserted.load(Ordering::Acquire);
                for index in (0..count).step_by(97).chain(count.checked_sub(1)) {
                    let client_id = index.to_string();
                    let token = TokenNames { client_id: &client_id, ..TOKEN };
                    assert!(set.is_revoked(token, NOW), "{index} of {count}");
                }
                if count == 5_000 {
                    break;
                }
            }
        });
    });
}

/// As at full size, only smaller: entries of all kinds, half of them dead, loaded in one go.
#[test]
fn many_entries_of_all_kinds_are_each_found_and_nothing_else_is() {
    const COUNT: u64 = 60_000;
    let set = DenySet::new();
    let name = |number: u64| format!("id {number}");
    for number in 0..COUNT {
        let (id, until) = (name(number), if number % 2 == 0 { later(60) } else { NOW });
        let revoked = match number % 600 {
            0..400 => Revoked::Grant(&id),
            400..598 => Revoked::Token(&id),
            598 => Revoked::Client { client_id: &id, issued_until: number },
            _ => Revoked::Key(&id),
        };
        assert!(set.insert(revoked, until));
    }
    for pruned in [false, true] {
        if pruned {
            set.prune(NOW);
            assert_eq!(set.len() as u64, COUNT / 2);
        }
        for number in 0..COUNT {
            let id = name(number);
            let nothing = TokenNames {
                token_id: "-",
                grant_id: None,
                client_id: "-",
                issued_at: number,
                key_id: None,
            };
            let (hit, spared) = match number % 600 {
                0..400 => (TokenNames { grant_id: Some(&id), ..nothing }, named(&id)),
                400..598 => (named(&id), TokenNames { grant_id: Some(&id), ..nothing }),
                598 => (
                    TokenNames { client_id: &id, ..nothing },
                    TokenNames { client_id: &id, issued_at: number + 1, ..nothing },
                ),
                _ => (TokenNames { key_id: Some(&id), ..nothing }, named(&id)),
            };
            assert_eq!(set.is_revoked(hit, NOW), number % 2 == 0, "{number}");
            assert!(!set.is_revoked(spared, NOW), "{number}");
        }
    }
}
