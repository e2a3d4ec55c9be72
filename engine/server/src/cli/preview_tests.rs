//! Tests of previews without a server.

use std::{fs, path::Path};

use serde_json::json;
use tempfile::TempDir;

use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

fn file(folder: &TempDir, name: &str, value: &Value) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, value.to_string()).unwrap();
    path
}

fn options(settings: &Path) -> Options {
    Options {
        settings: settings.to_owned(),
        lead: None,
        site: None,
        trigger: None,
        public_url: None,
        json: false,
    }
}

fn event(kind: &str, data: &Value) -> Value {
    let lead = json!({ "type": "call", "id": "77" });
    json!({ "type": kind, "site": "60001", "lead": lead, "time": "2026-03-01T10:00:00Z", "data": data })
}

#[test]
fn without_a_lead_the_sample_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let settings = file(&folder, "s.json", &json!({ "url": "https://crm.example/hook" }));
    let previewed = previewed(&options(&settings), NOW).unwrap().unwrap();
    assert_eq!(previewed.verdict, Verdict::Send);
    assert!(previewed.body.contains("leadtype=call") && previewed.body.contains("callerphone=79990000001"));

    let requests = json!({ "url": "https://crm.example/hook", "leads": { "calls": "none" } });
    let settings = file(&folder, "r.json", &requests);
    let previewed = super::previewed(&options(&settings), NOW).unwrap().unwrap();
    assert!(previewed.body.contains("leadtype=request"));
}

#[test]
fn events_are_accepted_in_memory_and_the_last_trigger_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let settings = file(&folder, "s.json", &json!({ "url": "http://127.0.0.1:9000/hook", "tags": ["VIP"] }));
    let events = json!([
        event("call.started", &json!({ "callerphone": "8 (999) 000-00-07" })),
        event("call.ended", &json!({ "duration": 42 })),
    ]);
    let lead = file(&folder, "l.json", &events);
    let options = Options { lead: Some(lead), ..options(&settings) };
    let previewed = previewed(&options, NOW).unwrap().unwrap();
    assert!(matches!(&previewed.verdict, Verdict::Skip { reason } if reason.contains("VIP")));
    let value = |name: &str| {
        previewed
            .parameters
            .iter()
            .find(|shown| shown.name == name)
            .unwrap()
            .value
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!((value("callerphone"), value("duration")), ("79990000007".to_owned(), "42".to_owned()));
    assert_eq!(value("callphase"), "calldisconnected");
    assert!(previewed.warnings.iter().any(|warning| warning.contains("--allow-destination")));

    let started = Options { trigger: Some(Trigger::CallStarted), ..options };
    let previewed = super::previewed(&started, NOW).unwrap().unwrap();
    assert_eq!(previewed.verdict, Verdict::Send, "tags are not asked about at the start");
}

#[test]
fn the_sites_settings_count() {
    let folder = tempfile::tempdir().unwrap();
    let settings = file(&folder, "s.json", &json!({ "url": "https://crm.example/hook" }));
    let site =
        file(&folder, "site.json", &json!({ "id": "60001", "name": "Лавка", "timezone": "Asia/Omsk" }));
    let lead = file(&folder, "l.json", &event("call.ended", &json!({ "duration": 1 })));
    let options = Options { lead: Some(lead), site: Some(site), ..options(&settings) };
    let previewed = previewed(&options, NOW).unwrap().unwrap();
    let shown = |name: &str| previewed.parameters.iter().find(|shown| shown.name == name).unwrap();
    assert_eq!(shown("siteName").value, json!("Лавка"));
    assert_eq!(shown("calltime").value, json!("2026-03-01 15:59:59"));
    assert_eq!(row(shown("siteName"))[..3], ["siteName", "siteName", "Лавка"]);
}

#[test]
fn what_cannot_be_used_gives_no_preview() {
    let folder = tempfile::tempdir().unwrap();
    let bad = file(&folder, "s.json", &json!({ "url": "ftp://crm.example" }));
    assert!(previewed(&options(&bad), NOW).unwrap().is_none());
    let settings = file(&folder, "s.json", &json!({ "url": "https://crm.example/hook" }));
    let lead = file(&folder, "l.json", &json!({ "type": "call.ended" }));
    assert!(previewed(&Options { lead: Some(lead), ..options(&settings) }, NOW).unwrap().is_none());
    let wrong = Options { trigger: Some(Trigger::RequestCreated), ..options(&settings) };
    let lead = file(&folder, "c.json", &event("call.ended", &json!({})));
    assert!(previewed(&Options { lead: Some(lead), ..wrong }, NOW).is_err());
}

#[test]
fn plugins_are_taken_on_trust_and_said_not_to_run() {
    let link = json!({ "plugin": "phone-e164" });
    let settings =
        json!({ "url": "https://crm.example/hook", "transform": [link], "success": { "plugin": "judge" } });
    let settings = read_settings(&settings).unwrap();
    assert!(warnings(&settings).iter().any(|warning| warning.contains("not run here")));
}
