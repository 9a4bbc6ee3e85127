//! A disk without room: clear errors, nothing lost, and on it goes when there is room again.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use countersign_tests::browser::Browser;
use countersign_tests::full_disk::{SmallDisk, set_quota, with_quota};
use countersign_tests::http::{Answer, Request};
use countersign_tests::relying_party::{
    Client, DEMO_SERVICE, DEMO_SPA, DEMO_WEB, Tokens, call_api,
};
use countersign_tests::server::{Server, Site};
use countersign_tests::skip::skip;

/// Why a test with a disk of its own can't run.
const NO_MOUNT: &str = "this system lets nobody mount a disk in a user namespace of its own";
/// How long after room was made everything has to work again.
const SOON: Duration = Duration::from_secs(5);

/// Clients that refresh, whatever happens.
struct Chain {
    client: Client,
    refresh: String,
    access: String,
}

/// A site with clients that are logged in.
struct Logins {
    chains: Vec<Chain>,
    /// To be revoked.
    doomed: Vec<Tokens>,
}

impl Logins {
    fn at(server: &Server<'_>) -> Self {
        let mut browser = Browser::new(server.address());
        let mut chains = Vec::new();
        for client in [DEMO_SPA, DEMO_WEB, DEMO_SPA, DEMO_WEB] {
            let Tokens { access, refresh, .. } = client.log_in(server, &mut browser, "alice");
            chains.push(Chain { client, refresh, access });
        }
        let doomed = (0..40).map(|_| DEMO_WEB.log_in(server, &mut browser, "alice")).collect();
        Self { chains, doomed }
    }

    /// Everything that writes, for a while: it is done, or refused as it should be. Gives how
    /// often it was refused, and takes from `doomed` what was revoked.
    fn press(&mut self, server: &Server<'_>, rounds: usize, revoked: &mut Vec<Tokens>) -> usize {
        let mut refused = 0;
        for _ in 0..rounds {
            for chain in &mut self.chains {
                let answer = server.send(&chain.client.refresh(&chain.refresh));
                if is_unavailable(&answer) {
                    refused += 1;
                } else {
                    Tokens { access: chain.access, refresh: chain.refresh, .. } =
                        Tokens::of(&answer);
                }
            }
            if let Some(doomed) = self.doomed.last() {
                let answer = server.send(&DEMO_WEB.revoke(&doomed.refresh));
                if is_unavailable(&answer) {
                    refused += 1;
                } else {
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    revoked.extend(self.doomed.pop());
                }
            }
        }
        refused
    }
}

/// RFC 6749 section 4.1.2.1 has the word, and HTTP the status.
fn is_unavailable(answer: &Answer) -> bool {
    if answer.status == 200 {
        return false;
    }
    let error = answer.error();
    let expected = (503, Some("temporarily_unavailable"));
    assert_eq!((answer.status, error.as_deref()), expected, "{}", answer.text());
    assert!(answer.header("retry-after").is_some());
    true
}

/// What only reads goes on, and pages fail politely.
fn reads_go_on(server: &Server<'_>, logins: &Logins) {
    for target in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/login"] {
        assert_eq!(server.send(&Request::get(target)).status, 200, "{target}");
    }
    for chain in &logins.chains {
        let asked = DEMO_SERVICE.form("/introspect", &[("token", &chain.access)]);
        assert_eq!(server.send(&asked).json()["active"], true);
    }
    let service = server.send(&DEMO_SERVICE.client_credentials(server));
    assert_eq!(service.status, 200, "a token for a client is not stored");
    let mut browser = Browser::new(server.address());
    let page = browser.visit("/login");
    let form = countersign_tests::browser::forms(&page.text()).pop().expect("a form");
    let password = countersign_tests::relying_party::PASSWORD;
    let signed_in = browser.submit(&form, &[("username", "alice"), ("password", password)]);
    assert_eq!(signed_in.status, 503, "no session can be stored: {}", signed_in.text());
}

/// The whole story of a disk that is full for a while.
fn survives(
    site: &Site,
    command: impl Fn() -> Command,
    fill: impl FnOnce(&Server<'_>),
    make_room: impl FnOnce(&Server<'_>),
) {
    let mut server = site.start_with(site.address, command());
    let mut logins = Logins::at(&server);
    let mut revoked = Vec::new();
    assert_eq!(logins.press(&server, 5, &mut revoked), 0, "there is room");
    fill(&server);
    let refused = logins.press(&server, 20, &mut revoked);
    assert!(refused >= 50, "the disk was hardly full: {refused}, {}", server.said());
    reads_go_on(&server, &logins);
    make_room(&server);
    let start = Instant::now();
    while logins.press(&server, 1, &mut revoked) > 0 {
        assert!(start.elapsed() < SOON, "it does not go on: {}", server.said());
        thread::sleep(Duration::from_millis(10));
    }
    println!("{refused} refused; on it went after {:?}", start.elapsed());
    for kill in [false, true, false] {
        if kill {
            server.kill();
            server = site.start_with(site.address, command());
        }
        // Nobody is logged out, and nobody comes back.
        assert_eq!(logins.press(&server, 1, &mut revoked), 0);
        assert!(revoked.len() >= 5);
        for tokens in &revoked {
            let answer = server.send(&DEMO_WEB.refresh(&tokens.refresh));
            assert_eq!(answer.error().as_deref(), Some("invalid_grant"));
            let asked = DEMO_SERVICE.form("/introspect", &[("token", &tokens.access)]);
            assert_eq!(server.send(&asked).json()["active"], false);
        }
    }
}

#[test]
fn a_quota_that_is_used_up_loses_nothing() {
    let site = Site::of_serve("");
    let full = |server: &Server<'_>| set_quota(server.id(), Some(4096));
    let room = |server: &Server<'_>| set_quota(server.id(), None);
    survives(&site, with_quota, full, room);
}

#[test]
fn a_full_disk_loses_nothing() {
    let site = Site::of_serve("");
    let Some(disk) = SmallDisk::mount(&site.data(), 8 << 20) else {
        skip("disk::a_full_disk_loses_nothing", NO_MOUNT);
        return;
    };
    survives(&site, || disk.command(), |_| disk.fill(), |_| disk.make_room());
}

#[test]
fn a_start_without_room_says_so_and_leaves_nothing_in_the_way() {
    for room in [0, 16 << 10, 100 << 10] {
        let site = Site::new();
        let Some(disk) = SmallDisk::mount(&site.data(), 8 << 20) else {
            skip("disk::a_start_without_room_says_so_and_leaves_nothing_in_the_way", NO_MOUNT);
            return;
        };
        disk.fill_but(room);
        let mut command = disk.command();
        command.args(site.command().get_args()).stdin(Stdio::null());
        let output = command.output().expect("the binary starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "with {room} bytes: {said}");
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        assert!(lines.len() == 1 && !said.contains("panicked"), "one sentence, not: {said}");
        disk.make_room();
        let server = site.start_with(site.address, disk.command());
        let tokens = DEMO_WEB.log_in(&server, &mut Browser::new(server.address()), "alice");
        assert_eq!(call_api(&server, &tokens.access).status, 200);
    }
}
