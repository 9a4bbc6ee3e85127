//! This crate as a partner for other libraries: one JSON command a line, one JSON answer a line.
//!
//! It is for the cross-checks in `interop/`, which start it and speak to it; as an example of how
//! to use the crate, read its front page instead. Nothing here is a part of the product.
//!
//! | `do` | reads | answers |
//! |---|---|---|
//! | `names` | | the names of all algorithms |
//! | `generate` | `alg`, perhaps `kind` | a private JWK |
//! | `key` | `key` | the same key in every form, and its thumbprint |
//! | `sign` | `keys`, the form, `payload` | `token` |
//! | `verify` | `keys`, the form, `token`, `payload` when it is detached | `payload` |
//! | `encrypt` | `keys`, `form`, `enc`, `plaintext`, perhaps `aad` | `token` |
//! | `decrypt` | `keys`, `form`, `enc`, `token`, perhaps `inflate` | `plaintext`, `aad` |
//!
//! A key is `{"alg", "jwk"}` or `{"alg", "pem"}`, or `{"alg", "password"}` for PBES2. Bytes are
//! base64url. The answer is `{"ok": …}`, `{"refused": code}` with the code of the error, or
//! `{"fault": why}` for a command that is not understood.

mod command;
mod encryption;
mod keys;
mod signatures;

use std::io::{self, BufRead, Write};

use serde_json::{Value, json};

use command::{Command, Failure};

fn main() -> io::Result<()> {
    let mut answers = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let answer = match Command::read(&line?).and_then(|command| carry_out(&command)) {
            Ok(answer) => json!({ "ok": answer }),
            Err(Failure::Refused(error)) => json!({ "refused": error.code() }),
            Err(Failure::Fault(why)) => json!({ "fault": why }),
        };
        writeln!(answers, "{answer}")?;
        answers.flush()?;
    }
    Ok(())
}

fn carry_out(command: &Command) -> Result<Value, Failure> {
    match command.text("do")? {
        "names" => Ok(keys::names()),
        "generate" => keys::generate(command),
        "key" => keys::every_form(command),
        "sign" => signatures::sign(command),
        "verify" => signatures::verify(command),
        "encrypt" => encryption::encrypt(command),
        "decrypt" => encryption::decrypt(command),
        other => Err(Failure::Fault(format!("no command `{other}`"))),
    }
}
