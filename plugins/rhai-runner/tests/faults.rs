//! A script that is wrong: where and why, at upload and in a run, and the limits that it meets with its line.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

mod stage;

use leadhook_rhai_runner::{Runner, fake};
use stage::{accept, sent};

fn parse(script: &str) -> String {
    match Runner::new().parse(script) {
        Ok(found) => format!("{}{}{}", found.filter, found.transform, found.receipt),
        Err(fault) => format!("{}:{} {}", fault.line, fault.column, fault.message),
    }
}

#[test]
fn a_script_says_what_it_is() {
    let table = [
        ("fn filter(lead) { true }", "truefalsefalse"),
        ("request.clear();", "falsetruefalse"),
        ("fn filter(l) { true } fn receipt(l, r) { } request.clear();", "truetruetrue"),
        ("fn transform(lead, request) { }", "falsetruefalse"),
    ];
    for (script, expected) in table {
        assert_eq!(parse(script), expected, "{script}");
    }
}

#[test]
fn a_script_that_cannot_be_read_is_refused_with_line_and_column() {
    let table = [
        ("let x = ;\n", "1:9 "),
        ("\n\n  request.set(\"a\" 1);", "3:19 "),
        ("let s = \"abc", "1:9 "),
        ("fn filter(a, b) { true }", "1:17 write it `fn filter(lead)`, and only once"),
        ("fn transform(a, b) { }\n  request.clear();", "2:3 with `fn transform`, statements outside"),
        ("// only words", "1:1 nothing to run"),
        ("", "1:1 nothing to run"),
        ("fn other() { }", "1:1 nothing to run"),
        ("import \"x\" as x;", "1:1 "),
        ("eval(\"1\");", "1:1 "),
        ("let f = |a| a; f.curry(1);", "1:18 "),
        ("let x = 1; switch x { 1 => }", "1:28 "),
    ];
    for (script, expected) in table {
        let said = parse(script);
        assert!(said.starts_with(expected), "{script}: {said}");
    }
    assert!(parse(&" ".repeat(300_000)).contains("at most 262144"));
}

#[test]
fn a_mistake_in_a_run_names_line_column_and_function() {
    let table = [
        (
            "\n  lead.calerphone;",
            "line 2, column 7: a lead has no parameter `calerphone`; did you mean `callerphone`?",
        ),
        ("lead.type.len() + nothing", "line 1, column 19: there is no `nothing`"),
        (
            "lead.fio.len();",
            "line 1, column 10: `len` was asked of (), which is nothing: is a value absent here?",
        ),
        (
            "fn tidy(x) {\n x.no_such() }\ntidy(1);",
            "line 2, column 4, in `tidy`: there is no function no_such (i64)",
        ),
        (
            "fn transform(l, r) {\n r.set(1) }",
            "line 2, column 4, in `transform`: there is no function set (request, i64)",
        ),
        ("[1].map(|x| { throw \"in\" });", "line 1, column 15, in `map`: in"),
        (
            "request.set(\"a\", [1]);",
            "line 1, column 9: a field holds a text, not an array: use to_json(…) or join(…)",
        ),
        ("config.x = 1;", "line 1, column 7: `x` is only read here"),
        ("lead.tags_manual.push(\"a\");", "line 1, column 5: `tags_manual` is only read here"),
        ("lead.callerphone.pop();", "line 1, column 5: `callerphone` is only read here"),
        ("config.push(1);", "line 1, column 8: there is no function push (config, i64)"),
        ("lead.fio = 1;", "line 1, column 5: `fio` is only read here"),
        (
            "request.raw(\"a\", \"b\"); request.set(\"c\", 1);",
            "line 1, column 32: the request's body is no form",
        ),
        ("response.status", "line 1, column 1: `response` is in sight in fn receipt only"),
        ("let x = 1 / 0;", "line 1, column 11: Division by zero"),
    ];
    for (script, expected) in table {
        let said = sent(script);
        assert!(said.starts_with(&format!("final script: {expected}")), "{script}: {said}");
    }
    assert!(accept("let x = ;").unwrap_err().starts_with("final script: line 1, column 9: "));
}

#[test]
fn a_mistake_can_be_caught_by_the_script() {
    assert!(sent("try { lead.nothing_like_it; } catch (e) { skip(e); }").starts_with("skip "));
}

#[test]
fn what_grows_without_end_meets_a_limit_with_its_line() {
    let table = [
        ("loop {}", "takes too many steps"),
        ("fn f(n) { f(n + 1) } f(0);", "functions call each other too deep"),
        ("fn f(n) { [n].map(|x| f(x)) } f(0);", "functions call each other too deep"),
        ("let s = \"x\"; loop { s += s; }", "too large: Length of string"),
        ("let s = \"x\"; loop { s.pad(s.len() * 2, 'x'); }", "too large: Length of string"),
        ("let s = \"x\"; loop { s = s.replaced(\"x\", \"xxxx\"); }", "too large: Length of string"),
        ("let s = \"xx\"; loop { s = [s, s, s].join(s); }", "too large: Length of string"),
        ("let s = `x`; loop { s = `${s}${s}`; }", "too large: Length of string"),
        ("let a = []; loop { a.push(1); }", "too large: Size of array"),
        ("let a = [1]; loop { a += a; }", "too large: Size of array"),
        ("let a = []; a.pad(1000000000, 1);", "too large: Size of array"),
        ("let m = #{}; let n = 0; loop { m[`${n}`] = 1; n += 1; }", "too "),
        ("let a = []; loop { a = [a, a]; }", "too "),
    ];
    for (script, expected) in table {
        let said = sent(script);
        assert!(said.starts_with("final script") && said.contains(expected), "{script}: {said}");
        // rhai counts some steps where it knows no place.
        assert!(said.contains("line 1, column ") || said.contains("steps"), "{script}: {said}");
        let caught = sent(
            &format!("try {{ {script} }} catch {{ request.clear(); }} loop {{}}").replace("try { fn", "fn"),
        );
        assert!(caught.starts_with("final script"), "{script}: {caught}");
    }
}

#[test]
fn what_is_nested_too_deep_is_refused_when_it_is_read() {
    let deep = |open: &str, middle: &str, close: &str| {
        format!("let x = {}{middle}{};", open.repeat(5_000), close.repeat(5_000))
    };
    let table = [
        deep("(", "1", ")"),
        deep("[", "1", "]"),
        deep("!", "true", ""),
        deep("-", "1", ""),
        deep("#{a:", "1", "}"),
        deep("{", "1", "}"),
        deep("1+(", "1", ")"),
        deep("if true {", "1", "}"),
        deep("`${", "1", "}`"),
        deep("|x| ", "1", ""),
        format!("{}1;", "if true { 1 } else ".repeat(5_000)),
        format!("let x = 1{};", " + 1".repeat(5_000)),
        format!("let x = #{{}}; x{};", ".a".repeat(5_000)),
    ];
    for script in table {
        let said = parse(&script);
        assert!(said.starts_with("1:"), "{}…: {said}", &script[..30]);
    }
}

#[test]
fn memory_has_a_limit_with_a_line_and_what_was_used_before_is_not_held_against_a_call() {
    let mut runner = Runner::new();
    fake::with(|world| world.memory_bytes = 40 << 20);
    let mut run = |script: &str| stage::told(&runner.run(script, stage::delivery(), stage::request()));
    assert!(run("log(1);").starts_with("POST"));
    fake::with(|world| world.memory_bytes = 60 << 20);
    assert!(run("log(1);").starts_with("POST"), "it stood there already");
    let script = "try {\n loop {} } catch { }";
    fake::with(|world| (world.memory_bytes, world.memory_growth_bytes) = (30 << 20, 1 << 20));
    let said = run(script);
    assert!(said.starts_with("final script_limit: line 2, column "), "{said}");
    assert!(said.ends_with(": the script needs more than 48 MiB of memory"), "{said}");
    fake::with(|world| (world.memory_bytes, world.memory_growth_bytes) = (0, 0));
    assert!(run(script).contains("too many steps"), "nothing of it is left for the next call");
}
