//! Ways in which an attempt can end without a whole answer that are no peer's doing alone.

use leadhook_core::outcome::BrokenKind;
use leadhook_courier::{Courier, CourierSettings, Resolve};
use leadhook_hostile::{Peer, Step};

use crate::fixture::{AMPLE, SHORT, answer, broken, courier, settings};

#[tokio::test]
async fn a_handler_that_takes_no_more_of_a_large_request_runs_into_the_deadline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut request = crate::fixture::post(&format!("http://{}/", listener.local_addr().unwrap()));
    request.body = vec![b'x'; 32 * 1024 * 1024];
    let outcome = courier().send(&request, &[], SHORT).await;
    assert!(outcome.summary().starts_with("the handler did not answer in time"), "{outcome:?}");
}

#[tokio::test]
async fn some_interim_answers_are_passed_over() {
    let interim = b"HTTP/1.1 103 Early Hints
link: </a>

"
    .to_vec();
    let said = [
        interim.repeat(16),
        b"HTTP/1.1 204 X

"
        .to_vec(),
    ]
    .concat();
    let peer = Peer::start(vec![Step::Request, Step::Say(said)]).await;
    assert_eq!(answer(&courier(), &peer.url()).await.status, 204);
}

#[tokio::test]
async fn a_refused_connection_names_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (kind, detail, _) = broken(&courier(), &format!("http://{address}/?a=7916"), AMPLE).await;
    assert_eq!((kind, detail), (BrokenKind::ConnectionRefused, address.to_string()));
}

struct Never;

#[async_trait::async_trait]
impl Resolve for Never {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<std::net::IpAddr>> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_told_from_one_that_takes_too_long() {
    let unknown = CourierSettings { resolver: Box::new(crate::fixture::Answers::new(&[])), ..settings() };
    let unknown = Courier::new(unknown).unwrap();
    let (kind, detail, _) = broken(&unknown, "http://crm.example/?a=7916", AMPLE).await;
    assert_eq!(kind, BrokenKind::NameNotResolved);
    assert!(detail.contains("crm.example") && !detail.contains("7916"), "{detail}");

    let empty = crate::fixture::Answers::new(&[&[]]);
    let empty = Courier::new(CourierSettings { resolver: Box::new(empty), ..settings() }).unwrap();
    assert_eq!(broken(&empty, "http://crm.example/", AMPLE).await.0, BrokenKind::NameNotResolved);

    let slow = Courier::new(CourierSettings { resolver: Box::new(Never), ..settings() }).unwrap();
    assert_eq!(broken(&slow, "http://crm.example/", SHORT).await.0, BrokenKind::TimeoutConnecting);
}

#[tokio::test]
async fn a_request_that_cannot_be_put_on_the_wire_reaches_nobody() {
    let peer = Peer::start(vec![Step::Request, Step::say(crate::fixture::OK)]).await;
    let mut request = crate::fixture::post(&peer.url());
    request.headers.push(("x-lead".to_owned(), "a\r\nx-other: b".to_owned()));
    let outcome = courier().send(&request, &[], AMPLE).await;
    assert!(outcome.summary().starts_with("the request cannot be sent"), "{outcome:?}");
    assert!(peer.seen().from.is_empty());
}
