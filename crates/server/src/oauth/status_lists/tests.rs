//! From a token to its bit, and what turns it.

use axum::body::Body;
use axum::http::Request;
use countersign_jose::{AccessToken, Algorithm, Policy, base64url};
use countersign_protocol::client::{Client, GrantType};
use countersign_protocol::grant::EndReason;
use countersign_protocol::grant_token::Kind;
use countersign_protocol::token_format::TokenFormat;
use countersign_store::{GrantSelector, NewGrant};
use serde_json::Value;

use super::*;
use crate::fixture::{Fixture, body};

const WEB: &str = "Basic d2ViOmErc2VjcmV0K29mK3RoZSt3ZWIrY2xpZW50";
const API_URL: &str = "https://api.example";

/// A server whose client `web` wants its tokens listed.
async fn listing_site() -> Fixture {
    let site = Fixture::open().await;
    let web = (*site.app.client("web").await.unwrap().unwrap()).clone();
    let grant_types = vec![GrantType::ClientCredentials, GrantType::RefreshToken];
    let resources = vec![API_URL.to_owned()];
    put(&site, Client { grant_types, resources, status_list: true, ..web }).await;
    site
}

async fn put(site: &Fixture, client: Client) {
    site.app.store().put_client(client, site.app.moment()).await.unwrap();
}

async fn token(site: &Fixture, form: &str) -> (String, AccessToken) {
    let request = Request::post("/token")
        .header(header::AUTHORIZATION, WEB)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let answer = site.send(request.body(Body::from(form.to_owned())).unwrap()).await;
    let answer: Value = serde_json::from_str(&body(answer).await).unwrap();
    let text = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    let claims = site.app.verify_access_token(&text, process::now()).unwrap().expect("good");
    (text, (*claims).clone())
}

/// The list that a token names, and its index there.
fn place(claims: &AccessToken) -> (String, usize) {
    let list = &claims.extra["status"]["status_list"];
    (list["uri"].as_str().unwrap().to_owned(), list["idx"].as_u64().unwrap() as usize)
}

async fn get(site: &Fixture, path: &str, etag: &str) -> Response {
    let request = Request::get(path).header(header::IF_NONE_MATCH, etag);
    site.send(request.body(Body::empty()).unwrap()).await
}

/// The bit of a token, read as a stranger would.
async fn is_revoked(site: &Fixture, claims: &AccessToken) -> bool {
    let (uri, index) = place(claims);
    let answer = get(site, uri.strip_prefix(&site.app.issuer).unwrap(), "").await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/statuslist+jwt");
    let signed = body(answer).await;
    let policy: Policy<StatusListToken> =
        Policy::status_list(&site.app.issuer, &uri, &[Algorithm::ES256]).unwrap();
    let keys = site.app.keys.load();
    let list = policy.verify(keys.keyring.verification(), &signed, process::now()).unwrap();
    assert_eq!((list.bits, list.time_to_live_s), (1, Some(60)));
    assert_eq!(list.expires_at, Some(list.issued_at + 300));
    let packed = base64url::decode(list.list.as_bytes()).unwrap();
    let bits = miniz_oxide::inflate::decompress_to_vec_zlib(&packed).unwrap();
    assert_eq!(bits.len(), 1 << 17);
    bits[index / 8] >> (index % 8) & 1 == 1
}

async fn becomes_revoked(site: &Fixture, claims: &AccessToken) {
    let since = Instant::now();
    while !is_revoked(site, claims).await {
        assert!(since.elapsed() < Duration::from_secs(5), "its bit turns");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_clients_own_token_is_listed_and_its_bit_turns_when_it_is_revoked() {
    let site = listing_site().await;
    let (one, first) = token(&site, "grant_type=client_credentials").await;
    let (_, second) = token(&site, "grant_type=client_credentials").await;
    assert_ne!(place(&first), place(&second));
    assert!(!is_revoked(&site, &first).await && !is_revoked(&site, &second).await);
    let request = Request::post("/revoke")
        .header(header::AUTHORIZATION, WEB)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let form = Body::from(format!("token={one}"));
    assert_eq!(site.send(request.body(form).unwrap()).await.status(), StatusCode::OK);
    becomes_revoked(&site, &first).await;
    assert!(!is_revoked(&site, &second).await, "its neighbour lives");
    let client = GrantSelector::Client("web".to_owned());
    let moment = site.app.moment();
    site.app.store().end_grants(client, EndReason::OperatorRevoked, moment).await.unwrap();
    becomes_revoked(&site, &second).await;
}

#[tokio::test]
async fn a_refreshed_token_is_listed_and_falls_with_its_grant() {
    let site = listing_site().await;
    let alice = site.alice().await;
    let grant = site.grant(&alice.subject);
    let new = NewGrant { grant: grant.clone(), remember: false, follow_session: false };
    site.app.store().begin_grant(new).await.unwrap();
    let refresh =
        site.app.keys.load().grant_tokens.issue(Kind::Refresh, grant.id, 1, grant.rotated_at);
    let form = format!("grant_type=refresh_token&refresh_token={refresh}");
    let (_, first) = token(&site, &form).await;
    // The same one again, since the answer was lost: another access token, with its own place.
    let (_, second) = token(&site, &form).await;
    assert_eq!(first.grant_id.as_deref(), Some(&*grant.id.to_string()));
    assert_ne!(place(&first), place(&second));
    assert!(!is_revoked(&site, &first).await && !is_revoked(&site, &second).await);
    let one = GrantSelector::One(grant.id);
    let moment = site.app.moment();
    site.app.store().end_grants(one, EndReason::UserRevoked, moment).await.unwrap();
    becomes_revoked(&site, &first).await;
    becomes_revoked(&site, &second).await;
}

#[tokio::test]
async fn many_revocations_make_a_list_anew_once_a_second_at_most() {
    let site = listing_site().await;
    let (_, claims) = token(&site, "grant_type=client_credentials").await;
    assert!(!is_revoked(&site, &claims).await);
    let since = Instant::now();
    let mut copies = std::collections::HashSet::new();
    for number in 0..200 {
        let until = process::now().plus(Duration::from_secs(300));
        site.app.store().revoke_token(format!("t{number}"), until).await.unwrap();
        let answer = get(&site, "/status-lists/0", "").await;
        copies.insert(answer.headers()[header::ETAG].clone());
    }
    let most = 2 + since.elapsed().as_secs() as usize;
    assert!(copies.len() <= most, "{} copies in {:?}", copies.len(), since.elapsed());
}

#[tokio::test]
async fn only_the_jwts_of_clients_that_opted_in_are_listed() {
    let site = listing_site().await;
    let web = (*site.app.client("web").await.unwrap().unwrap()).clone();
    for (status_list, format, listed) in [
        (true, TokenFormat::Jwt, true),
        (false, TokenFormat::Jwt, false),
        (true, TokenFormat::Opaque, false),
    ] {
        let access_token_format = Some(format);
        put(&site, Client { status_list, access_token_format, ..web.clone() }).await;
        let (_, claims) = token(&site, "grant_type=client_credentials").await;
        assert_eq!(claims.extra.contains_key("status"), listed, "{status_list} {format:?}");
    }
}

#[tokio::test]
async fn lists_are_conditional_known_by_one_address_and_aggregated() {
    let site = listing_site().await;
    assert_eq!(get(&site, "/status-lists/0", "").await.status(), StatusCode::NOT_FOUND);
    let aggregated = async || -> Value {
        serde_json::from_str(&body(get(&site, "/status-lists", "").await).await).unwrap()
    };
    assert_eq!(aggregated().await, json!({ "status_lists": [] }));
    let (_, claims) = token(&site, "grant_type=client_credentials").await;
    assert_eq!(aggregated().await, json!({ "status_lists": [place(&claims).0] }));
    let answer = get(&site, "/status-lists/0", "").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let etag = answer.headers()[header::ETAG].to_str().unwrap().to_owned();
    let again = get(&site, "/status-lists/0", &etag).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    for path in ["/status-lists/1", "/status-lists/00", "/status-lists/-1", "/status-lists/x"] {
        assert_eq!(get(&site, path, "").await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
