//! kill -9 under load. What a client was told stays true.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use countersign_tests::browser::Browser;
use countersign_tests::http::Connection;
use countersign_tests::relying_party::{DEMO_SPA, DEMO_WEB, Tokens, call_api, until_refused};
use countersign_tests::server::{Server, Site};

const ROUNDS: u64 = 12;
const CHAINS: usize = 8;
const REVOCATIONS: usize = 12;
const BEGIN_LIMIT: Duration = Duration::from_secs(10);

/// design/rotation.md, property 2.
#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let site = Site::new();
    let mut server = site.start();
    let mut browser = Browser::new(server.address());
    let chains: Vec<Mutex<Tokens>> =
        (0..CHAINS).map(|_| Mutex::new(DEMO_SPA.log_in(&server, &mut browser, "alice"))).collect();
    let mut random = Random::seeded();
    let mut dead: Vec<(usize, Tokens)> = Vec::new();
    for round in 1..=ROUNDS {
        let doomed: Vec<Tokens> =
            (0..REVOCATIONS).map(|_| DEMO_WEB.log_in(&server, &mut browser, "alice")).collect();
        let load = Load { chains: &chains, doomed: &doomed, ..Load::default() };
        load.run(server, Duration::from_millis(random.below(180)));

        server = site.start();
        let (revoked, refreshed) = (load.revoked.into_inner(), load.refreshed.into_inner());
        dead.extend(doomed.into_iter().take(revoked).enumerate());
        println!("round {round}: {refreshed} refreshes and {revoked} revocations were answered");
        assert!(refreshed > 0, "the load never began");
        accepts_what_clients_hold(&server, &chains);
        refuses_what_was_revoked(&server, &dead);
    }
    server.stop();
}

fn accepts_what_clients_hold(server: &Server<'_>, chains: &[Mutex<Tokens>]) {
    for chain in chains {
        let mut tokens = chain.lock().expect("no thread panicked");
        let answer = server.send(&DEMO_SPA.refresh(&tokens.refresh));
        assert_eq!(answer.status, 200, "a token that a client received: {}", answer.text());
        // The key that signed before the crash is still the server's.
        assert_eq!(call_api(server, &tokens.access).status, 200);
        *tokens = Tokens::of(&answer);
    }
}

fn refuses_what_was_revoked(server: &Server<'_>, dead: &[(usize, Tokens)]) {
    for (number, tokens) in dead {
        until_refused(server, &tokens.access);
        if ends_the_grant(*number) {
            let answer = server.send(&DEMO_WEB.refresh(&tokens.refresh));
            let error = answer.error();
            assert_eq!((answer.status, error.as_deref()), (400, Some("invalid_grant")));
        }
    }
}

/// Every other revocation is of an access token alone.
const fn ends_the_grant(number: usize) -> bool {
    number.is_multiple_of(2)
}

/// Clients that refresh as fast as they are answered, and one that revokes.
#[derive(Default)]
struct Load<'a> {
    chains: &'a [Mutex<Tokens>],
    doomed: &'a [Tokens],
    over: AtomicBool,
    refreshed: AtomicUsize,
    /// How many of `doomed`, from the front, were answered with success.
    revoked: AtomicUsize,
}

impl Load<'_> {
    /// Runs until the server is killed after `lifetime`.
    fn run(&self, server: Server<'_>, lifetime: Duration) {
        let address = server.address();
        let open = || Connection::open(address).ok();
        thread::scope(|scope| {
            for chain in self.chains {
                scope.spawn(move || open().and_then(|connection| self.refresh(connection, chain)));
            }
            scope.spawn(move || open().and_then(|connection| self.revoke(connection)));
            // A busy machine may take a while before the first answer.
            let start = Instant::now();
            while self.refreshed.load(Ordering::SeqCst) == 0 && start.elapsed() < BEGIN_LIMIT {
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(lifetime);
            server.kill();
            self.over.store(true, Ordering::SeqCst);
        });
    }

    fn refresh(&self, mut connection: Connection, chain: &Mutex<Tokens>) -> Option<()> {
        let mut tokens = chain.lock().expect("no thread panicked");
        while !self.over.load(Ordering::SeqCst) {
            let answer = connection.send(&DEMO_SPA.refresh(&tokens.refresh)).ok()?;
            *tokens = Tokens::of(&answer);
            self.refreshed.fetch_add(1, Ordering::SeqCst);
        }
        None
    }

    fn revoke(&self, mut connection: Connection) -> Option<()> {
        for (number, tokens) in self.doomed.iter().enumerate() {
            let token = if ends_the_grant(number) { &tokens.refresh } else { &tokens.access };
            let answer = connection.send(&DEMO_WEB.revoke(token)).ok()?;
            assert_eq!(answer.status, 200, "{}", answer.text());
            self.revoked.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

/// Numbers that need not be good. The seed is printed, so that a failure can be looked at again.
struct Random(u64);

impl Random {
    #[expect(clippy::disallowed_methods, reason = "a test without a clock of its own")]
    fn seeded() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        let seed = now.as_secs() ^ u64::from(now.subsec_nanos());
        println!("seed {seed}");
        Self(seed | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
