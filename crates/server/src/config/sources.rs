//! Where each value comes from: the file, or an environment variable that overrides it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::{Table, Value};

use super::Faults;
use crate::master_key::CREDENTIAL;

/// The beginning of every variable that counts.
const PREFIX: &str = "COUNTERSIGN__";
/// Values that are text whatever they look like.
const TEXTS: &[&str] = &["secrets.master_key", "secrets.master_key_file"];
const MASTER_KEY_FILE: &str = "secrets.master_key_file";
/// Where systemd puts the credentials of a service.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In this file.
    File(String),
    /// By this variable.
    Variable(String),
    /// Nowhere.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.write_str(path),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The origin of each value that was set, by its dotted name.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<String, Origin>);

impl Sources {
    /// Where a value was set.
    #[must_use]
    pub fn of(&self, name: &str) -> Origin {
        self.0.get(name).cloned().unwrap_or(Origin::Default)
    }
}

/// Lays the environment over the file.
pub(super) fn merge(
    text: &str,
    path: &str,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<(Table, Sources), Faults> {
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| {
        Faults(vec![format!("{path} is not TOML: {}", error.to_string().trim_end())])
    })?;
    let mut sources = Sources::default();
    note(&table, "", &Origin::File(path.to_owned()), &mut sources);
    let (mut faults, mut credentials) = (Vec::new(), None);
    for (variable, given) in environment {
        if variable == CREDENTIALS {
            credentials = Some(PathBuf::from(given));
            continue;
        }
        let Some(rest) = variable.strip_prefix(PREFIX) else { continue };
        let name = rest.to_ascii_lowercase().replace("__", ".");
        let is_text = TEXTS.contains(&&*name);
        let value = if is_text { Value::String(given) } else { read_value(&given) };
        match set(&mut table, &name, value) {
            Ok(()) => {
                sources.0.insert(name, Origin::Variable(variable));
            }
            Err(why) => faults.push(format!("{variable}: {why}")),
        }
    }
    // What is said in so many words comes first.
    let said = TEXTS.iter().any(|name| sources.0.contains_key(*name));
    let credential = credentials.map(|folder| folder.join(CREDENTIAL));
    if let Some(path) = credential.filter(|path| !said && path.exists()) {
        let path = Value::String(path.display().to_string());
        set(&mut table, MASTER_KEY_FILE, path).unwrap_or_else(|why| faults.push(why));
        sources.0.insert(MASTER_KEY_FILE.to_owned(), Origin::Variable(CREDENTIALS.to_owned()));
    }
    if faults.is_empty() { Ok((table, sources)) } else { Err(Faults(faults)) }
}

/// A number, boolean or list if it reads as one, else text.
fn read_value(text: &str) -> Value {
    let parsed: Result<Table, _> = format!("v = {text}").parse();
    match parsed.ok().and_then(|mut table| table.remove("v")) {
        Some(value @ (Value::Integer(_) | Value::Boolean(_) | Value::Array(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

fn set(table: &mut Table, name: &str, value: Value) -> Result<(), String> {
    match name.split_once('.') {
        None if matches!(name, "client" | "user" | "trusted_issuer") => {
            Err("clients, users and trusted issuers are declared in the file".to_owned())
        }
        None => {
            table.insert(name.to_owned(), value);
            Ok(())
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            let inner = inner.as_table_mut().ok_or_else(|| format!("{section} is no section"))?;
            set(inner, rest, value)
        }
    }
}

fn note(table: &Table, before: &str, origin: &Origin, sources: &mut Sources) {
    for (key, value) in table {
        let name = format!("{before}{key}");
        match value {
            Value::Table(inner) => note(inner, &format!("{name}."), origin, sources),
            _ => {
                sources.0.insert(name, origin.clone());
            }
        }
    }
}
