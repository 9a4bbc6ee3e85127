//! Redeeming an authorization code: generation 0 of a grant becomes generation 1, once.

use countersign_jose::Timestamp;

use crate::authorization_details::AuthorizationDetails;
use crate::error::{ErrorCode, OAuthError};
use crate::grant::{EndReason, Grant, Redeemer, Sender};
use crate::lifetimes::Lifetimes;
use crate::pkce;

/// What the client presents at the token endpoint, after it has authenticated.
#[derive(Clone, Debug)]
pub struct Presented {
    /// The authenticated (or, when public, identified) client.
    pub client_id: String,
    /// `redirect_uri`, if it was sent.
    pub redirect_uri: Option<String>,
    /// `code_verifier`, if it was sent.
    pub code_verifier: Option<String>,
    /// Fewer resources, if any were named (RFC 8707 §2.2).
    pub resources: Vec<String>,
    /// Narrower details, if any were named (RFC 9396 §6).
    pub authorization_details: Option<AuthorizationDetails>,
    /// The sender constraint that the request proved.
    pub sender: Sender,
    /// Whether the client proved its identity with a secret or key.
    pub confidential: bool,
    /// Whether the client gets a refresh token.
    pub refreshable: bool,
}

/// What happens to the grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The code is good: store this grant.
    Redeem(Box<Grant>),
    /// The code was used before: end the grant for this reason, answer `invalid_grant`.
    End(EndReason),
    /// Nothing changes, answer with this error.
    Refuse(OAuthError),
}

/// Judges a code whose MAC is good, against the grant's row, inside the transaction that
/// stores the outcome (RFC 6749 §4.1.3, RFC 7636 §4.6).
#[must_use]
pub fn redeem(
    grant: Option<&Grant>,
    presented: &Presented,
    lifetimes: &Lifetimes,
    now: Timestamp,
) -> Verdict {
    let Some(grant) = grant.filter(|grant| grant.client_id == presented.client_id) else {
        return refuse("the code is not valid for this client");
    };
    let Some(pending) = &grant.pending else {
        // A code that turns up in an old browser history must not end a session of months.
        let fresh = now < grant.created_at.plus(lifetimes.code);
        return if fresh && grant.ended.is_none() {
            Verdict::End(EndReason::CodeReplay)
        } else {
            refuse("the code was used before")
        };
    };
    if !grant.is_live(now) {
        return refuse("the code has expired");
    }
    if presented.redirect_uri.as_ref().is_some_and(|uri| *uri != pending.redirect_uri) {
        return refuse("redirect_uri differs from the one of the authorization request");
    }
    match (&pending.code_challenge, &presented.code_verifier) {
        (Some(challenge), Some(verifier)) if pkce::matches(verifier, challenge) => {}
        (Some(_), Some(_)) => return refuse("code_verifier does not match the code_challenge"),
        (Some(_), None) => return refuse("code_verifier is missing"),
        // RFC 9700 §2.1.1: a verifier without a challenge is a downgrade attempt.
        (None, Some(_)) => return refuse("there was no code_challenge for this code_verifier"),
        // Without PKCE the redirect URI is all that ties the code to its request, so it has to be
        // there (RFC 6749 §4.1.3; OAuth 2.1 leaves it out because PKCE takes its place).
        (None, None) if presented.redirect_uri.is_none() => {
            return refuse("redirect_uri is missing, which a code without PKCE needs");
        }
        (None, None) => {}
    }
    if presented.resources.iter().any(|resource| !grant.audience.contains(resource)) {
        let why = "a resource was not part of what was granted";
        return Verdict::Refuse(OAuthError::new(ErrorCode::InvalidTarget, why));
    }
    if !are_granted(presented.authorization_details.as_ref(), grant) {
        let why = "authorization_details asks for more than what was granted";
        return Verdict::Refuse(OAuthError::new(ErrorCode::InvalidAuthorizationDetails, why));
    }
    let proved = |jkt: &String| matches!(&presented.sender, Sender::Dpop(key) if key == jkt);
    if !pending.dpop_jkt.as_ref().is_none_or(proved) {
        return refuse("the code is bound to a key, and the request does not prove it");
    }
    let Presented { sender, confidential, refreshable, .. } = presented;
    let by = Redeemer { sender, confidential: *confidential, refreshable: *refreshable };
    Verdict::Redeem(Box::new(grant.redeemed(&by, lifetimes, now)))
}

/// Whether a token request names no more than what was granted (RFC 9396 §6).
pub(crate) fn are_granted(asked: Option<&AuthorizationDetails>, grant: &Grant) -> bool {
    asked.is_none_or(|details| details.is_within(&grant.details.authorization_details))
}

fn refuse(why: &'static str) -> Verdict {
    Verdict::Refuse(OAuthError::new(ErrorCode::InvalidGrant, why))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::{GrantId, PendingCode};
    use crate::grant_details::GrantDetails;
    use crate::scope::Scope;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn pending_grant() -> Grant {
        Grant {
            id: GrantId::from_bytes([1; 16]),
            subject: "u1".into(),
            client_id: "web".into(),
            scope: Scope::parse("openid").unwrap(),
            audience: vec!["https://api.example".into()],
            auth_time: NOW,
            amr: vec!["pwd".into()],
            session_id: None,
            sender: Sender::Bearer,
            generation: 0,
            rotated_at: NOW,
            created_at: NOW,
            idle_expires_at: NOW.plus(Duration::from_secs(60)),
            expires_at: NOW.plus(Duration::from_secs(60)),
            ended: None,
            pending: Some(PendingCode {
                redirect_uri: "https://app.example/cb".into(),
                code_challenge: Some(CHALLENGE.into()),
                nonce: None,
                dpop_jkt: None,
            }),
            details: GrantDetails::default(),
        }
    }

    fn presented() -> Presented {
        Presented {
            client_id: "web".into(),
            redirect_uri: Some("https://app.example/cb".into()),
            code_verifier: Some(VERIFIER.into()),
            resources: vec![],
            authorization_details: None,
            sender: Sender::Bearer,
            confidential: false,
            refreshable: true,
        }
    }

    fn judge(grant: &Grant, presented: &Presented, now: Timestamp) -> Verdict {
        redeem(Some(grant), presented, &Lifetimes::default(), now)
    }

    #[test]
    fn a_good_code_makes_generation_one_and_leaves_nothing_pending() {
        let Verdict::Redeem(grant) = judge(&pending_grant(), &presented(), NOW) else { panic!() };
        assert_eq!((grant.generation, &grant.pending), (1, &None));
        assert_eq!(grant.idle_expires_at, NOW.plus(Lifetimes::default().refresh_idle));
        assert_eq!(grant.expires_at, NOW.plus(Lifetimes::default().refresh_absolute));
    }

    #[test]
    fn the_key_of_a_public_client_stays_with_its_refresh_tokens() {
        let sender = Sender::Dpop("k1".into());
        for (confidential, kept) in [(false, &sender), (true, &Sender::Bearer)] {
            let shown = Presented { sender: sender.clone(), confidential, ..presented() };
            let Verdict::Redeem(grant) = judge(&pending_grant(), &shown, NOW) else { panic!() };
            assert_eq!(grant.sender, *kept);
        }
    }

    #[test]
    fn a_code_that_is_bound_to_a_key_needs_its_proof() {
        let mut grant = pending_grant();
        grant.pending.as_mut().unwrap().dpop_jkt = Some("k1".into());
        for (sender, good) in [
            (Sender::Dpop("k1".into()), true),
            (Sender::Dpop("k2".into()), false),
            (Sender::Certificate("k1".into()), false),
            (Sender::Bearer, false),
        ] {
            for confidential in [false, true] {
                let shown = Presented { sender: sender.clone(), confidential, ..presented() };
                let verdict = judge(&grant, &shown, NOW);
                assert_eq!(matches!(verdict, Verdict::Redeem(_)), good, "{sender:?}");
                assert_eq!(matches!(verdict, Verdict::Refuse(_)), !good, "{sender:?}");
            }
        }
    }

    #[test]
    fn a_second_use_ends_the_grant_while_the_code_is_young() {
        let Verdict::Redeem(used) = judge(&pending_grant(), &presented(), NOW) else { panic!() };
        assert_eq!(judge(&used, &presented(), NOW), Verdict::End(EndReason::CodeReplay));
        let old = NOW.plus(Duration::from_secs(61));
        assert!(matches!(judge(&used, &presented(), old), Verdict::Refuse(_)));
        let mut stranger = presented();
        stranger.client_id = "other".into();
        assert!(matches!(judge(&used, &stranger, NOW), Verdict::Refuse(_)));
    }

    #[test]
    fn a_code_without_pkce_is_bound_by_its_redirect_uri() {
        let mut grant = pending_grant();
        grant.pending.as_mut().unwrap().code_challenge = None;
        let shown = Presented { code_verifier: None, ..presented() };
        assert!(matches!(judge(&grant, &shown, NOW), Verdict::Redeem(_)));
        let unbound = Presented { redirect_uri: None, ..shown };
        assert!(matches!(judge(&grant, &unbound, NOW), Verdict::Refuse(_)));
        let with_pkce = Presented { redirect_uri: None, ..presented() };
        assert!(matches!(judge(&pending_grant(), &with_pkce, NOW), Verdict::Redeem(_)));
    }

    #[test]
    fn each_binding_is_checked_and_a_refusal_changes_nothing() {
        let expect_refusal = |change: &dyn Fn(&mut Presented, &mut Grant), name: &str| {
            let (mut shown, mut grant) = (presented(), pending_grant());
            change(&mut shown, &mut grant);
            let verdict = judge(&grant, &shown, NOW);
            let Verdict::Refuse(error) = verdict else { panic!("{name}: {verdict:?}") };
            assert_eq!(error.code, ErrorCode::InvalidGrant, "{name}");
        };
        expect_refusal(&|p, _| p.client_id = "other".into(), "client");
        expect_refusal(&|p, _| p.redirect_uri = Some("https://app.example/".into()), "redirect");
        expect_refusal(&|p, _| p.code_verifier = None, "no verifier");
        expect_refusal(&|p, _| p.code_verifier = Some("A".repeat(43)), "wrong verifier");
        expect_refusal(&|_, g| g.pending.as_mut().unwrap().code_challenge = None, "downgrade");
        expect_refusal(&|_, g| g.idle_expires_at = NOW, "expired");
        expect_refusal(&|_, g| g.ended = Some((NOW, EndReason::UserRevoked)), "ended");
        let mut elsewhere = presented();
        elsewhere.resources = vec!["https://other.example".into()];
        let Verdict::Refuse(error) = judge(&pending_grant(), &elsewhere, NOW) else { panic!() };
        assert_eq!(error.code, ErrorCode::InvalidTarget);
        let mut wider = presented();
        wider.authorization_details =
            Some(AuthorizationDetails::read(r#"[{"type":"a"}]"#).unwrap());
        let Verdict::Refuse(error) = judge(&pending_grant(), &wider, NOW) else { panic!() };
        assert_eq!(error.code, ErrorCode::InvalidAuthorizationDetails);
        let unknown = redeem(None, &presented(), &Lifetimes::default(), NOW);
        assert!(matches!(unknown, Verdict::Refuse(_)));
    }
}
