//! leadhook-sim: the real core, store and dispatcher under a seeded script of events, faults and crashes.
//!
//! [`run()`] takes one seed through a whole run: the engine lives on a simulated disk and clock with simulated handlers, is
//! crashed and started again, and at the end all that is owed has to end. Then every [`Invariant`] is checked against
//! what happened, and against a plain reference that says what was owed. The same seed gives the same run, to the line.
//!
//! Commands that read are carried out one at a time, and those that only write in transactions of several, in an order and in
//! groups that the seed decides, so that threads make no difference.

mod check;
mod clock;
pub mod dice;
pub mod disk;
mod handler;
mod history;
mod model;
mod mutation;
mod run;
mod script;
mod store;
mod world;

pub use check::{Invariant, Violation};
pub use mutation::Mutation;
pub use run::{Report, run};

use std::{
    ops::Range,
    sync::{Mutex, PoisonError, mpsc},
};

/// How many seeds run at one time: more than there are processors, since a run waits for the store to open again.
const AT_ONCE: usize = 8;

/// Runs every seed, some at a time, and hands the reports on in the order of the seeds.
pub fn sweep(seeds: Range<u64>, run: impl Fn(u64) -> Report + Sync, mut take: impl FnMut(Report)) {
    let next = Mutex::new(seeds.clone());
    let (told, heard) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            let (told, next, run) = (told.clone(), &next, &run);
            scope.spawn(move || {
                loop {
                    let seed = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(seed) = seed else { return };
                    if told.send(run(seed)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(told);
        let mut waiting = std::collections::BTreeMap::new();
        for due in seeds {
            let report = loop {
                if let Some(report) = waiting.remove(&due) {
                    break Some(report);
                }
                let Ok(report) = heard.recv() else { break None };
                waiting.insert(report.seed, report);
            };
            report.map(&mut take);
        }
    });
}

/// Runs seeds with a deliberate mistake until the invariant that is to catch it does: the seed, and what it told.
pub fn catch(mutation: Mutation, mut seeds: Range<u64>) -> Option<(u64, Violation)> {
    seeds.find_map(|seed| {
        let report = run(seed, Some(mutation));
        let caught = report.violations.into_iter().find(|one| mutation.caught_by() == one.invariant);
        caught.map(|violation| (seed, violation))
    })
}
