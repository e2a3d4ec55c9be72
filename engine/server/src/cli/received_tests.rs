//! Tests of how a received webhook is decoded, judged and laid out.

use axum::http::{HeaderName, HeaderValue};

use super::*;

fn received(method: Method, query: &str, body: &str, headers: &[(&str, &str)]) -> Received {
    let header = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap())
    };
    Received {
        method,
        path: "/hook".to_owned(),
        query: query.to_owned(),
        headers: headers.iter().map(header).collect(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        answered: 200,
    }
}

const FORM: &str = "tags_manual=%D0%9F%D1%80%D0%BE%D0%B4%D0%B0%D0%B6%D0%B0&id=7&comment%5B0%5D%5Bparty%5D=A\
                    &comment%5B0%5D%5Bcomment%5D=one+two&comment%5B1%5D%5Bparty%5D=B&comment%5B1%5D%5Bcomment%5D=x%0Ay";

#[test]
fn parameters_are_aligned_lists_indented_and_cyrillic_readable() {
    let post = received(Method::POST, "ignored=1", FORM, &[]);
    let shown = lines(&entries(&post.pairs())).join("\n");
    let expected = "tags_manual = Продажа\n\
                    id          = 7\n\
                    comment\n\
                    \u{20} [0] party   = A\n\
                    \u{20}     comment = one two\n\
                    \u{20} [1] party   = B\n\
                    \u{20}     comment = x\\ny";
    assert_eq!(shown, expected);
}

#[test]
fn a_get_request_is_decoded_from_its_query() {
    let get = received(Method::GET, "a=1&b=%D0%B9", "c=2", &[]);
    assert_eq!(get.pairs(), [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "й".to_owned())]);
}

#[test]
fn names_that_only_look_like_lists_stay_whole() {
    for name in ["a[0]", "a[x][y]", "a[0][b", "a[0][b][c]", "a[-1][b]", "[", "a]["] {
        let pairs = [(name.to_owned(), "1".to_owned())];
        assert_eq!(entries(&pairs), [Entry::One { name: name.to_owned(), value: "1".to_owned() }]);
    }
}

#[test]
fn signatures_are_valid_old_wrong_unchecked_or_none() {
    let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let other = SigningSecret::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").unwrap();
    let now = Timestamp::from_unix_seconds(1_700_000_000);
    let signed = |body: &str, seconds: i64| {
        let by = std::slice::from_ref(&secret);
        let signature = sign::signature(by, "dlv_1", seconds, FORM.as_bytes()).unwrap();
        let headers = [
            ("webhook-id", "dlv_1"),
            ("webhook-timestamp", &seconds.to_string()),
            ("webhook-signature", &signature),
        ];
        received(Method::POST, "", body, &headers)
    };
    let both = [other.clone(), secret.clone()];
    assert_eq!(signed(FORM, 1_700_000_000).signature(&both, now), Signature::Valid);
    assert_eq!(signed(FORM, 1_700_000_000 - 301).signature(&both, now), Signature::Old { seconds: 301 });
    assert_eq!(signed("id=8", 1_700_000_000).signature(&both, now), Signature::Wrong);
    assert_eq!(signed(FORM, 1_700_000_000).signature(&[other], now), Signature::Wrong);
    assert_eq!(signed(FORM, 1_700_000_000).signature(&[], now), Signature::Unchecked);
    assert_eq!(received(Method::POST, "", FORM, &[]).signature(&both, now), Signature::None);
}
