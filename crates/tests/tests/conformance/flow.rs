//! One browser and one client on their way through the code flow. Everything that holds for every
//! answer is checked on the way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_jose::{Algorithm, IdToken, KeySet, Policy, SigningKey, Timestamp, jwt};
use countersign_tests::browser::{Arrival, Browser};
use countersign_tests::http::{Answer, Request, encode};
use countersign_tests::relying_party::Tokens;
use countersign_tests::server::Server;
use countersign_tests::shared::Running;
use serde_json::Value;

use super::party::{CAROL, Party};

pub(super) const ALGORITHMS: [Algorithm; 3] =
    [Algorithm::ES256, Algorithm::RS256, Algorithm::Ed25519];

/// How an answer to an authorization request comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// In the query of a redirect.
    Query,
    /// In a form (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// An authorization request, without how its answer comes.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    fields: Vec<(String, String)>,
}

impl Ask {
    /// What a client of the suite asks unless a module is about something else.
    pub(super) fn of(client_id: &str, redirect_uri: &str) -> Self {
        // Every kind of character that a state may have and a URL would mangle.
        let (state, nonce) = (format!("{} &=%+'\"<>~", random()), random());
        let fields = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("scope", "openid"),
            ("state", &*state),
            ("nonce", &*nonce),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self { fields: fields.map(owned).to_vec() }
    }

    /// With a parameter, in place of one of this name.
    pub(super) fn with(self, name: &str, value: &str) -> Self {
        let mut fields = self.without(name).fields;
        fields.push((name.to_owned(), value.to_owned()));
        Self { fields }
    }

    /// Without a parameter.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(own, _)| own != name);
        self
    }

    /// With its parameters the other way round.
    pub(super) fn reversed(mut self) -> Self {
        self.fields.reverse();
        self
    }

    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// All parameters.
    pub(super) fn fields(&self) -> Vec<(&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn encoded(&self, mode: Mode) -> String {
        let mut fields = self.fields();
        if mode == Mode::FormPost {
            fields.push(("response_mode", "form_post"));
        }
        encode(&fields)
    }
}

/// A login that went well.
#[derive(Debug)]
pub(super) struct Login {
    /// What the person was asked on the way.
    pub(super) asked: Vec<&'static str>,
    pub(super) code: String,
    pub(super) tokens: Tokens,
    /// The verified id token.
    pub(super) id: IdToken,
}

/// A browser, a client and a server.
pub(super) struct Flow {
    pub(super) server: Arc<Running>,
    pub(super) browser: Browser,
    pub(super) party: Party,
    mode: Mode,
}

impl Flow {
    /// A browser in which nobody is signed in.
    pub(super) fn new(server: Arc<Running>, party: Party, mode: Mode) -> Self {
        let browser = Browser::new(server.address());
        Self { server, browser, party, mode }
    }

    /// See [`Ask::of`].
    pub(super) fn ask(&self) -> Ask {
        Ask::of(&self.party.id, &self.party.redirect_uri)
    }

    /// The address that begins an authorization.
    pub(super) fn path(&self, ask: &Ask) -> String {
        format!("/authorize?{}", ask.encoded(self.mode))
    }

    /// Asks, signs in and consents where that is wanted. Gives the answer at the client.
    pub(super) fn arrive(&mut self, ask: &Ask) -> Arrival {
        let path = self.path(ask);
        self.arrive_from(|browser| browser.visit(&path))
    }

    /// Asks as a form that a page of the client sends.
    pub(super) fn arrive_by_post(&mut self, ask: &Ask) -> Arrival {
        let body = ask.encoded(self.mode);
        let request = Request::raw_form("/authorize", body.as_bytes())
            .header("origin", "https://rp.example")
            .header("sec-fetch-site", "cross-site");
        self.arrive_from(|browser| browser.send(request))
    }

    fn arrive_from(&mut self, first: impl FnOnce(&mut Browser) -> Answer) -> Arrival {
        let arrival = signing_in(|| {
            let answer = first(&mut self.browser);
            self.browser.follow(answer, &self.party.redirect_uri, CAROL)
        });
        assert_eq!(arrival.by_form, self.mode == Mode::FormPost, "in the mode that was asked for");
        arrival
    }

    /// The code in an answer, and nothing else that should not be there.
    pub(super) fn code(&self, ask: &Ask, arrival: &Arrival) -> String {
        check_fields(&self.server, ask, &arrival.fields, &["code"]);
        arrival.fields["code"].clone()
    }

    /// The error in an answer (OpenID Connect Core section 3.1.2.6).
    pub(super) fn error(&self, ask: &Ask, arrival: &Arrival) -> String {
        check_fields(&self.server, ask, &arrival.fields, &["error", "error_description"]);
        is_plain(&arrival.fields["error_description"]);
        arrival.fields["error"].clone()
    }

    /// The answer to a code at the token endpoint.
    pub(super) fn redeem(&self, code: &str, more: &[(&str, &str)]) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.party.redirect_uri),
        ];
        self.server.send(&self.party.form("/token", &[&fields, more].concat()))
    }

    /// All the way to verified tokens.
    pub(super) fn log_in(&mut self, ask: &Ask) -> Login {
        let arrival = self.arrive(ask);
        self.finish(ask, &arrival, &[])
    }

    /// From the answer at the client to verified tokens.
    pub(super) fn finish(&self, ask: &Ask, arrival: &Arrival, more: &[(&str, &str)]) -> Login {
        let code = self.code(ask, arrival);
        let answer = self.redeem(&code, more);
        let tokens = self.tokens(&answer);
        let id = self.id_token(&tokens, ask.get("nonce"));
        let asked = arrival.asked.clone();
        Login { asked, code, tokens, id }
    }

    /// The tokens in an answer of the token endpoint (OpenID Connect Core section 3.1.3.3).
    pub(super) fn tokens(&self, answer: &Answer) -> Tokens {
        let tokens = Tokens::of(answer);
        is_json_that_is_not_stored(answer);
        let json = answer.json();
        assert_eq!(json["token_type"], "Bearer");
        assert!(json["expires_in"].as_u64().is_some_and(|seconds| seconds > 0), "{json}");
        assert!(!tokens.id.is_empty(), "{json}");
        // RFC 6749, appendices A.12 and A.17.
        for token in [&tokens.access, &tokens.refresh] {
            assert!(token.bytes().all(|b| b.is_ascii_graphic()), "{token}");
        }
        tokens
    }

    /// See [`id_token`].
    pub(super) fn id_token(&self, tokens: &Tokens, nonce: Option<&str>) -> IdToken {
        id_token(&self.server, &self.party.id, tokens, nonce)
    }

    /// What `/userinfo` says for this request, about the person of this id token.
    pub(super) fn user_info_of(&self, request: &Request, id: &IdToken) -> Value {
        let answer = self.server.send(request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        is_json_that_is_not_stored(&answer);
        let json = answer.json();
        // OpenID Connect Core section 5.3.2.
        assert_eq!(json["sub"], *id.subject, "the same person");
        json
    }

    /// What `/userinfo` says about a login.
    pub(super) fn user_info(&self, login: &Login) -> Value {
        self.user_info_of(&Request::get("/userinfo").bearer(&login.tokens.access), &login.id)
    }

    /// The discovery document.
    pub(super) fn metadata(&self) -> Value {
        self.server.send(&Request::get("/.well-known/openid-configuration")).json()
    }
}

/// Signs people in one after the other: many sign-ins of one person at once would be slowed down.
pub(super) fn signing_in<T>(sign_in: impl FnOnce() -> T) -> T {
    static SIGNING_IN: Mutex<()> = Mutex::new(());
    let _turn = SIGNING_IN.lock().unwrap_or_else(PoisonError::into_inner);
    sign_in()
}

/// Beside these, an answer has the issuer (RFC 9207) and the state as it was sent.
pub(super) fn check_fields(
    server: &Server<'_>,
    ask: &Ask,
    fields: &BTreeMap<String, String>,
    own: &[&str],
) {
    let mut expected = own.to_vec();
    expected.push("iss");
    expected.extend(ask.get("state").map(|_| "state"));
    expected.sort_unstable();
    let found: Vec<&str> = fields.keys().map(String::as_str).collect();
    assert_eq!(found, expected, "{fields:?}");
    assert_eq!(fields["iss"], server.site.issuer());
    assert_eq!(fields.get("state").map(String::as_str), ask.get("state"));
}

/// The content of an id token that this client may believe (OpenID Connect Core section 3.1.3.7).
pub(super) fn id_token(
    server: &Server<'_>,
    client_id: &str,
    tokens: &Tokens,
    nonce: Option<&str>,
) -> IdToken {
    let keys = published_keys(server);
    let header = header(&tokens.id);
    let key_id = header["kid"].as_str().expect("there are several keys, so one is named");
    let key = keys.get(key_id).expect("it is published");
    let issuer = server.site.issuer();
    let policy = Policy::id_token(&issuer, client_id, &ALGORITHMS).expect("a policy");
    let policy = match nonce {
        Some(nonce) => policy.nonce(nonce),
        None => policy,
    };
    let id = policy.verify(&keys, &tokens.id, now()).expect("a good id token").into_inner();
    assert_eq!(id.nonce.as_deref(), nonce, "none where none was sent");
    assert_eq!(id.audience, [client_id], "for this client alone");
    assert!(id.auth_time.is_some_and(|time| time <= id.issued_at), "{id:?}");
    let hash = IdToken::access_token_hash(key.algorithm(), &tokens.access);
    assert_eq!(id.access_token_hash, Some(hash), "for this access token");
    id
}

/// The keys that a server publishes.
pub(super) fn published_keys(server: &Server<'_>) -> KeySet {
    let jwks = server.send(&Request::get("/.well-known/jwks.json"));
    let (keys, rejected) = KeySet::from_jwks_json(&jwks.body).expect("a key set");
    assert!(rejected.is_empty(), "{rejected:?}");
    keys
}

/// The header of a token, whose signature says nothing yet.
pub(super) fn header(token: &str) -> Value {
    let unverified = jwt::peek(token).expect("a JWT");
    serde_json::from_str(unverified.header_json()).expect("JSON")
}

/// A token by hand: any header, any claims.
pub(super) fn sign(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let input = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(input.as_bytes()).expect("it can be signed");
    format!("{input}.{}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(signature))
}

/// A part of a token.
pub(super) fn part(value: &Value) -> String {
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(value.to_string().as_bytes())
}

/// RFC 6749 section 5.1.
pub(super) fn is_json_that_is_not_stored(answer: &Answer) {
    let header = |name| answer.header(name).unwrap_or_default();
    assert!(header("content-type").starts_with("application/json"), "{answer:?}");
    assert!(header("cache-control").contains("no-store"), "{answer:?}");
}

/// An error of the token endpoint (RFC 6749 section 5.2).
pub(super) fn is_refused(answer: &Answer, error: &str) {
    assert_eq!((answer.status, answer.error().as_deref()), (400, Some(error)), "{}", answer.text());
    is_json_that_is_not_stored(answer);
    is_plain(&answer.member("error_description"));
}

/// The characters that an error description may have (RFC 6749 section 5.2).
pub(super) fn is_plain(description: &str) {
    let allowed = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    assert!(!description.is_empty() && description.chars().all(allowed), "{description}");
}

/// Text that nobody has used before.
pub(super) fn random() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("randomness");
    base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes)
}

#[expect(clippy::disallowed_methods, reason = "a client reads its own clock")]
pub(super) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    Timestamp::from_millis(u64::try_from(since_epoch.as_millis()).expect("not that late"))
}
