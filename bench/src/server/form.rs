//! Just enough HTML to fill in a form as a person would.

/// The first form of a page.
#[derive(Debug, PartialEq)]
pub(super) struct Form {
    pub(super) action: String,
    /// Names of `input` and `button` elements with their values, in the order of the page.
    pub(super) fields: Vec<(String, String)>,
}

impl Form {
    pub(super) fn find(page: &str) -> Option<Self> {
        let (_, rest) = page.split_once("<form")?;
        let (inside, _) = rest.split_once("</form>")?;
        let (own, inside) = inside.split_once('>')?;
        let action = attribute(own, "action").unwrap_or_default();
        let mut fields = Vec::new();
        for tag in inside.split('<').filter_map(|piece| piece.split_once('>').map(|(tag, _)| tag)) {
            if tag.starts_with("input") || tag.starts_with("button") {
                let value = attribute(tag, "value").unwrap_or_default();
                fields.extend(attribute(tag, "name").map(|name| (name, value)));
            }
        }
        Some(Self { action, fields })
    }

    pub(super) fn asks_for(&self, name: &str) -> bool {
        self.fields.iter().any(|(own, _)| own == name)
    }

    /// The form as sent: `answers` replace what the page holds, one value a name.
    pub(super) fn filled(&self, answers: &[(&str, &str)]) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.fields {
            if !answers.iter().any(|(own, _)| own == name) {
                form.append_pair(name, value);
            }
        }
        form.extend_pairs(answers);
        form.finish()
    }
}

/// The value of `name="…"`, its character references resolved.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mark = format!(" {name}=\"");
    let (_, rest) = tag.split_once(&mark)?;
    let (value, _) = rest.split_once('"')?;
    Some(unescaped(value))
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut pieces = text.split('&');
    out.extend(pieces.next());
    for piece in pieces {
        match piece.split_once(';').and_then(|(name, rest)| Some((character(name)?, rest))) {
            Some((character, rest)) => {
                out.push(character);
                out.push_str(rest);
            }
            None => out.extend(["&", piece]),
        }
    }
    out
}

fn character(reference: &str) -> Option<char> {
    let number = |digits: &str, radix| char::from_u32(u32::from_str_radix(digits, radix).ok()?);
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match reference.strip_prefix("#x") {
            Some(digits) => number(digits, 16),
            None => number(reference.strip_prefix('#')?, 10),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::{Form, unescaped};

    const PAGE: &str = "<p>x</p><form method=\"post\" action=\"/login\" class=\"a\">\
        <input type=\"hidden\" name=\"csrf\" value=\"c&#38;s\">\
        <input id=\"username\" name=\"username\" type=\"text\" value=\"\" required>\
        <div><input name=\"password\" type=\"password\"></div>\
        <button type=\"submit\">Sign in</button></form><form action=\"/no\"></form>";

    #[test]
    fn the_first_form_is_read_and_filled() {
        let form = Form::find(PAGE).unwrap();
        assert_eq!(form.action, "/login");
        assert!(form.asks_for("password") && !form.asks_for("decision"));
        let sent = form.filled(&[("username", "alice"), ("password", "p w")]);
        assert_eq!(sent, "csrf=c%26s&username=alice&password=p+w");
        assert_eq!(Form::find("<p>no form</p>"), None);
    }

    #[test]
    fn references_are_resolved_and_bare_ampersands_stay() {
        assert_eq!(unescaped("a&amp;b&#x27;&quot;&lt;&gt;&#47;"), "a&b'\"<>/");
        assert_eq!(unescaped("a&b; &c"), "a&b; &c");
    }
}
