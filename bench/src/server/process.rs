//! The server as a process: started, asked, measured from outside, ended.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::http::{Connection, Request};
use super::{operation, pin};
use crate::memory;

/// What `/proc` counts processor time in; fixed at this on Linux for user programs.
const TICKS_PER_SECOND: u64 = 100;
const READY_WITHIN: Duration = Duration::from_secs(60);
const END_WITHIN: Duration = Duration::from_secs(10);
/// Counted by the server: transactions made durable, one sync of the log each.
const COMMITS: &str = "countersign_store_commits_total";
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// A running `countersign dev`; ended when dropped.
pub(super) struct Server {
    child: Child,
    address: SocketAddr,
    spawned: Instant,
}

impl Server {
    /// Starts it on a free port of the loopback address.
    pub(super) fn spawn(binary: &Path, folder: &Path, pinned: bool) -> Result<Self, String> {
        let address = free_address()?;
        let log = fs::File::create(folder.join("bench-server.log")).map_err(text)?;
        let configuration = folder.join("bench.toml");
        fs::write(&configuration, operation::configuration()).map_err(text)?;
        let mut command = pin::on_core_0(binary, pinned);
        command
            .args(["dev", "--port", &address.port().to_string(), "--data-dir"])
            .arg(folder.join("data"))
            .arg("--config")
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(text)?)
            .stderr(log);
        let spawned = Instant::now();
        let child = command.spawn().map_err(|error| format!("{}: {error}", binary.display()))?;
        Ok(Self { child, address, spawned })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the first answer; gives the time since the process was started.
    pub(super) async fn ready(&mut self) -> Result<Duration, String> {
        let request = Request::get(self.address, DISCOVERY).render();
        while self.spawned.elapsed() < READY_WITHIN {
            if let Some(status) = self.child.try_wait().map_err(text)? {
                return Err(format!("the server ended before it answered: {status}"));
            }
            if let Ok(mut connection) = Connection::open(self.address).await
                && connection.exchange(&request).await.is_ok_and(|reply| reply.status == 200)
            {
                return Ok(self.spawned.elapsed());
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        Err(format!("no answer within {} seconds", READY_WITHIN.as_secs()))
    }

    /// Processor time so far, from `/proc/PID/stat`.
    pub(super) fn cpu(&self) -> Result<Duration, String> {
        cpu(&self.child.id().to_string())
    }

    pub(super) fn resident_mib(&self) -> Result<f64, String> {
        let status = read(format!("/proc/{}/status", self.child.id()))?;
        memory::resident_mib(&status).ok_or_else(|| "no VmRSS".to_owned())
    }

    /// Transactions made durable so far; `None` when the server does not count them.
    pub(super) async fn commits(&self) -> Result<Option<u64>, String> {
        let mut connection = Connection::open(self.address).await.map_err(text)?;
        let request = Request::get(self.address, "/metrics").render();
        let reply = connection.exchange(&request).await?;
        Ok(counter(&String::from_utf8_lossy(reply.body), COMMITS))
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(mut self) -> Result<(), String> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &id]).status().map_err(text)?;
        let asked = Instant::now();
        while asked.elapsed() < END_WITHIN {
            if self.child.try_wait().map_err(text)?.is_some() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Err("the server does not end when asked to".to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A new folder for one server.
pub(super) fn fresh_folder(data: &Path) -> Result<TempDir, String> {
    tempfile::Builder::new().prefix("server-").tempdir_in(data).map_err(text)
}

/// Processor time of this process so far.
pub(super) fn own_cpu() -> Result<Duration, String> {
    cpu("self")
}

/// Time that a core has been busy so far, whoever used it; what the host took away counts too.
pub(super) fn core_busy(core: u32) -> Result<Duration, String> {
    let ticks = busy_ticks(&read("/proc/stat")?, core);
    let ticks = ticks.ok_or_else(|| format!("cannot read the time of core {core}"))?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// What the data lies on.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) device: String,
    pub(super) kind: String,
}

impl Disk {
    /// Refuses a file system in memory, where a sync costs nothing.
    pub(super) fn under(folder: &Path) -> Result<Self, String> {
        let folder = folder.canonicalize().map_err(text)?;
        let disk = disk(&read("/proc/self/mounts")?, &folder).ok_or("no mount holds the data")?;
        if matches!(disk.kind.as_str(), "tmpfs" | "ramfs") {
            return Err(format!("{} is in memory: name a folder on a disk", folder.display()));
        }
        Ok(disk)
    }
}

fn disk(mounts: &str, folder: &Path) -> Option<Disk> {
    let held = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (device, place, kind) = (words.next()?, words.next()?, words.next()?);
        folder.starts_with(place).then_some((place.len(), device, kind))
    });
    // The innermost mount; of several on one place the last hides the others.
    let (_, device, kind) = held.max_by_key(|(length, ..)| *length)?;
    Some(Disk { device: device.to_owned(), kind: kind.to_owned() })
}

fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(text)?;
    listener.local_addr().map_err(text)
}

fn cpu(process: &str) -> Result<Duration, String> {
    let stat = read(format!("/proc/{process}/stat"))?;
    let ticks = ticks(&stat).ok_or("cannot read the processor time")?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// User and system time: the 14th and 15th word. The second, the name, may hold spaces.
fn ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut words = after_name.split_whitespace().skip(11);
    let user: u64 = words.next()?.parse().ok()?;
    let system: u64 = words.next()?.parse().ok()?;
    Some(user + system)
}

/// All columns of the core but idle and waiting for the disk; guests are in the user time already.
fn busy_ticks(stat: &str, core: u32) -> Option<u64> {
    let name = format!("cpu{core} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&name))?;
    let columns: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let all: u64 = columns.iter().take(8).sum();
    Some(all - columns.get(3)? - columns.get(4)?)
}

/// The sum over all labels of a counter in the text format of Prometheus.
fn counter(metrics: &str, name: &str) -> Option<u64> {
    let values = metrics.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let value = match rest.strip_prefix('{') {
            Some(labels) => labels.split_once('}')?.1,
            None => rest,
        };
        value.trim().parse::<f64>().ok()
    });
    values.reduce(|sum, value| sum + value).map(|sum| sum as u64)
}

fn read(path: impl AsRef<Path>) -> Result<String, String> {
    let path = path.as_ref();
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{busy_ticks, counter, disk, ticks};

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 120 0 3 0 250 50 0 0 20 0 4 0 99 1 1";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("7 (a"), None);
        let stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 400 500 6 7 8 90 10\n";
        assert_eq!(busy_ticks(stat, 1), None);
        assert_eq!(busy_ticks(stat, 0), Some(1 + 2 + 3 + 6 + 7 + 8));
    }

    #[test]
    fn counters_are_read() {
        let metrics =
            "# TYPE a_total counter\na_total 3\na_total_b 9\nc{x=\"1\"} 2\nc{x=\"2\"} 5\n";
        assert_eq!(counter(metrics, "a_total"), Some(3));
        assert_eq!(counter(metrics, "c"), Some(7));
        assert_eq!(counter(metrics, "d"), None);
    }

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/x xfs rw 0 0\n";
        let kind = |path| disk(mounts, Path::new(path)).map(|disk| disk.kind);
        assert_eq!(kind("/home"), Some("ext4".to_owned()));
        assert_eq!(kind("/tmp/y"), Some("tmpfs".to_owned()));
        assert_eq!(kind("/tmp/x/z"), Some("xfs".to_owned()));
        assert_eq!(kind("/tmpfs"), Some("ext4".to_owned()));
    }
}
