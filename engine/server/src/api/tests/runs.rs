//! What plugins do: in a delivery, in a plugin's log, in a preview, and in a run that somebody looks at.

use super::{plugins::PLUS, *};

/// The runs of a log, each as what it was for and decided.
fn told(reply: &Reply) -> Vec<(&str, &str)> {
    let runs = reply.body["runs"].as_array().unwrap().iter();
    runs.map(|run| (run["delivery"].as_str().unwrap(), run["decided"].as_str().unwrap())).collect()
}

async fn world_with(plugin: &str, source: &str) -> (World, String) {
    let world = World::with_site().await;
    assert_eq!(world.upload(plugin, source.to_owned()).await.status, StatusCode::CREATED);
    let webhook = world.active_webhook(json!({"transform": [{"plugin": plugin}]})).await;
    (world, webhook)
}

#[tokio::test]
async fn a_delivery_shows_what_its_plugins_did() {
    let (world, _) = world_with("count", r#"kv.increment("secret-number", 7); log("done");"#).await;
    world.post("/v1/events", event("call.ended", json!({"callerphone": "79990000001"}))).await;
    let list = world.until("/v1/deliveries?state=delivered", |body| body["deliveries"][0].is_object()).await;
    let id = list.body["deliveries"][0]["id"].as_str().unwrap();
    let mut one = world.get(&format!("/v1/deliveries/{id}")).await.body;
    let run = one["plugins"][0].as_object_mut().unwrap();
    for measured in ["fuel", "memory_bytes_peak", "elapsed_us"] {
        assert!(run.remove(measured).unwrap().as_u64().unwrap() > 0, "{measured}");
    }
    assert_eq!(run.remove("sha256").unwrap().as_str().unwrap().len(), 64);
    let expected = json!({
        "plugin": "count", "step": "transform", "at": "2026-03-02T10:00:00.000Z", "decided": "sent",
        "log": [{"level": "info", "text": "done"}], "log_cut": false, "keys_read": ["secret-number"],
    });
    assert_eq!(&expected, &json!(run));
}

#[tokio::test]
async fn a_plugins_log_has_its_runs_newest_first() {
    let source = r#"if lead.duration == "2" { skip("too short"); } if lead.duration == "3" { throw "odd"; }"#;
    let (world, webhook) = world_with("picky", source).await;
    world.active_webhook(json!({})).await;
    for (lead, duration) in [("1", 1), ("2", 2), ("3", 3)] {
        let mut call = event("call.ended", json!({"duration": duration}));
        call["lead"]["id"] = json!(lead);
        world.post("/v1/events", call).await;
        world.clock.advance(1);
    }
    let path = "/v1/plugins/picky/logs";
    let log = world.until(path, |body| body["runs"].as_array().is_some_and(|runs| runs.len() == 3)).await;
    let decided: Vec<_> = told(&log).into_iter().map(|(_, decided)| decided).collect();
    assert_eq!(decided, ["failed", "skipped", "sent"]);
    let runs = &log.body["runs"];
    assert_eq!((&runs[0]["webhook"], &runs[1]["reason"]), (&json!(webhook), &json!("too short")));
    let error = &runs[0]["error"];
    assert_eq!(error["kind"], json!("failed"));
    assert!(error["detail"].as_str().unwrap().contains("odd"), "{error}");

    let first = world.get(&format!("{path}?limit=2&webhook={webhook}")).await;
    let next = world.get(&format!("{path}?cursor={}", first.text("next_cursor"))).await;
    assert_eq!([told(&first), told(&next)].concat(), told(&log));
    world.get(&format!("{path}?webhook=x")).await.is_problem(422, "bad_query");
    assert_eq!(told(&world.get("/v1/plugins/dedupe/logs").await), []);
}

#[tokio::test]
async fn a_preview_shows_the_request_after_the_plugins() {
    let world = World::new().await;
    world.upload("plus", PLUS).await;
    world.upload("hold", r#"skip("not today");"#).await;
    let settings = |chain: Value| json!({"url": "https://crm.example/hook", "parameters": {"only": ["id"]}, "transform": chain});
    let shown = world
        .post(
            "/v1/preview",
            json!({"webhook": settings(json!([{"plugin": "plus"}, {"plugin": "json-body"}]))}),
        )
        .await;
    assert_eq!(shown.status, StatusCode::OK, "{}", shown.body);
    assert_eq!(shown.body["verdict"], json!({"decision": "send"}));
    let body: Value = serde_json::from_str(shown.text("body")).unwrap();
    assert_eq!(body, json!({"id": "1000000001", "phone": "+79990000001"}));
    let names: Vec<_> =
        shown.body["plugins"].as_array().unwrap().iter().map(|run| run["plugin"].clone()).collect();
    assert_eq!(names, ["plus", "json-body"]);
    assert_eq!(shown.body["plugins"][0]["log"][0]["text"], json!("done"));
    let held = world.post("/v1/preview", json!({"webhook": settings(json!([{"plugin": "hold"}]))})).await;
    assert_eq!(held.body["verdict"]["decision"], json!("skip"));
    assert!(held.body["verdict"]["reason"].as_str().unwrap().contains("not today"));
    assert_eq!(held.text("body"), "id=1000000001", "as it was before");
    assert_eq!(world.handler.came.available_permits(), 0, "nothing is sent");
}

#[tokio::test]
async fn a_plugin_is_run_on_a_sample_and_on_what_is_given() {
    let world = World::new().await;
    world.upload("plus", PLUS).await;
    let ran = world.post("/v1/plugins/plus/run", json!({})).await;
    assert_eq!(ran.status, StatusCode::OK, "{}", ran.body);
    assert_eq!((&ran.body["verdict"], ran.text("trigger")), (&json!({"decision": "send"}), "call_ended"));
    assert_eq!(ran.body["lead_read"]["parameters"]["callerphone"], json!("79990000001"));
    assert!(!ran.body["before"]["body"].as_str().unwrap().contains("phone=%2B"));
    assert!(ran.body["after"]["body"].as_str().unwrap().contains("phone=%2B79990000001"));
    assert_eq!(ran.body["runs"][0]["decided"], json!("sent"));

    let request =
        json!({"url": "https://a.example/?k=1", "headers": [["x-a", "1"]], "body": {"form": [["n", "1"]]}});
    let event = event("call.ended", json!({"callerphone": "79990000002"}));
    let given = json!({"lead": [event], "request": request, "webhook": {"url": "https://crm.example/hook"}});
    let ran = world.post("/v1/plugins/plus/run", given).await;
    assert_eq!(ran.body["after"]["body"], json!("n=1&phone=%2B79990000002"), "{}", ran.body);
    assert_eq!(ran.body["after"]["url"], json!("https://a.example/?k=1"));
    assert_eq!(ran.body["lead"], json!({"site": "60001", "type": "call", "id": "77"}));
    assert_eq!(world.handler.came.available_permits(), 0, "nothing is sent");
    assert_eq!(world.get("/v1/deliveries").await.body["deliveries"], json!([]), "nothing is kept");
}

#[tokio::test]
async fn a_run_gives_config_and_secrets_and_asks_the_receipt() {
    let world = World::new().await;
    world.put("/v1/secrets/token", json!({"value": "t-1"})).await;
    let source = r#"fn transform(lead, request) { request.set("a", config.mark + secret("token")); }
        fn receipt(lead, response) { if response.json.error != () { refused(response.json.error); } }"#;
    let sha256 = world.upload("crm", source).await.text("sha256").to_owned();
    world.upload("crm", "skip(\"newer\");").await;
    let given = json!({"version": sha256, "config": {"mark": "m-"}, "secrets": ["token"],
        "request": {"url": "https://a.example/"}, "response": {"status": 200, "json": {"error": "no such deal"}}});
    let ran = world.post("/v1/plugins/crm/run", given).await;
    assert_eq!(
        (ran.text("sha256"), &ran.body["after"]["body"]),
        (sha256.as_str(), &json!("a=m-t-1")),
        "{}",
        ran.body
    );
    let receipt = &ran.body["runs"][1];
    let told = [&receipt["step"], &receipt["decided"], &receipt["reason"]];
    assert_eq!(told, [&json!("receipt"), &json!("refused"), &json!("no such deal")]);
    let newer = world.post("/v1/plugins/crm/run", json!({})).await;
    assert_eq!((&newer.body["verdict"]["decision"], newer.body.get("after")), (&json!("skip"), None));
}

#[tokio::test]
async fn what_a_run_cannot_be_meant_by_is_refused_by_name() {
    let world = World::new().await;
    let rows = [
        (json!({"x": 1}), "x", "unknown_field"),
        (json!({"secrets": ["token"]}), "secrets[0]", "unknown_secret"),
        (json!({"webhook": {"url": "x"}}), "webhook.url", "bad_url"),
        (json!({"webhook": "wh_x"}), "webhook", "bad_webhook_id"),
        (json!({"lead": []}), "lead", "empty"),
        (json!({"trigger": "x"}), "trigger", "unknown_trigger"),
        (json!({"request": {}}), "request.url", "missing"),
        (json!({"request": {"url": "ftp://x"}}), "request.url", "bad_url"),
        (json!({"request": {"url": "https://x/", "method": "PUT"}}), "request.method", "unknown_value"),
        (json!({"request": {"url": "https://x/", "body": {}}}), "request.body", "one_body"),
        (
            json!({"request": {"url": "https://x/", "body": {"form": [["a"]]}}}),
            "request.body.form[0]",
            "wrong_type",
        ),
        (json!({"response": {}}), "response.status", "missing"),
        (json!({"response": {"status": 100}}), "response.status", "out_of_range"),
        (json!({"response": {"status": 200, "json": 1, "text": ""}}), "response", "one_body"),
        (json!({"config": "x".repeat(20_000)}), "config", "too_long"),
    ];
    for (body, path, code) in rows {
        let reply = world.post("/v1/plugins/json-body/run", body.clone()).await;
        assert_eq!(reply.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", reply.body);
        assert_eq!(reply.faults(), [(path, code)], "{body}");
    }
    world.post("/v1/plugins/nowhere/run", json!({})).await.is_problem(404, "not_found");
    let other = json!({"version": "0".repeat(64)});
    world.post("/v1/plugins/json-body/run", other).await.is_problem(404, "not_found");
}
