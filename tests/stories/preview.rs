//! A preview shows the final request and sends it nowhere; what cannot be meant is refused all at once.

use std::path::PathBuf;

use leadhook_harness::{Program, Receiver};
use leadhook_tests::{files, root};
use serde_json::{Value, json};

use crate::world::{deliveries, engine, faults, in_state, post_calls, webhook};

/// Settings in which many things are wrong, and what.
fn wrong() -> (Value, Vec<&'static str>) {
    let settings = json!({
        "url": "ftp://crm.example/", "method": "PUT", "timeout_seconds": 61, "colour": "red",
        "parameters": { "only": ["id", "phone"] },
        "sending": { "delay_minutes": { "call_ended": 1441 } },
    });
    let paths = vec![
        "url",
        "method",
        "timeout_seconds",
        "colour",
        "parameters.only[1]",
        "sending.delay_minutes.call_ended",
    ];
    (settings, paths)
}

fn example(name: &str) -> String {
    root().join("examples").join(name).to_string_lossy().into_owned()
}

fn examples_of_settings() -> Vec<PathBuf> {
    let folder = root().join("examples/settings");
    let found: Vec<_> = files(&folder).into_iter().map(|path| folder.join(path)).collect();
    assert!(found.len() >= 5, "{found:?}");
    found
}

#[tokio::test]
async fn the_command_prints_the_request_of_each_example_of_settings_for_a_call_and_a_request() {
    for settings in examples_of_settings() {
        let url = serde_json::from_str::<Value>(&std::fs::read_to_string(&settings).unwrap()).unwrap()["url"]
            .clone();
        for lead in ["leads/call-dynamic.json", "leads/request-form.json"] {
            let settings = settings.to_string_lossy();
            let lead = example(lead);
            let ended = Program::start(["preview", &settings, &lead, "--json"]).end().await;
            assert_eq!(ended.code, Some(0), "{settings} {lead}: {}", ended.stderr);
            let shown: Value = serde_json::from_str(&ended.stdout).unwrap();
            let expected = url.as_str().unwrap();
            assert!(shown["url"].as_str().unwrap().starts_with(expected), "{shown}");
            let encoded = format!("{}{}", shown["url"].as_str().unwrap(), shown["body"].as_str().unwrap());
            assert!(encoded.contains("leadtype=") && encoded.is_ascii(), "{settings} {lead}: {encoded}");
            assert!(!shown["parameters"].as_array().unwrap().is_empty());
            assert!(shown["parameters"][0]["origin"].is_string(), "{shown}");
        }
    }
}

#[tokio::test]
async fn the_command_prints_it_for_people_too_and_sends_nothing() {
    let receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    std::fs::write(
        &settings,
        json!({ "url": receiver.url("/hook?k=1"), "leads": { "calls": "unique" } }).to_string(),
    )
    .unwrap();
    let (settings, lead) = (settings.to_string_lossy(), example("leads/call-dynamic.json"));
    let ended = Program::start(["preview", &settings, &lead]).end().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for part in [
        &format!("POST {}", receiver.url("/hook?k=1")),
        "would be sent",
        "leadtype=call&",
        "stated by the source",
    ] {
        assert!(ended.stdout.contains(part), "`{part}` is missing in\n{}", ended.stdout);
    }
    assert_eq!(receiver.requests().len(), 0);
}

#[tokio::test]
async fn the_command_refuses_wrong_settings_with_every_fault_at_once() {
    let (settings, paths) = wrong();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.json");
    std::fs::write(&file, settings.to_string()).unwrap();
    let ended = Program::start(["preview", &file.to_string_lossy()]).end().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    for path in paths {
        assert!(ended.stderr.contains(&format!("{path}: ")), "`{path}` is missing in\n{}", ended.stderr);
    }
}

#[tokio::test]
async fn the_call_shows_the_request_that_is_sent_then_and_sends_nothing_itself() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    // Two triggers: what was delivered is compared with what may follow.
    let sending = json!({ "on": ["call_started", "call_ended"] });
    let parameters = json!({ "except": ["sendingTimestamp"] });
    let settings = json!({ "url": receiver.url("/hook"), "parameters": parameters, "sending": sending });
    let saved = webhook(&engine, settings.clone()).await;
    post_calls(&engine, [7]).await;
    in_state(&engine, &saved, "delivered", 1).await;
    let sent = receiver.requests().remove(1);
    let known = json!({ "site": "60001", "type": "call", "id": "7" });
    for chosen in [json!(saved), settings] {
        let given = !chosen.is_string();
        let (status, shown) = engine.post("/v1/preview", &json!({ "webhook": chosen, "lead": known })).await;
        assert_eq!(status, 200, "{shown}");
        assert_eq!((&shown["method"], &shown["url"]), (&json!("POST"), &json!(receiver.url("/hook"))));
        assert_eq!(shown["verdict"]["decision"], "send");
        // A saved webhook has delivered this lead, so that nothing of it has changed since.
        let expected =
            if given { sent.text() } else { sent.text().replace("changedFields=null", "changedFields=") };
        assert_eq!(shown["body"], expected);
    }
    assert_eq!(receiver.requests().len(), 2, "the probe and the lead");
    assert_eq!(deliveries(&engine, "").await.len(), 1);
}

#[tokio::test]
async fn the_call_shows_unsaved_settings_on_events_or_a_sample_and_refuses_wrong_ones_with_every_fault() {
    let engine = engine().await;
    for path in examples_of_settings() {
        let settings: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let lead: Value =
            serde_json::from_str(&std::fs::read_to_string(example("leads/call-dynamic.json")).unwrap())
                .unwrap();
        for wanted in [json!({ "webhook": settings }), json!({ "webhook": settings, "lead": lead })] {
            let (status, shown) = engine.post("/v1/preview", &wanted).await;
            assert_eq!(status, 200, "{}: {shown}", path.display());
            assert!(shown["url"].as_str().unwrap().starts_with(settings["url"].as_str().unwrap()));
        }
    }
    let (_, leads) = engine.get("/v1/leads").await;
    assert_eq!(leads["leads"], json!([]), "nothing is stored");

    let (settings, paths) = wrong();
    let (status, problem) = engine.post("/v1/preview", &json!({ "webhook": settings })).await;
    assert_eq!(status, 422, "{problem}");
    let told: Vec<_> = faults(&problem).into_iter().map(|(path, _)| path).collect();
    for path in paths {
        assert!(told.contains(&format!("webhook.{path}")), "`{path}` is missing in {told:?}");
    }
}
