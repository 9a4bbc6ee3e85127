//! A start that cannot go well says in one sentence why, and overwrites nothing.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use countersign_tests::binary;
use countersign_tests::browser::Browser;
use countersign_tests::folder::Folder;
use countersign_tests::relying_party::{DEMO_SPA, call_api};
use countersign_tests::server::Site;

const LIMIT: Duration = Duration::from_secs(10);
/// Nobody's account: permissions bind it, unlike root.
const NOBODY: u32 = 65_534;

/// Runs a command that should give up by itself.
fn run(mut command: Command) -> Output {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let start = Instant::now();
    while child.try_wait().expect("a child can be asked").is_none() {
        if start.elapsed() > LIMIT {
            child.kill().expect("a child can be killed");
            let output = child.wait_with_output().expect("it has ended");
            panic!("it goes on: {}", String::from_utf8_lossy(&output.stderr));
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("it has ended")
}

/// Exit code 1, and one sentence on standard error that holds each of these words.
fn refuses(command: Command, words: &[&str]) {
    let said = refusal(command);
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    assert_eq!(lines.len(), 1, "one sentence, not:\n{said}");
    assert!(lines[0].len() > 30 && lines[0].len() < 500, "a sentence, not: {said}");
    assert!(!lines[0].ends_with(')') || !lines[0].contains("os error"), "what to do? {said}");
    for word in words {
        let there = lines[0].to_lowercase().contains(&word.to_lowercase());
        assert!(there, "nothing of `{word}` in: {said}");
    }
    println!("{}", lines[0]);
}

/// Exit code 1: what is on standard error.
fn refusal(command: Command) -> String {
    let output = run(command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

/// Everything in a folder, to see that nothing of it changed.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(&path).expect("a file can be read"));
        }
    }
    found
}

/// A site that ran once, with a login in its database, and where that database is.
fn used_site() -> (Site, PathBuf) {
    let site = Site::new();
    let server = site.start();
    let tokens = DEMO_SPA.log_in(&server, &mut Browser::new(server.address()), "alice");
    assert_eq!(call_api(&server, &tokens.access).status, 200);
    server.stop();
    let files = contents(&site.data());
    let database = files.iter().find(|(_, bytes)| bytes.starts_with(b"SQLite format 3\0"));
    let database = database.expect("a database is in the data folder").0.clone();
    (site, database)
}

/// The start fails, and what is in the data folder stays as it is.
fn refuses_and_keeps(site: &Site, words: &[&str]) {
    let before = contents(&site.data());
    refuses(site.command(), words);
    let after = contents(&site.data());
    for (path, bytes) in &before {
        assert!(after.get(path) == Some(bytes), "{} was changed", path.display());
    }
}

#[test]
fn a_taken_port() {
    let site = Site::new();
    let _other = TcpListener::bind(site.address).expect("the port is free");
    refuses(site.command(), &[&site.address.port().to_string(), "choose another port"]);
}

#[test]
fn a_data_folder_that_is_a_file() {
    let site = Site::new();
    fs::write(site.data(), "mine").expect("a file can be written");
    refuses(site.command(), &["data"]);
    assert_eq!(fs::read(site.data()).expect("it is still there"), b"mine");
}

#[test]
fn a_read_only_data_folder() {
    let folder = Folder::new();
    let readable = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    let data = folder.join("data");
    fs::create_dir(&data).expect("a folder can be made");
    let mut command = Command::new(binary::path());
    if fs::metadata("/proc/self").expect("this is Linux").uid() == 0 {
        // Root may write anywhere, and the build folder may be closed to others.
        let copy = folder.join("countersign");
        fs::copy(binary::path(), &copy).expect("the binary can be copied");
        readable(folder.path(), 0o755);
        command = Command::new(copy);
        command.uid(NOBODY).gid(NOBODY);
    }
    readable(&data, 0o555);
    let port = Site::new().address.port().to_string();
    command.args(["dev", "--port", &port, "--data-dir"]).arg(&data).current_dir("/");
    refuses(command, &["data", "writ"]);
    assert!(contents(&data).is_empty());
    readable(&data, 0o755);
}

#[test]
fn a_corrupt_database() {
    let (site, database) = used_site();
    let mut bytes = fs::read(&database).expect("it can be read");
    bytes[..200].fill(b'x');
    fs::write(&database, &bytes).expect("it can be written");
    refuses_and_keeps(&site, &["database"]);
}

#[test]
fn a_file_that_is_no_database() {
    let (site, database) = used_site();
    fs::write(&database, "my holiday pictures").expect("it can be written");
    refuses_and_keeps(&site, &["database"]);
}

#[test]
fn a_database_of_another_program() {
    let (site, database) = used_site();
    // The application id, big-endian, in the header of an SQLite file.
    set_header(&database, 68, 0x1234_5678);
    refuses_and_keeps(&site, &["database"]);
}

#[test]
fn a_newer_database() {
    let (site, database) = used_site();
    // The user version: the number of the schema.
    set_header(&database, 60, 9999);
    refuses_and_keeps(&site, &["9999", "newer"]);
}

fn set_header(database: &Path, offset: usize, value: u32) {
    let mut bytes = fs::read(database).expect("it can be read");
    bytes[offset..offset + 4].copy_from_slice(&value.to_be_bytes());
    fs::write(database, &bytes).expect("it can be written");
}

/// Files in the data folder that are not the database: the master key is one.
fn key_files(site: &Site, database: &Path) -> Vec<PathBuf> {
    let database = database.to_string_lossy().into_owned();
    let own = |path: &PathBuf| !path.to_string_lossy().starts_with(&database);
    contents(&site.data()).into_keys().filter(own).collect()
}

#[test]
fn a_lost_master_key() {
    let (site, database) = used_site();
    let keys = key_files(&site, &database);
    assert!(!keys.is_empty(), "the master key is not in the database");
    for key in &keys {
        fs::remove_file(key).expect("it can be removed");
    }
    refuses_and_keeps(&site, &["master key"]);
    assert!(keys.iter().all(|key| !key.exists()), "a new key was made in its place");
}

#[test]
fn a_wrong_master_key() {
    let (site, database) = used_site();
    let (other, other_database) = used_site();
    let names = key_files(&site, &database);
    for (own, foreign) in names.iter().zip(key_files(&other, &other_database)) {
        fs::copy(foreign, own).expect("it can be copied");
    }
    refuses_and_keeps(&site, &["master key"]);
}

#[test]
fn a_damaged_master_key() {
    let (site, database) = used_site();
    for key in key_files(&site, &database) {
        fs::write(key, "short").expect("it can be written");
    }
    refuses_and_keeps(&site, &["master key"]);
}

#[test]
fn the_master_key_is_for_its_owner_only() {
    let (site, database) = used_site();
    for path in key_files(&site, &database).iter().chain([&database]) {
        let mode = fs::metadata(path).expect("it is there").mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[test]
fn a_configuration_that_cannot_be_used() {
    let folder = Folder::new();
    let write = |name: &str, text: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, text).expect("a file can be written");
        path
    };
    // A mistake in the text is also shown where it stands, in a few lines.
    for (config, word) in [
        (folder.join("missing.toml"), "missing.toml"),
        (folder.path().to_owned(), "read"),
        (write("broken.toml", b"[server\n"), "broken.toml"),
        (write("binary.toml", b"\xff\xfe\x00"), "binary.toml"),
        (write("unknown.toml", b"colour = \"green\"\n"), "colour"),
    ] {
        let command = |name: &str| {
            let mut command = Command::new(binary::path());
            command.arg(name).arg("--config").arg(&config).current_dir(folder.path());
            command
        };
        let mut dev = command("dev");
        let port = Site::new().address.port().to_string();
        dev.args(["--port", &port]).arg("--data-dir").arg(folder.join("data"));
        for command in [dev, command("serve")] {
            let said = refusal(command);
            assert!(said.contains(word), "nothing of `{word}` in: {said}");
            assert!(said.lines().count() < 10, "{said}");
            println!("{said}");
        }
    }
    assert!(!folder.join("data").exists() && !folder.join(".countersign").exists());
}

/// Nothing is asserted about time: the machine may be busy. The numbers are for people.
#[test]
fn first_and_later_starts() {
    let site = Site::new();
    let first = site.start();
    thread::sleep(Duration::from_millis(500));
    let status = fs::read_to_string(format!("/proc/{}/status", first.id())).expect("it runs");
    let memory = status.lines().find(|line| line.starts_with("VmRSS")).expect("Linux says so");
    println!("first start to discovery: {:?}; idle {memory}", first.took);
    let said = first.said();
    for word in ["alice", "countersign-demo", &site.issuer()] {
        assert!(said.contains(word), "nothing of `{word}` in:\n{said}");
    }
    first.stop();
    for _ in 0..3 {
        let later = site.start();
        println!("later start to discovery: {:?}", later.took);
        later.stop();
    }
}

#[test]
fn dev_is_for_this_machine_only() {
    for host in ["0.0.0.0", "::", "192.0.2.1", "localhost.example"] {
        let site = Site::new();
        let mut command = site.command();
        command.args(["--host", host]);
        refuses(command, &["127.0.0.1", host]);
        assert!(!site.data().exists());
    }
}
