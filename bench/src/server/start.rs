//! From starting the process to its first answer.

use std::path::Path;

use super::process::{self, Server};
use crate::rounds::median;

const TIMES: usize = 5;

/// Milliseconds from start to the first discovery answer.
#[derive(Debug)]
pub(super) struct Starts {
    /// In an empty folder: keys, users and clients are made.
    pub(super) first_ms: f64,
    /// In the folder of an earlier run.
    pub(super) warm_ms: f64,
}

pub(super) async fn measure(binary: &Path, data: &Path, pinned: bool) -> Result<Starts, String> {
    eprintln!("measuring {TIMES} first and {TIMES} warm starts");
    let (mut first, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let folder = process::fresh_folder(data)?;
        for times in [&mut first, &mut warm] {
            let mut server = Server::spawn(binary, folder.path(), pinned)?;
            times.push(server.ready().await?.as_secs_f64() * 1e3);
            server.stop()?;
        }
    }
    Ok(Starts { first_ms: median(&mut first), warm_ms: median(&mut warm) })
}
