//! The crate `openidconnect`, a strictly typed relying party, goes the whole way against the
//! server: discovery, code and PKCE, the ID token, userinfo, refresh and revocation.

use std::io;

use countersign_interop::browser::Browser;
use countersign_interop::http::{self, Request};
use countersign_interop::server::Server;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreErrorResponseType, CoreIdTokenClaims,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::http::{HeaderName, HeaderValue, Response};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, RevocationUrl, Scope,
    StandardErrorResponse, TokenResponse,
};

const REDIRECT_URI: &str = "http://127.0.0.1:49152/callback";
const SECRET: &str = "openidconnect-secret-0123456789abcdef";

/// What discovery leaves of the crate's type states.
type Client = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A client of each signing algorithm that the crate can verify, and a public one.
fn declared() -> String {
    let client = |id: &str, more: &str| {
        format!(
            "[[client]]\nclient_id = {id:?}\nclient_name = {id:?}\n\
             redirect_uris = [{REDIRECT_URI:?}]\n{more}\n"
        )
    };
    let confidential = |algorithm: &str| {
        let more =
            format!("client_secret = {SECRET:?}\nid_token_signed_response_alg = {algorithm:?}\n");
        client(algorithm, &more)
    };
    let public = client("public", "token_endpoint_auth_method = \"none\"");
    [confidential("ES256"), confidential("RS256"), public].concat()
}

/// The crate's HTTP client: a request on a connection of its own.
fn call(request: HttpRequest) -> io::Result<HttpResponse> {
    let (head, body) = request.into_parts();
    let fault = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let authority = head.uri.authority().ok_or_else(|| fault("no host"))?;
    let address = authority.as_str().parse().map_err(|_| fault("not the server of the test"))?;
    let target = head.uri.path_and_query().ok_or_else(|| fault("no path"))?;
    let mut sent = Request::new(head.method.as_str(), target.as_str());
    for (name, value) in &head.headers {
        sent = sent.header(name.as_str(), value.to_str().map_err(|_| fault("odd header"))?);
    }
    let answer = http::try_send(address, &sent.body(&body))?;
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status.try_into().map_err(|_| fault("odd status"))?;
    for (name, value) in &answer.headers {
        let name = HeaderName::try_from(name).map_err(|_| fault("odd header"))?;
        let value = HeaderValue::try_from(value).map_err(|_| fault("odd header"))?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

fn discover(server: &Server, id: &str, secret: Option<&str>) -> Client {
    let issuer = IssuerUrl::new(server.issuer()).unwrap();
    let metadata = CoreProviderMetadata::discover(&issuer, &call).unwrap();
    assert_eq!(metadata.issuer(), &issuer);
    let secret = secret.map(|secret| ClientSecret::new(secret.to_owned()));
    // The crate revokes at https addresses only. What sends for it here looks at no scheme.
    let revocation = format!("https://{}/revoke", server.address);
    CoreClient::from_provider_metadata(metadata, ClientId::new(id.to_owned()), secret)
        .set_redirect_uri(RedirectUrl::new(REDIRECT_URI.to_owned()).unwrap())
        .set_revocation_url(RevocationUrl::new(revocation).unwrap())
}

/// What comes back from the person, and what is needed to trade it.
struct Answered {
    code: AuthorizationCode,
    verifier: PkceCodeVerifier,
    nonce: Nonce,
}

/// Sends alice to the server.
fn ask(server: &Server, client: &Client) -> Answered {
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let flow = CoreAuthenticationFlow::AuthorizationCode;
    let mut request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
    for scope in ["profile", "email", "offline_access"] {
        request = request.add_scope(Scope::new(scope.to_owned()));
    }
    let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
    let mut browser = Browser::new(server.address);
    let answer = browser.authorize(url.as_str(), REDIRECT_URI, "alice", "countersign-demo");
    assert_eq!(answer["state"], *state.secret());
    assert_eq!(answer["iss"], server.issuer());
    Answered { code: AuthorizationCode::new(answer["code"].clone()), verifier, nonce }
}

fn trade(client: &Client, answered: Answered) -> (CoreTokenResponse, Nonce) {
    let Answered { code, verifier, nonce } = answered;
    let request = client.exchange_code(code).unwrap().set_pkce_verifier(verifier);
    (request.request(&call).unwrap(), nonce)
}

/// Verifies the ID token as the crate says it has to be done, and gives its claims.
fn verified(client: &Client, tokens: &CoreTokenResponse, nonce: &Nonce) -> CoreIdTokenClaims {
    let verifier = client.id_token_verifier();
    let token = tokens.id_token().expect("openid was granted");
    let claims = token.claims(&verifier, nonce).unwrap();
    let algorithm = token.signing_alg().unwrap();
    let key = token.signing_key(&verifier).unwrap();
    let own = AccessTokenHash::from_token(tokens.access_token(), algorithm, key).unwrap();
    assert_eq!(claims.access_token_hash(), Some(&own));
    claims.clone()
}

fn the_whole_way(id: &str, secret: Option<&str>, algorithm: &CoreJwsSigningAlgorithm) {
    let server = Server::start(&declared());
    let client = discover(&server, id, secret);
    let (tokens, nonce) = trade(&client, ask(&server, &client));
    assert_eq!(tokens.id_token().unwrap().signing_alg().unwrap(), algorithm);
    let claims = verified(&client, &tokens, &nonce);

    // The crate refuses an answer about anybody else.
    let subject = Some(claims.subject().clone());
    let request = client.user_info(tokens.access_token().clone(), subject).unwrap();
    let info: CoreUserInfoClaims = request.request(&call).unwrap();
    assert_eq!(info.preferred_username().unwrap().as_str(), "alice");
    assert_eq!(info.email().unwrap().as_str(), "alice@example.com");

    let old = tokens.refresh_token().expect("offline_access was granted");
    let renewed = client.exchange_refresh_token(old).unwrap().request(&call).unwrap();
    assert_ne!(renewed.access_token().secret(), tokens.access_token().secret());
    let new = renewed.refresh_token().expect("a new one each time");
    assert_ne!(new.secret(), old.secret());

    client.revoke_token(new.clone().into()).unwrap().request(&call).unwrap();
    let refused = client.exchange_refresh_token(new).unwrap().request(&call).unwrap_err();
    assert_eq!(error(refused), CoreErrorResponseType::InvalidGrant);
}

/// The error that the server answered with.
fn error<E: std::error::Error>(
    error: RequestTokenError<E, StandardErrorResponse<CoreErrorResponseType>>,
) -> CoreErrorResponseType {
    match error {
        RequestTokenError::ServerResponse(answer) => answer.error().clone(),
        other => panic!("not an answer of the server: {other}"),
    }
}

#[test]
fn a_confidential_client_with_es256() {
    the_whole_way("ES256", Some(SECRET), &CoreJwsSigningAlgorithm::EcdsaP256Sha256);
}

#[test]
fn a_confidential_client_with_rs256() {
    the_whole_way("RS256", Some(SECRET), &CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256);
}

#[test]
fn a_public_client() {
    the_whole_way("public", None, &CoreJwsSigningAlgorithm::EcdsaP256Sha256);
}

#[test]
fn a_login_is_not_taken_for_another() {
    let server = Server::start(&declared());
    let client = discover(&server, "public", None);
    let (tokens, nonce) = trade(&client, ask(&server, &client));
    let token = tokens.id_token().unwrap();
    assert!(token.claims(&client.id_token_verifier(), &nonce).is_ok());
    assert!(token.claims(&client.id_token_verifier(), &Nonce::new_random()).is_err());
    let confidential = discover(&server, "ES256", Some(SECRET));
    assert!(token.claims(&confidential.id_token_verifier(), &nonce).is_err());
}

#[test]
fn a_code_needs_its_own_verifier() {
    let server = Server::start(&declared());
    let client = discover(&server, "public", None);
    let (_, verifier) = PkceCodeChallenge::new_random_sha256();
    let code = ask(&server, &client).code;
    let request = client.exchange_code(code).unwrap().set_pkce_verifier(verifier);
    let refused = request.request(&call).unwrap_err();
    assert_eq!(error(refused), CoreErrorResponseType::InvalidGrant);
}
