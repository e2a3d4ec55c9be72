//! Whatever a handler does, each attempt ends as an outcome of its own kind, in time, and no other webhook notices.

use std::{sync::Arc, time::Duration};

use leadhook_harness::{Answer, Engine, Receiver};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};
use tokio_rustls::TlsAcceptor;

use crate::world::{engine, forced_webhook, in_state, lead_ids, only_delivery, post_calls, webhook, whole};

/// Far more than the second that an attempt may take, and far less than it would go on without a limit.
const IN_TIME_MS: u64 = 8_000;
/// The most of an answer's body that is kept.
const KEPT_BYTES: usize = 64 * 1024;
/// How many calls are posted while every handler misbehaves.
const CALLS: u64 = 20;

/// One attempt of a second, and one at a time: what it comes to is what is asked about.
fn impatient(url: &str) -> Value {
    json!({ "url": url, "timeout_seconds": 1, "retry": { "after_seconds": [] }, "rate": { "concurrent": 1 } })
}

/// A webhook to a handler that answers its probe, and to leads only this.
async fn answering(engine: &Engine, answer: Answer) -> (Receiver, String) {
    let receiver = Receiver::start().await;
    receiver.answer(Answer::status(200));
    receiver.answer_always(answer);
    let id = webhook(engine, impatient(&receiver.url("/hook?token=abc"))).await;
    (receiver, id)
}

/// The only attempt of the webhook's first delivery that ended so.
async fn attempt(engine: &Engine, webhook: &str, state: &str) -> Value {
    let ended = in_state(engine, webhook, state, 1).await;
    let delivery = whole(engine, ended.last().unwrap()).await;
    assert_eq!(delivery["attempt_count"], 1, "{delivery}");
    let attempt = delivery["attempts"][0].clone();
    assert!(attempt["elapsed_ms"].as_u64().unwrap() < IN_TIME_MS, "{attempt}");
    attempt
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_fail_is_an_outcome_of_its_own_kind_while_another_webhook_gets_everything() {
    let engine = engine().await;
    let rows = [
        (Answer::reset(), "connection_lost"),
        (Answer::close(), "connection_lost"),
        (Answer::never(), "timeout_waiting"),
        (Answer::drip(Duration::from_millis(50)), "timeout_reading"),
        (Answer::endless_headers(), "head_too_large"),
        (Answer::endless_interim(), "head_too_large"),
        (Answer::raw("220 mail.example ESMTP\r\n"), "not_http"),
        (Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort"), "connection_lost"),
    ];
    let mut cases = Vec::new();
    for (answer, kind) in rows {
        let story = format!("{answer:?}");
        cases.push((story, answering(&engine, answer).await, kind));
    }
    let (gone, refused) = answering(&engine, Answer::status(200)).await;
    drop(gone);
    let good = Receiver::start().await;
    let good_webhook = webhook(&engine, json!({ "url": good.url("/hook") })).await;

    post_calls(&engine, 1..=CALLS).await;
    in_state(&engine, &good_webhook, "delivered", CALLS.try_into().unwrap()).await;
    assert_eq!(lead_ids(&good.requests()), (1..=CALLS).map(|number| number.to_string()).collect());
    for (story, (receiver, id), kind) in &cases {
        let attempt = attempt(&engine, id, "failed").await;
        assert_eq!(attempt["broken"]["kind"], *kind, "{story}: {attempt}");
        let detail = attempt["broken"]["detail"].as_str().unwrap();
        assert!(!detail.contains("7999000") && !detail.contains("token"), "{story}: {detail}");
        assert!(receiver.requests().len() >= 2, "{story}: the probe and a lead");
    }
    assert_eq!(attempt(&engine, &refused, "failed").await["broken"]["kind"], "connection_refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_huge_answer_only_the_beginning_is_read_and_kept() {
    let engine = engine().await;
    let (_receiver, huge) = answering(&engine, Answer::huge_body(100 * 1024 * 1024)).await;
    post_calls(&engine, [1]).await;
    let response = attempt(&engine, &huge, "delivered").await["response"].clone();
    assert_eq!((&response["status"], &response["body_cut"]), (&json!(200), &json!(true)));
    assert_eq!(response["body"].as_str().map(str::len), Some(KEPT_BYTES));
}

#[tokio::test]
async fn redirects_are_a_failure_and_are_not_followed() {
    let engine = engine().await;
    let elsewhere = Receiver::start().await;
    for status in [301, 302, 303, 307, 308] {
        let redirect = Answer::status(status).header("location", &elsewhere.url("/"));
        let (receiver, id) = answering(&engine, redirect).await;
        post_calls(&engine, [u64::from(status)]).await;
        assert_eq!(attempt(&engine, &id, "failed").await["response"]["status"], status);
        assert_eq!(receiver.requests().len(), 2, "the probe and the lead");
        engine.post(&format!("/v1/webhooks/{id}/deactivate"), &json!({})).await;
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

#[tokio::test]
async fn a_self_signed_certificate_is_not_believed() {
    let engine = engine().await;
    let url = self_signed_handler().await;
    let id = forced_webhook(&engine, impatient(&url)).await;
    post_calls(&engine, [1]).await;
    let attempt = attempt(&engine, &id, "failed").await;
    assert_eq!(attempt["broken"]["kind"], "certificate_invalid", "{attempt}");
}

/// A handler over TLS with a certificate that nobody vouches for; its URL.
async fn self_signed_handler() -> String {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Whoever believed it would be answered with success.
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    });
    format!("https://{address}/hook")
}

#[tokio::test]
async fn an_address_that_is_forbidden_since_is_never_connected_to_by_number_or_by_name() {
    let mut engine = engine().await;
    let receiver = Receiver::start().await;
    let by_number = webhook(&engine, impatient(&receiver.url("/hook"))).await;
    let name = format!("http://localhost:{}/hook", receiver.address().port());
    let by_name = forced_webhook(&engine, impatient(&name)).await;
    let probes = receiver.requests().len();
    engine.restart_as(Engine::setup().public_only()).await;
    post_calls(&engine, [1]).await;
    for id in [by_number, by_name] {
        let delivery = only_delivery(&engine, &id, "failed").await;
        assert_eq!(delivery["attempts"][0]["broken"]["kind"], "address_denied", "{delivery}");
        assert!(delivery["reason"].as_str().unwrap().contains("must not be sent to"), "{delivery}");
        let (status, problem) = engine.post(&format!("/v1/webhooks/{id}/activate"), &json!({})).await;
        assert_eq!((status, &problem["answer"]["broken"]), (409, &json!("address_denied")));
    }
    assert_eq!(receiver.requests().len(), probes, "only the probes, while it was allowed");
}
