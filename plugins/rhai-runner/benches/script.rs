//! What a script costs natively: in plain rhai with plain maps, and through the runner, warm and fresh.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark ends by panicking")]

use std::fmt::Write;

use divan::{Bencher, black_box};
use leadhook_rhai_runner::{Body, Delivery, Pair, Request, Runner};
use rhai::{Dynamic, Engine, Map, Scope};

fn main() {
    divan::main();
}

const SCRIPT: &str = r#"
    if lead.callerphone.starts_with("7495") { skip("Moscow numbers are not sent"); }
    request.set("phone", "+" + lead.callerphone);
    request.set("source", lead.utm_source + "/" + lead.utm_campaign);
    for tag in lead.tags_manual { request.set("tag_" + tag, "1"); }
"#;

/// The names of all parameters, those that are lists left out.
fn names() -> Vec<&'static str> {
    let table = include_str!("../../../tests/data/parameters.tsv");
    let all = table.lines().skip(1).filter_map(|line| line.split('\t').next());
    all.filter(|name| !name.starts_with("tags_") && !["comment", "text", "add_url_params"].contains(name))
        .collect()
}

/// A lead with a value for every parameter.
fn lead() -> String {
    let mut text =
        r#"{"site":"60001","type":"call","id":"15","parameters":{"tags_manual":["a","b"]"#.to_owned();
    for name in names() {
        write!(text, r#","{name}":"a value such as a lead has""#).unwrap();
    }
    text.push_str(r#"},"visits":[]}"#);
    text
}

fn delivery(lead: &str) -> Delivery {
    Delivery {
        id: "d".to_owned(),
        webhook: "w".to_owned(),
        site: "60001".to_owned(),
        trigger: "call.ended".to_owned(),
        occurred_at_ms: 0,
        resend: false,
        sample: false,
        lead: lead.to_owned(),
    }
}

fn request() -> Request {
    let pair =
        |name: &&str| Pair { name: (*name).to_owned(), value: "a value such as a lead has".to_owned() };
    Request {
        method: "POST".to_owned(),
        url: "https://crm.example/".to_owned(),
        headers: Vec::new(),
        body: Body::Form(names().iter().map(pair).collect()),
    }
}

#[divan::bench]
fn runner_warm(bencher: Bencher<'_, '_>) {
    let (lead, mut runner) = (lead(), Runner::new());
    bencher
        .with_inputs(|| (delivery(&lead), request()))
        .bench_local_values(|(delivery, request)| black_box(runner.run(SCRIPT, delivery, request)));
}

#[divan::bench]
fn runner_fresh(bencher: Bencher<'_, '_>) {
    let lead = lead();
    bencher
        .with_inputs(|| (delivery(&lead), request()))
        .bench_local_values(|(delivery, request)| black_box(Runner::new().run(SCRIPT, delivery, request)));
}

/// The same script in plain rhai with all of its packages: the lead and the fields are maps made for each call.
#[divan::bench]
fn plain_rhai_warm(bencher: Bencher<'_, '_>) {
    let mut engine = Engine::new();
    engine.register_fn("skip", |_: &str| {});
    let script = SCRIPT.replace("request.set(", "set(request, ");
    engine.register_fn("set", |map: &mut Map, name: &str, value: &str| {
        map.insert(name.into(), value.into());
    });
    let tree = engine.compile(script).unwrap();
    let value = || Dynamic::from("a value such as a lead has");
    bencher.bench_local(|| {
        let mut lead: Map = names().iter().map(|name| ((*name).into(), value())).collect();
        lead.insert("tags_manual".into(), Dynamic::from(vec![Dynamic::from("a"), Dynamic::from("b")]));
        let fields: Map = names().iter().map(|name| ((*name).into(), value())).collect();
        let mut scope = Scope::new();
        scope.push("lead", lead).push("request", fields);
        let value = engine.eval_ast_with_scope::<Dynamic>(&mut scope, &tree).unwrap();
        (value, scope)
    });
}
