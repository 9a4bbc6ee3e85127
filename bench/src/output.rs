//! Options in, figures out: a table for people or one JSON object a line for scripts.

use serde_json::Value;

/// `--name value` pairs and `--json`, in any order.
#[derive(Debug)]
pub(crate) struct Options<'a> {
    pub(crate) json: bool,
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Options<'a> {
    /// Refuses what is not in `known`, so that a misspelt option is not silently the default.
    pub(crate) fn parse(words: &'a [String], known: &[&str]) -> Result<Self, String> {
        let mut options = Self { json: false, pairs: Vec::new() };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--json" {
                options.json = true;
                continue;
            }
            let name = word.strip_prefix("--").filter(|name| known.contains(name));
            let name = name.ok_or_else(|| format!("unknown option `{word}`"))?;
            let value = words.next().ok_or_else(|| format!("`{word}` needs a value"))?;
            options.pairs.push((name, value));
        }
        Ok(options)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.pairs.iter().rev().find(|(own, _)| *own == name).map(|(_, value)| *value)
    }

    /// A number from `low` to `high`.
    pub(crate) fn number(
        &self,
        name: &str,
        (low, high): (u64, u64),
    ) -> Result<Option<u64>, String> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| (low..=high).contains(number));
        number.map(Some).ok_or_else(|| format!("`--{name}` is a number from {low} to {high}"))
    }
}

/// Prints one object on a line of standard output.
pub(crate) fn json_line(value: &Value) {
    println!("{value}");
}

/// Rounds to three significant digits: more would claim a precision that no run has.
pub(crate) fn rounded(value: f64) -> Value {
    if !value.is_finite() || value == 0.0 {
        return Value::from(0);
    }
    let scale = 10f64.powi(2 - value.abs().log10().floor() as i32);
    let rounded = (value * scale).round() / scale;
    if rounded.fract() == 0.0 { Value::from(rounded as i64) } else { Value::from(rounded) }
}

#[cfg(test)]
mod tests {
    use super::{Options, rounded};

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn options_are_read_in_any_order_and_nothing_unknown_passes() {
        let given = words("--seconds 3 --json --seconds 4");
        let options = Options::parse(&given, &["seconds"]).unwrap();
        assert!(options.json);
        assert_eq!(options.number("seconds", (1, 9)), Ok(Some(4)));
        assert!(options.number("seconds", (5, 9)).is_err());
        assert!(Options::parse(&words("--second 3"), &["seconds"]).is_err());
        assert!(Options::parse(&words("--seconds"), &["seconds"]).is_err());
    }

    #[test]
    fn three_digits_are_kept() {
        assert_eq!(rounded(20_637.0).to_string(), "20600");
        assert_eq!(rounded(0.146_6).to_string(), "0.147");
        assert_eq!(rounded(99.96).to_string(), "100");
        assert_eq!(rounded(0.0).to_string(), "0");
    }
}
