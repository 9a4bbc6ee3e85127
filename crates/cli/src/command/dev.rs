//! `countersign dev`.

use std::path::PathBuf;
use std::process::ExitCode;

use countersign_server::config::Config;
use countersign_server::sample::{self, Dev};

use super::running::{self, Log};
use crate::output::{self, Failure, bold};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Port on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Where data is kept between runs
    #[arg(long, default_value = ".countersign")]
    data_dir: PathBuf,
    /// A file that declares more clients and users
    #[arg(long)]
    config: Option<PathBuf>,
    /// Only here to be refused when it is not a loopback address
    #[arg(long, hide = true, default_value = "127.0.0.1")]
    host: String,
}

/// The sample API runs in this process and loses its feed whenever it stops.
const LOG_LEVEL: &str = "warn,countersign_verify=error";

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { port, data_dir, config, host } = arguments;
    if host != "127.0.0.1" {
        return Err(format!(
            "dev speaks plain http, so it listens on 127.0.0.1 only and not on {host}: \
             use `countersign serve` for anything else"
        )
        .into());
    }
    let declared = match &config {
        Some(path) => Config::load_declared(path).map_err(|faults| {
            format!("the configuration {} can't be used:\n{faults}", path.display())
        })?,
        None => Default::default(),
    };
    let dev = Dev { port, data_dir: data_dir.clone(), declared };
    running::run(
        Log::Text,
        LOG_LEVEL,
        |stopping| sample::start(dev, stopping),
        |server| {
            let port = server.address().map_or(port, |address| address.port());
            output::print(&welcome(port, &data_dir.display().to_string()));
        },
    )?;
    Ok(ExitCode::SUCCESS)
}

fn welcome(port: u16, data_dir: &str) -> String {
    let issuer = format!("http://127.0.0.1:{port}");
    let title = bold("Countersign is running");
    let open = bold(&format!("{issuer}/"));
    let (users, password) = (sample::USERS.join(" or "), sample::USER_PASSWORD);
    let (service, secret) = (sample::SERVICE_ID, sample::SERVICE_SECRET);
    let data =
        if data_dir == ".countersign" { String::new() } else { format!(" --data-dir {data_dir}") };
    format!(
        "{title}

  Open   {open}
  Sign in as {users}, password {password}

  Issuer      {issuer}
  Sample API  {issuer}/sample/me
  Data        {data_dir}

Try, in another terminal:

  # a token for a service
  curl -s -u {service}:{secret} -d grant_type=client_credentials {issuer}/token

  # the sample API, with that token
  curl -i -H \"Authorization: Bearer $TOKEN\" {issuer}/sample/me

  # what has been granted, and taking it back
  countersign grant list{data}

Stop with Ctrl-C.
"
    )
}
