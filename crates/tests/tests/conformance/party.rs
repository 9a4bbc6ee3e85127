//! The clients and the person of these tests, and a server that knows them.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use countersign_jose::{Algorithm, SigningKey};

use countersign_tests::binary;
use countersign_tests::browser::Person;
use countersign_tests::client_site::ClientSite;
use countersign_tests::folder::Folder;
use countersign_tests::http::Request;
use countersign_tests::shared::Shared;
use serde_json::json;

use super::flow::{now, random, sign};

/// Where the clients want their answers. Nobody listens there; they are read on the way.
pub(super) const REDIRECT_URI: &str = "https://rp.example/callback";
/// Where the clients want a browser after signing out.
pub(super) const SIGNED_OUT_URI: &str = "https://rp.example/signed_out";

/// Who signs in.
pub(super) const CAROL: Person<'_> =
    Person { username: "carol", password: "a password of carol", decision: "allow" };

/// How a client shows who it is at the token endpoint.
#[derive(Clone, Debug)]
enum Proof {
    /// HTTP Basic.
    Basic { secret: String },
    /// In the form.
    Post { secret: String },
    /// Signed for this audience (RFC 7523).
    Key { key: Arc<SigningKey>, audience: String },
}

/// A client as the suite has them: confidential, with a nonce, and without PKCE except where a
/// module is about PKCE.
#[derive(Clone, Debug)]
pub(super) struct Party {
    pub(super) id: String,
    /// Where it wants its answers.
    pub(super) redirect_uri: String,
    proof: Proof,
    /// What its registration says beside that.
    more: String,
}

impl Party {
    /// A client that registers this beside what all of them do.
    pub(super) fn new(id: &str, more: &str) -> Self {
        let proof = Proof::Basic { secret: secret_of(id) };
        let redirect_uri = REDIRECT_URI.to_owned();
        Self { id: id.to_owned(), redirect_uri, proof, more: more.to_owned() }
    }

    /// A client that has registered itself with a key.
    pub(super) fn registered(id: &str, key: &Arc<SigningKey>, issuer: &str) -> Self {
        let proof = Proof::Key { key: Arc::clone(key), audience: issuer.to_owned() };
        Self { proof, ..Self::new(id, "") }
    }

    /// The client that most modules are about.
    pub(super) fn first() -> Self {
        Self::new("first", "")
    }

    /// Another one.
    pub(super) fn second() -> Self {
        Self::new("second", "")
    }

    /// One with `client_secret_post`.
    pub(super) fn posting() -> Self {
        Self { proof: Proof::Post { secret: secret_of("posting") }, ..Self::new("posting", "") }
    }

    /// One whose id tokens are signed with RS256.
    pub(super) fn rs256() -> Self {
        Self::new("rs256", "id_token_signed_response_alg = \"RS256\"")
    }

    /// One that signs its requests, or has them at its site.
    pub(super) fn signing() -> Self {
        let (jwks, uri) = (jwks([&*OBJECT_KEY]), SITE.url(OBJECT_PATH));
        Self::new("signing", &format!("{jwks}request_uris = [{uri:?}]"))
    }

    /// A form request with this client's authentication.
    pub(super) fn form(&self, path: &str, fields: &[(&str, &str)]) -> Request {
        match &self.proof {
            Proof::Basic { secret } => {
                // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
                let encoded = |text: &str| {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
                };
                Request::form(path, fields).basic(&encoded(&self.id), &encoded(secret))
            }
            Proof::Post { secret } => {
                let own = [("client_id", &*self.id), ("client_secret", secret)];
                Request::form(path, &[fields, &own].concat())
            }
            Proof::Key { key, audience } => {
                let assertion = assertion(key, &self.id, audience);
                let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
                let own = [("client_assertion_type", kind), ("client_assertion", &assertion)];
                Request::form(path, &[fields, &own].concat())
            }
        }
    }

    /// Its `[[client]]`.
    pub(super) fn declaration(&self) -> String {
        let (method, secret) = match &self.proof {
            Proof::Basic { secret } => ("client_secret_basic", secret),
            Proof::Post { secret } => ("client_secret_post", secret),
            Proof::Key { .. } => panic!("it registers itself"),
        };
        format!(
            "[[client]]\nclient_id = {:?}\nclient_secret = {:?}\nrequire_pkce = false\n\
             token_endpoint_auth_method = {method:?}\nredirect_uris = [{:?}]\n\
             post_logout_redirect_uris = [{SIGNED_OUT_URI:?}]\n{}\n",
            self.id, secret, self.redirect_uri, self.more
        )
    }
}

fn secret_of(id: &str) -> String {
    format!("a secret of the client {id}")
}

/// A good assertion of a client.
fn assertion(key: &SigningKey, client_id: &str, audience: &str) -> String {
    let now = now().as_secs();
    let header = json!({ "alg": key.algorithm().name(), "kid": key.key_id() });
    let claims = json!({
        "iss": client_id, "sub": client_id, "aud": audience, "jti": random(), "iat": now,
        "exp": now + 60,
    });
    sign(key, &header, &claims)
}

/// Carol, with a value for every claim of OpenID Connect Core section 5.1.
pub(super) fn carol() -> String {
    let mut text =
        format!("[[user]]\nusername = {:?}\npassword = {:?}\n", CAROL.username, CAROL.password);
    for (name, value) in [
        ("name", "Carol Example"),
        ("given_name", "Carol"),
        ("middle_name", "M."),
        ("family_name", "Example"),
        ("nickname", "caro"),
        ("preferred_username", "carol"),
        ("profile", "https://carol.example/"),
        ("picture", "https://carol.example/carol.jpeg"),
        ("website", "https://carol.example/"),
        ("gender", "female"),
        ("birthdate", "1987-10-16"),
        ("zoneinfo", "Europe/Berlin"),
        ("locale", "de-DE"),
        ("email", "carol@rp.example"),
        ("phone_number", "+49 30 901820"),
    ] {
        writeln!(text, "{name} = {value:?}").expect("text takes everything");
    }
    text + "updated_at = 1767225600\nemail_verified = true\nphone_number_verified = false\n\
            address = { street_address = \"Elm Street 1\", locality = \"Berlin\", \
            postal_code = \"10178\", country = \"Germany\" }\n"
}

/// The key of [`Party::signing`].
pub(super) static OBJECT_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::ES256).expect("a key"));

/// The site of [`Party::signing`].
pub(super) static SITE: LazyLock<ClientSite> = LazyLock::new(ClientSite::open);

/// Where its request object is.
pub(super) const OBJECT_PATH: &str = "/request.jwt";

/// The line of a registration with the public halves of these keys.
pub(super) fn jwks<'a>(keys: impl IntoIterator<Item = &'a SigningKey>) -> String {
    let table = |key: &SigningKey| {
        let jwk = serde_json::to_value(key.public_jwk().expect("a public half")).expect("JSON");
        let members = jwk.as_object().expect("a JWK is an object").iter();
        let members: Vec<_> = members.map(|(name, value)| format!("{name} = {value}")).collect();
        format!("{{ {} }}", members.join(", "))
    };
    let tables: Vec<String> = keys.into_iter().map(table).collect();
    format!("jwks = {{ keys = [{}] }}\n", tables.join(", "))
}

/// The server of the plans whose clients are registered by hand.
pub(super) static SERVER: Shared = Shared::new(|| {
    let parties =
        [Party::first(), Party::second(), Party::posting(), Party::rs256(), Party::signing()];
    parties.iter().map(Party::declaration).collect::<String>() + &carol()
});

/// What `countersign config check` says against a client with this in its registration.
pub(super) fn fault_of(more: &str) -> String {
    let check = |party: &Party| {
        let folder = Folder::new();
        let file = folder.join("countersign.toml");
        let text = format!("issuer = \"https://id.example\"\n{}", party.declaration());
        fs::write(&file, text).expect("it is ours");
        let mut command = Command::new(binary::path());
        command.args(["config", "check", "--config"]).arg(file).current_dir(folder.path());
        let output = command.output().expect("the binary starts");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let sound = check(&Party::first());
    assert!(sound.0, "without it there is nothing wrong: {}", sound.1);
    let (success, said) = check(&Party::new("first", more));
    assert!(!success, "{said}");
    said
}
