//! From starting the process to its first answer.

use std::path::Path;
use std::time::Duration;

use super::process::{self, Server};
use crate::rounds::median;

const TIMES: usize = 5;

/// One kind of start: an empty folder, where keys, users and clients are made first, or the folder
/// of an earlier run.
#[derive(Debug, Default)]
pub(super) struct Start {
    /// From starting the process to the first discovery answer.
    pub(super) milliseconds: f64,
    /// A second later.
    pub(super) resident_mib: f64,
}

/// Medians of the first and of the warm starts.
pub(super) async fn measure(
    binary: &Path,
    data: &Path,
    pinned: bool,
) -> Result<(Start, Start), String> {
    eprintln!("measuring {TIMES} first and {TIMES} warm starts");
    let (mut first, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        let folder = process::fresh_folder(data)?;
        for starts in [&mut first, &mut warm] {
            let mut server = Server::spawn(binary, folder.path(), pinned)?;
            let milliseconds = server.ready().await?.as_secs_f64() * 1e3;
            tokio::time::sleep(Duration::from_secs(1)).await;
            starts.push(Start { milliseconds, resident_mib: server.resident_mib()? });
            server.stop()?;
        }
    }
    Ok((medians(&first), medians(&warm)))
}

fn medians(starts: &[Start]) -> Start {
    let pick = |pick: fn(&Start) -> f64| median(&mut starts.iter().map(pick).collect::<Vec<_>>());
    Start {
        milliseconds: pick(|start| start.milliseconds),
        resident_mib: pick(|start| start.resident_mib),
    }
}
