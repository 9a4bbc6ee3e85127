//! `countersign dev` as a child process.

use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::folder::Folder;
use crate::http::{self, Answer, Request};
use crate::relying_party::{DEMO_SERVICE, Tokens, call_api};

const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// A port and a data folder, which outlive the process that serves them.
#[derive(Debug)]
pub struct Site {
    /// Where the server listens.
    pub address: SocketAddr,
    folder: Folder,
}

impl Site {
    /// A site that was never started.
    #[must_use]
    pub fn new() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        Self { address, folder: Folder::new() }
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where its data lies.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// `countersign dev` for this site, not yet started.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(crate::binary::path());
        command.arg("dev").arg("--port").arg(self.address.port().to_string());
        command.arg("--data-dir").arg(self.data());
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Starts the server and waits until it answers discovery.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn start(&self) -> Server<'_> {
        let log = self.folder.join("log.txt");
        let file = File::create(&log).expect("the log can be written");
        let mut command = self.command();
        command.stdout(file.try_clone().expect("a file can be shared")).stderr(file);
        let start = Instant::now();
        let child = command.spawn().expect("the binary starts");
        let mut server = Server { site: self, child, log, took: Duration::ZERO };
        let discovery = Request::get("/.well-known/openid-configuration");
        loop {
            if http::try_send(self.address, &discovery).is_ok_and(|answer| answer.status == 200) {
                server.took = start.elapsed();
                server.wait_for_api();
                return server;
            }
            let ended = server.child.try_wait().expect("a child can be asked");
            let late = start.elapsed() > START_LIMIT;
            assert!(ended.is_none() && !late, "no start ({ended:?}): {}", server.said());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub struct Server<'a> {
    /// What it serves.
    pub site: &'a Site,
    /// From its start to its first discovery document.
    pub took: Duration,
    child: Child,
    log: PathBuf,
}

impl Server<'_> {
    /// The sample API loads keys and revocations from the server, as any API would, and answers
    /// 503 until it has them.
    fn wait_for_api(&self) {
        let own = Tokens::of(&self.send(&DEMO_SERVICE.client_credentials(self)));
        let start = Instant::now();
        while call_api(self, &own.access).status == 503 {
            assert!(start.elapsed() < START_LIMIT, "no API: {}", self.said());
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.site.address
    }

    /// Sends one request.
    #[must_use]
    pub fn send(&self, request: &Request) -> Answer {
        http::send(self.site.address, request)
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would (SIGKILL).
    ///
    /// # Panics
    /// When the process cannot be signalled.
    pub fn kill(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be awaited");
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Panics
    /// When the process cannot be signalled.
    pub fn terminate(&self) {
        let status = Command::new("kill").args(["-TERM", &self.id().to_string()]).status();
        assert!(status.expect("kill starts").success(), "the server had ended before");
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn wait(mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            assert!(start.elapsed() < STOP_LIMIT, "it does not end: {}", self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it in order.
    ///
    /// # Panics
    /// When it fails while ending.
    pub fn stop(self) {
        self.terminate();
        let status = self.wait();
        assert!(status.success(), "it ended with {status}");
    }

    /// What it printed so far.
    #[must_use]
    pub fn said(&self) -> String {
        let mut text = String::new();
        // A log that cannot be read must not hide why a test failed.
        let _ = File::open(&self.log).and_then(|mut file| file.read_to_string(&mut text));
        text
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A free port below those that the system gives to outgoing connections: between two starts of
/// a site nobody may take it.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 500).expect("below 500") * 20;
    (0..10_000)
        .map(|_| 20_000 + (own + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .expect("there is a free port")
}
