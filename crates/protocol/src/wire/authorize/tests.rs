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
        ("state=s", "state=s&response_mode=fragment.jwt", InvalidRequest),
        ("%2Fcb", "%2Fcb%2F", InvalidRequest),
    ] {
        let query = GOOD.replacen(from, to, 1);
        assert_ne!(query, GOOD, "{from}");
        assert_eq!(parse(&query, &client()), Err(code), "{to}");
    }
}

#[test]
fn wishes_about_the_sign_in_are_read_and_weighed() {
    let asked = |more: &str, client: &Client| {
        let request = parse(&format!("{GOOD}{more}"), client)?;
        let acr = request.asked.acr.map(|acr| (acr.values.join(" "), acr.required));
        Ok((acr, request.max_age.map(|age| age.as_secs())))
    };
    let plain = client();
    let usual =
        Client { default_acr_values: vec!["2".into()], default_max_age: Some(60), ..client() };
    let acr = |words: &str, required| Some((words.to_owned(), required));
    let essential = "&claims=%7B%22id_token%22%3A%7B%22acr%22%3A%7B%22essential%22%3Atrue%7D%7D%7D";
    assert_eq!(asked("", &plain), Ok((None, None)));
    assert_eq!(asked("", &usual), Ok((acr("2", false), Some(60))));
    assert_eq!(asked("&acr_values=3++1&max_age=5", &usual), Ok((acr("3 1", true), Some(5))));
    assert_eq!(asked(essential, &plain), Ok((acr("", true), None)));
    assert_eq!(asked(&format!("{essential}&acr_values=1"), &plain), Ok((acr("1", true), None)));
    let many = format!("&acr_values={}", "a+".repeat(17));
    assert_eq!(asked(&many, &plain), Err(ErrorCode::InvalidRequest));
}

#[test]
fn single_claims_need_an_id_token_to_be_told_beside() {
    let claims = "&claims=%7B%22userinfo%22%3A%7B%22email%22%3Anull%7D%7D";
    let names = |query: &str| {
        let request = parse(&format!("{query}{claims}"), &client()).unwrap();
        request.asked.claims.names().len()
    };
    assert_eq!(names(GOOD), 1);
    assert_eq!(names(&GOOD.replace("openid+email", "email")), 0);
    assert_eq!(parse(&format!("{GOOD}&claims=x"), &client()), Err(ErrorCode::InvalidRequest));
}

#[test]
fn details_are_read_and_compared_with_what_is_offered() {
    let details = "&authorization_details=%5B%7B%22type%22%3A%22pay%22%7D%5D";
    let request = parse(&format!("{GOOD}{details}"), &client()).unwrap();
    let registered = Client { authorization_details_types: vec!["pay".into()], ..client() };
    let offer = Offer { details_types: vec!["pay".into()], ..Offer::default() };
    let refused = |offer: &Offer, client: &Client| {
        request.check_offer(offer, client).map_err(|error| error.code)
    };
    assert_eq!(refused(&offer, &registered), Ok(()));
    let code = Err(ErrorCode::InvalidAuthorizationDetails);
    assert_eq!(refused(&offer, &client()), code);
    assert_eq!(refused(&Offer::default(), &registered), code);
    let kept = request.grant_details(&offer).unwrap();
    assert_eq!(kept.authorization_details, request.authorization_details);
    let junk = format!("{GOOD}&authorization_details=%7B%7D");
    assert_eq!(parse(&junk, &client()), Err(ErrorCode::InvalidAuthorizationDetails));
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
