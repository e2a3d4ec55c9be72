//! Each request is signed as Standard Webhooks 1.0 says, by every secret, also when it is tried again.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use leadhook_harness::{Answer, Received, Receiver};
use serde_json::json;
use sha2::Sha256;

use crate::world::{engine, id, in_state, of_leads, post_calls, webhook};

const OLD: &str = "whsec_b2xkLXNlY3JldC1vbGQtc2VjcmV0LW9sZC1zZWNyZXQ=";
const NEW: &str = "whsec_bmV3LXNlY3JldC1uZXctc2VjcmV0LW5ldy1zZWNyZXQ=";
const FOREIGN: &str = "whsec_Zm9yZWlnbi1zZWNyZXQtZm9yZWlnbi1zZWNyZXQtZm8=";
/// The most that a timestamp may be off, in seconds.
const TOLERANCE_SECONDS: u64 = 300;

/// Verifies as a receiver does that knows only the standard and one secret.
fn verifies(secret: &str, request: &Received, content: &[u8]) -> bool {
    let header = |name: &str| request.header(name).unwrap_or_default();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let timestamp: u64 = header("webhook-timestamp").parse().unwrap();
    let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut code = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    code.update(format!("{}.{timestamp}.", header("webhook-id")).as_bytes());
    code.update(content);
    let expected = format!("v1,{}", STANDARD.encode(code.finalize().into_bytes()));
    let signed = header("webhook-signature").split(' ').any(|signature| signature == expected);
    signed && now.abs_diff(timestamp) <= TOLERANCE_SECONDS
}

#[tokio::test]
async fn several_secrets_sign_side_by_side_the_body_or_for_get_the_query_as_sent() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    for method in ["POST", "GET"] {
        let url = receiver.url("/hook?k=a%20b&k=");
        webhook(&engine, json!({ "url": url, "method": method, "signing": { "secrets": [OLD, NEW] } })).await;
    }
    post_calls(&engine, [1]).await;
    let ledger = receiver.wait_for(4).await;
    assert_eq!(of_leads(&ledger).len(), 2, "probes are signed too");
    for request in &ledger {
        let content = if request.method == "GET" { request.query().as_bytes() } else { &request.body };
        assert!(!content.is_empty() && request.query().starts_with("k=a%20b&k="), "{request}");
        for secret in [OLD, NEW] {
            assert!(verifies(secret, request, content), "{request}");
        }
        assert!(!verifies(FOREIGN, request, content), "{request}");
        assert!(!verifies(NEW, request, b"forged"), "{request}");
        assert_eq!(request.header("webhook-signature").unwrap().split(' ').count(), 2);
    }
}

#[tokio::test]
async fn a_retry_is_signed_by_the_secrets_of_now() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    let settings = |secret: &str| json!({ "url": receiver.url("/hook"), "signing": { "secrets": [secret] }, "retry": { "after_seconds": [3600] } });
    let webhook = webhook(&engine, settings(OLD)).await;
    receiver.answer(Answer::status(500));
    post_calls(&engine, [1]).await;
    let waiting = in_state(&engine, &webhook, "retrying", 1).await.remove(0);
    assert_eq!(engine.put(&format!("/v1/webhooks/{webhook}"), &settings(NEW)).await.0, 200);
    engine.post(&format!("/v1/deliveries/{}/send", id(&waiting)), &json!({})).await;
    let ledger = receiver.wait_for(3).await;
    let [first, second] = of_leads(&ledger)[..] else { panic!("{ledger:?}") };
    assert!(verifies(OLD, first, &first.body) && !verifies(NEW, first, &first.body));
    assert!(verifies(NEW, second, &second.body) && !verifies(OLD, second, &second.body));
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
}

#[tokio::test]
async fn without_a_secret_there_is_an_id_and_a_time_and_no_signature() {
    let engine = engine().await;
    let receiver = Receiver::start().await;
    webhook(&engine, json!({ "url": receiver.url("/hook") })).await;
    post_calls(&engine, [1]).await;
    for request in receiver.wait_for(2).await {
        assert!(request.header("webhook-id").is_some_and(|id| id.starts_with("dlv_")), "{request}");
        assert!(request.header("webhook-timestamp").is_some());
        assert_eq!(request.header("webhook-signature"), None);
    }
}
