//! Disks without room, for one process.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a mount may take.
const MOUNT_LIMIT: Duration = Duration::from_secs(5);

/// A command that runs what is added to it with a quota that can be changed: what goes beyond it
/// fails, as it does for anyone whose quota is used up.
#[must_use]
pub fn with_quota() -> Command {
    let mut command = Command::new("sh");
    // Who ignores the signal is told by an error.
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(crate::binary::path());
    command
}

/// No file of the process may be written beyond so many bytes; without a number, any may.
///
/// # Panics
/// When the quota cannot be set.
pub fn set_quota(process: u32, bytes: Option<u64>) {
    let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
    let words = ["--pid", &process.to_string(), &format!("--fsize={limit}:unlimited")];
    let status = Command::new("prlimit").args(words).status().expect("prlimit is there");
    assert!(status.success(), "the quota cannot be set");
}

/// A small disk that only the processes started with [`SmallDisk::command`] see, and that is gone
/// with them.
#[derive(Debug)]
pub struct SmallDisk {
    holder: Child,
    place: PathBuf,
}

impl SmallDisk {
    /// Mounts one of so many bytes on a folder; `None` where the system forbids it.
    ///
    /// # Panics
    /// When the system behaves in no expected way.
    #[must_use]
    pub fn mount(place: &Path, bytes: u64) -> Option<Self> {
        fs::create_dir_all(place).expect("a folder can be made");
        let script = format!(
            "mount -t tmpfs -o mode=700,size={bytes} tmpfs \"$0\" && touch \"$0/mounted\" && \
             exec sleep 300"
        );
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]).arg(place);
        let holder = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let mut disk = Self { holder, place: place.to_owned() };
        let start = Instant::now();
        while !disk.path("mounted").exists() {
            if disk.holder.try_wait().expect("a child can be asked").is_some() {
                return None;
            }
            assert!(start.elapsed() < MOUNT_LIMIT, "the mount hangs");
            std::thread::sleep(Duration::from_millis(2));
        }
        Some(disk)
    }

    /// A command that runs the binary, with the arguments that are added, where the disk is.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        let holder = self.holder.id().to_string();
        command.args(["--target", &holder, "--user", "--mount", "--preserve-credentials"]);
        command.arg(crate::binary::path());
        command
    }

    /// Takes all the room that is left.
    ///
    /// # Panics
    /// When it cannot be taken.
    pub fn fill(&self) {
        self.fill_but(0);
    }

    /// Takes all the room that is left but so many bytes.
    ///
    /// # Panics
    /// When it cannot be taken.
    pub fn fill_but(&self, bytes: u64) {
        let mut filler = File::create(self.path("filler")).expect("there is room for a name");
        for size in [64 * 1024, 1024, 1] {
            let piece = vec![0; size];
            while filler.write_all(&piece).is_ok() {}
        }
        let taken = filler.metadata().expect("a file of ours").len();
        filler.set_len(taken.saturating_sub(bytes)).expect("less room can be taken");
    }

    /// Gives it back.
    ///
    /// # Panics
    /// When it was not taken.
    pub fn make_room(&self) {
        fs::remove_file(self.path("filler")).expect("it was filled");
    }

    fn path(&self, name: &str) -> PathBuf {
        let inside = self.place.strip_prefix("/").expect("an absolute path");
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside).join(name)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
