//! Chains in place: what fits comes out as it would anywhere, and of what does not nothing is left.

use std::{collections::BTreeMap, sync::Arc};

use leadhook_core::{plugin::Decided, plugin::Stored, time::Timestamp, webhook::OnError};
use leadhook_sandbox::{
    Delivery, Kv, Limits, NoState,
    chain::{Link, Passed, Stage, pass, pass_in_place},
};

use crate::guest::{Laid, delivery, draft, load, transform_with};

const IMPORTS: &str = r#"
  (import "leadhook:plugin/host@1.0.0" "log" (func $log (param i32 i32 i32)))
  (import "leadhook:plugin/kv@1.0.0" "set" (func $set (param i32 i32 i32 i32 i32 i32)))
  (import "leadhook:plugin/kv@1.0.0" "get" (func $get (param i32 i32 i32)))
"#;

/// How a delivery tells the guest what to do: by when it occurred.
const LIGHT: u64 = 0;
const TRAPPING: u64 = 1;
const READING: u64 = 2;
const GROWING: u64 = 3;
/// So many turns of a loop, each of which takes fuel.
const HUNGRY: u64 = 400_000;

/// Logs `n`, sets `n`, does as it is told and puts the delivery off until 42.
fn link(state: Arc<dyn Kv>) -> Link {
    let data = Laid::default().byte(1024, b'n').byte(16, 2).byte(24, 42).segments();
    let body = format!(
        "{data} BODY
         (local $left i64)
         (call $log (i32.const 1) (i32.const 1024) (i32.const 1))
         (call $set (i32.const 1024) (i32.const 1) (i32.const 1024) (i32.const 1) (i32.const 0) (i32.const 0))
         (local.set $left (i64.load (i32.add (local.get 0) (i32.const 32))))
         (if (i64.eq (local.get $left) (i64.const {TRAPPING})) (then (unreachable)))
         (if (i64.eq (local.get $left) (i64.const {READING}))
           (then (call $get (i32.const 16) (i32.const 1) (i32.const 512))))
         (if (i64.eq (local.get $left) (i64.const {GROWING})) (then (drop (memory.grow (i32.const 256)))))
         (block $done (loop
           (br_if $done (i64.le_s (local.get $left) (i64.const 0)))
           (local.set $left (i64.sub (local.get $left) (i64.const 1)))
           (br 0)))
         (i32.const 16)"
    );
    Link {
        name: "told".to_owned(),
        plugin: load(&transform_with(IMPORTS, &body)),
        config: Arc::from("{}"),
        secrets: Arc::new(BTreeMap::new()),
        on_error: OnError::SendOriginal,
        state,
    }
}

fn on_stage<T>(occurred_at_ms: u64, work: impl FnOnce(&Stage<'_>) -> T) -> T {
    let delivery = Delivery { occurred_at_ms, ..delivery() };
    let limits = Limits { deadline_ms: 1000, ..Limits::DEFAULT };
    work(&Stage { delivery: &delivery, now: Timestamp(500), seed: 7, limits, keep: None })
}

fn whole(link: &Link, occurred_at_ms: u64) -> Passed {
    on_stage(occurred_at_ms, |stage| pass(stage, std::slice::from_ref(link), &draft()))
}

fn in_place(link: &Link, occurred_at_ms: u64) -> Option<Passed> {
    on_stage(occurred_at_ms, |stage| pass_in_place(stage, std::slice::from_ref(link), &draft()))
}

/// All that is recorded of a chain but the time that it took.
fn recorded(passed: Passed) -> String {
    let Passed { end, mut runs, changes } = passed;
    for run in &mut runs {
        run.elapsed_us = 0;
    }
    format!("{end:?} {runs:?} {changes:?}")
}

#[test]
fn what_fits_is_recorded_as_where_it_may_block() {
    let link = link(Arc::new(NoState));
    assert!(in_place(&link, LIGHT).is_none(), "nobody knows yet what it takes");
    for told in [LIGHT, TRAPPING] {
        let expected = recorded(whole(&link, told));
        assert_eq!(recorded(in_place(&link, told).unwrap()), expected);
    }
}

#[test]
fn a_plugin_that_turns_out_hungry_gets_its_whole_budget_and_nothing_of_the_try_shows() {
    let tried = link(Arc::new(NoState));
    whole(&tried, LIGHT);
    assert!(in_place(&tried, HUNGRY).is_none());
    let passed = whole(&tried, HUNGRY);
    let run = &passed.runs[0];
    assert!(run.fuel > 1_000_000 && run.decided == Decided::Deferred { until: Timestamp(42) }, "{run:?}");
    assert_eq!((passed.runs.len(), run.log.len()), (1, 1));
    let untried = link(Arc::new(NoState));
    assert_eq!(recorded(passed), recorded(whole(&untried, HUNGRY)));
}

#[test]
fn a_plugin_that_was_too_much_is_not_tried_again_for_a_while() {
    for told in [HUNGRY, GROWING] {
        let link = link(Arc::new(NoState));
        whole(&link, LIGHT);
        assert!(in_place(&link, LIGHT).is_some());
        assert!(in_place(&link, told).is_none(), "{told}");
        let mut calls = 0;
        while in_place(&link, LIGHT).is_none() {
            whole(&link, LIGHT);
            calls += 1;
        }
        assert_eq!(calls, 64, "{told}");
    }
}

/// State that nobody may wait for in place.
struct Slow;

impl Kv for Slow {
    fn read(&self, _: &str) -> Result<Option<Stored>, String> {
        panic!("it was read in place")
    }
}

#[test]
fn state_is_not_waited_for_in_place() {
    let link = Link { state: Arc::new(Slow), ..link(Arc::new(NoState)) };
    whole(&link, LIGHT);
    assert!(in_place(&link, READING).is_none());
    let link = Link { state: Arc::new(NoState), ..link };
    assert_eq!(whole(&link, READING).runs[0].reads.len(), 1);
    assert!(in_place(&link, LIGHT).is_none(), "it reads state");
}
