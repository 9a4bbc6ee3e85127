//! DPoP proofs: a client shows for each request that it holds a key (RFC 9449).

use std::time::Duration;

use aws_lc_rs::digest::{self, SHA256};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::serialize_optional;
use crate::{
    Algorithm, Error, Jwk, SigningKey, Timestamp, VerifyingKey, base64url,
    jws::{compact, header},
    jwt::{
        self, Verified,
        claims::{Claims, Form, Rule},
        kind::Rules,
    },
};

/// How old a proof may be unless the policy says otherwise: long enough for a slow network.
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(60);
/// How far a client's clock may be ahead.
const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);

/// A DPoP proof (RFC 9449 section 4.2). Times are in seconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DpopProof {
    /// `jti`: its own name; each is taken once.
    pub token_id: String,
    /// `htm`: the method of the request.
    pub method: String,
    /// `htu`: the URL of the request without query and fragment.
    pub url: String,
    /// `iat`: when it was made.
    pub issued_at: u64,
    /// `ath`: see [`DpopProof::access_token_hash`]; beside an access token only.
    pub access_token_hash: Option<String>,
    /// `nonce`: the one that the server handed out.
    pub nonce: Option<String>,
}

impl DpopProof {
    /// The `typ` header of a proof.
    pub const TYPE: &str = "dpop+jwt";

    /// `ath`: SHA-256 of the access token as it is sent, in base64url (RFC 9449 section 4.2).
    pub fn access_token_hash(access_token: &str) -> String {
        base64url::encode(digest::digest(&SHA256, access_token.as_bytes()).as_ref())
    }

    /// Signs the proof and puts the public key into its header.
    ///
    /// # Errors
    /// [`Error::UnsupportedKey`] for a shared secret, which cannot prove anything to others.
    pub fn sign(&self, key: &SigningKey) -> Result<String, Error> {
        let jwk = key.public_jwk().ok_or(Error::UnsupportedKey("a secret has no public half"))?;
        let header = header::write_with_key(key.algorithm(), Self::TYPE, &jwk)?;
        let payload = serde_json::to_vec(self).map_err(|_| Error::Unserializable)?;
        compact::sign_with_header(jwt::MAX_BYTES, key, &header, &payload)
    }
}

/// What a proof must satisfy: the request that it comes with, and perhaps the access token.
///
/// A proof brings its own key; it proves that its sender holds that key and nothing more. The
/// caller compares [`VerifiedProof::thumbprint`] with the `cnf` of the access token, checks the
/// nonce, and sees to it that each `jti` is taken once.
#[derive(Clone, Debug)]
pub struct ProofPolicy {
    method: String,
    url: String,
    algorithms: Vec<Algorithm>,
    max_age: Duration,
    leeway: Duration,
    access_token_hash: Option<String>,
    nonce: Option<String>,
}

/// A proof that a [`ProofPolicy`] has accepted, and the key that it was made with.
#[derive(Clone, Debug)]
pub struct VerifiedProof {
    proof: Verified<DpopProof>,
    thumbprint: String,
}

impl VerifiedProof {
    /// The claims.
    pub fn proof(&self) -> &DpopProof {
        &self.proof
    }

    /// The key's thumbprint: what `cnf.jkt` of a bound token holds (RFC 9449 section 6.1).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }
}

impl ProofPolicy {
    /// For a request with this method and URL, as the client sees it from outside. Query and
    /// fragment of the URL do not matter (RFC 9449 section 4.3). Symmetric algorithms are refused.
    ///
    /// # Errors
    /// [`Error::InvalidPolicy`] with the name of what is empty or unfit.
    pub fn new(method: &str, url: &str, algorithms: &[Algorithm]) -> Result<Self, Error> {
        let asymmetric = !algorithms.iter().any(|algorithm| algorithm.is_symmetric());
        for (name, fits) in
            [("method", !method.is_empty()), ("algorithms", !algorithms.is_empty() && asymmetric)]
        {
            if !fits {
                return Err(Error::InvalidPolicy(name));
            }
        }
        Ok(Self {
            method: method.to_owned(),
            url: normalized(url).ok_or(Error::InvalidPolicy("url"))?,
            algorithms: algorithms.to_vec(),
            max_age: DEFAULT_MAX_AGE,
            leeway: DEFAULT_LEEWAY,
            access_token_hash: None,
            nonce: None,
        })
    }

    /// The proof comes beside this access token and must name it.
    #[must_use]
    pub fn with_access_token(self, access_token: &str) -> Self {
        let hash = DpopProof::access_token_hash(access_token);
        Self { access_token_hash: Some(hash), ..self }
    }

    /// The proof must carry this nonce, the one that the server handed out (RFC 9449 section 8).
    #[must_use]
    pub fn nonce(self, nonce: &str) -> Self {
        Self { nonce: Some(nonce.to_owned()), ..self }
    }

    /// How old a proof may be: 60 seconds unless set. The 30 seconds by which two clocks may
    /// disagree come on top.
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }

    /// The moment from which on this policy refuses a proof. Until then its `jti` has to be
    /// remembered, so that it is taken once.
    pub fn refused_from(&self, proof: &DpopProof) -> Timestamp {
        let last = Timestamp::from_secs(proof.issued_at).plus(self.max_age).plus(self.leeway);
        last.plus(Duration::from_millis(1))
    }

    /// Judges a proof.
    ///
    /// # Errors
    /// The first rule that the proof breaks.
    pub fn verify(&self, proof: &str, now: Timestamp) -> Result<VerifiedProof, Error> {
        let parts = compact::split(proof, jwt::MAX_BYTES)?;
        let decoded_header = base64url::decode(parts.header)?;
        let (header, jwk) = header::parse_with_key(&decoded_header)?;
        if !DpopProof::accepts_type(header.typ.as_deref()) {
            return Err(Error::WrongType);
        }
        if !self.algorithms.contains(&header.algorithm) {
            return Err(Error::AlgorithmNotAllowed);
        }
        let jwk = Jwk::from_members(&jwk)?;
        let key = VerifyingKey::from_jwk_as(&jwk, header.algorithm)?;
        let mut buffer = Vec::new();
        let claims = Claims::parse(parts.open(&key, &mut buffer)?, DpopProof::CLAIMS)?;
        self.check(&claims, now)?;
        let proof = Verified::new(DpopProof::read(&claims)?, key);
        Ok(VerifiedProof { proof, thumbprint: jwk.thumbprint() })
    }

    /// RFC 9449 section 4.3, steps 8 to 11.
    fn check(&self, claims: &Claims<'_, DpopProof>, now: Timestamp) -> Result<(), Error> {
        if claims.text("htm") != Some(&self.method) {
            return Err(Error::InvalidClaim("htm"));
        }
        if claims.text("htu").and_then(normalized).as_ref() != Some(&self.url) {
            return Err(Error::InvalidClaim("htu"));
        }
        self.check_times(claims, now)?;
        if self.nonce.is_some() && claims.text("nonce") != self.nonce.as_deref() {
            return Err(Error::Nonce);
        }
        match (&self.access_token_hash, claims.text("ath")) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Error::MissingClaim("ath")),
            (Some(expected), Some(found)) if expected == found => Ok(()),
            (Some(_), Some(_)) => Err(Error::InvalidClaim("ath")),
        }
    }

    fn check_times(&self, claims: &Claims<'_, DpopProof>, now: Timestamp) -> Result<(), Error> {
        let issued_at = Timestamp::from_secs(claims.issued_at().unwrap_or_default());
        let latest_start = now.plus(self.leeway);
        if issued_at > latest_start {
            return Err(Error::IssuedInFuture);
        }
        if now > issued_at.plus(self.max_age).plus(self.leeway) {
            return Err(Error::TooOld);
        }
        // A proof needs neither of these, but what it says of itself holds (RFC 7519 section 4.1).
        if claims.not_before().is_some_and(|nbf| Timestamp::from_secs(nbf) > latest_start) {
            return Err(Error::NotYetValid);
        }
        let ended = |exp| now >= Timestamp::from_secs(exp).plus(self.leeway);
        if claims.expires_at().is_some_and(ended) { Err(Error::Expired) } else { Ok(()) }
    }
}

impl Rules for DpopProof {
    const TYPE: &'static str = Self::TYPE;
    const CLAIMS: &'static [Rule] = &[
        Rule::required("jti", Form::Text),
        Rule::required("htm", Form::Text),
        Rule::required("htu", Form::Text),
        Rule::required("iat", Form::Date),
        Rule::optional("ath", Form::Text),
        Rule::optional("nonce", Form::Text),
        Rule::optional("exp", Form::Date),
        Rule::optional("nbf", Form::Date),
    ];
    type Expected = ();

    fn read(claims: &Claims<'_, Self>) -> Result<Self, Error> {
        Ok(Self {
            token_id: claims.owned_text("jti"),
            method: claims.owned_text("htm"),
            url: claims.owned_text("htu"),
            issued_at: claims.issued_at().unwrap_or_default(),
            access_token_hash: claims.optional_text("ath"),
            nonce: claims.optional_text("nonce"),
        })
    }
}

impl Serialize for DpopProof {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("jti", &self.token_id)?;
        map.serialize_entry("htm", &self.method)?;
        // Without query and fragment, whatever the caller left in it.
        map.serialize_entry("htu", self.url.split(['?', '#']).next().unwrap_or_default())?;
        map.serialize_entry("iat", &self.issued_at)?;
        serialize_optional(&mut map, "ath", self.access_token_hash.as_ref())?;
        serialize_optional(&mut map, "nonce", self.nonce.as_ref())?;
        map.end()
    }
}

/// The URL without query and fragment, with scheme and host in lower case, without the scheme's own
/// port, with a path, with each character of the path written in one way and without `.` and `..`
/// in it (RFC 3986 sections 6.2.2 and 6.2.3). `None` when it is no HTTP URL.
fn normalized(url: &str) -> Option<String> {
    let url = url.split(['?', '#']).next()?;
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let own_port = match scheme.as_str() {
        "https" => ":443",
        "http" => ":80",
        _ => return None,
    };
    let (authority, path) = rest.find('/').map_or((rest, "/"), |place| rest.split_at(place));
    let authority = authority.to_ascii_lowercase();
    let without_port = authority.strip_suffix(own_port).or_else(|| authority.strip_suffix(':'));
    let authority = without_port.unwrap_or(&authority);
    if authority.is_empty() || authority.contains('@') {
        return None;
    }
    let path = without_dot_segments(&with_usual_escapes(path));
    Some(format!("{scheme}://{authority}{path}"))
}

/// RFC 3986 section 5.2.4, for a path that begins with a slash.
fn without_dot_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                // What is left names a folder.
                if last {
                    kept.push("");
                }
            }
            name => kept.push(name),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Characters that need no escape stand for themselves, and other escapes are in upper case.
fn with_usual_escapes(path: &str) -> String {
    let mut parts = path.split('%');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match escaped_byte(part) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(char::from(byte));
                out.push_str(&part[2..]);
            }
            Some(_) => out.extend(["%", &part[..2].to_ascii_uppercase(), &part[2..]]),
            None => out.extend(["%", part]),
        }
    }
    out
}

fn escaped_byte(after_percent: &str) -> Option<u8> {
    let digits = after_percent.get(..2)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex { u8::from_str_radix(digits, 16).ok() } else { None }
}
