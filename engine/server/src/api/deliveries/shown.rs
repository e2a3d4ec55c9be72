//! How deliveries are shown: briefly in lists, whole with everything that was sent and came back.

use leadhook_core::{
    delivery::{Attempt, Delivery, Method, Rendering, Request, StateName},
    outcome::Outcome,
};
use leadhook_store::Shown;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::{leads::LeadName, plugins::shown::RunShown};

/// The most bytes of a request's body that are shown with each attempt; whole it stands with its rendering.
const ATTEMPT_BODY_BYTES_MAX: usize = 64 * 1024;

/// What is owed to a handler, in brief.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(in crate::api) struct DeliveryShown {
    /// Its id; handlers get it as `webhook-id`.
    id: String,
    /// The delivery that it sends again as it was; handlers get it as `webhook-resend-of`.
    #[serde(skip_serializing_if = "Option::is_none")]
    resend_of: Option<String>,
    /// The webhook's id.
    webhook: String,
    /// The lead.
    lead: LeadName,
    /// What fired.
    #[schema(example = "call_ended")]
    trigger: &'static str,
    /// `scheduled`, `sending`, `retrying`, `delivered`, `skipped`, `failed` or `cancelled`.
    state: &'static str,
    /// Why it was skipped, failed or cancelled.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it may go out, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    due: Option<String>,
    /// When it happened, by the source's clock.
    #[schema(format = DateTime)]
    occurred_at: String,
    /// Since when it is owed.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// How many attempts were made.
    attempt_count: usize,
    /// What the last attempt came to, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "the handler answered 503")]
    last_outcome: Option<String>,
}

/// What is owed to a handler, with everything that was sent and came back.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct DeliveryWhole {
    /// In brief.
    #[serde(flatten)]
    delivery: DeliveryShown,
    /// The requests that were made for it, oldest first; a second one only where settings were saved between attempts.
    renderings: Vec<RenderingShown>,
    /// The attempts, oldest first.
    attempts: Vec<AttemptShown>,
    /// What plugins and scripts did, oldest first; the last 40 runs.
    plugins: Vec<RunShown>,
    /// The deliveries that send it again, oldest first. The success of one makes it delivered.
    resends: Vec<String>,
}

/// A request as it was made from a lead.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rendering)]
pub(in crate::api) struct RenderingShown {
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// By which revision of the webhook.
    revision: u32,
    /// By which revision of the site.
    site_revision: u32,
    /// From which version of the lead.
    lead_version: u32,
    /// What is sent.
    request: RequestShown,
    /// What to know about it, such as a URL over 8 KiB.
    warnings: Vec<String>,
}

/// An HTTP request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Request)]
pub(in crate::api) struct RequestShown {
    /// `GET` or `POST`.
    #[schema(value_type = String, example = "POST")]
    method: Method,
    /// The URL with its query.
    url: String,
    /// Names in lower case with their values. An attempt adds `webhook-id`, `webhook-timestamp`, of a resend
    /// `webhook-resend-of` and, where the webhook has secrets, `webhook-signature`, which is not shown.
    headers: Vec<(String, String)>,
    /// The body as text; empty for GET.
    body: String,
    /// Whether the body is shown only to its first 64 KiB; it stands whole with its rendering.
    body_cut: bool,
}

/// One HTTP exchange.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(in crate::api) struct AttemptShown {
    /// 1 for the first.
    number: u32,
    /// When it began.
    #[schema(format = DateTime)]
    started_at: String,
    /// How long it took, in milliseconds.
    elapsed_ms: u32,
    /// Which of `renderings` was sent, from 0; left out when a plugin failed before there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    rendering: Option<u32>,
    /// What was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestShown>,
    /// What came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<ResponseShown>,
    /// Why no whole answer came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<BrokenShown>,
}

/// A handler's answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Response)]
pub(in crate::api) struct ResponseShown {
    /// The HTTP status.
    status: u16,
    /// Names in lower case with their values.
    headers: Vec<(String, String)>,
    /// The body as text.
    body: String,
    /// Whether the body went on beyond the 64 KiB that are kept.
    body_cut: bool,
}

/// Why an attempt came to no whole answer.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Broken)]
pub(in crate::api) struct BrokenShown {
    /// A stable word, such as `connection_refused`.
    kind: &'static str,
    /// In words.
    detail: String,
    /// The status, where one had come before the break.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

impl DeliveryShown {
    /// A delivery in brief.
    pub(in crate::api) fn of(shown: &Shown) -> Self {
        let Shown { delivery, sending } = shown;
        let state = if *sending { StateName::Sending } else { delivery.state.name() };
        Self {
            id: delivery.id.to_string(),
            resend_of: delivery.resend_of.as_ref().map(|of| of.first.to_string()),
            webhook: delivery.id.lane.webhook.to_string(),
            lead: LeadName::of(&delivery.lead),
            trigger: delivery.trigger.word(),
            state: state.word(),
            reason: delivery.state.reason().map(str::to_owned),
            due: delivery.state.due().map(|due| due.to_rfc3339()),
            occurred_at: delivery.occurred_at.to_rfc3339(),
            created_at: delivery.id.serial.time().to_rfc3339(),
            ended_at: delivery.state.ended_at().map(|at| at.to_rfc3339()),
            attempt_count: delivery.attempts.len(),
            last_outcome: delivery.attempts.last().map(|attempt| attempt.outcome.summary()),
        }
    }
}

impl DeliveryWhole {
    /// A delivery with all that was sent and came back.
    pub(in crate::api) fn of(shown: &Shown) -> Self {
        let delivery = &shown.delivery;
        Self {
            delivery: DeliveryShown::of(shown),
            renderings: delivery.renderings.iter().map(RenderingShown::of).collect(),
            attempts: delivery.attempts.iter().map(|attempt| AttemptShown::of(attempt, delivery)).collect(),
            plugins: delivery.runs.iter().map(RunShown::of).collect(),
            resends: delivery.resends.iter().map(ToString::to_string).collect(),
        }
    }
}

impl RenderingShown {
    fn of(rendering: &Rendering) -> Self {
        Self {
            at: rendering.at.to_rfc3339(),
            revision: rendering.revision,
            site_revision: rendering.site_revision,
            lead_version: rendering.lead_version,
            request: RequestShown::of(&rendering.request, usize::MAX),
            warnings: rendering.warnings.clone(),
        }
    }
}

impl RequestShown {
    /// A request, its body to so many bytes.
    pub(in crate::api) fn of(request: &Request, body_bytes_max: usize) -> Self {
        let body_cut = request.body.len() > body_bytes_max;
        let kept = request.body.get(..body_bytes_max).unwrap_or(&request.body);
        Self {
            method: request.method,
            url: request.url.clone(),
            headers: request.headers.clone(),
            body: String::from_utf8_lossy(kept).into_owned(),
            body_cut,
        }
    }
}

impl AttemptShown {
    fn of(attempt: &Attempt, delivery: &Delivery) -> Self {
        let sent = delivery.sent_by(attempt);
        let request = sent.map(|rendering| {
            let mut request = RequestShown::of(&rendering.request, ATTEMPT_BODY_BYTES_MAX);
            let timestamp = attempt.started_at.unix_seconds().to_string();
            request.headers.push(("webhook-id".to_owned(), delivery.id.to_string()));
            request.headers.push(("webhook-timestamp".to_owned(), timestamp));
            let resend_of =
                delivery.resend_of.as_ref().map(|of| ("webhook-resend-of".to_owned(), of.first.to_string()));
            request.headers.extend(resend_of);
            request
        });
        let (response, broken) = match &attempt.outcome {
            Outcome::Answered(answer) => {
                let response = ResponseShown {
                    status: answer.status,
                    headers: answer.headers.clone(),
                    body: String::from_utf8_lossy(&answer.body).into_owned(),
                    body_cut: answer.body_cut,
                };
                (Some(response), None)
            }
            Outcome::Broken { kind, detail, status } => {
                let broken = BrokenShown { kind: kind.word(), detail: detail.clone(), status: *status };
                (None, Some(broken))
            }
            Outcome::Withheld { .. } => {
                let broken =
                    BrokenShown { kind: "plugin_failed", detail: attempt.outcome.summary(), status: None };
                (None, Some(broken))
            }
        };
        Self {
            number: attempt.number,
            started_at: attempt.started_at.to_rfc3339(),
            elapsed_ms: attempt.elapsed_ms,
            rendering: attempt.rendering,
            request,
            response,
            broken,
        }
    }
}
