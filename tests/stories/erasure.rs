//! A client is erased on request: over a kill in the middle nothing of it is told any more, and the
//! certificate says what was erased.

use std::collections::BTreeSet;

use leadhook_harness::{Answer, Engine, Program, Receiver, wait_until};
use serde_json::{Value, json};

use crate::world::{call, command, engine, id, in_state, post, printed, webhook};

/// How many calls the client made: more than are erased at one time.
const CALLS: u64 = 400;
const PHONE: &str = "79990001234";

/// A call of the client that is erased.
fn of_client(number: u64) -> Value {
    let mut event = call(number);
    event["data"]["callerphone"] = json!("8 (999) 000-12-34");
    event
}

async fn erasure(engine: &Engine, id: &str) -> Value {
    let (status, erasure) = engine.get(&format!("/v1/erasures/{id}")).await;
    assert_eq!(status, 200, "{erasure}");
    erasure
}

#[tokio::test]
async fn a_client_is_erased_also_when_the_engine_is_killed_in_the_middle() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    receiver.answer_by(|_| Answer::status(200).body("seen Anna"));
    let webhook = webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    post(&engine, &(1..=CALLS).map(of_client).collect()).await;
    post(&engine, &json!([call(5_000)])).await;
    in_state(&engine, &webhook, "delivered", usize::try_from(CALLS).unwrap() + 1).await;

    let (status, begun) = engine.post("/v1/erasures", &json!({ "phone": "+7 999 000-12-34" })).await;
    assert_eq!(status, 202, "{begun}");
    wait_until("some of it is erased", async || {
        (erasure(&engine, id(&begun)).await["erased"]["leads"] != 0).then_some(())
    })
    .await;
    engine.kill();
    engine.restart().await;
    let done = wait_until("the erasure is done", async || {
        let erasure = erasure(&engine, id(&begun)).await;
        (erasure["state"] == "done").then_some(erasure)
    })
    .await;
    assert_eq!((&done["erased"]["leads"], &done["erased"]["deliveries"]), (&json!(CALLS), &json!(CALLS)));
    assert_eq!(done["erased"]["bodies"], json!(2 * CALLS));

    let (mut kept, mut erased) = (BTreeSet::new(), 0);
    for number in (1..=CALLS).chain([5_000]) {
        let (_, lead) = engine.get(&format!("/v1/leads/60001/call/{number}")).await;
        let (_, delivery) = engine.get(&format!("/v1/deliveries/{}", id(&lead["deliveries"][0]))).await;
        match format!("{lead}{delivery}").contains("999000") || delivery.to_string().contains("Anna") {
            true => _ = kept.insert(number),
            false => erased += 1,
        }
    }
    assert_eq!((kept, erased), (BTreeSet::from([5_000]), CALLS));
    assert!(!engine.log().contains("000-12-34") && !engine.log().contains(PHONE), "{}", engine.log());

    let certificate = printed(command(&engine, &["erase", "--email", "Anna@mail.example"]).await, 0);
    assert!(certificate.contains("done") && !certificate.to_lowercase().contains("anna"), "{certificate}");
    engine.terminate().await;
    printed(Program::start(["verify", "--data", engine.data().to_str().unwrap()]).end().await, 0);
}
