//! A client's data is erased, and whoever asks gets a certificate of it that names nobody.

use super::*;

impl World {
    /// Begins an erasure, and gives it once it is done.
    async fn erase(&self, who: Value) -> Value {
        let begun = self.post("/v1/erasures", who).await;
        assert_eq!(begun.status, StatusCode::ACCEPTED, "{}", begun.body);
        let path = format!("/v1/erasures/{}", begun.text("id"));
        assert_eq!(begun.header(header::LOCATION), Some(path.as_str()));
        self.until(&path, |body| body["state"] == "done").await.body
    }
}

#[tokio::test]
async fn a_client_is_erased_and_the_certificate_tells_what_was() {
    let world = World::with_site().await;
    world.active_webhook(json!({})).await;
    let recording = "https://records.example/79990000001.mp3";
    let facts = json!({"callerphone": "8 (999) 000-00-01", "manager": "Yolkina", "reclink": recording});
    world.post("/v1/events", event("call.ended", facts)).await;
    let listed = world.until("/v1/deliveries", |body| body["deliveries"][0]["state"] == "delivered").await;
    let path = format!("/v1/deliveries/{}", listed.body["deliveries"][0]["id"].as_str().unwrap());
    let before = world.get(&path).await.body;
    assert!(before.to_string().contains("79990000001"), "{before}");

    let done = world.erase(json!({"phone": "+7 999 000-00-01"})).await;
    let counts = json!({
        "leads": 1, "versions": 1, "deliveries": 1, "cancelled": 0, "bodies": 2, "traces": 1,
    });
    assert_eq!(done["erased"], counts);
    let caller_id = before.to_string().contains(done["client"][0].as_str().unwrap());
    assert!(caller_id, "the hash is what handlers got as ctCallerId");

    let mut told = String::new();
    for path in [&path, "/v1/leads/60001/call/77", "/v1/leads", "/v1/erasures", "/v1/audit"] {
        told += &world.get(path).await.body.to_string();
    }
    for word in ["9990000001", "000-00-01", "Yolkina", "records.example", "noted"] {
        assert!(!told.contains(word), "{word} in {told}");
    }
    let lead = world.get("/v1/leads/60001/call/77").await.body;
    assert_eq!((&lead["erased_by"], &lead["facts"]), (&done["id"], &json!({})));
    world.press(&format!("{path}/send")).await.is_problem(409, "erased");
    world.press(&format!("{path}/replay")).await.is_problem(409, "erased");
    let found = world.get("/v1/leads?phone=79990000001").await.body;
    assert_eq!(found["leads"], json!([]));
    let later = world.post("/v1/events", event("call.ended", json!({"duration": 9}))).await;
    assert_eq!(later.is_problem(422, "erased").faults(), [("lead.id", "erased")]);
}

#[tokio::test]
async fn who_is_to_be_erased_is_named_once_and_by_what_names_somebody() {
    let world = World::with_site().await;
    let cases = [
        (json!({}), ("", "one_of")),
        (json!({"phone": "1", "email": "a@b.ru"}), ("", "one_of")),
        (json!({"phone": "anonymous"}), ("phone", "names_nobody")),
        (json!({"email": "a@b.ru", "name": "Anna"}), ("name", "unknown_field")),
    ];
    for (wanted, fault) in cases {
        assert_eq!(world.post("/v1/erasures", wanted).await.faults(), [fault]);
    }
    world.get("/v1/erasures/er_0000000000000").await.is_problem(404, "not_found");
    world.get("/v1/erasures/anna").await.is_problem(404, "not_found");
    assert_eq!(world.get("/v1/erasures").await.body, json!({"erasures": []}));
}

#[tokio::test]
async fn erasures_are_listed_in_pages_newest_first() {
    let world = World::with_site().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let done = world.erase(json!({"email": format!("anna{number}@site.example")})).await;
        ids.insert(0, done["id"].clone());
    }
    let first = world.get("/v1/erasures?limit=2").await.body;
    let next = world.get(&format!("/v1/erasures?cursor={}", first["next_cursor"].as_str().unwrap())).await;
    let listed: Vec<_> =
        [&first, &next.body].iter().flat_map(|page| page["erasures"].as_array().unwrap()).collect();
    assert_eq!(listed.iter().map(|one| one["id"].clone()).collect::<Vec<_>>(), ids);
    assert_eq!(next.body.get("next_cursor"), None);
}
