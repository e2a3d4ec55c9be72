//! Sites.

use super::*;

#[tokio::test]
async fn a_site_is_made_read_replaced_and_deleted() {
    let world = World::new().await;
    let made = world.put("/v1/sites/60001", json!({"name": "Shop", "uniqueness_days": 7})).await;
    assert_eq!((made.status, &made.body["revision"]), (StatusCode::CREATED, &json!(1)));
    assert_eq!(made.header(header::LOCATION), Some("/v1/sites/60001"));
    assert_eq!(world.get("/v1/sites/60001").await.body, made.body);
    let again = world.put("/v1/sites/60001", made.body.clone()).await;
    assert_eq!(
        (again.status, &again.body["revision"]),
        (StatusCode::OK, &json!(2)),
        "what is read can be sent back"
    );
    let replaced = world.put("/v1/sites/60001", json!({})).await;
    assert_eq!((&replaced.body["name"], &replaced.body["uniqueness_days"]), (&json!("60001"), &json!(30)));
    assert_eq!(world.delete("/v1/sites/60001").await.status, StatusCode::NO_CONTENT);
    world.delete("/v1/sites/60001").await.is_problem(404, "not_found");
    world.get("/v1/sites/60001").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_by_name() {
    let world = World::new().await;
    let reply = world.put("/v1/sites/a%20b", json!({})).await;
    assert_eq!(reply.is_problem(422, "bad_site_id").faults(), [("id", "bad_site_id")]);
    let reply = world.put("/v1/sites/1", json!({"timezone": "MSK", "x": 1})).await;
    let faults = [("timezone", "unknown_timezone"), ("x", "unknown_field")];
    assert_eq!(reply.is_problem(422, "invalid").faults(), faults);
    world.put("/v1/sites/1", json!([])).await.is_problem(422, "invalid");
    world.get("/v1/sites/a%20b").await.is_problem(404, "not_found");
    world.get("/v1/sites/%ff").await.is_problem(404, "not_found");
}

#[tokio::test]
async fn sites_are_listed_by_id_a_page_at_a_time() {
    let world = World::new().await;
    for id in ["3", "1", "2"] {
        world.put(&format!("/v1/sites/{id}"), json!({})).await;
    }
    let ids = |reply: &Reply| -> Vec<String> {
        let sites = reply.body["sites"].as_array().unwrap().iter();
        sites.map(|site| site["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = world.get("/v1/sites?limit=2").await;
    assert_eq!(ids(&first), ["1", "2"]);
    let next = world.get(&format!("/v1/sites?limit=2&cursor={}", first.text("next_cursor"))).await;
    assert_eq!((ids(&next), next.body.get("next_cursor")), (vec!["3".to_owned()], None));
}
