//! `countersign healthcheck`: for containers without a shell.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use crate::output::Failure;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The operations address of the server (`dev`: its own)
    #[arg(long, default_value = "127.0.0.1:9090")]
    address: SocketAddr,
}

const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let address = arguments.address;
    let unreachable = |error| format!("{address} does not answer: {error}");
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE).map_err(unreachable)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4_096).read_to_string(&mut answer).map_err(unreachable)?;
    if answer.starts_with("HTTP/1.1 200") {
        Ok(ExitCode::SUCCESS)
    } else {
        let reason = answer.rsplit("\r\n\r\n").next().unwrap_or_default().trim();
        Err(format!("{address} is not ready: {reason}").into())
    }
}
