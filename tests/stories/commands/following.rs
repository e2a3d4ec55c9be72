//! `leadhook stream` tells of each change as it happens, and takes a stream up again that broke off.

use leadhook_harness::{Answer, Program, Receiver, wait_until};
use serde_json::{Value, json};

use crate::world::{engine, post_calls, webhook};

#[tokio::test]
async fn a_line_is_told_for_each_change_of_a_delivery() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let followed = webhook(&engine, json!({ "url": receiver.url("/followed") })).await;
    let other = webhook(&engine, json!({ "url": receiver.url("/other") })).await;
    let server = format!("http://{}", engine.address());
    let arguments = ["stream", "--webhook", &followed, "--json", "--server", &server, "--key", engine.key()];
    let stream = Program::start(arguments);
    // What happens before it is there is not told.
    let mut number = 0;
    wait_until("it tells of something", async || {
        number += 1;
        post_calls(&engine, [number]).await;
        (!stream.printed().is_empty()).then_some(())
    })
    .await;
    post_calls(&engine, [9_000]).await;
    let last = wait_until("it is told as delivered", async || {
        let printed = stream.printed();
        let whole = printed.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let changes: Vec<Value> = whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(changes.iter().all(|change| change["webhook"] == followed.as_str()), "and not {other}");
        let is_last = |change: &&Value| change["lead"]["id"] == "9000" && change["state"] == "delivered";
        changes.iter().find(is_last).cloned()
    })
    .await;
    assert_eq!(last["attempt_count"], 1);
    stream.terminate().await;
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_taken_up_again_where_it_was() {
    let engine = Receiver::start().await;
    let events =
        |body: &str| Answer::status(200).header("content-type", "text/event-stream").body(body.to_owned());
    engine.answer(events(
        "event: ready\nid: 0000000000000001\ndata: {}\n\n\
         event: notification\nid: 0000000000000002\ndata: {\"kind\": \"first\"}\n\nevent: notification\nda",
    ));
    engine
        .answer_always(events("event: notification\nid: 0000000000000003\ndata: {\"kind\": \"second\"}\n\n"));
    let mut stream = Program::start(["stream", "--json", "--server", &engine.url(""), "--key", "any"]);
    stream.line_with("first").await;
    stream.line_with("second").await;
    let asked = engine.wait_for(2).await;
    assert_eq!(asked[0].header("last-event-id"), None);
    assert_eq!(asked[1].header("last-event-id"), Some("0000000000000002"));
    stream.terminate().await;
}
