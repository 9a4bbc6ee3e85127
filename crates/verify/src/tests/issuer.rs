//! An issuer on this machine that follows a script.

use std::{
    collections::HashMap,
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use countersign_jose::{AccessToken, Algorithm, IntrospectionResponse, SigningKey, base64url, jwt};
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    body::{Body, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::clock;

pub(super) const AUDIENCE: &str = "https://api.example";

pub(super) struct Issuer {
    pub(super) url: String,
    script: Arc<Mutex<Script>>,
}

/// What the issuer does, and what it has seen.
pub(super) struct Script {
    url: String,
    /// The last one signs; all are published.
    pub(super) keys: Vec<SigningKey>,
    /// Put into the set as it is.
    pub(super) extra_key: Option<String>,
    /// Instead of the key set.
    pub(super) jwks: Option<(u16, Vec<u8>)>,
    pub(super) jwks_headers: Vec<(&'static str, &'static str)>,
    pub(super) entity_tag: Option<&'static str>,
    /// Requests for the key set are not answered.
    pub(super) jwks_hangs: bool,
    /// Instead of the metadata, by path.
    pub(super) metadata: Option<(&'static str, String)>,
    /// Connections are accepted and dropped.
    pub(super) down: bool,
    pub(super) feed_status: u16,
    pub(super) snapshot_status: u16,
    pub(super) seq: u64,
    /// As JSON, with their numbers.
    pub(super) events: Vec<(u64, String)>,
    /// Events that the feed leaves out.
    pub(super) only_in_snapshot: Vec<(u64, String)>,
    /// Added to the number in heartbeats.
    pub(super) heartbeat_ahead: u64,
    /// Feed connections up to this number get no byte more.
    pub(super) stalled: u64,
    /// Feed connections up to this number are closed.
    pub(super) cut: u64,
    /// Sent once, as it is, on the newest feed connection.
    pub(super) raw: Option<&'static str>,
    /// Acknowledgements are answered with this, after so long; every form that came.
    pub(super) acknowledgement_status: u16,
    pub(super) acknowledgement_delay: Duration,
    pub(super) acknowledgements: Vec<String>,
    pub(super) feeds_opened: u64,
    pub(super) feeds_open: u64,
    pub(super) snapshots: u64,
    pub(super) jwks_loads: u64,
    pub(super) unchanged: u64,
    /// What is told of tokens; of all others, that they are not active.
    pub(super) told: HashMap<String, serde_json::Value>,
    pub(super) introspection_status: u16,
    pub(super) introspection_delay: Duration,
    /// Answers are signed, for this audience.
    pub(super) signed_for: Option<String>,
    /// Status lists by their paths.
    pub(super) lists: HashMap<String, String>,
    pub(super) list_status: u16,
    pub(super) list_type: &'static str,
    pub(super) list_tag: Option<&'static str>,
    pub(super) list_loads: u64,
    /// The bodies and `Accept` of all questions.
    pub(super) questions: Vec<(String, String)>,
    /// Every request, as path, `Authorization` and `Last-Event-ID`.
    pub(super) requests: Vec<(String, String, String)>,
}

impl Issuer {
    pub(super) async fn start() -> Self {
        Self::start_at("").await
    }

    pub(super) async fn start_at(path: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let url = format!("http://{address}{path}");
        let script = Arc::new(Mutex::new(Script::new(url.clone())));
        tokio::spawn(accept(listener, script.clone()));
        Self { url, script }
    }

    pub(super) fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().expect("no test panics with it")
    }

    /// A token that is good for five minutes.
    pub(super) fn token(&self, token_id: &str, grant_id: &str) -> String {
        self.token_with(token_id, grant_id, |_| {})
    }

    pub(super) fn token_with(
        &self,
        token_id: &str,
        grant_id: &str,
        change: impl FnOnce(&mut AccessToken),
    ) -> String {
        let mut claims = claims(&self.url, token_id);
        claims.grant_id = Some(grant_id.to_owned());
        change(&mut claims);
        let script = self.script();
        jwt::sign(script.keys.last().expect("a key"), AccessToken::TYPE, &claims).expect("a token")
    }

    /// An opaque token that the issuer tells this of, beside what a token has to say.
    pub(super) fn opaque(&self, token_id: &str, change: impl FnOnce(&mut AccessToken)) -> String {
        let mut claims = claims(&self.url, token_id);
        change(&mut claims);
        let text = format!("csa_{}", base64url::encode(format!("{token_id:>60}").as_bytes()));
        self.tell_of(&text, &claims);
        text
    }

    /// What the issuer tells of a text from now on.
    pub(super) fn tell_of(&self, text: &str, claims: &AccessToken) {
        let mut told = serde_json::to_value(claims).expect("claims");
        told["active"] = true.into();
        told["token_type"] = "Bearer".into();
        self.script().told.insert(text.to_owned(), told);
    }

    pub(super) fn revoke(&self, kind: &str, id: &str) {
        self.script().revoke(kind, id);
    }
}

pub(super) fn claims(issuer: &str, token_id: &str) -> AccessToken {
    let now = clock::now().as_secs();
    AccessToken {
        issuer: issuer.to_owned(),
        subject: "ada".to_owned(),
        audience: vec![AUDIENCE.to_owned()],
        client_id: "web".to_owned(),
        issued_at: now,
        expires_at: now + 300,
        token_id: token_id.to_owned(),
        scope: Some("orders:read".to_owned()),
        ..AccessToken::default()
    }
}

pub(super) fn new_key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256).expect("a key")
}

impl Script {
    fn new(url: String) -> Self {
        Self {
            url,
            keys: vec![new_key()],
            extra_key: None,
            jwks: None,
            jwks_headers: Vec::new(),
            entity_tag: None,
            jwks_hangs: false,
            metadata: None,
            down: false,
            feed_status: 200,
            snapshot_status: 200,
            seq: 0,
            events: Vec::new(),
            only_in_snapshot: Vec::new(),
            heartbeat_ahead: 0,
            stalled: 0,
            cut: 0,
            raw: None,
            acknowledgement_status: 204,
            acknowledgement_delay: Duration::ZERO,
            acknowledgements: Vec::new(),
            feeds_opened: 0,
            feeds_open: 0,
            snapshots: 0,
            jwks_loads: 0,
            unchanged: 0,
            told: HashMap::new(),
            introspection_status: 200,
            introspection_delay: Duration::ZERO,
            signed_for: None,
            lists: HashMap::new(),
            list_status: 200,
            list_type: "application/statuslist+jwt",
            list_tag: None,
            list_loads: 0,
            questions: Vec::new(),
            requests: Vec::new(),
        }
    }

    pub(super) fn revoke(&mut self, kind: &str, id: &str) {
        self.seq += 1;
        let (seq, expires_at) = (self.seq, clock::now().as_secs() + 300);
        let mut event = serde_json::json!(
            {"seq": seq, "kind": kind, "id": id, "expires_at": expires_at});
        if kind == "client" {
            event["issued_until"] = clock::now().as_secs().into();
        }
        self.events.push((seq, event.to_string()));
    }

    fn hangs(&self) -> bool {
        self.jwks_hangs
    }

    fn answer(&mut self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let header = |name| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        self.requests.push((
            request.uri().to_string(),
            header("authorization"),
            header("last-event-id"),
        ));
        if path.contains("/.well-known/") {
            return self.metadata(&path);
        }
        if path.ends_with("/jwks") {
            return self.jwks(&header("if-none-match"));
        }
        if path.starts_with("/lists/") {
            self.list_loads += 1;
            let unchanged = self.list_tag.is_some_and(|tag| tag == header("if-none-match"));
            let found = self.lists.get(&path).cloned();
            let status = if found.is_some() { self.list_status } else { 404 };
            let status = if unchanged { 304 } else { status };
            let mut response = respond(status, found.unwrap_or_default());
            let tag = self.list_tag.map(|tag| ("etag", tag));
            for (name, value) in [("content-type", self.list_type)].into_iter().chain(tag) {
                response.headers_mut().insert(name, value.parse().expect("a value"));
            }
            return response;
        }
        if path.ends_with("/snapshot") {
            self.snapshots += 1;
            let events = self.only_in_snapshot.iter().chain(&self.events);
            let groups = events.map(|(_, event)| {
                let mut group: serde_json::Value = serde_json::from_str(event).expect("JSON");
                group["ids"] = serde_json::json!([group["id"].take()]);
                group
            });
            let groups: Vec<_> = groups.collect();
            let body = serde_json::json!({ "seq": self.seq, "revoked": groups });
            return respond(self.snapshot_status, body.to_string());
        }
        respond(404, String::new())
    }

    fn introspect(&mut self, form: &str, accept: &str) -> Response<Full<Bytes>> {
        self.questions.push((form.to_owned(), accept.to_owned()));
        let token = form_urlencoded::parse(form.as_bytes()).find(|(name, _)| name == "token");
        let token = token.expect("a token is asked about").1;
        let told = self.told.get(&*token).cloned();
        let told = told.unwrap_or_else(|| serde_json::json!({"active": false}));
        let Some(audience) = &self.signed_for else {
            return respond(self.introspection_status, told.to_string());
        };
        let answer = IntrospectionResponse {
            issuer: self.url.clone(),
            audience: vec![audience.clone()],
            issued_at: clock::now().as_secs(),
            token_introspection: told.as_object().expect("an object").clone(),
        };
        let key = self.keys.last().expect("a key");
        let signed = jwt::sign(key, IntrospectionResponse::TYPE, &answer).expect("an answer");
        let mut response = respond(self.introspection_status, signed);
        let kind = "application/token-introspection+jwt".parse().expect("a value");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    fn metadata(&self, path: &str) -> Response<Full<Bytes>> {
        if let Some((only, body)) = &self.metadata {
            let status = if *only == path { 200 } else { 404 };
            return respond(status, body.clone());
        }
        respond(200, self.metadata_json())
    }

    pub(super) fn metadata_json(&self) -> String {
        let url = &self.url;
        serde_json::json!({
            "issuer": url,
            "jwks_uri": format!("{url}/jwks"),
            "introspection_endpoint": format!("{url}/introspect"),
            "revocation_feed_endpoint": format!("{url}/feed"),
            "revocation_snapshot_endpoint": format!("{url}/snapshot"),
            "revocation_acknowledgement_endpoint": format!("{url}/ack"),
        })
        .to_string()
    }

    fn jwks(&mut self, if_none_match: &str) -> Response<Full<Bytes>> {
        self.jwks_loads += 1;
        let mut response = match (&self.jwks, self.entity_tag) {
            (Some((status, body)), _) => respond(*status, body.clone()),
            (None, Some(entity_tag)) if entity_tag == if_none_match => {
                self.unchanged += 1;
                respond(304, String::new())
            }
            (None, _) => {
                let public = |key: &SigningKey| serde_json::to_string(&key.public_jwk());
                let keys = self.keys.iter().map(|key| public(key).expect("a JWK"));
                let keys: Vec<String> = self.extra_key.clone().into_iter().chain(keys).collect();
                respond(200, format!(r#"{{"keys":[{}]}}"#, keys.join(",")))
            }
        };
        let tag = self.entity_tag.map(|entity_tag| ("etag", entity_tag));
        for (name, value) in self.jwks_headers.iter().copied().chain(tag) {
            response.headers_mut().insert(name, value.parse().expect("a value"));
        }
        response
    }
}

fn respond(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status);
    response.body(Full::new(body.into())).expect("a response")
}

async fn accept(listener: TcpListener, script: Arc<Mutex<Script>>) {
    while let Ok((stream, _)) = listener.accept().await {
        if script.lock().expect("whole").down {
            continue;
        }
        let script = script.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| serve(request, script.clone()));
            // A verifier that hangs up is not the issuer's concern.
            let _closed =
                http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn serve(
    request: Request<Incoming>,
    script: Arc<Mutex<Script>>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    if request.uri().path().ends_with("/ack") {
        return Ok(acknowledgement(request, &script).await);
    }
    if request.uri().path().ends_with("/introspect") {
        let accept = request.headers()[header::ACCEPT].to_str().expect("text").to_owned();
        let authorization = request.headers()[header::AUTHORIZATION].to_str().expect("text");
        assert_eq!(authorization, "Basic YXBpOnNlY3JldA==");
        let body = request.into_body().collect().await.expect("a body").to_bytes();
        let form = String::from_utf8(body.to_vec()).expect("text");
        let (answer, delay) = {
            let mut now = script.lock().expect("whole");
            (now.introspect(&form, &accept), now.introspection_delay)
        };
        sleep(delay).await;
        return Ok(answer.map(BoxBody::new));
    }
    if request.uri().path().ends_with("/jwks") {
        while script.lock().expect("whole").hangs() {
            sleep(Duration::from_millis(2)).await;
        }
    }
    let mut now = script.lock().expect("whole");
    if !request.uri().path().ends_with("/feed") || now.feed_status != 200 {
        let mut response = now.answer(&request);
        if request.uri().path().ends_with("/feed") {
            *response.status_mut() = now.feed_status.try_into().expect("a status");
        }
        return Ok(response.map(BoxBody::new));
    }
    now.answer(&request);
    let after = request.headers()["last-event-id"].to_str().expect("text");
    let after = after.parse().expect("a number");
    now.feeds_opened += 1;
    now.feeds_open += 1;
    let number = now.feeds_opened;
    drop(now);
    let (sender, receiver) = mpsc::channel(64);
    tokio::spawn(async move {
        feed(&script, number, after, sender).await;
        script.lock().expect("whole").feeds_open -= 1;
    });
    let response = Response::builder().header(header::CONTENT_TYPE, "text/event-stream");
    Ok(response.body(ChannelBody(receiver).boxed()).expect("a response"))
}

async fn acknowledgement(
    request: Request<Incoming>,
    script: &Mutex<Script>,
) -> Response<BoxBody<Bytes, Infallible>> {
    let authorization = request.headers().get("authorization").cloned();
    assert_eq!(authorization.expect("credentials"), "Basic YXBpOnNlY3JldA==");
    let form = request.into_body().collect().await.expect("a form").to_bytes();
    let (status, delay) = {
        let mut script = script.lock().expect("whole");
        script.acknowledgements.push(String::from_utf8(form.to_vec()).expect("text"));
        (script.acknowledgement_status, script.acknowledgement_delay)
    };
    sleep(delay).await;
    respond(status, String::new()).map(BoxBody::new)
}

async fn feed(script: &Mutex<Script>, number: u64, after: u64, to: mpsc::Sender<Bytes>) {
    let (mut sent, mut heartbeat_at) = (after, Instant::now());
    let hello = format!("event: hello\ndata: {{\"follower\":\"f{number}\"}}\n\n");
    if to.send(Bytes::from(hello)).await.is_err() {
        return;
    }
    loop {
        let mut text = String::new();
        {
            let mut script = script.lock().expect("whole");
            if number <= script.cut || script.down {
                return;
            }
            if number > script.stalled {
                if sent > script.seq {
                    text.push_str("event: reset\ndata: {}\n\n");
                    sent = script.seq;
                }
                for (seq, event) in script.events.iter().filter(|(seq, _)| *seq > sent) {
                    text.push_str(&format!("id: {seq}\nevent: revoked\ndata: {event}\n\n"));
                }
                sent = script.seq;
                if number == script.feeds_opened {
                    text.push_str(script.raw.take().unwrap_or_default());
                }
                if heartbeat_at <= Instant::now() {
                    let seq = script.seq + script.heartbeat_ahead;
                    text.push_str(&format!("event: heartbeat\ndata: {{\"seq\":{seq}}}\n\n"));
                    heartbeat_at = Instant::now() + Duration::from_millis(20);
                }
            }
        }
        if to.is_closed() || (!text.is_empty() && to.send(Bytes::from(text)).await.is_err()) {
            return;
        }
        sleep(Duration::from_millis(2)).await;
    }
}

struct ChannelBody(mpsc::Receiver<Bytes>);

impl Body for ChannelBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
