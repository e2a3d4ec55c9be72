//! What a plugin may return, and what is refused by name.

use super::*;
use crate::exchange::Raw;

fn good() -> Draft {
    Draft {
        method: "POST".to_owned(),
        url: "https://crm.example/in?a=1".to_owned(),
        headers: vec![Pair::new("X-Key", "secret")],
        body: Body::Form(vec![Pair::new("phone", "+7\r\n")]),
    }
}

fn refused(change: impl FnOnce(&mut Draft)) -> Wrong {
    let mut changed = good();
    change(&mut changed);
    draft(changed, 1000).unwrap_err()
}

#[test]
fn a_good_request_passes_with_its_header_names_in_lower_case() {
    assert_eq!(draft(good(), 1000).unwrap().headers, [Pair::new("x-key", "secret")]);
}

#[test]
fn what_cannot_be_sent_is_refused_by_its_field() {
    let header = |name: &str, value: &str| vec![Pair::new(name, value)];
    let raw = |kind: &str| Body::Raw(Raw { content_type: kind.to_owned(), bytes: b"{}".to_vec() });
    let table = [
        (refused(|draft| draft.method = String::new()), "request.method"),
        (refused(|draft| draft.method = "get".to_owned()), "request.method"),
        (refused(|draft| draft.url = "/in".to_owned()), "request.url"),
        (refused(|draft| draft.url = "ftp://crm.example/".to_owned()), "request.url"),
        (refused(|draft| draft.url = "https://".to_owned()), "request.url"),
        (refused(|draft| draft.url = "https://user@crm.example/".to_owned()), "request.url"),
        (refused(|draft| draft.url = "https://crm.example/\r\nx".to_owned()), "request.url"),
        (refused(|draft| draft.headers = header("a b", "")), "request.headers[0]"),
        (refused(|draft| draft.headers = header("", "")), "request.headers[0]"),
        (refused(|draft| draft.headers = header("a", "1\r\nb: 2")), "request.headers[0]"),
        (refused(|draft| draft.headers = header("a", "\0")), "request.headers[0]"),
        (refused(|draft| draft.headers = header("Webhook-Signature", "v1")), "request.headers[0]"),
        (refused(|draft| draft.headers = header("host", "evil")), "request.headers[0]"),
        (refused(|draft| draft.headers = vec![Pair::new("a", "b"); HEADERS_MAX + 1]), "request.headers"),
        (refused(|draft| draft.body = raw("")), "request.body.content-type"),
        (refused(|draft| draft.body = raw("text/plain\r\nx: y")), "request.body.content-type"),
        (refused(|draft| draft.body = raw("text/")), "request.body.content-type"),
        (
            refused(|draft| {
                draft.method = "GET".to_owned();
                draft.body = raw("text/plain");
            }),
            "request.body",
        ),
    ];
    for (wrong, field) in table {
        assert_eq!(wrong.kind, Kind::Contract, "{wrong:?}");
        assert!(wrong.detail.starts_with(&format!("{field}: ")), "{wrong:?}");
    }
}

#[test]
fn a_header_that_settings_refuse_is_refused_of_a_plugin_too() {
    for name in ["Webhook-Test", "webhook-id", "accept-encoding", "Expect", "te", "Content-Type"] {
        let wrong = refused(|draft| draft.headers = vec![Pair::new("a", "b"), Pair::new(name, "1")]);
        assert_eq!(wrong.kind, Kind::Contract, "{wrong:?}");
        let said = format!("request.headers[1]: {} ", name.to_lowercase());
        assert!(wrong.detail.starts_with(&said), "{wrong:?}");
    }
}

#[test]
fn a_request_that_is_too_large_is_an_output_error() {
    let wrong = refused(|draft| draft.body = Body::Form(vec![Pair::new("a".repeat(600), "b".repeat(600))]));
    assert_eq!(wrong.kind, Kind::Output);
}

#[test]
fn a_media_type_may_have_parameters() {
    for kind in ["application/json", "application/json; charset=utf-8", "application/vnd.a+json;v=1"] {
        assert_eq!(check_content_type(kind), Ok(()), "{kind}");
    }
}

#[test]
fn reasons_are_cut_and_a_plugins_own_failure_keeps_its_code() {
    let long = "ж".repeat(REASON_BYTES_MAX);
    assert_eq!(reason(&long).len(), REASON_BYTES_MAX);
    let failure = OwnFailure { code: "quota".to_owned(), detail: long, retryable: true };
    let wrong = Wrong::from(failure);
    assert_eq!((wrong.kind, wrong.own), (Kind::Failed, Some(("quota".to_owned(), true))));
    assert_eq!(wrong.detail.len(), REASON_BYTES_MAX);
}
