//! What is measured, and what each connection says.

use super::http::Request;
use super::load::Script;
use super::login::{Browser, Site, Wish};

/// The client of the sample API.
pub(super) const SERVICE: (&str, &str) = ("demo-service", "demo-service-secret-0123456789abcdef");

const ED25519: (&str, &str) = ("bench-ed25519", "bench-ed25519-secret-0123456789abcdef");
const RS256: (&str, &str) = ("bench-rs256", "bench-rs256-secret-0123456789abcdef");

/// Declares the clients whose access tokens are not signed with ES256.
pub(super) fn configuration() -> String {
    let client = |(id, secret), algorithm| {
        format!(
            "[[client]]\nclient_id = \"{id}\"\nclient_secret = \"{secret}\"\n\
             grant_types = [\"client_credentials\"]\n\
             access_token_signed_response_alg = \"{algorithm}\"\n\n"
        )
    };
    client(ED25519, "Ed25519") + &client(RS256, "RS256")
}

/// One kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Discovery,
    Jwks,
    ClientCredentials,
    ClientCredentialsEd25519,
    ClientCredentialsRs256,
    /// For an API: one signature.
    Refresh,
    /// With `openid` in the scope: an ID token and so a second signature.
    RefreshOpenid,
    Introspection,
    Userinfo,
}

impl Operation {
    pub(super) const ALL: &[Self] = &[
        Self::Discovery,
        Self::Jwks,
        Self::ClientCredentials,
        Self::ClientCredentialsEd25519,
        Self::ClientCredentialsRs256,
        Self::Refresh,
        Self::RefreshOpenid,
        Self::Introspection,
        Self::Userinfo,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "jwks",
            Self::ClientCredentials => "client_credentials",
            Self::ClientCredentialsEd25519 => "client_credentials_ed25519",
            Self::ClientCredentialsRs256 => "client_credentials_rs256",
            Self::Refresh => "refresh",
            Self::RefreshOpenid => "refresh_openid",
            Self::Introspection => "introspection",
            Self::Userinfo => "userinfo",
        }
    }

    pub(super) fn from_name(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|operation| operation.name() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|operation| operation.name()).collect();
            format!("`{name}` is none of {}, revocation", names.join(", "))
        })
    }

    /// A script for each connection; what they need is asked for first.
    pub(super) async fn scripts(self, site: &Site, count: usize) -> Result<Vec<Script>, String> {
        let fixed = match self {
            Self::Discovery => {
                let target = "/.well-known/openid-configuration";
                Script::fixed(&Request::get(site.address, target), "\"issuer\":")
            }
            Self::Jwks => {
                Script::fixed(&Request::get(site.address, "/.well-known/jwks.json"), "\"keys\":")
            }
            Self::ClientCredentials => Script::fixed(&service_token(site), "\"access_token\":"),
            Self::ClientCredentialsEd25519 => own_token(site, ED25519),
            Self::ClientCredentialsRs256 => own_token(site, RS256),
            Self::Refresh => return refresh_chains(site, "profile offline_access", count).await,
            Self::RefreshOpenid => {
                return refresh_chains(site, "openid profile offline_access", count).await;
            }
            Self::Introspection => {
                let token = site.tokens(&service_token(site)).await?.access_token;
                let form = format!("token={token}");
                let request = site.authenticated("/introspect", SERVICE, form);
                Script::fixed(&request, "\"active\":true")
            }
            Self::Userinfo => {
                let wish = Wish { scope: "openid profile email", resource: None };
                let token = Browser::open(*site).await?.grant(&wish).await?.access_token;
                let request = Request::get(site.address, "/userinfo");
                let request = request.header("authorization", &format!("Bearer {token}"));
                Script::fixed(&request, "\"sub\":")
            }
        };
        Ok(vec![fixed; count])
    }
}

/// A token for the issuer itself, signed as the client registered.
fn own_token(site: &Site, client: (&str, &str)) -> Script {
    let form = "grant_type=client_credentials".to_owned();
    Script::fixed(&site.authenticated("/token", client, form), "\"access_token\":")
}

/// A token for the sample API, for the service itself.
pub(super) fn service_token(site: &Site) -> Request {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials").append_pair("resource", &site.sample());
    site.authenticated("/token", SERVICE, form.finish())
}

/// A grant for each connection, all by one person who signs in once.
async fn refresh_chains(
    site: &Site,
    scope: &'static str,
    count: usize,
) -> Result<Vec<Script>, String> {
    let wish = Wish { scope, resource: Some(site.sample()) };
    let mut browser = Browser::open(*site).await?;
    let mut chains = Vec::with_capacity(count);
    for _ in 0..count {
        let tokens = browser.grant(&wish).await?;
        let token = tokens.refresh_token.ok_or("no refresh token was given")?;
        chains.push(Script::chain(site.token_request(String::new()), token));
    }
    Ok(chains)
}
