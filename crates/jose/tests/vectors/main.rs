//! Published test vectors: Wycheproof, the JOSE cookbook, examples from RFCs.
//!
//! They are not part of the source tree; where the folder is missing the tests say so and pass.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod encryption;
mod signatures;

use std::{fs, path::PathBuf};

use serde_json::Value;

fn read(name: &str) -> Option<Value> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors");
    if !folder.is_dir() {
        println!("skipped: vectors are not here");
        return None;
    }
    let text = fs::read_to_string(folder.join(name)).expect("the vector file is readable");
    Some(serde_json::from_str(&text).expect("the vector file is JSON"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is a text in {value}"))
}

fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is a list"))
}
