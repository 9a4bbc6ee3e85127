//! The tower layer that lets only verified tokens through to a service.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::{
    Caller, Refusal, Verifier, clock, dpop::DPOP_NONCE, presented::Presented, sign_in::SignInRules,
};

/// Checks the access token of each request, with the proof that it may need, and puts the
/// [`Caller`] into its extensions; answers whatever has no good token itself. Made by
/// [`Verifier::layer`].
#[derive(Clone, Debug)]
pub struct BearerLayer {
    gate: Arc<Gate>,
}

/// A service behind a [`BearerLayer`].
#[derive(Clone, Debug)]
pub struct BearerService<S> {
    gate: Arc<Gate>,
    inner: S,
}

#[derive(Clone, Debug)]
struct Gate {
    verifier: Verifier,
    scopes: Vec<String>,
    sign_in: SignInRules,
    single_use: bool,
}

impl BearerLayer {
    pub(crate) fn new(verifier: Verifier) -> Self {
        let sign_in = SignInRules::default();
        Self { gate: Arc::new(Gate { verifier, scopes: Vec::new(), sign_in, single_use: false }) }
    }

    /// The token must hold this scope; call it again for each further one. The name is compared
    /// whole, so one with a space, or none, is held by no token.
    #[must_use]
    pub fn require_scope(mut self, scope: &str) -> Self {
        Arc::make_mut(&mut self.gate).scopes.push(scope.to_owned());
        self
    }

    /// The user must have signed in in this authentication context, the `acr` of the token; call it
    /// again for each further one that will do as well. A client whose token has none of them is
    /// told to ask for it (RFC 9470).
    #[must_use]
    pub fn require_acr(mut self, acr: &str) -> Self {
        Arc::make_mut(&mut self.gate).sign_in.acr_values.push(acr.to_owned());
        self
    }

    /// The user must have signed in no longer ago than this; whole seconds count. A client whose
    /// token is of an older sign-in is told to ask for a new one (RFC 9470).
    #[must_use]
    pub fn require_recent_sign_in(mut self, max_age: Duration) -> Self {
        let max_age = Duration::from_secs(max_age.as_secs());
        Arc::make_mut(&mut self.gate).sign_in.max_age = Some(max_age);
        self
    }

    /// Each token passes once, in all single-use layers of this verifier together. A token that is
    /// refused for another reason is not used up.
    #[must_use]
    pub fn single_use(mut self) -> Self {
        Arc::make_mut(&mut self.gate).single_use = true;
        self
    }
}

impl<S> Layer<S> for BearerLayer {
    type Service = BearerService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        BearerService { gate: self.gate.clone(), inner }
    }
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for BearerService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>> + Clone + Send + 'static,
    S::Future: Send,
    RequestBody: Send + 'static,
    ResponseBody: From<Bytes>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let gate = self.gate.clone();
        // The service that was polled ready is the one to call; its clone waits for the next turn.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            let admitted = match gate.verifier.presented(&request) {
                Ok(presented) => gate.admit(&presented).await,
                Err(reason) => Err(reason.into()),
            };
            match admitted {
                Ok((caller, nonce)) => {
                    request.extensions_mut().insert(caller);
                    let mut response = inner.call(request).await?;
                    if let Some(nonce) = nonce.and_then(|nonce| HeaderValue::try_from(nonce).ok()) {
                        response.headers_mut().insert(DPOP_NONCE, nonce);
                    }
                    Ok(response)
                }
                Err(refusal) => {
                    tracing::debug!(code = refusal.code(), reason = %refusal, "refused a request");
                    Ok(gate.verifier.refuse(refusal, &request))
                }
            }
        })
    }
}

impl Gate {
    /// Answers a new nonce beside the caller when the client's is about to expire.
    async fn admit(&self, presented: &Presented<'_>) -> Result<(Caller, Option<String>), Refusal> {
        let now = clock::now();
        let (caller, nonce) = self.verifier.admit(presented, now).await?;
        if !self.scopes.iter().all(|scope| caller.has_scope(scope)) {
            return Err(Refusal::InsufficientScope { required: self.scopes.join(" ") });
        }
        self.sign_in.check(&caller, self.verifier.leeway(), now)?;
        if self.single_use {
            self.verifier.use_once(&caller, now).await?;
        }
        Ok((caller, nonce))
    }
}
