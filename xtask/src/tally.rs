//! Counts tests by the closing lines of the runners that we use, and those of ours that say
//! themselves that they were skipped.

/// How a test of ours begins the line with its name and why this machine can't run it. Its runner
/// knows nothing of that and counts it as passed.
const SKIPPED: &str = "skipped test: ";

/// How many tests passed, failed and were skipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
    /// Skipped tests that the runner will count as passed.
    pub(crate) miscounted: usize,
}

impl Tally {
    pub(crate) fn total(self) -> usize {
        self.passed + self.failed + self.skipped
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.miscounted += other.miscounted;
    }

    /// Reads one line of a runner's output; a line that closes nothing changes nothing.
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("test result: ") {
            self.add(Self {
                passed: number_before(rest, " passed"),
                failed: number_before(rest, " failed"),
                skipped: number_before(rest, " ignored"),
                miscounted: 0,
            });
            self.passed = self.passed.saturating_sub(std::mem::take(&mut self.miscounted));
        } else if line.starts_with(SKIPPED) {
            self.skipped += 1;
            self.miscounted += 1;
        } else if let Some((what, count)) = node_line(line) {
            match what {
                "pass" => self.passed += count,
                "fail" | "cancelled" => self.failed += count,
                "skipped" | "todo" => self.skipped += count,
                _ => {}
            }
        } else if let Some(rest) = line.strip_prefix("Ran ") {
            if rest.contains(" test") {
                self.passed += first_number(rest);
            }
        } else if line.starts_with("FAILED (") || line.starts_with("OK (") {
            self.move_from_passed(line);
        }
    }

    /// Python's unittest says how many ran, then how many of them did not pass.
    fn move_from_passed(&mut self, line: &str) {
        let count = |name: &str| line.split(name).nth(1).map_or(0, first_number);
        let failed = count("failures=") + count("errors=");
        let skipped = count("skipped=");
        self.failed += failed;
        self.skipped += skipped;
        self.passed = self.passed.saturating_sub(failed + skipped);
    }
}

/// `# pass 3` (TAP reporter) or `ℹ pass 3` (spec reporter).
fn node_line(line: &str) -> Option<(&str, usize)> {
    let rest = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))?;
    let (what, count) = rest.split_once(' ')?;
    Some((what, count.parse().ok()?))
}

fn number_before(text: &str, word: &str) -> usize {
    let before = text.split(word).next().unwrap_or_default();
    before.rsplit(' ').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn first_number(text: &str) -> usize {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Tally;

    fn read(lines: &[&str]) -> (usize, usize, usize) {
        let mut tally = Tally::default();
        for line in lines {
            tally.read(line);
        }
        (tally.passed, tally.failed, tally.skipped)
    }

    #[test]
    fn reads_the_closing_lines_of_each_runner() {
        let cargo = "test result: FAILED. 12 passed; 1 failed; 2 ignored; 0 measured; 0 filtered \
                     out; finished in 0.01s";
        assert_eq!(read(&[cargo, cargo]), (24, 2, 4));
        let node = ["ℹ tests 6", "ℹ pass 3", "ℹ fail 1", "# cancelled 1", "# skipped 1"];
        assert_eq!(read(&node), (3, 2, 1));
        assert_eq!(read(&["Ran 5 tests in 0.2s", "", "OK"]), (5, 0, 0));
        let python = ["Ran 5 tests in 0.2s", "FAILED (failures=1, errors=1, skipped=1)"];
        assert_eq!(read(&python), (2, 2, 1));
        assert_eq!(read(&["Ran 2 tests in 0.2s", "OK (skipped=2)"]), (0, 0, 2));
    }

    #[test]
    fn a_test_that_says_that_it_was_skipped_has_not_passed() {
        let cargo = "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
        let skipped = "skipped test: disk::full: nobody may mount here";
        assert_eq!(read(&[skipped, "test disk::full ... ok", cargo, cargo]), (9, 0, 1));
        assert_eq!(read(&[skipped, skipped, cargo]), (3, 0, 2));
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(read(&["test a ... ok", "# passing", "Ran away", "3 passed"]), (0, 0, 0));
    }
}
