//! SPDX licence expressions: is there a choice that stays within the allowed licences?

/// Judges `expression`: `OR` needs one side, `AND` both. A slash is an old way to write `OR`.
pub(crate) fn allows(expression: &str, allowed: &[String]) -> Result<bool, String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = Reader { words: &words, allowed };
    let verdict = reader.any()?;
    match reader.words {
        [] => Ok(verdict),
        [word, ..] => Err(format!("unexpected `{word}`")),
    }
}

struct Reader<'a> {
    words: &'a [&'a str],
    allowed: &'a [String],
}

impl Reader<'_> {
    fn any(&mut self) -> Result<bool, String> {
        let mut verdict = self.all()?;
        while self.take("OR") {
            verdict |= self.all()?;
        }
        Ok(verdict)
    }

    fn all(&mut self) -> Result<bool, String> {
        let mut verdict = self.one()?;
        while self.take("AND") {
            verdict &= self.one()?;
        }
        Ok(verdict)
    }

    fn one(&mut self) -> Result<bool, String> {
        if self.take("(") {
            let verdict = self.any()?;
            return if self.take(")") { Ok(verdict) } else { Err("an open bracket".to_owned()) };
        }
        let Some((name, rest)) = self.words.split_first() else {
            return Err("ends too early".to_owned());
        };
        if matches!(*name, "AND" | "OR" | "WITH" | ")") {
            return Err(format!("unexpected `{name}`"));
        }
        self.words = rest;
        let mut license = (*name).to_owned();
        if self.take("WITH") {
            let Some((exception, rest)) = self.words.split_first() else {
                return Err("ends after WITH".to_owned());
            };
            self.words = rest;
            license = format!("{license} WITH {exception}");
        }
        Ok(self.allowed.contains(&license))
    }

    fn take(&mut self, word: &str) -> bool {
        match self.words.split_first() {
            Some((first, rest)) if *first == word => {
                self.words = rest;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::allows;

    #[test]
    fn judges_expressions() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        for (expression, expect) in [
            ("MIT", Ok(true)),
            ("GPL-3.0", Ok(false)),
            ("GPL-3.0 OR MIT", Ok(true)),
            ("GPL-3.0/MIT", Ok(true)),
            ("GPL-3.0 AND MIT", Ok(false)),
            ("MIT OR GPL-3.0 AND Zlib", Ok(true)),
            ("(MIT OR GPL-3.0) AND ISC", Ok(true)),
            ("(MIT OR GPL-3.0) AND Zlib", Ok(false)),
            ("Apache-2.0 WITH LLVM-exception", Ok(true)),
            ("Apache-2.0", Ok(false)),
            ("MIT WITH LLVM-exception", Ok(false)),
            ("", Err(())),
            ("MIT OR", Err(())),
            ("MIT ISC", Err(())),
            ("(MIT", Err(())),
            ("MIT)", Err(())),
            ("OR MIT", Err(())),
            ("MIT WITH", Err(())),
        ] {
            assert_eq!(allows(expression, &allowed).map_err(drop), expect, "{expression}");
        }
    }
}
