//! The operations webhook: where the account's notifications are sent besides being told here.

use axum::{Json as Answer, extract::State, http::StatusCode};
use leadhook_core::{notification::NotificationKind, operations::OperationsWebhook, settings::Known};
use leadhook_store::Operations;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    body::Json,
    problem::{Problem, ProblemBody},
};

/// Where notifications are to be sent.
#[derive(Debug, ToSchema)]
#[schema(as = OperationsWebhookWanted)]
#[expect(dead_code, reason = "describes what `core::operations::OperationsWebhook` reads")]
pub(super) struct OperationsWanted {
    /// An http or https URL; what webhooks may not be sent to, this may not either.
    #[schema(example = "https://ops.example/leadhook")]
    url: String,
    /// What signs each request, as Standard Webhooks says: `whsec_` and 24 to 64 bytes in base64.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
    /// Which kinds of notifications are sent; all where it is left out, also those that there will be.
    #[schema(example = json!(["webhook_switched_off", "handler_failing"]))]
    kinds: Option<Vec<String>>,
}

/// The operations webhook as it stands. The secret is not told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OperationsWebhook)]
pub(super) struct OperationsShown {
    /// Where notifications are sent.
    url: String,
    /// Which kinds are sent; absent: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    kinds: Option<Vec<String>>,
    /// Whether it is sent to. It is not after it answered 410, until it is set anew.
    active: bool,
    /// How often the notification whose turn it is has failed so far.
    failures: u32,
    /// What the last failure was; absent once something was sent after it.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<String>,
    /// When it is tried again, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    next_attempt_at: Option<String>,
}

impl OperationsShown {
    fn of(Operations { webhook, place }: Operations) -> Self {
        let words = |kinds: std::collections::BTreeSet<NotificationKind>| {
            kinds.into_iter().map(|kind| kind.to_string()).collect()
        };
        let waits = place.failures > 0 && !place.stopped;
        Self {
            url: webhook.url,
            kinds: webhook.kinds.map(words),
            active: !place.stopped,
            failures: place.failures,
            last_failure: place.last_failure,
            next_attempt_at: waits.then(|| place.due.to_rfc3339()),
        }
    }
}

/// Set the operations webhook
///
/// Each notification from now on is sent to it by POST, signed, in order and at least once: JSON with `type`, `timestamp`
/// and `data` (`id`, `webhook`, `plugin`, `detail`); `webhook-id` is the same in every attempt. A failure is tried again for
/// about three days, then the notification is passed over; `GET /v1/notifications` tells it all the same. 410 ends the
/// sending. What fails here makes no notification. Setting it anew goes on at its place, at once.
#[utoipa::path(put, path = "/v1/operations-webhook", tag = "notifications", request_body = OperationsWanted,
    responses(
        (status = 200, description = "Set", body = OperationsShown),
        (status = 422, description = "What cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn put(
    State(api): State<Api>,
    Caller(account): Caller,
    Json(body): Json,
) -> Result<Answer<OperationsShown>, Problem> {
    let addresses = api.addresses();
    let known = Known { addresses: &addresses, account: None };
    let webhook = OperationsWebhook::parse(&body, &known)?;
    let set = api.engine.set_operations_webhook(account, webhook).await?;
    Ok(Answer(OperationsShown::of(set)))
}

/// The operations webhook
#[utoipa::path(get, path = "/v1/operations-webhook", tag = "notifications",
    responses(
        (status = 200, description = "As it stands", body = OperationsShown),
        (status = 404, description = "There is none", body = ProblemBody),
    ))]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(account): Caller,
) -> Result<Answer<OperationsShown>, Problem> {
    let found = api.engine.store().operations_webhook(account).await?;
    found.map(|found| Answer(OperationsShown::of(found))).ok_or_else(none)
}

/// Delete the operations webhook
///
/// What was not sent yet never is.
#[utoipa::path(delete, path = "/v1/operations-webhook", tag = "notifications",
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is none", body = ProblemBody),
    ))]
pub(super) async fn delete(State(api): State<Api>, Caller(account): Caller) -> Result<StatusCode, Problem> {
    match api.engine.store().delete_operations_webhook(account).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(none()),
    }
}

fn none() -> Problem {
    Problem::not_found("the account has no operations webhook; PUT sets one")
}
