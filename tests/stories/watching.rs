//! A running engine can be watched: streams, notifications that are sent on, metrics and readiness.

use std::{collections::BTreeSet, fs, path::Path};

use leadhook_core::{sign, webhook::SigningSecret};
use leadhook_harness::{Answer, Engine, Receiver, wait_until};
use prometheus_parse::{Scrape, Value as Measured};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

use crate::world::{call, engine, forced_webhook, in_state, webhook};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A stream as a client has it open.
struct Stream(BufReader<TcpStream>);

impl Stream {
    async fn open(engine: &Engine, path: &str) -> Self {
        let mut stream = TcpStream::connect(engine.address()).await.unwrap();
        let key = engine.key();
        let head = format!("GET {path} HTTP/1.1\r\nhost: leadhook\r\nauthorization: Bearer {key}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        Self(BufReader::new(stream))
    }

    /// The data of the next event of this name.
    async fn next(&mut self, name: &str) -> Value {
        let wanted = format!("event: {name}\n");
        let mut is_wanted = false;
        let read = async {
            loop {
                let mut line = String::new();
                assert_ne!(self.0.read_line(&mut line).await.unwrap(), 0, "the stream has ended");
                is_wanted = line == wanted || (is_wanted && !line.starts_with("event:"));
                if let Some(data) = line.strip_prefix("data: ").filter(|_| is_wanted) {
                    return serde_json::from_str(data).unwrap();
                }
            }
        };
        tokio::time::timeout(leadhook_harness::PATIENCE, read).await.expect(name)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_can_be_followed_and_a_stream_ends_with_the_engine() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    let id = webhook(&engine, json!({ "url": receiver.url("/hook"), "retry": {"after_seconds": [1]} })).await;
    receiver.answer(Answer::status(503));
    let mut stream = Stream::open(&engine, &format!("/v1/stream?webhook={id}")).await;
    stream.next("ready").await;
    assert_eq!(engine.post("/v1/events", &call(1)).await.0, 202);
    for state in ["scheduled", "sending", "retrying", "sending", "delivered"] {
        let change = stream.next("delivery").await;
        assert_eq!((&change["state"], &change["webhook"]), (&json!(state), &json!(id)), "{change}");
        assert_eq!(change["lead"]["id"], json!("1"));
    }
    engine.ask_to_end();
    assert_eq!(stream.next("end").await["reason"], json!("shutting_down"));
    assert!(engine.end().await.success(), "no stream holds it up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_sent_on_signed_and_again_after_a_failure_over_a_restart() {
    let mut engine = engine().await;
    let (receiver, operations) = (Receiver::start().await, Receiver::start().await);
    let settings = json!({ "url": operations.url("/in"), "secret": SECRET });
    let (status, set) = engine.put("/v1/operations-webhook", &settings).await;
    assert_eq!((status, &set["active"], &set["secret"]), (200, &json!(true), &Value::Null), "{set}");
    let id = webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    receiver.answer_always(Answer::status(410));
    operations.answer(Answer::status(500));
    assert_eq!(engine.post("/v1/events", &call(1)).await.0, 202);
    operations.wait_for(1).await;
    wait_until("its failure is kept", async || {
        let (_, shown) = engine.get("/v1/operations-webhook").await;
        (shown["failures"] == json!(1)).then_some(())
    })
    .await;
    engine.kill();
    engine.restart().await;
    let sent = operations.wait_for(2).await;
    let secret = SigningSecret::parse(SECRET).unwrap();
    for request in &sent {
        let header = |name| request.header(name).unwrap();
        let at = header("webhook-timestamp").parse().unwrap();
        let signature = header("webhook-signature");
        assert!(sign::verify(&secret, header("webhook-id"), at, &request.body, signature));
    }
    assert_eq!(sent[0].header("webhook-id"), sent[1].header("webhook-id"));
    let told: Value = serde_json::from_slice(&sent[1].body).unwrap();
    assert_eq!((&told["type"], &told["data"]["webhook"]), (&json!("webhook_switched_off"), &json!(id)));
    assert!(told["data"]["detail"].as_str().unwrap().contains("activate the webhook"), "{told}");
}

/// What the engine's metrics tell, as a parser of the text form reads them.
async fn scrape(engine: &Engine) -> (Scrape, String) {
    let answer = engine.raw("GET", "/metrics", &[], "").await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("text/plain; version=0.0.4"));
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    (Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).unwrap(), text)
}

fn value(scrape: &Scrape, metric: &str, label: Option<(&str, &str)>) -> f64 {
    let is_meant = |sample: &&prometheus_parse::Sample| {
        sample.metric == metric && label.is_none_or(|(name, value)| sample.labels.get(name) == Some(value))
    };
    match scrape.samples.iter().find(is_meant).map(|sample| &sample.value) {
        Some(Measured::Counter(value) | Measured::Gauge(value) | Measured::Untyped(value)) => *value,
        other => panic!("{metric} {label:?}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_was_accepted_and_sent_and_name_nobody() {
    let engine = engine().await;
    let (receiver, dead) = (Receiver::start().await, Receiver::start().await);
    let id = webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    let late = json!({ "url": dead.url("/late"), "sending": {"delay_minutes": {"call_ended": 60}} });
    forced_webhook(&engine, late).await;
    for number in 1..=3 {
        assert_eq!(engine.post("/v1/events", &call(number)).await.0, 202);
    }
    in_state(&engine, &id, "delivered", 3).await;
    let (scrape, text) = scrape(&engine).await;
    let of = |metric, label| value(&scrape, metric, label);
    assert!((of("leadhook_events_accepted_total", None) - 3.0).abs() < 0.1);
    assert!((of("leadhook_deliveries_total", Some(("state", "delivered"))) - 3.0).abs() < 0.1);
    assert!(of("leadhook_deliveries_total", Some(("state", "failed"))).abs() < 0.1, "what never was is 0");
    assert!((of("leadhook_attempts_total", Some(("outcome", "2xx"))) - 3.0).abs() < 0.1);
    assert!((of("leadhook_deliveries_scheduled", None) - 3.0).abs() < 0.1);
    assert!(of("leadhook_store_bytes", None) > 1_000.0 && of("process_resident_memory_bytes", None) > 1e6);
    let Some(Measured::Histogram(attempts)) = scrape
        .samples
        .iter()
        .find(|sample| sample.metric == "leadhook_attempt_seconds")
        .map(|sample| &sample.value)
    else {
        panic!("no histogram")
    };
    assert!(attempts.windows(2).all(|pair| pair[0].count <= pair[1].count), "buckets add up");
    for secret in [id.as_str(), "79990000001", engine.key()] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_named_as_is_the_custom_each_with_its_meaning() {
    let engine = engine().await;
    let (scrape, text) = scrape(&engine).await;
    let mut seen = BTreeSet::new();
    for sample in &scrape.samples {
        let mut labels: Vec<_> = sample.labels.iter().collect();
        labels.sort();
        assert!(seen.insert((sample.metric.clone(), format!("{labels:?}"))), "twice: {}", sample.metric);
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        assert!(name.starts_with("leadhook_") || name.starts_with("process_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        assert!(scrape.docs.get(name).is_some_and(|help| help.len() > 10), "{name} has no meaning");
        assert_eq!(
            kind == "histogram",
            ["_seconds", "_commands"].iter().any(|end| name.ends_with(end))
                && text.contains(&format!("{name}_bucket")),
            "{name}"
        );
    }
}

/// The names of metrics that a text in Prometheus' language uses.
fn metrics_of(expression: &str) -> BTreeSet<String> {
    let name = regex::Regex::new(r"\b(?:leadhook|process)_[a-z_]+\b").unwrap();
    let whole = |found: regex::Match<'_>| {
        let name = found.as_str();
        let parts = ["_bucket", "_sum", "_count"];
        parts.iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name).to_owned()
    };
    name.find_iter(expression).map(whole).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_dashboard_and_the_documentation_speak_of_the_metrics_that_there_are() {
    let engine = engine().await;
    let (_, text) = scrape(&engine).await;
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let there_are: BTreeSet<_> = types.map(|(name, _)| name.to_owned()).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let dashboard = fs::read_to_string(root.join("examples/grafana/leadhook.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let mut shown = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            let used = metrics_of(target["expr"].as_str().unwrap());
            assert!(!used.is_empty(), "{target}");
            shown.extend(used);
        }
    }
    assert_eq!(shown.difference(&there_are).collect::<Vec<_>>(), Vec::<&String>::new());
    assert_eq!(there_are.difference(&shown).collect::<Vec<_>>(), Vec::<&String>::new(), "not shown");
    let told = metrics_of(&fs::read_to_string(root.join("docs/operations.md")).unwrap());
    assert_eq!(told, there_are, "docs/operations.md tells of others");
}
