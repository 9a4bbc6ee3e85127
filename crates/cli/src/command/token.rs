//! `countersign token decode|verify`.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use countersign_jose::{AccessToken, Error, KeySet, Policy, Verified, jwt};
use countersign_protocol::Timestamp;
use countersign_server::process;
use countersign_verify::{Algorithm, Caller, Verifier};
use serde_json::{Value, json};

use crate::output::{self, Failure, bold};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Show what is in a token, without believing it
    Decode {
        /// The token, or text that holds one (a header, a curl answer); `-` or nothing reads
        /// standard input
        token: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Check an access token: signature, issuer, audience, time
    Verify(Verify),
}

#[derive(clap::Args)]
pub(crate) struct Verify {
    /// The token; `-` or nothing reads standard input
    token: Option<String>,
    /// Who must have issued it; its keys are fetched from there unless --jwks is given
    #[arg(long)]
    issuer: String,
    /// The API that it must be for
    #[arg(long)]
    audience: String,
    /// A file with the issuer's keys
    #[arg(long)]
    jwks: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The token is not valid.
const INVALID: u8 = 1;
/// The question can't be asked like this.
const USAGE: u8 = 2;
/// The keys could not be fetched.
const NOT_FETCHED: u8 = 3;
/// What the texts are that only this server's kind reads, by their beginnings.
const SEALED: &[(&str, &str)] = &[
    ("csa_", "opaque access token"),
    ("csr_", "opaque refresh token"),
    ("csc_", "opaque authorization code"),
];
const FETCH_PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Decode { token, json } => decode(&read_token(token)?, json),
        // Exit code 1 is for a token that is not valid, so nothing else may end with it.
        Command::Verify(arguments) => Ok(verify(arguments).unwrap_or_else(|failure| {
            eprintln!("countersign: {failure}");
            ExitCode::from(USAGE)
        })),
    }
}

fn decode(token: &str, json: bool) -> Result<ExitCode, Failure> {
    if let Some((_, kind)) = SEALED.iter().find(|(prefix, _)| token.starts_with(prefix)) {
        return describe_sealed(token, kind, json);
    }
    let unverified = jwt::peek(token)?;
    let header: Value = serde_json::from_str(unverified.header_json())?;
    let payload: Value = serde_json::from_str(unverified.payload_json())?;
    if json {
        let shown = json!({ "verified": false, "header": header, "payload": payload });
        output::print_json(&shown)?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = process::now();
    let mut text = format!("{}\n\n", bold("NOT VERIFIED: anyone can write this"));
    text.push_str(&format!("Header\n{}\n\n", serde_json::to_string_pretty(&header)?));
    text.push_str(&format!("Payload\n{}\n", serde_json::to_string_pretty(&payload)?));
    let times =
        [("iat", "issued"), ("nbf", "valid from"), ("exp", "expires"), ("auth_time", "signed in")];
    for (claim, meaning) in times {
        if let Some(seconds) = payload.get(claim).and_then(Value::as_u64) {
            let at = output::time(Timestamp::from_secs(seconds), now);
            text.push_str(&format!("\n{claim:<10} {meaning} {at}"));
        }
    }
    let signature = token.rsplit('.').next().unwrap_or_default();
    text.push_str(&format!("\n\nSignature  {} characters\n", signature.len()));
    output::print(&text);
    Ok(ExitCode::SUCCESS)
}

/// A token that holds nothing which anyone but its issuer can read.
fn describe_sealed(token: &str, kind: &str, json: bool) -> Result<ExitCode, Failure> {
    if json {
        output::print_json(&json!({ "verified": false, "opaque": true, "kind": kind }))?;
    } else {
        output::print(&format!(
            "{}\n\nAn {kind} of {} characters. Only the server that issued it can read it: its API \
             asks there, at the introspection endpoint.\n",
            bold("OPAQUE: there is nothing in it to decode"),
            token.len()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(arguments: Verify) -> Result<ExitCode, Failure> {
    let Verify { token, issuer, audience, jwks, json } = arguments;
    let Ok(token) = read_token(token) else {
        return report(Err(("malformed", "there is no token in what was given".to_owned())), json);
    };
    if SEALED.iter().any(|(prefix, _)| token.starts_with(prefix)) {
        let why = "it is opaque: only its issuer can check it, at the introspection endpoint";
        return report(Err(("opaque_token", why.to_owned())), json);
    }
    let outcome = match jwks {
        Some(path) => {
            let text = std::fs::read(&path);
            let text =
                text.map_err(|error| format!("{} can't be read: {error}", path.display()))?;
            let (keys, _) = KeySet::from_jwks_json(&text)?;
            // The keys that the issuer publishes decide; each is tied to its algorithm.
            let asymmetric = Algorithm::ALL.iter().filter(|algorithm| !algorithm.is_symmetric());
            let asymmetric: Vec<Algorithm> = asymmetric.copied().collect();
            let policy = Policy::access_token(&issuer, &audience, &asymmetric)?;
            policy.verify(&keys, &token, process::now()).map_err(|error| explain(&error))
        }
        None => match fetch_and_verify(&issuer, &audience, &token)? {
            Some(outcome) => outcome,
            None => {
                eprintln!("countersign: the keys of {issuer} could not be fetched");
                return Ok(ExitCode::from(NOT_FETCHED));
            }
        },
    };
    report(outcome, json)
}

type Outcome = Result<Verified<AccessToken>, (&'static str, String)>;

/// `None` when the issuer could not be reached in time.
fn fetch_and_verify(issuer: &str, audience: &str, token: &str) -> Result<Option<Outcome>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let verifier = Verifier::discover(issuer, audience).no_revocations().start()?;
        if tokio::time::timeout(FETCH_PATIENCE, verifier.ready()).await.is_err() {
            return Ok(None);
        }
        let outcome = verifier.verify(token, process::now()).await;
        let signed = |caller: Caller| {
            caller.signed().cloned().expect("a verifier that asks nobody goes by signatures alone")
        };
        let outcome = outcome.map(signed);
        Ok(Some(outcome.map_err(|error| (error.code(), error.to_string()))))
    })
}

fn explain(error: &Error) -> (&'static str, String) {
    (error.code(), error.to_string())
}

fn report(outcome: Outcome, json: bool) -> Result<ExitCode, Failure> {
    match outcome {
        Ok(token) => {
            if json {
                let kid = token.key_id().to_owned();
                let claims = serde_json::to_value(&*token)?;
                output::print_json(&json!({ "valid": true, "kid": kid, "claims": claims }))?;
            } else {
                let expires = Timestamp::from_secs(token.expires_at);
                output::print(&format!(
                    "{}\n\nsubject   {}\nclient    {}\nscope     {}\nkey       {}\nexpires   {}\n\n\
                     Not checked: whether it was revoked.\n",
                    bold("VALID"),
                    output::plain(&token.subject),
                    output::plain(&token.client_id),
                    output::plain(token.scope.as_deref().unwrap_or("none")),
                    output::plain(token.key_id()),
                    output::time(expires, process::now()),
                ));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err((code, why)) => {
            if json {
                output::print_json(&json!({ "valid": false, "reason": code, "detail": why }))?;
            } else {
                output::print(&format!("{}: {why} ({code})\n", bold("INVALID")));
            }
            Ok(ExitCode::from(INVALID))
        }
    }
}

/// The token in an argument or on standard input: the longest run of characters that looks like
/// one, so that a header or a whole JSON answer can be given.
fn read_token(argument: Option<String>) -> Result<String, Failure> {
    let text = match argument {
        Some(text) if text != "-" => text,
        _ => {
            let mut text = String::new();
            std::io::stdin().take(1 << 20).read_to_string(&mut text)?;
            text
        }
    };
    find_token(&text).ok_or_else(|| "there is no token in what was given".into())
}

fn find_token(text: &str) -> Option<String> {
    let foreign = |c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c));
    let words = text.split(foreign).filter(|word| {
        if SEALED.iter().any(|(prefix, _)| word.starts_with(prefix) && word.len() > 40) {
            return true;
        }
        let parts: Vec<_> = word.split('.').collect();
        parts.len() == 3 && parts.iter().take(2).all(|part| part.len() > 1)
    });
    words.max_by_key(|word| (word.starts_with("ey"), word.len())).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::find_token;

    #[test]
    fn a_token_is_found_in_what_surrounds_it() {
        let token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln";
        for text in [
            token.to_owned(),
            format!("Authorization: Bearer {token}\r\n"),
            format!("{{\"access_token\":\"{token}\",\"scope\":\"a.b.c\"}}"),
            format!("curl -H 'authorization: bearer {token}' http://127.0.0.1:8080/x"),
        ] {
            assert_eq!(find_token(&text).as_deref(), Some(token), "{text}");
        }
        let opaque = format!("csa_{}", "Ab-_".repeat(20));
        let answer = format!("{{\"access_token\":\"{opaque}\",\"token_type\":\"Bearer\"}}");
        assert_eq!(find_token(&answer).as_deref(), Some(opaque.as_str()));
        assert_eq!(find_token("nothing here 127.0.0.1"), None);
    }
}
