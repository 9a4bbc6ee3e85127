//! What the machine can do at best: the ceiling over every durable and every signed answer.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::pin;
use crate::output::{Options, json_line, rounded};
use crate::rounds::median;

const BLOCK: usize = 4096;
const BLOCKS: u64 = 256;

/// The bare operations, one after the other, as often as they go in a second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Limits {
    pub(crate) fdatasync_per_second: f64,
    pub(crate) es256_per_second: f64,
}

impl Limits {
    pub(super) fn median(samples: &[Self]) -> Self {
        let pick =
            |pick: fn(&Self) -> f64| median(&mut samples.iter().map(pick).collect::<Vec<_>>());
        Self {
            fdatasync_per_second: pick(|one| one.fdatasync_per_second),
            es256_per_second: pick(|one| one.es256_per_second),
        }
    }
}

pub(crate) fn run(words: &[String]) -> Result<(), String> {
    let options = Options::parse(words, &["data", "seconds"])?;
    let data = options.text("data").ok_or("`--data` is needed")?;
    let seconds = options.number("seconds", (1, 30))?.unwrap_or(1);
    let length = Duration::from_secs(seconds);
    let limits = Limits {
        fdatasync_per_second: syncs(Path::new(data), length).map_err(|error| error.to_string())?,
        es256_per_second: signatures(length)?,
    };
    if options.json {
        json_line(&json!(limits));
    } else {
        println!("fdatasync of 4 KiB: {} a second", rounded(limits.fdatasync_per_second));
        println!("ES256 signatures: {} a second", rounded(limits.es256_per_second));
    }
    Ok(())
}

/// Measures in a process of its own, on the core that the server has.
pub(super) fn on_the_core_of_the_server(folder: &Path, pinned: bool) -> Result<Limits, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = pin::on_core_0(&own, pinned);
    command.args(["limits", "--json", "--data"]).arg(folder).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|error| format!("limits: {error}"))
}

/// Overwrites blocks of a file that is already as long as it will be, as a reused log does, and
/// makes each durable before the next.
fn syncs(folder: &Path, length: Duration) -> std::io::Result<f64> {
    let file = tempfile::Builder::new().prefix("sync-").tempfile_in(folder)?;
    let handle = OpenOptions::new().write(true).open(file.path())?;
    handle.write_all_at(&vec![0; BLOCK * BLOCKS as usize], 0)?;
    handle.sync_all()?;
    let (start, mut count) = (Instant::now(), 0u64);
    while start.elapsed() < length {
        let block = vec![count as u8; BLOCK];
        handle.write_all_at(&block, (count % BLOCKS) * BLOCK as u64)?;
        handle.sync_data()?;
        count += 1;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

fn signatures(length: Duration) -> Result<f64, String> {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| "no key")?;
    let (random, message) = (SystemRandom::new(), [0x41; 800]);
    let (start, mut count) = (Instant::now(), 0u64);
    while start.elapsed() < length {
        for _ in 0..100 {
            std::hint::black_box(key.sign(&random, &message).map_err(|_| "no signature")?);
        }
        count += 100;
    }
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Limits, syncs};

    #[test]
    fn syncs_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        assert!(syncs(folder.path(), Duration::from_millis(20)).unwrap() > 0.0);
    }

    #[test]
    fn each_limit_has_its_own_median() {
        let limits = |disk, core| Limits { fdatasync_per_second: disk, es256_per_second: core };
        let middle = Limits::median(&[limits(1.0, 9.0), limits(3.0, 7.0), limits(2.0, 8.0)]);
        assert_eq!(middle, limits(2.0, 8.0));
    }
}
