//! What no honest client sends. The answer is the right OAuth error, never a 5xx, never a page
//! that leads elsewhere, and the server goes on.

mod authorization;
mod bearer;
mod clients;
mod pages;
mod registration;
mod token;
mod wire;

use countersign_tests::http::{Answer, Request};
use countersign_tests::server::Server;

/// Runs cases one after the other and reports all that went wrong together.
struct Table<'a> {
    server: &'a Server<'a>,
    wrong: Vec<String>,
}

impl<'a> Table<'a> {
    fn new(server: &'a Server<'a>) -> Self {
        Self { server, wrong: Vec::new() }
    }

    /// The answer has one of these statuses and this OAuth error ("" for none).
    fn case(&mut self, name: &str, request: &Request, statuses: &[u16], error: &str) -> Answer {
        let answer = self.server.send(request);
        let found = answer.error().unwrap_or_default();
        if !statuses.contains(&answer.status) || found != error {
            let expected = format!("{statuses:?} `{error}`");
            self.blame(name, &format!("expected {expected}, got {}", shown(&answer)));
        }
        self.check_shape(name, &answer);
        answer
    }

    /// What holds for every answer of the OAuth endpoints.
    fn check_shape(&mut self, name: &str, answer: &Answer) {
        if answer.status >= 500 {
            self.blame(name, &format!("a server error: {}", shown(answer)));
        }
        let json = answer.json();
        if let Some(error) = json["error"].as_str() {
            let description = json["error_description"].as_str().unwrap_or_default();
            // RFC 6749 section 5.2 names the characters.
            let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
            if description.len() < 10 || !description.chars().all(allowed) {
                self.blame(name, &format!("{error} is described as `{description}`"));
            }
            if answer.header("cache-control").is_none_or(|value| !value.contains("no-store")) {
                self.blame(name, "an error that may be cached");
            }
        }
        let text = answer.text();
        for mark in ["panicked", "RUST_BACKTRACE", ".rs:", "SQLITE", "rusqlite"] {
            if text.contains(mark) {
                self.blame(name, &format!("the answer shows `{mark}`: {}", shown(answer)));
            }
        }
    }

    fn blame(&mut self, name: &str, what: &str) {
        self.wrong.push(format!("{name}: {what}"));
    }

    /// # Panics
    /// When anything was wrong, or the server does not serve any more.
    fn finish(self) {
        let well = self.server.send(&Request::get("/.well-known/openid-configuration"));
        assert_eq!(well.status, 200, "it does not serve any more");
        assert!(!self.server.said().contains("panicked"), "{}", self.server.said());
        assert!(self.wrong.is_empty(), "{} wrong:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

fn shown(answer: &Answer) -> String {
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    let text: String = answer.text().chars().take(300).collect();
    format!("{} {challenge} {text}", answer.status)
}
