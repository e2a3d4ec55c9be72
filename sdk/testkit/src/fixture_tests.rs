//! Fixtures are read whole or refused by name.

use serde_json::json;
use tempfile::TempDir;

use super::*;

fn folder(files: &[(&str, Json)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in files {
        fs::write(folder.path().join(name), value.to_string()).unwrap();
    }
    folder
}

fn lead() -> (&'static str, Json) {
    ("lead.json", json!({ "site": "60001", "type": "call", "id": "7" }))
}

#[test]
fn a_fixture_is_read_with_all_that_it_states() {
    let folder = folder(&[
        lead(),
        ("delivery.json", json!({ "id": "dlv_9", "now": "2026-03-02T11:00:00Z", "resend": true })),
        ("config.json", json!({ "hours": 2 })),
        ("kv.json", json!({ "a": "1" })),
        ("limits.json", json!({ "fuel_max": 5 })),
        ("expected.json", json!({ "send": { "method": "GET", "url": "u", "body": { "json": 1 } } })),
    ]);
    let fixture = Fixture::read(folder.path()).unwrap();
    let sample = &fixture.sample;
    assert_eq!(
        (sample.delivery.id.as_str(), sample.now_ms, fixture.fuel_max),
        ("dlv_9", 1_772_449_200_000, Some(5))
    );
    assert!(sample.delivery.resend && !sample.delivery.sample);
    assert_eq!((&sample.config, sample.kv["a"].as_str()), (&json!({ "hours": 2 }), "1"));
    let expected = json!({ "send": { "method": "GET", "url": "u", "headers": [], "body": { "json": 1 } } });
    assert_eq!(fixture.expected, Some(expected), "what may be left out is put in");
}

#[test]
fn events_settings_and_a_site_make_the_sample_of_a_fixture() {
    let event = json!({ "type": "call.ended", "site": "7", "lead": { "type": "call", "id": "1" },
        "time": "2026-03-02T09:45:03Z", "data": { "duration": 60 } });
    let folder = folder(&[
        ("events.json", event),
        ("settings.json", json!({ "url": "https://crm.example/x", "parameters": { "only": ["duration"] } })),
        ("site.json", json!({ "id": "7", "timezone": "Asia/Omsk" })),
    ]);
    let fixture = Fixture::read(folder.path()).unwrap();
    let lead: Json = serde_json::from_str(&fixture.sample.delivery.lead).unwrap();
    assert_eq!(lead["timezone"], "Asia/Omsk");
    let Given::Request(request) = fixture.sample.given else { panic!("a request is given") };
    assert_eq!(write_request(&request)["body"], json!({ "form": [["duration", "60"]] }));
}

#[test]
fn what_is_wrong_is_told_with_its_file() {
    let bad = [
        (vec![], "lead.json"),
        (vec![lead(), ("events.json", json!([]))], "events.json"),
        (vec![lead(), ("respones.json", json!({}))], "respones.json"),
        (vec![lead(), ("delivery.json", json!({ "now": "today" }))], "`today`"),
        (vec![lead(), ("delivery.json", json!({ "time": 1 }))], "`time`"),
        (vec![lead(), ("limits.json", json!({ "fuel": 1 }))], "`fuel`"),
        (vec![lead(), ("request.json", json!({ "method": "PUT" }))], "request.json"),
        (vec![lead(), ("kv.json", json!({ "a": 1 }))], "kv.json"),
        (vec![lead(), ("expected.json", json!({ "send": { "method": "GET" } }))], "expected.json: send"),
    ];
    for (files, word) in bad {
        let told = Fixture::read(folder(&files).path()).unwrap_err().to_string();
        assert!(told.contains(word), "{told}");
    }
}
