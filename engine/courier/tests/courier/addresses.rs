//! Which addresses are connected to, and from which.

use std::{net::IpAddr, time::Duration};

use leadhook_core::{address::AddressPolicy, outcome::BrokenKind};
use leadhook_courier::{Courier, CourierSettings};
use leadhook_hostile::{Peer, Step};

use crate::fixture::{AMPLE, Answers, OK, SHORT, answer, broken, settings};

async fn answering() -> Peer {
    Peer::start(vec![Step::Request, Step::say(OK)]).await
}

fn resolving(resolver: &Answers, addresses: AddressPolicy, names_kept: Duration) -> Courier {
    let resolver = Box::new(resolver.clone());
    Courier::new(CourierSettings { addresses, resolver, names_kept, ..settings() }).unwrap()
}

/// Only 127.0.0.1 stands for the public network here.
fn only_one() -> AddressPolicy {
    AddressPolicy::new(vec!["127.0.0.1/32".parse().unwrap()])
}

#[tokio::test]
async fn this_machine_is_not_reached_unless_allowed() {
    let peer = answering().await;
    let resolver = Answers::new(&[&["127.0.0.1"]]);
    let courier = resolving(&resolver, AddressPolicy::default(), Duration::ZERO);
    for host in ["127.0.0.1", "localhost", "2130706433", "[::ffff:127.0.0.1]", "innocent.example"] {
        let url = format!("http://{host}:{}/", peer.port());
        let (kind, detail, _) = broken(&courier, &url, AMPLE).await;
        assert_eq!(kind, BrokenKind::AddressDenied, "{host}: {detail}");
    }
    assert!(peer.seen().from.is_empty());
}

#[tokio::test]
async fn one_forbidden_address_among_the_answers_denies_them_all() {
    let peer = answering().await;
    for answers in [&["127.0.0.1", "10.0.0.1"], &["169.254.169.254", "127.0.0.1"], &["127.0.0.1", "::1"]] {
        let courier = resolving(&Answers::new(&[answers]), only_one(), Duration::ZERO);
        let (kind, detail, _) =
            broken(&courier, &format!("http://crm.example:{}/", peer.port()), AMPLE).await;
        assert_eq!(kind, BrokenKind::AddressDenied);
        assert!(detail.contains("crm.example"), "{detail}");
    }
    assert!(peer.seen().from.is_empty());
}

#[tokio::test]
async fn a_name_is_resolved_once_and_the_checked_address_is_the_one_connected_to() {
    let peer = answering().await;
    // The first answer is the innocent one that a check would see, the second is what a client that asks
    // again would connect to.
    let resolver = Answers::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let courier = resolving(&resolver, only_one(), Duration::ZERO);
    let url = format!("http://rebinding.example:{}/", peer.port());
    assert_eq!(answer(&courier, &url).await.status, 200);
    assert_eq!(resolver.asked(), 1);
    // Not even the connection to the good address serves once the name says otherwise.
    assert_eq!(broken(&courier, &url, AMPLE).await.0, BrokenKind::AddressDenied);
    assert_eq!(resolver.asked(), 2);
    assert_eq!(peer.seen().requests.len(), 1);
}

#[tokio::test]
async fn checked_addresses_are_remembered_for_a_while() {
    let peer = answering().await;
    let resolver = Answers::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let courier = resolving(&resolver, only_one(), Duration::from_secs(60));
    for _ in 0..3 {
        answer(&courier, &format!("http://crm.example:{}/", peer.port())).await;
    }
    assert_eq!((resolver.asked(), peer.seen().from.len()), (1, 1));
}

#[tokio::test]
async fn the_next_address_is_tried_where_one_does_not_accept() {
    let peer = answering().await;
    let resolver = Answers::new(&[&["127.0.0.2", "127.0.0.3", "127.0.0.1"]]);
    let courier = resolving(&resolver, settings().addresses, Duration::ZERO);
    assert_eq!(answer(&courier, &format!("http://crm.example:{}/", peer.port())).await.status, 200);
}

#[tokio::test]
async fn connections_come_from_the_given_addresses_in_turn() {
    let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let peer = Peer::start(vec![Step::Request, Step::say(closing)]).await;
    let sources: Vec<IpAddr> =
        ["127.0.0.5", "::1", "127.0.0.6"].map(|source| source.parse().unwrap()).to_vec();
    let courier = Courier::new(CourierSettings { source_addresses: sources.clone(), ..settings() }).unwrap();
    for _ in 0..4 {
        answer(&courier, &peer.url()).await;
    }
    assert_eq!(peer.seen().from, [sources[0], sources[2], sources[0], sources[2]]);
}

#[tokio::test]
async fn without_a_source_address_of_its_family_a_handler_is_not_reached() {
    let peer = answering().await;
    let sources = vec!["::1".parse().unwrap()];
    let courier = Courier::new(CourierSettings { source_addresses: sources, ..settings() }).unwrap();
    let (kind, detail, _) = broken(&courier, &peer.url(), SHORT).await;
    assert_eq!(kind, BrokenKind::ConnectionFailed, "{detail}");
    assert!(peer.seen().from.is_empty());
}
