//! One suite for both kinds of store: `memory`, and `dynamodb` on a local emulator.
//!
//! The second half runs if `OIDC_TRIAGE_TEST_DYNAMODB` names an endpoint. Each test has its own table there.

mod alone;
mod counted;
mod formats;
mod home;
mod lost;
mod rich;
mod samples;
mod suite;
mod table;
mod wire;

macro_rules! in_both_homes {
    ($($name:ident)+) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                crate::suite::$name(&crate::home::memory()).await;
            })+
        }

        mod dynamodb {
            $(#[tokio::test]
            async fn $name() {
                // One at a time: the emulator is slow, and our time-outs are the real ones.
                let _turn = crate::table::TURN.lock().await;
                if let Some(home) = crate::table::home().await {
                    crate::suite::$name(&home).await;
                }
            })+
        }
    };
}

in_both_homes! {
    a_view_after_a_write_sees_what_all_sandboxes_wrote_at_once
    of_all_who_record_one_failure_at_once_one_finds_it_new
    a_failure_seen_in_two_ways_is_new_once
    the_order_of_delivery_and_repeats_change_no_evidence
    a_caller_in_a_loop_hides_nobody_whoever_comes_first
    what_was_answered_is_seen_at_once_here_and_everywhere_after_a_flush
    a_flush_comes_once_in_a_while_and_names_its_regions
    counts_of_several_sandboxes_add_up
    names_are_kept_with_their_marks
    evidence_ends_by_time
    of_all_who_take_a_step_at_once_one_is_heard
    a_step_on_an_old_version_is_overtaken
    a_step_of_several_regions_is_taken_whole_or_not_at_all
    of_all_who_take_a_step_of_several_regions_at_once_one_is_heard
    notices_wait_in_the_order_of_their_steps
    of_all_who_claim_at_once_one_gets_it
    a_claim_seen_again_is_its_claimants
    a_claim_ends_by_time
    a_notice_that_was_not_taken_waits_and_a_sent_one_is_gone
    who_has_lost_a_claim_settles_nothing
    what_was_held_back_was_no_attempt
    letters_keep_their_channels
    an_admission_that_was_taken_back_holds_nobody_up
    people_are_told_no_more_than_they_may_be_however_many_tell_at_once
    sent_notices_are_not_looked_at_again
    one_of_all_is_elected_to_probe_in_an_interval
    what_a_probe_found_is_known_to_all
    what_was_learned_is_replaced_by_who_knew_it
    regions_are_those_that_something_was_recorded_of
    of_two_states_of_an_issue_the_later_one_counts
    an_issue_without_a_region_counts_everywhere
    a_call_may_be_made_again_once
    all_sandboxes_hash_callers_alike
    who_people_are_is_known_to_all_sandboxes
    what_is_kept_of_the_status_page_is_known_to_all_sandboxes
    a_name_is_kept_for_a_day_and_that_there_is_none_for_an_hour
}
