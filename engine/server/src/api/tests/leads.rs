//! Leads.

use super::*;

async fn told() -> World {
    let world = World::with_site().await;
    world.active_webhook(json!({"sending": {"delay_minutes": {"call_ended": 60}}})).await;
    let facts = json!({
        "callerphone": "8 (999) 000-00-01", "duration": 40, "tags_manual": ["VIP"],
        "visits": [{"at": "2026-03-02T09:50:00Z", "ref": "https://yandex.ru/", "attrs": {"card": "gold"}}],
    });
    let mut started = event("call.started", json!({}));
    started["time"] = json!("2026-03-02T09:58:00+00:00");
    world.post("/v1/events", started).await;
    let mut ended = event("call.ended", facts);
    ended["id"] = json!("e2");
    world.post("/v1/events", ended).await;
    world
}

#[tokio::test]
async fn a_lead_is_shown_with_its_history_and_deliveries() {
    let world = told().await;
    let lead = world.get("/v1/leads/60001/call/77").await.body;
    assert_eq!((&lead["site"], &lead["type"], &lead["id"]), (&json!("60001"), &json!("call"), &json!("77")));
    assert_eq!((&lead["version"], &lead["in_progress"]), (&json!(2), &json!(false)));
    assert_eq!(
        (&lead["arrived_at"], &lead["started_at"]),
        (&json!("2026-03-02T10:00:00.000Z"), &json!("2026-03-02T09:58:00.000Z"))
    );
    let facts = json!({"callerphone": "79990000001", "duration": 40, "tags_manual": ["VIP"]});
    assert_eq!(lead["facts"], facts);
    assert_eq!(
        lead["visits"],
        json!([{"at": "2026-03-02T09:50:00.000Z", "ref": "https://yandex.ru/", "attrs": {"card": "gold"}}])
    );
    assert_eq!(lead["decided"]["unique"], json!(true));
    let last = &lead["history"][1];
    assert_eq!(
        (&last["event_id"], &last["type"], &last["effect"]),
        (&json!("e2"), &json!("call.ended"), &json!("applied"))
    );
    assert_eq!(
        (&last["time"], &last["accepted_at"]),
        (&json!("2026-03-02T09:59:00.000Z"), &json!("2026-03-02T10:00:00.000Z"))
    );
    assert_eq!(last["deliveries"][0], lead["deliveries"][0]["id"]);
    assert_eq!(lead["deliveries"][0]["state"], json!("scheduled"));
}

#[tokio::test]
async fn leads_are_found_by_a_phone_as_people_write_it() {
    let world = told().await;
    let rows = [
        ("phone=%2B79990000001", 1),
        ("phone=8-999-000-00-01&site=60001", 1),
        ("phone=9990000001&type=call", 1),
        ("phone=79990000002", 0),
        ("type=request", 0),
        ("site=60001&from=2026-03-02T09:58:00Z", 1),
        ("to=2026-03-02T09:58:00Z", 0),
        ("", 1),
    ];
    for (filter, count) in rows {
        let found = world.get(&format!("/v1/leads?{filter}")).await;
        assert_eq!(found.body["leads"].as_array().map(Vec::len), Some(count), "{filter}: {}", found.body);
    }
}

#[tokio::test]
async fn a_phone_is_read_by_the_habits_of_the_sites_country() {
    let world = told().await;
    world.put("/v1/sites/60001", json!({"country": "KZ"})).await;
    let found = world.get("/v1/leads?phone=9990000001&site=60001").await;
    assert_eq!(found.body["leads"], json!([]));
}

#[tokio::test]
async fn leads_are_paged() {
    let world = World::with_site().await;
    for id in ["1", "2", "3"] {
        let mut ended = event("call.ended", json!({}));
        ended["lead"]["id"] = json!(id);
        world.post("/v1/events", ended).await;
    }
    let first = world.get("/v1/leads?limit=2").await;
    let next = world.get(&format!("/v1/leads?limit=2&cursor={}", first.text("next_cursor"))).await;
    let ids: Vec<_> = [&first, &next]
        .iter()
        .flat_map(|page| page.body["leads"].as_array().unwrap())
        .map(|lead| &lead["id"])
        .collect();
    assert_eq!(ids, ["3", "2", "1"]);
}

#[tokio::test]
async fn an_unknown_lead_is_404() {
    let world = told().await;
    for path in ["60001/call/78", "60001/request/77", "60001/visit/77", "a%20b/call/77", "2/call/77"] {
        world.get(&format!("/v1/leads/{path}")).await.is_problem(404, "not_found");
    }
}
