//! Calls whose vendors break at every stage of a turn: the real session with the real socket drivers, in
//! chains, against fake vendors on loopback, in real time.
//!
//! A case is one call, or two, named by what becomes of it. What every case asks, beside its own question,
//! is in `call` (each sentence is one turn and is answered; nobody waits in silence for more than three
//! seconds) and in `scene` (no task and no socket is left). The cases run side by side: see `runner`.

#![allow(clippy::unwrap_used, reason = "a case that cannot go on should stop")]

mod call;
mod llm;
mod llm_breaks;
mod mixed;
mod runner;
mod scene;
mod stt_deaths;
mod stt_refusals;
mod stt_silence;
mod tts_deaths;
mod tts_refusals;
mod tts_slow;
mod untouched;

use std::process::ExitCode;

use runner::cases;

fn main() -> ExitCode {
    runner::run(&cases![
        stt_refusals::{
            a_wrong_key_with_nobody_else_ends_the_call_with_an_apology,
            a_wrong_key_is_stood_in_for_and_the_next_call_does_not_try_it,
            a_vendor_that_is_busy_for_a_moment_is_dialled_again,
            a_handshake_that_hangs_costs_no_word_of_a_caller_who_speaks_at_once,
            a_handshake_that_hangs_is_stood_in_for,
            a_vendor_that_is_down_for_good_is_stood_in_for,
            when_all_are_down_the_caller_is_told_and_the_call_ends,
        },
        stt_deaths::{
            a_reset_in_mid_word_costs_no_word,
            an_end_without_a_close_in_mid_word_costs_no_word,
            a_close_with_1011_in_mid_word_costs_no_word,
            bytes_that_are_no_frame_cost_no_word,
            a_message_that_nobody_can_read_costs_no_word,
            half_a_message_costs_no_word,
            two_deaths_in_one_sentence_cost_no_word,
            lines_that_die_after_their_first_words_are_not_dialled_in_a_circle,
            a_death_before_the_first_word_costs_none,
            a_death_between_the_pause_and_the_final_is_asked_again,
            a_death_in_the_pause_of_an_unfinished_sentence_costs_no_word,
            a_vendor_that_does_not_come_back_in_mid_sentence_is_replaced,
            a_death_under_the_agents_words_is_no_hindrance_to_an_interruption,
        },
        stt_silence::{
            without_an_answer_to_finalize_the_vendors_own_endpoint_is_the_answer,
            without_any_final_the_guesses_are_taken,
            a_line_that_stalls_from_the_start_is_found_out_at_the_pause,
            a_line_that_stalls_in_mid_sentence_is_found_out_at_the_pause,
            a_line_that_stalls_in_mid_sentence_is_stood_in_for,
            a_caller_whom_no_line_answers_is_told_so,
            finals_that_come_twice_and_in_parts_count_once,
            a_final_that_is_late_is_not_waited_for_and_not_heard_again,
        },
        llm::{
            a_server_that_is_not_there_is_apologised_for,
            a_server_that_is_not_there_is_stood_in_for,
            an_error_that_passes_is_not_noticed,
            an_error_that_stays_is_apologised_for,
            a_long_wait_that_is_asked_for_is_not_waited,
            a_busy_model_is_stood_in_for,
            a_silent_model_is_stood_in_for,
            a_silent_model_is_apologised_for_behind_a_filler,
            a_slow_answer_to_an_unfinished_sentence_is_covered_in_time,
            a_slow_model_and_a_slow_tool_are_covered_in_time_together,
            a_break_before_the_first_word_is_stood_in_for,
            a_break_in_mid_sentence_is_apologised_for,
            a_stall_in_mid_sentence_is_apologised_for,
            an_answer_nobody_can_read_is_stood_in_for,
            an_answer_nobody_can_read_is_apologised_for,
            a_server_that_restarts_between_two_turns_is_not_noticed,
            a_booking_is_made_once_and_its_result_outlives_the_model,
        },
        llm_breaks::{
            a_break_in_mid_answer_is_gone_on_with_by_the_stand_in,
            a_stall_in_mid_answer_is_gone_on_with_by_the_stand_in,
            an_error_in_mid_answer_is_gone_on_with_by_the_stand_in,
            garbage_in_mid_answer_is_gone_on_with_by_the_stand_in,
            a_break_before_anything_was_at_the_voice_is_not_noticed,
            a_model_that_is_alone_is_asked_once_again,
            when_the_stand_in_breaks_off_as_well_the_caller_is_apologised_to,
            a_break_behind_a_booking_loses_no_result_and_books_no_second_time,
            a_booking_that_arrived_whole_counts_though_its_answer_broke_off,
            a_booking_that_was_cut_off_is_made_by_the_stand_in_alone,
            an_interruption_of_the_second_answer_leaves_both_parts_to_the_word,
            forms_goes_on_from_the_history_and_books_after_its_own_read_back,
            a_caller_who_hangs_up_between_two_answers_leaves_nothing_behind,
        },
        tts_refusals::{
            a_wrong_key_is_apologised_for_with_a_recorded_line,
            a_wrong_key_is_stood_in_for_before_the_first_word_is_wanted,
            a_voice_that_is_not_there_is_stood_in_for,
            a_handshake_that_hangs_is_stood_in_for,
            a_line_that_dies_idle_is_up_again_before_the_next_turn,
            a_young_line_that_dies_idle_is_dialled_when_it_is_wanted,
        },
        tts_deaths::{
            a_death_in_mid_sentence_is_stood_in_for,
            a_death_in_mid_sentence_with_nobody_else_is_dialled_again,
            half_a_message_in_mid_sentence_is_no_sound,
            garbage_in_mid_sentence_is_no_sound,
            a_message_that_nobody_can_read_is_no_sound,
            a_stall_in_mid_sentence_is_stood_in_for,
            a_death_before_the_first_byte_is_stood_in_for,
            a_death_before_the_first_byte_with_nobody_else_is_dialled_again,
            a_piece_whose_end_is_never_told_is_not_said_again,
            audio_that_comes_after_an_interruption_is_not_heard,
            when_all_voices_die_in_a_reply_the_caller_hears_a_recorded_apology,
        },
        tts_slow::{
            a_slow_voice_is_waited_for_behind_a_filler,
            a_long_silence_in_mid_sentence_is_covered_by_a_filler,
        },
        mixed::{
            ears_and_voice_die_together_in_mid_sentence,
            ears_and_voice_die_together_before_the_answer_is_heard,
            an_interruption_while_a_voice_is_replaced_is_answered_by_the_next_one,
            a_caller_who_hangs_up_in_a_reconnect_leaves_nothing_behind,
            a_caller_who_hangs_up_on_a_stalled_line_leaves_nothing_behind,
        },
        untouched::{
            audio_travels_untouched,
            no_handshake_on_the_path_of_a_turn,
        },
    ])
}
