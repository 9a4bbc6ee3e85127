//! The effective configuration, with the origin of each value and without its secrets.

use serde_json::Value;

use super::{Config, Origin, Sources};
use crate::master_key::Source;

/// One value and where it was set.
#[derive(Clone, Debug)]
pub struct Line {
    /// The dotted name.
    pub name: String,
    /// The value as JSON; secrets are masked.
    pub value: Value,
    /// Where it was set.
    pub origin: Origin,
}

impl Config {
    /// Every value in force.
    #[must_use]
    pub fn lines(&self, sources: &Sources) -> Vec<Line> {
        let masked = self.secrets.master_key.as_ref().map(|_| "••••••••");
        let file = match self.master_key_source() {
            Source::Text(_) => None,
            Source::File(path) | Source::Own(path) => Some(path),
        };
        let sections = serde_json::json!({
            "issuer": self.issuer,
            "data_dir": self.data_dir,
            "server": self.server,
            "tokens": self.tokens,
            "refresh": self.refresh,
            "sessions": self.sessions,
            "authentication": self.authentication,
            "authorization": self.authorization,
            "dpop": self.dpop,
            "keys": self.keys,
            "outbound": self.outbound,
            "registration": self.registration,
            "secrets": { "master_key": masked, "master_key_file": file },
        });
        let mut lines = Vec::new();
        flatten("", sections, sources, &mut lines);
        let names = |ids: Vec<&str>| Value::from(ids);
        let clients = self.clients.iter().map(|client| client.client_id.as_str()).collect();
        let users = self.users.iter().map(|user| user.username.as_str()).collect();
        let trusted = self.trusted_issuers.iter().map(|one| one.issuer.as_str()).collect();
        let lists = [
            ("client", names(clients)),
            ("user", names(users)),
            ("trusted_issuer", names(trusted)),
        ];
        for (name, ids) in lists {
            lines.push(Line { name: name.to_owned(), value: ids, origin: sources.of(name) });
        }
        lines
    }
}

fn flatten(before: &str, value: Value, sources: &Sources, lines: &mut Vec<Line>) {
    let Value::Object(members) = value else { return };
    for (key, value) in members {
        let name = format!("{before}{key}");
        if value.is_object() {
            flatten(&format!("{name}."), value, sources, lines);
        } else {
            let origin = sources.of(&name);
            lines.push(Line { name, value, origin });
        }
    }
}
