//! The real binary against names that change their answer between a check and the connection, by the system's own resolver.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests end by panicking, and say aloud what is passed over"
)]

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    process::Command,
};

use leadhook_harness::{Engine, Receiver, wait_until};
use leadhook_hostile::NameServer;
use serde_json::{Value, json};

/// It stands for the public network: the only address that the engine may send to.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
/// It stands for what is inside.
const INSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Set for the process that sees the names of this test and no others.
const OWN_NAMES: &str = "LEADHOOK_OWN_NAMES";
/// Gives the system's resolver a server of this test's: `$1` is the folder with its files, the rest is what to run.
const SETTLE: &str = r#"
    ip link set lo up &&
    mount --bind "$1/resolv.conf" /etc/resolv.conf &&
    { [ ! -e /etc/nsswitch.conf ] || mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf; } &&
    shift && exec "$@"
"#;

/// Runs a program where the system's resolver asks 127.0.0.1 and nobody else: in namespaces of its own, since it reads
/// its settings from one place only.
fn with_own_names(folder: &tempfile::TempDir) -> Command {
    fs::write(folder.path().join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:2\n").unwrap();
    fs::write(folder.path().join("nsswitch.conf"), "hosts: files dns\n").unwrap();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--mount", "sh", "-c", SETTLE, "sh"]);
    command.arg(folder.path());
    command
}

/// Runs the test of this name again where it has its own names; passes over it where that is not to be had.
async fn run_again_with_own_names(test: &str) {
    let folder = tempfile::tempdir().unwrap();
    let tried = with_own_names(&folder).arg("true").output();
    if !tried.as_ref().is_ok_and(|ended| ended.status.success()) {
        eprintln!("passed over, since there are no namespaces to be had: {tried:?}");
        return;
    }
    // The binary is built out here, where cargo finds what it needs.
    drop(Engine::start().await);
    let itself = std::env::current_exe().unwrap();
    let mut command = with_own_names(&folder);
    command.arg(itself).args(["--exact", test, "--nocapture"]).env(OWN_NAMES, "1");
    let ended = command.output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && told.contains("1 passed"), "{told}");
}

/// A webhook to this name, switched on whatever its probe comes to; each of its deliveries has one attempt.
async fn webhook(engine: &Engine, name: &str, port: u16) -> String {
    let url = format!("http://{name}:{port}/hook");
    let (status, made) =
        engine.post("/v1/webhooks", &json!({ "url": url, "retry": { "after_seconds": [] } })).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap().to_owned();
    let (status, told) = engine.post(&format!("/v1/webhooks/{id}/activate"), &json!({ "force": true })).await;
    assert_eq!(status, 200, "{told}");
    id
}

async fn post_lead(engine: &Engine, number: usize) {
    let event = json!({
        "id": format!("event-{number}"), "type": "call.ended", "site": "60001",
        "lead": { "type": "call", "id": number.to_string() },
        "time": "2026-03-02T13:05:40+03:00", "data": { "callerphone": "79990000001", "duration": 63 },
    });
    let (status, told) = engine.post("/v1/events", &event).await;
    assert_eq!(status, 202, "{told}");
}

/// The webhook's newest delivery that came to this, with its attempt; `None` as long as there is none.
async fn ended(engine: &Engine, webhook: &str, state: &str) -> Option<Value> {
    let (_, page) = engine.get(&format!("/v1/deliveries?webhook={webhook}&state={state}&limit=1")).await;
    let id = page["deliveries"].as_array()?.first()?["id"].as_str()?.to_owned();
    Some(engine.get(&format!("/v1/deliveries/{id}")).await.1["attempts"][0].clone())
}

async fn broken(engine: &Engine, webhook: &str) -> Value {
    let attempt = wait_until("it failed", async || ended(engine, webhook, "failed").await).await;
    attempt["broken"]["kind"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_name_says_from_one_moment_to_the_next_nothing_inside_is_connected_to() {
    if std::env::var_os(OWN_NAMES).is_none() {
        let name = "whatever_a_name_says_from_one_moment_to_the_next_nothing_inside_is_connected_to";
        return run_again_with_own_names(name).await;
    }
    let names = BTreeMap::from([
        ("rebinding.example", vec![vec![PUBLIC], vec![INSIDE]]),
        ("recovering.example", vec![vec![INSIDE], vec![PUBLIC]]),
        ("mixed.example", vec![vec![PUBLIC, INSIDE], vec![INSIDE, PUBLIC]]),
        ("metadata.example", vec![vec![Ipv4Addr::new(169, 254, 169, 254)]]),
    ]);
    let server = NameServer::start(SocketAddr::from((PUBLIC, 53)), names).await.unwrap();
    let engine =
        Engine::setup().public_only().arguments(["--allow-destination", "127.0.0.1/32"]).start().await;
    engine.put("/v1/sites/60001", &json!({ "name": "Shop" })).await;
    let public = Receiver::start().await;
    let port = public.address().port();
    let inside = Receiver::start_at(SocketAddr::from((INSIDE, port))).await;

    let rebinding = webhook(&engine, "rebinding.example", port).await;
    let recovering = webhook(&engine, "recovering.example", port).await;
    let mixed = webhook(&engine, "mixed.example", port).await;
    let metadata = webhook(&engine, "metadata.example", port).await;
    let unknown = webhook(&engine, "unknown.example", port).await;
    post_lead(&engine, 1).await;
    wait_until("what the name said was right", async || ended(&engine, &rebinding, "delivered").await).await;
    wait_until("another answer is another try", async || ended(&engine, &recovering, "delivered").await)
        .await;
    assert_eq!(broken(&engine, &mixed).await, "address_denied");
    assert_eq!(broken(&engine, &metadata).await, "address_denied");
    assert_eq!(broken(&engine, &unknown).await, "name_not_resolved");
    assert_eq!(server.asked("rebinding.example"), 1, "what was checked is what was connected to, twice");

    // The checked address is remembered for a while; then the name says something else.
    let mut number = 1;
    let denied = wait_until("the name was asked again", async || {
        number += 1;
        post_lead(&engine, number).await;
        ended(&engine, &rebinding, "failed").await
    })
    .await;
    assert_eq!(denied["broken"]["kind"], "address_denied", "{denied}");
    assert!(server.asked("rebinding.example") >= 2);
    assert!(inside.requests().is_empty(), "{:?}", inside.requests());
    assert!(public.requests().iter().any(|request| request.header("host").unwrap().starts_with("rebinding")));
}
