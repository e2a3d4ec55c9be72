//! What a scripted receiver answers and records, seen over a plain TCP connection.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{Answer, Gate, Receiver};

const POST: &str = "POST /hook?k=1 HTTP/1.1\r\nHost: x\r\nWebhook-Id: dlv_1\r\nContent-Length: 17\r\n\r\n";
const BODY: &str = "a=%D0%AF+1&b%5B0=";

async fn connect(receiver: &Receiver) -> TcpStream {
    TcpStream::connect(receiver.address()).await.unwrap()
}

/// Sends a request and reads until the other side is done, at most this many bytes.
async fn exchange(receiver: &Receiver, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut stream = connect(receiver).await;
    stream.write_all(format!("{POST}{BODY}").as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(bytes_max).read_to_end(&mut answer).await?;
    Ok(answer)
}

/// The first answer on a connection, up to the end of its head.
async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test]
async fn a_request_is_in_the_ledger_as_it_came_and_is_answered_200() {
    let receiver = Receiver::start().await;
    let mut stream = connect(&receiver).await;
    stream.write_all(format!("{POST}{BODY}").as_bytes()).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200 "));
    stream.write_all(b"GET /hook?x=%20y&x=2 HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let ledger = receiver.wait_for(2).await;

    let (first, second) = (&ledger[0], &ledger[1]);
    assert_eq!((first.method.as_str(), first.target.as_str()), ("POST", "/hook?k=1"));
    assert_eq!((first.path(), first.query(), first.text().as_str()), ("/hook", "k=1", BODY));
    assert_eq!(first.header("webhook-id"), Some("dlv_1"));
    assert_eq!(first.pairs(), [("a".to_owned(), "Я 1".to_owned()), ("b[0".to_owned(), String::new())]);
    assert_eq!(second.pairs(), [("x".to_owned(), " y".to_owned()), ("x".to_owned(), "2".to_owned())]);
    assert_eq!(second.pair("x").as_deref(), Some(" y"));
    assert_eq!((first.number, second.number, first.connection, second.connection), (0, 1, 0, 0));
    assert!(first.at <= second.at);
}

#[tokio::test]
async fn the_script_comes_first_and_the_responder_after_it() {
    let receiver = Receiver::start().await;
    receiver.answer(Answer::status(503).header("retry-after", "7").body("busy"));
    receiver.answer_by(|request| Answer::status(if request.path() == "/hook" { 410 } else { 500 }));
    let mut stream = connect(&receiver).await;
    stream.write_all(format!("{POST}{BODY}").as_bytes()).await.unwrap();
    let first = head(&mut stream).await;
    assert_eq!(first, "HTTP/1.1 503 scripted\r\ncontent-length: 4\r\nretry-after: 7\r\n\r\n");
    let mut body = [0; 4];
    stream.read_exact(&mut body).await.unwrap();
    assert_eq!(&body, b"busy");
    stream.write_all(format!("{POST}{BODY}").as_bytes()).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 410 "));
}

#[tokio::test]
async fn a_gate_holds_the_answer_back_while_the_request_is_known() {
    let receiver = Receiver::start().await;
    let gate = Gate::default();
    receiver.answer(Answer::status(204).after(&gate));
    let mut stream = connect(&receiver).await;
    stream.write_all(format!("{POST}{BODY}").as_bytes()).await.unwrap();
    receiver.wait_for(1).await;
    let no_answer_yet = tokio::time::timeout(Duration::from_millis(20), stream.readable()).await;
    assert!(no_answer_yet.is_err());
    gate.open();
    assert_eq!(head(&mut stream).await, "HTTP/1.1 204 scripted\r\n\r\n");
}

#[tokio::test]
async fn hostile_answers_are_what_they_say() {
    let receiver = Receiver::start().await;
    receiver.answer(Answer::close());
    assert_eq!(exchange(&receiver, 1).await.unwrap(), b"");
    receiver.answer(Answer::reset());
    assert_eq!(exchange(&receiver, 1).await.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    receiver.answer(Answer::raw("HTTP/1.1 2"));
    assert_eq!(exchange(&receiver, 100).await.unwrap(), b"HTTP/1.1 2");

    receiver.answer(Answer::endless_headers());
    assert_eq!(exchange(&receiver, 1_000_000).await.unwrap().len(), 1_000_000);
    receiver.answer(Answer::endless_interim());
    let interim = exchange(&receiver, 100_000).await.unwrap();
    assert!(interim.starts_with(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 "));
    receiver.answer(Answer::drip(Duration::from_millis(1)));
    assert!(exchange(&receiver, 60).await.unwrap().ends_with(b"\r\n\r\nxxxxxxxxxxxxx"));
    let huge = 100 * 1024 * 1024 + 1;
    receiver.answer(Answer::huge_body(huge));
    let head_bytes = "HTTP/1.1 200 OK\r\ncontent-length: 104857601\r\n\r\n".len() as u64;
    assert_eq!(exchange(&receiver, head_bytes + huge).await.unwrap().len() as u64, head_bytes + huge);
}

#[tokio::test]
async fn a_wait_in_vain_shows_the_ledger_and_what_went_wrong() {
    let receiver = Receiver::start().await;
    receiver.answer(Answer::close());
    exchange(&receiver, 1).await.unwrap();
    let mut nonsense = connect(&receiver).await;
    nonsense.write_all(b"\0\0\0\r\n\r\n").await.unwrap();
    assert_eq!(nonsense.read(&mut [0]).await.unwrap_or(0), 0);
    let told =
        receiver.wait_at_most(Duration::from_millis(20), |ledger| ledger.len() == 2).await.unwrap_err();
    assert!(told.contains("got 1 requests:\n  #0 POST /hook?k=1 webhook-id dlv_1, 17 bytes: a="), "{told}");
    assert!(told.contains("\n  trouble: connection 1: "), "{told}");
}

#[tokio::test]
async fn a_dropped_receiver_is_gone_and_can_come_back_at_its_address() {
    let receiver = Receiver::start().await;
    let address = receiver.address();
    let mut stream = connect(&receiver).await;
    drop(receiver);
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "its connections end with it");
    let back = Receiver::start_at(address).await;
    assert_eq!(back.url("/x"), format!("http://{address}/x"));
}
