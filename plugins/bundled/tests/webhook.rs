//! Whole webhooks with bundled plugins and scripts, from events to the bytes that would go out.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

use std::sync::OnceLock;

use leadhook_testkit::{Came, End, Kit, TestkitError};
use serde_json::{Value as Json, json};

/// One for all tests: the script runner takes seconds to compile.
fn kit() -> &'static Kit {
    static KIT: OnceLock<Kit> = OnceLock::new();
    KIT.get_or_init(make_kit)
}

fn make_kit() -> Kit {
    let mut kit = Kit::new().unwrap().runner(leadhook_bundled::RHAI_RUNNER).unwrap();
    for name in ["dedupe", "json-body"] {
        let plugin = leadhook_bundled::all().iter().find(|plugin| plugin.name == name).unwrap();
        kit = kit.plugin(name, plugin.wasm).unwrap();
    }
    let script = br#"
        if lead.callerphone == () { skip("no phone"); }
        request.set("calls", kv.increment("calls"));
        request.header("x-token", secret("token"));
    "#;
    kit.plugin("count", script).unwrap().secret("token", "s3cret")
}

fn call(id: u32, minute: u32, phone: &str) -> Json {
    json!({ "type": "call.ended", "site": "60001", "lead": { "type": "call", "id": id.to_string() },
        "time": format!("2026-03-02T10:{minute:02}:00Z"), "data": { "callerphone": phone, "duration": 60 } })
}

fn settings(transform: &Json) -> Json {
    json!({ "url": "https://crm.example/hook", "transform": transform,
        "parameters": { "only": ["id", "callerphone", "changedFields"] },
        "sending": { "model": "event_based", "on": ["call_ended", "lead_tags_changed"] } })
}

fn reasons(came: &[Came]) -> Vec<Option<&str>> {
    came.iter()
        .map(|came| match &came.end {
            End::Skipped { reason } => Some(reason.as_str()),
            _ => None,
        })
        .collect()
}

#[test]
fn a_script_and_a_plugin_in_one_chain_make_the_request() {
    let chain = json!([{ "plugin": "count", "secrets": ["token"] }, { "plugin": "json-body" }]);
    let events = [call(1, 0, "79990000001"), call(2, 5, "79990000002")];
    let came = kit().deliver(&settings(&chain), &events).unwrap();
    let bodies: Vec<Json> = came.iter().map(|came| came.sent().unwrap().json().unwrap()).collect();
    assert_eq!(bodies[0]["callerphone"], "79990000001");
    assert_eq!((&bodies[0]["calls"], &bodies[1]["calls"]), (&json!("1"), &json!("2")), "state goes on");
    let sent = came[0].sent().unwrap();
    assert_eq!(
        (sent.header("x-token"), sent.header("content-type")),
        (Some("s3cret"), Some("application/json"))
    );
    assert!(came[0].runs.iter().all(|run| run.fuel > 0));
}

#[test]
fn what_a_plugin_holds_back_says_why_and_what_settings_filter_never_reaches_it() {
    let mut settings = settings(&json!([{ "plugin": "dedupe", "config": { "hours": 1 } }]));
    let events = [call(1, 0, "79990000001"), call(2, 5, "79990000001")];
    let came = kit().deliver(&settings, &events).unwrap();
    let told = reasons(&came);
    assert_eq!(told[0], None);
    assert!(told[1].is_some_and(|reason| reason.starts_with("skipped by the plugin `dedupe`")), "{told:?}");
    settings["leads"] = json!({ "calls": "unique" });
    let came = kit().deliver(&settings, &events).unwrap();
    assert!(matches!(&came[1].end, End::Skipped { reason } if !reason.contains("plugin")));
    assert_eq!(came[1].runs.len(), 0);
}

#[test]
fn what_changed_is_told_against_what_was_sent_before() {
    let tags = json!({ "type": "lead.tags_changed", "site": "60001", "lead": { "type": "call", "id": "1" },
        "time": "2026-03-02T10:07:00Z", "data": { "tags_manual": ["VIP"] } });
    let mut settings = settings(&json!([]));
    settings["parameters"] = json!({ "only": ["id", "tags_manual", "changedFields"] });
    let came = kit().deliver(&settings, &[call(1, 0, "7"), tags]).unwrap();
    let changed: Vec<_> =
        came.iter().map(|came| came.sent().unwrap().field("changedFields").unwrap()).collect();
    assert_eq!(changed, ["null", "tags_manual"]);
}

#[test]
fn a_plugin_or_secret_that_the_kit_does_not_have_is_named() {
    let event = [call(1, 0, "7")];
    let unknown = kit().deliver(&settings(&json!([{ "plugin": "crm" }])), &event).unwrap_err();
    assert!(matches!(unknown, TestkitError::UnknownPlugin(name) if name == "crm"));
    let chain = json!([{ "plugin": "count", "secrets": ["password"] }]);
    let unknown = kit().deliver(&settings(&chain), &event).unwrap_err();
    assert!(matches!(unknown, TestkitError::UnknownSecret(name) if name == "password"));
    let faults = kit().deliver(&json!({ "url": 1 }), &event).unwrap_err().to_string();
    assert!(faults.contains("url"), "{faults}");
}
