//! A browser without JavaScript: cookies, redirects and plain forms.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::http::{self, Answer, Request};

const HOPS: usize = 12;

/// Who sits at a browser, and what they answer.
#[derive(Clone, Copy, Debug)]
pub struct Person<'a> {
    /// What they sign in with.
    pub username: &'a str,
    /// What they sign in with.
    pub password: &'a str,
    /// The button that they press on the consent page: `allow` or `deny`.
    pub decision: &'a str,
}

/// How a server sent a browser back to a client.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// By a form that the page sends (OAuth 2.0 Form Post Response Mode), else by a redirect.
    pub by_form: bool,
    /// What came along.
    pub fields: BTreeMap<String, String>,
    /// What the person was asked on the way, one after the other: `username`, `decision`.
    pub asked: Vec<&'static str>,
}

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
    /// to `redirect_uri`. Gives what came along.
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
        let answer = self.visit(target);
        self.follow(answer, redirect_uri, Person { username, password, decision: "allow" }).fields
    }

    /// Goes on from `answer` as [`Self::authorize`] does.
    ///
    /// # Panics
    /// When the server leads elsewhere.
    pub fn follow(
        &mut self,
        mut answer: Answer,
        redirect_uri: &str,
        person: Person<'_>,
    ) -> Arrival {
        let Person { username, password, decision } = person;
        let mut asked = Vec::new();
        for _ in 0..HOPS {
            if let Some(location) = answer.header("location").map(str::to_owned) {
                if let Some(query) = behind(&location, redirect_uri) {
                    let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
                    return Arrival { by_form: false, fields: once_each(pairs), asked };
                }
                answer = self.visit(&location);
                continue;
            }
            let page = answer.text();
            let forms = forms(&page);
            if let Some(form) = forms.iter().find(|form| form.action == redirect_uri) {
                assert_eq!(form.method, "post", "an answer by a form is posted");
                let fields = once_each(form.hidden.iter().cloned());
                return Arrival { by_form: true, fields, asked };
            } else if let Some(form) = forms.iter().find(|form| form.asks("username")) {
                asked.push("username");
                answer = self.submit(form, &[("username", username), ("password", password)]);
            } else if let Some(form) = forms.iter().find(|form| form.asks("decision")) {
                asked.push("decision");
                answer = self.submit(form, &[("decision", decision)]);
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

/// What a server added to a client's address, which may have a query of its own.
fn behind<'a>(location: &'a str, redirect_uri: &str) -> Option<&'a str> {
    let rest = location.strip_prefix(redirect_uri)?;
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix(joint) }
}

fn once_each(pairs: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (name, value) in pairs {
        let twice = fields.insert(name.clone(), value);
        assert!(twice.is_none(), "{name} is answered twice");
    }
    fields
}

/// A form of a page.
#[derive(Debug)]
pub struct Form {
    /// Where it goes.
    pub action: String,
    /// How it is sent, in lower case; empty where it does not say.
    pub method: String,
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
    let head = inside.split('>').next().unwrap_or_default();
    let mut form = Form {
        action: attribute(head, "action").unwrap_or_default(),
        method: attribute(head, "method").unwrap_or_default().to_ascii_lowercase(),
        hidden: Vec::new(),
        names: Vec::new(),
    };
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

/// This attribute of every tag of this name in a page.
#[must_use]
pub fn attributes(page: &str, tag: &str, name: &str) -> Vec<String> {
    let start = format!("<{tag}");
    let tags = page.split(start.as_str()).skip(1);
    tags.filter_map(|tag| attribute(tag.split('>').next()?, name)).collect()
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
