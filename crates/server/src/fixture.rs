//! A server without a network, for tests: its state on a folder of its own, and its routes.

pub(crate) mod flow;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::body::Body;
use axum::http::{Request, header};
use axum::response::Response;
use countersign_jose::SigningKey;
use countersign_protocol::account::Account;
use countersign_protocol::grant::{Grant, GrantId, Sender};
use countersign_protocol::grant_details::GrantDetails;
use countersign_protocol::random;
use countersign_protocol::scope::Scope;
use countersign_protocol::session::Session;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::app::{App, Shared};
use crate::config::Config;
use crate::master_key::{Master, Source};
use crate::process::{self, SystemRandom};
use crate::router;
use crate::web::client_ip::Peer;
use crate::web::csrf;
use crate::{bootstrap, passwords};

/// Where the clients want to be answered.
pub(crate) const REDIRECT_URI: &str = "https://web.example/cb";
/// The password of everyone.
pub(crate) const PASSWORD: &str = "correct horse";

const CONFIG: &str = r#"
issuer = "http://127.0.0.1:8080"
[[client]]
client_id = "web"
client_secret = "a secret of the web client"
redirect_uris = ["https://web.example/cb"]
[[client]]
client_id = "spa"
token_endpoint_auth_method = "none"
redirect_uris = ["https://spa.example/cb"]
[[client]]
client_id = "api"
client_secret = "a secret of the API's client"
grant_types = ["client_credentials"]
protects = ["https://api.example"]
"#;

/// A server's state. Its folder goes with it.
pub(crate) struct Fixture {
    pub(crate) app: Arc<App>,
    pub(crate) master: Arc<Master>,
    folder: PathBuf,
    _stop: watch::Sender<bool>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Fixture {
    /// A server with the clients `web` and `api`, and with alice.
    pub(crate) async fn open() -> Self {
        Self::open_with("").await
    }

    /// The same with more in its configuration.
    pub(crate) async fn open_with(more: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("countersign-server-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("countersign.toml");
        std::fs::write(&file, format!("{CONFIG}\n{more}")).unwrap();
        let (config, _) = Config::load(&file, []).unwrap();
        let opened = bootstrap::open(&folder, Source::Own(folder.join("master.key"))).unwrap();
        let (stop, stopping) = watch::channel(false);
        let app = bootstrap::assemble(&config, &opened, None, stopping).await.unwrap();
        app.users_declared.send_replace(true);
        let master = opened.master;
        let site = Self { app, master, folder, _stop: stop };
        site.put(&site.account("alice")).await;
        site
    }

    /// The master key, as another process reads it.
    pub(crate) fn open_master(&self) -> Master {
        Master::open(Source::Own(self.folder.join("master.key")), true).unwrap()
    }

    /// A second server on the same store, with this over its configuration.
    pub(crate) async fn start_again(&self, environment: &[(&str, &str)]) -> Arc<App> {
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let file = self.folder.join("countersign.toml");
        let (config, _) = Config::load(&file, environment).unwrap();
        let source = Source::Own(self.folder.join("master.key"));
        let opened = bootstrap::open(&self.folder, source).unwrap();
        let (_stop, stopping) = watch::channel(false);
        bootstrap::assemble(&config, &opened, None, stopping).await.unwrap()
    }

    /// A new account with [`PASSWORD`].
    pub(crate) fn account(&self, name: &str) -> Account {
        Account {
            subject: random::identifier(&SystemRandom),
            username: name.to_owned(),
            password_hash: Some(passwords::hash(PASSWORD)),
            disabled: false,
            claims: serde_json::Map::new(),
        }
    }

    pub(crate) async fn put(&self, account: &Account) {
        self.app.store().put_account(account.clone(), self.app.moment()).await.unwrap();
    }

    pub(crate) async fn alice(&self) -> Account {
        self.app.store().account_named("alice").await.unwrap().unwrap()
    }

    /// A grant for the client `web`, just redeemed and not stored.
    pub(crate) fn grant(&self, subject: &str) -> Grant {
        let now = process::now();
        let expires_at = now.plus(self.app.lifetimes.refresh_idle);
        Grant {
            id: GrantId::new(now, &SystemRandom),
            subject: subject.to_owned(),
            client_id: "web".to_owned(),
            scope: Scope::default(),
            audience: vec!["https://api.example".to_owned()],
            auth_time: now,
            amr: Vec::new(),
            session_id: None,
            sender: Sender::Bearer,
            generation: 1,
            rotated_at: now,
            created_at: now,
            idle_expires_at: expires_at,
            expires_at,
            ended: None,
            pending: None,
            details: GrantDetails::default(),
        }
    }

    /// Sends a request as a browser with this session cookie, if any.
    pub(crate) async fn get(&self, path: &str, session: Option<&str>) -> Response {
        let cookie = session.map(|secret| format!("countersign={secret}")).unwrap_or_default();
        let request = Request::get(path).header(header::COOKIE, cookie);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a form of a page of this server, with its token.
    pub(crate) async fn submit(
        &self,
        path: &str,
        session: &str,
        form: &[(&str, &str)],
    ) -> Response {
        let cookie = format!("countersign={session}");
        let request = Request::post(path)
            .header(header::COOKIE, &cookie)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let headers = request.headers_ref().unwrap();
        let token = csrf::issue(&self.app.site, headers).token;
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .append_pair("csrf", &token)
            .finish();
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    /// Sends a form as a client does. Answers the status and the JSON that came back.
    pub(crate) async fn ask(&self, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
        let response = self.post(path, form).await;
        let status = response.status().as_u16();
        (status, serde_json::from_str(&body(response).await).unwrap_or_default())
    }

    /// Sends a form as a client does.
    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Response {
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form));
        self.send(request.unwrap()).await
    }

    /// A session of alice, as if she had just signed in: its secret.
    pub(crate) async fn session_of_alice(&self) -> String {
        let subject = self.alice().await.subject;
        let (session, secret) = Session::start(subject, "", process::now(), &SystemRandom);
        self.app.store().begin_session(session).await.unwrap();
        secret
    }

    /// Sends any request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        self.send_from([127, 0, 0, 1], request).await
    }

    /// Sends any request from an address.
    pub(crate) async fn send_from(&self, peer: [u8; 4], mut request: Request<Body>) -> Response {
        request.extensions_mut().insert(Peer((peer, 1).into()));
        let routes = router::routes().with_state(Shared::new(Arc::clone(&self.app)));
        routes.oneshot(request).await.unwrap()
    }

    /// An authorization request of the client `web`.
    pub(crate) fn authorize(&self, more: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::from("/authorize?"));
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", "web"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid"),
            ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
            ("code_challenge_method", "S256"),
        ]);
        query.extend_pairs(more).finish().replacen("?&", "?", 1)
    }
}

/// The member `jwks` of a declared client with this key.
pub(crate) fn jwks(key: &SigningKey) -> String {
    let jwk = serde_json::to_value(key.public_jwk().unwrap()).unwrap();
    let members = jwk.as_object().unwrap().iter().map(|(name, value)| format!("{name} = {value}"));
    format!("jwks = {{ keys = [{{ {} }}] }}", members.collect::<Vec<_>>().join(", "))
}

/// A hidden field of a page, as it stands there.
pub(crate) fn hidden(page: &str, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let value = page.split_once(&start).expect("the field").1.split('"').next().unwrap();
    value.replace("&#38;", "&").replace("&#61;", "=")
}

/// The parameters of an answer that went to the client by its URL.
pub(crate) fn answered(response: &Response, redirect_uri: &str) -> BTreeMap<String, String> {
    let query = location(response).strip_prefix(redirect_uri).expect("an answer to the client");
    form_urlencoded::parse(query.trim_start_matches('?').as_bytes()).into_owned().collect()
}

/// Where an answer leads.
pub(crate) fn location(response: &Response) -> &str {
    response.headers().get(header::LOCATION).map_or("", |value| value.to_str().unwrap())
}

/// The secret of the session that an answer begins.
pub(crate) fn session_of(response: &Response) -> String {
    let mut cookies = response.headers().get_all(header::SET_COOKIE).iter();
    let session = cookies.find_map(|cookie| cookie.to_str().unwrap().strip_prefix("countersign="));
    session.expect("a session").split(';').next().unwrap().to_owned()
}

/// The body of an answer.
pub(crate) async fn body(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}
