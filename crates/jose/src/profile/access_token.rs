//! Access tokens as JWT (RFC 9068).

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{Confirmation, serialize_audience, serialize_extra, serialize_optional};
use crate::{
    Algorithm, Error, Policy, Timestamp, Verified,
    jwt::{
        claims::{Claims, Dates, Form, Rule},
        date::NumericDate,
        kind::{Profile, Rules},
        policy::Audience,
    },
};

/// An access token (RFC 9068 section 2.2). Times are in seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccessToken {
    /// `iss`: who issued it.
    pub issuer: String,
    /// `sub`: whom it speaks for; the client itself when no user took part.
    pub subject: String,
    /// `aud`: the APIs it is meant for; never empty.
    pub audience: Vec<String>,
    /// `client_id`: the client it was issued to.
    pub client_id: String,
    /// `exp`: from this second on it is not valid.
    pub expires_at: u64,
    /// `iat`: when it was issued.
    pub issued_at: u64,
    /// `jti`: its own name, unique for the issuer; what revocation speaks about.
    pub token_id: String,
    /// `nbf`: before this second it is not valid.
    pub not_before: Option<u64>,
    /// `scope`: names separated by spaces (RFC 6749 section 3.3).
    pub scope: Option<String>,
    /// `grant_id`: the grant that it comes from; revoking the grant ends it.
    pub grant_id: Option<String>,
    /// `auth_time`: when the user last proved who they are.
    pub auth_time: Option<u64>,
    /// `acr`: how strong that proof was.
    pub acr: Option<String>,
    /// `amr`: by which methods (RFC 8176).
    pub amr: Option<Vec<String>>,
    /// `cnf`: what its sender has to prove besides; without it whoever has the token may use it.
    pub confirmation: Option<Confirmation>,
    /// Every other claim. A name from the list above is ignored here when the token is written.
    pub extra: Map<String, Value>,
}

impl AccessToken {
    /// The `typ` header of an access token (RFC 9068 section 2.1).
    pub const TYPE: &str = "at+jwt";

    /// The names in `scope`.
    pub fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.as_deref().unwrap_or_default().split(' ').filter(|name| !name.is_empty())
    }

    /// Whether `scope` holds exactly this name.
    pub fn has_scope(&self, name: &str) -> bool {
        self.scopes().any(|scope| scope == name)
    }
}

impl Policy<AccessToken> {
    /// For access tokens (RFC 9068) from `issuer` for the API `audience`. All three must be filled.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn access_token(
        issuer: &str,
        audience: &str,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        Self::build(issuer, ("audience", Audience::Has(audience.to_owned())), algorithms)
    }

    /// For an authorization server that is shown its own access tokens, whatever API they are for:
    /// introspection, userinfo. An API uses [`Policy::access_token`].
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn own_access_token(issuer: &str, algorithms: &[Algorithm]) -> Result<Self, Error> {
        Self::build(issuer, ("audience", Audience::Unchecked), algorithms)
    }

    /// The same for one that may have expired, which [`AccessToken::expires_at`] then tells: the
    /// issuer takes it back all the same, as long as some other clock may take it for good.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty.
    pub fn own_access_token_of_any_age(
        issuer: &str,
        algorithms: &[Algorithm],
    ) -> Result<Self, Error> {
        Ok(Self::own_access_token(issuer, algorithms)?.accept_expired())
    }

    /// Judges a token again that has been verified before, perhaps by another policy: algorithm,
    /// issuer, audience and times. Its signature and the form of its claims cannot have changed;
    /// that its key is still in the issuer's set is for the caller to know.
    ///
    /// # Errors
    /// The first rule that the token breaks.
    pub fn recheck(&self, token: &Verified<AccessToken>, now: Timestamp) -> Result<(), Error> {
        self.check_algorithm(token.algorithm())?;
        self.recheck_claims(token, now)
    }

    /// Judges the claims of an access token that did not come as a signed token: its issuer opened
    /// its own opaque token, or told an API what it means (RFC 7662). What vouches for them is for
    /// the caller to know, so the answer is no [`Verified`], and the algorithms play no part.
    ///
    /// # Errors
    /// The first rule that the claims break.
    pub fn judge_claims(&self, json: &[u8], now: Timestamp) -> Result<AccessToken, Error> {
        let claims = Claims::parse(json, AccessToken::CLAIMS)?;
        self.check(&claims, now)?;
        AccessToken::read(&claims)
    }

    /// Judges such claims again: issuer, audience and times.
    ///
    /// # Errors
    /// The first rule that they break.
    pub fn recheck_claims(&self, token: &AccessToken, now: Timestamp) -> Result<(), Error> {
        let dates = Dates {
            expires_at: Some(NumericDate::whole(token.expires_at)),
            issued_at: Some(NumericDate::whole(token.issued_at)),
            not_before: token.not_before.map(NumericDate::whole),
        };
        self.check_again((&token.issuer, &token.audience), &dates, now)
    }
}

impl Profile for AccessToken {}

impl Rules for AccessToken {
    const TYPE: &'static str = Self::TYPE;
    const CLAIMS: &'static [Rule] = &[
        Rule::required("iss", Form::Text),
        Rule::required("sub", Form::Subject),
        Rule::required("aud", Form::TextOrList),
        Rule::required("client_id", Form::Text),
        Rule::required("exp", Form::Date),
        Rule::required("iat", Form::Date),
        Rule::required("jti", Form::Text),
        Rule::optional("nbf", Form::Date),
        Rule::optional("scope", Form::Scope),
        Rule::optional("grant_id", Form::Text),
        Rule::optional("auth_time", Form::Date),
        Rule::optional("acr", Form::Text),
        Rule::optional("amr", Form::TextList),
        Rule::optional("cnf", Form::Object),
        // Hashes of what an ID token is issued with (OIDC Core section 3.3.2.11); no token holds
        // its own.
        Rule::forbidden("at_hash"),
        Rule::forbidden("c_hash"),
    ];
    type Expected = ();

    /// So that whoever borrows the claims and whoever copies them get one verdict.
    fn check(claims: &Claims<'_, Self>, (): &()) -> Result<(), Error> {
        claims.object("cnf").map_or(Ok(()), |cnf| Confirmation::check(&cnf))
    }

    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error> {
        Ok(Self {
            issuer: claims.owned_text("iss"),
            subject: claims.owned_text("sub"),
            audience: claims.texts("aud").unwrap_or_default(),
            client_id: claims.owned_text("client_id"),
            expires_at: claims.expires_at().unwrap_or_default(),
            issued_at: claims.issued_at().unwrap_or_default(),
            token_id: claims.owned_text("jti"),
            not_before: claims.not_before(),
            scope: claims.optional_text("scope"),
            grant_id: claims.optional_text("grant_id"),
            auth_time: claims.date("auth_time"),
            acr: claims.optional_text("acr"),
            amr: claims.texts("amr"),
            confirmation: claims.object("cnf").map(|cnf| Confirmation::read(&cnf)).transpose()?,
            extra: claims.extra()?,
        })
    }
}

impl Serialize for AccessToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("iss", &self.issuer)?;
        map.serialize_entry("sub", &self.subject)?;
        serialize_audience(&mut map, &self.audience)?;
        map.serialize_entry("client_id", &self.client_id)?;
        map.serialize_entry("exp", &self.expires_at)?;
        map.serialize_entry("iat", &self.issued_at)?;
        map.serialize_entry("jti", &self.token_id)?;
        serialize_optional(&mut map, "nbf", self.not_before.as_ref())?;
        serialize_optional(&mut map, "scope", self.scope.as_ref())?;
        serialize_optional(&mut map, "grant_id", self.grant_id.as_ref())?;
        serialize_optional(&mut map, "auth_time", self.auth_time.as_ref())?;
        serialize_optional(&mut map, "acr", self.acr.as_ref())?;
        serialize_optional(&mut map, "amr", self.amr.as_ref())?;
        serialize_optional(&mut map, "cnf", self.confirmation.as_ref())?;
        serialize_extra(&mut map, &self.extra, Self::CLAIMS)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token() -> AccessToken {
        AccessToken {
            issuer: "https://id.example".to_owned(),
            subject: "ada".to_owned(),
            audience: vec!["https://api.example".to_owned()],
            client_id: "web".to_owned(),
            expires_at: 200,
            issued_at: 100,
            token_id: "t1".to_owned(),
            ..AccessToken::default()
        }
    }

    #[test]
    fn it_reads_back_as_it_was_written() {
        let mut full = AccessToken {
            not_before: Some(100),
            scope: Some("openid orders:read".to_owned()),
            grant_id: Some("g1".to_owned()),
            auth_time: Some(90),
            acr: Some("2".to_owned()),
            amr: Some(vec!["pwd".to_owned(), "otp".to_owned()]),
            confirmation: Some(Confirmation {
                key_thumbprint: Some("key".to_owned()),
                certificate_thumbprint: Some("certificate".to_owned()),
            }),
            ..token()
        };
        full.audience.push("https://other.example".to_owned());
        full.extra.insert("roles".to_owned(), json!(["admin", { "deep": [1, 2.5, null] }]));
        for token in [token(), full] {
            let json = serde_json::to_vec(&token).unwrap();
            assert_eq!(
                AccessToken::read(&Claims::parse(&json, AccessToken::CLAIMS).unwrap()),
                Ok(token)
            );
        }
    }

    #[test]
    fn a_token_that_is_bound_in_an_unknown_way_is_bound() {
        let read = |cnf: Value| {
            let mut json = serde_json::to_value(token()).unwrap();
            json["cnf"] = cnf;
            let json = json.to_string();
            let claims = Claims::parse(json.as_bytes(), AccessToken::CLAIMS)?;
            let copied = AccessToken::read(&claims);
            assert_eq!(AccessToken::check(&claims, &()).err(), copied.clone().err());
            copied
        };
        for unknown in [json!({}), json!({ "jwk": {} }), json!({ "JKT": "x" })] {
            let bound = read(unknown).unwrap().confirmation;
            assert!(bound.is_some_and(|bound| bound.is_unknown()));
        }
        let wrong = [json!(null), json!("x"), json!([]), json!({ "jkt": null })];
        for wrong in wrong.into_iter().chain([json!({ "x5t#S256": ["x"] })]) {
            assert_eq!(read(wrong), Err(Error::InvalidClaim("cnf")));
        }
        let bound = read(json!({ "jkt": "x", "more": 1 })).unwrap().confirmation.unwrap();
        assert_eq!((bound.key_thumbprint.as_deref(), bound.is_unknown()), (Some("x"), false));
    }

    #[test]
    fn one_audience_is_text_several_are_a_list_and_none_is_refused() {
        let mut token = token();
        assert_eq!(serde_json::to_value(&token).unwrap()["aud"], "https://api.example");
        token.audience.push("b".to_owned());
        let both = json!(["https://api.example", "b"]);
        assert_eq!(serde_json::to_value(&token).unwrap()["aud"], both);
        token.audience.clear();
        assert!(serde_json::to_value(&token).is_err());
    }

    #[test]
    fn extra_claims_never_stand_in_for_registered_ones() {
        let mut token = token();
        for rule in AccessToken::CLAIMS {
            let name = rule.name();
            token.extra.insert(name.to_owned(), json!("forged"));
        }
        let json = serde_json::to_string(&token).unwrap();
        assert!(!json.contains("forged"), "{json}");
    }

    #[test]
    fn claims_that_came_without_a_signature_are_judged_as_those_of_a_token() {
        let policy =
            Policy::access_token("https://id.example", "https://api.example", &[Algorithm::ES256])
                .unwrap();
        let judge =
            |json: &str, now| policy.judge_claims(json.as_bytes(), Timestamp::from_secs(now));
        let json = serde_json::to_string(&token()).unwrap();
        assert_eq!(judge(&json, 150), Ok(token()));
        for (text, now, refusal) in [
            (json.replace("id.example", "evil.example"), 150, Error::Issuer),
            (json.replace("api.example", "other.example"), 150, Error::Audience),
            (json.replace("\"jti\"", "\"jtj\""), 150, Error::MissingClaim("jti")),
            (json.clone(), 230, Error::Expired),
            (json, 60, Error::IssuedInFuture),
            ("[]".to_owned(), 150, Error::Json),
        ] {
            assert_eq!(judge(&text, now), Err(refusal), "{text}");
        }
        let at = |now| policy.recheck_claims(&token(), Timestamp::from_secs(now));
        assert_eq!((at(150), at(230)), (Ok(()), Err(Error::Expired)));
    }

    #[test]
    fn scope_is_matched_by_whole_names() {
        let token = AccessToken { scope: Some("read  write:all".to_owned()), ..token() };
        assert_eq!(token.scopes().collect::<Vec<_>>(), ["read", "write:all"]);
        assert!(token.has_scope("read") && token.has_scope("write:all"));
        assert!(!token.has_scope("write") && !token.has_scope("") && !token.has_scope("read "));
    }
}
