//! Documents on a site of somebody else, and clients that are described by them.

use std::sync::Mutex as Lock;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use axum::response::IntoResponse as _;
use axum::routing::get;
use serde_json::{Value, json};

use super::*;
use crate::fixture::{Fixture, PASSWORD, body, location, session_of};
use crate::remote_site::{RemoteSite, certificate};

const RESOURCE: &str = "https://api.example";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A client's site with a document on it.
struct Publisher {
    site: RemoteSite,
    answer: Arc<Lock<(u16, String)>>,
    asked: Arc<AtomicUsize>,
}

impl Publisher {
    async fn start() -> Self {
        let answer = Arc::new(Lock::new((404, String::new())));
        let asked = Arc::new(AtomicUsize::new(0));
        let (told, counted) = (Arc::clone(&answer), Arc::clone(&asked));
        let document = get(move || async move {
            counted.fetch_add(1, Ordering::Relaxed);
            let (status, body) = told.lock().unwrap().clone();
            let location = [(header::LOCATION, "/client.json")];
            (StatusCode::from_u16(status).unwrap(), location, body).into_response()
        });
        let site = RemoteSite::start_https(Router::new().route("/{*path}", document)).await;
        let publisher = Self { site, answer, asked };
        publisher.answer(200, &publisher.document());
        publisher
    }

    fn id(&self) -> String {
        self.site.url("/client.json")
    }

    fn document(&self) -> Value {
        json!({
            "client_id": self.id(),
            "client_name": "An agent",
            "redirect_uris": ["http://127.0.0.1/cb"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        })
    }

    fn answer(&self, status: u16, document: &Value) {
        *self.answer.lock().unwrap() = (status, document.to_string());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// A server that takes documents, with these lines more under `[registration]`.
    async fn server(&self, more: &str) -> Fixture {
        let ca_file = certificate("authority.pem");
        Fixture::open_with(&format!(
            "[outbound]\nca_file = {ca_file:?}\n[registration]\nmetadata_documents = true\n\
             resources = [\"{RESOURCE}\"]\n{more}"
        ))
        .await
    }
}

async fn form(site: &Fixture, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(form));
    let response = site.send(request.unwrap()).await;
    let status = response.status().as_u16();
    (status, serde_json::from_str(&body(response).await).unwrap_or_default())
}

fn authorize(client_id: &str, more: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", "http://127.0.0.1:49152/cb"),
        ("scope", "openid offline_access"),
        ("state", "s"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
        ("resource", RESOURCE),
    ]);
    query.extend_pairs(more).finish()
}

/// Signs alice in and allows what is asked for. Answers the redirect to the client.
async fn allow(site: &Fixture, query: &str) -> String {
    let login = site.get(&format!("/authorize?{query}"), None).await;
    assert!(location(&login).starts_with("/login?"), "{}", location(&login));
    let visit = "visit";
    let back = format!("/authorize?{query}");
    let fields = [("username", "alice"), ("password", PASSWORD), ("continue", &*back)];
    let signed_in = site.submit("/login", visit, &fields).await;
    let session = session_of(&signed_in);
    let asked = site.get(&format!("/authorize?{query}"), Some(&session)).await;
    assert!(location(&asked).starts_with("/consent?"), "{}", location(&asked));
    let consent = [("request", query), ("decision", "allow")];
    let answer = site.submit("/consent", &session, &consent).await;
    // And asked again the next time: it may be another document by then.
    let again = site.get(&format!("/authorize?{query}"), Some(&session)).await;
    assert!(location(&again).starts_with("/consent?"), "{}", location(&again));
    location(&answer).to_owned()
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_client_that_nobody_registered_gets_tokens_for_the_resource_that_it_names() {
    let publisher = Publisher::start().await;
    let site = publisher.server("").await;
    let metadata = body(site.get("/.well-known/oauth-authorization-server", None).await).await;
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    assert_eq!(metadata["client_id_metadata_document_supported"], true);
    let id = publisher.id();
    let answer = allow(&site, &authorize(&id, &[])).await;
    assert!(answer.starts_with("http://127.0.0.1:49152/cb?"), "{answer}");
    assert_eq!(parameter(&answer, "iss").as_deref(), Some("http://127.0.0.1:8080"));
    let code = parameter(&answer, "code").unwrap();
    let asked = [
        ("grant_type", "authorization_code"),
        ("client_id", &*id),
        ("code", &*code),
        ("redirect_uri", "http://127.0.0.1:49152/cb"),
        ("code_verifier", VERIFIER),
        ("resource", RESOURCE),
    ];
    let (status, tokens) = form(&site, "/token", &asked).await;
    assert_eq!(status, 200, "{tokens}");
    let access = tokens["access_token"].as_str().unwrap();
    let access = site.app.verify_access_token(access, process::now()).unwrap().unwrap();
    assert_eq!((&*access.client_id, &*access.audience), (&*id, &[RESOURCE.to_owned()][..]));
    let first = tokens["refresh_token"].as_str().unwrap();
    let refresh = |token: &str| {
        let token = token.to_owned();
        let (site, id) = (&site, &id);
        async move {
            let asked =
                [("grant_type", "refresh_token"), ("client_id", id), ("refresh_token", &token)];
            form(site, "/token", &asked).await
        }
    };
    let (status, second) = refresh(first).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(second["refresh_token"], tokens["refresh_token"], "a public client's are rotated");
    assert_eq!(publisher.asked(), 1, "the document is kept");
    // The operator closes it, and nothing of its own opens it again.
    let closed = Client { disabled: true, ..Client::new(&id) };
    site.app.store().put_client(closed, site.app.moment()).await.unwrap();
    assert!(site.app.client(&id).await.unwrap().is_none());
    let (status, answer) = refresh(second["refresh_token"].as_str().unwrap()).await;
    assert_eq!((status, &answer["error"]), (401, &"invalid_client".into()));
}

#[tokio::test]
async fn no_document_gets_what_it_was_not_meant_to_have() {
    let publisher = Publisher::start().await;
    let site = publisher.server("").await;
    let id = publisher.id();
    for (what, query) in [
        ("another address", authorize(&id, &[("redirect_uri", "http://127.0.0.1:1/other")])),
        (
            "the address of somebody else",
            authorize(&id, &[("redirect_uri", "https://evil.example/")]),
        ),
    ] {
        let query = query.replacen("redirect_uri=http%3A%2F%2F127.0.0.1%3A49152%2Fcb&", "", 1);
        let refused = site.get(&format!("/authorize?{query}"), None).await;
        assert_eq!(refused.status(), StatusCode::BAD_REQUEST, "{what}");
    }
    let victim = authorize(&id, &[]).replace("api.example", "victim.example");
    let refused = site.get(&format!("/authorize?{victim}"), None).await;
    assert_eq!(parameter(location(&refused), "error").as_deref(), Some("invalid_target"));
    let plain = authorize(&id, &[]).replace("code_challenge", "unheard_of");
    let refused = site.get(&format!("/authorize?{plain}"), None).await;
    assert_eq!(parameter(location(&refused), "error").as_deref(), Some("invalid_request"));
    // A client without a secret gets nothing for itself, and introspects nothing.
    for (path, more) in
        [("/token", ("grant_type", "client_credentials")), ("/introspect", ("token", "x"))]
    {
        let (status, _) = form(&site, path, &[("client_id", &*id), more]).await;
        assert!((400..500).contains(&status), "{path} {status}");
    }
}

#[tokio::test]
async fn only_a_document_that_says_what_it_is_makes_a_client() {
    for (what, status, change) in [
        ("another id", 200, json!({ "client_id": "https://victim.example/client.json" })),
        ("an id without a port", 200, json!({ "client_id": "https://127.0.0.1/client.json" })),
        ("a secret", 200, json!({ "client_secret": "s" })),
        (
            "a method with a secret",
            200,
            json!({ "token_endpoint_auth_method": "client_secret_basic" }),
        ),
        (
            "a private address for keys",
            200,
            json!({
            "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "https://me@10.0.0.1/" }),
        ),
        ("too long", 200, json!({ "client_uri": "x".repeat(6_000) })),
        ("not found", 404, json!({})),
        ("created", 201, json!({})),
        ("a redirect", 302, json!({})),
        ("a failure", 500, json!({})),
    ] {
        let publisher = Publisher::start().await;
        let site = publisher.server("").await;
        let mut document = publisher.document();
        document.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        publisher.answer(status, &document);
        let id = publisher.id();
        assert!(site.app.client(&id).await.unwrap().is_none(), "{what}");
        let page = site.get(&format!("/authorize?{}", authorize(&id, &[])), None).await;
        assert_eq!(page.status(), StatusCode::BAD_REQUEST, "{what}");
        // A failure is not asked about again at once, and nothing of it is kept for later.
        assert_eq!(publisher.asked(), 1, "{what}");
    }
}

#[tokio::test]
async fn ids_that_are_no_documents_are_not_asked_at() {
    let publisher = Publisher::start().await;
    let site = publisher.server("").await;
    let port = publisher.site.address().port();
    for id in [
        format!("https://127.0.0.1:{port}"),
        format!("https://127.0.0.1:{port}/a/../client.json"),
        format!("https://127.0.0.1:{port}/client.json#x"),
        format!("https://me@127.0.0.1:{port}/client.json"),
        format!("https://2130706433:{port}/client.json"),
        format!("https://0x7f.1:{port}/client.json"),
        format!("http://127.0.0.1:{port}/client.json"),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
        "https://[fd00:ec2::254]/latest".to_owned(),
        "https://10.0.0.1/client.json".to_owned(),
    ] {
        assert!(site.app.client(&id).await.unwrap().is_none(), "{id}");
    }
    assert_eq!(publisher.asked(), 0);
    let listed = publisher.server("document_hosts = [\"app.example\"]").await;
    assert!(listed.app.client(&publisher.id()).await.unwrap().is_none());
    let off = Fixture::open().await;
    assert!(off.app.client(&publisher.id()).await.unwrap().is_none());
    assert_eq!(publisher.asked(), 0);
    let host = format!("document_hosts = [\"127.0.0.1:{port}\"]");
    assert!(publisher.server(&host).await.app.client(&publisher.id()).await.unwrap().is_some());
}

/// What is registered, and what a document says, are never taken for one another.
#[tokio::test]
async fn a_registration_and_a_document_can_not_be_confused() {
    let publisher = Publisher::start().await;
    let site = publisher.server("mode = \"open\"").await;
    let id = publisher.id();
    // A row under the id of a document is no client: only that it is closed counts.
    let planted =
        Client { redirect_uris: vec!["https://evil.example/".into()], ..Client::new(&id) };
    assert!(!planted.faults().is_empty(), "it can't be declared");
    site.app.store().put_client(planted, site.app.moment()).await.unwrap();
    let found = site.app.client(&id).await.unwrap().unwrap();
    assert_eq!(found.redirect_uris, ["http://127.0.0.1/cb"]);
    // And who registers gets an id of the server's choice.
    let asked = json!({ "client_id": id, "redirect_uris": ["https://evil.example/cb"] });
    let request = Request::post("/register").header(header::CONTENT_TYPE, "application/json");
    let answer = site.send(request.body(Body::from(asked.to_string())).unwrap()).await;
    let told: Value = serde_json::from_str(&body(answer).await).unwrap();
    let given = told["client_id"].as_str().unwrap();
    assert!(!given.starts_with("https:") && given != id, "{given}");
}

#[tokio::test]
async fn strangers_make_the_server_ask_a_limited_number_of_times() {
    let publisher = Publisher::start().await;
    let site = publisher.server("").await;
    let known = publisher.id();
    assert!(site.app.client(&known).await.unwrap().is_some());
    for number in 0..100 {
        let id = publisher.site.url(&format!("/junk/{number}"));
        assert!(site.app.client(&id).await.unwrap().is_none());
    }
    assert_eq!(publisher.asked(), FROM_A_HOST as usize);
    assert!(site.app.client(&known).await.unwrap().is_some(), "it is held");
}

#[tokio::test]
async fn a_document_that_is_gone_is_gone_and_one_that_can_not_be_had_is_not() {
    let publisher = Publisher::start().await;
    let site = publisher.server("").await;
    let documents = site.app.self_registration.documents.as_ref().unwrap();
    let millis = Duration::from_millis;
    let lifetime = Bounds { least: millis(0), silent: millis(0), most: millis(0) };
    let timing = Timing { lifetime, retry: millis(0), ..timing() };
    let held = RemoteCache::new(10, timing);
    let gate = Arc::clone(&documents.gate);
    let documents =
        MetadataDocuments { held, gate, hosts: Vec::new(), terms: Arc::clone(&documents.terms) };
    let client = async || documents.client(&site.app.outbound, &publisher.id()).await;
    assert!(client().await.is_some());
    for transient in [500, 503, 429] {
        publisher.answer(transient, &json!(null));
        assert!(client().await.is_some(), "{transient}");
    }
    let mut renamed = publisher.document();
    renamed["client_name"] = "Renamed".into();
    publisher.answer(200, &renamed);
    assert_eq!(client().await.unwrap().client_name.as_deref(), Some("Renamed"));
    for gone in [(404, publisher.document()), (200, json!({})), (302, publisher.document())] {
        publisher.answer(gone.0, &gone.1);
        assert!(client().await.is_none(), "{}", gone.0);
        publisher.answer(200, &publisher.document());
        assert!(client().await.is_some());
    }
}
