//! The one binary: `countersign`.

mod command;
mod output;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// JWT authentication that is safe by construction and instant to revoke.
#[derive(Parser)]
#[command(name = "countersign", version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run everything on this machine, with a sample API and app, to try it
    Dev(command::dev::Arguments),
    /// Run the authorization server
    Serve(command::serve::Arguments),
    /// Check or print a configuration
    #[command(subcommand)]
    Config(command::config::Command),
    /// People who sign in
    #[command(subcommand)]
    User(command::user::Command),
    /// Applications and APIs
    #[command(subcommand)]
    Client(command::client::Command),
    /// Who may register clients
    #[command(subcommand)]
    Registration(command::registration::Command),
    /// What people and clients have been granted
    #[command(subcommand)]
    Grant(command::grant::Command),
    /// APIs that are connected and confirm revocations
    #[command(subcommand)]
    Verifier(command::verifier::Command),
    /// Signing keys
    #[command(subcommand)]
    Key(command::key::Command),
    /// Read and check tokens
    #[command(subcommand)]
    Token(command::token::Command),
    /// Exit 0 when a server is ready
    Healthcheck(command::healthcheck::Arguments),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are answers, not mistakes.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let result = match arguments.command {
        Command::Dev(arguments) => command::dev::run(arguments),
        Command::Serve(arguments) => command::serve::run(&arguments),
        Command::Config(command) => command::config::run(&command),
        Command::User(command) => command::user::run(command),
        Command::Client(command) => command::client::run(command),
        Command::Registration(command) => command::registration::run(command),
        Command::Grant(command) => command::grant::run(command),
        Command::Verifier(command) => command::verifier::run(command),
        Command::Key(command) => command::key::run(command),
        Command::Token(command) => command::token::run(command),
        Command::Healthcheck(arguments) => command::healthcheck::run(&arguments),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("countersign: {error}");
            ExitCode::FAILURE
        }
    }
}
