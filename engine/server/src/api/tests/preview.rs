//! Previews.

use super::*;

const URL: &str = "https://crm.example/hook";

/// The value that a preview shows for a parameter.
fn shown<'a>(reply: &'a Reply, name: &str) -> &'a Value {
    let parameters = reply.body["parameters"].as_array().unwrap_or_else(|| panic!("{}", reply.body));
    parameters.iter().find(|parameter| parameter["name"] == name).unwrap()
}

#[tokio::test]
async fn unsaved_settings_are_shown_on_a_sample_lead() {
    let world = World::new().await;
    let settings = json!({"url": URL, "parameters": {"only": ["id", "callerphone"], "rename": {"callerphone": "phone"}},
        "signing": {"secrets": ["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"]}});
    let reply = world.post("/v1/preview", json!({"webhook": settings})).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert_eq!((reply.text("method"), reply.text("url"), reply.text("trigger")), ("POST", URL, "call_ended"));
    assert_eq!(
        (reply.body["verdict"].clone(), reply.text("body")),
        (json!({"decision": "send"}), "id=1000000001&phone=79990000001")
    );
    assert_eq!(shown(&reply, "callerphone")["sent_as"], json!("phone"));
    let names: Vec<_> =
        reply.body["headers"].as_array().unwrap().iter().filter_map(|pair| pair[0].as_str()).collect();
    assert!(
        ["webhook-id", "webhook-timestamp", "webhook-signature"].iter().all(|name| names.contains(name)),
        "{names:?}"
    );
    assert_eq!(world.handler.came.available_permits(), 0, "nothing is sent");
    let requests = json!({"webhook": {"url": URL, "leads": {"calls": "none"}}});
    assert_eq!(world.post("/v1/preview", requests).await.text("trigger"), "request_created");
}

#[tokio::test]
async fn a_saved_webhook_is_shown_on_a_known_lead_with_what_changed_since_it_was_delivered() {
    let world = World::with_site().await;
    // A second trigger: what was delivered is kept for comparing only where another delivery can follow.
    let sending = json!({"model": "event_based", "on": ["call_ended", "lead_tags_changed"]});
    let webhook = world.active_webhook(json!({"sending": sending})).await;
    world.post("/v1/events", event("call.ended", json!({"duration": 5}))).await;
    world.until("/v1/deliveries?state=delivered", |body| body["deliveries"][0].is_object()).await;
    world.post("/v1/events", event("lead.rating_changed", json!({"rating": 4}))).await;
    let lead = json!({"site": "60001", "type": "call", "id": "77"});
    let reply = world
        .post("/v1/preview", json!({"webhook": webhook, "lead": lead, "trigger": "lead_rating_changed"}))
        .await;
    assert_eq!(reply.body["lead"], lead);
    assert_eq!(shown(&reply, "rating")["value"], json!("4"));
    assert_eq!(shown(&reply, "changedFields")["value"], json!("rating"));
}

#[tokio::test]
async fn events_make_a_lead_that_is_stored_nowhere() {
    let world = World::with_site().await;
    let events = json!([
        event("call.started", json!({})),
        event("call.ended", json!({"duration": 95, "tags_manual": ["VIP"]}))
    ]);
    let reply =
        world.post("/v1/preview", json!({"webhook": {"url": URL, "tags": ["Sales"]}, "lead": events})).await;
    assert_eq!(shown(&reply, "duration")["value"], json!("95"));
    assert_eq!(reply.body["verdict"]["decision"], json!("skip"));
    assert!(reply.body["verdict"]["reason"].is_string());
    world.get("/v1/leads/60001/call/77").await.is_problem(404, "not_found");
    let one = json!({"webhook": {"url": URL}, "lead": event("call.started", json!({}))});
    assert_eq!(world.post("/v1/preview", one).await.text("trigger"), "call_started");
    let mut elsewhere = event("request.created", json!({}));
    elsewhere["site"] = json!("unknown");
    let reply = world.post("/v1/preview", json!({"webhook": {"url": URL}, "lead": [elsewhere]})).await;
    assert_eq!(shown(&reply, "siteId")["value"], json!("unknown"), "a site need not exist to be tried out");
}

#[tokio::test]
async fn what_cannot_be_meant_is_named_where_it_stands() {
    let world = World::with_site().await;
    let good = json!({"url": URL});
    let mut other = event("call.ended", json!({}));
    other["lead"]["id"] = json!("78");
    let started = || event("call.started", json!({}));
    let rows = [
        (json!({}), "webhook", "missing"),
        (json!({"webhook": 7}), "webhook", "wrong_type"),
        (json!({"webhook": "x"}), "webhook", "bad_webhook_id"),
        (json!({"webhook": "wh_0000000000000"}), "webhook", "unknown_webhook"),
        (json!({"webhook": {}}), "webhook.url", "missing"),
        (json!({"webhook": good, "leads": []}), "leads", "unknown_field"),
        (json!({"webhook": good, "lead": 7}), "lead", "wrong_type"),
        (json!({"webhook": good, "lead": []}), "lead", "empty"),
        (json!({"webhook": good, "lead": {"site": "60001", "type": "call"}}), "lead.id", "missing"),
        (
            json!({"webhook": good, "lead": {"site": "60001", "type": "mail", "id": "1"}}),
            "lead.type",
            "unknown_lead_type",
        ),
        (
            json!({"webhook": good, "lead": {"site": "60001", "type": "call", "id": "1"}}),
            "lead",
            "unknown_lead",
        ),
        (
            json!({"webhook": good, "lead": [event("call.ended", json!({"duration": "x"}))]}),
            "lead[0].data.duration",
            "wrong_type",
        ),
        (
            json!({"webhook": good, "lead": [event("lead.updated", json!({}))]}),
            "lead[0].lead.id",
            "unknown_lead",
        ),
        (json!({"webhook": good, "lead": [started(), other]}), "lead[1].lead", "other_lead"),
        (json!({"webhook": good, "lead": vec![started(); 101]}), "lead", "too_many"),
        (json!({"webhook": good, "trigger": "call.ended"}), "trigger", "unknown_trigger"),
        (
            json!({"webhook": good, "lead": [started()], "trigger": "request_created"}),
            "trigger",
            "wrong_lead_type",
        ),
    ];
    for (body, path, code) in rows {
        let reply = world.post("/v1/preview", body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.faults()), (422, vec![(path, code)]), "{body}");
    }
    let all = json!({"webhook": {"url": 1}, "lead": 7, "trigger": 1, "x": 1});
    assert_eq!(world.post("/v1/preview", all).await.faults().len(), 4, "every fault at once");
}
