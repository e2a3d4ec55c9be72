//! What is fetched piece by piece, from origins sane and hostile.

use std::time::Duration;

use leadhook_core::{
    delivery::{Method, Request},
    outcome::BrokenKind,
};
use leadhook_courier::{Broken, Courier, CourierSettings, Fetched};
use leadhook_hostile::{Peer, Step};

use crate::fixture::{AMPLE, SHORT, courier};

async fn fetch(courier: &Courier, url: &str, timeout: Duration) -> Result<Fetched, Broken> {
    let headers = vec![("range".to_owned(), "bytes=2-".to_owned())];
    let request = Request { method: Method::Get, url: url.to_owned(), headers, body: Vec::new() };
    courier.fetch(&request, timeout, SHORT).await
}

/// All that comes, and how it ended.
async fn rest(mut fetched: Fetched) -> (usize, Option<Broken>) {
    let mut bytes = 0;
    while let Some(chunk) = fetched.chunk().await {
        match chunk {
            Ok(chunk) => bytes += chunk.len(),
            Err(broken) => return (bytes, Some(broken)),
        }
    }
    (bytes, None)
}

#[tokio::test]
async fn a_large_body_comes_piece_by_piece_after_its_head() {
    let bytes = 4 * 1024 * 1024;
    let head =
        format!("HTTP/1.1 206 Partial\r\ncontent-range: bytes 2-9/10\r\ncontent-length: {bytes}\r\n\r\n");
    let origin = Peer::start(vec![Step::Request, Step::say(head), Step::say(vec![b'x'; bytes])]).await;
    let fetched = fetch(&courier(), &origin.url(), AMPLE).await.unwrap();
    assert_eq!((fetched.status, &fetched.headers["content-range"]), (206, &"bytes 2-9/10".parse().unwrap()));
    let (read, broken) = rest(fetched).await;
    assert!(read == bytes && broken.is_none(), "{read} {broken:?}");
    let [seen] = origin.seen().requests.try_into().unwrap();
    assert!(seen.starts_with("GET /in HTTP/1.1\r\n") && seen.contains("\r\nrange: bytes=2-\r\n"), "{seen}");
}

#[tokio::test]
async fn a_body_without_end_is_read_no_further_than_asked_for() {
    let head = Step::say("HTTP/1.1 200 OK\r\n\r\n");
    let origin = Peer::start(vec![Step::Request, head, Step::SayForever(vec![b'x'; 65_536])]).await;
    let mut fetched = fetch(&courier(), &origin.url(), AMPLE).await.unwrap();
    for _ in 0..100 {
        assert!(fetched.chunk().await.unwrap().unwrap().len() <= 65_536);
    }
    drop(fetched);
    origin.until_ended(1).await;
}

#[tokio::test]
async fn each_piece_may_take_its_time_and_silence_may_not() {
    let head = || Step::say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n");
    let drips = Peer::start(vec![Step::Request, head(), Step::Drip(vec![b'x'; 100])]).await;
    assert!(matches!(rest(fetch(&courier(), &drips.url(), AMPLE).await.unwrap()).await, (100, None)));
    let silent = Peer::start(vec![Step::Request, head(), Step::say("abc"), Step::Hang]).await;
    let (read, broken) = rest(fetch(&courier(), &silent.url(), AMPLE).await.unwrap()).await;
    assert_eq!((read, broken.unwrap().kind), (3, BrokenKind::TimeoutReading));
}

#[tokio::test]
async fn a_body_shorter_than_its_length_is_broken() {
    let said = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc";
    let origin = Peer::start(vec![Step::Request, Step::say(said), Step::Close]).await;
    let (read, broken) = rest(fetch(&courier(), &origin.url(), AMPLE).await.unwrap()).await;
    assert_eq!((read, broken.unwrap().kind), (3, BrokenKind::ConnectionLost));
}

#[tokio::test]
async fn a_body_longer_than_its_length_is_cut_there() {
    let said = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcdef";
    let origin = Peer::start(vec![Step::Request, Step::say(said), Step::Close]).await;
    let ended = rest(fetch(&courier(), &origin.url(), AMPLE).await.unwrap()).await;
    assert!(matches!(ended, (3, None)), "{ended:?}");
}

#[tokio::test]
async fn a_head_that_never_ends_or_never_comes_is_not_waited_for() {
    let endless = Peer::start(vec![Step::Request, Step::Drip(b"HTTP/1.1 200 OK\r\nx: y\r\n".to_vec())]).await;
    let silent = Peer::start(vec![Step::Request, Step::Hang]).await;
    for origin in [endless, silent] {
        let broken = fetch(&courier(), &origin.url(), SHORT).await.err().unwrap();
        assert_eq!(broken.kind, BrokenKind::TimeoutWaiting, "{broken:?}");
        origin.until_ended(1).await;
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = Peer::start(vec![Step::Request]).await;
    let said = format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url());
    let origin = Peer::start(vec![Step::Request, Step::say(said)]).await;
    assert_eq!(fetch(&courier(), &origin.url(), AMPLE).await.unwrap().status, 302);
    assert!(elsewhere.seen().from.is_empty());
}

#[tokio::test]
async fn a_private_address_is_not_reached() {
    let origin = Peer::start(vec![Step::Request]).await;
    let guarded = Courier::new(CourierSettings::default()).unwrap();
    let url = format!("{}?signature=secret", origin.url());
    let broken = fetch(&guarded, &url, AMPLE).await.err().unwrap();
    assert_eq!(broken.kind, BrokenKind::AddressDenied);
    assert!(!broken.detail.contains("secret"), "{broken:?}");
    assert!(origin.seen().from.is_empty());
}
