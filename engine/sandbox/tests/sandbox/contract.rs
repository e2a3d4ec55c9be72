//! What a plugin decides is handed on; what it may not return is a contract error that names it.

use leadhook_sandbox::{Body, Draft, Judgement, Kind, Limits, Pair, REASON_BYTES_MAX, Response, Verdict};

use crate::guest::{
    ECHO, Laid, call, delivery, draft, fails, load, module, run, sending, skipping, transform_module,
};

#[test]
fn a_request_passes_through_a_plugin_unchanged() {
    assert_eq!(run(&load(&transform_module(ECHO))).result, Ok(Verdict::Send(draft())));
}

#[test]
fn a_request_of_the_plugins_own_is_handed_on() {
    let wasm = transform_module(&sending(b"GET", "http://a.example/", ("X-A", "1"), ("phone", "2")));
    let expected = Draft {
        method: "GET".to_owned(),
        url: "http://a.example/".to_owned(),
        headers: vec![Pair::new("x-a", "1")],
        body: Body::Form(vec![Pair::new("phone", "2")]),
    };
    assert_eq!(run(&load(&wasm)).result, Ok(Verdict::Send(expected)));
}

#[test]
fn what_may_not_be_sent_is_a_contract_error_that_names_it() {
    let fine = ("a", "b");
    for (body, field) in [
        (sending(b"", "https://a.example/", fine, fine), "request.method"),
        (sending(b"POST", "file:///etc/passwd", fine, fine), "request.url"),
        (sending(b"POST", "https://a.example/", ("a", "1\r\nb: 2"), fine), "request.headers[0]"),
        (sending(b"P\xffST", "https://a.example/", fine, fine), "utf-8"),
    ] {
        let record = fails(&load(&transform_module(&body)), Limits { deadline_ms: 1000, ..Limits::DEFAULT });
        assert_eq!(record.kind, Kind::Contract, "{record}");
        assert!(record.detail.to_lowercase().contains(field), "{record}");
    }
}

#[test]
fn a_reason_is_cut_and_a_time_to_come_back_is_handed_on() {
    let long = "a".repeat(REASON_BYTES_MAX * 2);
    let skipped = run(&load(&transform_module(&skipping(&long))));
    assert_eq!(skipped.result, Ok(Verdict::Skip("a".repeat(REASON_BYTES_MAX))));
    let body =
        "(i32.store8 (i32.const 16) (i32.const 2)) (i64.store (i32.const 24) (i64.const 42)) (i32.const 16)";
    assert_eq!(run(&load(&transform_module(body))).result, Ok(Verdict::Defer(42)));
}

#[test]
fn a_failure_of_the_plugins_own_keeps_its_code_and_whether_to_try_again() {
    let data = Laid::default().byte(16, 3).text(24, 1024, b"quota").text(32, 2048, b"come back").byte(40, 1);
    let wasm = transform_module(&format!("{} BODY (i32.const 16)", data.segments()));
    let record = fails(&load(&wasm), Limits { deadline_ms: 1000, ..Limits::DEFAULT });
    assert_eq!((record.kind, record.detail.as_str()), (Kind::Failed, "come back"));
    assert_eq!((record.code.as_deref(), record.retryable), (Some("quota"), Some(true)));
}

const ACCEPT: &str = r#"(func (export "leadhook:plugin/filter@1.0.0#accept")
  (param i32 i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32) (result i32)"#;

#[test]
fn a_filter_lets_pass_or_says_why_not() {
    let delivery = delivery();
    let passing = load(&module("filter", "", &format!("{ACCEPT} (i32.const 16))")));
    assert_eq!(passing.filter(&call(&delivery)).result, Ok(None));
    let data = Laid::default().byte(16, 0).byte(20, 1).text(24, 1024, b"not today");
    let refusing = load(&module("filter", "", &format!("{} {ACCEPT} (i32.const 16))", data.segments())));
    assert_eq!(refusing.filter(&call(&delivery)).result, Ok(Some("not today".to_owned())));
    let exports = refusing.exports();
    assert!(exports.filter && !exports.transform && !exports.receipt);
    let record = refusing.transform(&call(&delivery), &draft()).result.unwrap_err();
    assert_eq!(record.kind, Kind::Contract, "what is not exported cannot be called");
}

#[test]
fn a_receipt_judges_an_answer() {
    let response =
        Response { status: 200, headers: vec![Pair::new("a", "b")], body: b"{}".to_vec(), elapsed_ms: 5 };
    let judge = |data: &Laid| {
        let function = r#"(func (export "leadhook:plugin/receipt@1.0.0#judge") (param i32) (result i32)"#;
        let wasm = module("receipt", "", &format!("{} {function} (i32.const 16))", data.segments()));
        load(&wasm).judge(&call(&delivery()), &response).result
    };
    assert_eq!(judge(&Laid::default()), Ok(Judgement::Delivered));
    assert_eq!(judge(&Laid::default().byte(16, 1)), Ok(Judgement::RetryAfter(None)));
    let after = Laid::default().byte(16, 1).byte(20, 1).byte(24, 30);
    assert_eq!(judge(&after), Ok(Judgement::RetryAfter(Some(30))));
    let refused = Laid::default().byte(16, 2).text(20, 1024, b"no such field");
    assert_eq!(judge(&refused), Ok(Judgement::Refused("no such field".to_owned())));
}
