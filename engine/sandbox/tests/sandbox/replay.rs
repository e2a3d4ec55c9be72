//! A guest sees what its call gives it, and with the same call it decides the same.

use std::{collections::BTreeMap, sync::Arc};

use leadhook_sandbox::{Call, Verdict};

use crate::guest::{Laid, call, delivery, draft, load, transform_with};

const HOST: &str = r#"
  (import "leadhook:plugin/host@1.0.0" "random" (func $random (result i64)))
  (import "leadhook:plugin/host@1.0.0" "now-ms" (func $now (result i64)))
  (import "leadhook:plugin/host@1.0.0" "config" (func $config (param i32)))
  (import "leadhook:plugin/host@1.0.0" "secret" (func $secret (param i32 i32 i32)))
"#;

fn deferring(to: &str) -> Vec<u8> {
    transform_with(
        HOST,
        &format!("(i32.store8 (i32.const 16) (i32.const 2)) (i64.store (i32.const 24) {to}) (i32.const 16)"),
    )
}

fn deferred(wasm: &[u8], call: &Call<'_>) -> u64 {
    match load(wasm).transform(call, &draft()).result.unwrap() {
        Verdict::Defer(to) => to,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_time_is_the_calls_and_random_numbers_follow_from_its_seed() {
    let delivery = delivery();
    let call = call(&delivery);
    assert_eq!(deferred(&deferring("(call $now)"), &call), call.now_ms);
    let second = deferring("(drop (call $random)) (call $random)").clone();
    let first = deferring("(call $random)");
    assert_eq!(deferred(&first, &call), deferred(&first, &call));
    assert_ne!(deferred(&first, &call), deferred(&second, &call), "numbers of one call differ");
    let other = Call { seed: call.seed + 1, ..call.clone() };
    assert_ne!(deferred(&first, &call), deferred(&first, &other), "and those of two deliveries");
}

#[test]
fn configuration_and_granted_secrets_are_there_and_no_others() {
    let data = Laid::default().byte(16, 1).segments();
    let config = transform_with(HOST, &format!("{data} BODY (call $config (i32.const 24)) (i32.const 16)"));
    let delivery = delivery();
    let granted = BTreeMap::from([("key".to_owned(), "value".to_owned())]);
    let call = Call { config: Arc::from(r#"{"a":1}"#), secrets: Arc::new(granted), ..call(&delivery) };
    let said = |wasm: &[u8]| load(wasm).transform(&call, &draft()).result.unwrap();
    assert_eq!(said(&config), Verdict::Skip(r#"{"a":1}"#.to_owned()));
    let secret = |name: &str| {
        let data = Laid::default().byte(16, 1).text(64, 1024, name.as_bytes()).segments();
        let length = name.len();
        transform_with(
            HOST,
            &format!(
                "{data} BODY (call $secret (i32.const 1024) (i32.const {length}) (i32.const 128))
                 (if (i32.load8_u (i32.const 128))
                   (then (i64.store (i32.const 24) (i64.load (i32.const 132)))))
                 (i32.const 16)"
            ),
        )
    };
    assert_eq!(said(&secret("key")), Verdict::Skip("value".to_owned()));
    assert_eq!(said(&secret("other")), Verdict::Skip(String::new()));
}

#[test]
fn nothing_is_left_of_one_call_in_the_next() {
    let counting = "(global $calls (mut i64) (i64.const 0)) BODY
         (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
         (i32.store8 (i32.const 16) (i32.const 2)) (i64.store (i32.const 24) (global.get $calls)) (i32.const 16)";
    let plugin = load(&transform_with("", counting));
    for _ in 0..3 {
        let ran = plugin.transform(&call(&delivery()), &draft());
        assert_eq!(ran.result, Ok(Verdict::Defer(1)));
    }
}
