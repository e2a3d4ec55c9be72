//! From values to the bytes of a request: pairs in their order, encoded as a form.
//!
//! The contract, "Rendering and encoding". The form is that of the WHATWG URL standard
//! (`application/x-www-form-urlencoded`), which differs from PHP's `http_build_query` in one character:
//! `*` stays as it is, where PHP writes `%2A`; both decode the same.

use std::borrow::Cow;

use serde::Serialize as _;
use url::form_urlencoded;

use crate::{
    catalogue::Parameter,
    delivery::{Method, Request},
    parameter::Value,
};

/// A name with its value, before encoding.
pub type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The longest URL in bytes that receivers can be trusted to take whole; a longer one is sent with a warning.
pub const URL_BYTES_ADVISED_MAX: usize = 8 * 1024;

/// The lists, in the order in which they end the request: receivers cut long bodies at the end.
const LAST: [Parameter; 3] = [Parameter::AddUrlParams, Parameter::Comment, Parameter::Text];

/// Lays out values as pairs: scalars in the order in which they come, what the catalogue does not know, then the
/// lists. A renamed list keeps its indices and the names of its fields. Absent values make no pair.
pub fn pairs<'a, 'v: 'a>(
    values: impl IntoIterator<Item = (Parameter, &'a str, &'a Value<'v>)>,
    extra: impl IntoIterator<Item = &'a (String, String)>,
) -> Vec<Pair<'a>> {
    let mut pairs = Vec::with_capacity(96);
    let mut lists = [None; LAST.len()];
    for (parameter, name, value) in values {
        match LAST.iter().position(|list| *list == parameter) {
            Some(place) => lists[place] = Some((name, value)),
            None => push(&mut pairs, name, value),
        }
    }
    pairs.extend(extra.into_iter().map(|(name, value)| (Cow::from(name), Cow::from(value))));
    for (name, value) in lists.into_iter().flatten() {
        push(&mut pairs, name, value);
    }
    pairs
}

fn push<'a>(pairs: &mut Vec<Pair<'a>>, name: &'a str, value: &'a Value<'_>) {
    match value {
        Value::Absent => {}
        Value::Text(text) => pairs.push((Cow::Borrowed(name), Cow::Borrowed(text))),
        Value::List { fields: [first, second], records } => {
            for (index, (a, b)) in records.iter().enumerate() {
                pairs.push((Cow::Owned(format!("{name}[{index}][{first}]")), Cow::Borrowed(a)));
                pairs.push((Cow::Owned(format!("{name}[{index}][{second}]")), Cow::Borrowed(b)));
            }
        }
    }
}

/// Pairs as `application/x-www-form-urlencoded`; pure ASCII, space as `+`, upper-case hexadecimal digits.
pub fn form(pairs: &[Pair<'_>]) -> String {
    // Cyrillic takes six characters a letter; a form that grows is copied again and again.
    let bytes = pairs.iter().map(|(name, value)| name.len() + 3 * value.len() + 2).sum();
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(bytes));
    let written = pairs.serialize(serde_urlencoded::Serializer::new(&mut form));
    written.expect("pairs of text always make a form").finish()
}

/// A request of pairs: the body of a POST, or for a GET appended to the URL's own query, which is kept.
/// A fragment is left out, since it is never sent (RFC 9110, section 7.1). A form that is posted says so.
pub fn request(method: Method, url: &str, mut headers: Vec<(String, String)>, pairs: &[Pair<'_>]) -> Request {
    let own = without_fragment(url);
    let form = form(pairs);
    match method {
        Method::Get => Request { method, url: with_query(own, &form), headers, body: Vec::new() },
        Method::Post => {
            headers.insert(0, ("content-type".to_owned(), FORM_TYPE.to_owned()));
            Request { method, url: own.to_owned(), headers, body: form.into_bytes() }
        }
    }
}

fn without_fragment(url: &str) -> &str {
    url.split('#').next().unwrap_or_default()
}

/// What a form is sent as.
pub(crate) const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// A request before its body is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unencoded {
    /// GET or POST.
    pub method: Method,
    /// The absolute URL; a query of its own is kept.
    pub url: String,
    /// Header names in lower case with their values; `content-type` is not among them, since the body says it.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Body,
}

/// What a request carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Pairs in order: the body of a POST, the query of a GET.
    Form(Vec<(String, String)>),
    /// Bytes as they are.
    Raw {
        /// The value of `content-type`.
        content_type: String,
        /// The bytes; a GET carries none.
        bytes: Vec<u8>,
    },
}

impl Unencoded {
    /// The request as it goes out.
    pub fn encode(self) -> Request {
        let Self { method, url, mut headers, body } = self;
        match body {
            Body::Form(pairs) => {
                let pairs: Vec<Pair<'_>> = pairs
                    .iter()
                    .map(|(name, value)| (Cow::Borrowed(name.as_str()), Cow::Borrowed(value.as_str())))
                    .collect();
                request(method, &url, headers, &pairs)
            }
            Body::Raw { content_type, bytes } => {
                if method == Method::Post {
                    headers.insert(0, ("content-type".to_owned(), content_type));
                }
                Request { method, url: without_fragment(&url).to_owned(), headers, body: bytes }
            }
        }
    }
}

fn with_query(url: &str, query: &str) -> String {
    let separator = match url.split_once('?') {
        _ if query.is_empty() => "",
        None => "?",
        Some((_, own)) if own.is_empty() || own.ends_with('&') => "",
        Some(_) => "&",
    };
    [url, separator, query].concat()
}

/// What somebody should know about a request before a receiver stumbles over it.
pub fn warnings(request: &Request) -> Vec<String> {
    let bytes = request.url.len();
    let too_long = bytes > URL_BYTES_ADVISED_MAX;
    let warning = || {
        format!(
            "the URL has {bytes} bytes; receivers may cut or refuse one over {URL_BYTES_ADVISED_MAX}: send by POST"
        )
    };
    too_long.then(warning).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value as Json;

    /// Flattens any JSON the way receivers unflatten it; only the published cases need more than lists of records.
    fn flatten(name: String, value: &Json, pairs: &mut Vec<Pair<'static>>) {
        match value {
            Json::Object(map) => {
                for (field, value) in map {
                    flatten(format!("{name}[{field}]"), value, pairs);
                }
            }
            Json::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    flatten(format!("{name}[{index}]"), value, pairs);
                }
            }
            Json::String(text) => pairs.push((name.into(), text.clone().into())),
            other => pairs.push((name.into(), other.to_string().into())),
        }
    }

    #[test]
    fn published_cases_come_out_byte_for_byte_but_for_the_asterisk() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/form_encoding.jsonl");
        let cases = std::fs::read_to_string(path).unwrap();
        for line in cases.lines() {
            let case: Json = serde_json::from_str(line).unwrap();
            let mut pairs = Vec::new();
            for (name, value) in case["input"].as_object().unwrap() {
                flatten(name.clone(), value, &mut pairs);
            }
            let expected = case["encoded"].as_str().unwrap().replace("%2A", "*");
            assert_eq!(form(&pairs), expected, "{}", case["name"]);
        }
        assert_eq!(cases.lines().count(), 36);
    }

    #[test]
    fn lists_go_last_and_a_renamed_one_keeps_its_indices() {
        let record = |a: &str| (a.to_owned(), format!("{a}!"));
        let list = |fields, names: &[&str]| Value::List {
            fields,
            records: names.iter().map(|name| record(name)).collect(),
        };
        let comment = list(["party", "comment"], &["u1", "u2"]);
        let tracked = list(["name", "value"], &["ab"]);
        let (id, absent) = (Value::Text("7".into()), Value::Absent);
        let values = [
            (Parameter::Comment, "notes", &comment),
            (Parameter::AddUrlParams, "add_url_params", &tracked),
            (Parameter::RecLink, "reclink", &absent),
            (Parameter::Id, "id", &id),
        ];
        let expected = "id=7&add_url_params[0][name]=ab&add_url_params[0][value]=ab!&notes[0][party]=u1\
                        &notes[0][comment]=u1!&notes[1][party]=u2&notes[1][comment]=u2!";
        let pairs = pairs(values, &[]);
        let shown: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(shown.join("&"), expected);
    }

    #[test]
    fn get_keeps_the_urls_own_query_and_post_its_body() {
        let cases = [
            ("https://crm.example/hook", "https://crm.example/hook?a=1"),
            ("https://crm.example/", "https://crm.example/?a=1"),
            ("https://crm.example/hook?", "https://crm.example/hook?a=1"),
            ("https://crm.example/hook?key=x", "https://crm.example/hook?key=x&a=1"),
            ("https://crm.example/hook?key=x&#top", "https://crm.example/hook?key=x&a=1"),
            ("https://crm.example/hook#top?no", "https://crm.example/hook?a=1"),
        ];
        let pairs = [(Cow::Borrowed("a"), Cow::Borrowed("1"))];
        for (own, expected) in cases {
            let get = request(Method::Get, own, Vec::new(), &pairs);
            assert_eq!((get.url.as_str(), get.body.len()), (expected, 0));
            let post = request(Method::Post, own, Vec::new(), &pairs);
            assert_eq!(post.body, b"a=1");
            assert!(!post.url.contains('#') && post.url.contains("key=x") == own.contains("key=x"), "{own}");
        }
    }

    #[test]
    fn a_url_over_8_kib_is_sent_with_a_warning() {
        let url = "https://crm.example/";
        let of_length = |length: usize| {
            let value = "x".repeat(length - "https://crm.example/?a=".len());
            request(Method::Get, url, Vec::new(), &[("a".into(), value.into())])
        };
        assert!(warnings(&of_length(8192)).is_empty());
        assert_eq!(warnings(&of_length(8193)).len(), 1);
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_ascii_and_decodes_to_itself(pairs in proptest::collection::vec((".{0,12}", ".{0,24}"), 0..8)) {
            let pairs: Vec<Pair<'_>> = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            let encoded = form(&pairs);
            prop_assert!(encoded.is_ascii());
            let decoded: Vec<Pair<'_>> = form_urlencoded::parse(encoded.as_bytes()).collect();
            prop_assert_eq!(decoded, pairs);
        }
    }
}
