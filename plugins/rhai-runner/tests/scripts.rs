//! What a script can do: read the lead, change the request, end itself, judge an answer, keep state.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

mod stage;

use leadhook_rhai_runner::{Judgement, Runner, Verdict, fake};
use stage::{accept, judge, log, response, run, sent, told, value};

#[test]
fn a_script_of_statements_is_the_transform() {
    let script = r#"
        if lead.callerphone.starts_with("7495") { skip("Moscow numbers are not sent"); }
        request.set("phone", "+" + lead.callerphone);
    "#;
    assert_eq!(
        sent(script),
        "POST https://crm.example/leads x-first=1 callerphone=79990001001&utm_source=yandex&phone=+79990001001"
    );
    assert_eq!(sent(&script.replace("7495", "7999")), "skip Moscow numbers are not sent");
}

#[test]
fn the_lead_is_read_by_canonical_names() {
    let table = [
        ("lead.callerphone", "79990001001"),
        ("lead[\"utm_source\"]", "yandex"),
        ("lead.fio == ()", "true"),
        ("lead.fio ?? \"nobody\"", "nobody"),
        ("lead.has(\"fio\")", "false"),
        ("\"duration\" in lead", "true"),
        ("lead.tags_manual.len()", "2"),
        ("lead.tags_manual.join(\", \")", "горячий, окна"),
        ("lead.tags_api.join(\", \")", ""),
        ("\"окна\" in lead.tags_manual", "true"),
        ("lead.comment[0].comment", "Перезвонить"),
        ("lead.visits[0].url", "https://shop.example/windows"),
        ("lead.duration.parse_int() + 1", "195"),
        ("lead.site + lead.type + lead.id + lead.timezone", "60001call1500000001Europe/Moscow"),
        ("lead.parameters.status", "successful"),
        ("lead.callerphone.to_upper() + lead.callerphone.sub_string(0, 1)", "799900010017"),
        ("delivery.id + delivery.webhook + delivery.site + delivery.trigger", "d-1crm60001call.ended"),
        ("delivery.occurred_at", "1772444703000"),
        ("delivery.sample || delivery.resend", "false"),
    ];
    for (expression, expected) in table {
        assert_eq!(value(expression), expected, "{expression}");
    }
}

#[test]
fn every_parameter_can_be_written_as_a_property() {
    let table = include_str!("../../../tests/data/parameters.tsv");
    for name in table.lines().skip(1).filter_map(|line| line.split('\t').next()) {
        let verdict = run(&format!("let x = lead.{name};"));
        assert!(matches!(verdict, Verdict::Send(_)), "{name}: {}", told(&verdict));
    }
}

#[test]
fn a_request_is_changed() {
    let (start, form) =
        ("POST https://crm.example/leads x-first=1 ", "callerphone=79990001001&utm_source=yandex");
    let table = [
        ("request.set(\"n\", 7); request.set(\"b\", true);", format!("{start}{form}&n=7&b=true")),
        ("request.set(\"utm_source\", ());", format!("{start}callerphone=79990001001")),
        ("request.add(\"utm_source\", \"2\");", format!("{start}{form}&utm_source=2")),
        ("request.remove(\"callerphone\");", format!("{start}utm_source=yandex")),
        (
            "request.rename(\"callerphone\", \"phone\");",
            format!("{start}phone=79990001001&utm_source=yandex"),
        ),
        ("request.keep([\"utm_source\"]);", format!("{start}utm_source=yandex")),
        ("request.clear(); request.set(\"a\", request.get(\"b\") ?? \"-\");", format!("{start}a=-")),
        (
            "request.set(\"all\", request.names().join(\" \"));",
            format!("{start}{form}&all=callerphone utm_source"),
        ),
        ("request.form(#{a: 1, b: ()});", format!("{start}a=1")),
        (
            "request.json(#{phone: lead.callerphone, tags: lead.tags_manual, none: ()});",
            format!(
                "{start}application/json: {{\"none\":null,\"phone\":\"79990001001\",\"tags\":[\"горячий\",\"окна\"]}}"
            ),
        ),
        (
            "request.raw(\"text/plain\", \"hi\"); request.raw(\"text/plain\", request.text + \"!\");",
            format!("{start}text/plain: hi!"),
        ),
        (
            "request.method = \"get\"; request.url += \"?a=1\";",
            format!("GET https://crm.example/leads?a=1 x-first=1 {form}"),
        ),
        (
            "request.header(\"X-Second\", request.header(\"X-FIRST\") + \"2\"); request.header(\"x-first\", ());",
            format!("POST https://crm.example/leads x-second=12 {form}"),
        ),
        ("fn deep() { request.set(\"a\", lead.status); } deep();", format!("{start}{form}&a=successful")),
        (
            "let set = |name| request.set(name, lead.status); set.call(\"a\");",
            format!("{start}{form}&a=successful"),
        ),
        ("[\"a\"].for_each(|name| request.set(this, lead.status));", format!("{start}{form}&a=successful")),
        (
            "fn transform(l, r) { r.set(\"a\", l.status); request.set(\"b\", 1); }",
            format!("{start}{form}&a=successful&b=1"),
        ),
        ("let lead = #{status: \"mine\"}; request.set(\"a\", lead.status);", format!("{start}{form}&a=mine")),
        ("exit(); request.clear();", format!("{start}{form}")),
    ];
    for (script, expected) in table {
        assert_eq!(sent(script), expected, "{script}");
    }
}

#[test]
fn a_script_ends_itself_at_once_from_anywhere_and_nothing_catches_it() {
    fake::with(|world| world.now_ms = 1_000);
    let table = [
        ("skip(\"no\");", "skip no"),
        ("defer(60);", "defer 61000"),
        ("defer_until(5);", "defer 5"),
        ("fail(\"no_phone\", \"The lead has no phone\");", "final no_phone: The lead has no phone"),
        ("retry(\"later\");", "retryable retry: later"),
        ("throw \"own words\";", "final script: line 1, column 1: own words"),
        ("refused(\"x\");", "final script: line 1, column 1: `refused` cannot end a transform like this"),
        ("retry(5);", "final script: line 1, column 1: `retry` cannot end a transform like this"),
        (
            "defer(now() * 1000000000);",
            "final script: line 1, column 1: a number of seconds is 0 to 31622400, not 1000000000000",
        ),
    ];
    for (ending, expected) in table {
        assert_eq!(sent(ending), expected);
    }
    for ending in ["skip(\"no\")", "defer(60)", "fail(\"a\", \"b\")", "retry(\"c\")"] {
        let plain = sent(&format!("{ending};"));
        for around in [
            "try { END; } catch (e) { request.clear(); }",
            "fn deep() { try { END; } catch { } } deep(); request.clear();",
            "[1].map(|x| { END; }); request.clear();",
            "fn transform(lead, request) { while true { END; } }",
        ] {
            assert_eq!(sent(&around.replace("END", ending)), plain, "{around}");
        }
    }
}

#[test]
fn a_filter_answers_whether_a_delivery_passes() {
    let table: [(&str, Result<Option<&str>, &str>); 8] = [
        ("true", Ok(None)),
        ("", Ok(None)),
        ("false", Ok(Some("held back by the script's filter"))),
        ("\"why\"", Ok(Some("why"))),
        ("skip(\"why\")", Ok(Some("why"))),
        ("retry(\"why\")", Err("retryable retry: why")),
        ("5", Err("final script: in `filter`: a filter answers true, false or a text, not i64")),
        (
            "request.url",
            Err("final script: line 1, column 19, in `filter`: `request` is in sight in a transform only"),
        ),
    ];
    for (answer, expected) in table {
        let expected = expected.map(|why| why.map(str::to_owned)).map_err(str::to_owned);
        assert_eq!(accept(&format!("fn filter(lead) {{ {answer} }}")), expected, "{answer}");
    }
    assert_eq!(accept("request.clear();"), Ok(None), "a script without a filter lets all pass");
}

#[test]
fn a_receipt_judges_an_answer() {
    let script = r#"fn receipt(lead, response) {
        if response.status == 503 { retry(30); }
        let answer = response.json;
        if answer == () { return; }
        if answer.error == "duplicate" { delivered(); }
        if answer.error == "busy" { retry("busy"); }
        if answer.error != () { refused(`${response.header("Content-Type")}: ${answer.error}`); }
    }"#;
    let table = [
        (503, "", Judgement::RetryAfter(Some(30))),
        (200, "no json", Judgement::Delivered),
        (500, "no json", Judgement::RetryAfter(None)),
        (200, "{}", Judgement::Delivered),
        (400, r#"{"error":"duplicate"}"#, Judgement::Delivered),
        (200, r#"{"error":"busy"}"#, Judgement::RetryAfter(None)),
        (200, r#"{"error":"phone"}"#, Judgement::Refused("application/json: phone".to_owned())),
    ];
    for (status, body, expected) in table {
        let judged = judge(script, response(status, body));
        assert_eq!(format!("{judged:?}"), format!("{:?}", Ok::<_, ()>(expected)), "{status} {body}");
    }
    let mistake = judge("fn receipt(l, r) { r.json.a.b }", response(200, "{}")).unwrap_err();
    assert!(mistake.starts_with("final script: line 1, column 2"), "{mistake}");
}

#[test]
fn state_config_and_secrets_are_the_engines() {
    fake::with(|world| {
        world.config = r#"{"prefix":"+","list":[1]}"#.to_owned();
        world.secrets.insert("token".to_owned(), "s3".to_owned());
    });
    assert_eq!(value("config.prefix + config.list.len()"), "+1");
    assert_eq!(value("config.none == () && !(\"none\" in config) && config.to_map().len() == 2"), "true");
    assert_eq!(value("secret(\"token\")"), "s3");
    assert!(value("secret(\"other\")").contains("this link names no secret `other`"));
    assert_eq!(value("kv.get(\"a\") == ()"), "true");
    assert_eq!(value("{ kv.set(\"a\", #{n: [1, \"я\"]}, 60); kv.get(\"a\").n[1] }"), "я");
    assert_eq!(value("kv.increment(\"n\") + kv.increment(\"n\", 5, 60) + kv.get(\"n\")"), "13");
    assert_eq!(fake::with(|world| world.kv["a"].clone()), (r#"{"n":[1,"я"]}"#.into(), Some(60)));
    assert_eq!(value("{ kv.delete(\"a\"); kv.get(\"a\") == () }"), "true");
    assert!(value("kv.get(\"\")").contains("a key has 1 to 256 bytes, this one 0"));
    assert!(value("{ let s = \"x\"; s.pad(70000, 'x'); kv.set(\"a\", s); }").contains("at most 65536 bytes"));
    assert!(value("kv.set(\"a\", 1, -1)").contains("a time to live of -1 seconds"));
}

#[test]
fn the_words_that_scripts_need() {
    fake::with(|world| {
        world.now_ms = 1_772_444_703_000;
        world.random = 41;
    });
    let table = [
        ("\"8 (999) 000-10-01\".digits()", "89990001001"),
        ("\" a \".trimmed()", "a"),
        ("\"a-b-c\".replaced(\"-\", \"+\")", "a+b+c"),
        ("\"+7999\".without_prefix(\"+\")", "7999"),
        ("now()", "1772444703000"),
        ("local_time(now(), \"+03:00\").text", "2026-03-02 12:45:03"),
        ("local_time(now(), \"+03:00\").weekday", "1"),
        ("random() + random(10)", "24"),
        ("parse_json(\"[1,{\\\"a\\\":null}]\")[1].a == ()", "true"),
        ("to_json([1, \"a\", #{b: 1.5}])", "[1,\"a\",{\"b\":1.5}]"),
        ("to_json(#{a: ()})", "{\"a\":null}"),
    ];
    for (expression, expected) in table {
        assert_eq!(value(expression), expected, "{expression}");
    }
    run("log(\"a\");\nprint(1);\nwarn(lead.tags_manual);\ndebug(\"d\");");
    assert_eq!(log(), ["info a", "info 1", "warn [\"горячий\", \"окна\"]", "debug line 4: \"d\""]);
}

#[test]
fn a_warm_script_answers_as_a_fresh_one() {
    let mut runner = Runner::new();
    let (one, other) = ("request.set(\"n\", 1);", "request.set(\"n\", 2);");
    for script in [one, one, other, one, other, other] {
        let warm = runner.run(script, stage::delivery(), stage::request());
        assert_eq!(told(&warm), sent(script));
    }
}
