//! Every answer that is an error: problem details of RFC 9457 with a stable code.

use std::any::Any;

use axum::{
    Json,
    body::Body,
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use leadhook_core::fault::{Fault, Faults};
use leadhook_store::StoreError;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The most faults that one answer tells of one input: what is left shows after these are mended.
pub(super) const FAULTS_SHOWN_MAX: usize = 20;
/// How soon to try again when the storage takes nothing, in seconds.
const STORAGE_RETRY_SECONDS: u32 = 5;
/// How soon to try again when too much is under way, in seconds.
const OVERLOAD_RETRY_SECONDS: u32 = 1;

/// An answer that is an error, as `application/problem+json` (RFC 9457). Boxed, since results carry it everywhere.
#[derive(Debug)]
pub(super) struct Problem(Box<Content>);

#[derive(Debug)]
struct Content {
    status: StatusCode,
    body: ProblemBody,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What went wrong (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct ProblemBody {
    /// Always `about:blank`: what went wrong is told by `code`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What the status means.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// A stable word for programs, in snake_case.
    code: &'static str,
    /// What is wrong and what to do, for people.
    detail: String,
    /// Everything wrong with the input, up to 20 faults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<FaultShown>)]
    errors: Vec<Fault>,
    /// What else a program may want to know about this code.
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// One thing wrong with input.
#[derive(Debug, ToSchema)]
#[schema(as = Fault)]
#[expect(dead_code, reason = "describes `core::fault::Fault`, which knows nothing of OpenAPI")]
pub(super) struct FaultShown {
    /// Where, as a path into the input: `sending.delay_minutes.call_ended`. Empty for the whole.
    path: String,
    /// A stable word for programs, in snake_case.
    code: String,
    /// What is wrong and what to write instead, for people.
    detail: String,
}

impl Problem {
    /// An error with a stable `code` and words for people.
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        let body = ProblemBody {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            errors: Vec::new(),
            more: Map::new(),
        };
        Self(Box::new(Content { status, body, headers: Vec::new() }))
    }

    /// Nothing by this name: 404.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// It stands in a way that this call cannot change: 409.
    pub(super) fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// Input that cannot be meant: 422 with every fault, up to [`FAULTS_SHOWN_MAX`].
    pub(super) fn invalid(code: &'static str, faults: Faults) -> Self {
        Self::refused(code, in_words(&faults), shown(faults))
    }

    /// Input that is not taken: 422 with these faults.
    pub(super) fn refused(code: &'static str, detail: String, errors: Vec<Fault>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail).naming(errors)
    }

    /// One fault in the input: 422.
    pub(super) fn fault(path: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self::invalid(code, Fault::new(path, code, detail).into())
    }

    /// Too much is under way: 503, and when to try again.
    pub(super) fn overloaded(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(OVERLOAD_RETRY_SECONDS)
    }

    /// The key does not open this: 403.
    pub(super) fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// More than may be at this moment: 429, and when to try again.
    pub(super) fn too_many(code: &'static str, detail: impl Into<String>, seconds: u32) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail).retry_after(seconds)
    }

    /// Names what of the input stands in the way.
    pub(super) fn naming(mut self, errors: Vec<Fault>) -> Self {
        self.0.body.errors = errors;
        self
    }

    /// Adds a member to the problem details.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.body.more.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a header to the answer.
    pub(super) fn header(mut self, name: HeaderName, value: impl Into<HeaderValue>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// Says in how many seconds to try again.
    pub(super) fn retry_after(self, seconds: u32) -> Self {
        self.header(header::RETRY_AFTER, seconds)
    }

    /// The engine itself failed: 500, and why only in the log.
    pub(super) fn internal(failure: &dyn std::fmt::Display) -> Self {
        tracing::error!(%failure, "a request failed");
        let detail = "the engine failed; its log says why";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }
}

/// The first fault, and that there are more where there are.
pub(super) fn in_words(faults: &Faults) -> String {
    let Some(first) = faults.0.first() else { return "the input is not valid".to_owned() };
    let place = if first.path.is_empty() { String::new() } else { format!("{}: ", first.path) };
    let more = if faults.0.len() > 1 { " (the first of several faults, see `errors`)" } else { "" };
    format!("{place}{}{more}", first.detail)
}

/// As many faults as an answer tells.
pub(super) fn shown(faults: Faults) -> Vec<Fault> {
    let mut faults = faults.0;
    faults.truncate(FAULTS_SHOWN_MAX);
    faults
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Content { status, body, headers } = *self.0;
        let mut response = (status, Json(body)).into_response();
        let is_problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, is_problem);
        for (name, value) in headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

impl From<Faults> for Problem {
    fn from(faults: Faults) -> Self {
        Self::invalid("invalid", faults)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded(most) => {
                let detail =
                    format!("{most} commands wait to be stored, as many as may; nothing of this request was");
                Self::too_many("queue_full", detail, OVERLOAD_RETRY_SECONDS)
            }
            StoreError::Unavailable(_) => {
                tracing::warn!(%error, "a request was not served");
                let detail = "the storage takes nothing at this moment; nothing of this request was stored";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", detail)
                    .retry_after(STORAGE_RETRY_SECONDS)
            }
            StoreError::Damaged { .. }
            | StoreError::InUse { .. }
            | StoreError::Format { .. }
            | StoreError::Open { .. }
            | StoreError::Backup { .. }
            | StoreError::NewerBackup { .. }
            | StoreError::MasterKeyMissing
            | StoreError::MasterKeyWrong
            | StoreError::NotEmpty { .. } => Self::internal(&error),
        }
    }
}

/// Answers a path that no call has.
pub(super) async fn unknown_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::not_found(format!("there is no `{path}`; GET /v1/openapi.json lists every call"))
}

/// Answers a method that the path does not take. Which it takes stands in `Allow` (RFC 9110, section 15.5.6).
pub(super) async fn wrong_method(method: Method) -> Problem {
    let detail = format!("this path does not take {method}; the header `Allow` names what it takes");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

/// Answers for a call that panicked, without telling why: that stands in the log.
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response<Body> {
    let words = match panic.downcast::<String>() {
        Ok(words) => *words,
        Err(panic) => panic.downcast::<&str>().map_or_else(|_| String::new(), |words| (*words).to_owned()),
    };
    Problem::internal(&format_args!("a call panicked: {words}")).into_response()
}
