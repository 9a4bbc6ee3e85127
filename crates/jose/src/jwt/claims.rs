//! Typed access to the claims of a token whose signature has been checked.

use crate::{
    Error,
    json::{self, Members, Value},
};

/// 9999-12-31T23:59:59Z; a later date is a mistake or an attack on somebody's arithmetic.
const MAX_NUMERIC_DATE: u64 = 253_402_300_799;
/// Identifiers and URLs.
const MAX_TEXT_BYTES: usize = 2048;
/// `scope` lists many names.
const MAX_SCOPE_BYTES: usize = 4096;
/// OIDC Core section 2 sets this limit for `sub`.
const MAX_SUBJECT_BYTES: usize = 255;
const MAX_LIST_ITEMS: usize = 64;

/// The claims of a token. Each is taken out once; what is left over is `extra`.
pub(crate) struct Claims<'a>(Members<'a>);

impl<'a> Claims<'a> {
    pub(crate) fn parse(json: &'a [u8]) -> Result<Self, Error> {
        json::parse_object(json).map(Self)
    }

    /// A claim that is text: not empty, not long, no control characters.
    pub(crate) fn text(&mut self, name: &'static str) -> Result<Option<String>, Error> {
        self.bounded_text(name, MAX_TEXT_BYTES)
    }

    /// `sub`, with the length limit of OIDC Core.
    pub(crate) fn subject(&mut self) -> Result<String, Error> {
        self.bounded_text("sub", MAX_SUBJECT_BYTES)?.ok_or(Error::MissingClaim("sub"))
    }

    pub(crate) fn required_text(&mut self, name: &'static str) -> Result<String, Error> {
        self.text(name)?.ok_or(Error::MissingClaim(name))
    }

    /// `scope`: names separated by spaces (RFC 6749 section 3.3); may be empty.
    pub(crate) fn scope(&mut self) -> Result<Option<String>, Error> {
        let invalid = Error::InvalidClaim("scope");
        match self.0.take("scope") {
            None => Ok(None),
            Some(Value::Text(text))
                if text.len() <= MAX_SCOPE_BYTES && text.bytes().all(is_scope_byte) =>
            {
                Ok(Some(text.into_owned()))
            }
            Some(_) => Err(invalid),
        }
    }

    /// `aud`: one text or a list of them, never empty (RFC 7519 section 4.1.3).
    pub(crate) fn audience(&mut self) -> Result<Vec<String>, Error> {
        match self.0.take("aud") {
            None => Err(Error::MissingClaim("aud")),
            Some(Value::Array(items)) => texts("aud", items),
            Some(one) => texts("aud", vec![one]),
        }
    }

    /// A claim that is a list of texts.
    pub(crate) fn text_list(&mut self, name: &'static str) -> Result<Option<Vec<String>>, Error> {
        match self.0.take(name) {
            None => Ok(None),
            Some(Value::Array(items)) => texts(name, items).map(Some),
            Some(_) => Err(Error::InvalidClaim(name)),
        }
    }

    /// A date in whole seconds, rounded down (RFC 7519 section 2).
    pub(crate) fn date(&mut self, name: &'static str) -> Result<Option<u64>, Error> {
        Ok(self.numeric_date(name)?.map(|date| date.seconds))
    }

    /// A date in whole seconds, rounded up: for times before which nothing is valid.
    pub(crate) fn date_rounded_up(&mut self, name: &'static str) -> Result<Option<u64>, Error> {
        Ok(self.numeric_date(name)?.map(|date| date.seconds + u64::from(date.has_fraction)))
    }

    pub(crate) fn required_date(&mut self, name: &'static str) -> Result<u64, Error> {
        self.date(name)?.ok_or(Error::MissingClaim(name))
    }

    /// Everything that has not been taken.
    pub(crate) fn into_extra(self) -> Result<serde_json::Map<String, serde_json::Value>, Error> {
        self.0.to_owned_map()
    }

    fn bounded_text(&mut self, name: &'static str, max: usize) -> Result<Option<String>, Error> {
        self.0.take(name).map(|value| checked_text(name, value, max)).transpose()
    }

    fn numeric_date(&mut self, name: &'static str) -> Result<Option<NumericDate>, Error> {
        match self.0.take(name) {
            None => Ok(None),
            Some(Value::Number(text)) => {
                NumericDate::parse(text).map(Some).ok_or(Error::InvalidClaim(name))
            }
            Some(_) => Err(Error::InvalidClaim(name)),
        }
    }
}

fn texts(name: &'static str, items: Vec<Value<'_>>) -> Result<Vec<String>, Error> {
    if items.is_empty() || items.len() > MAX_LIST_ITEMS {
        return Err(Error::InvalidClaim(name));
    }
    items.into_iter().map(|item| checked_text(name, item, MAX_TEXT_BYTES)).collect()
}

fn checked_text(name: &'static str, value: Value<'_>, max_bytes: usize) -> Result<String, Error> {
    match value {
        Value::Text(text)
            if (1..=max_bytes).contains(&text.len()) && !text.chars().any(char::is_control) =>
        {
            Ok(text.into_owned())
        }
        _ => Err(Error::InvalidClaim(name)),
    }
}

const fn is_scope_byte(byte: u8) -> bool {
    matches!(byte, b' ' | 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

#[derive(Debug, PartialEq)]
struct NumericDate {
    seconds: u64,
    has_fraction: bool,
}

impl NumericDate {
    /// Reads a JSON number exactly, without floating point. Negative dates and dates after the year
    /// 9999 are refused.
    fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = whole.bytes().chain(fraction.bytes());
        let point = i64::try_from(whole.len()).ok()? + i64::from(exponent);
        let (mut seconds, mut has_fraction) = (0u64, false);
        let mut place = 0;
        for byte in digits {
            let digit = u64::from(byte.checked_sub(b'0').filter(|digit| *digit <= 9)?);
            if place < point {
                seconds = seconds * 10 + digit;
                if seconds > MAX_NUMERIC_DATE {
                    return None;
                }
            } else {
                has_fraction |= digit != 0;
            }
            place += 1;
        }
        // An exponent moves the point past the last digit.
        while place < point && seconds != 0 {
            seconds *= 10;
            if seconds > MAX_NUMERIC_DATE {
                return None;
            }
            place += 1;
        }
        Some(Self { seconds, has_fraction })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Option<(u64, bool)> {
        NumericDate::parse(text).map(|date| (date.seconds, date.has_fraction))
    }

    #[test]
    fn dates_are_read_exactly() {
        for (text, expected) in [
            ("0", (0, false)),
            ("1790000000", (1_790_000_000, false)),
            ("1790000000.0", (1_790_000_000, false)),
            ("1790000000.999999999999999999999", (1_790_000_000, true)),
            ("1.79e9", (1_790_000_000, false)),
            ("17900000005E-1", (1_790_000_000, true)),
            ("0e9999", (0, false)),
            ("1e-9999", (0, true)),
            ("253402300799", (253_402_300_799, false)),
        ] {
            assert_eq!(date(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn dates_outside_the_range_are_refused() {
        for text in [
            "-1",
            "-0",
            "-0.0",
            "253402300800",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
            "1e12",
            "1e99999",
            "1e-99999",
            "999999999999999999999999999999",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn a_fraction_ends_a_life_early_and_starts_it_late() {
        let mut claims = Claims::parse(br#"{"exp":10.5,"nbf":10.5}"#).unwrap();
        assert_eq!(claims.date("exp"), Ok(Some(10)));
        assert_eq!(claims.date_rounded_up("nbf"), Ok(Some(11)));
    }
}
