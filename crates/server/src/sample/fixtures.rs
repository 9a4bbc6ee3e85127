//! The users, clients and the resource of `countersign dev`.

use countersign_protocol::client::{self, AuthMethod, Client, GrantType};
use countersign_protocol::release;
use countersign_protocol::scope::Scope;
use serde_json::{Map, Value, json};

use super::Dev;
use crate::config::{
    Config, DeclaredUser, DpopSection, KeySection, RefreshSection, SecretSection, ServerSection,
    SessionSection, TokenSection,
};

/// The password of all demo users.
pub const USER_PASSWORD: &str = "countersign-demo";
/// The demo users.
pub const USERS: [&str; 2] = ["alice", "bob"];
/// The confidential web client.
pub const WEB_ID: &str = "demo-web";
/// Its secret.
pub const WEB_SECRET: &str = "demo-web-secret-0123456789abcdef";
/// The service, which is also the client of the sample API.
pub const SERVICE_ID: &str = "demo-service";
/// Its secret.
pub const SERVICE_SECRET: &str = "demo-service-secret-0123456789abcdef";

/// The audience of the sample API.
#[must_use]
pub fn resource(issuer: &str) -> String {
    format!("{issuer}/sample")
}

/// The whole configuration of a development server.
pub(super) fn config(port: u16, dev: Dev) -> Config {
    let issuer = format!("http://127.0.0.1:{port}");
    let Dev { data_dir, declared, .. } = dev;
    let server = ServerSection { operations: None, ..ServerSection::default() };
    let mut clients = demo_clients(&issuer);
    clients.retain(|demo| declared.clients.iter().all(|given| given.client_id != demo.client_id));
    clients.extend(declared.clients);
    let mut users: Vec<_> = USERS.iter().map(|name| demo_user(name)).collect();
    users.retain(|demo| declared.users.iter().all(|given| given.username != demo.username));
    users.extend(declared.users);
    let mut registration = declared.registration;
    registration.metadata_documents.get_or_insert(true);
    if registration.resources.is_empty() {
        registration.resources.push(resource(&issuer));
    }
    Config {
        issuer,
        data_dir,
        server,
        tokens: TokenSection::default(),
        refresh: RefreshSection::default(),
        sessions: SessionSection::default(),
        authentication: declared.authentication,
        authorization: declared.authorization,
        dpop: DpopSection::default(),
        keys: KeySection::default(),
        outbound: declared.outbound,
        registration,
        secrets: SecretSection::default(),
        clients,
        client_secrets: declared.client_secrets,
        users,
        trusted_issuers: declared.trusted_issuers,
        warnings: Vec::new(),
    }
}

fn demo_clients(issuer: &str) -> Vec<Client> {
    let resource = resource(issuer);
    let user_client = |id: &str, name: &str| Client {
        client_name: Some(name.to_owned()),
        redirect_uris: vec![format!("{issuer}/")],
        post_logout_redirect_uris: vec![format!("{issuer}/")],
        token_endpoint_auth_method: AuthMethod::None,
        scope: Scope::parse(&known_scopes()).ok(),
        resources: vec![resource.clone()],
        danger_any_loopback_redirect: true,
        ..Client::new(id)
    };
    let secret = |secret| Some(client::hash_secret(secret));
    vec![
        user_client("demo-spa", "Demo single-page app"),
        Client {
            client_secret_sha256: secret(WEB_SECRET),
            token_endpoint_auth_method: AuthMethod::ClientSecretBasic,
            ..user_client(WEB_ID, "Demo web app")
        },
        Client {
            client_secret_sha256: secret(SERVICE_SECRET),
            token_endpoint_auth_method: AuthMethod::ClientSecretBasic,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            grant_types: vec![GrantType::ClientCredentials],
            scope: None,
            protects: vec![resource.clone()],
            danger_any_loopback_redirect: false,
            ..user_client(SERVICE_ID, "Demo service")
        },
    ]
}

fn known_scopes() -> String {
    release::KNOWN_SCOPES.iter().map(|scope| scope.name).collect::<Vec<_>>().join(" ")
}

fn demo_user(name: &str) -> DeclaredUser {
    let claims = match (
        name,
        json!({
            "name": "Alice Example",
            "given_name": "Alice",
            "family_name": "Example",
            "preferred_username": "alice",
            "email": "alice@example.com",
            "email_verified": true,
            "roles": ["buyer", "admin"],
        }),
    ) {
        ("alice", Value::Object(claims)) => claims,
        _ => Map::from_iter([("preferred_username".to_owned(), Value::from(name))]),
    };
    DeclaredUser {
        username: name.to_owned(),
        password: Some(USER_PASSWORD.to_owned()),
        password_hash: None,
        disabled: false,
        claims,
    }
}
