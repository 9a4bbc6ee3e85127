//! `countersign dev` or `serve` as a child process.

use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crate::folder::Folder;
use crate::http::{self, Answer, Request};
use crate::relying_party::{
    DEMO_SERVICE, DEMO_SPA, DEMO_WEB, PASSWORD, REDIRECT_URI, Tokens, call_api,
};

const START_LIMIT: Duration = Duration::from_secs(20);
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// A port and a data folder, which outlive the processes that serve them.
#[derive(Debug)]
pub struct Site {
    /// Where clients go: the issuer's address.
    pub address: SocketAddr,
    folder: Folder,
    /// More configuration, if this is a site of `serve`.
    serves: Option<String>,
}

impl Site {
    /// A site of `countersign dev` that was never started.
    #[must_use]
    pub fn new() -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        Self { address, folder: Folder::new(), serves: None }
    }

    /// A site of `countersign serve` that was never started, with the demo clients and alice, and
    /// this at the end of its configuration. Several processes may serve it.
    #[must_use]
    pub fn of_serve(more: &str) -> Self {
        Self { serves: Some(more.to_owned()), ..Self::new() }
    }

    /// From its next start on, a site of `serve` has this at the end of its configuration.
    pub fn configure(&mut self, more: &str) {
        self.serves = Some(more.to_owned());
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

    /// Everything that is its own: data, configuration, log.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
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

    /// Starts the server and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn start(&self) -> Server<'_> {
        self.start_at(self.address)
    }

    /// Starts a server of this site on an address of its own, as one of several or behind
    /// something that forwards to it.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn start_at(&self, address: SocketAddr) -> Server<'_> {
        self.start_with(address, Command::new(crate::binary::path()))
    }

    /// Starts a server through a command to which the binary's arguments are added.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn start_with(&self, address: SocketAddr, mut command: Command) -> Server<'_> {
        let operations = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let ready = match &self.serves {
            None => {
                command.args(self.command().get_args());
                address
            }
            Some(more) => {
                let config = self.folder.join(&format!("{}.toml", address.port()));
                fs::write(&config, self.config(address, operations, more)).expect("it is ours");
                command.arg("serve").arg("--config").arg(config);
                operations
            }
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        let log = self.folder.join(&format!("{}.log", address.port()));
        let file = File::create(&log).expect("the log can be written");
        command.stdout(file.try_clone().expect("a file can be shared")).stderr(file);
        let start = Instant::now();
        let child = command.spawn().expect("the binary starts");
        let took = Duration::ZERO;
        let mut server = Server { site: self, took, child, log, address, operations };
        let request = match self.serves {
            None => Request::get("/.well-known/openid-configuration"),
            Some(_) => Request::get("/readyz"),
        };
        while !http::try_send(ready, &request).is_ok_and(|answer| answer.status == 200) {
            let ended = server.child.try_wait().expect("a child can be asked");
            let late = start.elapsed() > START_LIMIT;
            assert!(ended.is_none() && !late, "no start ({ended:?}): {}", server.said());
            std::thread::sleep(Duration::from_millis(1));
        }
        server.took = start.elapsed();
        if self.serves.is_none() {
            server.wait_for_api();
        }
        server
    }

    fn config(&self, listen: SocketAddr, operations: SocketAddr, more: &str) -> String {
        let (issuer, data) = (self.issuer(), self.data());
        let mut text = format!("issuer = {issuer:?}\ndata_dir = {data:?}\n{more}\n");
        text += &format!("[server]\nlisten = \"{listen}\"\noperations = \"{operations}\"\n");
        for client in [DEMO_SPA, DEMO_WEB] {
            let secret = client.secret.map_or_else(
                || "token_endpoint_auth_method = \"none\"".to_owned(),
                |secret| format!("client_secret = {secret:?}"),
            );
            text += &format!(
                "[[client]]\nclient_id = {:?}\n{secret}\nredirect_uris = [{REDIRECT_URI:?}]\n\
                 grant_types = [\"authorization_code\", \"refresh_token\"]\n\
                 resources = [\"{issuer}/sample\"]\n",
                client.id,
            );
        }
        let (id, secret) = (DEMO_SERVICE.id, DEMO_SERVICE.secret.unwrap_or_default());
        text += &format!(
            "[[client]]\nclient_id = {id:?}\nclient_secret = {secret:?}\n\
             grant_types = [\"client_credentials\"]\nresources = [\"{issuer}/sample\"]\n\
             protects = [\"{issuer}/sample\"]\n\
             [[user]]\nusername = \"alice\"\npassword = {PASSWORD:?}\n"
        );
        text
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
    address: SocketAddr,
    operations: SocketAddr,
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
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one request.
    #[must_use]
    pub fn send(&self, request: &Request) -> Answer {
        http::send(self.address, request)
    }

    /// Waits until all keys of a first start are made: an RSA key takes a moment, and writes to the
    /// store and to the JWKS when it is there.
    ///
    /// # Panics
    /// When that takes a minute.
    pub fn wait_for_keys(&self) {
        let limit = Instant::now() + Duration::from_secs(60);
        // One that signs, and one that is announced.
        while self.send(&Request::get("/.well-known/jwks.json")).text().matches("\"RSA\"").count()
            < 2
        {
            assert!(Instant::now() < limit, "the keys are not made in time");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it counted of a metric, over all its labels but those given. Only `serve` has
    /// metrics.
    #[must_use]
    pub fn counted(&self, metric: &str) -> u64 {
        let text = http::send(self.operations, &Request::get("/metrics")).text();
        let lines = text.lines().filter(|line| line.starts_with(metric));
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
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
