//! Measures Countersign beside its peers and beside the limits of the machine.
//!
//! Run it as `cargo xtask bench NAME`, which builds what each measurement needs.

mod clock;
mod jose;
mod memory;
mod output;
mod rounds;
mod server;
mod verify;

use std::process::ExitCode;

const USAGE: &str = "\
countersign-bench NAME [--json]

  jose [--rounds N]                   sign, verify, encrypt and decrypt, beside others
  verify [--rounds N]                 the verifier of an API: tokens new and seen before, beside
                                      jsonwebtoken; a set of revocations: lookup, memory, load
  server --binary FILE --data DIR     the real binary over loopback
         [--connections N] [--seconds S] [--op NAME]
  limits --data DIR [--seconds S]     what this disk and this core can do at best
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match words.split_first() {
        Some((name, rest)) if name == "jose" => jose::run(rest),
        Some((name, rest)) if name == "verify" => verify::run(rest),
        Some((name, rest)) if name == "server" => server::run(rest),
        Some((name, rest)) if name == "limits" => server::limits::run(rest),
        _ => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("bench: {reason}");
            ExitCode::FAILURE
        }
    }
}
