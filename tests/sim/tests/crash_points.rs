//! A session of the store is crashed at every write and sync, and again while it recovers: nothing acknowledged is lost.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests end by panicking")]

mod session;

use std::panic::catch_unwind;

use leadhook_sim::disk::{Crash, Disk, Step};
use session::Session;

/// How often a session may have to begin anew.
const LIVES_MAX: u32 = 12;

/// Crashes a session at a step, recovers through further crashes, and finishes it: how often it crashed, and what was
/// lost.
fn crashed_at(step: u32, crash: Crash, ignores_sync: bool) -> (u64, Option<String>) {
    let disk = Disk::new(u64::from(step));
    if ignores_sync {
        disk.ignore_syncs();
    }
    disk.begin_life();
    let mut session = Session::default();
    // A file that is made is made under another name, and is not part of what is crashed here.
    session::make(&disk);
    disk.crash_at(Some((Step::Any(step), crash)));
    let mut lives = 0;
    while !session.go_on(&disk) {
        lives += 1;
        if lives == LIVES_MAX {
            let why = session.lost(&disk).unwrap_or_default();
            return (disk.counts().crashes, Some(format!("it does not come up again: {why}")));
        }
        disk.begin_life();
        // The first times it crashes again while it opens, or soon after.
        let next = 1 + (step + 3 * lives) % 11;
        disk.crash_at((lives <= 3).then_some((Step::Any(next), crash)));
    }
    (disk.counts().crashes, session.lost(&disk))
}

/// Crashes at every step, from the first to the first that a session does not reach: how often, and what was lost.
fn every_step(crash: Crash, ignores_sync: bool) -> (u64, Vec<String>) {
    let (mut crashes, mut lost) = (0, Vec::new());
    for step in 1.. {
        let ended = catch_unwind(|| crashed_at(step, crash, ignores_sync));
        let (crashed, loss) = ended.unwrap_or_else(|_| (1, Some("the store ended in a panic".to_owned())));
        crashes += crashed;
        lost.extend(loss.map(|loss| format!("step {step}: {loss}")));
        if crashed == 0 || (ignores_sync && !lost.is_empty()) {
            break;
        }
    }
    (crashes, lost)
}

#[test]
fn power_cut_at_any_step_loses_nothing_that_was_acknowledged() {
    let (crashes, lost) = every_step(Crash::PowerCut, false);
    assert!(lost.is_empty(), "{lost:#?}");
    assert!(crashes > 200, "{crashes} crashes");
    println!("{crashes} power cuts");
}

#[test]
fn being_killed_at_any_step_loses_nothing_that_was_acknowledged() {
    let (crashes, lost) = every_step(Crash::Kill, false);
    assert!(lost.is_empty(), "{lost:#?}");
    assert!(crashes > 200, "{crashes} crashes");
    println!("{crashes} kills");
}

#[test]
fn a_disk_that_does_not_sync_is_seen_to_lose() {
    let (_, lost) = every_step(Crash::PowerCut, true);
    assert!(!lost.is_empty(), "the test cannot see what a missing sync loses");
}
