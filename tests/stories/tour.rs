//! The way of a new user: site, webhook, activation, receiver, sample leads, and why each was or was not sent.

use leadhook_harness::{Answer, Engine, Program, Receiver, wait_until};
use leadhook_tests::{files, root};
use serde_json::{Value, json};

use crate::world::{deliveries, engine, id, inactive_webhook, of_leads, webhook};

/// The sample leads, by path, in the order in which a shell names them.
fn samples() -> Vec<String> {
    let folder = root().join("examples/leads");
    let paths: Vec<_> =
        files(&folder).into_iter().map(|path| folder.join(path).to_string_lossy().into_owned()).collect();
    assert!(paths.len() >= 10 && paths.is_sorted(), "{paths:?}");
    paths
}

async fn set_up(engine: &Engine, receiver_url: &str) {
    let site = std::fs::read_to_string(root().join("examples/site.json")).unwrap();
    let (status, _) = engine.put("/v1/sites/60001", &serde_json::from_str(&site).unwrap()).await;
    assert_eq!(status, 201);
    let settings = json!({ "name": "CRM", "url": receiver_url, "leads": { "calls": "unique" } });
    webhook(engine, settings).await;
}

#[tokio::test]
async fn after_the_sample_leads_the_deliveries_tell_why_each_was_or_was_not_sent() {
    let engine = Engine::start().await;
    let mut listen = Program::start(["listen", "--port", "0"]);
    let line = listen.line_with("listening on http://").await;
    let receiver_url = line.split_once("on ").unwrap().1.to_owned();
    set_up(&engine, &format!("{receiver_url}/hook")).await;

    let server = format!("http://{}", engine.address());
    let mut arguments = vec!["send", "--server", &server, "--key", engine.key()];
    let samples = samples();
    arguments.extend(samples.iter().map(String::as_str));
    let sent = Program::start(arguments).end().await;
    assert_eq!(sent.code, Some(0), "{}\n{}", sent.stdout, sent.stderr);
    assert!(sent.stdout.contains("accepted"), "{}", sent.stdout);

    let all = wait_until("every delivery has ended", async || {
        let all = deliveries(&engine, "").await;
        let open = ["scheduled", "sending", "retrying"];
        all.iter().all(|one| !open.contains(&one["state"].as_str().unwrap())).then_some(all)
    })
    .await;
    assert_eq!(all.len(), samples.len(), "one for the end of each call and one for each request");
    let of =
        |lead: &str| all.iter().find(|one| one["lead"]["id"] == lead).unwrap_or_else(|| panic!("{lead}"));
    let repeated = of("1500000010");
    assert_eq!(repeated["state"], "skipped", "{repeated}");
    assert_eq!(repeated["reason"], "the call is not unique, and the webhook takes only unique calls");
    let first = of("1500000001");
    assert_eq!(
        (&first["state"], &first["last_outcome"]),
        (&json!("delivered"), &json!("the handler answered 200"))
    );
    for one in all.iter().filter(|one| one["state"] != "delivered") {
        assert_eq!(one["state"], "skipped", "{one}");
        assert!(!one["reason"].as_str().unwrap().is_empty(), "{one}");
    }

    for one in all.iter().filter(|one| one["state"] == "delivered") {
        listen.line_with(id(one)).await;
    }
    let printed = listen.terminate().await;
    assert_eq!(printed.code, Some(0));
    assert!(printed.stdout.contains("a test: make no lead of it"), "{}", printed.stdout);
    assert!(!printed.stdout.contains(id(repeated)), "what was held back was not sent");
    assert!(printed.stdout.contains("Ёлкина Мария Сергеевна"), "{}", printed.stdout);
}

#[tokio::test]
async fn activation_is_refused_with_409_when_the_handler_does_not_answer_with_success_unless_forced() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    receiver.answer_always(Answer::status(500).body("no such table"));
    let id = inactive_webhook(&engine, &json!({ "url": receiver.url("/hook") })).await;
    let activate = format!("/v1/webhooks/{id}/activate");

    let (status, problem) = engine.post(&activate, &json!({})).await;
    assert_eq!((status, &problem["code"]), (409, &json!("handler_not_ok")));
    assert_eq!(
        (&problem["answer"]["status"], &problem["answer"]["body"]),
        (&json!(500), &json!("no such table"))
    );
    assert_eq!(engine.get(&format!("/v1/webhooks/{id}")).await.1["active"], false);
    let probe = receiver.wait_for(1).await.remove(0);
    assert_eq!(probe.header("webhook-test"), Some("true"));
    assert!(probe.pair("callerphone").is_some(), "{probe}");

    let (status, forced) = engine.post(&activate, &json!({ "force": true })).await;
    assert_eq!((status, &forced["active"], &forced["probe"]["status"]), (200, &json!(true), &json!(500)));
    assert_eq!(of_leads(&receiver.requests()).len(), 0, "probes are marked");
}

#[tokio::test]
async fn a_copy_has_all_settings_and_is_inactive() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let settings =
        json!({ "name": "CRM", "url": receiver.url("/hook"), "tags": ["Sales"], "timeout_seconds": 3 });
    let original = webhook(&engine, settings.clone()).await;
    let (status, copy) = engine.post(&format!("/v1/webhooks/{original}/copy"), &json!({})).await;
    assert_eq!((status, &copy["active"], &copy["revision"]), (201, &json!(false), &json!(1)));
    assert_ne!(id(&copy), original);
    let expected =
        json!({ "name": "CRM (copy)", "url": settings["url"], "tags": ["Sales"], "timeout_seconds": 3 });
    assert_eq!(copy["settings"], expected);
}

#[tokio::test]
async fn each_save_is_a_revision_and_if_match_saves_only_what_was_read() {
    let engine = engine().await;
    let first = json!({ "url": "https://crm.example/1" });
    let second = json!({ "url": "https://crm.example/2" });
    let id = inactive_webhook(&engine, &first).await;
    let path = format!("/v1/webhooks/{id}");
    let bearer = format!("Bearer {}", engine.key());
    let save = async |if_match: &str, settings: &Value| {
        let headers = [("authorization", bearer.as_str()), ("if-match", if_match)];
        engine.raw("PUT", &path, &headers, settings.to_string()).await.unwrap()
    };
    let saved = save("\"1\"", &second).await;
    assert_eq!((saved.status, saved.header("etag")), (200, Some("\"2\"")));
    let late = save("\"1\"", &first).await;
    assert_eq!(
        (late.status, &late.json()["code"], &late.json()["revision"]),
        (412, &json!("revision_moved"), &json!(2))
    );

    let (_, revisions) = engine.get(&format!("{path}/revisions")).await;
    let revisions: Vec<_> = revisions["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|revision| (revision["revision"].as_u64().unwrap(), revision["settings"].clone()))
        .collect();
    assert_eq!(revisions, [(2, second), (1, first)]);
}
