//! The rules that every backend has to keep, as tests that a backend runs on itself.
//!
//! [`all`] runs each rule on a fresh store. A rule speaks to the store through [`Store`] alone,
//! so it says what the server relies on and nothing about how it is kept.

mod authorization_code;
mod client_and_account;
mod device;
mod end_of_grants;
mod follower;
mod grant;
mod keyring;
mod logout;
mod pushed_request;
mod registration;
mod revocation;
mod rotation;
pub(crate) mod samples;
mod session;
mod status;
mod sweep;
mod used_token;

use std::pin::Pin;
use std::sync::Arc;

use crate::error::StoreError;
use crate::store::Store;

/// A rule that is broken panics; one that the store could not be asked about fails.
type Check = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// One rule.
struct Rule {
    name: &'static str,
    check: fn(Arc<dyn Store>) -> Check,
}

macro_rules! rules {
    ($($room:ident { $($rule:ident)+ })+) => {
        &[$($(Rule {
            name: concat!(stringify!($room), "::", stringify!($rule)),
            check: |store| Box::pin($room::$rule(store)),
        }),+),+]
    };
}

const RULES: &[Rule] = rules! {
    authorization_code {
        of_many_at_once_one_redeems_a_code
        a_replay_ends_and_publishes_the_grant
        a_refused_code_can_still_be_redeemed
    }
    device {
        of_many_at_once_one_gets_the_tokens
        an_answer_counts_once_and_in_time
        what_was_taken_back_gives_no_tokens
        a_token_is_listed_when_it_is_given
        there_is_room_for_so_many
    }
    rotation {
        every_row_of_the_rule
        each_refusal_changes_nothing
        of_many_at_once_one_rotates_and_the_others_retry
        a_reuse_ends_and_publishes_the_grant
        a_restored_database_catches_up_only_when_told_to
    }
    end_of_grants {
        each_selector_picks_its_own
        what_outlives_a_session_stays
        a_grant_is_ended_and_published_once
        of_many_at_once_one_ends_a_grant
        a_client_is_ended_and_published_as_one
        a_client_loses_what_was_issued_before_the_clock_was_set_back
        an_exchanged_grant_is_published_with_its_client
        a_shorter_lifetime_forgets_no_revocation
        an_ended_grant_never_comes_back
        everything_of_a_person_ends_in_one_step
    }
    grant {
        comes_back_as_it_was_stored
        is_begun_once
        lists_are_newest_first_and_limited
        details_stay_through_code_and_refresh
        consent_is_remembered_when_wanted
        consent_grows_only_by_what_was_agreed_to
        consent_to_single_claims_adds_up
        consent_goes_when_the_person_takes_a_grant_back
        consent_that_grows_too_long_starts_again
        consents_are_listed_and_forgotten_one_by_one
    }
    client_and_account {
        a_client_comes_back_as_it_was_stored
        disabling_a_client_ends_its_grants
        an_account_comes_back_by_both_names
        a_user_name_belongs_to_one_account
        a_new_password_ends_grants_and_sessions
        disabling_an_account_ends_grants_and_sessions
        other_changes_of_an_account_end_nothing
    }
    revocation {
        numbers_have_no_hole_under_concurrent_writers
        a_snapshot_holds_all_up_to_its_number
        the_feed_answers_from_any_place
        what_was_forgotten_is_not_passed_over
        the_position_moves_with_each_change
    }
    follower {
        comes_back_as_it_was_written
        what_was_acknowledged_only_grows
        those_that_are_past_caring_about_go
    }
    session {
        lives_from_begin_to_end
        a_renewed_one_keeps_its_name_for_the_same_person_only
        signing_out_ends_it_and_its_grants_in_one_step
        a_touch_never_goes_back_and_never_revives
        lists_are_newest_first_and_of_one_person
    }
    logout {
        whoever_follows_a_session_is_told_of_its_end
        each_way_of_ending_a_session_tells
        a_notice_is_taken_by_one_and_not_lost
        a_session_that_timed_out_is_forgotten
    }
    keyring {
        of_many_first_keys_one_of_each_use_signs
        a_key_goes_through_its_states
        longer_tokens_are_remembered
        a_revoked_key_is_replaced_and_published_in_one_step
        a_key_rotates_when_somebody_asks
        all_keys_are_sealed_anew_or_none
    }
    registration {
        a_client_is_there_for_its_token_alone
        a_permission_is_used_up
        of_many_at_once_no_more_register_than_may
        a_change_is_made_on_what_is_there
        a_removed_client_is_gone_with_its_tokens
        a_disabled_client_can_not_slip_away
        what_nobody_uses_goes
    }
    used_token {
        each_token_of_each_issuer_is_first_once
        of_many_at_once_one_is_first
        a_forgotten_token_is_not_new_again
    }
    pushed_request {
        comes_back_until_it_expires
        of_many_at_once_one_answers_it
        lives_longer_while_its_user_thinks
        is_forgotten_when_it_has_expired
    }
    status {
        no_index_is_given_twice_while_its_token_lives
        each_kind_of_revocation_turns_the_bits_in_its_own_step
        a_token_is_listed_in_the_step_that_rotates_or_redeems
    }
    sweep {
        ended_and_expired_grants_stay_until_the_horizon
        what_lives_stays
        dead_sessions_go
    }
};

/// Runs every rule, each on a store of its own that `fresh` makes: empty, and shared by nobody.
///
/// # Panics
/// When rules are broken, with their names; what each saw is printed before.
pub async fn all<Opening: Future<Output = Arc<dyn Store>>>(fresh: impl Fn() -> Opening) {
    let mut broken = Vec::new();
    for rule in RULES {
        let store = fresh().await;
        // A task of its own, so that a broken rule does not hide the next.
        match tokio::spawn((rule.check)(store)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => broken.push(format!("{} ({error})", rule.name)),
            Err(_) => broken.push(rule.name.to_owned()),
        }
    }
    assert!(broken.is_empty(), "the store breaks these rules: {broken:#?}");
}
