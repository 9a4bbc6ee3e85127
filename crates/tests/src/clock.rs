//! A time of day that a test can set, for the processes that it starts.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder::Folder;

/// Names the file with the seconds that are added.
const VARIABLE: &str = "COUNTERSIGN_TEST_CLOCK";

/// A clock that goes as the system's, and as much ahead or behind as it was told last.
#[derive(Debug)]
pub struct Clock {
    file: File,
    folder: Folder,
}

impl Clock {
    /// One that is right. What the processes load is built here: the cryptography that they need
    /// cannot be built without a C compiler either.
    ///
    /// # Panics
    /// When there is no C compiler.
    #[must_use]
    pub fn new() -> Self {
        let folder = Folder::new();
        fs::write(folder.join("clock"), 0_i64.to_ne_bytes()).expect("it is ours");
        fs::write(folder.join("clock.c"), include_str!("clock.c")).expect("it is ours");
        let mut command = Command::new("cc");
        command.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", "clock.so", "clock.c"]);
        let status = command.arg("-ldl").current_dir(folder.path()).status();
        assert!(status.expect("there is a C compiler").success(), "clock.c cannot be built");
        Self { file: open(&folder.join("clock")), folder }
    }

    /// A command of this program that goes by it, and by no other.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env("LD_PRELOAD", self.folder.join("clock.so"));
        command.env(VARIABLE, self.folder.join("clock"));
        command
    }

    /// Sets it so many seconds ahead of the system's, or behind, for all who go by it.
    ///
    /// # Panics
    /// When the file is gone.
    pub fn set(&self, seconds: i64) {
        set(&self.file, seconds);
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}

/// Sets the clock that this process itself goes by, if it was started with one.
///
/// # Panics
/// When it was not.
pub fn set_own(seconds: i64) {
    let path: PathBuf = std::env::var_os(VARIABLE).expect("it has a clock of its own").into();
    set(&open(&path), seconds);
}

/// Whether this process was started with a clock.
#[must_use]
pub fn is_own() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

fn open(path: &Path) -> File {
    File::options().write(true).open(path).expect("it is there")
}

fn set(file: &File, seconds: i64) {
    file.write_all_at(&seconds.to_ne_bytes(), 0).expect("the file is there");
}
