//! Nothing crosses accounts: every call of the description, with what is one account's, under another's key.

use std::collections::BTreeSet;

use super::*;
use crate::api::{
    openapi,
    scope::{CALLS, Need},
};

/// A word in all that the first account has.
const MARK: &str = "Marker";
const PHONE: &str = "79001112233";

/// What the first account has, by its ids.
struct Owned {
    webhook: String,
    delivery: String,
    resend: String,
    erasure: String,
    relay: String,
    key: String,
    sha256: String,
}

impl World {
    /// Fills the first account with one of each.
    async fn owned(&self) -> Owned {
        let site = json!({"name": "Marker Shop"});
        assert!(self.put("/v1/sites/60001", site).await.status.is_success());
        let relay = self.press("/v1/sites/60001/relays").await.text("id").to_owned();
        self.put("/v1/secrets/marker-secret", json!({"value": "Marker hunter2"})).await;
        let uploaded = self.upload("marker-plugin", "log(\"Marker\");".to_owned()).await;
        assert_eq!(uploaded.status, StatusCode::CREATED, "{}", uploaded.body);
        let versions = self.get("/v1/plugins/marker-plugin/versions").await;
        let sha256 = versions.body["versions"][0]["sha256"].as_str().unwrap().to_owned();
        let webhook = self.active_webhook(json!({"name": "Marker CRM", "headers": {"X-A": "Marker"}})).await;
        let facts = json!({"callerphone": PHONE, "started_at": "2026-03-02T10:00:00Z", "comment": "Marker"});
        let mut call = event("call.ended", facts);
        call["data"].as_object_mut().unwrap().remove("comment");
        assert_eq!(self.post("/v1/events", call).await.status, StatusCode::ACCEPTED);
        let found = self.until("/v1/deliveries", |body| body["deliveries"][0]["state"] == "delivered").await;
        let delivery = found.body["deliveries"][0]["id"].as_str().unwrap().to_owned();
        self.clock.advance(3_600_000);
        let period =
            json!({"webhook": webhook, "from": "2026-03-02T10:00:00Z", "to": "2026-03-02T10:00:01Z"});
        let begun = self.post("/v1/resends", period).await;
        let resend = begun.text("id").to_owned();
        self.until(&format!("/v1/resends/{resend}"), |body| body["state"] == "done").await;
        let erasure = self.post("/v1/erasures", json!({"phone": "79990000000"})).await.text("id").to_owned();
        self.until(&format!("/v1/erasures/{erasure}"), |body| body["state"] == "done").await;
        let (key, _) = self.key(json!({"name": "Marker key"})).await;
        Owned { webhook, delivery, resend, erasure, relay, key, sha256 }
    }

    /// All that the first account has, as it is told to it.
    async fn all(&self, owned: &Owned) -> Vec<Value> {
        let mut all = Vec::new();
        for path in [
            "/v1/sites",
            "/v1/sites/60001/relays",
            "/v1/webhooks",
            "/v1/deliveries",
            "/v1/leads",
            "/v1/resends",
            "/v1/erasures",
            "/v1/notifications",
            "/v1/plugins/marker-plugin",
            "/v1/plugins/marker-plugin/versions",
            "/v1/secrets",
            "/v1/audit",
            "/v1/leads/60001/call/77",
        ] {
            let reply = self.get(path).await;
            assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.body);
            all.push(reply.body);
        }
        all.push(self.get(&format!("/v1/deliveries/{}", owned.delivery)).await.body);
        all.push(self.get(&format!("/v1/webhooks/{}/revisions", owned.webhook)).await.body);
        all
    }
}

/// A call's path with the first account's ids in it.
fn path_of(owned: &Owned, pattern: &str) -> String {
    let filled: Vec<_> = pattern
        .split('/')
        .scan("", |before, part| {
            let filled = match (*before, part) {
                ("sites", "{id}") | ("leads", "{site}") => "60001",
                ("60001", "{type}") => "call",
                ("call", "{id}") => "77",
                ("relays", "{token}") => &owned.relay,
                ("webhooks", "{id}") => &owned.webhook,
                ("deliveries", "{id}") => &owned.delivery,
                ("resends", "{id}") => &owned.resend,
                ("erasures", "{id}") => &owned.erasure,
                ("plugins", "{name}") => "marker-plugin",
                ("secrets", "{name}") => "marker-secret",
                ("keys", "{id}") => &owned.key,
                ("accounts", "{id}") | ("recording-keys", "{number}") => "1",
                (_, part) => {
                    assert!(!part.starts_with('{'), "say what {part} of {pattern} is of the first account's");
                    part
                }
            };
            *before = filled;
            Some(filled)
        })
        .collect();
    filled.join("/")
}

/// A body that names what is the first account's, where a body can.
fn body_of(owned: &Owned, method: &str, pattern: &str) -> Value {
    match (method, pattern) {
        ("POST", "/v1/events") => event("call.ended", json!({"callerphone": PHONE})),
        ("POST", "/v1/preview") => json!({"webhook": owned.webhook}),
        ("POST", "/v1/resends") => {
            json!({"webhook": owned.webhook, "from": "2026-03-02T10:00:00Z", "to": "2026-03-02T10:00:01Z"})
        }
        ("POST", "/v1/erasures") => json!({"phone": PHONE}),
        ("POST", "/v1/plugins/{name}/rollback") => json!({"sha256": owned.sha256}),
        ("POST", "/v1/plugins/{name}/run") => json!({"webhook": owned.webhook}),
        ("PUT", "/v1/webhooks/{id}") => json!({"url": "https://crm.example/hook"}),
        ("POST", "/v1/webhooks") => {
            let link =
                json!({"plugin": format!("marker-plugin@{}", owned.sha256), "secrets": ["marker-secret"]});
            json!({"url": "https://crm.example/hook", "transform": [link]})
        }
        ("PUT", "/v1/secrets/{name}") => json!({"value": "own"}),
        _ => json!({}),
    }
}

/// Calls that make something of the caller's own under a name that it chooses, or read nothing of an account.
fn is_own(method: &str, pattern: &str) -> bool {
    let named = ["/v1/sites/{id}", "/v1/plugins/{name}", "/v1/secrets/{name}"];
    method == "PUT" && named.contains(&pattern) || pattern.starts_with("/v1/recording-keys/")
}

#[tokio::test]
async fn no_call_reads_or_changes_what_is_another_accounts() {
    let world = World::new().await;
    let owned = world.owned().await;
    let before = world.all(&owned).await;
    let document = serde_json::to_value(openapi()).unwrap();
    let items = document["paths"].as_object().unwrap().iter();
    let described = items.flat_map(|(pattern, item)| {
        item.as_object().unwrap().keys().map(move |method| (method.to_uppercase(), pattern.clone()))
    });
    let is_open = |(method, pattern): &(String, String)| {
        CALLS.contains(&(method.as_str(), pattern.as_str(), Need::Nothing))
    };
    let mut calls: Vec<_> = described.filter(|call| !is_open(call)).collect();
    // What the other account makes of its own comes last, since it would be there from then on.
    calls.sort_by_key(|(method, pattern)| is_own(method, pattern));
    let ids = [
        &owned.webhook,
        &owned.delivery,
        &owned.resend,
        &owned.erasure,
        &owned.relay,
        &owned.key,
        &owned.sha256,
    ];
    let mut walked = BTreeSet::new();
    for (method, pattern) in &calls {
        let path = path_of(&owned, pattern);
        let body = body_of(&owned, method, pattern);
        let sent = [("content-type", "application/json")];
        let (status, text) = world.told(OTHER_KEY, method, &path, &sent, body.to_string()).await;
        let call = format!("{method} {path}: {status} {text}");
        assert!(!text.contains(MARK) && !text.contains("hunter2"), "{call}");
        if status.is_success() {
            assert!(ids.iter().all(|id| !text.contains(id.as_str())), "{call}");
        }
        if pattern.contains('{') && !is_own(method, pattern) {
            assert!([403, 404].contains(&status.as_u16()), "{call}");
        } else {
            assert!(status.as_u16() < 500, "{call}");
        }
        walked.insert((method.as_str(), pattern.as_str()));
    }
    assert_eq!(world.all(&owned).await, before, "and nothing of the first account has changed");
    let needing = CALLS.iter().filter(|(_, _, need)| *need != Need::Nothing);
    let all: BTreeSet<_> = needing.map(|(method, pattern, _)| (*method, *pattern)).collect();
    assert_eq!(walked, all, "every call that takes a key was walked");
}

impl World {
    /// What a call answers, as text; of a stream nothing but its head.
    async fn told(
        &self,
        key: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> (StatusCode, String) {
        let mut request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let media_type = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if media_type.is_some_and(|media_type| media_type.starts_with("text/event-stream")) {
            return (head.status, String::new());
        }
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        (head.status, String::from_utf8_lossy(&bytes).into_owned())
    }
}
