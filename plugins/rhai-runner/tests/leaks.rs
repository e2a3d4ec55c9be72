//! Nothing of one call is there in the next, though script and engine stay warm: tests that try.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

mod stage;

use leadhook_rhai_runner::{Delivery, Runner, fake};
use stage::{LEAD, delivery, log, request, told};

/// A lead of another client.
fn other() -> Delivery {
    Delivery { lead: LEAD.replace("79990001001", "70000000000"), id: "d-2".to_owned(), ..delivery() }
}

#[test]
fn no_script_can_carry_anything_from_one_call_to_the_next() {
    let tries = [
        "let seen = 1; seen += 1; request.set(\"x\", seen);",
        "let list = [1, [2]]; list.push(lead.id); list[1].push(3); request.set(\"x\", to_json(list));",
        "let map = #{a: #{b: 1}}; map.a.b += 1; map.c = delivery.id; request.set(\"x\", to_json(map));",
        "const LIST = [1]; let l = LIST; l.push(2); request.set(\"x\", to_json([l, LIST]));",
        "let n = 0; let f = || { n += 1; n }; f.call(); request.set(\"x\", f.call());",
        "fn f() { let a = []; a.push(lead.id); a } f(); request.set(\"x\", to_json(f()));",
        "let c = config.to_map(); c.list.push(7); c.new = 1; request.set(\"x\", to_json([c, config.to_map()]));",
        "let t = lead.tags_manual; t.push(\"mine\"); request.set(\"x\", to_json([t, lead.tags_manual]));",
        "let p = lead.parameters; p.fio = \"mine\"; request.set(\"x\", lead.fio ?? \"none\");",
        "let s = \"a\"; s += \"b\"; s.pad(5, 'c'); request.set(\"x\", s);",
        "fn f(x = 1) { x } request.set(\"x\", 1);",
        "let request_kept = request; let lead_kept = lead; request_kept.set(\"x\", lead_kept.id);",
        "fn transform(lead, request) { let k = Fn(\"g\"); request.set(\"x\", k.call()); } fn g() { lead.id }",
        "if \"x\" in request.fields { fail(\"leak\", \"a field of an earlier call\") } request.set(\"x\", 1);",
        "request.set(\"x\", is_def_var(\"kept\")); let kept = 1;",
        "request.set(\"x\", lead.callerphone); skip(lead.callerphone);",
        "request.set(\"x\", lead.callerphone); throw lead.callerphone;",
        "let a = []; for i in 0..3 { a.push(|| i); } request.set(\"x\", a[0].call());",
        "let x = lead.callerphone; request.url += x; request.header(\"x\", x);",
        "response;",
    ];
    fake::with(|world| world.config = r#"{"list":[1]}"#.to_owned());
    let mut warm = Runner::new();
    for script in tries {
        let fresh = |delivery: Delivery| told(&Runner::new().run(script, delivery, request()));
        let (first, second) = (fresh(delivery()), fresh(other()));
        for _ in 0..3 {
            assert_eq!(told(&warm.run(script, delivery(), request())), first, "{script}");
            assert_eq!(told(&warm.run(script, other(), request())), second, "{script}");
        }
    }
}

#[test]
fn another_script_in_the_same_instance_sees_nothing_of_the_one_before() {
    let mut runner = Runner::new();
    let before = "fn secret_of_mine() { lead.callerphone } const KEPT = 1; let kept = 2; request.set(\"x\", secret_of_mine());";
    assert!(told(&runner.run(before, delivery(), request())).starts_with("POST"));
    for name in ["kept", "KEPT", "secret_of_mine()", "global::KEPT"] {
        let said = told(&runner.run(&format!("request.set(\"x\", {name});"), other(), request()));
        assert!(said.starts_with("final script: line 1, column"), "{name}: {said}");
    }
}

#[test]
fn config_is_that_of_each_call() {
    let mut runner = Runner::new();
    for prefix in ["+", "00"] {
        fake::with(|world| world.config = format!("{{\"prefix\":\"{prefix}\"}}"));
        let said = told(&runner.run("request.url = config.prefix;", delivery(), request()));
        assert!(said.starts_with(&format!("POST {prefix} ")), "{said}");
    }
}

#[test]
fn a_hook_sees_nothing_of_the_hook_before_it() {
    let script =
        "fn filter(lead) { let mark = 1; true } fn transform(lead, request) { log(is_def_var(\"mark\")); }";
    let mut runner = Runner::new();
    assert_eq!(runner.accept(script, delivery()).unwrap(), None);
    assert!(told(&runner.run(script, delivery(), request())).starts_with("POST"));
    assert_eq!(log(), ["info false"]);
}
