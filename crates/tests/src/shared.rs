//! One server for many tests that do not get into each other's way.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::server::{Server, Site};

/// A server of `countersign serve` that tests share which run at the same time: the first one
/// starts it, the last one ends it.
#[derive(Debug)]
pub struct Shared {
    more: fn() -> String,
    running: Mutex<Weak<Running>>,
}

impl Shared {
    /// A server with this at the end of its configuration, not yet started.
    #[must_use]
    pub const fn new(more: fn() -> String) -> Self {
        Self { more, running: Mutex::new(Weak::new()) }
    }

    /// The server, started if it is not there.
    pub fn server(&self) -> Arc<Running> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = running.upgrade() {
            return server;
        }
        // A server borrows its site. What leaks is a few words of memory: the folder goes below.
        let site: &'static Site = Box::leak(Box::new(Site::of_serve(&(self.more)())));
        let server = Arc::new(Running { server: site.start(), _folder: Gone(site.folder()) });
        *running = Arc::downgrade(&server);
        server
    }
}

/// A server while some test needs it.
#[derive(Debug)]
pub struct Running {
    // In this order: it writes to its folder until it has ended.
    server: Server<'static>,
    _folder: Gone,
}

impl Deref for Running {
    type Target = Server<'static>;

    fn deref(&self) -> &Server<'static> {
        &self.server
    }
}

#[derive(Debug)]
struct Gone(PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        // What is left in the system's temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
