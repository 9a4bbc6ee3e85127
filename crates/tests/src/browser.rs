//! A browser without JavaScript: cookies, redirects and plain forms.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::http::{self, Answer, Request};

const HOPS: usize = 12;

/// What a person's browser keeps between pages.
#[derive(Debug)]
pub struct Browser {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// A browser without any cookies.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new() }
    }

    /// Opens `target` (a path or an address of this server).
    pub fn visit(&mut self, target: &str) -> Answer {
        self.send(Request::get(&self.path(target)).header("sec-fetch-site", "none"))
    }

    /// Sends a form as its page would.
    pub fn submit(&mut self, form: &Form, answers: &[(&str, &str)]) -> Answer {
        let own = |name: &str| !answers.iter().any(|(answer, _)| *answer == name);
        let hidden = form.hidden.iter().filter(|(name, _)| own(name));
        let mut fields: Vec<(&str, &str)> =
            hidden.map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.extend_from_slice(answers);
        let request = Request::form(&self.path(&form.action), &fields)
            .header("origin", &format!("http://{}", self.address))
            .header("sec-fetch-site", "same-origin");
        self.send(request)
    }

    /// Sends any request with this browser's cookies.
    pub fn send(&mut self, request: Request) -> Answer {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = match cookies.as_slice() {
            [] => request,
            cookies => request.header("cookie", &cookies.join("; ")),
        };
        let answer = http::send(self.address, &request);
        self.keep(&answer);
        answer
    }

    /// Goes to `target`, signs in and consents where asked, until the server sends the browser
    /// to `redirect_uri`. Gives the query of that address.
    ///
    /// # Panics
    /// When the server leads elsewhere.
    pub fn authorize(
        &mut self,
        target: &str,
        redirect_uri: &str,
        username: &str,
        password: &str,
    ) -> BTreeMap<String, String> {
        let mut answer = self.visit(target);
        for _ in 0..HOPS {
            if let Some(location) = answer.header("location").map(str::to_owned) {
                if let Some(rest) = location.strip_prefix(redirect_uri) {
                    let query = rest.trim_start_matches('?').as_bytes();
                    return form_urlencoded::parse(query).into_owned().collect();
                }
                answer = self.visit(&location);
                continue;
            }
            let page = answer.text();
            let forms = forms(&page);
            if let Some(form) = forms.iter().find(|form| form.asks("username")) {
                answer = self.submit(form, &[("username", username), ("password", password)]);
            } else if let Some(form) = forms.iter().find(|form| form.asks("decision")) {
                answer = self.submit(form, &[("decision", "allow")]);
            } else {
                panic!("no form to go on with: {} {page}", answer.status);
            }
        }
        panic!("no way to {redirect_uri} within {HOPS} steps");
    }

    fn path(&self, target: &str) -> String {
        let own = format!("http://{}", self.address);
        target.strip_prefix(&own).unwrap_or(target).to_owned()
    }

    fn keep(&mut self, answer: &Answer) {
        for (_, line) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else {
                continue;
            };
            if parts.any(|part| part.eq_ignore_ascii_case("max-age=0")) {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

/// A form of a page.
#[derive(Debug)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// Hidden inputs.
    pub hidden: Vec<(String, String)>,
    names: Vec<String>,
}

impl Form {
    /// Whether it has an input or button of this name.
    #[must_use]
    pub fn asks(&self, name: &str) -> bool {
        self.names.iter().any(|own| own == name)
    }
}

/// The forms of a page.
#[must_use]
pub fn forms(page: &str) -> Vec<Form> {
    page.split("<form").skip(1).map(form).collect()
}

fn form(text: &str) -> Form {
    let inside = text.split("</form>").next().unwrap_or(text);
    let action = attribute(inside.split('>').next().unwrap_or_default(), "action");
    let mut form =
        Form { action: action.unwrap_or_default(), hidden: Vec::new(), names: Vec::new() };
    for tag in inside.split('<').filter(|tag| tag.starts_with("input") || tag.starts_with("button"))
    {
        let tag = tag.split('>').next().unwrap_or_default();
        let Some(name) = attribute(tag, "name") else { continue };
        if attribute(tag, "type").as_deref() == Some("hidden") {
            form.hidden.push((name.clone(), attribute(tag, "value").unwrap_or_default()));
        }
        form.names.push(name);
    }
    form
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!(" {name}=\""))?.1.split('"').next()?;
    let entities = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#x2F;", "/"),
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#38;", "&"),
        ("&amp;", "&"),
    ];
    Some(entities.iter().fold(value.to_owned(), |text, (from, to)| text.replace(from, to)))
}
