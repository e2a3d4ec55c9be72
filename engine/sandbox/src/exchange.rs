//! What passes between the engine and a plugin: the records of `sdk/wit/v1/plugin.wit` in Rust.

use serde::{Deserialize, Serialize};
use wasmtime::component::{ComponentType, Lift, Lower};

/// A name with its value: a form field or a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Pair {
    /// The field's name, or the header's in lower case.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Pair {
    /// A pair of these two.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// A body as bytes, sent as they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Raw {
    /// The value of the header `content-type`.
    #[component(name = "content-type")]
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What is sent. The engine encodes a form: as the body of a POST, as the query of a GET.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift, Lower)]
#[component(variant)]
pub enum Body {
    /// Fields in order; a name may come twice.
    #[component(name = "form")]
    Form(Vec<Pair>),
    /// Bytes of the plugin's making.
    #[component(name = "raw")]
    Raw(Raw),
}

/// The request as it stands at one link of the chain, before it is encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lift, Lower)]
#[component(record)]
pub struct Draft {
    /// `GET` or `POST`.
    pub method: String,
    /// An absolute http(s) URL. That its host may be sent to is checked by whoever sends.
    pub url: String,
    /// The handler's own headers, names in lower case.
    pub headers: Vec<Pair>,
    /// What is sent.
    pub body: Body,
}

/// The delivery that is rendered or judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lower)]
#[component(record)]
pub struct Delivery {
    /// Its id; the `webhook-id` of its requests.
    pub id: String,
    /// The webhook's id.
    pub webhook: String,
    /// The site's id.
    pub site: String,
    /// What the webhook waited for, by its settings' word: `call_completed`.
    pub trigger: String,
    /// When that happened, in Unix milliseconds.
    #[component(name = "occurred-at-ms")]
    pub occurred_at_ms: u64,
    /// Whether it is sent again on request.
    pub resend: bool,
    /// Whether it is a preview or a probe, which goes to nobody or to a test address.
    pub sample: bool,
    /// The whole lead as JSON text. It is handed over as it is, so one text serves the whole chain.
    pub lead: String,
}

/// The handler's answer, its body cut at the engine's limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ComponentType, Lower)]
#[component(record)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case with their values.
    pub headers: Vec<Pair>,
    /// The first bytes of the body.
    pub body: Vec<u8>,
    /// From the start of the attempt to the end of the answer.
    #[component(name = "elapsed-ms")]
    pub elapsed_ms: u32,
}

/// What becomes of the delivery. A plugin's own failure is no verdict but an
/// [`ErrorRecord`](crate::ErrorRecord) of the kind [`Failed`](crate::Kind::Failed).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It goes on, or out, with this request, which was checked.
    Send(Draft),
    /// It ends as skipped, for this reason of at most [`REASON_BYTES_MAX`](crate::REASON_BYTES_MAX) bytes.
    Skip(String),
    /// It is tried again at that time (Unix milliseconds), without an attempt being spent.
    Defer(u64),
}

/// What an answer means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Judgement {
    /// The handler has it.
    Delivered,
    /// Failed: tried again by the retry policy; the number is the seconds that the handler asked to wait.
    RetryAfter(Option<u32>),
    /// Failed for good, for this reason of at most [`REASON_BYTES_MAX`](crate::REASON_BYTES_MAX) bytes.
    Refused(String),
}

/// Why a plugin could not do its work, as it says.
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(record)]
pub(crate) struct OwnFailure {
    pub(crate) code: String,
    #[component(name = "message")]
    pub(crate) detail: String,
    pub(crate) retryable: bool,
}

/// A verdict as it comes out of a plugin, unchecked.
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(variant)]
pub(crate) enum SaidVerdict {
    #[component(name = "send")]
    Send(Draft),
    #[component(name = "skip")]
    Skip(String),
    #[component(name = "defer")]
    Defer(u64),
    #[component(name = "fail")]
    Fail(OwnFailure),
}

/// A judgement as it comes out of a plugin, unchecked.
#[derive(Debug, Clone, ComponentType, Lift)]
#[component(variant)]
pub(crate) enum SaidJudgement {
    #[component(name = "delivered")]
    Delivered,
    #[component(name = "retry-after")]
    RetryAfter(Option<u32>),
    #[component(name = "refused")]
    Refused(String),
}
