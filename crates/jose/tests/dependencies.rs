//! What the default build stands on: cryptography, JSON and base64, and what those bring along.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::{collections::BTreeSet, process::Command};

/// The crates that the manifest names, by what they are for.
const CRYPTOGRAPHY: [&str; 3] = ["aws-lc-rs", "aes-kw", "zeroize"];
const JSON: [&str; 2] = ["serde", "serde_json"];
const BASE64: [&str; 1] = ["base64-simd"];
/// What stands behind them.
const BEHIND: [&str; 15] = [
    "aes",
    "aws-lc-sys",
    "cipher",
    "cpubits",
    "cpufeatures",
    "crypto-common",
    "hybrid-array",
    "inout",
    "itoa",
    "memchr",
    "outref",
    "serde_core",
    "typenum",
    "vsimd",
    "zmij",
];

/// The crates in the tree of this one, itself left out.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--package", "countersign-jose", "--edges", "normal"]);
    command.args(["--prefix", "none", "--no-dedupe", "--locked", "--offline"]).args(arguments);
    // Some of them need a crate more on other platforms.
    command.args(["--target", "x86_64-unknown-linux-gnu"]);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let names = text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned);
    names.filter(|name| name != "countersign-jose").collect()
}

#[test]
fn the_default_build_needs_cryptography_json_and_base64_and_nothing_else() {
    let direct: BTreeSet<String> =
        [&CRYPTOGRAPHY[..], &JSON, &BASE64].concat().into_iter().map(str::to_owned).collect();
    assert_eq!(tree(&["--depth", "1"]), direct);
    let behind = BEHIND.map(str::to_owned);
    assert_eq!(tree(&[]), direct.into_iter().chain(behind).collect());
}
