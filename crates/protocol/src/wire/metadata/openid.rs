//! What OpenID Connect adds to the description (OpenID Connect Discovery 1.0 §3), and what the
//! operator offers.

use countersign_jose::Algorithm;
use countersign_jose::jwe::{ContentEncryption, KeyManagement};
use serde::Serialize;

use crate::client::KEY_MANAGEMENT;
use crate::client_secret;
use crate::keyring;
use crate::offer::Offer;
use crate::release;

/// The claims of id tokens that are about the sign-in and the token itself.
const PROTOCOL_CLAIMS: &[&str] =
    &["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"];

/// The members.
#[derive(Clone, Debug, Serialize)]
pub(super) struct OpenIdMetadata {
    subject_types_supported: &'static [&'static str],
    claims_supported: Vec<&'static str>,
    claim_types_supported: &'static [&'static str],
    claims_parameter_supported: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    acr_values_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    authorization_details_types_supported: Vec<String>,
    display_values_supported: &'static [&'static str],
    ui_locales_supported: &'static [&'static str],
    id_token_signing_alg_values_supported: Vec<&'static str>,
    id_token_encryption_alg_values_supported: Vec<&'static str>,
    id_token_encryption_enc_values_supported: Vec<&'static str>,
    userinfo_signing_alg_values_supported: Vec<&'static str>,
    userinfo_encryption_alg_values_supported: Vec<&'static str>,
    userinfo_encryption_enc_values_supported: Vec<&'static str>,
}

impl OpenIdMetadata {
    pub(super) fn new(offer: &Offer) -> Self {
        let signatures = keyring::ALGORITHMS.iter().chain(client_secret::ALGORITHMS).copied();
        let signatures: Vec<_> = signatures.map(Algorithm::name).collect();
        let keys: Vec<_> = KEY_MANAGEMENT.iter().copied().map(KeyManagement::name).collect();
        let content: Vec<_> =
            ContentEncryption::ALL.iter().copied().map(ContentEncryption::name).collect();
        Self {
            subject_types_supported: &["public", "pairwise"],
            claims_supported: PROTOCOL_CLAIMS
                .iter()
                .copied()
                .chain(release::known_claims())
                .collect(),
            claim_types_supported: &["normal"],
            claims_parameter_supported: true,
            acr_values_supported: offer.acr.clone(),
            authorization_details_types_supported: offer.details_types.clone(),
            // One page for all of them: it fits every width, and needs neither mouse nor script.
            display_values_supported: &["page", "popup", "touch"],
            ui_locales_supported: &["en"],
            id_token_signing_alg_values_supported: signatures.clone(),
            id_token_encryption_alg_values_supported: keys.clone(),
            id_token_encryption_enc_values_supported: content.clone(),
            userinfo_signing_alg_values_supported: signatures,
            userinfo_encryption_alg_values_supported: keys,
            userinfo_encryption_enc_values_supported: content,
        }
    }
}
