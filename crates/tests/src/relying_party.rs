//! The demo clients: log in, refresh, revoke, call the API.

use std::time::{Duration, Instant};

use crate::browser::Browser;
use crate::http::{Answer, Connection, Request, encode};
use crate::server::Server;

/// Where the demo clients want to be answered. Nobody listens there; the code is read on the way.
pub const REDIRECT_URI: &str = "http://127.0.0.1:49152/callback";
/// The example of RFC 7636, appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// The S256 challenge of [`VERIFIER`].
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// The password of the demo users.
pub const PASSWORD: &str = "countersign-demo";

/// A client as the token endpoint knows it.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    /// Its name.
    pub id: &'static str,
    /// Its secret; public clients have none.
    pub secret: Option<&'static str>,
}

/// The public demo client.
pub const DEMO_SPA: Client = Client { id: "demo-spa", secret: None };
/// The confidential demo client.
pub const DEMO_WEB: Client =
    Client { id: "demo-web", secret: Some("demo-web-secret-0123456789abcdef") };
/// The demo client that acts for itself and protects a resource.
pub const DEMO_SERVICE: Client =
    Client { id: "demo-service", secret: Some("demo-service-secret-0123456789abcdef") };

impl Client {
    /// A form request with this client's authentication.
    #[must_use]
    pub fn form(self, path: &str, fields: &[(&str, &str)]) -> Request {
        match self.secret {
            Some(secret) => Request::form(path, fields).basic(self.id, secret),
            None => {
                let mut fields = fields.to_vec();
                fields.push(("client_id", self.id));
                Request::form(path, &fields)
            }
        }
    }

    /// The address of the authorization endpoint for a login with these further parameters.
    #[must_use]
    pub fn authorize_path(self, server: &Server<'_>, more: &[(&str, &str)]) -> String {
        let resource = resource(server);
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", self.id),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid profile email offline_access"),
            ("state", "a state"),
            ("nonce", "a nonce"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        if !more.iter().any(|(name, _)| *name == "resource") {
            fields.push(("resource", &resource));
        }
        fields.retain(|(name, _)| !more.iter().any(|(own, _)| own == name));
        fields.extend_from_slice(more);
        format!("/authorize?{}", encode(&fields))
    }

    /// Signs in as `username` and gives the code.
    ///
    /// # Panics
    /// When the server gives none.
    #[must_use]
    pub fn code(self, server: &Server<'_>, browser: &mut Browser, username: &str) -> String {
        let path = self.authorize_path(server, &[]);
        let mut answer = browser.authorize(&path, REDIRECT_URI, username, PASSWORD);
        answer.remove("code").unwrap_or_else(|| panic!("no code: {answer:?}"))
    }

    /// Redeems a code.
    #[must_use]
    pub fn redeem(self, code: &str) -> Request {
        self.form(
            "/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", REDIRECT_URI),
                ("code_verifier", VERIFIER),
            ],
        )
    }

    /// Logs in, all the way to the tokens.
    #[must_use]
    pub fn log_in(self, server: &Server<'_>, browser: &mut Browser, username: &str) -> Tokens {
        let code = self.code(server, browser, username);
        Tokens::of(&server.send(&self.redeem(&code)))
    }

    /// Asks for new tokens.
    #[must_use]
    pub fn refresh(self, refresh_token: &str) -> Request {
        self.form("/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
    }

    /// Revokes a token and what came with it.
    #[must_use]
    pub fn revoke(self, token: &str) -> Request {
        self.form("/revoke", &[("token", token)])
    }

    /// Asks for a token for itself.
    #[must_use]
    pub fn client_credentials(self, server: &Server<'_>) -> Request {
        let resource = resource(server);
        self.form("/token", &[("grant_type", "client_credentials"), ("resource", &resource)])
    }
}

/// What the token endpoint gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// For the API.
    pub access: String,
    /// For the token endpoint; empty where none was given.
    pub refresh: String,
    /// For the client; empty where none was given.
    pub id: String,
}

impl Tokens {
    /// Reads a successful answer.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let json = answer.json();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let access = answer.member("access_token");
        Self { access, refresh: text("refresh_token"), id: text("id_token") }
    }
}

/// The audience of the sample API.
#[must_use]
pub fn resource(server: &Server<'_>) -> String {
    format!("{}/sample", server.site.issuer())
}

/// Calls the sample API.
#[must_use]
pub fn call_api(server: &Server<'_>, access_token: &str) -> Answer {
    server.send(&Request::get("/sample/me").bearer(access_token))
}

/// Calls the sample API until it refuses the token, and gives the time that took.
///
/// # Panics
/// When it still accepts the token after a second, or refuses it with another error.
pub fn until_refused(server: &Server<'_>, access_token: &str) -> Duration {
    let start = Instant::now();
    let mut connection = Connection::open(server.address()).expect("the server listens");
    let request = Request::get("/sample/me").bearer(access_token);
    loop {
        let answer = connection.send(&request).expect("the API answers");
        let took = start.elapsed();
        if answer.status == 401 {
            assert_eq!(answer.error().as_deref(), Some("invalid_token"));
            return took;
        }
        assert!(took < Duration::from_secs(1), "still {} after {took:?}", answer.status);
    }
}
