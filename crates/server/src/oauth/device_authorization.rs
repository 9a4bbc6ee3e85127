//! `POST /device_authorization` (RFC 8628 §3.1): a device asks for the code that it shows.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use countersign_protocol::client::GrantType;
use countersign_protocol::device_code::{DeviceRequest, DeviceState, INTERVAL, UserCode};
use countersign_protocol::grant::GrantId;
use countersign_protocol::grant_token::Kind;
use countersign_protocol::wire::device_authorization::DeviceAnswer;
use countersign_protocol::wire::token::read_scope;
use countersign_protocol::{ErrorCode, OAuthError};
use countersign_store::DeviceBegun;

use crate::app::{App, Shared};
use crate::process::{self, SystemRandom};
use crate::web::client_ip::{self, Peer};
use crate::web::form::Form;
use crate::web::headers::allow_any_origin;
use crate::web::oauth_error::{ErrorAnswer, json_answer};

/// So often a new code is drawn when somebody else has it. Of 25 billion, few are in use.
const DRAWS: usize = 8;

/// Begins a request. Clients authenticate as they do for tokens.
pub(crate) async fn post(
    State(shared): State<Shared>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    Form(params): Form,
) -> Result<Response, ErrorAnswer> {
    let app = &*shared.app;
    let client = app.authenticate((peer, &headers), &params).await?;
    client.require(GrantType::DeviceCode)?;
    let now = process::now();
    let asked = read_scope(&params)?;
    if params.get("authorization_details").is_some() {
        let why = "devices ask by scope: they get no authorization_details";
        return Err(OAuthError::new(ErrorCode::InvalidAuthorizationDetails, why).into());
    }
    let address = client_ip::find(peer, &headers, &app.trusted_proxies);
    let mut request = DeviceRequest {
        id: GrantId::new(now, &SystemRandom),
        user_code: UserCode::new(&SystemRandom),
        client_id: client.client_id.clone(),
        scope: client.grantable_scope(asked.as_ref(), GrantType::DeviceCode)?,
        audience: client.audience(&params.all("resource"), &app.issuer)?,
        // Anybody can pose as a public client, so what is counted is where they ask from.
        asked_from: (!client.is_confidential()).then(|| client_ip::throttle_key(address)),
        created_at: now,
        expires_at: now.plus(app.lifetimes.device_code),
        state: DeviceState::Waiting,
        interval: INTERVAL,
        polled_at: None,
    };
    for _ in 0..DRAWS {
        match app.store().begin_device(request.clone(), now).await? {
            DeviceBegun::Begun => return Ok(answer(app, &request)),
            DeviceBegun::CodeTaken => request.user_code = UserCode::new(&SystemRandom),
            DeviceBegun::Full => break,
        }
    }
    let why = "too many devices are waiting for their users; try again in some minutes";
    Err(OAuthError::new(ErrorCode::TemporarilyUnavailable, why).into())
}

fn answer(app: &App, request: &DeviceRequest) -> Response {
    let keys = &app.keys.load().grant_tokens;
    let device_code = keys.issue(Kind::Device, request.id, 0, request.created_at);
    let answer = DeviceAnswer::new(request, device_code, &app.issuer);
    let mut response = json_answer(StatusCode::OK, &answer);
    allow_any_origin(response.headers_mut());
    response
}
