//! Dates in claims, read exactly.

/// 9999-12-31T23:59:59Z; a later date is a mistake or an attack on somebody's arithmetic.
const MAX_NUMERIC_DATE: u64 = 253_402_300_799;

/// A date in seconds since the epoch, perhaps with a fraction (RFC 7519 section 2).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NumericDate {
    seconds: u64,
    has_fraction: bool,
}

impl NumericDate {
    pub(crate) const fn whole(seconds: u64) -> Self {
        Self { seconds, has_fraction: false }
    }

    /// Whole seconds, rounded down: for times from which on something ends.
    pub(crate) const fn floor(self) -> u64 {
        self.seconds
    }

    /// Whole seconds, rounded up: for times before which nothing is valid.
    pub(crate) const fn ceil(self) -> u64 {
        self.seconds + self.has_fraction as u64
    }

    /// Reads a JSON number exactly, without floating point. Negative dates and dates after the year
    /// 9999 are refused.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(whole) = whole_seconds(text) {
            return Some(Self { seconds: whole, has_fraction: false });
        }
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

/// The usual form: up to eleven digits and nothing else.
fn whole_seconds(text: &str) -> Option<u64> {
    if text.len() > 11 {
        return None;
    }
    text.bytes().try_fold(0, |seconds, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        Some(seconds * 10 + u64::from(digit))
    })
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
        let date = NumericDate::parse("10.5").unwrap();
        assert_eq!((date.floor(), date.ceil()), (10, 11));
        let date = NumericDate::parse("10.0").unwrap();
        assert_eq!((date.floor(), date.ceil()), (10, 10));
    }
}
