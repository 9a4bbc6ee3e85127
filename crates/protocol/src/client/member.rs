//! How the members of a registration are written.

use countersign_jose::Algorithm;
use countersign_jose::jwe::{ContentEncryption, KeyManagement};

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

/// Something that goes by one name in registrations.
pub(super) trait Named: Copy {
    fn registered_name(self) -> &'static str;
    fn from_registered_name(name: &str) -> Option<Self>;
}

macro_rules! named {
    ($($kind:ty),+) => {
        $(impl Named for $kind {
            fn registered_name(self) -> &'static str {
                self.name()
            }

            fn from_registered_name(name: &str) -> Option<Self> {
                Self::from_name(name)
            }
        })+
    };
}

named!(Algorithm, KeyManagement, ContentEncryption);

pub(super) mod algorithm_name {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::Named;

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(in crate::client) fn serialize<T: Named, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.map(T::registered_name).serialize(serializer)
    }

    pub(in crate::client) fn deserialize<'de, T: Named, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let name = Option::<String>::deserialize(deserializer)?;
        name.map(|name| {
            T::from_registered_name(&name)
                .ok_or_else(|| D::Error::custom("the algorithm is not supported"))
        })
        .transpose()
    }
}
