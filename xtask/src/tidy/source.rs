//! A Rust file as the checks see it: comments and literals told apart from code.

/// Three views of one text. All have the same lines, so a line number holds in each.
#[derive(Debug)]
pub(super) struct Source {
    /// Comments are blank, and so are the insides of literals (filled with `_`).
    pub(super) code: String,
    /// Comments are blank, literals are as written.
    pub(super) literals: String,
    /// Lines before this one are product code, the rest is `#[cfg(test)] mod … {`.
    pub(super) test_from: usize,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let (code, literals) = views(text);
        let test_from = if is_test_path(path) { 0 } else { test_from(&code) };
        Self { code, literals, test_from }
    }

    pub(super) fn functions(&self) -> Vec<Function> {
        functions(&self.code)
    }

    /// Lines of product code in one of the views, numbered from 1.
    pub(super) fn product<'a>(&self, view: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        view.lines().take(self.test_from).enumerate().map(|(index, line)| (index + 1, line))
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// Counted from 1.
    pub(super) line: usize,
    /// Lines of the body that hold code: no comments, no blank lines, not the outer braces.
    pub(super) length: usize,
}

/// `tests.rs`, `…_tests.rs`, and everything below a folder `tests`, except the harness itself.
fn is_test_path(path: &str) -> bool {
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
    let in_folder = path.split('/').skip(2).any(|folder| folder == "tests");
    stem == "tests" || stem.ends_with("_tests") || in_folder
}

fn test_from(code: &str) -> usize {
    let lines: Vec<&str> = code.lines().collect();
    let starts = |pair: &[&str]| {
        let module = pair[1].trim_start();
        pair[0].trim() == "#[cfg(test)]" && module.contains("mod ") && module.ends_with('{')
    };
    lines.windows(2).position(starts).unwrap_or(lines.len())
}

#[derive(Clone, Copy)]
enum State {
    Code,
    LineComment,
    BlockComment { depth: usize },
    Text,
    RawText { hashes: usize },
    Character,
}

fn views(text: &str) -> (String, String) {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut literals = String::with_capacity(text.len());
    let mut state = State::Code;
    let mut at = 0;
    while at < chars.len() {
        let (next, taken) = step(state, &chars, at);
        let comment = |state| matches!(state, State::LineComment | State::BlockComment { .. });
        let literal = |state| !matches!(state, State::Code) && !comment(state);
        for &c in &chars[at..at + taken] {
            let blank = c.is_whitespace();
            let hidden = !blank && (comment(state) || comment(next));
            literals.push(if hidden { ' ' } else { c });
            let filled = !blank && literal(state) && literal(next);
            code.push(if hidden {
                ' '
            } else if filled {
                '_'
            } else {
                c
            });
        }
        state = next;
        at += taken;
    }
    (code, literals)
}

/// The state after the next few characters, and how many they are.
fn step(state: State, chars: &[char], at: usize) -> (State, usize) {
    let c = chars[at];
    let next = chars.get(at + 1).copied();
    match state {
        State::Code => step_code(chars, at),
        State::LineComment if c == '\n' => (State::Code, 1),
        State::BlockComment { depth } => match (c, next) {
            ('/', Some('*')) => (State::BlockComment { depth: depth + 1 }, 2),
            ('*', Some('/')) if depth == 1 => (State::Code, 2),
            ('*', Some('/')) => (State::BlockComment { depth: depth - 1 }, 2),
            _ => (state, 1),
        },
        State::Text | State::Character if c == '\\' && next.is_some() => (state, 2),
        State::Text if c == '"' => (State::Code, 1),
        State::Character if c == '\'' => (State::Code, 1),
        State::RawText { hashes } if c == '"' && hashes_after(chars, at + 1) >= hashes => {
            (State::Code, 1 + hashes)
        }
        _ => (state, 1),
    }
}

fn step_code(chars: &[char], at: usize) -> (State, usize) {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => (State::LineComment, 2),
        '/' if next == Some('*') => (State::BlockComment { depth: 1 }, 2),
        '"' => (State::Text, 1),
        // A lifetime has no closing quote right behind its first character.
        '\'' if next == Some('\\') || chars.get(at + 2) == Some(&'\'') => (State::Character, 1),
        'r' if !ends_a_name(chars, at) => {
            let hashes = hashes_after(chars, at + 1);
            if chars.get(at + 1 + hashes) == Some(&'"') {
                (State::RawText { hashes }, 2 + hashes)
            } else {
                (State::Code, 1)
            }
        }
        _ => (State::Code, 1),
    }
}

/// Whether the character at `at` goes on a name (`for"…"` is none, `br"…"` is a raw literal).
fn ends_a_name(chars: &[char], at: usize) -> bool {
    let before = &chars[..at];
    match before {
        [.., a, 'b' | 'c'] => is_name(*a),
        ['b' | 'c'] => false,
        [.., a] => is_name(*a),
        [] => false,
    }
}

fn hashes_after(chars: &[char], at: usize) -> usize {
    chars.iter().skip(at).take_while(|c| **c == '#').count()
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn functions(code: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].chars().next_back().is_some_and(is_name) {
            continue;
        }
        let name: String =
            code[at + 3..].trim_start().chars().take_while(|c| is_name(*c)).collect();
        if name.is_empty() {
            continue;
        }
        if let Some(body) = body(&code[at..]) {
            let line = code[..at].matches('\n').count() + 1;
            let length = body.lines().filter(|line| !line.trim().is_empty()).count();
            found.push(Function { name, line, length });
        }
    }
    found
}

/// What stands between the braces; nothing for a declaration without a body.
fn body(code: &str) -> Option<&str> {
    let mut brackets = 0_usize;
    let mut depth = 0_usize;
    let mut start = 0;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' if depth == 0 => brackets += 1,
            ')' | ']' if depth == 0 => brackets = brackets.saturating_sub(1),
            ';' if depth == 0 && brackets == 0 => return None,
            '{' => {
                if depth == 0 {
                    start = at + 1;
                }
                depth += 1;
            }
            '}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(&code[start..at]);
                }
            }
            _ => {}
        }
    }
    None
}
