//! The real binary against hostile clients: slow, silent, many, malformed; and what its refusals give away.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests end by panicking")]

mod memory;

use leadhook_harness::{Engine, Receiver};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Twice as many as the engine has places for connections. With more the system lets go of whoever connects next, which is no
/// doing of the engine's.
const SILENT: usize = 2_000;
/// How much more memory the engine may ever have held than before they came, in KiB: 1,024 places with a head of 64 KiB each,
/// in buffers that double as they grow, and something for each connection.
const MEMORY_KIB_MAX: u64 = 192 * 1024;

/// What must stand in no refusal: paths, the names of parts, addresses inside, traces.
const NOT_TOLD: &[&str] = &[
    "/home/",
    "/root/",
    "/tmp/",
    "/src/",
    ".rs:",
    "redb",
    "postcard",
    "serde",
    "hyper",
    "axum",
    "tokio",
    "wasmtime",
    "panicked",
    "unwrap",
    "RUST_BACKTRACE",
    "stack",
    "0x",
    "os error",
    "Some(",
    "None",
    "Err(",
    "\\n   at",
];

async fn silent(engine: &Engine, said: &[u8], count: usize) -> Vec<TcpStream> {
    let mut silent = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(engine.address()).await.unwrap();
        // Some are let go while others come.
        let _ = stream.write_all(said).await;
        silent.push(stream);
    }
    silent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_served_beside_more_silent_connections_than_there_are_places() {
    let engine = Engine::start().await;
    let before_kib = memory::peak_kib(&engine);
    let slow_head = b"POST /v1/events HTTP/1.1\r\nhost: x\r\nauthoriz";
    let long_head = [b"GET / HTTP/1.1\r\nhost: x\r\nx: ".as_slice(), &[b'x'; 60_000]].concat();
    let answered = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    for said in [b"".as_slice(), slow_head, answered, &long_head] {
        let held = silent(&engine, said, SILENT).await;
        let (status, told) = engine.put("/v1/sites/60001", &json!({ "name": "Shop" })).await;
        assert!([200, 201].contains(&status), "{status} {told}");
        drop(held);
    }
    let grown_kib = memory::peak_kib(&engine).saturating_sub(before_kib);
    assert!(grown_kib < MEMORY_KIB_MAX, "{grown_kib} KiB more for {SILENT} silent connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_whose_bodies_never_end_hold_up_nobody() {
    let engine = Engine::start().await;
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: 1000000\r\n\r\n[",
        engine.key()
    );
    let _held = silent(&engine, head.as_bytes(), 100).await;
    for number in 0..20 {
        let (status, told) = engine.put(&format!("/v1/sites/{number}"), &json!({ "name": "Shop" })).await;
        assert!([200, 201].contains(&status), "{status} {told}");
    }
    // Who has no key does not get as far as a body.
    let mut stranger = TcpStream::connect(engine.address()).await.unwrap();
    let head = head.replace(engine.key(), "wrong");
    stranger.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stranger.read_exact(&mut answer).await.unwrap();
    assert_eq!(String::from_utf8(answer).unwrap(), "HTTP/1.1 401");
}

/// Requests that are refused, each for a reason of its own: method, path, content type, body.
fn refused() -> Vec<(&'static str, String, &'static str, Vec<u8>)> {
    let json = "application/json";
    let mut all = Vec::new();
    let bodies: [&[u8]; 9] = [
        b"",
        b"{",
        b"null",
        b"[[[[[[[[",
        b"{\"id\": 1e999999}",
        b"\xff\xfe",
        b"{\"a\":\"\\ud800\"}",
        b"\x1f\x8b\x08\0\0\0\0\0",
        b"{\"id\":\"x\",\"id\":\"y\",\"type\":\"'; DROP TABLE lead; --\"}",
    ];
    for body in bodies {
        for path in ["/v1/events", "/v1/webhooks", "/v1/preview", "/v1/resends", "/v1/webhooks/x/activate"] {
            all.push(("POST", path.to_owned(), json, body.to_vec()));
        }
        all.push(("PUT", "/v1/sites/60001".to_owned(), json, body.to_vec()));
        all.push(("POST", "/v1/events".to_owned(), "text/plain", body.to_vec()));
        all.push(("POST", "/v1/events".to_owned(), "application/x-ndjson", body.to_vec()));
        all.push(("PUT", "/v1/plugins/x".to_owned(), "application/wasm", body.to_vec()));
    }
    all.push(("POST", "/v1/events".to_owned(), json, [b"[".repeat(100_000), b"]".repeat(100_000)].concat()));
    all.push(("POST", "/v1/events".to_owned(), json, vec![b' '; 9 * 1024 * 1024]));
    let paths = [
        "/",
        "/v2/events",
        "/v1",
        "/v1/",
        "/v1/webhooks/../../etc/passwd",
        "/v1/webhooks/%2e%2e%2f",
        "/v1/leads/%00/call/1",
        "/v1/webhooks/%ff%fe",
        "/v1/deliveries/dlv_1",
        "/v1/deliveries?cursor=%00",
        "/v1/deliveries?cursor=AAAA&limit=-1",
        "/v1/deliveries?limit=99999999999999999999",
        "/v1/leads?cursor=' OR 1=1",
        "/rec/x.y.z",
        "/v1/relay/x",
        "/v1/secrets",
    ];
    for path in paths {
        let path = path.replace(' ', "%20");
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE"] {
            all.push((method, path.clone(), json, b"{".to_vec()));
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_give_nothing_away_and_none_is_the_engines_own_fault() {
    let engine = Engine::start().await;
    let receiver = Receiver::start().await;
    let bearer = format!("Bearer {}", engine.key());
    let data = engine.data().to_string_lossy().into_owned();
    let mut provoked = 0;
    for (method, path, kind, body) in refused() {
        let headers = [("authorization", bearer.as_str()), ("content-type", kind)];
        let Ok(answer) = engine.raw(method, &path, &headers, body).await else { continue };
        assert!(answer.status < 500 || answer.status == 503, "{method} {path}: {}", answer.json());
        if answer.status < 400 {
            continue;
        }
        provoked += 1;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let told: Vec<_> = NOT_TOLD.iter().filter(|word| text.contains(**word)).collect();
        assert!(told.is_empty(), "{method} {path} tells {told:?}: {text}");
        for secret in [engine.key(), &data, &receiver.address().to_string()] {
            assert!(!text.contains(secret), "{method} {path}: {text}");
        }
        assert!(answer.header("server").is_none(), "{:?}", answer.headers);
    }
    assert!(provoked >= 100, "{provoked}");
    assert!(!engine.log().contains("panicked"), "{}", engine.log());
    assert_eq!(engine.get("/healthz").await.0, 200);
}
