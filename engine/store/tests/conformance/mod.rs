//! What every store must do, whatever keeps it: cases written against the `Store` trait alone.
//!
//! A test file of one store implements [`Fixture`] and calls `conformance!` with it.

pub(crate) mod accepting;
pub(crate) mod accounts;
pub(crate) mod by_hand;
pub(crate) mod erasing;
pub(crate) mod following;
pub(crate) mod lanes;
pub(crate) mod leasing;
pub(crate) mod notifications;
pub(crate) mod periods;
pub(crate) mod plugins;
pub(crate) mod reading;
pub(crate) mod recording;
pub(crate) mod relay;
pub(crate) mod resend;
pub(crate) mod restart;
pub(crate) mod setting;
pub(crate) mod state;
pub(crate) mod world;

use std::sync::Arc;

use leadhook_store::Store;

/// One store under test.
pub(crate) trait Fixture: Sized {
    /// An empty store.
    async fn make() -> Self;
    /// The store.
    fn store(&self) -> Arc<dyn Store>;
    /// Closes the store and opens it again, as a restart does.
    async fn reopen(&mut self);
}

/// Makes one test of each case for a fixture.
macro_rules! conformance {
    ($fixture:ty) => {
        $crate::conformance::conformance! { $fixture:
            accepting: a_repeated_event_is_answered_as_the_first_was,
            accepting: the_second_of_two_same_ids_in_one_batch_is_a_repeat,
            accepting: the_same_id_on_another_site_is_another_event,
            accepting: a_refused_event_uses_up_no_id,
            accepting: unknown_sites_and_leads_are_refused_without_spoiling_the_others,
            accepting: an_event_without_an_id_gets_one,
            accepting: events_of_one_batch_see_each_other,
            accepting: unique_is_the_first_call_within_the_depth_on_its_site,
            accepting: with_cross_uniqueness_calls_and_requests_count_together,
            accepting: rule_3_triggers_in_force_are_those_saved_when_the_lead_arrived,
            accepting: rule_3_a_webhook_owes_nothing_for_leads_that_arrived_before_it,
            accepting: rule_2_a_delayed_delivery_is_not_claimed_before_it_is_due,
            accepting: many_at_once_are_all_stored,
            leasing: a_delivery_is_leased_to_one_holder_at_a_time,
            leasing: concurrent_claims_never_share_a_delivery,
            leasing: a_lease_that_ran_out_can_be_taken_and_its_old_holder_is_stale,
            leasing: a_lease_that_ran_out_and_nobody_took_still_settles,
            leasing: a_settled_or_released_lease_is_stale,
            leasing: a_retry_waits_for_its_time_and_keeps_its_attempts,
            leasing: a_claim_tells_when_the_next_is_due,
            leasing: what_is_due_longest_goes_first,
            leasing: rule_2_the_lead_is_taken_as_the_event_left_it_or_as_it_stands,
            leasing: what_a_deleted_site_or_webhook_owes_can_still_be_claimed,
            lanes: deliveries_of_a_lane_go_out_one_after_another,
            lanes: lanes_do_not_wait_for_each_other,
            lanes: without_ordering_nothing_waits,
            lanes: an_ordering_set_later_holds_for_what_is_owed,
            lanes: an_ordering_lifted_later_holds_up_nothing,
            lanes: rule_5_previous_fingerprints_are_those_last_delivered,
            by_hand: send_makes_a_waiting_delivery_due_now,
            by_hand: send_takes_up_again_what_was_cancelled_before_any_attempt,
            by_hand: send_takes_up_again_what_failed_before_any_request,
            by_hand: what_was_skipped_is_not_sent_and_what_ended_is_not_cancelled,
            by_hand: what_is_being_sent_is_neither_sent_nor_cancelled_by_hand,
            by_hand: a_cancelled_delivery_frees_its_lane,
            by_hand: one_taken_up_again_goes_before_its_lane,
            by_hand: a_delivery_that_does_not_exist_is_unknown,
            by_hand: only_waiting_retries_are_brought_forward_and_paced,
            relay: a_relayed_webhook_is_what_its_lead_makes_of_it,
            relay: of_the_same_webhook_at_the_same_time_one_is_the_first,
            relay: a_relay_is_found_by_its_token_until_it_is_deleted,
            resend: what_ended_is_sent_again_by_a_delivery_of_its_own,
            resend: a_success_turns_failed_and_cancelled_into_delivered,
            resend: what_was_delivered_never_turns_back,
            resend: what_sends_again_is_itself_sent_again_in_the_name_of_the_first,
            resend: nothing_is_sent_again_while_the_webhook_is_off_or_too_often,
            resend: what_is_sent_again_waits_its_turn_in_the_lane,
            resend: a_leads_deliveries_have_those_that_send_them_again_among_them,
            resend: a_rendering_is_read_with_what_it_was_made_from,
            periods: a_period_is_sent_again_once_each_also_over_a_restart,
            periods: what_a_resend_leaves_alone_is_counted_as_skipped,
            periods: a_resend_goes_to_the_url_of_now_where_asked,
            periods: a_resend_takes_up_again_what_failed_before_any_request,
            periods: a_resend_waits_while_others_of_its_webhook_wait,
            periods: while_its_webhook_is_off_a_resend_waits_and_loses_nothing,
            periods: a_cancelled_resend_sends_nothing_more,
            periods: a_resend_ends_with_its_webhook,
            periods: of_each_account_the_newest_resends_are_kept_and_those_that_go_on,
            periods: resends_are_refused_with_the_reason,
            erasing: a_clients_leads_are_emptied_and_nobody_elses,
            erasing: what_is_owed_is_cancelled_and_what_is_being_sent_is_waited_for,
            erasing: a_lead_that_is_erased_takes_no_events_and_answers_repeated_ones,
            erasing: what_was_erased_is_not_sent_again_and_counted_so,
            erasing: an_erasure_goes_on_after_a_restart,
            erasing: of_each_account_only_so_many_erasures_run_at_one_time,
            accounts: accounts_are_made_under_numbers_and_names_of_their_own,
            accounts: a_key_speaks_for_its_account_until_it_is_deleted,
            accounts: of_each_account_only_so_many_keys_are_made,
            accounts: what_somebody_changes_is_in_the_trail_of_the_account,
            accounts: what_the_operator_changes_is_in_both_trails,
            accounts: a_task_acts_in_the_name_of_who_began_it,
            accounts: what_is_stored_is_counted_by_account,
            setting: sites_count_their_revisions_also_after_deletion,
            setting: accounts_and_keys_are_found,
            setting: a_webhook_is_made_inactive_and_saved_in_revisions,
            setting: a_save_with_an_outdated_revision_is_refused,
            setting: a_deleted_webhook_stays_deleted,
            setting: accounts_do_not_see_each_other,
            notifications: what_is_noted_is_read_newest_first_in_pages_and_found_after_a_restart,
            notifications: of_each_account_only_so_many_are_kept,
            notifications: a_webhook_that_is_switched_off_for_a_reason_is_noted_once,
            following: what_happens_is_told_in_the_order_of_its_commits,
            following: what_is_done_by_hand_is_told_too,
            following: notifications_are_read_on_from_one_that_is_known,
            following: a_webhook_fails_since_its_first_failure_until_a_success,
            following: what_is_open_under_lease_and_due_is_measured,
            following: an_operations_webhook_keeps_its_place,
            plugins: an_upload_is_kept_as_a_version_and_is_current,
            plugins: an_earlier_version_can_be_made_current,
            plugins: a_plugin_that_a_webhook_names_is_not_deleted,
            plugins: secrets_are_granted_by_name,
            plugins: accounts_do_not_share_plugins_and_secrets,
            plugins: a_restart_finds_plugins_and_secrets,
            recording: an_account_begins_with_a_key_and_rotates_to_others,
            recording: a_key_that_signs_no_longer_can_be_revoked,
            recording: recording_keys_are_bounded_and_each_accounts_own,
            state: what_plugins_change_is_stored_with_the_outcome,
            state: a_key_that_has_ended_begins_anew,
            state: a_deleted_webhook_keeps_no_state,
            reading: deliveries_page_completely_without_doubles,
            reading: deliveries_are_filtered,
            reading: a_delivery_under_lease_is_shown_as_sending,
            reading: leads_page_completely_without_doubles,
            reading: a_clients_leads_are_found_on_every_site,
            reading: a_lead_is_shown_with_its_history,
            restart: a_restart_finds_everything,
            restart: a_restart_ends_leases,
            restart: serials_grow_over_a_restart_even_when_the_clock_goes_back,
            restart: after_closing_nothing_is_taken,
        }
    };
    ($fixture:ty: $($module:ident: $case:ident,)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            conformance::$module::$case::<$fixture>().await;
        })*
    };
}
pub(crate) use conformance;
