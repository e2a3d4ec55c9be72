//! The tracking service is pointed at the engine: its own webhooks come in by GET and POST and go out to the customer's handlers.

use leadhook_harness::{ApiAnswer, Engine, Receiver};
use serde_json::json;

use crate::world::{SITE, engine, faults, webhook};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Where the site's webhooks come in.
async fn relay(engine: &Engine) -> String {
    let (status, made) = engine.post(&format!("/v1/sites/{SITE}/relays"), &json!({})).await;
    assert_eq!(status, 201, "{made}");
    made["path"].as_str().unwrap().to_owned()
}

/// Sends as the tracking service does: no key, only the address.
async fn sent(engine: &Engine, method: &str, path: &str, body: &str) -> ApiAnswer {
    engine.raw(method, path, &[FORM], body.to_owned()).await.unwrap()
}

#[tokio::test]
async fn a_webhook_by_post_and_one_by_get_arrive_as_webhooks() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    let triggers = json!(["call_started", "call_ended", "lead_tags_changed"]);
    let settings =
        json!({ "url": receiver.url("/hook"), "sending": { "model": "event_based", "on": triggers } });
    webhook(&engine, settings).await;
    let path = relay(&engine).await;

    let start = "leadtype=call&callphase=callconnected&id=7&callerphone=79990000077&redirectNumber=undefined&colour=dark%20red";
    assert_eq!(sent(&engine, "GET", &format!("{path}?{start}"), "").await.status, 200);
    let end = "leadtype=call&callphase=calldisconnected&id=7&callerphone=79990000077&timestamp=1772125300&duration=63&\
               comment%5B0%5D%5Bparty%5D=Olga&comment[0][comment]=call+back&tags_manual=null&utm_source=%3C%D0%BD%D0%B5%20%D1%83%D0%BA%D0%B0%D0%B7%D0%B0%D0%BD%D0%BE%3E";
    assert_eq!(sent(&engine, "POST", &path, end).await.status, 200);
    let tagged = end.replace("tags_manual=null", "tags_manual=Sales,VIP");
    assert_eq!(sent(&engine, "POST", &path, &tagged).await.status, 200);
    assert_eq!(sent(&engine, "POST", &path, &tagged).await.status, 200, "a repeat is nothing new");

    let got = receiver.wait_for(1 + 3).await;
    let told =
        |name: &str| -> Vec<_> { got[1..].iter().map(|one| one.pair(name).unwrap_or_default()).collect() };
    assert_eq!(told("callphase"), ["callconnected", "calldisconnected", "calldisconnected"]);
    assert_eq!(told("duration"), ["", "63", "63"]);
    assert_eq!(told("comment[0][comment]"), ["", "call back", "call back"]);
    assert_eq!(told("tags_manual"), ["", "null", "Sales,VIP"]);
    assert_eq!(told("colour"), ["dark red"; 3], "what is not known is sent on");
    assert_eq!(told("calltime")[2], "2026-02-26 20:01:40");

    assert!(engine.terminate().await.success());
    let log = engine.log();
    let token = path.rsplit('/').next().unwrap();
    assert!(!log.contains(token) && !log.contains("79990000077"), "{log}");
}

#[tokio::test]
async fn a_broken_webhook_is_refused_with_its_parameter_and_a_probe_is_not() {
    let engine = engine().await;
    let path = relay(&engine).await;
    let broken =
        sent(&engine, "POST", &path, "leadtype=call&callphase=calldisconnected&id=7&duration=long").await;
    assert_eq!(broken.status, 422);
    assert_eq!(faults(&broken.json()), [("duration".to_owned(), "wrong_type".to_owned())].into());
    for body in ["", "leadtype={leadtype}&id={id}&duration={duration}"] {
        assert_eq!(sent(&engine, "POST", &path, body).await.status, 200, "{body}");
    }
    assert_eq!(sent(&engine, "GET", "/v1/relay/rly_unknown?id=7", "").await.status, 404);
    assert_eq!(engine.get("/v1/leads").await.1["leads"], json!([]));
}
