//! What a request wishes of the sign-in and of single claims (OpenID Connect Core §3.1.2.1, §5.5).

use super::Params;
use crate::claims_request::{AcrRequest, Asked, ClaimsRequest};
use crate::client::Client;
use crate::error::{ErrorCode, OAuthError};
use crate::scope::Scope;

/// More names than this are not read in `acr_values`.
const ACR_VALUES_MAX: usize = 16;

/// Reads `claims` and `acr_values`. Names in `acr_values` are necessary (RFC 9470 §5): a token
/// without any of them would only be refused by the API that asked for them. The names that a
/// client has registered as its usual ones are not.
pub(super) fn read(params: &Params, client: &Client, scope: &Scope) -> Result<Asked, OAuthError> {
    let mut asked = params.get("claims").map(Asked::read).transpose()?.unwrap_or_default();
    if !scope.contains("openid") {
        // There is neither an id token nor an answer of /userinfo to put them in.
        asked.claims = ClaimsRequest::default();
    }
    if asked.acr.as_ref().is_none_or(|acr| acr.values.is_empty()) {
        let words = params.get("acr_values").unwrap_or_default().split(' ');
        let words: Vec<_> = words.filter(|word| !word.is_empty()).map(str::to_owned).collect();
        if words.len() > ACR_VALUES_MAX {
            return Err(OAuthError::new(
                ErrorCode::InvalidRequest,
                "acr_values has too many names",
            ));
        }
        if !words.is_empty() {
            asked.acr = Some(AcrRequest { values: words, required: true });
        } else if asked.acr.is_none() && !client.default_acr_values.is_empty() {
            let values = client.default_acr_values.clone();
            asked.acr = Some(AcrRequest { values, required: false });
        }
    }
    Ok(asked)
}
