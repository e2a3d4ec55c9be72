//! A plugin's state as guests reach it: the call's own writes are seen by it, and a failed call leaves none.

use std::{collections::BTreeMap, sync::Arc};

use leadhook_sandbox::{Call, Change, Kind, Kv, Stored, Verdict};

use crate::guest::{Laid, call, delivery, draft, load, transform_with};

const KV: &str = r#"
  (import "leadhook:plugin/kv@1.0.0" "get" (func $get (param i32 i32 i32)))
  (import "leadhook:plugin/kv@1.0.0" "increment" (func $add (param i32 i32 i64 i32 i32) (result i64)))
"#;

/// Adds 5 to `n` and defers to the sum.
fn counting(end: &str) -> Vec<u8> {
    let data = Laid::default().byte(1024, b'n').byte(16, 2).segments();
    let body = format!(
        "{data} BODY
         (i64.store (i32.const 24) (call $add (i32.const 1024) (i32.const 1) (i64.const 5) (i32.const 1) (i32.const 60)))
         {end} (i32.const 16)"
    );
    transform_with(KV, &body)
}

fn stored(text: &str) -> Option<Stored> {
    Some(Stored { value: text.as_bytes().to_vec(), expires_at_ms: None })
}

#[test]
fn a_write_is_handed_out_and_what_was_read_is_recorded_for_a_replay() {
    let plugin = load(&counting(""));
    let delivery = delivery();
    let base = BTreeMap::from([("n".to_owned(), stored("37"))]);
    let ran = plugin.transform(&Call { kv: Arc::new(base), ..call(&delivery) }, &draft());
    assert_eq!(ran.result, Ok(Verdict::Defer(42)));
    let end_ms = call(&delivery).now_ms + 60_000;
    assert_eq!(ran.kv.writes, [("n".to_owned(), Change::Add { by: 5, expires_at_ms: Some(end_ms) })]);
    let recorded: BTreeMap<_, _> = ran.kv.reads.into_iter().collect();
    let replayed = plugin.transform(&Call { kv: Arc::new(recorded), ..call(&delivery) }, &draft());
    assert_eq!(replayed.result, Ok(Verdict::Defer(42)));
}

#[test]
fn a_call_that_fails_leaves_no_write() {
    let ran = load(&counting("(unreachable)")).transform(&call(&delivery()), &draft());
    assert_eq!(ran.result.unwrap_err().kind, Kind::Trap);
    assert!(ran.kv.writes.is_empty());
    assert_eq!(ran.kv.reads.len(), 1);
}

#[test]
fn a_number_that_is_none_and_a_key_that_is_too_long_are_contract_errors() {
    let delivery = delivery();
    let base = BTreeMap::from([("n".to_owned(), stored("many"))]);
    let ran = load(&counting("")).transform(&Call { kv: Arc::new(base), ..call(&delivery) }, &draft());
    let record = ran.result.unwrap_err();
    assert_eq!(record.kind, Kind::Contract);
    assert!(record.detail.starts_with("kv.increment"), "{record}");
    let long =
        transform_with(KV, "(call $get (i32.const 1024) (i32.const 257) (i32.const 16)) (unreachable)");
    let record = load(&long).transform(&call(&delivery), &draft()).result.unwrap_err();
    assert_eq!(record.kind, Kind::Contract);
    assert!(record.detail.contains("257"), "{record}");
}

struct Broken;

impl Kv for Broken {
    fn read(&self, _: &str) -> Result<Option<Stored>, String> {
        Err("the store is away".to_owned())
    }
}

#[test]
fn state_that_cannot_be_read_is_no_fault_of_the_plugin() {
    let delivery = delivery();
    let ran = load(&counting("")).transform(&Call { kv: Arc::new(Broken), ..call(&delivery) }, &draft());
    let record = ran.result.unwrap_err();
    assert_eq!(record.kind, Kind::Sandbox);
    assert!(record.detail.contains("the store is away"), "{record}");
}
