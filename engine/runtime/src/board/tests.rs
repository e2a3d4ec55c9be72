//! Who gets a turn, and when the board wants to be asked again.

use leadhook_core::{
    account::{AccountState, Terms, quotas::Quotas},
    breaker::{FAILURES_TO_OPEN, PAUSE_FIRST_MS},
};

use super::*;

const NOW: Timestamp = Timestamp(1_000_000);

fn key(account: u32, webhook: u64) -> Key {
    (AccountId(account), WebhookId(webhook))
}

fn board(in_flight: usize, in_flight_per_account: usize) -> Board {
    Board::new(Limits { in_flight, in_flight_per_account, ..Limits::default() })
}

/// Takes all that is wanted as if the store had more than enough, and answers it by account.
fn take(board: &mut Board, now: Timestamp) -> HashMap<u32, usize> {
    let mut taken = HashMap::new();
    for want in board.wants(now) {
        *taken.entry(want.account.0).or_default() += want.most;
        let gate = board.gates.get_mut(&(want.account, want.webhook)).unwrap();
        gate.in_flight += want.most;
        board.in_flight += want.most;
        *board.in_flight_by_account.entry(want.account).or_default() += want.most;
        board.turns.gave(want.account, want.most);
        board.list((want.account, want.webhook), now);
    }
    taken
}

/// A webhook of which something is due and whose settings are known.
fn due(board: &mut Board, key: Key) {
    board.wake(key, NOW, NOW);
    board.changed(key, Rate { per_second: None, concurrent: 32 }, NOW);
}

#[test]
fn a_webhook_whose_settings_are_not_known_yet_gets_one_and_then_what_they_allow() {
    let mut board = board(100, 100);
    board.wake(key(1, 1), NOW, NOW);
    assert_eq!(take(&mut board, NOW), HashMap::from([(1, 1)]));
    board.changed(key(1, 1), Rate { per_second: None, concurrent: 3 }, NOW);
    assert_eq!(take(&mut board, NOW), HashMap::from([(1, 2)]));
}

fn end(board: &mut Board, key: Key, turn: Turn, next_due: Option<Timestamp>, now: Timestamp) {
    board.sent(key, turn, now, now);
    board.ended(key, next_due, now);
}

#[test]
fn what_is_not_recorded_yet_frees_the_handler_but_not_the_engine() {
    let mut board = board(10, 10);
    let key = key(1, 1);
    board.wake(key, NOW, NOW);
    board.changed(key, Rate { per_second: None, concurrent: 8 }, NOW);
    assert_eq!(take(&mut board, NOW), HashMap::from([(1, 8)]));
    for _ in 0..8 {
        board.sent(key, Turn::Succeeded, NOW, NOW);
    }
    assert_eq!(take(&mut board, NOW), HashMap::from([(1, 2)]), "eight of ten wait to be recorded");
    board.ended(key, None, NOW);
    assert_eq!(take(&mut board, NOW), HashMap::from([(1, 1)]));
}

#[test]
fn an_account_with_many_webhooks_leaves_a_share_to_one_with_a_single_webhook() {
    let mut board = board(96, 96);
    for webhook in 0..50 {
        due(&mut board, key(1, webhook));
    }
    due(&mut board, key(2, 999));
    let taken = take(&mut board, NOW);
    assert_eq!(taken.values().sum::<usize>(), 96);
    assert!(taken[&2] >= 16, "{taken:?}");
}

/// Ends all that is under way, as if more were due at once.
fn end_all(board: &mut Board) {
    let under_way: Vec<_> = board.gates.iter().map(|(key, gate)| (*key, gate.in_flight)).collect();
    for (key, count) in under_way {
        for _ in 0..count {
            end(board, key, Turn::Succeeded, Some(NOW), NOW);
        }
    }
}

fn part(weight: u32, state: AccountState) -> Part {
    let quotas = Quotas { weight, ..Quotas::default() };
    Part::of(&Terms { state, quotas, ..Terms::default() })
}

#[test]
fn accounts_share_what_there_is_by_weight() {
    let mut board = board(20, 20);
    for (account, weight) in [(1, 1), (2, 3), (3, 1)] {
        board.serve(AccountId(account), part(weight, AccountState::Active));
        for webhook in 0..40 / account {
            due(&mut board, key(account, u64::from(account * 100 + webhook)));
        }
    }
    let mut sums: HashMap<u32, usize> = HashMap::new();
    for _ in 0..500 {
        for (account, count) in take(&mut board, NOW) {
            *sums.entry(account).or_default() += count;
        }
        end_all(&mut board);
    }
    assert_eq!(sums.values().sum::<usize>(), 10_000);
    for (account, fair) in [(1, 2_000), (2, 6_000), (3, 2_000)] {
        assert!(sums[&account].abs_diff(fair) <= 40, "{sums:?}");
    }
}

#[test]
fn one_that_comes_late_goes_first_and_has_saved_up_nothing() {
    let mut board = board(16, 16);
    for webhook in 0..50 {
        due(&mut board, key(1, webhook));
    }
    for _ in 0..100 {
        assert_eq!(take(&mut board, NOW), HashMap::from([(1, 16)]));
        end_all(&mut board);
    }
    for webhook in 0..50 {
        due(&mut board, key(2, webhook));
    }
    let mut sums: HashMap<u32, usize> = HashMap::new();
    for round in 0..10 {
        for (account, count) in take(&mut board, NOW) {
            *sums.entry(account).or_default() += count;
        }
        assert!(round > 1 || sums.contains_key(&2), "within two claims");
        end_all(&mut board);
    }
    assert_eq!(sums, HashMap::from([(1, 80), (2, 80)]));
}

#[test]
fn nothing_is_sent_for_an_account_that_is_closed_until_it_is_open_again() {
    let mut board = board(16, 16);
    due(&mut board, key(1, 1));
    board.serve(AccountId(1), part(1, AccountState::Closed));
    assert!(board.wants(NOW).is_empty());
    assert_eq!(board.next_wake(NOW), None, "it is not asked again and again");
    board.serve(AccountId(1), part(1, AccountState::Suspended));
    assert_eq!(take(&mut board, NOW), HashMap::from([(1, 16)]));
}

#[test]
fn an_account_at_its_limit_waits_without_being_asked_again_and_again() {
    let mut board = board(100, 10);
    due(&mut board, key(1, 1));
    due(&mut board, key(1, 2));
    assert_eq!(take(&mut board, NOW), HashMap::from([(1, 10)]));
    assert!(board.wants(NOW).is_empty());
    assert_eq!(board.next_wake(NOW), None, "an ended turn announces room, not the clock");
    due(&mut board, key(2, 3));
    assert_eq!(board.next_wake(NOW), Some(NOW));
    assert_eq!(take(&mut board, NOW), HashMap::from([(2, 10)]));
}

#[test]
fn what_is_not_due_is_not_wanted_and_wakes_at_its_time() {
    let mut board = board(10, 10);
    let due = NOW.plus_ms(60_000);
    board.wake(key(1, 1), due, NOW);
    assert!(board.wants(NOW).is_empty());
    assert_eq!(board.next_wake(NOW), Some(due));
    board.wake(key(1, 1), NOW.plus_ms(90_000), NOW);
    assert_eq!(board.next_wake(NOW), Some(due), "a later one does not put off an earlier");
    assert_eq!(board.wants(due).len(), 1);
}

#[test]
fn an_open_breaker_wants_one_probe_after_its_pause_and_a_save_lifts_it() {
    let mut board = board(100, 100);
    let key = key(1, 1);
    board.wake(key, NOW, NOW);
    take(&mut board, NOW);
    for _ in 0..FAILURES_TO_OPEN {
        end(&mut board, key, Turn::Failed, Some(NOW), NOW);
    }
    while board.in_flight > 0 {
        end(&mut board, key, Turn::NotSent, Some(NOW), NOW);
    }
    assert!(board.wants(NOW).is_empty());
    let later = NOW.plus_ms(PAUSE_FIRST_MS);
    assert_eq!(board.next_wake(NOW), Some(later));
    assert_eq!(take(&mut board, later), HashMap::from([(1, 1)]));
    assert!(board.wants(later).is_empty(), "one probe at a time");
    end(&mut board, key, Turn::NotSent, Some(NOW), later);
    board.changed(key, Rate { per_second: None, concurrent: 8 }, later);
    assert_eq!(take(&mut board, later), HashMap::from([(1, 8)]));
}

#[test]
fn a_webhook_that_owes_nothing_is_forgotten_unless_its_pace_is_to_be_kept() {
    let mut board = board(10, 10);
    for (webhook, per_second) in [(1, None), (2, Some(1))] {
        let key = key(1, webhook);
        board.wake(key, NOW, NOW);
        board.changed(key, Rate { per_second, concurrent: 1 }, NOW);
        take(&mut board, NOW);
        board.gates.get_mut(&key).unwrap().next_due = None;
        end(&mut board, key, Turn::Succeeded, None, NOW);
    }
    assert_eq!(board.gates.keys().copied().collect::<Vec<_>>(), [key(1, 2)]);
    assert_eq!(board.in_flight, 0);
}
