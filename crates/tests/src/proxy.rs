//! What stands between a server and those who call it: a relay that can be told to misbehave.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How soon a relay notices what it was told.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How the relay treats what passes through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relay {
    /// Everything passes at once.
    Pass,
    /// Connections are closed, and new ones as soon as they are made.
    Cut,
    /// Connections stay open, and no byte passes: what half-open TCP looks like.
    Stall,
    /// Every byte passes, so long after it came.
    Late(Duration),
    /// So many bytes of what the server says pass in a second.
    Slow(usize),
}

/// A relay between an address and a server. Dropping it cuts everything.
#[derive(Debug)]
pub struct Proxy {
    state: State,
}

impl Proxy {
    /// Listens on `address` and forwards to `server`.
    ///
    /// # Panics
    /// When the address is taken.
    #[must_use]
    pub fn start(address: SocketAddr, server: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("the address is free");
        let state = State {
            told: Arc::new(Mutex::new(Relay::Pass)),
            server: Arc::new(Mutex::new(server)),
            over: Arc::default(),
        };
        listener.set_nonblocking(true).expect("a socket of ours");
        let proxy = Self { state: state.clone() };
        thread::spawn(move || accept(&listener, &state));
        proxy
    }

    /// Connections that are made from now on lead to this server.
    ///
    /// # Panics
    /// Never: nobody panics while holding the lock.
    pub fn lead_to(&self, server: SocketAddr) {
        *self.state.server.lock().expect("nobody panics with it") = server;
    }

    /// What happens from now on; every connection has noticed when this returns.
    ///
    /// # Panics
    /// Never: nobody panics while holding the lock.
    pub fn tell(&self, relay: Relay) {
        *self.state.told.lock().expect("nobody panics with it") = relay;
        thread::sleep(3 * LOOK_EVERY);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
    }
}

#[derive(Clone, Debug)]
struct State {
    told: Arc<Mutex<Relay>>,
    server: Arc<Mutex<SocketAddr>>,
    over: Arc<AtomicBool>,
}

impl State {
    fn now(&self) -> Relay {
        if self.over.load(Ordering::SeqCst) {
            return Relay::Cut;
        }
        *self.told.lock().expect("nobody panics with it")
    }
}

fn accept(listener: &TcpListener, state: &State) {
    while !state.over.load(Ordering::SeqCst) {
        let Ok((near, _)) = listener.accept() else {
            thread::sleep(LOOK_EVERY);
            continue;
        };
        if state.now() == Relay::Cut {
            continue;
        }
        let server = *state.server.lock().expect("nobody panics with it");
        let Ok(far) = TcpStream::connect(server) else { continue };
        let ways = near.try_clone().and_then(|near| Ok((near, far.try_clone()?)));
        let Ok((near_again, far_again)) = ways else { continue };
        let (up, down) = (state.clone(), state.clone());
        thread::spawn(move || forward(near, far, &up, false));
        thread::spawn(move || forward(far_again, near_again, &down, true));
    }
}

/// One direction of one connection.
fn forward(mut from: TcpStream, mut to: TcpStream, state: &State, is_answer: bool) {
    // What goes wrong with a connection ends it, as it would anywhere.
    let _ = from.set_read_timeout(Some(LOOK_EVERY));
    let _ = to.set_nodelay(true);
    let mut waiting: Vec<(Instant, Vec<u8>)> = Vec::new();
    let mut buffer = [0; 16 * 1024];
    let mut ended = false;
    loop {
        let relay = state.now();
        if relay == Relay::Cut {
            break;
        }
        if !ended && relay != Relay::Stall {
            match from.read(&mut buffer) {
                Ok(0) => ended = true,
                Ok(length) => waiting.push((Instant::now(), buffer[..length].to_vec())),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        } else {
            thread::sleep(LOOK_EVERY);
        }
        if pass(relay, &mut waiting, &mut to, is_answer).is_none() || (ended && waiting.is_empty())
        {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

/// Lets through what may pass now; `None` when the connection is broken.
fn pass(
    relay: Relay,
    waiting: &mut Vec<(Instant, Vec<u8>)>,
    to: &mut TcpStream,
    is_answer: bool,
) -> Option<()> {
    match relay {
        Relay::Stall | Relay::Cut => {}
        Relay::Slow(bytes_per_second) if is_answer => {
            if let Some((_, bytes)) = waiting.first_mut() {
                let piece = (bytes_per_second / 100).clamp(1, bytes.len());
                to.write_all(&bytes[..piece]).ok()?;
                bytes.drain(..piece);
                thread::sleep(LOOK_EVERY);
            }
            waiting.retain(|(_, bytes)| !bytes.is_empty());
        }
        Relay::Pass | Relay::Slow(_) | Relay::Late(_) => {
            let delay = if let Relay::Late(delay) = relay { delay } else { Duration::ZERO };
            while waiting.first().is_some_and(|(came, _)| came.elapsed() >= delay) {
                to.write_all(&waiting.remove(0).1).ok()?;
            }
        }
    }
    Some(())
}
