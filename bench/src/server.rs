//! `bench server`: the release binary over loopback, with the limits of the machine beside it.
//!
//! The server has a core of its own and the load another one. Windows of all operations take
//! turns, so that a noisy minute hits all of them alike.

mod form;
mod goals;
mod http;
pub(crate) mod limits;
mod load;
mod login;
mod operation;
mod pin;
mod process;
mod report;
mod revocation;
mod start;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::output::Options;
use limits::Limits;
use load::Script;
use login::Site;
use operation::Operation;
use process::{Disk, Server};
use report::{Figures, Report, Spent};

const DEFAULT_CONNECTIONS: &[usize] = &[16, 64];
const DEFAULT_SECONDS: u64 = 10;
/// Of each operation; their median is the rate.
const WINDOWS: u32 = 5;
/// The measurement that is no load: `--op revocation`.
const REVOCATION: &str = "revocation";
/// Before the first window of an operation, not counted.
const WARM_UP: Duration = Duration::from_millis(500);

pub(crate) fn run(words: &[String]) -> Result<(), String> {
    let options = Options::parse(words, &["binary", "data", "connections", "seconds", "op"])?;
    let binary = PathBuf::from(options.text("binary").ok_or("`--binary` is needed")?);
    let data = PathBuf::from(options.text("data").ok_or("`--data` is needed")?);
    let connections = options.number("connections", (1, 512))?;
    let connections = connections.map(|number| vec![number as usize]);
    let seconds = options.number("seconds", (1, 30))?.unwrap_or(DEFAULT_SECONDS);
    let (operations, revocation) = match options.text("op") {
        Some(REVOCATION) => (Vec::new(), true),
        Some(name) => (vec![Operation::from_name(name)?], false),
        None => (Operation::ALL.to_vec(), true),
    };
    std::fs::create_dir_all(&data).map_err(|error| format!("{}: {error}", data.display()))?;
    let disk = Disk::under(&data)?;
    let pinned = pin::load_to_core_1();
    let plan = Plan {
        binary,
        data,
        connections: connections.unwrap_or_else(|| DEFAULT_CONNECTIONS.to_vec()),
        window: Duration::from_secs(seconds) / WINDOWS,
        operations,
        revocation,
        pinned,
    };
    let report = Report::new(options.json);
    report.opening(&disk, plan.pinned, plan.window, WINDOWS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(plan.carry_out(&report, &disk))
}

struct Plan {
    binary: PathBuf,
    data: PathBuf,
    connections: Vec<usize>,
    window: Duration,
    operations: Vec<Operation>,
    revocation: bool,
    pinned: bool,
}

impl Plan {
    async fn carry_out(&self, report: &Report, disk: &Disk) -> Result<(), String> {
        let (first, warm) = start::measure(&self.binary, &self.data, self.pinned).await?;
        report.starts(&first, &warm);
        let folder = process::fresh_folder(&self.data)?;
        let mut server = Server::spawn(&self.binary, folder.path(), self.pinned)?;
        server.ready().await?;
        let mut limits = vec![self.limits(folder.path())?];
        if self.revocation {
            report.revocation(&revocation::measure(&Site::new(server.address())).await?);
        }
        let stages = if self.operations.is_empty() { &[] } else { &self.connections[..] };
        for &connections in stages {
            for (operation, figures) in self.stage(&server, connections).await? {
                report.operation(operation, connections, figures, self.pinned)?;
            }
            limits.push(self.limits(folder.path())?);
        }
        report.limits(Limits::median(&limits), disk);
        report.goals();
        Ok(())
    }

    /// All operations with this many connections each, window by window.
    async fn stage(
        &self,
        server: &Server,
        connections: usize,
    ) -> Result<Vec<(Operation, Figures)>, String> {
        let mut lanes = Vec::new();
        for &operation in &self.operations {
            let site = Site::new(server.address());
            let scripts = operation.scripts(&site, connections).await;
            let scripts = scripts.map_err(|reason| format!("{}: {reason}", operation.name()))?;
            lanes.push((operation, scripts, Figures::default()));
        }
        for (operation, scripts, figures) in &mut lanes {
            eprintln!("warming up {} with {connections} connections", operation.name());
            window(server, scripts, WARM_UP, &mut Figures::default()).await?;
            figures.windows.reserve(WINDOWS as usize);
        }
        for round in 1..=WINDOWS {
            eprintln!("{connections} connections, window {round} of {WINDOWS}");
            for (operation, scripts, figures) in &mut lanes {
                let name = operation.name();
                let outcome = window(server, scripts, self.window, figures).await;
                outcome.map_err(|reason| format!("{name}: {reason}"))?;
            }
        }
        Ok(lanes.into_iter().map(|(operation, _, figures)| (operation, figures)).collect())
    }

    fn limits(&self, folder: &Path) -> Result<Limits, String> {
        limits::on_the_core_of_the_server(folder, self.pinned)
    }
}

/// One window of one operation; what the server spent is read just before and just after.
async fn window(
    server: &Server,
    scripts: &mut Vec<Script>,
    length: Duration,
    figures: &mut Figures,
) -> Result<(), String> {
    let address: SocketAddr = server.address();
    let commits = server.commits().await?;
    let load = load::Window::open(address, std::mem::take(scripts)).await?;
    let before = Spent::so_far(server)?;
    let outcome = load.run(length).await;
    figures.spent = figures.spent.plus(Spent::so_far(server)?.since(before));
    figures.resident_mib = figures.resident_mib.max(server.resident_mib()?);
    figures.commits = match (commits, server.commits().await?, figures.commits) {
        (Some(before), Some(after), Some(sum)) => Some(sum + after.saturating_sub(before)),
        _ => None,
    };
    *scripts = figures.add(outcome);
    Ok(())
}
