//! The trail: what calls changed, by whom, told to the account and the operator.

use leadhook_core::account::key::Scope;

use super::*;
use crate::api::scope::{CALLS, Need};

/// Calls that need the scope `manage` and change nothing that is kept.
const CHANGING_NOTHING: &[&str] = &["/v1/preview", "/v1/plugins/{name}/run"];

/// What was done to what, the oldest first.
fn deeds(trail: &Reply) -> Vec<(&str, &str)> {
    let entries = trail.body["entries"].as_array().unwrap().iter().rev();
    entries.map(|entry| (entry["action"].as_str().unwrap(), entry["object"].as_str().unwrap())).collect()
}

/// Changes under one key, and what the trail is to tell of them.
struct Changes<'w> {
    world: &'w World,
    key: String,
    /// The calls, by method and pattern.
    called: Vec<(&'static str, &'static str)>,
    told: Vec<(&'static str, String)>,
}

impl Changes<'_> {
    /// Calls something that must go well, with the object in the place of what the pattern names.
    async fn call(
        &mut self,
        method: &'static str,
        pattern: &'static str,
        object: &str,
        body: Value,
    ) -> Reply {
        self.called.push((method, pattern));
        let path: Vec<_> =
            pattern.split('/').map(|part| if part.starts_with('{') { object } else { part }).collect();
        let reply = self.world.call_as(&self.key, method, &path.join("/"), body).await;
        assert!(reply.status.is_success(), "{method} {path:?}: {}", reply.body);
        reply
    }

    fn tells(&mut self, action: &'static str, object: impl Into<String>) {
        self.told.push((action, object.into()));
    }

    /// Sites, and webhooks: the id of one that is on.
    async fn of_settings(&mut self) -> String {
        let nothing = || json!({});
        self.call("PUT", "/v1/sites/{id}", "60001", json!({"name": "Shop"})).await;
        self.tells("site.saved", "60001");
        let url = "https://crm.example/hook";
        let id = self.call("POST", "/v1/webhooks", "", json!({"url": url})).await.text("id").to_owned();
        self.tells("webhook.made", &id);
        self.call("PUT", "/v1/webhooks/{id}", &id, json!({"url": url, "timeout_seconds": 7})).await;
        self.tells("webhook.saved", &id);
        let copy = self.call("POST", "/v1/webhooks/{id}/copy", &id, nothing()).await.text("id").to_owned();
        self.tells("webhook.made", &copy);
        self.call("DELETE", "/v1/webhooks/{id}", &copy, nothing()).await;
        self.tells("webhook.deleted", &copy);
        self.call("POST", "/v1/webhooks/{id}/deactivate", &id, nothing()).await;
        self.tells("webhook.switched", &id);
        self.call("POST", "/v1/webhooks/{id}/activate", &id, json!({"force": true})).await;
        self.tells("webhook.switched", &id);
        id
    }

    /// What is done by hand with what a webhook delivered.
    async fn of_deliveries(&mut self, webhook: &str) {
        let world = self.world;
        world.post("/v1/events", event("call.ended", json!({"started_at": "2026-03-02T10:00:00Z"}))).await;
        let found = world.until("/v1/deliveries", |body| body["deliveries"][0]["state"] == "delivered").await;
        let first = found.body["deliveries"][0]["id"].as_str().unwrap().to_owned();
        self.call("POST", "/v1/deliveries/{id}/send", &first, json!({})).await;
        self.tells("delivery.sent", &first);
        world.until("/v1/deliveries?state=delivered", |body| body["deliveries"][1].is_object()).await;
        world.clock.advance(3_600_000);
        world.handler.answers.forget_permits(usize::MAX);
        let period =
            json!({"webhook": webhook, "from": "2026-03-02T10:00:00Z", "to": "2026-03-02T10:00:01Z"});
        let resend = self.call("POST", "/v1/resends", "", period).await.text("id").to_owned();
        self.tells("resend.begun", &resend);
        self.call("DELETE", "/v1/resends/{id}", &resend, json!({})).await;
        self.tells("resend.cancelled", &resend);
        world.handler.answers.add_permits(Semaphore::MAX_PERMITS / 2);
        let erased = self.call("POST", "/v1/erasures", "", json!({"phone": "79990000000"})).await;
        self.tells("client.erased", erased.text("id"));
        // That a cancelled delivery is told is among the store's own cases: it needs one that waits.
        self.called.push(("POST", "/v1/deliveries/{id}/cancel"));
    }

    async fn of_plugins_and_secrets(&mut self) {
        for source in ["log(1);", "log(2);"] {
            let sent = [("content-type", "text/plain")];
            let uploaded = self.world.raw_as(&self.key, "PUT", "/v1/plugins/mine", &sent, source).await;
            assert!(uploaded.status.is_success(), "{}", uploaded.body);
            self.tells("plugin.uploaded", "mine");
        }
        self.called.push(("PUT", "/v1/plugins/{name}"));
        let versions = self.world.get("/v1/plugins/mine/versions").await.body["versions"].clone();
        let first = versions.as_array().unwrap().iter().find(|one| one["current"] == false).unwrap();
        let first = json!({"sha256": first["sha256"]});
        self.call("POST", "/v1/plugins/{name}/rollback", "mine", first).await;
        self.tells("plugin.rolled_back", "mine");
        self.call("DELETE", "/v1/plugins/{name}", "mine", json!({})).await;
        self.tells("plugin.deleted", "mine");
        self.call("PUT", "/v1/secrets/{name}", "crm", json!({"value": "hunter2"})).await;
        self.tells("secret.set", "crm");
        self.call("DELETE", "/v1/secrets/{name}", "crm", json!({})).await;
        self.tells("secret.deleted", "crm");
    }

    async fn of_all_else(&mut self) {
        let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
        let whither = json!({"url": "https://ops.example/", "secret": secret});
        self.call("PUT", "/v1/operations-webhook", "", whither).await;
        self.tells("operations_webhook.set", "operations-webhook");
        self.call("DELETE", "/v1/operations-webhook", "", json!({})).await;
        self.tells("operations_webhook.deleted", "operations-webhook");
        self.call("POST", "/v1/recording-keys", "", json!({})).await;
        self.tells("recording_key.rotated", "2");
        self.call("DELETE", "/v1/recording-keys/{number}", "1", json!({})).await;
        self.tells("recording_key.revoked", "1");
        let relay =
            self.call("POST", "/v1/sites/{id}/relays", "60001", json!({})).await.text("id").to_owned();
        self.tells("relay.made", format!("{relay} of site 60001"));
        self.called.push(("DELETE", "/v1/sites/{id}/relays/{token}"));
        let revoking = format!("/v1/sites/60001/relays/{relay}");
        let revoked = self.world.call_as(&self.key, "DELETE", &revoking, json!({})).await;
        assert_eq!(revoked.status, StatusCode::NO_CONTENT);
        self.tells("relay.revoked", format!("{relay} of site 60001"));
        self.call("DELETE", "/v1/sites/{id}", "60001", json!({})).await;
        self.tells("site.deleted", "60001");
    }
}

#[tokio::test]
async fn every_change_is_told_with_its_author() {
    let world = World::new().await;
    let (key_id, key) = world.key(json!({"name": "ci"})).await;
    let mut changes = Changes { world: &world, key, called: Vec::new(), told: Vec::new() };
    changes.tells("key.made", &key_id);
    let webhook = changes.of_settings().await;
    changes.of_deliveries(&webhook).await;
    changes.of_plugins_and_secrets().await;
    changes.of_all_else().await;
    world.put("/v1/sites/60002", json!({"name": 1})).await.is_problem(422, "invalid");

    let trail = world.get("/v1/audit?limit=100").await;
    let expected: Vec<_> = changes.told.iter().map(|(action, object)| (*action, object.as_str())).collect();
    assert_eq!(deeds(&trail), expected);
    assert!(!trail.body.to_string().contains("hunter2"));
    let entries = trail.body["entries"].as_array().unwrap();
    let told = |action: &str| entries.iter().find(|entry| entry["action"] == action).unwrap();
    assert_eq!(told("key.made")["by"], json!({"kind": "operator"}));
    let saved = told("webhook.saved");
    assert_eq!(saved["by"], json!({"kind": "key", "id": key_id, "name": "ci"}));
    let turned = (&saved["before"], &saved["after"], &saved["fields"]);
    assert_eq!(turned, (&json!("1"), &json!("2"), &json!(["timeout_seconds"])));
    for (method, pattern, need) in CALLS {
        let is_change = *need == Need::Account(Scope::Manage) && !CHANGING_NOTHING.contains(pattern);
        assert!(
            !is_change || changes.called.contains(&(method, pattern)),
            "{method} {pattern} is to be told too"
        );
    }
}

#[tokio::test]
async fn a_trail_is_paged_and_read_between_times() {
    let world = World::new().await;
    for hour in 0..4 {
        world.put(&format!("/v1/sites/s{hour}"), json!({})).await;
        world.clock.advance(3_600_000);
    }
    let first = world.get("/v1/audit?limit=3").await;
    let rest = world.get(&format!("/v1/audit?cursor={}", first.text("next_cursor"))).await;
    assert_eq!((deeds(&first).len(), deeds(&rest)), (3, vec![("site.saved", "s0")]));
    let between = "/v1/audit?from=2026-03-02T11:00:00Z&to=2026-03-02T13:00:00Z";
    let between = world.get(between).await;
    assert_eq!(deeds(&between), [("site.saved", "s1"), ("site.saved", "s2")]);
    assert!(between.body["next_cursor"].is_null());
    for path in ["/v1/audit?account=1", "/v1/audit?from=x"] {
        world.get(path).await.is_problem(422, "bad_query");
    }
}

#[tokio::test]
async fn the_operator_reads_its_own_trail_and_each_accounts() {
    let world = World::new().await;
    let read = async |key: &str, path: &str| world.raw_as(key, "GET", path, &[], Body::empty()).await;
    world.put("/v1/sites/60001", json!({})).await;
    let made = world.call_as(OPERATOR_KEY, "POST", "/v1/accounts", json!({"name": "Agency"})).await;
    let own = read(OPERATOR_KEY, "/v1/audit").await;
    assert_eq!(deeds(&own), [("account.made", made.text("id"))]);
    assert_eq!(own.body["entries"][0]["account"], made.body["id"]);
    let of_default = read(OPERATOR_KEY, "/v1/audit?account=1").await;
    assert_eq!(deeds(&of_default), [("site.saved", "60001")]);
    assert!(deeds(&read(OTHER_KEY, "/v1/audit").await).is_empty());
}
