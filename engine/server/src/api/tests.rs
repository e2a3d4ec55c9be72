//! The calls as clients meet them: the whole router over a real store, with a scripted handler and a clock that stands.

mod accounts;
mod activation;
mod audit;
mod backups;
mod bodies;
mod crossing;
mod deliveries;
mod description;
mod erasures;
mod events;
mod gate;
mod leads;
mod notifications;
mod periods;
mod plugins;
mod preview;
mod recordings;
mod relay;
mod reload;
mod resends;
mod runs;
mod secrets;
mod sites;
mod watching;
mod webhooks;

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use async_trait::async_trait;
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
};
use leadhook_core::{
    delivery,
    id::AccountId,
    outcome::{Answer, BrokenKind, Outcome},
    time::Timestamp,
};
use leadhook_runtime::{Carrier, Engine, Parts, clock::ManualClock, limits::Limits};
use leadhook_store::{
    Account, Store,
    redb::{Options, RedbStore},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use super::{ApiSettings, router};

const KEY: &str = "a-key-for-tests";
/// The operator's.
const OPERATOR_KEY: &str = "the-operators-key-for-tests";
/// The key of another account.
const OTHER_KEY: &str = "another-key-for-tests";

/// A busy machine decides nothing.
const PLUGIN_LIMITS: leadhook_sandbox::Limits = leadhook_sandbox::Limits::MAX;

/// A handler that answers what it is told to, once it is let.
struct Handler {
    /// The status it answers; 0: it refuses the connection.
    status: AtomicU16,
    /// One permit for each answer.
    answers: Semaphore,
    /// One permit for each request that came.
    came: Semaphore,
}

#[async_trait]
impl Carrier for Handler {
    async fn carry(&self, _: &delivery::Request, _: &[(String, String)], _: std::time::Duration) -> Outcome {
        self.came.add_permits(1);
        self.answers.acquire().await.unwrap().forget();
        match self.status.load(Ordering::Relaxed) {
            0 => Outcome::Broken { kind: BrokenKind::ConnectionRefused, detail: String::new(), status: None },
            status => {
                let headers = vec![("x-handler".to_owned(), "crm".to_owned())];
                Outcome::Answered(Answer { status, headers, body: b"noted".to_vec(), body_cut: false })
            }
        }
    }
}

/// A running engine with its API, and what stands around it.
struct World {
    router: Router,
    engine: Engine,
    handler: Arc<Handler>,
    clock: Arc<ManualClock>,
    _folder: TempDir,
}

/// What a call answered.
#[derive(Debug)]
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Reply {
    fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A member of the body as text.
    fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// Holds that it is a problem with this status and code, whole and of its media type.
    #[track_caller]
    fn is_problem(&self, status: u16, code: &str) -> &Self {
        assert_eq!((self.status.as_u16(), self.text("code")), (status, code), "{}", self.body);
        assert_eq!(self.header(header::CONTENT_TYPE), Some("application/problem+json"));
        assert_eq!((&self.body["type"], &self.body["status"]), (&json!("about:blank"), &json!(status)));
        assert!(!self.text("title").is_empty() && !self.text("detail").is_empty(), "{}", self.body);
        self
    }

    /// The paths and codes of the faults.
    fn faults(&self) -> Vec<(&str, &str)> {
        fn told(fault: &Value) -> (&str, &str) {
            (fault["path"].as_str().unwrap(), fault["code"].as_str().unwrap())
        }
        self.body["errors"].as_array().map_or_else(Vec::new, |faults| faults.iter().map(told).collect())
    }
}

impl World {
    async fn new() -> Self {
        Self::with(ApiSettings::default()).await
    }

    async fn with(settings: ApiSettings) -> Self {
        let operator = Some(Sha256::digest(OPERATOR_KEY).into());
        let settings = ApiSettings { operator, ..settings };
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(RedbStore::open(folder.path(), Options::default()).unwrap());
        for (id, name, key) in [(AccountId::DEFAULT, "default", KEY), (AccountId(2), "other", OTHER_KEY)] {
            let account =
                Account { id, name: name.to_owned(), client_id_key: [1; 32], recording_key: [2; 32] };
            store.put_account(account).await.unwrap();
            store.put_key(Sha256::digest(key).into(), id).await.unwrap();
        }
        let handler = Arc::new(Handler {
            status: AtomicU16::new(200),
            answers: Semaphore::new(Semaphore::MAX_PERMITS / 2),
            came: Semaphore::new(0),
        });
        let start = Timestamp::from_rfc3339("2026-03-02T10:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let parts = Parts {
            store,
            carrier: Arc::<Handler>::clone(&handler),
            clock: Arc::<ManualClock>::clone(&clock),
            limits: Limits { plugin: PLUGIN_LIMITS, ..Limits::default() },
            plugins: Some(plugins::parts()),
            public_url: Some("https://hooks.example".to_owned()),
            cities: None,
            collector: None,
        };
        let engine = Engine::start(parts).await.unwrap();
        Self { router: router(engine.clone(), settings), engine, handler, clock, _folder: folder }
    }

    /// A world with a site.
    async fn with_site() -> Self {
        let world = Self::new().await;
        assert_eq!(world.put("/v1/sites/60001", json!({})).await.status, StatusCode::CREATED);
        world
    }

    /// Makes a webhook with these settings beside the URL and switches it on; its id.
    async fn active_webhook(&self, more: Value) -> String {
        let mut settings = json!({"url": "https://crm.example/hook"});
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let made = self.post("/v1/webhooks", settings).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let id = made.text("id").to_owned();
        let on = self.post(&format!("/v1/webhooks/{id}/activate"), json!({"force": true})).await;
        assert_eq!(on.status, StatusCode::OK, "{}", on.body);
        self.handler.came.forget_permits(usize::MAX);
        id
    }

    async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let is_text =
            head.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/"));
        let body = match bytes.is_empty() {
            true => Value::Null,
            false if is_text => Value::String(String::from_utf8(bytes.to_vec()).unwrap()),
            false => serde_json::from_slice(&bytes).unwrap(),
        };
        Reply { status: head.status, headers: head.headers, body }
    }

    async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Reply {
        self.raw_as(KEY, method, path, headers, body).await
    }

    async fn raw_as(
        &self,
        key: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let mut request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.raw("GET", path, &[], Body::empty()).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.raw("DELETE", path, &[], Body::empty()).await
    }

    async fn put(&self, path: &str, body: Value) -> Reply {
        self.raw("PUT", path, &[("content-type", "application/json")], body.to_string()).await
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.raw("POST", path, &[("content-type", "application/json")], body.to_string()).await
    }

    /// Posts without a body.
    async fn press(&self, path: &str) -> Reply {
        self.raw("POST", path, &[], Body::empty()).await
    }

    /// Asks again until the answer is as wished. The dispatcher works beside the test.
    async fn until(&self, path: &str, wished: impl Fn(&Value) -> bool) -> Reply {
        let look = async {
            loop {
                let reply = self.get(path).await;
                if wished(&reply.body) {
                    return reply;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), look).await.expect(path)
    }
}

/// An event of lead `77` on site `60001`.
fn event(kind: &str, data: Value) -> Value {
    let lead_type = if kind.starts_with("request") { "request" } else { "call" };
    let mut event = json!({
        "type": kind, "site": "60001", "lead": {"type": lead_type, "id": "77"}, "time": "2026-03-02T09:59:00Z",
    });
    event["data"] = data;
    event
}
