//! The log names deliveries and webhooks by id, and holds no phones, no query strings and no keys.

use leadhook_harness::{Answer, Engine, Receiver};
use serde_json::{Value, json};

use crate::world::{SITE, call, forced_webhook, furnished, in_state, post, webhook};

const SECRET: &str = "whsec_bGVhZGhvb2stZXhhbXBsZS1zZWNyZXQtbm90LXJlYWw=";

/// What must not be in it: parts of phones, queries, keys and of what is known about people.
const SECRETS: &[&str] = &[
    "9990000077",
    "999-00-00-77",
    "maria@mail.example",
    "Yolkina",
    "query-of-a-landing-page",
    "query-of-a-handler",
    "header-of-a-handler",
    "bGVhZGhvb2s",
    "test-key-0123456789",
    "wrong-key-0123456789",
    "answer-of-a-handler",
];

/// A lead with all that is secret, phones in more than one notation.
fn lead(number: u64) -> Value {
    let mut event = call(number);
    event["data"] = json!({
        "callerphone": "8 (999) 000-00-77", "phonenumber": "79990000077", "duration": 63, "manager": "Yolkina",
        "visits": [{
            "at": "2026-03-02T12:58:01+03:00",
            "url": "https://shop.example/?utm_source=query-of-a-landing-page&tel=79990000077",
        }],
    });
    event
}

/// Traffic in which everything happens that is logged: successes, failures of every kind, refusals.
async fn traffic(engine: &Engine) {
    let receiver = Receiver::start().await;
    let gone = Receiver::start().await;
    let gone_url = gone.url("/hook?token=query-of-a-handler&tel=79990000077");
    drop(gone);
    let handler = |path: &str| receiver.url(&format!("/{path}?token=query-of-a-handler&tel=79990000077"));
    receiver.answer_by(|request| match request.path() {
        _ if request.header("webhook-test").is_some() => Answer::status(200),
        "/failing" => Answer::status(500).body("answer-of-a-handler 79990000077"),
        "/gone" => Answer::status(410).header("x-why", "answer-of-a-handler"),
        "/nonsense" => Answer::raw("answer-of-a-handler"),
        _ => Answer::status(200),
    });
    let more = |url: String, method: &str| {
        json!({
            "url": url, "method": method, "signing": { "secrets": [SECRET] }, "retry": { "after_seconds": [] },
            "headers": { "x-token": "header-of-a-handler" },
        })
    };
    let good = webhook(engine, more(handler("good"), "POST")).await;
    let get = webhook(engine, more(handler("get"), "GET")).await;
    let mut failing = vec![forced_webhook(engine, more(gone_url, "GET")).await];
    for path in ["failing", "gone", "nonsense"] {
        failing.push(webhook(engine, more(handler(path), "GET")).await);
    }
    let mut picky = more(handler("good"), "POST");
    picky["traffic"] = json!([[{ "parameter": "url", "contains": ["elsewhere"] }]]);
    let picky = webhook(engine, picky).await;

    post(engine, &lead(77)).await;
    in_state(engine, &good, "delivered", 1).await;
    in_state(engine, &get, "delivered", 1).await;
    for id in &failing {
        in_state(engine, id, "failed", 1).await;
    }
    let skipped = in_state(engine, &picky, "skipped", 1).await;
    assert!(skipped[0]["reason"].as_str().unwrap().contains("query-of-a-landing-page"), "{skipped:?}");
    refusals(engine).await;
}

/// What is refused is logged too.
async fn refusals(engine: &Engine) {
    let bad = json!({
        "id": "79990000077", "type": "79990000077", "site": SITE, "lead": { "type": "call", "id": "79990000077" },
        "time": "79990000077", "data": { "79990000077": "maria@mail.example", "callerphone": ["79990000077"] },
    });
    assert_eq!(engine.post("/v1/events", &bad).await.0, 422);
    let url = "https://user:wrong-key-0123456789@crm.example/?token=query-of-a-handler";
    assert_eq!(engine.post("/v1/webhooks", &json!({ "url": url })).await.0, 422);
    assert_eq!(engine.get("/v1/leads?phone=79990000077").await.0, 200);
    assert_eq!(engine.get("/v1/leads?phone=79990000077&colour=79990000077").await.0, 422);
    assert_eq!(engine.get("/v1/leads/60001/call/79990000077").await.0, 404);
    assert_eq!(engine.get("/v1/79990000077?tel=79990000077").await.0, 404);
    let wrong_key = [("authorization", "Bearer wrong-key-0123456789")];
    let answer = engine.raw("GET", "/v1/leads?phone=79990000077", &wrong_key, "").await.unwrap();
    assert_eq!(answer.status, 401);
}

async fn assert_silent(arguments: [&str; 4]) {
    let mut engine = furnished(Engine::setup().arguments(arguments).start().await).await;
    traffic(&engine).await;
    assert!(engine.terminate().await.success());
    let log = engine.log();
    assert!(
        log.contains("the handler answered 410") && log.contains("skipped") && log.contains("dlv_"),
        "{log}"
    );
    for secret in SECRETS {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "`{secret}` is in the log with {arguments:?}");
    }
    if arguments.contains(&"json") {
        // What is shown to whoever starts the engine is no log.
        let shown = ["listening on", "the operator's key", "  lho_"];
        let lines = log.lines().filter(|line| !shown.iter().any(|begins| line.starts_with(begins)));
        for line in lines {
            assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()), "{line}");
        }
    }
}

#[tokio::test]
async fn the_log_as_text_holds_no_phones_query_strings_or_keys() {
    assert_silent(["--log", "text", "--log-level", "info"]).await;
}

#[tokio::test]
async fn the_log_as_json_holds_no_phones_query_strings_or_keys_even_where_everything_is_logged() {
    assert_silent(["--log", "json", "--log-level", "trace"]).await;
}
