//! oidcc-dynamic-certification-test-plan.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use countersign_tests::binary;
use countersign_tests::shared::Shared;

use super::flow::{Flow, Mode, header, published_keys};
use super::party::{Party, carol};

const PATIENCE: Duration = Duration::from_secs(30);

/// Not shared with other tests: its keys change.
static ROTATING: Shared = Shared::new(|| Party::first().declaration() + &carol());

#[test]
fn server_rotate_keys() {
    let server = ROTATING.server();
    server.wait_for_keys();
    let mut flow = Flow::new(server, Party::first(), Mode::Query);
    let first = flow.log_in(&flow.ask());
    let before = published_keys(&flow.server);
    let mut command = Command::new(binary::path());
    command.args(["key", "rotate", "--now", "--data-dir"]).arg(flow.server.site.data());
    let output = command.output().expect("the binary starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let start = Instant::now();
    loop {
        let login = flow.log_in(&flow.ask());
        if header(&login.tokens.id)["kid"] != header(&first.tokens.id)["kid"] {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the new key does not sign");
        thread::sleep(Duration::from_millis(20));
    }
    // The key after the next one takes a moment to be made.
    let new = || {
        let after = published_keys(&flow.server);
        for key_id in before.key_ids() {
            assert!(after.get(key_id).is_some(), "{key_id} is still published");
        }
        after.key_ids().filter(|key_id| before.get(key_id).is_none()).count()
    };
    while new() == 0 {
        assert!(start.elapsed() < PATIENCE, "no new key is published");
        thread::sleep(Duration::from_millis(20));
    }
    // What the old key signed is still good.
    flow.id_token(&first.tokens, first.id.nonce.as_deref());
}
