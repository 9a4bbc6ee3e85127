//! A client of the FAPI 2.0 plans on its way: signed assertions, pushed requests, DPoP proofs, and
//! for Message Signing also signed requests and answers. Everything that holds for every answer is
//! checked on the way.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use countersign_jose::{Algorithm, AuthorizationResponse, DpopProof, IdToken, Policy, SigningKey};
use countersign_tests::browser::{Arrival, Browser, Person};
use countersign_tests::http::{Answer, Request, encode};
use countersign_tests::relying_party::{CHALLENGE, Tokens, VERIFIER};
use countersign_tests::shared::{Running, Shared};
use serde_json::{Value, json};

use super::flow::{
    ALGORITHMS, Ask, check_fields, id_token, is_json_that_is_not_stored, is_plain, now,
    published_keys, random, sign, signing_in,
};
use super::party::{CAROL, REDIRECT_URI, carol, jwks};

/// The type of a request object.
pub(super) const OBJECT: &str = "oauth-authz-req+jwt";

/// Which of the two plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    /// Requests are pushed as they are.
    Security,
    /// What is pushed is signed, and so are the answers (JAR, JARM).
    MessageSigning,
}

/// A client with a key of its own.
pub(super) struct Signer {
    pub(super) id: &'static str,
    pub(super) key: SigningKey,
    /// Another one, of an algorithm that is not good enough.
    weak: Option<SigningKey>,
    profile: Profile,
}

impl Signer {
    fn new(id: &'static str, profile: Profile) -> Self {
        Self {
            id,
            key: SigningKey::generate(Algorithm::ES256).expect("a key"),
            weak: None,
            profile,
        }
    }

    fn of_rsa(id: &'static str, profile: Profile) -> Self {
        let [key, weak] = [Algorithm::PS256, Algorithm::RS256]
            .map(|algorithm| SigningKey::generate(algorithm).expect("a key"));
        Self { id, key, weak: Some(weak), profile }
    }

    /// The client that most modules are about.
    pub(super) fn first(profile: Profile) -> &'static Self {
        &SIGNERS[if profile == Profile::Security { 0 } else { 3 }]
    }

    /// Another one.
    pub(super) fn second(profile: Profile) -> &'static Self {
        &SIGNERS[if profile == Profile::Security { 1 } else { 4 }]
    }

    /// One with keys of RSA, for PS256 and for RS256.
    pub(super) fn rsa(profile: Profile) -> &'static Self {
        &SIGNERS[if profile == Profile::Security { 2 } else { 5 }]
    }

    /// The profile alone says what the client is held to.
    fn declaration(&self) -> String {
        let profile = match self.profile {
            Profile::Security => "fapi2-security",
            Profile::MessageSigning => "fapi2-message-signing",
        };
        format!(
            "[[client]]\nclient_id = {:?}\nprofile = {profile:?}\n\
             token_endpoint_auth_method = \"private_key_jwt\"\n\
             redirect_uris = [{REDIRECT_URI:?}]\ndpop_bound_access_tokens = true\n{}",
            self.id,
            jwks([&self.key].into_iter().chain(&self.weak))
        )
    }

    /// The claims of an assertion for a server (RFC 7523, RFC 10070).
    pub(super) fn assertion_claims(&self, issuer: &str) -> Value {
        let now = now().as_secs();
        json!({
            "iss": self.id, "sub": self.id, "aud": issuer, "jti": random(),
            "iat": now, "exp": now + 60,
        })
    }

    /// An assertion with these claims.
    pub(super) fn assertion(&self, claims: &Value) -> String {
        self.sign("JWT", claims)
    }

    /// What this client signs.
    pub(super) fn sign(&self, typ: &str, claims: &Value) -> String {
        sign_as(&self.key, typ, claims)
    }

    /// The same with its other key.
    pub(super) fn sign_weakly(&self, typ: &str, claims: &Value) -> String {
        sign_as(self.weak.as_ref().expect("it has one"), typ, claims)
    }
}

fn sign_as(key: &SigningKey, typ: &str, claims: &Value) -> String {
    let header = json!({ "alg": key.algorithm().name(), "typ": typ, "kid": key.key_id() });
    sign(key, &header, claims)
}

static SIGNERS: LazyLock<[Signer; 6]> = LazyLock::new(|| {
    let [plain, signing] = [Profile::Security, Profile::MessageSigning];
    [
        Signer::new("plain-1", plain),
        Signer::new("plain-2", plain),
        Signer::of_rsa("plain-rsa", plain),
        Signer::new("signing-1", signing),
        Signer::new("signing-2", signing),
        Signer::of_rsa("signing-rsa", signing),
    ]
});

fn declarations() -> String {
    SIGNERS.iter().map(Signer::declaration).collect::<String>() + &carol()
}

static SERVER: Shared = Shared::new(declarations);

/// Codes and pushed requests live as briefly as can be configured.
static QUICK: Shared = Shared::new(|| {
    "[tokens]\ncode_s = 10\n[authorization]\npushed_request_s = 5\n".to_owned() + &declarations()
});

/// A key that access tokens are bound to.
pub(super) struct Holder {
    pub(super) key: SigningKey,
}

impl Holder {
    pub(super) fn new() -> Self {
        Self { key: SigningKey::generate(Algorithm::ES256).expect("a key") }
    }

    /// Its public half.
    pub(super) fn jwk(&self) -> Value {
        serde_json::to_value(self.key.public_jwk().expect("a public half")).expect("JSON")
    }

    pub(super) fn thumbprint(&self) -> String {
        self.key.public_jwk().expect("a public half").thumbprint()
    }

    /// The header and the claims of a proof for a request (RFC 9449 section 4.2).
    pub(super) fn parts(&self, method: &str, url: &str, token: Option<&str>) -> (Value, Value) {
        let algorithm = self.key.algorithm().name();
        let header = json!({ "typ": "dpop+jwt", "alg": algorithm, "jwk": self.jwk() });
        let mut claims =
            json!({ "jti": random(), "htm": method, "htu": url, "iat": now().as_secs() });
        if let Some(token) = token {
            claims["ath"] = json!(DpopProof::access_token_hash(token));
        }
        (header, claims)
    }

    fn proof(&self, method: &str, url: &str, change: impl FnOnce(&mut Value)) -> String {
        let (header, mut claims) = self.parts(method, url, None);
        change(&mut claims);
        sign(&self.key, &header, &claims)
    }
}

/// The same token with another signature.
pub(super) fn with_bad_signature(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').expect("three parts");
    let mut bytes =
        base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature.as_bytes()).expect("base64url");
    bytes[7] ^= 1;
    format!("{input}.{}", base64_simd::URL_SAFE_NO_PAD.encode_to_string(bytes))
}

/// A login that went well.
pub(super) struct Login {
    pub(super) code: String,
    pub(super) tokens: Tokens,
    pub(super) id: IdToken,
}

/// A browser, a client, the key of its tokens, and a server.
pub(super) struct Fapi {
    pub(super) server: Arc<Running>,
    pub(super) browser: Browser,
    pub(super) client: &'static Signer,
    pub(super) holder: Holder,
    pub(super) profile: Profile,
}

impl Fapi {
    /// A browser in which nobody is signed in.
    pub(super) fn new(profile: Profile) -> Self {
        Self::at(&SERVER, Signer::first(profile))
    }

    /// The same, at a server whose codes and pushed requests expire at once.
    pub(super) fn quick(profile: Profile) -> Self {
        Self::at(&QUICK, Signer::first(profile))
    }

    /// The same, as the second client.
    pub(super) fn second(profile: Profile) -> Self {
        Self::at(&SERVER, Signer::second(profile))
    }

    /// The same, as the client with a key of RSA.
    pub(super) fn rsa(profile: Profile) -> Self {
        Self::at(&SERVER, Signer::rsa(profile))
    }

    fn at(server: &Shared, client: &'static Signer) -> Self {
        let server = server.server();
        let browser = Browser::new(server.address());
        Self { browser, client, holder: Holder::new(), profile: client.profile, server }
    }

    pub(super) fn issuer(&self) -> String {
        self.server.site.issuer()
    }

    /// The address of an endpoint.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer())
    }

    /// See [`Ask::of`]; with PKCE, and for Message Signing with a signed answer.
    pub(super) fn ask(&self) -> Ask {
        let ask = Ask::of(self.client.id, REDIRECT_URI)
            .with("code_challenge", CHALLENGE)
            .with("code_challenge_method", "S256");
        match self.profile {
            Profile::Security => ask,
            Profile::MessageSigning => ask.with("response_mode", "jwt"),
        }
    }

    /// The claims of a request object (RFC 9101; FAPI 2.0 Message Signing section 5.3).
    pub(super) fn object_claims(&self, ask: &Ask) -> Value {
        let now = now().as_secs();
        let mut claims = json!({
            "iss": self.client.id, "aud": self.issuer(), "iat": now, "nbf": now, "exp": now + 300,
        });
        for (name, value) in ask.fields() {
            claims[name] = json!(value);
        }
        claims
    }

    /// A request object with these claims.
    pub(super) fn object(&self, claims: &Value) -> String {
        self.client.sign(OBJECT, claims)
    }

    /// Sends a form as this client, with an assertion of these claims.
    pub(super) fn send_as(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        assertion: &str,
        proof: Option<&str>,
    ) -> Answer {
        let own = [
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
        ];
        let request = Request::form(path, &[fields, &own].concat());
        self.server.send(&match proof {
            Some(proof) => request.header("DPoP", proof),
            None => request,
        })
    }

    fn assertion(&self) -> String {
        self.client.assertion(&self.client.assertion_claims(&self.issuer()))
    }

    /// Pushes a request in the form of the profile.
    pub(super) fn push(&self, ask: &Ask) -> Answer {
        self.push_with(ask, None)
    }

    /// The same, with a DPoP proof.
    pub(super) fn push_with(&self, ask: &Ask, proof: Option<&str>) -> Answer {
        match self.profile {
            Profile::Security => self.send_as("/par", &ask.fields(), &self.assertion(), proof),
            Profile::MessageSigning => {
                self.push_object(&self.object(&self.object_claims(ask)), proof)
            }
        }
    }

    /// Pushes a request object.
    pub(super) fn push_object(&self, object: &str, proof: Option<&str>) -> Answer {
        let fields = [("client_id", self.client.id), ("request", object)];
        self.send_as("/par", &fields, &self.assertion(), proof)
    }

    /// Pushes a request with an assertion of these claims.
    pub(super) fn push_asserting(&self, ask: &Ask, claims: &Value) -> Answer {
        self.push_as(ask, &self.client.assertion(claims))
    }

    /// Pushes a request with this assertion.
    pub(super) fn push_as(&self, ask: &Ask, assertion: &str) -> Answer {
        let object = self.object(&self.object_claims(ask));
        let signed = [("client_id", self.client.id), ("request", object.as_str())];
        let plain = ask.fields();
        let fields = if self.profile == Profile::Security { &plain[..] } else { &signed };
        self.send_as("/par", fields, assertion, None)
    }

    /// A proof for a POST of this client.
    pub(super) fn proof(&self, path: &str) -> String {
        self.holder.proof("POST", &self.url(path), |_| {})
    }

    /// A request that was pushed.
    pub(super) fn reference(&self, ask: &Ask) -> String {
        reference(&self.push(ask))
    }

    /// What the browser brings of a pushed request, with these parameters beside it.
    pub(super) fn path(&self, reference: &str, more: &[(&str, &str)]) -> String {
        let own = [("client_id", self.client.id), ("request_uri", reference)];
        format!("/authorize?{}", encode(&[&own, more].concat()))
    }

    /// Brings a pushed request and answers what is asked.
    pub(super) fn arrive(&mut self, path: &str, person: Person<'_>) -> Arrival {
        let arrival = signing_in(|| {
            let answer = self.browser.visit(path);
            self.browser.follow(answer, REDIRECT_URI, person)
        });
        assert!(!arrival.by_form);
        arrival
    }

    /// The parameters of an answer, in the open or signed.
    fn answered(&self, ask: &Ask, arrival: &Arrival, own: &[&str]) -> BTreeMap<String, String> {
        let mut fields = arrival.fields.clone();
        if self.profile == Profile::MessageSigning {
            let token = fields.remove("response").unwrap_or_else(|| panic!("no JARM: {fields:?}"));
            assert!(fields.is_empty(), "beside it there is nothing: {fields:?}");
            let policy = Policy::<AuthorizationResponse>::authorization_response(
                &self.issuer(),
                self.client.id,
                &ALGORITHMS,
            );
            let policy = policy.expect("a policy");
            let read = policy.verify(&published_keys(&self.server), &token, now());
            let read = read.expect("a good JARM").into_inner();
            assert_eq!(read.audience, [self.client.id]);
            // JARM section 2.1 recommends ten minutes at most.
            assert!(read.expires_at <= now().as_secs() + 600);
            let text = |value: &Value| value.as_str().expect("text").to_owned();
            fields =
                read.parameters.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            fields.insert("iss".to_owned(), read.issuer);
        }
        check_fields(&self.server, ask, &fields, own);
        fields
    }

    /// The code in an answer.
    pub(super) fn code_in(&self, ask: &Ask, arrival: &Arrival) -> String {
        self.answered(ask, arrival, &["code"])["code"].clone()
    }

    /// The error in an answer.
    pub(super) fn error_in(&self, ask: &Ask, arrival: &Arrival) -> String {
        let fields = self.answered(ask, arrival, &["error", "error_description"]);
        is_plain(&fields["error_description"]);
        fields["error"].clone()
    }

    /// From a request to its code.
    pub(super) fn code(&mut self, ask: &Ask) -> String {
        let path = self.path(&self.reference(ask), &[]);
        let arrival = self.arrive(&path, CAROL);
        self.code_in(ask, &arrival)
    }

    /// Redeems a code with a good assertion and a good proof.
    pub(super) fn redeem(&self, code: &str) -> Answer {
        self.redeem_with(code, Some(VERIFIER), &self.assertion(), Some(&self.proof("/token")))
    }

    /// Redeems a code with these.
    pub(super) fn redeem_with(
        &self,
        code: &str,
        verifier: Option<&str>,
        assertion: &str,
        proof: Option<&str>,
    ) -> Answer {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
        ];
        fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        self.send_as("/token", &fields, assertion, proof)
    }

    /// Redeems a code without a verifier, or with a wrong one.
    pub(super) fn redeem_verifying(&self, code: &str, verifier: Option<&str>) -> Answer {
        self.redeem_with(code, verifier, &self.assertion(), Some(&self.proof("/token")))
    }

    /// Redeems a code with an assertion of these claims.
    pub(super) fn redeem_asserting(&self, code: &str, claims: &Value) -> Answer {
        let assertion = self.client.assertion(claims);
        self.redeem_with(code, Some(VERIFIER), &assertion, Some(&self.proof("/token")))
    }

    /// Redeems a code with this proof, or without one.
    pub(super) fn redeem_proving(&self, code: &str, proof: Option<&str>) -> Answer {
        self.redeem_with(code, Some(VERIFIER), &self.assertion(), proof)
    }

    /// Redeems a code with a proof of these claims.
    pub(super) fn redeem_with_proof_of(
        &self,
        code: &str,
        change: impl FnOnce(&mut Value),
    ) -> Answer {
        let proof = self.holder.proof("POST", &self.url("/token"), change);
        self.redeem_proving(code, Some(&proof))
    }

    /// Uses a refresh token, with a proof or without.
    pub(super) fn refresh(&self, token: &str, proof: Option<&str>) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.send_as("/token", &fields, &self.assertion(), proof)
    }

    /// The tokens in an answer: bound to the key, with an id token to believe.
    pub(super) fn tokens(&self, answer: &Answer, nonce: Option<&str>) -> (Tokens, IdToken) {
        let tokens = Tokens::of(answer);
        is_json_that_is_not_stored(answer);
        assert_eq!(answer.json()["token_type"], "DPoP");
        let id = id_token(&self.server, self.client.id, &tokens, nonce);
        (tokens, id)
    }

    /// All the way.
    pub(super) fn log_in(&mut self, ask: &Ask) -> Login {
        let code = self.code(ask);
        let (tokens, id) = self.tokens(&self.redeem(&code), ask.get("nonce"));
        Login { code, tokens, id }
    }

    /// All the way, and `/userinfo` takes the token.
    pub(super) fn succeeds(&mut self, ask: &Ask) -> Login {
        let login = self.log_in(ask);
        let answer = self.call(&login.tokens.access);
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["sub"], *login.id.subject);
        login
    }

    /// Calls `/userinfo` with a good proof.
    pub(super) fn call(&self, token: &str) -> Answer {
        let (header, claims) = self.holder.parts("GET", &self.url("/userinfo"), Some(token));
        self.call_with(token, &sign(&self.holder.key, &header, &claims))
    }

    /// Calls `/userinfo` with this proof.
    pub(super) fn call_with(&self, token: &str, proof: &str) -> Answer {
        let request = Request::get("/userinfo").header("authorization", &format!("DPoP {token}"));
        self.server.send(&request.header("DPoP", proof))
    }
}

/// The reference in an answer of the endpoint for pushed requests (RFC 9126 section 2.2).
pub(super) fn reference(answer: &Answer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text());
    is_json_that_is_not_stored(answer);
    let json = answer.json();
    assert!(json["expires_in"].as_u64().is_some_and(|seconds| (5..600).contains(&seconds)));
    answer.member("request_uri")
}
