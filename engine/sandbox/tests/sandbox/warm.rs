//! Scripts and the instances kept for them: for whom they are kept, and when they end.

use std::sync::LazyLock;

use leadhook_sandbox::{Call, Keep, Kind, Options, Plugin, Refusal, Runner, Sandbox, SandboxError, Verdict};

use crate::guest::{PLUGIN_WIT, SCRIPT_WIT, call, delivery, draft, module_for};

/// A runner whose scripts are one letter: it defers to how often its instance was called, `t` traps instead, `m`
/// first takes 32 MiB, and `x` does not parse.
static RUNNER_WASM: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let imports = r#"(import "leadhook:script/source@1.0.0" "source" (func $source (param i32)))"#;
    let body = r#"
      (global $calls (mut i64) (i64.const 0))
      (data (i32.const 1024) "no such letter")
      (func (export "leadhook:plugin/filter@1.0.0#accept")
        (param i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32) (result i32) (unreachable))
      (func (export "leadhook:plugin/receipt@1.0.0#judge") (param i32) (result i32) (unreachable))
      (func (export "leadhook:plugin/transform@1.0.0#run") (param i32) (result i32)
        (local $letter i32)
        (call $source (i32.const 64))
        (local.set $letter (i32.load8_u (i32.load (i32.const 64))))
        (if (i32.eq (local.get $letter) (i32.const 116)) (then (unreachable)))
        (if (i32.eq (local.get $letter) (i32.const 109)) (then (drop (memory.grow (i32.const 512)))))
        (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
        (i32.store8 (i32.const 16) (i32.const 2))
        (i64.store (i32.const 24) (global.get $calls))
        (i32.const 16))
      (func (export "leadhook:script/parser@1.0.0#parse") (param $at i32) (param i32) (result i32)
        (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 120))
          (then
            (i32.store8 (i32.const 128) (i32.const 1))
            (i32.store (i32.const 132) (i32.const 3))
            (i32.store (i32.const 136) (i32.const 7))
            (i32.store (i32.const 140) (i32.const 1024))
            (i32.store (i32.const 144) (i32.const 14)))
          (else (i32.store8 (i32.const 133) (i32.const 1))))
        (i32.const 128))"#;
    module_for(&[PLUGIN_WIT, SCRIPT_WIT], "runner", imports, body)
});

fn sandbox(warm_max: u32) -> (Sandbox, Runner) {
    let sandbox = Sandbox::new(Options { warm_max, calls_max: 4, ..Options::default() }).unwrap();
    let runner = sandbox.load_runner(&RUNNER_WASM).unwrap();
    (sandbox, runner)
}

/// How often the instance that served this call was called.
fn calls(script: &Plugin, account: &str, webhook: &str) -> u64 {
    let delivery = delivery();
    let call = Call { keep: Some(Keep { account, webhook }), ..call(&delivery) };
    match script.transform(&call, &draft()).result {
        Ok(Verdict::Defer(calls)) => calls,
        Err(record) if record.kind == Kind::Trap => 0,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_script_that_does_not_parse_is_refused_with_line_and_column() {
    let (sandbox, runner) = sandbox(1);
    let Err(SandboxError::Refused(refusal)) = sandbox.load_script(&runner, "x") else { panic!() };
    assert_eq!(refusal, Refusal::Script { line: 3, column: 7, detail: "no such letter".to_owned() });
    assert_eq!(refusal.position(), Some((3, 7)));
    let script = sandbox.load_script(&runner, "a").unwrap();
    assert!(script.is_script() && script.exports().transform && !script.exports().filter);
    let record = script.filter(&call(&delivery())).result.unwrap_err();
    assert_eq!(record.kind, Kind::Contract, "the runner has a filter, the script does not");
}

#[test]
fn a_customers_upload_is_not_taken_as_a_runner() {
    let (sandbox, _) = sandbox(1);
    let Err(SandboxError::Refused(refusal)) = sandbox.load(&RUNNER_WASM) else { panic!() };
    assert_eq!(refusal.code(), "unknown_import");
}

#[test]
fn an_instance_is_kept_for_one_account_webhook_and_script() {
    let (sandbox, runner) = sandbox(8);
    let (a, b) = (sandbox.load_script(&runner, "a").unwrap(), sandbox.load_script(&runner, "b").unwrap());
    assert_eq!([calls(&a, "1", "w"), calls(&a, "1", "w"), calls(&a, "1", "w")], [1, 2, 3]);
    assert_eq!(calls(&a, "2", "w"), 1, "another account");
    assert_eq!(calls(&a, "1", "v"), 1, "another webhook");
    assert_eq!(calls(&b, "1", "w"), 1, "another script");
    assert_eq!(calls(&a, "1", "w"), 4);
    assert_eq!(sandbox.warm_count(), 4);
    let fresh = a.transform(&call(&delivery()), &draft());
    assert_eq!(fresh.result, Ok(Verdict::Defer(1)), "a call that keeps nothing finds nothing");
}

#[test]
fn the_instance_used_longest_ago_goes_first_and_a_trap_or_much_memory_ends_one() {
    let (sandbox, runner) = sandbox(2);
    let script = |letter: &str| sandbox.load_script(&runner, letter).unwrap();
    let a = script("a");
    for webhook in ["u", "v", "u", "w"] {
        calls(&a, "1", webhook);
    }
    assert_eq!(sandbox.warm_count(), 2);
    assert_eq!(calls(&a, "1", "u"), 3);
    assert_eq!(calls(&a, "1", "v"), 1, "it made place for w");
    calls(&script("t"), "1", "x");
    assert_eq!([calls(&script("m"), "1", "y"), calls(&script("m"), "1", "y")], [1, 1]);
    assert_eq!(calls(&a, "1", "u"), 4, "neither took a place");
}

#[test]
fn limits_count_anew_in_a_kept_instance() {
    let (sandbox, runner) = sandbox(1);
    let script = sandbox.load_script(&runner, "a").unwrap();
    let delivery = delivery();
    let call = Call { keep: Some(Keep { account: "1", webhook: "w" }), ..call(&delivery) };
    let first = script.transform(&call, &draft()).usage;
    let second = script.transform(&call, &draft()).usage;
    assert!(second.fuel > 0 && second.fuel <= first.fuel);
    assert_eq!(second.memory_bytes_peak, first.memory_bytes_peak);
}
