use super::*;

const GOOD: &str = "response_type=code&client_id=web&redirect_uri=https%3A%2F%2Fa.example%2Fcb\
    &scope=openid+email&state=s&nonce=n\
    &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

fn client() -> Client {
    serde_json::from_str(
        r#"{"client_id":"web","redirect_uris":["https://a.example/cb"],
            "scope":"openid email","resources":["https://api.example"]}"#,
    )
    .unwrap()
}

fn parse(query: &str, client: &Client) -> Result<AuthorizationRequest, ErrorCode> {
    let params = Params::parse(query.as_bytes()).map_err(|e| e.code)?;
    let address = ReturnAddress::find(&params, client).map_err(|e| e.code)?;
    AuthorizationRequest::parse(&params, client, &address, "https://id.example").map_err(|e| e.code)
}

#[test]
fn a_good_request_is_read_whole() {
    let request = parse(GOOD, &client()).unwrap();
    assert_eq!(request.audience, ["https://api.example"]);
    assert_eq!(request.scope.to_string(), "email openid");
    assert_eq!((request.state.as_deref(), request.nonce.as_deref()), (Some("s"), Some("n")));
}

#[test]
fn each_fault_has_its_code() {
    use ErrorCode::*;
    for (from, to, code) in [
        ("response_type=code&", "", InvalidRequest),
        ("response_type=code", "response_type=token", UnsupportedResponseType),
        ("response_type=code", "response_type=code+id_token", UnsupportedResponseType),
        ("openid+email", "openid+admin", InvalidScope),
        ("method=S256", "method=plain", InvalidRequest),
        ("&code_challenge_method=S256", "", InvalidRequest),
        ("code_challenge=E9M", "code_challenge=E9", InvalidRequest),
        ("state=s", "state=s&resource=https://other.example", InvalidTarget),
        ("state=s", "state=s&request=x", RequestNotSupported),
        ("state=s", "state=s&request_uri=x", RequestUriNotSupported),
        ("state=s", "state=s&prompt=none+login", InvalidRequest),
        ("state=s", "state=s&prompt=create", InvalidRequest),
        ("state=s", "state=s&max_age=-1", InvalidRequest),
        ("state=s", "state=s&dpop_jkt=short", InvalidRequest),
        ("state=s", "state=s&dpop_jkt=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=", {
            InvalidRequest
        }),
        ("state=s", "state=s&response_mode=fragment", InvalidRequest),
        ("%2Fcb", "%2Fcb%2F", InvalidRequest),
    ] {
        let query = GOOD.replacen(from, to, 1);
        assert_ne!(query, GOOD, "{from}");
        assert_eq!(parse(&query, &client()), Err(code), "{to}");
    }
}

#[test]
fn pkce_can_be_excused_for_a_confidential_client_only() {
    let without = GOOD.split("&code_challenge").next().unwrap();
    assert_eq!(parse(without, &client()), Err(ErrorCode::InvalidRequest));
    let mut excused = Client { require_pkce: false, ..client() };
    assert!(parse(without, &excused).is_ok());
    excused.token_endpoint_auth_method = crate::client::AuthMethod::None;
    assert_eq!(parse(without, &excused), Err(ErrorCode::InvalidRequest));
}
