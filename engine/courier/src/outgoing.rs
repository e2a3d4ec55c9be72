//! The request as it goes on the wire: the handler's headers, the attempt's, and the engine's own.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Uri,
    header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, HOST, USER_AGENT},
};
use http_body_util::Full;
use leadhook_core::{
    delivery::{CONNECTION_HEADERS, Method, Request},
    outcome::BrokenKind,
};

use crate::{broken::Broken, target::Target};

/// A request ready to be sent.
pub(crate) type Outgoing = http::Request<Full<Bytes>>;

const OWN_NAME: HeaderValue = HeaderValue::from_static(concat!("leadhook/", env!("CARGO_PKG_VERSION")));

/// Puts the request together; refuses what cannot be put on the wire unchanged.
pub(crate) fn outgoing(
    target: &Target,
    request: &Request,
    extra_headers: &[(String, String)],
) -> Result<Outgoing, Broken> {
    let mut headers = HeaderMap::with_capacity(request.headers.len() + extra_headers.len() + 5);
    headers.insert(HOST, header_value("host", &target.authority)?);
    for (name, value) in request.headers.iter().chain(extra_headers) {
        headers.append(header_name(name)?, header_value(name, value)?);
    }
    headers.entry(USER_AGENT).or_insert(OWN_NAME);
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
    // Whatever the handler's settings say: what comes back is kept as it is.
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if request.method == Method::Post || !request.body.is_empty() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    }

    let mut outgoing = http::Request::new(Full::new(Bytes::copy_from_slice(&request.body)));
    *outgoing.method_mut() = match request.method {
        Method::Get => HttpMethod::GET,
        Method::Post => HttpMethod::POST,
    };
    *outgoing.uri_mut() = uri(&target.path_and_query)?;
    *outgoing.headers_mut() = headers;
    Ok(outgoing)
}

fn invalid(detail: String) -> Broken {
    Broken::new(BrokenKind::RequestInvalid, detail)
}

fn header_name(name: &str) -> Result<HeaderName, Broken> {
    let known = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| invalid(format!("{name:?} cannot be the name of a header")))?;
    match CONNECTION_HEADERS.contains(&known.as_str()) {
        true => Err(invalid(format!("the header {known} is set by the engine alone"))),
        false => Ok(known),
    }
}

/// Refuses CR, LF, NUL and the other control characters but tab.
fn header_value(name: &str, value: &str) -> Result<HeaderValue, Broken> {
    HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| invalid(format!("the value of the header {name} holds a control character")))
}

fn uri(path_and_query: &str) -> Result<Uri, Broken> {
    // The parser lets UTF-8 pass and cuts at `#`; the wire and the signature know neither.
    if !path_and_query.is_ascii() {
        return Err(invalid("the URL's query is not percent-encoded".to_owned()));
    }
    path_and_query.parse().map_err(|error| invalid(format!("the URL cannot be put into a request: {error}")))
}

#[cfg(test)]
mod tests {
    use leadhook_core::address::AddressPolicy;

    use super::*;

    fn request(method: Method, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Outgoing, Broken> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = Request { method, url: url.to_owned(), headers, body: body.as_bytes().to_vec() };
        let target = Target::of(url, &AddressPolicy::default()).unwrap();
        outgoing(&target, &request, &[("webhook-id".to_owned(), "dlv_1".to_owned())])
    }

    #[test]
    fn the_engine_sets_host_length_and_encoding() {
        let post =
            request(Method::Post, "https://crm.example:8443/in", &[("accept-encoding", "gzip")], "a=1");
        let post = post.unwrap();
        assert_eq!(post.headers()["host"], "crm.example:8443");
        assert_eq!(post.headers()["content-length"], "3");
        assert_eq!(post.headers()["accept-encoding"], "identity");
        assert_eq!(post.headers()["webhook-id"], "dlv_1");
        assert_eq!(post.headers().get_all("accept-encoding").iter().count(), 1);
        let empty = request(Method::Post, "https://crm.example/", &[], "").unwrap();
        assert_eq!(empty.headers()["content-length"], "0");
        let get = request(Method::Get, "https://crm.example/in?a=%31", &[], "").unwrap();
        assert_eq!(get.uri(), "/in?a=%31");
        assert!(!get.headers().contains_key("content-length"));
    }

    #[test]
    fn what_could_split_a_request_in_two_is_refused() {
        let cases = [
            ("x-lead", "a\r\nhost: other"),
            ("x-lead", "a\nb"),
            ("x-lead", "a\0b"),
            ("x lead", "a"),
            ("x-lead\r\n", "a"),
            ("", "a"),
            ("Transfer-Encoding", "chunked"),
            ("content-length", "0"),
            ("host", "other"),
        ];
        for (name, value) in cases {
            let refused = request(Method::Post, "https://crm.example/", &[(name, value)], "a=1");
            assert_eq!(refused.unwrap_err().kind, BrokenKind::RequestInvalid, "{name:?}: {value:?}");
        }
    }

    #[test]
    fn a_query_that_would_change_on_the_wire_is_refused() {
        let long = format!("https://crm.example/?a={}", "x".repeat(70_000));
        for url in ["https://crm.example/?a=я", "https://crm.example/?a=b c", long.as_str()] {
            let refused = request(Method::Get, url, &[], "").unwrap_err();
            assert_eq!(refused.kind, BrokenKind::RequestInvalid, "{url}");
            assert!(!refused.detail.contains("a="), "{}", refused.detail);
        }
    }
}
