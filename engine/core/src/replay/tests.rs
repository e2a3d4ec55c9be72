//! Which runs made a rendering, and how differences are told.

use serde_json::json;

use super::*;
use crate::{
    delivery::ResendOf,
    event::Trigger,
    id::DeliveryId,
    lead::LeadKind,
    plugin::Broken,
    render::fixture::Stage,
    time::{Serial, Timestamp},
    webhook::OnError,
};

fn run(plugin: &str, step: Step, at: i64, decided: Decided) -> Run {
    Run {
        plugin: plugin.to_owned(),
        sha256: format!("{plugin} of then"),
        step,
        at: Timestamp(at),
        decided,
        log: Vec::new(),
        log_cut: false,
        fuel: 1,
        memory_bytes_peak: 1,
        elapsed_us: 1,
        reads: Vec::new(),
    }
}

fn broken() -> Decided {
    let (kind, detail) = ("trap".to_owned(), String::new());
    Decided::Broken(Broken { kind, detail, code: None, retryable: None, frames: Vec::new() })
}

fn chain(plugins: &[&str]) -> Vec<Link> {
    let link = |plugin: &&str| Link {
        plugin: (*plugin).to_owned(),
        config: json!({}),
        secrets: Vec::new(),
        on_error: OnError::SendOriginal,
    };
    plugins.iter().map(link).collect()
}

/// A delivery that was rendered once, with these runs.
fn delivery(runs: Vec<Run>) -> (Delivery, Rendering) {
    let stage = Stage::sample(LeadKind::Call, json!({}));
    let rendering = stage.render(Trigger::CallEnded, None);
    let id = stage.scene(Trigger::CallEnded, None).delivery;
    let delivery = Delivery {
        id,
        lead: stage.lead.reference,
        trigger: Trigger::CallEnded,
        occurred_at: stage.now,
        source: crate::delivery::Source::Latest,
        state: crate::delivery::State::Delivered { at: stage.now },
        renderings: vec![rendering.clone()],
        attempts: Vec::new(),
        runs,
        resend_of: None,
        resends: Vec::new(),
    };
    (delivery, rendering)
}

fn places(delivery: &Delivery, rendering: &Rendering, plugins: &[&str]) -> Option<Vec<(usize, u64)>> {
    let found = transforms(delivery, rendering, &chain(plugins))?;
    Some(found.into_iter().map(|(place, run)| (place, run.fuel)).collect())
}

#[test]
fn each_link_finds_the_transform_that_it_ran_for_the_rendering() {
    let (_, rendering) = delivery(Vec::new());
    let at = rendering.at.0;
    let sent = |plugin, at, fuel| Run { fuel, ..run(plugin, Step::Transform, at, Decided::Sent) };
    let runs = vec![
        sent("a", at - 1, 1),
        run("b", Step::Transform, at - 1, broken()),
        // The pass that came through.
        run("a", Step::Filter, at, Decided::Passed),
        sent("a", at, 2),
        run("b", Step::Transform, at, broken()),
        run("only-filters", Step::Filter, at, Decided::Passed),
        sent("a", at, 3),
        run("a", Step::Receipt, at, Decided::Delivered),
    ];
    let (delivery, rendering) = delivery(runs);
    let plugins = ["a", "b", "only-filters", "paused", "a@a of then"];
    assert_eq!(places(&delivery, &rendering, &plugins), Some(vec![(0, 2), (4, 3)]));
    assert_eq!(places(&delivery, &rendering, &["a@another"]), Some(Vec::new()));
}

#[test]
fn a_pass_that_failed_in_the_same_millisecond_is_not_taken_for_the_one_that_came_through() {
    let (_, rendering) = delivery(Vec::new());
    let sent = |fuel| Run { fuel, ..run("a", Step::Transform, rendering.at.0, Decided::Sent) };
    let failed = run("b", Step::Transform, rendering.at.0, broken());
    let sent_by_b = Run { fuel: 4, ..run("b", Step::Transform, rendering.at.0, Decided::Sent) };
    let (delivery, rendering) = delivery(vec![sent(1), failed, sent(3), sent_by_b]);
    assert_eq!(places(&delivery, &rendering, &["a", "b"]), Some(vec![(0, 3), (1, 4)]));
}

#[test]
fn runs_that_may_have_been_forgotten_are_not_guessed() {
    let (_, rendering) = delivery(Vec::new());
    let many = |at: i64| (0..RUNS_MAX).map(|_| run("a", Step::Transform, at, Decided::Sent)).collect();
    for (at, is_known) in [(rendering.at.0, false), (rendering.at.0 + 1, false), (rendering.at.0 - 1, true)] {
        let (delivery, rendering) = delivery(many(at));
        assert_eq!(places(&delivery, &rendering, &["a"]).is_some(), is_known, "{at}");
        assert_eq!(places(&delivery, &rendering, &[]), Some(Vec::new()), "nothing ran");
    }
}

#[test]
fn what_is_sent_again_was_told_the_time_of_what_it_repeats() {
    let (first, rendering) = delivery(vec![run("a", Step::Transform, 7, Decided::Sent)]);
    let mut again = first.sent_again(Serial(99), Timestamp(8), None).unwrap();
    assert_eq!(again.id, DeliveryId { serial: Serial(99), ..first.id });
    assert_eq!(again.resend_of, Some(ResendOf { first: first.id, url: None }));
    assert_eq!(again.lead_source(), crate::delivery::Source::Version(rendering.lead_version));
    again.runs = first.runs.clone();
    assert_eq!(places(&again, &rendering, &["a"]), Some(vec![(0, 1)]));
    assert_eq!(places(&first, &rendering, &["a"]), Some(Vec::new()));
    assert_eq!(Delivery { renderings: Vec::new(), ..first }.sent_again(Serial(99), Timestamp(8), None), None);
}

fn post(body: &str) -> Request {
    let headers = [("content-type", "application/x-www-form-urlencoded"), ("x-own", "1")];
    Request {
        method: Method::Post,
        url: "https://crm.example/hook?key=1".to_owned(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: body.as_bytes().to_vec(),
    }
}

fn told(then: &Request, again: &Request) -> Vec<String> {
    let value = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
    let found = differences(then, again).into_iter();
    found.map(|one| format!("{}: {} → {}", one.place, value(one.then), value(one.again))).collect()
}

#[test]
fn the_first_difference_of_each_kind_is_told_with_what_stands_there() {
    let then = post("a=1&b=2&c=3");
    assert_eq!(told(&then, &then), [""; 0]);
    assert_eq!(told(&then, &post("a=1&b=%2B&c=4")), ["parameter b: 2 → +", "byte 6: 2&c=3 → %2B&c=4"],);
    assert_eq!(told(&then, &post("a=1&b=2")), ["parameter c: 3 → nothing", "byte 7: &c=3 → nothing"]);
    assert_eq!(told(&then, &post("a=1&x=2&c=3"))[0], "parameter b: 2 → nothing");
    // The same pairs in other bytes.
    assert_eq!(told(&then, &post("a=1&b=2&c=%33")), ["byte 10: 3 → %33"]);
    let mut other = post("a=1&b=2&c=3");
    other.headers[1].1 = "2".to_owned();
    other.headers.push(("x-more".to_owned(), String::new()));
    other.url = "https://crm.example/other?key=1".to_owned();
    let expected = ["url: https://crm.example/hook → https://crm.example/other", "header x-own: 1 → 2"];
    assert_eq!(told(&then, &other), expected);
}

#[test]
fn a_get_is_compared_by_its_query_and_other_bodies_by_their_bytes() {
    let get = |url: &str| Request {
        method: Method::Get,
        url: url.to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    let found = told(&get("https://crm.example/?a=1&b=2"), &get("https://crm.example/?a=1&b=3"));
    assert_eq!(found, ["parameter b: 2 → 3", "byte 6: 2 → 3"]);
    let json = |body: &str| {
        let mut request = post(body);
        request.headers[0].1 = "application/json".to_owned();
        request
    };
    assert_eq!(told(&json(r#"{"a":1}"#), &json(r#"{"a":2}"#)), ["byte 5: 1} → 2}"]);
    let long = "я".repeat(4_000);
    let found = differences(&post(&long), &post("яя"));
    assert!(found.iter().all(|one| one.then.as_ref().is_none_or(|text| text.chars().count() <= 120)));
}
