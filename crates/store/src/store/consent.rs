//! What a person agreed to for a client.

use std::collections::BTreeSet;

use countersign_protocol::claims_request::ClaimsRequest;
use countersign_protocol::release;
use countersign_protocol::scope::Scope;

/// What a user agreed to for a client: each part of the scope at each of the resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// The scope.
    pub scope: Scope,
    /// The resources.
    pub audience: Vec<String>,
    /// Single claims, by name (OpenID Connect Core §5.5). They go to the client itself, whatever
    /// the resources.
    pub claims: BTreeSet<String>,
}

impl Consent {
    /// Whether all of this was agreed to.
    #[must_use]
    pub fn covers(&self, scope: &Scope, audience: &[String], claims: &ClaimsRequest) -> bool {
        let mut single = release::beside_scope(claims, &self.scope).into_iter();
        scope.is_within(&self.scope)
            && audience.iter().all(|resource| self.audience.contains(resource))
            && single.all(|claim| self.claims.contains(claim))
    }

    /// What may be remembered after the user has agreed to `new` as well. Who allowed reading here
    /// and writing there has not allowed writing here: where the two do not add up, only the new
    /// one stays, and the user is asked once more.
    #[must_use]
    pub fn and(self, new: Self) -> Self {
        let claims = self.claims.union(&new.claims).cloned().collect();
        Self { claims, ..self.and_access(new) }
    }

    fn and_access(mut self, new: Self) -> Self {
        let all_in = |inner: &[String], outer: &[String]| inner.iter().all(|r| outer.contains(r));
        let narrower = all_in(&new.audience, &self.audience);
        let wider = all_in(&self.audience, &new.audience);
        if narrower && new.scope.is_within(&self.scope) {
            return self;
        }
        if wider && self.scope.is_within(&new.scope) {
            return new;
        }
        if self.scope == new.scope {
            let more = new.audience.into_iter().filter(|r| !self.audience.contains(r));
            let more: Vec<_> = more.collect();
            self.audience.extend(more);
            return self;
        }
        let same_audience = narrower && wider;
        match Scope::parse(&format!("{} {}", self.scope, new.scope)) {
            Ok(scope) if same_audience => Self { scope, ..self },
            // Too long to be read back, or not to be added up.
            _ => new,
        }
    }
}
