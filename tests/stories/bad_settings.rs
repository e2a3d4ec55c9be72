//! Settings that cannot be meant are refused by field, all faults at once, and change nothing.

use leadhook_harness::Engine;
use serde_json::{Value, json};

use crate::world::{SITE, engine, faults, inactive_webhook};

fn expected<const N: usize>(pairs: [(&str, &str); N]) -> std::collections::BTreeSet<(String, String)> {
    pairs.map(|(path, code)| (path.to_owned(), code.to_owned())).into()
}

/// Out of range, contradictory, unknown, no regular expression: each at its own place.
fn wrong_webhook() -> (Value, std::collections::BTreeSet<(String, String)>) {
    let settings = json!({
        "url": "http://10.0.0.7/hook", "method": "PUT", "timeout_seconds": 0, "colour": "red",
        "sending": { "on": ["call_started", "call_ends"], "delay_minutes": { "call_started": 5 } },
        "parameters": { "only": ["id"], "except": ["source"] },
        "traffic": [[{ "parameter": "medium", "matches": ["("] }]],
        "retry": { "after_seconds": [5, -1] },
        "signing": { "secrets": ["whsec_short"] },
        "headers": { "Webhook-Id": "mine" },
        "transform": [{ "plugin": "nowhere" }],
    });
    let faults = expected([
        ("url", "forbidden_address"),
        ("method", "unknown_value"),
        ("timeout_seconds", "out_of_range"),
        ("colour", "unknown_field"),
        ("sending.on[1]", "unknown_trigger"),
        ("sending.delay_minutes.call_started", "not_delayable"),
        ("parameters.except", "only_and_except"),
        ("traffic[0][0].matches[0]", "bad_expression"),
        ("retry.after_seconds[1]", "out_of_range"),
        ("signing.secrets[0]", "bad_secret"),
        ("headers.Webhook-Id", "header_not_allowed"),
        ("transform[0].plugin", "unknown_plugin"),
    ]);
    (settings, faults)
}

#[tokio::test]
async fn every_fault_of_a_webhooks_settings_is_told_at_once_by_its_field() {
    let engine = engine().await;
    let (settings, expected) = wrong_webhook();
    let (status, problem) = engine.post("/v1/webhooks", &settings).await;
    assert_eq!(status, 422, "{problem}");
    assert_eq!(faults(&problem), expected);
    for fault in problem["errors"].as_array().unwrap() {
        assert!(!fault["detail"].as_str().unwrap().is_empty(), "{fault}");
    }
    assert_eq!(engine.get("/v1/webhooks").await.1["webhooks"], json!([]));

    let good = json!({ "url": "https://crm.example/hook" });
    let id = inactive_webhook(&engine, &good).await;
    let (status, problem) = engine.put(&format!("/v1/webhooks/{id}"), &settings).await;
    assert_eq!((status, faults(&problem)), (422, expected));
    let (_, kept) = engine.get(&format!("/v1/webhooks/{id}")).await;
    assert_eq!((&kept["revision"], &kept["settings"]), (&json!(1), &good));
}

#[tokio::test]
async fn a_url_that_is_not_http_has_a_user_name_or_names_a_forbidden_address_is_refused() {
    let engine = Engine::setup().public_only().start().await;
    let forbidden = [
        "ftp://crm.example/",
        "javascript:alert(1)",
        "crm.example/hook",
        "https://user:secret@crm.example/",
        "http://10.0.0.7/",
        "http://169.254.169.254/latest",
        "http://[::1]/",
        "http://0x0a000007/",
        "http://[::ffff:10.0.0.7]/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://0/",
        "http://printer.localhost/",
    ];
    for url in forbidden {
        let (status, problem) = engine.post("/v1/webhooks", &json!({ "url": url })).await;
        assert_eq!(status, 422, "{url}: {problem}");
        assert!(faults(&problem).iter().all(|(path, _)| path == "url"), "{url}: {problem}");
        assert!(!problem.to_string().contains("secret"), "{problem}");
    }
}

#[tokio::test]
async fn every_fault_of_a_sites_settings_is_told_at_once_by_its_field() {
    let engine = engine().await;
    let settings = json!({
        "name": "", "timezone": "Europe/Moskau", "country": "Russia", "uniqueness_days": 0,
        "target_call": { "min_seconds": 60, "max_seconds": 30 },
        "working_hours": { "mon": [["09:00", "25:00"]] }, "colour": "red",
    });
    let path = format!("/v1/sites/{SITE}");
    let (status, problem) = engine.put(&path, &settings).await;
    assert_eq!(status, 422, "{problem}");
    let told = faults(&problem);
    let places: Vec<_> = told.iter().map(|(path, _)| path.as_str()).collect();
    for place in ["name", "timezone", "country", "uniqueness_days", "colour"] {
        assert!(places.contains(&place), "`{place}` is missing in {told:?}");
    }
    for part in ["target_call", "working_hours.mon"] {
        assert!(places.iter().any(|place| place.starts_with(part)), "`{part}` is missing in {told:?}");
    }
    assert_eq!(engine.get(&path).await.1["name"], "Shop", "what was there stays");
}
