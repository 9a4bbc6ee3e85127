//! How commands speak: tables for people, JSON for programs, times in words.

use std::io::{IsTerminal as _, Write as _};

use countersign_protocol::Timestamp;
use serde::Serialize;

/// A failure in one sentence.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// Writes to standard output; a reader that has gone away is no failure.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a value as JSON.
pub(crate) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    print(&format!("{}\n", serde_json::to_string_pretty(value)?));
    Ok(())
}

/// Lines up columns.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (cell, width) in cells.zip(&widths) {
            let pad = width - cell.chars().count();
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', pad + 2));
        }
        format!("{}\n", line.trim_end())
    };
    let mut text = line(&mut head.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// What a control character in stored text would do to a terminal, it does not do here.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A time in UTC, and how far away it is: `2026-11-23 20:15:00Z (in 4 minutes)`.
pub(crate) fn time(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3_600, rest % 3_600 / 60, rest % 60);
    let distance = if at >= now {
        format!("in {}", duration(at.since(now).as_secs()))
    } else {
        format!("{} ago", duration(now.since(at).as_secs()))
    };
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}Z ({distance})")
}

fn duration(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => ((seconds + 30) / 60, "minute"),
        7_200..172_800 => ((seconds + 1_800) / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The Gregorian date of a day since 1970-01-01, by counting in 400-year eras that begin on the
/// first of March.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days.min(day_of_era)) / 365;
    let year_start = 365 * year_of_era + year_of_era / 4 - year_of_era / 100;
    let day_of_year = day_of_era - year_start;
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

/// Bold on a terminal that wants colours.
pub(crate) fn bold(text: &str) -> String {
    let wanted = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if wanted { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_gregorian() {
        let at = |seconds| time(Timestamp::from_secs(seconds), Timestamp::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01 00:00:00Z (in 0 seconds)");
        assert_eq!(at(951_782_399), "2000-02-28 23:59:59Z (in 0 seconds)");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00Z (in 0 seconds)");
        assert_eq!(at(1_795_464_900), "2026-11-23 20:15:00Z (in 0 seconds)");
        assert_eq!(at(4_107_542_399), "2100-02-28 23:59:59Z (in 0 seconds)");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00:00Z (in 0 seconds)");
    }

    #[test]
    fn columns_line_up() {
        let rows = [vec!["a".to_owned(), "b".to_owned()], vec!["ccc".to_owned(), "d".to_owned()]];
        assert_eq!(table(&["X", "Y"], &rows), "X    Y\na    b\nccc  d\n");
    }
}
