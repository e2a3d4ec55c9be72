//! Guests that do their worst. Each ends as an error record of its kind, and the neighbour's call works after it.

use leadhook_sandbox::{
    Call, Delivery, FRAMES_MAX, Kind, LOG_BYTES_MAX, LOG_LINES_MAX, LOG_TAIL_LINES_MAX, Limits, Verdict,
};

use crate::guest::{
    Laid, call, delivery, draft, fails, healthy, load, run, skipping, transform_module, transform_with,
};

const LOOP: &str = "(func $spin (loop (br 0))) BODY (call $spin) (unreachable)";

/// Limits of which only the deadline can be met by a loop.
fn by_the_clock(deadline_ms: u64) -> Limits {
    Limits { fuel: Limits::MAX.fuel, deadline_ms, ..Limits::DEFAULT }
}

/// Limits that leave a slow machine its time.
fn without_haste() -> Limits {
    Limits { deadline_ms: Limits::MAX.deadline_ms, ..Limits::DEFAULT }
}

#[test]
fn an_endless_loop_ends_by_its_fuel() {
    let limits = Limits { fuel: 1_000_000, ..without_haste() };
    let record = fails(&load(&transform_module(LOOP)), limits);
    assert_eq!((record.kind, record.fuel_used), (Kind::Fuel, 1_000_000));
    assert!(record.frames.contains(&"spin".to_owned()), "{:?}", record.frames);
    assert!(record.detail.contains("1000000"), "{}", record.detail);
}

#[test]
fn an_endless_loop_ends_by_its_deadline() {
    let record = fails(&load(&transform_module(LOOP)), by_the_clock(1));
    assert_eq!(record.kind, Kind::Deadline);
    assert!(record.fuel_used < Limits::MAX.fuel);
}

#[test]
fn an_endless_loop_at_the_start_ends_too() {
    let wasm = transform_module("(func $spin (loop (br 0))) (start $spin) BODY (unreachable)");
    let refusal = crate::guest::SANDBOX.load(&wasm).unwrap_err();
    assert!(refusal.to_string().contains("cannot be started"), "{refusal}");
    healthy();
}

#[test]
fn deep_recursion_is_a_trap_with_a_bounded_trace() {
    let record = fails(&load(&transform_module("(call $run (local.get 0))")), without_haste());
    assert_eq!(record.kind, Kind::Trap);
    assert!(record.detail.contains("recursion"), "{}", record.detail);
    assert_eq!(record.frames.len(), FRAMES_MAX);
}

#[test]
fn a_memory_bomb_ends_at_its_limit() {
    let bomb = transform_module("(loop (drop (memory.grow (i32.const 16))) (br 0)) (unreachable)");
    let limits = Limits { memory_bytes: 8 << 20, ..without_haste() };
    let record = fails(&load(&bomb), limits);
    assert_eq!(record.kind, Kind::Memory);
    assert!(record.memory_bytes_peak <= limits.memory_bytes && record.memory_bytes_peak > 7 << 20);
}

#[test]
fn a_table_counts_as_memory() {
    let growth = transform_module(
        "(table $t 1 funcref) BODY
         (loop (drop (table.grow $t (ref.null func) (i32.const 1024))) (br 0)) (unreachable)",
    );
    let plugin = load(&growth);
    let limits = Limits { memory_bytes: 512 * 1024, ..without_haste() };
    assert_eq!(fails(&plugin, limits).kind, Kind::Memory);
    assert_eq!(fails(&plugin, without_haste()).kind, Kind::Memory, "a table has a size of its own besides");
}

#[test]
fn more_memory_than_the_call_may_have_at_the_start_is_an_error_of_the_call() {
    let large = transform_module(&skipping("x"));
    let record = fails(&load(&large), Limits { memory_bytes: 64 * 1024, ..without_haste() });
    assert_eq!(record.kind, Kind::Memory);
}

#[test]
fn a_trap_an_abort_and_a_bad_access_are_traps() {
    for (body, word) in [
        ("(unreachable)", "gave up"),
        ("(i32.div_u (i32.const 1) (i32.const 0))", "divide by zero"),
        ("(i32.load (i32.const -4))", "out of bounds"),
    ] {
        let record = fails(&load(&transform_module(body)), without_haste());
        assert_eq!(record.kind, Kind::Trap, "{body}");
        assert!(record.detail.contains(word), "{}", record.detail);
        assert_eq!(record.frames.first().map(String::as_str), Some("run"), "{body}");
    }
}

const LOG: &str = r#"(import "leadhook:plugin/host@1.0.0" "log" (func $log (param i32 i32 i32)))"#;

#[test]
fn a_log_flood_is_cut_and_marked() {
    let flood = transform_with(
        LOG,
        &skipping("done").replace(
            "BODY",
            "BODY (local $left i32) (local.set $left (i32.const 1000))
             (loop (call $log (i32.const 2) (i32.const 1024) (i32.const 4))
               (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))",
        ),
    );
    let ran = run(&load(&flood));
    assert_eq!(ran.result, Ok(Verdict::Skip("done".to_owned())));
    assert_eq!((ran.log.lines.len(), ran.log.cut), (LOG_LINES_MAX, true));
}

#[test]
fn one_huge_line_is_cut_and_more_than_a_hand_over_is_an_output_error() {
    let line = |bytes: u32| {
        let body = format!(
            "(drop (memory.grow (i32.const 64)))
             (call $log (i32.const 0) (i32.const 131072) (i32.const {bytes})) (unreachable)"
        );
        load(&transform_with(LOG, &body))
    };
    let record = fails(&line(1 << 20), without_haste());
    assert_eq!(record.kind, Kind::Trap);
    assert_eq!(record.log_tail[0].text.len(), LOG_BYTES_MAX);
    assert_eq!(fails(&line(3 << 20), without_haste()).kind, Kind::Output);
}

#[test]
fn the_tail_of_the_log_is_in_the_record_and_what_a_panic_said_in_its_detail() {
    let line = "(call $log (i32.const 3) (i32.const 1024) (i32.const 4))".repeat(LOG_TAIL_LINES_MAX + 5);
    let body = format!("{} BODY {line} (unreachable)", Laid::default().text(64, 1024, b"oops").segments());
    let record = fails(&load(&transform_with(LOG, &body)), without_haste());
    assert_eq!(record.log_tail.len(), LOG_TAIL_LINES_MAX);
    assert!(record.detail.ends_with("Its last line: oops"), "{}", record.detail);
}

/// A `skip` whose text is as long as the guest says.
fn huge_output(bytes: u32) -> String {
    format!(
        "(drop (memory.grow (i32.const 64)))
         (i32.store8 (i32.const 16) (i32.const 1))
         (i32.store (i32.const 24) (i32.const 0))
         (i32.store (i32.const 28) (i32.const {bytes}))
         (i32.const 16)"
    )
}

#[test]
fn huge_output_is_an_output_error_and_a_lying_length_a_contract_error() {
    let huge = fails(&load(&transform_module(&huge_output(3 << 20))), without_haste());
    assert_eq!(huge.kind, Kind::Output, "{huge}");
    let lying = fails(&load(&transform_module(&huge_output(100 << 20))), without_haste());
    assert_eq!(lying.kind, Kind::Contract, "{lying}");
}

#[test]
fn a_delivery_that_is_too_large_is_no_fault_of_the_plugin() {
    let plugin = load(&transform_module("(unreachable)"));
    let large = Delivery { lead: " ".repeat(300 * 1024), ..delivery() };
    let ran = plugin.transform(&call(&large), &draft());
    assert_eq!(ran.result.unwrap_err().kind, Kind::Input);
    let raised = Limits { input_bytes: Limits::MAX.input_bytes, ..without_haste() };
    let ran = plugin.transform(&Call { limits: raised, ..call(&large) }, &draft());
    assert_eq!(ran.result.unwrap_err().kind, Kind::Trap, "within the limit it is called");
}

#[test]
fn after_many_failures_of_every_kind_all_places_and_slots_are_free() {
    let guests = [
        transform_module("(loop (drop (memory.grow (i32.const 16))) (br 0)) (unreachable)"),
        transform_module("(call $run (local.get 0))"),
        transform_module("(unreachable)"),
        transform_module(LOOP),
    ]
    .map(|wasm| load(&wasm));
    let limits = Limits { fuel: 100_000, memory_bytes: 4 << 20, ..without_haste() };
    std::thread::scope(|scope| {
        for guest in &guests {
            scope.spawn(move || {
                for _ in 0..100 {
                    fails(guest, limits);
                }
            });
        }
    });
}
