//! Plugins and scripts on the way of a delivery: what they decide, what is remembered of them, and their state.

use std::sync::Arc;

use leadhook_core::{
    breaker::FAILURES_TO_OPEN,
    delivery::{Delivery, StateName},
    outcome::{Answer, Outcome},
    plugin::Decided,
};
use leadhook_runtime::{Activation, clock::Clock as _};
use leadhook_sandbox::{Body, Call, Draft, Limits, NoState, Pair};
use serde_json::json;

use crate::world::{ACCOUNT, World, plugins, status};

fn ok(body: &str) -> Outcome {
    Outcome::Answered(Answer { status: 200, body: body.as_bytes().to_vec(), ..Answer::default() })
}

fn reason(delivery: &Delivery) -> &str {
    delivery.state.reason().unwrap()
}

#[tokio::test]
async fn a_chain_rewrites_the_request_in_its_order_and_every_run_is_remembered() {
    let world = World::new().await;
    world.script("phone", r#"request.set("phone", "+" + lead.callerphone); log("done");"#).await;
    world.script("more", r#"request.set("both", request.get("phone") + "/" + config.mark);"#).await;
    let chain =
        json!([{"plugin": "phone"}, {"plugin": "more", "config": {"mark": "x"}}, {"plugin": "json-body"}]);
    world.webhook(json!({"transform": chain, "parameters": {"only": ["id"]}})).await;
    let id = world.call("7").await;
    let delivery = world.stands(id, StateName::Delivered).await;
    let seen = world.handler.seen(1).await;
    let body: serde_json::Value = serde_json::from_slice(&seen[0].request.body).unwrap();
    assert_eq!(body, json!({"id": "7", "phone": "+79990000012", "both": "+79990000012/x"}));
    let names: Vec<_> = delivery.runs.iter().map(|run| run.plugin.as_str()).collect();
    assert_eq!(names, ["phone", "more", "json-body"]);
    assert!(delivery.runs.iter().all(|run| run.decided == Decided::Sent && run.fuel > 0));
    assert_eq!(delivery.runs[0].log[0].text, "done");
}

#[tokio::test]
async fn rule_6_what_a_plugin_holds_back_ends_skipped_with_its_reason() {
    let world = World::new().await;
    world
        .script("picky", r#"fn filter(lead) { if lead.callerphone == "79990000012" { skip("known here") } }"#)
        .await;
    world.webhook(json!({"transform": [{"plugin": "picky"}]})).await;
    let id = world.call("1").await;
    let delivery = world.stands(id, StateName::Skipped).await;
    assert!(reason(&delivery).contains("`picky`") && reason(&delivery).contains("known here"));
    assert_eq!(world.handler.count(), 0);
}

#[tokio::test]
async fn a_plugin_puts_a_delivery_off_without_an_attempt_being_spent() {
    let world = World::new().await;
    world.script("hour", r#"if now() < config.opens { defer_until(config.opens); }"#).await;
    let until = world.clock.now().plus_ms(3_600_000);
    world.webhook(json!({"transform": [{"plugin": "hour", "config": {"opens": until.0}}]})).await;
    let id = world.call("1").await;
    let delivery = world.stands(id, StateName::Scheduled).await;
    let due = loop {
        let due = world.delivery(id).await.state.due().unwrap();
        if due == until {
            break due;
        }
        tokio::task::yield_now().await;
    };
    assert!(delivery.attempts.is_empty());
    world.clock.advance(due.0 - world.clock.now().0);
    let delivery = world.stands(id, StateName::Delivered).await;
    assert_eq!(delivery.attempts.len(), 1);
    assert_eq!(delivery.runs.len(), 2);
}

#[tokio::test]
async fn a_failing_plugin_is_an_attempt_without_an_exchange_and_its_link_says_what_follows() {
    let world = World::new().await;
    world.script("broken", r#"let x = lead.visits[99].url; request.set("x", x);"#).await;
    let link = |on_error: &str| json!({"transform": [{"plugin": "broken", "on_error": on_error}], "retry": {"after_seconds": [60]}});
    world.webhook(link("retry")).await;
    let id = world.call("1").await;
    let delivery = world.stands(id, StateName::Retrying).await;
    let Outcome::Withheld { plugin, kind, detail } = &delivery.attempts[0].outcome else {
        panic!("{delivery:?}")
    };
    assert_eq!((plugin.as_str(), kind.as_str()), ("broken", "failed"));
    assert!(detail.contains("line 1"), "{detail}");
    assert_eq!((delivery.attempts[0].rendering, world.handler.count()), (None, 0));
    world.script("broken", r#"request.set("x", "mended");"#).await;
    world.advance_to_due(id).await;
    world.stands(id, StateName::Delivered).await;
    assert_eq!(world.handler.seen(1).await[0].pair("x").as_deref(), Some("mended"));

    world.script("broken", r#"throw "no";"#).await;
    let original = world.webhook(link("send_original")).await;
    let skipping = world.webhook(link("skip")).await;
    for id in world.post("call.ended", "2", json!({})).await {
        if id.lane.webhook == original {
            world.stands(id, StateName::Delivered).await;
        }
        if id.lane.webhook == skipping {
            let skipped = world.stands(id, StateName::Skipped).await;
            assert!(reason(&skipped).contains("`broken`") && reason(&skipped).contains("no"));
        }
    }
}

#[tokio::test]
async fn state_is_seen_by_the_next_delivery_at_once_and_outlives_a_restart() {
    let mut world = World::new().await;
    world.script("count", r#"request.set("n", kv.increment("n", 1).to_string());"#).await;
    world.webhook(json!({"transform": [{"plugin": "count"}]})).await;
    world.handler.hold();
    let first = world.call("1").await;
    world.handler.seen(1).await;
    let second = world.call("2").await;
    let seen = world.handler.seen(2).await;
    let numbers: Vec<_> = seen.iter().map(|seen| seen.pair("n").unwrap()).collect();
    assert_eq!(numbers, ["1", "2"], "the first is not settled yet");
    world.handler.let_go();
    world.stands(first, StateName::Delivered).await;
    world.stands(second, StateName::Delivered).await;
    world.restart().await;
    let third = world.call("3").await;
    world.stands(third, StateName::Delivered).await;
    assert_eq!(world.handler.seen(3).await[2].pair("n").as_deref(), Some("3"));
}

#[tokio::test]
async fn what_a_chain_that_failed_wrote_is_not_kept() {
    let world = World::new().await;
    world.script("count", r#"request.set("n", kv.increment("n", 1).to_string());"#).await;
    world.script("fails", r#"if lead.id == "1" { fail("no", "not this one"); }"#).await;
    world.webhook(json!({"transform": [{"plugin": "count"}, {"plugin": "fails"}]})).await;
    let first = world.call("1").await;
    world.stands(first, StateName::Failed).await;
    let second = world.call("2").await;
    world.stands(second, StateName::Delivered).await;
    assert_eq!(world.handler.seen(1).await[0].pair("n").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_plugin_judges_answers_and_asks_for_a_wait_or_an_end() {
    let world = World::new().await;
    let judge = r#"fn receipt(lead, response) {
        if response.json == () { delivered(); }
        if response.json.error == "busy" { retry(90); }
        if response.json.error == "bad" { refused("the CRM does not want it"); }
        delivered();
    }"#;
    world.script("judge", judge).await;
    let retry = json!({"after_seconds": [60, 600]});
    world.webhook(json!({"success": {"plugin": "judge"}, "retry": retry})).await;
    world.handler.answers([ok(r#"{"error":"busy"}"#), ok(r#"{"error":"bad"}"#)]);
    let id = world.call("1").await;
    let waiting = world.stands(id, StateName::Retrying).await;
    let waits_ms = waiting.state.due().unwrap().0 - world.clock.now().0;
    assert!((90_000..=99_000).contains(&waits_ms), "{waits_ms}");
    world.advance_to_due(id).await;
    let refused = world.stands(id, StateName::Failed).await;
    assert_eq!(reason(&refused), "the CRM does not want it");
    assert_eq!(refused.attempts.len(), 2);
    assert_eq!(refused.runs.iter().filter(|run| run.step.word() == "receipt").count(), 2);
    world.handler.answers([status(500)]);
    let other = world.call("2").await;
    world.stands(other, StateName::Delivered).await;
}

#[tokio::test]
async fn a_plugin_that_keeps_failing_is_left_alone_for_a_while_and_no_attempt_is_counted() {
    let world = World::new().await;
    world.script("broken", r#"throw "no";"#).await;
    world.webhook(json!({"transform": [{"plugin": "broken"}], "retry": {"after_seconds": []}})).await;
    for call in 0..FAILURES_TO_OPEN {
        let id = world.call(&call.to_string()).await;
        world.stands(id, StateName::Failed).await;
    }
    let id = world.call("later").await;
    let until = world.clock.now().plus_ms(10_000);
    while world.delivery(id).await.state.due() != Some(until) {
        tokio::task::yield_now().await;
    }
    world.script("broken", r#"request.set("x", "mended");"#).await;
    world.clock.advance(10_000);
    let delivery = world.stands(id, StateName::Delivered).await;
    assert_eq!(delivery.attempts.len(), 1, "nothing was counted while it was left alone");
}

#[tokio::test]
async fn the_probe_of_an_activation_passes_the_chain_and_is_judged_and_leaves_no_state() {
    let world = World::new().await;
    let script = r#"fn transform(lead, request) { request.set("n", kv.increment("n", 1).to_string()); }
    fn receipt(lead, response) { if response.text == "no" { refused("not this"); } delivered(); }"#;
    world.script("both", script).await;
    let webhook =
        world.webhook(json!({"transform": [{"plugin": "both"}], "success": {"plugin": "both"}})).await;
    world.handler.answers([ok("no"), ok("yes")]);
    let refused = world.engine.activate(ACCOUNT, webhook, false).await.unwrap();
    assert!(matches!(refused, Activation::Refused { .. }), "{refused:?}");
    let on = world.engine.activate(ACCOUNT, webhook, false).await.unwrap();
    assert!(matches!(on, Activation::On { .. }), "{on:?}");
    let id = world.call("1").await;
    world.stands(id, StateName::Delivered).await;
    let numbers: Vec<_> = world.handler.seen(3).await.iter().map(|seen| seen.pair("n").unwrap()).collect();
    assert_eq!(numbers, ["1", "1", "1"], "samples change nothing");
}

#[test]
fn an_error_record_of_a_bundled_plugin_names_the_functions_that_were_running() {
    let parts = plugins();
    let (_, wasm) = parts.bundled.iter().find(|(name, _)| *name == "json-body").unwrap();
    let plugin = parts.sandbox.load(wasm).unwrap();
    let delivery = leadhook_sandbox::Delivery {
        id: "d".to_owned(),
        webhook: "w".to_owned(),
        site: "60001".to_owned(),
        trigger: "call_ended".to_owned(),
        occurred_at_ms: 0,
        resend: false,
        sample: false,
        lead: json!({"site": "60001", "type": "call", "id": "1", "parameters": {}, "visits": []}).to_string(),
    };
    let fields = (0..50).map(|number| Pair::new(format!("field {number}"), "a value")).collect();
    let draft = Draft {
        method: "POST".to_owned(),
        url: "https://crm.example/".to_owned(),
        headers: Vec::new(),
        body: Body::Form(fields),
    };
    // Wherever it is when its fuel ends, which differs with what the compiler made of it.
    let running = (1..100).flat_map(|part| {
        let limits = Limits { fuel: part * 1_000, ..Limits::MAX };
        let call = Call {
            delivery: &delivery,
            config: Arc::from("{}"),
            secrets: Arc::default(),
            kv: Arc::new(NoState),
            now_ms: 0,
            seed: 0,
            limits,
            keep: None,
        };
        let ended = plugin.transform(&call, &draft).result;
        ended.map_or_else(|record| record.frames, |_| Vec::new())
    });
    let named: Vec<_> = running.collect();
    assert!(named.iter().any(|frame| frame == "leadhook_json_body::json_body"), "{named:?}");
}
