//! Telling clients that a sign-in session has ended (OpenID Connect Back-Channel Logout 1.0 and
//! Front-Channel Logout 1.0).

use std::time::Duration;

use countersign_jose::{LogoutToken, Timestamp};

use crate::client::Client;
use crate::subject::{Person, SubjectKey};

/// How long a logout token may be used; the specification advises two minutes at most.
const LIFETIME: Duration = Duration::from_secs(120);

/// A client that is to be told of the end of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogoutNotice {
    /// Its number in the store; never used twice.
    pub id: u64,
    /// Who is to be told.
    pub client_id: String,
    /// Who was signed in.
    pub subject: String,
    /// The session, `sid` in the id tokens that were issued in it.
    pub session_id: String,
    /// How often it was tried, the present time included.
    pub attempts: u64,
}

impl LogoutNotice {
    /// What the client is told of the person (Back-Channel Logout §2.4). The name of the token is
    /// the same at each attempt, so a client that took it and whose answer was lost takes it once.
    #[must_use]
    pub fn token(&self, issuer: &str, person: &Person<'_>, now: Timestamp) -> LogoutToken {
        let session_id = person.session_id.as_deref();
        LogoutToken {
            issuer: issuer.to_owned(),
            audience: vec![self.client_id.clone()],
            issued_at: now.as_secs(),
            expires_at: now.plus(LIFETIME).as_secs(),
            token_id: format!("logout-{}-{}", self.id, session_id.unwrap_or_default()),
            subject: Some(person.subject.clone().into_owned()),
            session_id: session_id.map(str::to_owned),
        }
    }

    /// Who was signed in and where, as the client knows it.
    #[must_use]
    pub fn person<'a>(&'a self, client: &Client, names: &SubjectKey) -> Person<'a> {
        Person {
            subject: names.subject(client, &self.subject),
            session_id: Some(names.session(client, &self.session_id)),
        }
    }

    /// When to try again after a failure; `None` when it was tried often enough: some six hours
    /// have passed by then.
    #[must_use]
    pub fn next_attempt(&self, now: Timestamp) -> Option<Timestamp> {
        const WAITS_S: &[u64] = &[2, 10, 60, 300, 1_800, 7_200, 14_400];
        let place = usize::try_from(self.attempts.checked_sub(1)?).ok()?;
        WAITS_S.get(place).map(|seconds| now.plus(Duration::from_secs(*seconds)))
    }
}

/// The address that a browser opens in a frame to sign the person out of a client
/// (Front-Channel Logout §2), if the client has one.
#[must_use]
pub fn front_channel_url(client: &Client, issuer: &str, session_id: &str) -> Option<String> {
    let uri = client.frontchannel_logout_uri.as_ref()?;
    if !client.frontchannel_logout_session_required {
        return Some(uri.clone());
    }
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([("iss", issuer), ("sid", session_id)])
        .finish();
    let joint = if uri.contains('?') { '&' } else { '?' };
    Some(format!("{uri}{joint}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn notice(attempts: u64) -> LogoutNotice {
        LogoutNotice {
            id: 7,
            client_id: "web".into(),
            subject: "alice".into(),
            session_id: "s1".into(),
            attempts,
        }
    }

    #[test]
    fn a_token_says_who_and_where_and_keeps_its_name() {
        let person = Person { subject: "alice".into(), session_id: Some("s1".into()) };
        let token = |notice: LogoutNotice, now| notice.token("https://id.example", &person, now);
        let first = token(notice(1), NOW);
        let later = token(notice(2), NOW.plus(LIFETIME));
        assert_eq!(first.token_id, later.token_id);
        assert_eq!(first.expires_at - first.issued_at, 120);
        assert_eq!(
            (first.subject.as_deref(), first.session_id.as_deref()),
            (Some("alice"), Some("s1"))
        );
        let other = token(LogoutNotice { id: 8, ..notice(1) }, NOW);
        assert_ne!(first.token_id, other.token_id);
    }

    #[test]
    fn attempts_come_ever_later_and_end() {
        let waits: Vec<_> = (1..).map_while(|attempt| notice(attempt).next_attempt(NOW)).collect();
        assert_eq!(waits.len(), 7);
        assert!(waits.is_sorted());
        assert_eq!(notice(0).next_attempt(NOW), None);
    }

    #[test]
    fn a_frame_names_the_session_where_the_client_asks_for_it() {
        let client = |more: &str| -> Client {
            serde_json::from_str(&format!("{{\"client_id\":\"web\"{more}}}")).unwrap()
        };
        let url = |client: &Client| front_channel_url(client, "https://id.example", "s 1");
        assert_eq!(url(&client("")), None);
        let plain = r#","frontchannel_logout_uri":"https://a.example/out?x=1""#;
        assert_eq!(url(&client(plain)).unwrap(), "https://a.example/out?x=1");
        let asking = format!("{plain},\"frontchannel_logout_session_required\":true");
        assert_eq!(
            url(&client(&asking)).unwrap(),
            "https://a.example/out?x=1&iss=https%3A%2F%2Fid.example&sid=s+1"
        );
    }
}
