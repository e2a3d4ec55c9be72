//! Which connections serve again, and which must not.

use std::sync::Arc;

use leadhook_core::{outcome::BrokenKind, settings::CONCURRENT_MAX};
use leadhook_courier::{Courier, CourierSettings};
use leadhook_hostile::{Peer, Step};
use tokio::task::JoinSet;

use crate::fixture::{AMPLE, OK, answer, broken, courier, send, settings};

/// How many connections three requests in a row take.
async fn connections_for_three(steps: Vec<Step>) -> usize {
    let peer = Peer::start(steps).await;
    let courier = courier();
    for _ in 0..3 {
        answer(&courier, &peer.url()).await;
    }
    assert_eq!(peer.seen().requests.len(), 3);
    peer.seen().from.len()
}

#[tokio::test]
async fn a_connection_serves_again_where_the_answer_ended_in_order() {
    for said in [
        OK,
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 503 X\r\ncontent-length: 1\r\n\r\n1",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
    ] {
        assert_eq!(connections_for_three(vec![Step::Request, Step::say(said)]).await, 1, "{said}");
    }
}

#[tokio::test]
async fn a_connection_does_not_serve_again_where_it_is_closed_or_could_be_out_of_step() {
    let cases = [
        vec![Step::Request, Step::say("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")],
        vec![Step::Request, Step::say("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok")],
        vec![Step::Request, Step::say(OK), Step::Close],
        // More than was announced: the rest must not become the answer to the next request.
        vec![Step::Request, Step::say(format!("{OK}HTTP/1.1 500 X\r\ncontent-length: 0\r\n\r\n"))],
        vec![Step::Request, Step::say("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 500 X\r\n\r\n")],
    ];
    for steps in cases {
        let story = format!("{steps:?}");
        assert_eq!(connections_for_three(steps).await, 3, "{story}");
    }
}

#[tokio::test]
async fn a_request_lost_on_a_kept_connection_is_not_sent_again() {
    let peer = Peer::start(vec![Step::Request, Step::say(OK), Step::Request, Step::Close]).await;
    let courier = courier();
    answer(&courier, &peer.url()).await;
    assert_eq!(broken(&courier, &peer.url(), AMPLE).await.0, BrokenKind::ConnectionLost);
    let seen = peer.seen();
    assert_eq!((seen.requests.len(), seen.from.len()), (2, 1));
}

#[tokio::test]
async fn hosts_at_one_address_do_not_share_connections() {
    let peer = Peer::start(vec![Step::Request, Step::say(OK)]).await;
    let courier = courier();
    for host in ["one.example", "two.example", "one.example"] {
        answer(&courier, &format!("http://{host}:{}/", peer.port())).await;
    }
    assert_eq!(peer.seen().from.len(), 2);
}

#[tokio::test]
async fn no_more_connections_are_kept_than_allowed() {
    let peer = Peer::start(vec![Step::Request, Step::say(OK)]).await;
    let url = peer.url();
    let courier = Courier::new(CourierSettings { idle_per_host_max: 2, ..settings() }).unwrap();
    let four = || async {
        tokio::join!(
            send(&courier, &url, AMPLE),
            send(&courier, &url, AMPLE),
            send(&courier, &url, AMPLE),
            send(&courier, &url, AMPLE),
        )
    };
    four().await;
    assert_eq!(peer.seen().from.len(), 4);
    peer.until_ended(2).await;
    four().await;
    assert_eq!(peer.seen().from.len(), 6, "two were kept");
}

#[tokio::test]
async fn a_webhook_at_its_most_attempts_at_one_time_connects_once_for_each() {
    let peer = Peer::start(vec![Step::Request, Step::say(OK)]).await;
    let url = peer.url();
    let courier = Arc::new(courier());
    for _ in 0..2 {
        let mut side_by_side = JoinSet::new();
        for _ in 0..CONCURRENT_MAX {
            let (courier, url) = (Arc::clone(&courier), url.clone());
            side_by_side.spawn(async move { answer(&courier, &url).await });
        }
        side_by_side.join_all().await;
    }
    assert_eq!(peer.seen().from.len(), CONCURRENT_MAX as usize);
}

#[tokio::test]
async fn an_attempt_that_is_called_off_closes_its_connection() {
    let peer = Peer::start(vec![Step::Request, Step::Hang]).await;
    let courier = courier();
    let called_off =
        tokio::time::timeout(std::time::Duration::from_millis(100), answer(&courier, &peer.url())).await;
    assert!(called_off.is_err());
    peer.until_ended(1).await;
}
