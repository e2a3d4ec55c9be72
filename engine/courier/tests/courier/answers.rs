//! Answers that are whole, in every form that HTTP/1 has for them.

use leadhook_core::{
    delivery::{Method, Request},
    outcome::BODY_BYTES_KEPT_MAX,
};
use leadhook_hostile::{Peer, Step};

use crate::fixture::{AMPLE, OK, answer, courier};

async fn peer_saying(bytes: impl AsRef<[u8]>) -> Peer {
    Peer::start(vec![Step::Request, Step::say(bytes), Step::Close]).await
}

#[tokio::test]
async fn a_post_arrives_as_it_was_rendered_with_the_headers_of_the_attempt() {
    let peer = Peer::start(vec![Step::Request, Step::say(OK)]).await;
    let headers = vec![("x-source".to_owned(), "leads".to_owned())];
    let request = Request {
        method: Method::Post,
        url: format!("http://{}/in?key=1#part", peer.address),
        headers,
        body: b"a=%D1%8F".to_vec(),
    };
    let extra = [("webhook-id".to_owned(), "dlv_1".to_owned())];
    courier().send(&request, &extra, AMPLE).await;
    let [seen] = peer.seen().requests.try_into().unwrap();
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /in?key=1 HTTP/1.1\r\n"), "{head}");
    for line in [
        format!("host: {}", peer.address),
        "x-source: leads".to_owned(),
        "webhook-id: dlv_1".to_owned(),
        "accept-encoding: identity".to_owned(),
        "content-length: 8".to_owned(),
    ] {
        assert_eq!(head.lines().filter(|known| *known == line).count(), 1, "{line} in {head}");
    }
    assert_eq!(body, "a=%D1%8F");
}

#[tokio::test]
async fn a_get_carries_the_query_as_it_was_signed() {
    let peer = Peer::start(vec![Step::Request, Step::say(OK)]).await;
    let query = "own=1&comment%5B0%5D=a+b&x='y'";
    let url = format!("http://{}/in?{query}", peer.address);
    let request = Request { method: Method::Get, url, headers: Vec::new(), body: Vec::new() };
    assert_eq!(request.signed_content(), query.as_bytes());
    courier().send(&request, &[], AMPLE).await;
    let [seen] = peer.seen().requests.try_into().unwrap();
    assert!(seen.starts_with(&format!("GET /in?{query} HTTP/1.1\r\n")), "{seen}");
    assert!(!seen.contains("content-length"), "{seen}");
}

#[tokio::test]
async fn every_status_is_an_answer_and_a_redirect_is_not_followed() {
    let elsewhere = Peer::start(vec![Step::Request, Step::say(OK)]).await;
    for status in [200, 201, 302, 307, 404, 410, 429, 500, 503, 599] {
        let head =
            format!("HTTP/1.1 {status} X\r\nlocation: {}\r\ncontent-length: 1\r\n\r\n1", elsewhere.url());
        let peer = peer_saying(head).await;
        let answer = answer(&courier(), &peer.url()).await;
        assert_eq!((answer.status, answer.body.as_slice()), (status, b"1".as_slice()));
        assert_eq!(answer.header("location"), Some(elsewhere.url().as_str()));
    }
    assert!(elsewhere.seen().requests.is_empty());
}

#[tokio::test]
async fn a_body_is_read_by_length_by_chunks_or_to_the_end() {
    let cases = [
        ("HTTP/1.1 204 No Content\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""),
        ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200\r\nContent-Length:2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\r\n\r\nto the end", "to the end"),
        ("HTTP/1.0 200 OK\r\n\r\nto the end", "to the end"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n", "ok"),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nchecksum: 1\r\n\r\n", "ok"),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 X\r\n\r\n",
            "",
        ),
        ("HTTP/1.1 200 OK\r\nx-name: \u{44f}\r\ncontent-length: 2\r\n\r\nok", "ok"),
    ];
    for (said, body) in cases {
        let peer = peer_saying(said).await;
        let answer = answer(&courier(), &peer.url()).await;
        assert_eq!(String::from_utf8_lossy(&answer.body), body, "{said}");
        assert!(!answer.body_cut, "{said}");
    }
}

#[tokio::test]
async fn a_body_beyond_what_is_kept_is_cut_and_its_connection_closed() {
    let whole = vec![b'x'; BODY_BYTES_KEPT_MAX];
    let head = |length: usize| format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    let just_fits = peer_saying([head(BODY_BYTES_KEPT_MAX), whole.clone()].concat()).await;
    let answered = answer(&courier(), &just_fits.url()).await;
    assert_eq!((answered.body.len(), answered.body_cut), (BODY_BYTES_KEPT_MAX, false));

    let one_more = peer_saying([head(BODY_BYTES_KEPT_MAX + 1), whole.clone(), b"y".to_vec()].concat()).await;
    let answered = answer(&courier(), &one_more.url()).await;
    assert_eq!((answered.body, answered.body_cut), (whole, true));
}

#[tokio::test]
async fn headers_come_back_in_lower_case_and_as_text_whatever_they_hold() {
    let said = b"HTTP/1.1 200 OK\r\nX-Request-ID: 7\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-Raw: \xff\r\ncontent-length: 0\r\n\r\n";
    let peer = peer_saying(said).await;
    let answered = answer(&courier(), &peer.url()).await;
    assert_eq!(answered.header("x-request-id"), Some("7"));
    assert_eq!(answered.header("x-raw"), Some("\u{fffd}"));
    assert_eq!(answered.headers.iter().filter(|(name, _)| name == "set-cookie").count(), 2);
}

#[tokio::test]
async fn an_answer_that_comes_before_the_request_was_taken_counts() {
    let refusal = Step::say("HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n");
    let peer = Peer::start(vec![Step::Head, refusal, Step::Hang]).await;
    let mut request = crate::fixture::post(&peer.url());
    request.body = vec![b'x'; 32 * 1024 * 1024];
    let outcome = courier().send(&request, &[], AMPLE).await;
    assert_eq!(outcome.summary(), "the handler answered 413");
}
