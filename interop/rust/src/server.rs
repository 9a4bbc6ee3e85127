//! Starts `countersign dev` for one test, and ends it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::http::{self, Answer, Request};

const START_LIMIT: Duration = Duration::from_secs(15);

/// A running server with a data folder of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    folder: PathBuf,
}

impl Server {
    /// Starts the binary that `COUNTERSIGN_BIN` names, and waits until it has all its keys: the
    /// first RSA key is made beside the first answers. `config` declares more clients.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    pub fn start(config: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let binary = std::env::var_os("COUNTERSIGN_BIN").expect("COUNTERSIGN_BIN names the binary");
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("countersign-interop-rust-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).expect("a new folder can be made");
        std::fs::write(folder.join("clients.toml"), config).expect("the folder is ours");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let mut command = Command::new(binary);
        command.args(["dev", "--port", &address.port().to_string(), "--data-dir", "data"]);
        command.args(["--config", "clients.toml"]).current_dir(&folder).stdin(Stdio::null());
        let start = Instant::now();
        let child = command.stdout(Stdio::null()).spawn().expect("the binary starts");
        let mut server = Self { address, child, folder };
        let request = Request::get("/.well-known/jwks.json");
        let complete = |keys: Answer| keys.text().contains("\"RS256\"");
        while !http::try_send(address, &request).is_ok_and(complete) {
            let ended = server.child.try_wait().expect("a child can be asked");
            assert!(ended.is_none() && start.elapsed() < START_LIMIT, "no start ({ended:?})");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    /// The issuer.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; what is left in the temporary folder harms nobody.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a free port");
    listener.local_addr().expect("it is bound").port()
}
