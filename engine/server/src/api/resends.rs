//! Resends: a period of a webhook's deliveries sent again, how far that is, and calling it off.

use axum::{
    Json as Answer,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use leadhook_core::{
    fault::Fault,
    id::{AccountId, ResendId},
    resend::{Phase, Resend, ResendState, Wanted},
};
use leadhook_store::ResendBegun;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    body::Json,
    problem::{Problem, ProblemBody},
    query::{Id, Query, cursor},
};

/// What is to be sent again.
#[derive(Debug, ToSchema)]
#[schema(as = ResendWanted)]
#[expect(dead_code, reason = "describes what `core::resend::Wanted` reads")]
pub(super) struct ResendWanted {
    /// The webhook whose deliveries are sent again. It must be on.
    #[schema(example = "wh_0a1b2c3d4e5f6")]
    webhook: String,
    /// Deliveries of calls and requests from this time on.
    #[schema(format = DateTime, example = "2026-03-01T00:00:00+03:00")]
    from: String,
    /// Before this time, which is not in the future and at most 31 days after `from`.
    #[schema(format = DateTime, example = "2026-03-08T00:00:00+03:00")]
    to: String,
    /// `all`: every delivery that had at least one attempt, delivered ones too. `failed`: failed ones.
    #[schema(default = "all")]
    only: Option<String>,
    /// `then`: to the URL of then. `current`: to the webhook's URL of now, for a handler that moved.
    #[schema(default = "then")]
    url: Option<String>,
}

/// A resend as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Resend)]
pub(super) struct ResendShown {
    /// Its id.
    #[schema(example = "rs_0a1b2c3d4e5f6")]
    id: String,
    /// The webhook.
    webhook: String,
    /// The beginning of the period.
    #[schema(format = DateTime)]
    from: String,
    /// Its end, which is not of it.
    #[schema(format = DateTime)]
    to: String,
    /// `all` or `failed`.
    only: String,
    /// `then` or `current`.
    url: String,
    /// `running`, `paused` while its webhook is off, `done` or `cancelled`.
    state: String,
    /// When it was asked for. What became owed later is not among it.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ended.
    #[schema(format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// Deliveries of the period: they are counted first, which may take a moment. Of one that was cancelled, those that it
    /// had reached.
    selected: u64,
    /// Sent again with success.
    delivered: u64,
    /// Sent again without success.
    failed: u64,
    /// Not sent again: they go on being tried, were held back, were sent again too often, or were called off.
    skipped: u64,
    /// Of those skipped, the ones that were erased with their clients.
    erased: u64,
}

impl ResendShown {
    fn of(resend: &Resend, webhook_is_on: bool) -> Self {
        let Resend { id, wanted, phase, counts, .. } = resend;
        let ended_at = match phase {
            Phase::Running => None,
            Phase::Done { at } | Phase::Cancelled { at } => Some(at.to_rfc3339()),
        };
        Self {
            id: id.to_string(),
            webhook: wanted.webhook.to_string(),
            from: wanted.from.to_rfc3339(),
            to: wanted.to.to_rfc3339(),
            only: wanted.only.to_string(),
            url: wanted.url.to_string(),
            state: resend.state(webhook_is_on).to_string(),
            created_at: id.0.time().to_rfc3339(),
            ended_at,
            selected: resend.selected(),
            delivered: counts.delivered,
            failed: counts.failed,
            skipped: counts.skipped,
            erased: resend.erased,
        }
    }
}

/// A page of resends, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ResendList {
    /// The resends.
    resends: Vec<ResendShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Send a period again
///
/// Each delivery of the webhook whose call or request is of the period, and which had at least one attempt, is sent again
/// as it was, whatever the settings are now: by a delivery with an id of its own, which handlers get as `webhook-id`, the
/// first one's as `webhook-resend-of`. Fresh leads go first. It goes on over restarts, waits while the webhook is off,
/// and ends with a notification. Of each webhook one at a time; the newest 1,000 are kept.
#[utoipa::path(post, path = "/v1/resends", tag = "resends", request_body = ResendWanted,
    responses(
        (status = 201, description = "It goes on by itself", body = ResendShown),
        (status = 409, description = "`webhook_off`, or `resend_running` with the `resend` that has not ended", body = ProblemBody),
        (status = 422, description = "What cannot be meant, each named: `period_too_long`, `in_the_future`, `ends_before_start`, `before_webhook`, `unknown_webhook` and faults of form", body = ProblemBody),
    ))]
pub(super) async fn create(
    State(api): State<Api>,
    Caller(account): Caller,
    Json(body): Json,
) -> Result<Response, Problem> {
    let wanted = Wanted::parse(&body)?;
    let webhook = wanted.webhook;
    let at_webhook = |code: &'static str, detail: String| {
        Problem::conflict(code, detail.clone()).naming(vec![Fault::new("webhook", code, detail)])
    };
    match api.engine.begin_resend(account, wanted).await? {
        ResendBegun::Begun(resend) => {
            let location = [(header::LOCATION, format!("/v1/resends/{}", resend.id))];
            let shown = ResendShown::of(&resend, true);
            Ok((StatusCode::CREATED, location, Answer(shown)).into_response())
        }
        ResendBegun::Refused(faults) => Err(faults.into()),
        ResendBegun::WebhookOff => {
            let detail =
                format!("the webhook `{webhook}` is off; nothing is sent again before it is switched on");
            Err(at_webhook("webhook_off", detail))
        }
        ResendBegun::AlreadyRunning(id) => {
            let detail =
                format!("the resend `{id}` of this webhook has not ended; wait for it, or cancel it");
            Err(at_webhook("resend_running", detail).with("resend", id.to_string()))
        }
        ResendBegun::UnknownWebhook => {
            let detail = format!("the account has no webhook `{webhook}`");
            Err(Problem::fault("webhook", "unknown_webhook", detail))
        }
    }
}

/// Resends
#[utoipa::path(get, path = "/v1/resends", tag = "resends",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of resends, newest first", body = ResendList),
        (status = 422, description = "Parameters that cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
    mut query: Query,
) -> Result<Answer<ResendList>, Problem> {
    let page = query.page();
    query.finish()?;
    let found = api.engine.store().resends(account, page.limit, page.before).await?;
    let mut resends = Vec::with_capacity(found.rows.len());
    for resend in &found.rows {
        resends.push(show(&api, account, resend).await?);
    }
    Ok(Answer(ResendList { resends, next_cursor: cursor(found.next) }))
}

/// A resend
#[utoipa::path(get, path = "/v1/resends/{id}", tag = "resends",
    params(("id" = String, Path, description = "The resend's id")),
    responses(
        (status = 200, description = "The resend as it stands", body = ResendShown),
        (status = 404, description = "There is no such resend", body = ProblemBody),
    ))]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<ResendId>,
) -> Result<Answer<ResendShown>, Problem> {
    let resend = api.engine.store().resend(account, id).await?.ok_or_else(|| unknown(id))?;
    Ok(Answer(show(&api, account, &resend).await?))
}

/// Cancel a resend
///
/// Nothing more is selected, and what waits of it is cancelled; what is being sent ends in its own way. One that was
/// cancelled before is answered as it is.
#[utoipa::path(delete, path = "/v1/resends/{id}", tag = "resends",
    params(("id" = String, Path, description = "The resend's id")),
    responses(
        (status = 200, description = "It is cancelled", body = ResendShown),
        (status = 404, description = "There is no such resend", body = ProblemBody),
        (status = 409, description = "`ended`: it is done", body = ProblemBody),
    ))]
pub(super) async fn cancel(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<ResendId>,
) -> Result<Answer<ResendShown>, Problem> {
    let resend = api.engine.cancel_resend(account, id).await?.ok_or_else(|| unknown(id))?;
    if let Phase::Done { at } = resend.phase {
        let detail = format!("it was done at {}", at.to_rfc3339());
        return Err(Problem::conflict("ended", detail).with("state", ResendState::Done.word()));
    }
    Ok(Answer(show(&api, account, &resend).await?))
}

async fn show(api: &Api, account: AccountId, resend: &Resend) -> Result<ResendShown, Problem> {
    let webhook = api.engine.store().webhook(account, resend.wanted.webhook).await?;
    Ok(ResendShown::of(resend, webhook.is_some_and(|webhook| webhook.is_on())))
}

fn unknown(id: ResendId) -> Problem {
    Problem::not_found(format!("the account has no resend `{id}`"))
}
