//! Recordings by their links: who brings a token that opens one gets it passed on from where it lies.

pub(super) mod keys;
mod passing;

use axum::{
    body::Body,
    extract::{FromRequestParts, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Response},
};
use leadhook_core::delivery::{Method as FetchMethod, Request as FetchRequest};
use leadhook_courier::Fetched;
use leadhook_runtime::{Linked, Recording};

use super::{
    Api, auth,
    problem::{Problem, ProblemBody},
    query::path_parts,
};
pub(crate) use passing::{Limits as PassingLimits, Passing};

/// The most bytes of a header that is passed on to where a recording lies; longer ones are left out.
const HEADER_BYTES_MAX: usize = 256;

/// A link's token, as the path has it.
pub(super) struct LinkToken(String);

impl FromRequestParts<Api> for LinkToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let [token] = path_parts(parts, api).await.map_err(|_| nothing_here())?;
        Ok(Self(token))
    }
}

/// One answer for all that does not open, so that nobody learns which of it was the case.
fn nothing_here() -> Problem {
    not_kept(Problem::not_found("there is no such recording"))
}

/// What is refused now may be allowed later.
fn not_kept(problem: Problem) -> Problem {
    problem.header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))
}

/// Open a link to a recording
///
/// The address that webhooks bear as `reclink`; the token is the key. The recording is passed on from where it
/// lies as it comes, whole or the `Range` that is asked for. `HEAD` answers its headers. A token opens one lead's
/// recording until it expires, as long as its site allows links.
#[utoipa::path(get, path = "/rec/{token}", tag = "recordings", security(()),
    params(("token" = String, Path, description = "The token of the link")),
    responses(
        (status = 200, description = "The recording", content_type = "audio/*", body = [u8]),
        (status = 206, description = "The part of it that was asked for", content_type = "audio/*", body = [u8]),
        (status = 304, description = "It is as it was"),
        (status = 404, description = "There is no such recording", body = ProblemBody),
        (status = 410, description = "`link_expired`: the time of this link is over", body = ProblemBody),
        (status = 416, description = "It has no such part"),
        (status = 502, description = "`recording_unavailable`: it cannot be had from where it lies", body = ProblemBody),
        (status = 503, description = "`overloaded`: too many are passed on at this moment; try again after `Retry-After`", body = ProblemBody),
    ))]
pub(super) async fn get(
    State(api): State<Api>,
    LinkToken(token): LinkToken,
    method: Method,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let recording = match api.engine.recording(&token).await? {
        Linked::Recording(recording) => recording,
        Linked::Nothing => return Err(nothing_here()),
        Linked::Expired => {
            let detail = "the time of this link is over; a fresh one comes with a resend of the delivery";
            return Err(not_kept(Problem::new(StatusCode::GONE, "link_expired", detail)));
        }
    };
    auth::refuse_closed(&api, recording.account).await.map_err(|_| nothing_here())?;
    let Some(passing) = &api.settings.recordings else { return Err(nothing_here()) };
    let Some(place) = passing.place(recording.account) else {
        return Err(Problem::overloaded("too many recordings are passed on at this moment"));
    };
    // Many an address is signed for GET alone, so HEAD is asked by GET as well, and the rest not read.
    let fetched = passing.fetch(&request(&recording, &asked)).await;
    let fetched = fetched.map_err(|broken| unavailable(&recording, &broken.to_string()))?;
    let status = told(&fetched, passing.bytes_max()).map_err(|why| unavailable(&recording, &why))?;
    let mut headers = passed_on(&fetched.headers);
    let is_whole = matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT);
    if !is_whole {
        headers.remove(header::CONTENT_LENGTH);
    }
    let has_body = is_whole && method != Method::HEAD;
    let body = if has_body { passing.pass(fetched, place, recording) } else { Body::empty() };
    Ok((status, headers, body).into_response())
}

/// What is asked of where the recording lies: one range at most, since the type of an answer with several is not
/// passed on, and the conditions.
fn request(recording: &Recording, asked: &HeaderMap) -> FetchRequest {
    let wanted = [header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];
    let value = |name: &HeaderName| {
        let value = asked.get(name)?.to_str().ok().filter(|value| value.len() <= HEADER_BYTES_MAX)?;
        (*name != header::RANGE || is_one_range(value)).then(|| (name.as_str().to_owned(), value.to_owned()))
    };
    FetchRequest {
        method: FetchMethod::Get,
        url: recording.origin.clone(),
        headers: wanted.iter().filter_map(value).collect(),
        body: Vec::new(),
    }
}

/// Whether it asks for one range of bytes (RFC 9110, section 14.1.2).
fn is_one_range(value: &str) -> bool {
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let range = value.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    range.is_some_and(|(from, to)| is_number(from) && is_number(to) && !(from.is_empty() && to.is_empty()))
}

/// The status that is passed on; else what is wrong with the answer, for the log.
fn told(fetched: &Fetched, bytes_max: u64) -> Result<StatusCode, String> {
    let length =
        fetched.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if length.is_some_and(|bytes: u64| bytes > bytes_max) {
        return Err(format!("it is larger than the {bytes_max} bytes that are passed on"));
    }
    if fetched.headers.contains_key(header::CONTENT_ENCODING) {
        return Err("it came in an encoding that was not asked for".to_owned());
    }
    match fetched.status {
        200 => Ok(StatusCode::OK),
        206 if fetched.headers.contains_key(header::CONTENT_RANGE) => Ok(StatusCode::PARTIAL_CONTENT),
        206 => Err("it was answered in several parts".to_owned()),
        304 => Ok(StatusCode::NOT_MODIFIED),
        416 => Ok(StatusCode::RANGE_NOT_SATISFIABLE),
        status => Err(format!("it was answered with the status {status}")),
    }
}

fn unavailable(recording: &Recording, why: &str) -> Problem {
    tracing::warn!(
        account = recording.account.0,
        delivery = recording.delivery,
        why,
        "a recording cannot be had"
    );
    let detail = "the recording cannot be had from where it lies; try again later";
    not_kept(Problem::new(StatusCode::BAD_GATEWAY, "recording_unavailable", detail))
}

/// The headers of the answer: what is known to be harmless of those that came, and those that keep it so.
fn passed_on(came: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let plain = [
        header::CONTENT_LENGTH,
        header::CONTENT_RANGE,
        header::ACCEPT_RANGES,
        header::ETAG,
        header::LAST_MODIFIED,
    ];
    for name in plain {
        if let Some(value) = came.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    let (media_type, disposition) = match came.get(header::CONTENT_TYPE).and_then(playable) {
        Some(media_type) => (media_type, "inline"),
        None => (HeaderValue::from_static("application/octet-stream"), "attachment; filename=\"recording\""),
    };
    headers.insert(header::CONTENT_TYPE, media_type);
    let own = [
        (header::CONTENT_DISPOSITION, disposition),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "private"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "sandbox"),
    ];
    headers.extend(own.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers
}

/// The type of something that is only played, without its parameters; nothing else is shown by a browser as if it
/// came from here. XML in any name is a document, which could run scripts.
fn playable(value: &HeaderValue) -> Option<HeaderValue> {
    let essence = value.to_str().ok()?.split(';').next()?.trim().to_ascii_lowercase();
    let (kind, name) = essence.split_once('/')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+' | b'_');
    let is_played = matches!(kind, "audio" | "video") || essence == "application/ogg";
    let is_harmless = !name.is_empty() && name.bytes().all(is_plain) && !name.ends_with("xml");
    (is_played && is_harmless).then(|| HeaderValue::from_str(&essence).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_played_keeps_its_type() {
        let cases = [
            ("audio/mpeg", Some("audio/mpeg")),
            ("Video/MP4; codecs=avc1", Some("video/mp4")),
            ("application/ogg", Some("application/ogg")),
            ("application/octet-stream", None),
            ("text/html", None),
            ("audio/mpeg, text/html", None),
            ("audio/x+xml", None),
            ("image/svg+xml", None),
            ("audio/", None),
            ("audio", None),
        ];
        for (given, expected) in cases {
            let read = playable(&HeaderValue::from_static(given));
            assert_eq!(read.as_ref().map(|value| value.to_str().unwrap()), expected, "{given}");
        }
    }

    #[test]
    fn one_range_is_passed_on_and_several_are_not() {
        for one in ["bytes=0-", "bytes=5-9", "bytes=-500"] {
            assert!(is_one_range(one), "{one}");
        }
        for other in ["bytes=-", "bytes=0-1,5-9", "bytes=a-", "lines=1-2", "", "bytes=1"] {
            assert!(!is_one_range(other), "{other}");
        }
    }
}
