//! Webhooks and their revisions.

use super::*;

const URL: &str = "https://crm.example/hook";

#[tokio::test]
async fn a_webhook_is_made_inactive_with_its_settings_as_given() {
    let world = World::new().await;
    let settings = json!({"url": URL, "sending": {"delay_minutes": {"call_ended": 5}}});
    let made = world.post("/v1/webhooks", settings.clone()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let id = made.text("id");
    assert_eq!(made.header(header::LOCATION), Some(format!("/v1/webhooks/{id}").as_str()));
    assert_eq!(made.header(header::ETAG), Some("\"1\""));
    let expected = json!({
        "id": id, "name": "crm.example", "revision": 1, "active": false,
        "created_at": "2026-03-02T10:00:00.000Z", "settings": settings,
    });
    assert_eq!(made.body, expected);
    let read = world.get(&format!("/v1/webhooks/{id}")).await;
    assert_eq!((&read.body, read.header(header::ETAG)), (&expected, Some("\"1\"")));
}

#[tokio::test]
async fn every_fault_of_settings_is_named() {
    let world = World::new().await;
    let settings = json!({
        "url": "http://169.254.169.254/", "tag": [], "sending": {"delay_minutes": {"call_started": 1}},
        "transform": [{"plugin": "x"}],
    });
    let reply = world.post("/v1/webhooks", settings).await;
    let mut faults = reply.is_problem(422, "invalid").faults();
    faults.sort_unstable();
    let expected = [
        ("sending.delay_minutes.call_started", "not_delayable"),
        ("tag", "unknown_field"),
        ("transform[0].plugin", "unknown_plugin"),
        ("url", "forbidden_address"),
    ];
    assert_eq!(faults, expected);
    world.post("/v1/webhooks", json!("x")).await.is_problem(422, "invalid");
}

#[tokio::test]
async fn a_save_is_a_revision_and_only_of_the_revision_that_is_expected() {
    let world = World::new().await;
    let made = world.post("/v1/webhooks", json!({"url": URL})).await;
    let path = format!("/v1/webhooks/{}", made.text("id"));
    let save = |if_match: &'static str, name: &'static str| {
        let (world, path) = (&world, path.as_str());
        async move {
            let body = json!({"url": URL, "name": name}).to_string();
            world.raw("PUT", path, &[("if-match", if_match)], body).await
        }
    };
    let saved = save("\"1\"", "second").await;
    assert_eq!((saved.status, &saved.body["revision"]), (StatusCode::OK, &json!(2)));
    assert_eq!(saved.header(header::ETAG), Some("\"2\""));
    let moved = save("\"1\"", "lost").await;
    assert_eq!(moved.is_problem(412, "revision_moved").body["revision"], json!(2));
    assert_eq!(save("*", "third").await.body["revision"], json!(3));
    assert_eq!(world.put(&path, json!({"url": URL, "name": "fourth"})).await.body["revision"], json!(4));
    save("W/\"1\"", "x").await.is_problem(400, "bad_if_match");
    world.put(&path, json!({})).await.is_problem(422, "invalid");

    let revisions = world.get(&format!("{path}/revisions?limit=3")).await;
    let names: Vec<_> =
        revisions.body["revisions"].as_array().unwrap().iter().map(|one| &one["settings"]["name"]).collect();
    assert_eq!(names, ["fourth", "third", "second"]);
    let rest = world.get(&format!("{path}/revisions?cursor={}", revisions.text("next_cursor"))).await;
    assert_eq!(rest.body["revisions"][0]["revision"], json!(1));
    assert_eq!(rest.body["revisions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_deleted_webhook_is_gone_for_every_call() {
    let world = World::new().await;
    let made = world.post("/v1/webhooks", json!({"url": URL})).await;
    let path = format!("/v1/webhooks/{}", made.text("id"));
    assert_eq!(world.delete(&path).await.status, StatusCode::NO_CONTENT);
    for path in [path, "/v1/webhooks/wh_0000000000000".to_owned(), "/v1/webhooks/7".to_owned()] {
        world.get(&path).await.is_problem(404, "not_found");
        world.delete(&path).await.is_problem(404, "not_found");
        world.put(&path, json!({"url": URL})).await.is_problem(404, "not_found");
        world.get(&format!("{path}/revisions")).await.is_problem(404, "not_found");
        for call in ["activate", "deactivate", "copy"] {
            world.press(&format!("{path}/{call}")).await.is_problem(404, "not_found");
        }
    }
    assert_eq!(world.get("/v1/webhooks").await.body, json!({"webhooks": []}));
}

#[tokio::test]
async fn webhooks_are_listed_newest_first_a_page_at_a_time() {
    let world = World::new().await;
    for name in ["a", "b", "c"] {
        world.post("/v1/webhooks", json!({"url": URL, "name": name})).await;
    }
    let names = |reply: &Reply| -> Vec<String> {
        let webhooks = reply.body["webhooks"].as_array().unwrap().iter();
        webhooks.map(|webhook| webhook["name"].as_str().unwrap().to_owned()).collect()
    };
    let first = world.get("/v1/webhooks?limit=2").await;
    assert_eq!(names(&first), ["c", "b"]);
    let next = world.get(&format!("/v1/webhooks?limit=2&cursor={}", first.text("next_cursor"))).await;
    assert_eq!((names(&next), next.body.get("next_cursor")), (vec!["a".to_owned()], None));
}
