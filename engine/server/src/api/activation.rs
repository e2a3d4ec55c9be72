//! Switching a webhook on and off, and copying it.

use axum::{
    Json as Answer,
    extract::State,
    response::{IntoResponse as _, Response},
};
use leadhook_core::{
    fault::Faults,
    id::WebhookId,
    outcome::Outcome,
    read::Reader,
    settings::NAME_CHARACTERS_MAX,
    webhook::{Settings, Switch},
};
use leadhook_runtime::Activation;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    body::OptionalJson,
    problem::{Problem, ProblemBody},
    query::Id,
    webhooks::{self, WebhookShown},
};

/// How much of a handler's answer is shown, in characters.
const EXCERPT_CHARACTERS_MAX: usize = 2_000;

/// How a webhook is activated.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `force` reads")]
pub(super) struct HowToActivate {
    /// Whether it is switched on even if the handler does not answer with success.
    #[schema(default = false)]
    force: Option<bool>,
}

/// A webhook that was switched on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Activated {
    /// The webhook.
    #[serde(flatten)]
    webhook: WebhookShown,
    /// What the handler answered to the probe.
    probe: ProbeAnswer,
}

/// What a handler answered to a probe: a status with the beginning of the body, or why there was no answer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProbeAnswer {
    /// The HTTP status, where there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// The beginning of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Why there was no whole answer: a stable word such as `connection_refused`.
    #[serde(skip_serializing_if = "Option::is_none")]
    broken: Option<&'static str>,
    /// What happened, in words.
    summary: String,
}

impl ProbeAnswer {
    fn of(outcome: &Outcome) -> Self {
        let summary = outcome.summary();
        match outcome {
            Outcome::Answered(answer) => {
                let text = String::from_utf8_lossy(&answer.body);
                let excerpt = text.chars().take(EXCERPT_CHARACTERS_MAX).collect();
                Self { status: Some(answer.status), body: Some(excerpt), broken: None, summary }
            }
            Outcome::Broken { kind, status, .. } => {
                Self { status: *status, body: None, broken: Some(kind.word()), summary }
            }
            Outcome::Withheld { .. } => {
                Self { status: None, body: None, broken: Some("plugin_failed"), summary }
            }
        }
    }
}

/// Switch a webhook on
///
/// A probe with a sample lead, marked by the header `webhook-test: true`, is sent first. If the handler does not
/// answer it with success the webhook stays off, unless `force` is set.
#[utoipa::path(post, path = "/v1/webhooks/{id}/activate", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    request_body(content = inline(Option<HowToActivate>), description = "Nothing, or how"),
    responses(
        (status = 200, description = "It is on; `probe` is what the handler answered", body = Activated),
        (status = 404, description = "There is no such webhook", body = ProblemBody),
        (status = 409, description = "`handler_not_ok`: it stays off; `answer` is what came back", body = ProblemBody),
    ))]
pub(super) async fn activate(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<WebhookId>,
    OptionalJson(body): OptionalJson,
) -> Result<Response, Problem> {
    let force = force(&body.unwrap_or_else(|| json!({})))?;
    match api.engine.activate(account, id, force).await? {
        Activation::On { webhook, outcome } => {
            let answer = Activated { webhook: WebhookShown::of(&webhook), probe: ProbeAnswer::of(&outcome) };
            Ok((webhooks::etag(&webhook), Answer(answer)).into_response())
        }
        Activation::Refused { outcome, .. } => {
            let detail = format!(
                "the webhook stays off, since its handler did not answer the probe with success: {}; \
                 `{{\"force\": true}}` switches it on all the same",
                outcome.summary()
            );
            let answer = serde_json::to_value(ProbeAnswer::of(&outcome)).unwrap_or_default();
            Err(Problem::conflict("handler_not_ok", detail).with("answer", answer))
        }
        Activation::Unknown => Err(webhooks::unknown(id)),
    }
}

fn force(body: &Value) -> Result<bool, Faults> {
    let mut reader = Reader::default();
    let read = |reader: &mut Reader| {
        let mut fields = reader.object(body, "")?;
        let force = fields.get_non_null("force").map_or(Some(false), |value| reader.boolean(value, "force"));
        fields.refuse_unknown(reader);
        force
    };
    let force = read(&mut reader);
    reader.finish(force)
}

/// Switch a webhook off
///
/// A trigger that happens while it is off owes nothing; a delivery that falls due while it is off is cancelled.
#[utoipa::path(post, path = "/v1/webhooks/{id}/deactivate", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "It is off", body = WebhookShown),
        (status = 404, description = "There is no such webhook", body = ProblemBody),
    ))]
pub(super) async fn deactivate(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<WebhookId>,
) -> Result<Response, Problem> {
    webhooks::find(&api, account, id).await?;
    match api.engine.switch_webhook(account, id, Switch::Off(None)).await? {
        Some(webhook) => Ok((webhooks::etag(&webhook), Answer(WebhookShown::of(&webhook))).into_response()),
        None => Err(webhooks::unknown(id)),
    }
}

/// Copy a webhook
///
/// All settings, under the name with ` (copy)` after it; the copy is inactive.
#[utoipa::path(post, path = "/v1/webhooks/{id}/copy", tag = "webhooks",
    params(("id" = String, Path, description = "The id of the webhook that is copied")),
    responses(
        (status = 201, description = "The copy, inactive, with revision 1", body = WebhookShown),
        (status = 404, description = "There is no such webhook", body = ProblemBody),
        (status = 409, description = "`too_many_webhooks`: the account has as many as it may", body = ProblemBody),
    ))]
pub(super) async fn copy(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<WebhookId>,
) -> Result<Response, Problem> {
    let webhook = webhooks::find(&api, account, id).await?;
    let mut source = webhook.settings.source.clone();
    if let Value::Object(fields) = &mut source {
        fields.insert("name".to_owned(), copy_name(&webhook.settings.name).into());
    }
    // What was saved once may be copied; an address forbidden since is found out where it is used.
    let settings = Settings::restore(&source)?;
    webhooks::make(&api, account, settings).await
}

/// The name with ` (copy)` after it, shortened where it would be too long.
fn copy_name(name: &str) -> String {
    const MARK: &str = " (copy)";
    let kept: String = name.chars().take(NAME_CHARACTERS_MAX - MARK.chars().count()).collect();
    format!("{}{MARK}", kept.trim_end())
}
