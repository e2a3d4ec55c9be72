//! Tests of what `leadhook listen` prints and answers.

use axum::http::{HeaderMap, Method};
use bytes::Bytes;

use super::*;
use crate::cli::terminal::Paper;

fn received(id: &str, test: bool) -> Received {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    headers.insert("webhook-id", id.parse().unwrap());
    if test {
        headers.insert("webhook-test", "true".parse().unwrap());
    }
    let body = Bytes::from_static(b"leadtype=call&city=%D0%9C%D0%BE%D1%81%D0%BA%D0%B2%D0%B0");
    Received {
        method: Method::POST,
        path: "/hook".to_owned(),
        query: String::new(),
        headers,
        body,
        answered: 200,
    }
}

fn printed(requests: &[Received]) -> String {
    let paper = Paper::default();
    let mut terminal = Terminal::plain(paper.clone());
    let mut journal = Journal::new(Vec::new());
    for request in requests {
        journal.print(request, Timestamp(1_700_000_000_000), &mut terminal).unwrap();
    }
    paper.text()
}

#[test]
fn a_request_is_printed_decoded() {
    let expected = "\n#1 POST /hook  2023-11-14T22:13:20.000Z  answered 200\n   dlv_1\n   signature none\n   \
                    call\n     leadtype = call\n     city     = Москва\n";
    assert_eq!(printed(&[received("dlv_1", false)]), expected);
}

#[test]
fn repeats_and_tests_are_marked() {
    let shown = printed(&[received("dlv_1", false), received("dlv_2", true), received("dlv_1", false)]);
    let marks: Vec<_> = shown.lines().filter(|line| line.contains("signature")).map(str::trim).collect();
    let expected =
        ["signature none", "signature none · a test: make no lead of it", "signature none · repeat of #1"];
    assert_eq!(marks, expected);
}

#[test]
fn what_is_no_form_is_printed_as_it_came_but_cannot_steer_the_terminal() {
    let mut request = received("dlv_1", false);
    request.headers.insert("content-type", "text/plain".parse().unwrap());
    request.body = Bytes::from_static(b"first\nsecond\x1b[2J");
    assert!(printed(&[request]).ends_with("     first\n     second\\u{1b}[2J\n"));
}

#[test]
fn the_first_requests_fail_when_asked() {
    let answer = answers(204, 2).unwrap();
    let given: Vec<_> = (0..4).map(|_| answer(&received("dlv_1", false)).as_u16()).collect();
    assert_eq!(given, [503, 503, 204, 204]);
}

#[test]
fn the_ids_remembered_are_bounded() {
    let mut journal = Journal::new(Vec::new());
    for number in 0..=REMEMBERED_MAX {
        journal.number += 1;
        assert_eq!(journal.remember(&number.to_string()), None);
    }
    assert_eq!(journal.first_seen.len(), REMEMBERED_MAX);
    assert_eq!(journal.remember("0"), None, "the oldest was forgotten");
    assert_eq!(journal.remember("5"), Some(6));
}

#[test]
fn the_lead_and_what_changed_stand_above_the_parameters() {
    let pairs = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
    };
    let call = pairs(&[
        ("leadtype", "call"),
        ("callphase", "calldisconnected"),
        ("id", "7"),
        ("changedFields", "tags"),
    ]);
    assert_eq!(subject(&call).as_deref(), Some("call 7 calldisconnected, changed: tags"));
    let request = pairs(&[("leadtype", "request"), ("requestId", "8"), ("changedFields", "null")]);
    assert_eq!(subject(&request).as_deref(), Some("request 8"));
    assert_eq!(subject(&pairs(&[("telephone", "1")])), None);
}
