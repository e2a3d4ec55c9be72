//! Secrets: set, listed by name, never shown.

use super::*;

#[tokio::test]
async fn a_secret_is_set_replaced_listed_and_deleted_and_never_shown() {
    let world = World::new().await;
    let mut answers = Vec::new();
    let made = world.put("/v1/secrets/crm-token", json!({"value": "very-secret"})).await;
    assert_eq!(made.status, StatusCode::CREATED);
    let expected = json!({"name": "crm-token", "set_at": "2026-03-02T10:00:00.000Z", "used_by": []});
    assert_eq!(made.body, expected);
    world.clock.advance(1_000);
    let again = world.put("/v1/secrets/crm-token", json!({"value": "very-secret-2"})).await;
    assert_eq!((again.status, again.text("set_at")), (StatusCode::OK, "2026-03-02T10:00:01.000Z"));
    world.put("/v1/secrets/a.word", json!({"value": "very-secret-3"})).await;
    let first = world.get("/v1/secrets?limit=1").await;
    assert_eq!(first.body["secrets"][0]["name"], json!("a.word"));
    let next = world.get(&format!("/v1/secrets?cursor={}", first.text("next_cursor"))).await;
    assert_eq!(next.body, json!({"secrets": [again.body]}));
    let link = json!({"plugin": "json-body", "secrets": ["crm-token"]});
    let webhook = world.active_webhook(json!({"transform": [link]})).await;
    let refused = world.delete("/v1/secrets/crm-token").await;
    assert_eq!(refused.is_problem(409, "secret_in_use").body["webhooks"], json!([webhook]));
    answers.extend([made, again, first, next, refused, world.get("/v1/secrets").await]);
    world.delete(&format!("/v1/webhooks/{webhook}")).await;
    assert_eq!(world.delete("/v1/secrets/crm-token").await.status, StatusCode::NO_CONTENT);
    world.delete("/v1/secrets/crm-token").await.is_problem(404, "not_found");
    answers.push(world.get("/v1/secrets/crm-token").await);
    for answer in answers {
        assert!(!answer.body.to_string().contains("very-secret"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_bad_name_or_value_is_refused_without_the_value() {
    let world = World::new().await;
    let long = "very-secret".repeat(1_000);
    let rows = [
        ("a%20b", json!({"value": "very-secret"}), "name", "bad_secret_name"),
        ("a", json!({}), "value", "missing"),
        ("a", json!({"value": ""}), "value", "empty"),
        ("a", json!({"value": 7}), "value", "wrong_type"),
        ("a", json!({"value": long}), "value", "too_long"),
        ("a", json!({"value": "very-secret", "x": 1}), "x", "unknown_field"),
    ];
    for (name, body, path, code) in rows {
        let reply = world.put(&format!("/v1/secrets/{name}"), body).await;
        assert_eq!((reply.status.as_u16(), reply.faults()), (422, vec![(path, code)]), "{}", reply.body);
        assert!(!reply.body.to_string().contains("very-secret"), "{}", reply.body);
    }
}

#[tokio::test]
async fn another_account_neither_sees_nor_deletes_a_secret() {
    let world = World::new().await;
    world.put("/v1/secrets/token", json!({"value": "x"})).await;
    let theirs = world.raw_as(OTHER_KEY, "GET", "/v1/secrets", &[], "").await;
    assert_eq!(theirs.body, json!({"secrets": []}));
    world.raw_as(OTHER_KEY, "DELETE", "/v1/secrets/token", &[], "").await.is_problem(404, "not_found");
    assert_eq!(world.get("/v1/secrets").await.body["secrets"][0]["name"], json!("token"));
}
