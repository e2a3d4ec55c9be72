//! What the stories have in common: a site, webhooks that are on, leads, and what became of them.

use std::{
    collections::BTreeSet,
    io,
    sync::{Mutex, PoisonError},
};

use leadhook_harness::{Ended, Engine, Program, Received, wait_until};
use serde_json::{Value, json};

/// The site of all leads.
pub(crate) const SITE: &str = "60001";

/// An engine that knows the site.
pub(crate) async fn engine() -> Engine {
    furnished(Engine::start().await).await
}

/// Tells an engine of the site.
pub(crate) async fn furnished(engine: Engine) -> Engine {
    let (status, answer) = engine.put(&format!("/v1/sites/{SITE}"), &json!({ "name": "Shop" })).await;
    assert_eq!(status, 201, "{answer}");
    engine
}

/// A webhook with these settings that was switched on: its handler answered the probe with success.
pub(crate) async fn webhook(engine: &Engine, settings: Value) -> String {
    let id = inactive_webhook(engine, &settings).await;
    let (status, answer) = engine.post(&format!("/v1/webhooks/{id}/activate"), &json!({})).await;
    assert_eq!(status, 200, "{answer}");
    id
}

/// A webhook with these settings that was switched on whatever its handler answered.
pub(crate) async fn forced_webhook(engine: &Engine, settings: Value) -> String {
    let id = inactive_webhook(engine, &settings).await;
    let (status, answer) =
        engine.post(&format!("/v1/webhooks/{id}/activate"), &json!({ "force": true })).await;
    assert_eq!(status, 200, "{answer}");
    id
}

/// A webhook with these settings as it is made: off.
pub(crate) async fn inactive_webhook(engine: &Engine, settings: &Value) -> String {
    let (status, answer) = engine.post("/v1/webhooks", settings).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["active"], false);
    answer["id"].as_str().unwrap().to_owned()
}

/// The end of a call of this number, by which the call becomes known.
pub(crate) fn call(number: u64) -> Value {
    json!({
        "id": format!("event-{number}"), "type": "call.ended", "site": SITE,
        "lead": { "type": "call", "id": number.to_string() }, "time": "2026-03-02T13:05:40+03:00",
        "data": { "callerphone": format!("7999000{number:04}"), "duration": 63, "waiting_time": 7 },
    })
}

/// A change of this call's tags.
pub(crate) fn tagged(number: u64, tag: &str) -> Value {
    json!({
        "id": format!("tags-{number}-{tag}"), "type": "lead.tags_changed", "site": SITE,
        "lead": { "type": "call", "id": number.to_string() }, "time": "2026-03-02T13:10:00+03:00",
        "data": { "tags_manual": [tag] },
    })
}

/// Posts events, all of which are accepted.
pub(crate) async fn post(engine: &Engine, events: &Value) -> Value {
    let (status, answer) = engine.post("/v1/events", events).await;
    assert_eq!(status, 202, "{answer}");
    for event in answer["events"].as_array().unwrap() {
        assert!(event.get("error").is_none(), "{answer}");
    }
    answer
}

/// Posts the calls of these numbers, all of which are accepted.
pub(crate) async fn post_calls(engine: &Engine, numbers: impl IntoIterator<Item = u64>) {
    post(engine, &numbers.into_iter().map(call).collect()).await;
}

/// Every delivery that the query asks for, the newest owed first, in brief.
pub(crate) async fn deliveries(engine: &Engine, query: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, page) = engine.get(&format!("/v1/deliveries?limit=500&{query}{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        found.extend(page["deliveries"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

/// Waits until so many of the webhook's deliveries are in this state, and gives them.
pub(crate) async fn in_state(engine: &Engine, webhook: &str, state: &str, count: usize) -> Vec<Value> {
    let query = format!("webhook={webhook}&state={state}");
    let what = format!("{count} deliveries of {webhook} are {state}");
    wait_until(&what, async || {
        let found = deliveries(engine, &query).await;
        (found.len() >= count).then_some(found)
    })
    .await
}

/// The only delivery of the webhook, whole, once it is in this state.
pub(crate) async fn only_delivery(engine: &Engine, webhook: &str, state: &str) -> Value {
    let found = in_state(engine, webhook, state, 1).await;
    assert_eq!(found.len(), 1, "{found:?}");
    whole(engine, &found[0]).await
}

/// A delivery with its attempts.
pub(crate) async fn whole(engine: &Engine, brief: &Value) -> Value {
    let (status, delivery) = engine.get(&format!("/v1/deliveries/{}", id(brief))).await;
    assert_eq!(status, 200, "{delivery}");
    delivery
}

/// What a command with this engine's address and the account's key comes to.
pub(crate) async fn command(engine: &Engine, arguments: &[&str]) -> Ended {
    command_in(&[], engine, arguments).await
}

/// The same, with these variables in its environment.
pub(crate) async fn command_in(environment: &[(&str, &str)], engine: &Engine, arguments: &[&str]) -> Ended {
    let server = format!("http://{}", engine.address());
    let access = ["--server", &server, "--key", engine.key()];
    Program::start_in(environment, [arguments, &access].concat()).end().await
}

/// What it printed, once it ended with this exit code.
///
/// # Panics
/// When it ended with another; with what it printed.
pub(crate) fn printed(ended: Ended, code: i32) -> String {
    assert_eq!(ended.code, Some(code), "{}\n{}", ended.stdout, ended.stderr);
    ended.stdout
}

/// What it complained of, once it ended with this exit code.
///
/// # Panics
/// When it ended with another; with what it printed.
pub(crate) fn complaint(ended: Ended, code: i32) -> String {
    assert_eq!(ended.code, Some(code), "{}\n{}", ended.stdout, ended.stderr);
    ended.stderr
}

/// The id of whatever has one.
pub(crate) fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap_or_else(|| panic!("no id in {value}"))
}

/// What came for leads; probes are left out.
pub(crate) fn of_leads(ledger: &[Received]) -> Vec<&Received> {
    ledger.iter().filter(|request| request.header("webhook-test").is_none()).collect()
}

/// The ids of the leads that came; probes are left out.
pub(crate) fn lead_ids(ledger: &[Received]) -> BTreeSet<String> {
    of_leads(ledger).iter().filter_map(|request| request.pair("id")).collect()
}

/// The codes of problem details with their places, of all faults that are told.
pub(crate) fn faults(problem: &Value) -> BTreeSet<(String, String)> {
    let text = |fault: &Value, name: &str| fault[name].as_str().unwrap_or_default().to_owned();
    let told = problem["errors"].as_array().into_iter().flatten();
    told.map(|fault| (text(fault, "path"), text(fault, "code"))).collect()
}

/// Posts calls one by one under numbers of its own, and knows what was tried and what was acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Load {
    book: Mutex<Book>,
}

#[derive(Debug, Default)]
struct Book {
    tried: BTreeSet<u64>,
    acknowledged: BTreeSet<String>,
}

impl Load {
    /// Posts calls, one after another, until the engine is gone or `enough` says so after an answer.
    /// Several of these may run at one time.
    pub(crate) async fn post_until(&self, engine: &Engine, enough: impl Fn(u16) -> bool) {
        let bearer = format!("Bearer {}", engine.key());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        loop {
            let number = self.next();
            let answer: io::Result<_> =
                engine.raw("POST", "/v1/events", &headers, call(number).to_string()).await;
            // What got no answer may be stored or not.
            let Ok(answer) = answer else { return };
            match answer.status {
                202 => self.lock().acknowledged.insert(number.to_string()),
                503 => false,
                other => panic!("{other}: {}", answer.json()),
            };
            if enough(answer.status) {
                return;
            }
        }
    }

    /// The leads whose events were acknowledged.
    pub(crate) fn acknowledged(&self) -> BTreeSet<String> {
        self.lock().acknowledged.clone()
    }

    /// The leads whose events were posted, acknowledged or not.
    pub(crate) fn tried(&self) -> BTreeSet<String> {
        self.lock().tried.iter().map(u64::to_string).collect()
    }

    fn next(&self) -> u64 {
        let mut book = self.lock();
        let next = book.tried.last().map_or(1, |last| last + 1);
        book.tried.insert(next);
        next
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
