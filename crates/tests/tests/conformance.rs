//! The modules of the OpenID Foundation's certification plans as tests of our own, one function
//! for each module, named as it is. docs/conformance.md says what each of them is about and which
//! of them do not apply; `cargo xtask tidy` holds that table and these files together.

/// Tests of a plan that another file holds for several: for each name a function of that file,
/// called with this.
macro_rules! modules {
    ($file:ident, $with:expr; $($module:ident),* $(,)?) => {
        $(
            #[test]
            fn $module() {
                super::$file::$module($with);
            }
        )*
    };
}

mod backchannel_logout;
mod basic;
mod code_flow;
mod config;
mod dynamic;
mod fapi;
mod fapi2_message_signing;
mod fapi2_security_profile;
mod fapi_flow;
mod flow;
mod form_post;
mod frontchannel_logout;
mod party;
mod rp_initiated_logout;
