//! Grants the way people give them: through the pages for signing in and for consent.

use std::net::SocketAddr;

use countersign_jose::base64url;
use serde::Deserialize;

use super::form::Form;
use super::http::{Connection, Request};

const CLIENT: (&str, &str) = ("demo-web", "demo-web-secret-0123456789abcdef");
const USER: (&str, &str) = ("alice", "countersign-demo");
/// Nobody listens there: the redirect is read, not followed.
const REDIRECT_URI: &str = "http://127.0.0.1:9/callback";
/// More pages than this between request and code mean that something goes in circles.
const MOST_STEPS: usize = 12;

/// A server at its address, and how to speak to it as a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    pub(super) address: SocketAddr,
}

/// What the token endpoint gives.
#[derive(Debug, Deserialize)]
pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) refresh_token: Option<String>,
}

impl Site {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// The sample API's identifier: the audience of its tokens.
    pub(super) fn sample(&self) -> String {
        format!("http://{}/sample", self.address)
    }

    /// A form to the token endpoint, as the client that signs alice in.
    pub(super) fn token_request(&self, form: String) -> Request {
        self.authenticated("/token", CLIENT, form)
    }

    /// A form sent with HTTP Basic.
    pub(super) fn authenticated(
        &self,
        target: &str,
        (id, secret): (&str, &str),
        form: String,
    ) -> Request {
        let pair = base64(format!("{id}:{secret}").as_bytes());
        Request::post(self.address, target, form).header("authorization", &format!("Basic {pair}"))
    }

    /// Sends a form to the token endpoint and reads the tokens.
    pub(super) async fn tokens(&self, request: &Request) -> Result<Tokens, String> {
        let mut connection = self.connect().await?;
        let reply = connection.exchange(&request.render()).await?;
        if reply.status != 200 {
            let body = String::from_utf8_lossy(reply.body);
            return Err(format!("the token endpoint answers {}: {body}", reply.status));
        }
        serde_json::from_slice(reply.body).map_err(|error| error.to_string())
    }

    async fn connect(&self) -> Result<Connection, String> {
        Connection::open(self.address).await.map_err(|error| error.to_string())
    }
}

/// What a grant is asked for.
pub(super) struct Wish {
    pub(super) scope: &'static str,
    pub(super) resource: Option<String>,
}

/// One person's browser: it keeps cookies, so the password is typed once.
pub(super) struct Browser {
    site: Site,
    connection: Connection,
    cookies: Vec<(String, String)>,
}

/// What a page or a redirect leads to.
enum Step {
    Follow(String),
    Page(String),
}

impl Browser {
    pub(super) async fn open(site: Site) -> Result<Self, String> {
        Ok(Self { site, connection: site.connect().await?, cookies: Vec::new() })
    }

    /// A grant of alice for the confidential web client, from the authorization request to tokens.
    pub(super) async fn grant(&mut self, wish: &Wish) -> Result<Tokens, String> {
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| "no randomness")?;
        let verifier = base64url::encode(&random);
        let code = self.code(&verifier, wish).await?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", &code)
            .append_pair("redirect_uri", REDIRECT_URI)
            .append_pair("code_verifier", &verifier);
        self.site.tokens(&self.site.token_request(form.finish())).await
    }

    async fn code(&mut self, verifier: &str, wish: &Wish) -> Result<String, String> {
        let mut step = Step::Follow(authorization_request(verifier, wish));
        for _ in 0..MOST_STEPS {
            step = match step {
                Step::Follow(location) if location.starts_with(REDIRECT_URI) => {
                    return code_in(&location);
                }
                Step::Follow(location) => {
                    let target = self.local(&location)?;
                    self.send(Request::get(self.site.address, &target)).await?
                }
                Step::Page(page) => self.fill_in(&page).await?,
            };
        }
        Err("signing in goes in circles".to_owned())
    }

    /// Signs in or consents, whichever the page asks for.
    async fn fill_in(&mut self, page: &str) -> Result<Step, String> {
        let form = Form::find(page).ok_or_else(|| format!("a page without a form: {page}"))?;
        let filled = if form.asks_for("password") {
            form.filled(&[("username", USER.0), ("password", USER.1)])
        } else if form.asks_for("decision") {
            form.filled(&[("decision", "allow")])
        } else {
            return Err(format!("an unknown form to {}", form.action));
        };
        let target = self.local(&form.action)?;
        self.send(Request::post(self.site.address, &target, filled)).await
    }

    async fn send(&mut self, request: Request) -> Result<Step, String> {
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let origin = format!("http://{}", self.site.address);
        let request = request.header("origin", &origin).header("cookie", &cookies.join("; "));
        let reply = self.connection.exchange(&request.render()).await?;
        let set: Vec<String> = reply.headers("set-cookie").map(str::to_owned).collect();
        let step = match (reply.status, reply.headers("location").next()) {
            (302 | 303, Some(location)) => Step::Follow(location.to_owned()),
            (200, _) => Step::Page(String::from_utf8_lossy(reply.body).into_owned()),
            (status, _) => {
                let body = String::from_utf8_lossy(reply.body);
                return Err(format!("a page answers {status}: {body}"));
            }
        };
        for cookie in set {
            self.keep(&cookie);
        }
        Ok(step)
    }

    fn keep(&mut self, cookie: &str) {
        let pair = cookie.split(';').next().unwrap_or_default();
        let Some((name, value)) = pair.split_once('=') else { return };
        self.cookies.retain(|(own, _)| own != name);
        if !value.is_empty() {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    /// The path of an address on the site itself; no other is asked.
    fn local(&self, location: &str) -> Result<String, String> {
        let own = format!("http://{}", self.site.address);
        let target = location.strip_prefix(&own).unwrap_or(location);
        if target.starts_with('/') {
            Ok(target.to_owned())
        } else {
            Err(format!("led away to {location}"))
        }
    }
}

fn authorization_request(verifier: &str, wish: &Wish) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    let mut query = form_urlencoded::Serializer::new(String::from("/authorize?"));
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", CLIENT.0)
        .append_pair("redirect_uri", REDIRECT_URI)
        .append_pair("scope", wish.scope)
        .append_pair("state", "s")
        .append_pair("nonce", "n")
        .append_pair("code_challenge", &base64url::encode(digest.as_ref()))
        .append_pair("code_challenge_method", "S256");
    if let Some(resource) = &wish.resource {
        query.append_pair("resource", resource);
    }
    query.finish()
}

fn code_in(location: &str) -> Result<String, String> {
    let (_, query) = location.split_once('?').ok_or("a redirect without an answer")?;
    form_urlencoded::parse(query.as_bytes())
        .find_map(|(name, value)| (name == "code").then(|| value.into_owned()))
        .ok_or_else(|| format!("no code: {location}"))
}

/// Base64 as HTTP Basic has it (RFC 4648 section 4), from the alphabet for addresses.
fn base64(bytes: &[u8]) -> String {
    let mut text = base64url::encode(bytes).replace('-', "+").replace('_', "/");
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{base64, code_in};

    #[test]
    fn basic_credentials_are_in_plain_base64() {
        assert_eq!(base64(b"Aladdin:open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }

    #[test]
    fn the_code_is_taken_from_the_redirect() {
        let redirect = "http://127.0.0.1:9/callback?state=s&code=a%2Bb";
        assert_eq!(code_in(redirect), Ok("a+b".to_owned()));
        assert!(code_in("http://127.0.0.1:9/callback?error=access_denied").is_err());
    }
}
