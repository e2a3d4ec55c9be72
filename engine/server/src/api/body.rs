//! Reads bodies: bounded in size, time and sum, of a type that is understood, as JSON with the place of what is wrong.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::{Api, problem::Problem};

/// The most bytes a body of settings may have; what is in it has tighter limits.
const JSON_BYTES_MAX: usize = 1024 * 1024;

/// How much of a body that is too large is taken in and thrown away, so that its sender comes to read the answer.
const DRAIN_BYTES_MAX: usize = 32 * 1024 * 1024;
/// For how long.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(2);

/// A body read whole. It counts among the bodies under way until it is dropped.
pub(super) struct Received {
    /// Its bytes.
    pub(super) bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// Reads a body of at most `bytes_max` bytes, if there is room for it among those under way.
pub(super) async fn read(api: &Api, request: Request, bytes_max: usize) -> Result<Received, Problem> {
    refuse_coded(request.headers())?;
    let stated = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let stated: Option<usize> = stated.and_then(|length| length.parse().ok());
    if stated.is_some_and(|length| length > bytes_max) {
        if !request.headers().contains_key(header::EXPECT) {
            let _ = tokio::time::timeout(DRAIN_TIME_MAX, drain(request.into_body())).await;
        }
        return Err(too_large(bytes_max));
    }
    let kib = u32::try_from(stated.unwrap_or(bytes_max) / 1024 + 1).unwrap_or(u32::MAX);
    let room = Arc::clone(&api.body_kib).try_acquire_many_owned(kib);
    let _room = room.map_err(|_| Problem::overloaded("too much is being received at this moment"))?;
    let reading = to_bytes(request.into_body(), bytes_max);
    match tokio::time::timeout(api.settings.body_timeout, reading).await {
        Ok(Ok(bytes)) => Ok(Received { bytes, _room }),
        Ok(Err(error)) if is_limit(&error) => Err(too_large(bytes_max)),
        Ok(Err(_)) => {
            Err(Problem::new(StatusCode::BAD_REQUEST, "body_broken_off", "the body did not arrive whole"))
        }
        Err(_) => {
            let detail = format!("the body did not arrive within {} s", api.settings.body_timeout.as_secs());
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail))
        }
    }
}

/// Takes in what a sender is sending anyway: one that writes into a closed connection never reads why.
async fn drain(mut body: Body) {
    let mut left = DRAIN_BYTES_MAX;
    while let Some(Ok(frame)) = body.frame().await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(bytes) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

fn is_limit(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

fn too_large(bytes_max: usize) -> Problem {
    let detail = format!("the body is larger than {bytes_max} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail)
}

fn refuse_coded(headers: &HeaderMap) -> Result<(), Problem> {
    let coding = headers.get(header::CONTENT_ENCODING).map(|coding| coding.as_bytes());
    match coding {
        None | Some(b"identity" | b"") => Ok(()),
        Some(_) => {
            let detail = "compressed bodies are not read; send it without `Content-Encoding`";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_encoding_not_supported", detail))
        }
    }
}

/// The body's media type in lower case without its parameters (RFC 9110, section 8.3); `None` when not stated.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let stated = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or("unreadable");
    let essence = stated.split(';').next().unwrap_or_default();
    Some(essence.trim().to_ascii_lowercase())
}

/// Refuses a body of another type than a call takes.
pub(super) fn wrong_media_type(given: &str, expected: &str) -> Problem {
    let given: String = given.chars().take(100).collect();
    let detail = format!("the body is `{given}`; send it as `Content-Type: {expected}`");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type_not_supported", detail)
}

/// Refuses what is not JSON, with the place.
pub(super) fn not_json(error: &serde_json::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "bad_json", format!("the body is not JSON: {error}"))
        .with("line", error.line())
        .with("column", error.column())
}

/// A body of JSON. A missing `Content-Type` counts as JSON.
pub(super) struct Json(pub(super) Value);

/// A body of JSON, or none.
pub(super) struct OptionalJson(pub(super) Option<Value>);

impl FromRequest<Api> for Json {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        refuse_not_json(request.headers())?;
        let body = read(api, request, JSON_BYTES_MAX).await?;
        serde_json::from_slice(&body.bytes).map(Self).map_err(|error| not_json(&error))
    }
}

impl FromRequest<Api> for OptionalJson {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let wrong_type = refuse_not_json(request.headers()).err();
        let body = read(api, request, JSON_BYTES_MAX).await?;
        match (body.bytes.is_empty(), wrong_type) {
            // Some clients name a type even where they send nothing.
            (true, _) => Ok(Self(None)),
            (false, Some(problem)) => Err(problem),
            (false, None) => {
                serde_json::from_slice(&body.bytes).map(Some).map(Self).map_err(|error| not_json(&error))
            }
        }
    }
}

fn refuse_not_json(headers: &HeaderMap) -> Result<(), Problem> {
    match media_type(headers) {
        Some(given) if given != "application/json" && !given.ends_with("+json") => {
            Err(wrong_media_type(&given, "application/json"))
        }
        _ => Ok(()),
    }
}
