//! Random sequences of requests, and a small model of what people and registrations allow: the
//! server never gives more than the model does. The model knows nothing of how the server decides.

use std::collections::{BTreeSet, HashMap};

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use countersign_jose::{base64url, jwt};
use proptest::prelude::*;
use proptest::sample::subsequence;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use crate::fixture::{Fixture, body, location};

const SCOPES: &[&str] = &["openid", "email", "orders", "admin"];
const RESOURCES: &[&str] = &["https://a.example", "https://b.example", "https://other.example"];
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A client, what it has registered, and what it is the API of.
struct Known {
    id: &'static str,
    secret: Option<&'static str>,
    scope: &'static [&'static str],
    resources: &'static [&'static str],
    protects: &'static [&'static str],
}

const CLIENTS: &[Known] = &[
    Known {
        id: "shop",
        secret: Some("a secret of the shop"),
        scope: &["openid", "email", "orders"],
        resources: &["https://a.example", "https://b.example"],
        protects: &[],
    },
    Known {
        id: "page",
        secret: None,
        scope: &["openid", "orders"],
        resources: &["https://a.example"],
        protects: &[],
    },
    Known {
        id: "apis",
        secret: Some("a secret of the API"),
        scope: &["orders"],
        resources: &["https://b.example"],
        protects: &["https://a.example"],
    },
];

fn configuration() -> String {
    let list = |words: &[&str]| format!("{words:?}");
    CLIENTS
        .iter()
        .map(|client| {
            let secret = client.secret.map_or_else(
                || "token_endpoint_auth_method = \"none\"".to_owned(),
                |secret| format!("client_secret = {secret:?}"),
            );
            let grants = match client.secret {
                Some(_) => "\"authorization_code\", \"refresh_token\", \"client_credentials\"",
                None => "\"authorization_code\", \"refresh_token\"",
            };
            format!(
                "[[client]]\nclient_id = {:?}\n{secret}\nscope = {:?}\nresources = {}\n\
                 protects = {}\nredirect_uris = [\"https://client.example/cb\"]\n\
                 grant_types = [{grants}]\n",
                client.id,
                client.scope.join(" "),
                list(client.resources),
                list(client.protects),
            )
        })
        .collect()
}

/// Words that a request names.
type Words = Vec<&'static str>;

#[derive(Clone, Debug)]
enum Step {
    /// Somebody is asked, and says yes or no.
    Authorize {
        client: usize,
        scope: Words,
        resources: Words,
        yes: bool,
    },
    /// A code that somebody was given, by its own client or another, with or without its verifier.
    Redeem {
        code: usize,
        client: Option<usize>,
        resources: Words,
        verifier: bool,
    },
    Refresh {
        token: usize,
        client: Option<usize>,
        scope: Option<Words>,
        resources: Words,
    },
    ClientCredentials {
        client: usize,
        scope: Words,
        resources: Words,
    },
    Revoke {
        token: usize,
        client: Option<usize>,
    },
    Introspect {
        token: usize,
        client: usize,
    },
    UserInfo {
        token: usize,
    },
    SignOut,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = || 0..CLIENTS.len();
    let scope = || subsequence(SCOPES.to_vec(), 0..=SCOPES.len());
    // Mostly what is registered, so that sequences get somewhere.
    let likely = || subsequence(SCOPES[..3].to_vec(), 0..=2);
    let resources =
        || prop_oneof![4 => Just(Words::new()), 1 => subsequence(RESOURCES.to_vec(), 1..=2)];
    // Mostly the client that it belongs to.
    let whose = || prop::option::weighted(0.2, 0..CLIENTS.len());
    let any = 0..64_usize;
    let step = prop_oneof![
        4 => (client(), likely(), resources(), prop::bool::weighted(0.9)).prop_map(
            |(client, scope, resources, yes)| Step::Authorize { client, scope, resources, yes }),
        1 => (client(), scope(), resources()).prop_map(
            |(client, scope, resources)| Step::Authorize { client, scope, resources, yes: true }),
        5 => (any.clone(), whose(), resources(), prop::bool::weighted(0.9)).prop_map(
            |(code, client, resources, verifier)|
                Step::Redeem { code, client, resources, verifier }),
        5 => (any.clone(), whose(), prop::option::weighted(0.3, scope()), resources()).prop_map(
            |(token, client, scope, resources)|
                Step::Refresh { token, client, scope, resources }),
        1 => (client(), scope(), resources()).prop_map(
            |(client, scope, resources)| Step::ClientCredentials { client, scope, resources }),
        1 => (any.clone(), whose()).prop_map(|(token, client)| Step::Revoke { token, client }),
        3 => (any.clone(), client()).prop_map(|(token, client)| Step::Introspect { token, client }),
        3 => any.prop_map(|token| Step::UserInfo { token }),
        1 => Just(Step::SignOut),
    ];
    prop::collection::vec(step, 1..40)
}

/// What a person agreed to once, or a client has by itself.
#[derive(Clone, Debug)]
struct Agreed {
    client: usize,
    /// Nobody, for a client that acts for itself.
    person: bool,
    scope: BTreeSet<&'static str>,
    audience: BTreeSet<String>,
    ended: bool,
    /// How many refresh tokens there were.
    generation: usize,
}

/// A token that the server gave, and what the model knows of it.
#[derive(Clone, Debug)]
struct Given {
    text: String,
    /// Its place in [`World::agreed`].
    of: usize,
    /// Of a refresh token: the how many-th.
    generation: usize,
    scope: BTreeSet<String>,
}

struct World {
    site: Fixture,
    session: String,
    subject: String,
    agreed: Vec<Agreed>,
    codes: Vec<(String, usize, bool)>,
    refresh: Vec<Given>,
    access: Vec<Given>,
    /// What the server said yes to.
    successes: usize,
}

impl World {
    async fn new() -> Self {
        let site = Fixture::open_with(&configuration()).await;
        let session = site.sign_in("alice").await;
        let subject = site.alice().await.subject;
        let (agreed, codes) = (Vec::new(), Vec::new());
        let (refresh, access) = (Vec::new(), Vec::new());
        Self { site, session, subject, agreed, codes, refresh, access, successes: 0 }
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Authorize { client, scope, resources, yes } => {
                self.authorize(client, &scope, &resources, yes).await;
            }
            Step::Redeem { code, client, resources, verifier } if !self.codes.is_empty() => {
                let place = code % self.codes.len();
                let client = client.unwrap_or(self.agreed[self.codes[place].1].client);
                self.redeem(place, client, &resources, verifier).await;
            }
            Step::Refresh { token, client, scope, resources } if !self.refresh.is_empty() => {
                let given = self.refresh[token % self.refresh.len()].clone();
                let client = client.unwrap_or(self.agreed[given.of].client);
                self.refresh(&given, client, scope, &resources).await;
            }
            Step::ClientCredentials { client, scope, resources } => {
                self.client_credentials(client, &scope, &resources).await;
            }
            Step::Revoke { token, client } if !self.refresh.is_empty() => {
                let given = self.refresh[token % self.refresh.len()].clone();
                let client = client.unwrap_or(self.agreed[given.of].client);
                let answer = self.post("/revoke", client, &[("token", &given.text)]).await.0;
                let own = self.agreed[given.of].client == client;
                self.agreed[given.of].ended |= own && answer == StatusCode::OK;
            }
            Step::Introspect { token, client } if !self.access.is_empty() => {
                let given = self.access[token % self.access.len()].clone();
                self.introspect(&given, client).await;
            }
            Step::UserInfo { token } if !self.access.is_empty() => {
                let given = self.access[token % self.access.len()].clone();
                self.user_info(&given).await;
            }
            Step::SignOut => {
                self.site.submit("/logout", &self.session, &[]).await;
                for agreed in self.agreed.iter_mut().filter(|agreed| agreed.person) {
                    agreed.ended = true;
                }
                self.session = self.site.sign_in("alice").await;
            }
            _ => {}
        }
    }

    async fn authorize(&mut self, place: usize, scope: &Words, resources: &Words, yes: bool) {
        let client = &CLIENTS[place];
        let challenge = base64url::encode(
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes()).as_ref(),
        );
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", client.id),
            ("redirect_uri", "https://client.example/cb"),
            ("scope", &scope.join(" ")),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        query.extend_pairs(resources.iter().map(|resource| ("resource", resource)));
        let decision = if yes { "allow" } else { "deny" };
        let form = [("request", query.finish()), ("decision", decision.to_owned())];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        let answer = self.site.submit("/consent", &self.session, &form).await;
        let back = location(&answer).to_owned();
        let Some(code) = back.split("code=").nth(1) else { return };
        assert!(yes, "a code after a no");
        let code = code.split('&').next().unwrap_or_default().to_owned();
        let asked: BTreeSet<_> = scope.iter().copied().collect();
        assert!(asked.iter().all(|word| client.scope.contains(word)), "{asked:?} of {}", client.id);
        assert!(resources.iter().all(|one| client.resources.contains(one)), "{resources:?}");
        let default = [client.resources[0]];
        let audience = if resources.is_empty() { &default[..] } else { &resources[..] };
        self.agreed.push(Agreed {
            client: place,
            person: true,
            scope: asked,
            audience: audience.iter().map(|&one| one.to_owned()).collect(),
            ended: false,
            generation: 0,
        });
        self.codes.push((code, self.agreed.len() - 1, false));
        self.successes += 1;
    }

    async fn redeem(&mut self, place: usize, client: usize, resources: &Words, verifier: bool) {
        let (code, of, used) = self.codes[place].clone();
        let mut form = vec![("grant_type", "authorization_code"), ("code", code.as_str())];
        if verifier {
            form.push(("code_verifier", VERIFIER));
        }
        form.extend(resources.iter().map(|one| ("resource", *one)));
        let (status, answer) = self.post("/token", client, &form).await;
        let own = self.agreed[of].client == client;
        if status == StatusCode::OK {
            assert!(own && verifier && !used && !self.agreed[of].ended, "a code too many");
            self.codes[place].2 = true;
            self.agreed[of].generation = 1;
            self.receive(&answer, of, client, None, resources);
        } else if used && own {
            // A code that comes again is a theft.
            self.agreed[of].ended = true;
        }
    }

    async fn refresh(
        &mut self,
        given: &Given,
        client: usize,
        scope: Option<Words>,
        resources: &Words,
    ) {
        let wanted = scope.as_ref().map(|words| words.join(" ")).filter(|text| !text.is_empty());
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", &given.text)];
        if let Some(wanted) = &wanted {
            form.push(("scope", wanted));
        }
        form.extend(resources.iter().map(|one| ("resource", *one)));
        let (status, answer) = self.post("/token", client, &form).await;
        let agreed = &mut self.agreed[given.of];
        let own = agreed.client == client;
        let stale = given.generation + 1 < agreed.generation;
        if status == StatusCode::OK {
            assert!(own && !agreed.ended && !stale, "a refresh token too many");
            if given.generation == agreed.generation {
                agreed.generation += 1;
            }
            let wanted = scope.filter(|words| !words.is_empty());
            self.receive(&answer, given.of, client, wanted.as_ref(), resources);
        } else if own && stale {
            agreed.ended = true;
        }
    }

    async fn client_credentials(&mut self, place: usize, scope: &Words, resources: &Words) {
        let text = scope.join(" ");
        let mut form = vec![("grant_type", "client_credentials"), ("scope", text.as_str())];
        form.extend(resources.iter().map(|one| ("resource", *one)));
        let (status, answer) = self.post("/token", place, &form).await;
        if status != StatusCode::OK {
            return;
        }
        let client = &CLIENTS[place];
        assert!(client.secret.is_some(), "a public client acts for nobody");
        assert!(answer.get("refresh_token").is_none() && answer.get("id_token").is_none());
        self.agreed.push(Agreed {
            client: place,
            person: false,
            scope: client.scope.iter().copied().collect(),
            audience: client.resources.iter().map(|&one| one.to_owned()).collect(),
            ended: false,
            generation: 0,
        });
        let of = self.agreed.len() - 1;
        self.receive(&answer, of, place, Some(scope), resources);
    }

    /// Holds what was given against what was agreed to and asked for.
    fn receive(
        &mut self,
        answer: &Value,
        of: usize,
        client: usize,
        wanted: Option<&Words>,
        resources: &Words,
    ) {
        self.successes += 1;
        let agreed = &self.agreed[of];
        let text = answer["access_token"].as_str().expect("a token").to_owned();
        let claims: Value = serde_json::from_str(jwt::peek(&text).unwrap().payload_json()).unwrap();
        assert_eq!(claims["client_id"], CLIENTS[client].id);
        let subject = if agreed.person { self.subject.as_str() } else { CLIENTS[client].id };
        assert_eq!(claims["sub"], subject);
        let scope: BTreeSet<String> = claims["scope"]
            .as_str()
            .unwrap_or_default()
            .split_ascii_whitespace()
            .map(str::to_owned)
            .collect();
        for word in &scope {
            assert!(agreed.scope.contains(word.as_str()), "{word} was not agreed to");
            assert!(wanted.is_none_or(|words| words.contains(&word.as_str())), "{word}: not asked");
        }
        let audience = match &claims["aud"] {
            Value::String(one) => vec![one.clone()],
            list => serde_json::from_value(list.clone()).unwrap(),
        };
        for one in &audience {
            assert!(agreed.audience.contains(one), "{one} was not agreed to");
            assert!(resources.is_empty() || resources.contains(&one.as_str()), "{one}: not asked");
        }
        assert!(!audience.is_empty());
        if let Some(id_token) = answer["id_token"].as_str() {
            assert!(scope.contains("openid"));
            let claims: Value =
                serde_json::from_str(jwt::peek(id_token).unwrap().payload_json()).unwrap();
            assert_eq!(
                (claims["sub"].as_str(), &claims["aud"]),
                (Some(subject), &CLIENTS[client].id.into())
            );
        }
        let generation = agreed.generation;
        if let Some(refresh) = answer["refresh_token"].as_str() {
            let text = refresh.to_owned();
            self.refresh.push(Given { text, of, generation, scope: scope.clone() });
        }
        self.access.push(Given { text, of, generation, scope });
    }

    async fn introspect(&self, given: &Given, place: usize) {
        let (status, answer) = self.post("/introspect", place, &[("token", &given.text)]).await;
        if status != StatusCode::OK || answer["active"] != true {
            return;
        }
        let (agreed, caller) = (&self.agreed[given.of], &CLIENTS[place]);
        assert!(!agreed.ended, "an ended token is active");
        let protects = agreed.audience.iter().any(|one| caller.protects.contains(&one.as_str()));
        let own = agreed.client == place;
        assert!(caller.secret.is_some() && (protects || own), "{} may not ask", caller.id);
    }

    async fn user_info(&self, given: &Given) {
        let request = Request::get("/userinfo")
            .header(header::AUTHORIZATION, format!("Bearer {}", given.text));
        let answer = self.site.send(request.body(Body::empty()).unwrap()).await;
        if answer.status() != StatusCode::OK {
            return;
        }
        let agreed = &self.agreed[given.of];
        assert!(!agreed.ended && agreed.person && given.scope.contains("openid"));
        let claims: HashMap<String, Value> = serde_json::from_str(&body(answer).await).unwrap();
        for name in claims.keys() {
            let allowed =
                name == "sub" || (name.starts_with("email") && given.scope.contains("email"));
            assert!(allowed, "{name} by {:?}", given.scope);
        }
    }

    async fn post(&self, path: &str, place: usize, form: &[(&str, &str)]) -> (StatusCode, Value) {
        let client = &CLIENTS[place];
        let mut fields = form_urlencoded::Serializer::new(String::new());
        fields.extend_pairs(form).append_pair("client_id", client.id);
        if let Some(secret) = client.secret {
            fields.append_pair("client_secret", secret);
        }
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(fields.finish()));
        let answer = self.site.send(request.unwrap()).await;
        let status = answer.status();
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        (status, serde_json::from_str(&body(answer).await).unwrap_or_default())
    }
}

#[test]
fn nobody_gets_more_than_was_agreed_to() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    let successes = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&steps(), |steps| {
            let count = runtime.block_on(async {
                let mut world = World::new().await;
                for step in steps {
                    world.take(step).await;
                }
                world.successes
            });
            successes.set(successes.get() + count);
            Ok(())
        })
        .unwrap();
    // A server that refuses everything would pass as well.
    assert!(successes.get() > 20, "{} successes only", successes.get());
}
