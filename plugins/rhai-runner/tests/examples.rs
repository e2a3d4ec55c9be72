//! The sample scripts: each is read, and does on the sample lead what its first line says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

mod stage;

use std::{fs, path::Path};

use leadhook_rhai_runner::{Judgement, Runner, fake};
use stage::{accept, judge, log, response, sent};

fn script(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/scripts");
    fs::read_to_string(folder.join(format!("{name}.rhai"))).unwrap()
}

#[test]
fn moscow_plus() {
    let said = sent(&script("moscow-plus"));
    assert_eq!(said, "POST https://crm.example/leads x-first=1 utm_source=yandex&phone=+79990001001");
}

#[test]
fn crm_json() {
    let script = script("crm-json");
    assert!(sent(&script).contains("names no secret `crm_token`"));
    fake::with(|world| world.secrets.insert("crm_token".to_owned(), "s3".to_owned()));
    let said = sent(&script);
    assert!(said.contains("authorization=Bearer s3"), "{said}");
    assert!(said.contains(r#""title":"Call from yandex"#), "{said}");
    let table = [
        (429, "", Judgement::RetryAfter(Some(60))),
        (200, "ok", Judgement::Delivered),
        (400, r#"{"error":"duplicate"}"#, Judgement::Delivered),
        (200, r#"{"error":"no phone"}"#, Judgement::Refused("the CRM says: no phone".to_owned())),
    ];
    for (status, body, expected) in table {
        let judged = judge(&script, response(status, body)).unwrap();
        assert_eq!(format!("{judged:?}"), format!("{expected:?}"));
    }
}

#[test]
fn once_a_day() {
    let script = script("once-a-day");
    assert_eq!(accept(&script), Ok(None));
    assert_eq!(accept(&script), Ok(Some("client was sent already, 1 before".to_owned())));
    assert_eq!(fake::with(|world| world.kv["seen 79990001001"].1), Some(86_400));
}

#[test]
fn working_hours() {
    let script = script("working-hours");
    let noon_ms = 1_772_442_000_000; // 2026-03-02 12:00 at +03:00
    for (hours_later, expected) in [(0, None), (7, None), (8, Some(13)), (14, Some(7)), (21, None)] {
        let now_ms = noon_ms + hours_later * 3_600_000;
        fake::with(|world| world.now_ms = now_ms);
        let said = sent(&script);
        match expected {
            Some(hours) => assert_eq!(said, format!("defer {}", now_ms + hours * 3_600_000)),
            None => assert!(said.starts_with("POST"), "{said}"),
        }
    }
}

#[test]
fn tags_to_field() {
    let said = sent(&script("tags-to-field"));
    assert!(said.ends_with("callerphone=79990001001&utm_source=yandex&tags=горячий, окна"), "{said}");
    assert_eq!(log(), [""; 0]);
}

#[test]
fn every_sample_is_read_and_shown_here() {
    let shown = include_str!("examples.rs");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/scripts");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Runner::new().parse(&script(&name)).unwrap();
        assert!(shown.contains(&format!("script(\"{name}\")")), "{name} has no test here");
    }
}
