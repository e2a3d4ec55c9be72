//! Every way in which an attempt can end without a whole answer, and that each ends in time.

use std::time::{Duration, Instant};

use leadhook_core::outcome::BrokenKind;
use leadhook_courier::{Courier, CourierSettings, Resolve};

use crate::{
    fixture::{AMPLE, SHORT, answer, broken, courier, settings},
    peer::{Peer, Step},
};

fn after_request(steps: Vec<Step>) -> Vec<Step> {
    [vec![Step::Request], steps].concat()
}

async fn assert_breaks(
    steps: Vec<Step>,
    timeout: Duration,
    expected: BrokenKind,
    expected_status: Option<u16>,
) {
    let story = format!("{steps:?}").chars().take(200).collect::<String>();
    let peer = Peer::start(steps).await;
    let began = Instant::now();
    let url = format!("{}?callerphone=79161234567", peer.url());
    let (kind, detail, status) = broken(&courier(), &url, timeout).await;
    assert_eq!((kind, status), (expected, expected_status), "{story}: {detail}");
    assert!(began.elapsed() < AMPLE, "{story}");
    assert!(detail.contains(&peer.port().to_string()), "{story}: {detail}");
    assert!(!detail.contains("7916") && !detail.contains("/in"), "{story}: {detail}");
}

#[tokio::test]
async fn no_byte_in_time_is_a_timeout_of_its_phase() {
    let head = Step::say("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
    let cases = [
        (after_request(vec![Step::Hang]), BrokenKind::TimeoutWaiting, None),
        (vec![Step::Hang], BrokenKind::TimeoutWaiting, None),
        (
            after_request(vec![Step::say("HTTP/1.1 200 OK\r\nx: "), Step::Hang]),
            BrokenKind::TimeoutWaiting,
            None,
        ),
        (
            after_request(vec![Step::say("HTTP/1.1 100 Continue\r\n\r\n"), Step::Hang]),
            BrokenKind::TimeoutWaiting,
            None,
        ),
        (
            after_request(vec![Step::say("HTTP/1.1 200 OK\r\nx: "), Step::Drip(b"x".to_vec())]),
            BrokenKind::TimeoutWaiting,
            None,
        ),
        (after_request(vec![head.clone(), Step::Hang]), BrokenKind::TimeoutReading, Some(200)),
        (after_request(vec![head, Step::Drip(b"x".to_vec())]), BrokenKind::TimeoutReading, Some(200)),
    ];
    for (steps, kind, status) in cases {
        assert_breaks(steps, SHORT, kind, status).await;
    }
}

#[tokio::test]
async fn a_handler_that_takes_no_more_of_a_large_request_runs_into_the_deadline() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut request = crate::fixture::post(&format!("http://{}/", listener.local_addr().unwrap()));
    request.body = vec![b'x'; 32 * 1024 * 1024];
    let outcome = courier().send(&request, &[], SHORT).await;
    assert!(outcome.summary().starts_with("the handler did not answer in time"), "{outcome:?}");
}

#[tokio::test]
async fn a_connection_that_ends_too_early_is_lost() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n123";
    let lost = BrokenKind::ConnectionLost;
    let cases = [
        (vec![Step::Close], None),
        (vec![Step::Reset], None),
        (after_request(vec![Step::Close]), None),
        (after_request(vec![Step::Reset]), None),
        (after_request(vec![Step::say("HTTP/1.1 200 OK\r\nx"), Step::Close]), None),
        (after_request(vec![Step::say("HTTP/1.1 200 OK\r\nx"), Step::Reset]), None),
        (after_request(vec![Step::say("HTTP/1.1 100 Continue\r\n\r\n"), Step::Close]), None),
        (after_request(vec![Step::say(head), Step::Close]), Some(200)),
        (after_request(vec![Step::say(chunked), Step::Close]), Some(200)),
    ];
    for (steps, status) in cases {
        assert_breaks(steps, AMPLE, lost, status).await;
    }
}

#[tokio::test]
async fn what_is_not_http_is_told_as_such() {
    let cases = [
        ("<html>hello</html>\r\n\r\n", None),
        ("\u{1}\u{2}\u{3}\u{4}garbage\r\n\r\n", None),
        ("HTTP/3.1 200 OK\r\n\r\n", None),
        ("HTTP/2.0 200 OK\r\n\r\n", None),
        ("HTTP/1.1 abc OK\r\n\r\n", None),
        ("HTTP/1.1 20 OK\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n", None),
        ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12", None),
        ("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", Some(101)),
        ("HTTP/1.1 742 X\r\ncontent-length: 0\r\n\r\n", Some(742)),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Some(200)),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n", Some(200)),
    ];
    for (said, status) in cases {
        let steps = after_request(vec![Step::say(said), Step::Hang]);
        assert_breaks(steps, AMPLE, BrokenKind::NotHttp, status).await;
    }
    assert_breaks(vec![Step::say("SSH-2.0-OpenSSH_9.9\r\n"), Step::Hang], AMPLE, BrokenKind::NotHttp, None)
        .await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_not_read_to_its_end() {
    let line = b"x-filler: 0123456789abcdef\r\n".to_vec();
    let begun = Step::say("HTTP/1.1 200 OK\r\n");
    let many = [b"HTTP/1.1 200 OK\r\n".to_vec(), line.repeat(101), b"\r\n".to_vec()].concat();
    let cases = [
        vec![begun.clone(), Step::SayForever(line)],
        vec![begun, Step::say("x: "), Step::SayForever(vec![b'x'; 4096])],
        vec![Step::Say(many), Step::Hang],
    ];
    for steps in cases {
        assert_breaks(after_request(steps), AMPLE, BrokenKind::HeadTooLarge, None).await;
    }
}

#[tokio::test]
async fn interim_answers_do_not_go_on_without_end() {
    let interim = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".to_vec();
    let flood = after_request(vec![Step::SayForever(interim.clone())]);
    assert_breaks(flood, AMPLE, BrokenKind::HeadTooLarge, None).await;
    let said = [interim.repeat(16), b"HTTP/1.1 204 X\r\n\r\n".to_vec()].concat();
    let peer = Peer::start(after_request(vec![Step::Say(said)])).await;
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

#[tokio::test]
async fn tls_that_never_begins_is_a_timeout_of_connecting() {
    let peer = Peer::start(vec![Step::Hang]).await;
    let url = format!("https://{}/", peer.address);
    assert_eq!(broken(&courier(), &url, SHORT).await.0, BrokenKind::TimeoutConnecting);
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
