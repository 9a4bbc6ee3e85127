//! What this server offers beside what every server of its kind does: chosen by its operator.

use crate::authorization_details::AuthorizationDetails;
use crate::claims_request::AcrRequest;
use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};

/// The operator's choices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// What a sign-in here is called (`acr`), the usual name first. There is one way to sign in, so
    /// all of them mean the same.
    pub acr: Vec<String>,
    /// The types of `authorization_details` that the APIs understand (RFC 9396 §2).
    pub details_types: Vec<String>,
}

impl Offer {
    /// What is said of a sign-in: nothing, unless it was asked for; then the first name that the
    /// client would like, or else the usual one.
    ///
    /// # Errors
    /// `unmet_authentication_requirements` when it has to be one that a sign-in here is not.
    pub fn acr(&self, asked: Option<&AcrRequest>) -> Result<Option<String>, OAuthError> {
        let Some(asked) = asked else { return Ok(None) };
        let liked = asked.values.iter().find(|value| self.acr.contains(value));
        if liked.is_none() && asked.required && !asked.values.is_empty() {
            let why = "a sign-in here is none of the authentication contexts that were asked for";
            return Err(OAuthError::new(ErrorCode::UnmetAuthenticationRequirements, why));
        }
        Ok(liked.or_else(|| self.acr.first()).cloned())
    }

    /// Refuses details of a type that is not offered to a client.
    ///
    /// # Errors
    /// `invalid_authorization_details` (RFC 9396 §5).
    pub fn check_details(
        &self,
        details: &AuthorizationDetails,
        client: &Client,
    ) -> Result<(), OAuthError> {
        details.check_types(&client.authorization_details_types, &self.details_types)
    }

    /// The same for what a client asks for itself, with nobody who would agree. One that registered
    /// itself has nobody's word for it.
    ///
    /// # Errors
    /// `invalid_authorization_details`.
    pub fn check_own_details(
        &self,
        details: &AuthorizationDetails,
        client: &Client,
    ) -> Result<(), OAuthError> {
        if client.self_registered && !details.is_empty() {
            let why = "a client that registered itself gets no authorization_details for itself";
            return Err(OAuthError::new(ErrorCode::InvalidAuthorizationDetails, why));
        }
        self.check_details(details, client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_registered_itself_gets_details_only_from_people() {
        let details = AuthorizationDetails::read(r#"[{"type":"pay"}]"#).unwrap();
        let types = vec!["pay".to_owned()];
        let offer = Offer { details_types: types.clone(), ..Offer::default() };
        let trusted = Client { authorization_details_types: types, ..Client::new("web") };
        let stranger = Client { self_registered: true, ..trusted.clone() };
        assert!(offer.check_own_details(&details, &trusted).is_ok());
        assert!(offer.check_details(&details, &stranger).is_ok());
        assert!(offer.check_own_details(&details, &stranger).is_err());
        let none = AuthorizationDetails::default();
        assert!(offer.check_own_details(&none, &stranger).is_ok());
    }

    #[test]
    fn the_sign_in_is_called_what_the_client_likes_if_it_is_that() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let offer = Offer { acr: list(&["1", "pwd"]), ..Offer::default() };
        let said = |values: &[&str], required| {
            offer.acr(Some(&AcrRequest { values: list(values), required })).map_err(|e| e.code)
        };
        let unmet = Err(ErrorCode::UnmetAuthenticationRequirements);
        assert_eq!(offer.acr(None).unwrap(), None);
        assert_eq!(said(&[], true), Ok(Some("1".into())));
        assert_eq!(said(&["2", "pwd", "1"], true), Ok(Some("pwd".into())));
        assert_eq!(said(&["2"], false), Ok(Some("1".into())), "the truth, and no error");
        assert_eq!(said(&["2"], true), unmet);
        assert_eq!(said(&["PWD"], true), unmet);
        let nothing = AcrRequest { values: Vec::new(), required: true };
        assert_eq!(Offer::default().acr(Some(&nothing)).unwrap(), None);
    }
}
