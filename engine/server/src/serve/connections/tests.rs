//! Clients that are slow, silent, many or confused, against a listener with small limits.

use std::{net::SocketAddr, sync::Arc};

use axum::routing::post;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Notify,
    task::JoinHandle,
};

use super::*;

async fn start(router: Router, limits: Limits) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(serve(listener, router, limits, stop.clone(), Duration::from_secs(20)));
    (address, stop, running)
}

/// Limits by which a connection gives way at once.
fn quick() -> Limits {
    Limits { spared: Duration::ZERO, ..Limits::default() }
}

const REQUEST: &[u8] = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

fn echo() -> Router {
    Router::new().route("/", post(|body: String| async move { body }))
}

async fn everything_from(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    // A connection that was broken off still has what came before.
    let _ = tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_client_whose_head_never_ends_is_let_go() {
    let limits = Limits { head: Duration::from_millis(100), ..Limits::default() };
    let (address, ..) = start(echo(), limits).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    assert!(!everything_from(&mut client).await.contains("200"));
}

#[tokio::test]
async fn a_client_whose_body_never_ends_is_told_so_and_let_go() {
    let limits = Limits { answer: Duration::from_millis(100), ..Limits::default() };
    let (address, ..) = start(echo(), limits).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc").await.unwrap();
    assert!(everything_from(&mut client).await.starts_with("HTTP/1.1 408"));
}

#[tokio::test]
async fn while_all_have_a_request_under_way_further_clients_wait_for_room() {
    let go_on = Arc::new(Notify::new());
    let gate = Arc::clone(&go_on);
    let under_way = Arc::new(Notify::new());
    let entered = Arc::clone(&under_way);
    let slow = move || async move {
        entered.notify_one();
        gate.notified().await;
        "slow"
    };
    let router = echo().route("/slow", post(slow));
    let (address, ..) = start(router, Limits { connections: 1, ..quick() }).await;
    let mut holds = TcpStream::connect(address).await.unwrap();
    holds.write_all(b"POST /slow HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    under_way.notified().await;
    let mut waits = TcpStream::connect(address).await.unwrap();
    waits.write_all(REQUEST).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(300), waits.read(&mut [0])).await;
    assert!(early.is_err(), "it was served while the only place was taken");
    go_on.notify_one();
    // Its place is wanted, so that its connection ends with the answer.
    assert!(everything_from(&mut holds).await.ends_with("slow"));
    assert!(everything_from(&mut waits).await.ends_with("ok"));
}

#[tokio::test]
async fn whoever_asks_is_served_beside_any_number_of_silent_connections() {
    let beginnings: [&[u8]; 4] = [
        b"",
        b"POST / HTT",
        b"POST / HTTP/1.1\r\nhost: x\r\n",
        // A request, and then the beginning of another one.
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nokPOST / HTTP/1.1\r\nho",
    ];
    for beginning in beginnings {
        let (address, ..) = start(echo(), Limits { connections: 8, ..quick() }).await;
        let mut silent = Vec::new();
        for _ in 0..100 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(beginning).await.unwrap();
            silent.push(stream);
        }
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(REQUEST).await.unwrap();
        assert!(everything_from(&mut client).await.ends_with("ok"), "{beginning:?}");
        // Those that came first are gone, those that came last are there.
        let _ = everything_from(&mut silent[0]).await;
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_let_go() {
    struct Told(Arc<Notify>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }
    let ended = Arc::new(Notify::new());
    let told = Arc::clone(&ended);
    let endless = move || async move {
        let told = Told(told);
        axum::body::Body::from_stream(futures::stream::repeat_with(move || {
            let _ = &told;
            Ok::<_, io::Error>(vec![b'x'; 65_536])
        }))
    };
    let limits = Limits { taking: Duration::from_millis(100), ..Limits::default() };
    let (address, ..) = start(Router::new().route("/", post(endless)), limits).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), ended.notified()).await.unwrap();
}

#[tokio::test]
async fn requests_one_after_another_are_answered_in_order_and_noise_after_them_is_refused() {
    let (address, ..) = start(echo(), Limits::default()).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    let ask = |word: &str| format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\n{word}");
    let all: String = ["one", "two", "six"].map(ask).concat() + "\u{1}\u{2}noise\r\n\r\n";
    client.write_all(all.as_bytes()).await.unwrap();
    let answers = everything_from(&mut client).await;
    let statuses: Vec<_> = answers.matches("HTTP/1.1 ").collect();
    assert_eq!(statuses.len(), 4, "{answers}");
    let places = ["one", "two", "six", "HTTP/1.1 400"].map(|word| answers.find(word));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{answers}");
}

#[tokio::test]
async fn heads_that_are_too_large_or_malformed_are_refused() {
    let (address, ..) = start(
        echo(),
        Limits { head: Duration::from_secs(1), answer: Duration::from_secs(1), ..Limits::default() },
    )
    .await;
    let large = format!("POST / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(300_000));
    let many = format!("POST / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(200));
    let cases = [
        (large.as_str(), "431"),
        (&many, "431"),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12", "400"),
        ("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: +1\r\n\r\n1", "400"),
        ("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, x\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nhost: x\r\nbad name: x\r\n\r\n", "400"),
        ("POST / HTTP/7.1\r\nhost: x\r\n\r\n", "400"),
        ("\u{16}\u{3}\u{1}\0\u{5}\u{1}\0\0\u{1}\0\r\n\r\n", "400"),
    ];
    for (said, status) in cases {
        let mut client = TcpStream::connect(address).await.unwrap();
        // It may be let go before it has said all.
        let _ = client.write_all(said.as_bytes()).await;
        let answer = everything_from(&mut client).await;
        let shown: String = said.chars().take(80).collect();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{shown:?}: {answer}");
    }
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gates = (Arc::clone(&began), Arc::clone(&go_on));
    let slow = move || async move {
        gates.0.notify_one();
        gates.1.notified().await;
        "done"
    };
    let (address, stop, running) = start(Router::new().route("/", post(slow)), Limits::default()).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    began.notified().await;
    stop.cancel();
    go_on.notify_one();
    assert!(everything_from(&mut client).await.ends_with("done"));
    running.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "it still listens");
}
