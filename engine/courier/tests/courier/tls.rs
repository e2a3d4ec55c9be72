//! Certificates that are believed and those that are not.

use leadhook_core::outcome::BrokenKind;
use leadhook_courier::{Courier, CourierSettings, Roots};
use leadhook_hostile::{Authority, Peer, Step, self_signed};
use rustls::ServerConfig;

use crate::fixture::{AMPLE, OK, answer, broken, courier, settings};

const NAME: &str = "crm.example";

fn courier_believing(pem: &str) -> Courier {
    let roots = Roots::default().and_pem(pem.as_bytes()).unwrap();
    Courier::new(CourierSettings { roots, ..settings() }).unwrap()
}

fn url(peer: &Peer, host: &str) -> String {
    format!("https://{host}:{}/", peer.port())
}

fn answering() -> Vec<Step> {
    vec![Step::Request, Step::say(OK)]
}

async fn assert_refused(courier: &Courier, config: ServerConfig, host: &str, words: &str) {
    let peer = Peer::start_tls(config, answering()).await;
    let (kind, detail, _) = broken(courier, &url(&peer, host), AMPLE).await;
    assert_eq!(kind, BrokenKind::CertificateInvalid, "{detail}");
    assert!(detail.contains(words), "{detail}");
    assert!(peer.seen().requests.is_empty());
}

#[tokio::test]
async fn a_certificate_of_an_added_authority_is_believed_and_its_connection_serves_again() {
    let authority = Authority::default();
    let courier = courier_believing(&authority.pem());
    let peer = Peer::start_tls(authority.server(NAME, 2020..2100), answering()).await;
    for _ in 0..3 {
        assert_eq!(answer(&courier, &url(&peer, NAME)).await.body, b"ok");
    }
    assert_eq!(peer.seen().from.len(), 1);
    let by_address = Peer::start_tls(authority.server("127.0.0.1", 2020..2100), answering()).await;
    assert_eq!(answer(&courier, &url(&by_address, "127.0.0.1")).await.body, b"ok");
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_is_refused_in_plain_words() {
    let authority = Authority::default();
    let believing = courier_believing(&authority.pem());
    assert_refused(&believing, authority.server(NAME, 2000..2020), NAME, "has expired").await;
    assert_refused(&believing, authority.server(NAME, 2090..2100), NAME, "not valid yet").await;
    let other = authority.server("other.example", 2020..2100);
    assert_refused(&believing, other, NAME, "is for another name: other.example").await;
    assert_refused(&courier(), authority.server(NAME, 2020..2100), NAME, "authority that is not known").await;
    let (config, _) = self_signed(NAME);
    assert_refused(&courier(), config, NAME, "authority that is not known").await;
}

#[tokio::test]
async fn a_self_signed_certificate_can_be_added_itself() {
    let (config, pem) = self_signed(NAME);
    let peer = Peer::start_tls(config, answering()).await;
    assert_eq!(answer(&courier_believing(&pem), &url(&peer, NAME)).await.body, b"ok");
}

#[tokio::test]
async fn an_end_without_notice_is_an_end_only_where_no_length_was_announced() {
    let authority = Authority::default();
    let courier = courier_believing(&authority.pem());
    let to_the_end = vec![Step::Request, Step::say("HTTP/1.1 200 OK\r\n\r\nok"), Step::Drop];
    let peer = Peer::start_tls(authority.server(NAME, 2020..2100), to_the_end).await;
    assert_eq!(answer(&courier, &url(&peer, NAME)).await.body, b"ok");

    let too_short =
        vec![Step::Request, Step::say("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok"), Step::Drop];
    let peer = Peer::start_tls(authority.server(NAME, 2020..2100), too_short).await;
    let (kind, _, status) = broken(&courier, &url(&peer, NAME), AMPLE).await;
    assert_eq!((kind, status), (BrokenKind::ConnectionLost, Some(200)));
}
