//! A recording is linked, heard by who has the link, and by nobody once the key or the site says no.

use leadhook_harness::{Answer, ApiAnswer, Engine, Received, Receiver};
use serde_json::json;

use crate::world::{SITE, call, furnished, in_state, post, webhook};

const PUBLIC: &str = "https://hooks.example";

/// What a player gets.
async fn heard(engine: &Engine, path: &str, range: Option<&str>) -> ApiAnswer {
    let headers: Vec<_> = range.map(|range| ("range", range)).into_iter().collect();
    engine.raw("GET", path, &headers, "").await.unwrap()
}

/// Sends a call whose recording lies there; the path of its link.
async fn linked(engine: &Engine, receiver: &Receiver, number: u64, origin: &str) -> String {
    let mut event = call(number);
    event["data"]["reclink"] = json!(origin);
    post(engine, &json!([event])).await;
    let is_it = |one: &Received| one.pair("id") == Some(number.to_string());
    let got = receiver.wait_until("the call came", |ledger| ledger.iter().any(is_it)).await;
    let link = got.iter().find(|one| is_it(one)).unwrap().pair("reclink").unwrap();
    assert!(!link.contains("token-of-an-origin"), "{link}");
    link.strip_prefix(PUBLIC).unwrap().to_owned()
}

#[tokio::test]
async fn a_link_is_heard_in_parts_over_a_rotation_and_not_after_it_is_forbidden() {
    let mut engine = furnished(Engine::setup().arguments(["--public-url", PUBLIC]).start().await).await;
    let (receiver, origin) = (Receiver::start().await, Receiver::start().await);
    let sound: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
    let whole = sound.clone();
    origin.answer_by(move |request| {
        let answer = |status| {
            Answer::status(status).header("content-type", "audio/mpeg").header("accept-ranges", "bytes")
        };
        match request.header("range") {
            Some("bytes=100000-") => answer(206)
                .header("content-range", "bytes 100000-199999/200000")
                .body(whole[100_000..].to_vec()),
            _ => answer(200).body(whole.clone()),
        }
    });
    let hook = webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    let first = linked(&engine, &receiver, 7, &origin.url("/7.mp3?key=token-of-an-origin")).await;
    in_state(&engine, &hook, "delivered", 1).await;

    let all = heard(&engine, &first, None).await;
    assert_eq!((all.status, all.header("content-type")), (200, Some("audio/mpeg")));
    assert!(all.body == sound, "it is passed on as it is");
    let part = heard(&engine, &first, Some("bytes=100000-")).await;
    assert_eq!((part.status, part.header("content-range")), (206, Some("bytes 100000-199999/200000")));
    assert!(part.body == sound[100_000..]);

    assert_eq!(engine.post("/v1/recording-keys", &json!({})).await.0, 201);
    engine.restart().await;
    let second = linked(&engine, &receiver, 8, &origin.url("/8.mp3?key=token-of-an-origin")).await;
    for path in [&first, &second] {
        assert_eq!(heard(&engine, path, None).await.status, 200, "both keys open");
    }
    assert_eq!(engine.delete("/v1/recording-keys/1").await.0, 204);
    assert_eq!(heard(&engine, &first, None).await.status, 404);
    assert_eq!(heard(&engine, &second, None).await.status, 200);

    let site = json!({ "name": "Shop", "allow_reclink": false });
    assert_eq!(engine.put(&format!("/v1/sites/{SITE}"), &site).await.0, 200);
    let asked_before = origin.requests().len();
    let forbidden = heard(&engine, &second, None).await;
    assert_eq!((forbidden.status, forbidden.body), (404, heard(&engine, "/rec/forged", None).await.body));
    assert_eq!(origin.requests().len(), asked_before);

    assert!(engine.terminate().await.success());
    let log = engine.log();
    for secret in
        ["token-of-an-origin", first.rsplit('/').next().unwrap(), second.rsplit('.').next().unwrap()]
    {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn an_origin_on_a_private_address_is_not_reached() {
    let setup = Engine::setup().public_only().arguments(["--public-url", PUBLIC]);
    let engine = furnished(setup.start().await).await;
    let origin = Receiver::start().await;
    let mut event = call(7);
    event["data"]["reclink"] = json!(origin.url("/7.mp3?key=token-of-an-origin"));
    post(&engine, &json!([event])).await;
    let wanted = json!({
        "webhook": { "url": "https://crm.example/hook" }, "lead": { "site": SITE, "type": "call", "id": "7" },
        "trigger": "call_ended",
    });
    let (status, preview) = engine.post("/v1/preview", &wanted).await;
    assert_eq!(status, 200, "{preview}");
    let parameters = preview["parameters"].as_array().unwrap();
    let link = parameters.iter().find(|parameter| parameter["name"] == "reclink").unwrap();
    let path = link["value"].as_str().unwrap().strip_prefix(PUBLIC).unwrap();
    let answer = heard(&engine, path, None).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("recording_unavailable")));
    assert!(!String::from_utf8_lossy(&answer.body).contains("127.0.0.1"));
    assert!(origin.requests().is_empty());
    let log = engine.log();
    assert!(log.contains("a recording cannot be had") && !log.contains("token-of-an-origin"), "{log}");
}
