//! What has ended is sent again as it was; and a replay tells what would come out otherwise by now.

use leadhook_harness::{Answer, Ended, Engine, Program, Receiver};
use serde_json::{Value, json};

use crate::world::{engine, id, in_state, of_leads, only_delivery, post_calls, webhook, whole};

async fn send(engine: &Engine, delivery: &Value) -> Value {
    let (status, sent) = engine.post(&format!("/v1/deliveries/{}/send", id(delivery)), &json!({})).await;
    assert_eq!(status, 202, "{sent}");
    sent
}

async fn replay(engine: &Engine, delivery: &Value) -> Ended {
    let server = format!("http://{}", engine.address());
    let access = ["--server", &server, "--key", engine.key()];
    let arguments = ["plugin", "replay", "--delivery", id(delivery)];
    Program::start([arguments.as_slice(), &access].concat()).end().await
}

#[tokio::test]
async fn what_failed_is_sent_again_as_it_was_under_an_id_of_its_own_also_over_a_kill() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    let settings = |retry: &[u32], only: &str| {
        json!({
            "url": receiver.url("/hook"), "retry": { "after_seconds": retry },
            "parameters": { "only": ["id", only] },
        })
    };
    let webhook = webhook(&engine, settings(&[], "callerphone")).await;
    receiver.answer(Answer::status(500));
    post_calls(&engine, [1]).await;
    let first = only_delivery(&engine, &webhook, "failed").await;
    // By the settings of now it would be another request.
    let (status, saved) = engine.put(&format!("/v1/webhooks/{webhook}"), &settings(&[1], "duration")).await;
    assert_eq!(status, 200, "{saved}");

    receiver.answer(Answer::status(503));
    let sent = send(&engine, &first).await;
    assert_eq!(sent["resend_of"], first["id"]);
    receiver.wait_for(3).await;
    engine.kill();
    engine.restart().await;
    let delivered = in_state(&engine, &webhook, "delivered", 2).await;
    let ledger = receiver.requests();
    let came = of_leads(&ledger);
    assert!(came.len() >= 3, "the first, its resend, and the retry of that");
    assert_eq!((came[0].header("webhook-id"), came[0].header("webhook-resend-of")), (Some(id(&first)), None));
    for again in &came[1..] {
        assert_eq!(again.header("webhook-id"), Some(id(&sent)));
        assert_eq!(again.header("webhook-resend-of"), Some(id(&first)));
        assert_eq!((again.text(), again.path()), (came[0].text(), came[0].path()));
    }
    let first = whole(&engine, &first).await;
    assert_eq!((&first["state"], &first["resends"]), (&json!("delivered"), &json!([sent["id"]])));
    assert_eq!(delivered[0]["resend_of"], first["id"], "the newest first");

    // What was delivered is sent again too, and stays so whatever comes of it.
    receiver.answer_always(Answer::status(500));
    let failing = send(&engine, &delivered[0]).await;
    assert_eq!(failing["resend_of"], first["id"]);
    in_state(&engine, &webhook, "failed", 1).await;
    assert_eq!(whole(&engine, &first).await["state"], "delivered");
}

#[tokio::test]
async fn a_replay_tells_what_is_not_the_same_by_now() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let secret = async |value: &str| {
        let (status, answer) = engine.put("/v1/secrets/token", &json!({ "value": value })).await;
        assert!(status < 300, "{answer}");
    };
    secret("of-then").await;
    let script = br#"request.set("token", secret("token"));"#.to_vec();
    let bearer = format!("Bearer {}", engine.key());
    let key = [("authorization", bearer.as_str())];
    let uploaded = engine.raw("PUT", "/v1/plugins/token", &key, script).await.unwrap();
    assert_eq!(uploaded.status, 201, "{}", uploaded.json());
    let transform = json!([{ "plugin": "token", "secrets": ["token"] }]);
    let sending = webhook(&engine, json!({ "url": receiver.url("/hook"), "transform": transform })).await;
    let choosy = webhook(&engine, json!({ "url": receiver.url("/hook"), "tags": ["VIP"] })).await;
    post_calls(&engine, [1]).await;
    let delivered = only_delivery(&engine, &sending, "delivered").await;
    let ended = replay(&engine, &delivered).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains("the same, byte for byte"), "{}", ended.stdout);

    secret("of-now").await;
    let ended = replay(&engine, &delivered).await;
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    let told = "parameter token: \"of-then\" → \"of-now\"";
    assert!(ended.stdout.contains("not the same") && ended.stdout.contains(told), "{}", ended.stdout);

    let skipped = only_delivery(&engine, &choosy, "skipped").await;
    let ended = replay(&engine, &skipped).await;
    assert_eq!(ended.code, Some(4), "{}", ended.stdout);
    assert!(ended.stderr.contains("no request was ever made of it; it is skipped"), "{}", ended.stderr);
}
