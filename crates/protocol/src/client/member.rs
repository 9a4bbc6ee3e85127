//! How the members of a registration are written.

use super::GrantType;

pub(super) fn default_grant_types() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode, GrantType::RefreshToken]
}

pub(super) fn default_response_types() -> Vec<String> {
    vec!["code".to_owned()]
}

pub(super) const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
pub(super) const fn is_false(value: &bool) -> bool {
    !*value
}
pub(super) mod algorithm_name {
    use countersign_jose::Algorithm;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(in crate::client) fn serialize<S: Serializer>(
        value: &Option<Algorithm>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(Algorithm::name).serialize(serializer)
    }

    pub(in crate::client) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Algorithm>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        name.map(|name| {
            Algorithm::from_name(&name)
                .ok_or_else(|| D::Error::custom("the algorithm is not supported"))
        })
        .transpose()
    }
}
