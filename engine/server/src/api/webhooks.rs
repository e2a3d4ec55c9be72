//! Webhooks: made, read, saved as new revisions, deleted.

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use leadhook_core::{
    id::{AccountId, WebhookId},
    settings::Known,
    webhook::{Settings, Switch, Webhook},
};
use leadhook_store::{Revision, Saved};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    body::Json,
    meter, plugins,
    problem::{Problem, ProblemBody},
    query::{Id, Query, cursor},
    schema::settings::WebhookSettings,
};

/// A webhook as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(super) struct WebhookShown {
    /// Its id.
    #[schema(example = "wh_0a1b2c3d4e5f6")]
    id: String,
    /// Its name, or its URL's host where none is set.
    name: String,
    /// The number of its current revision; each save adds one.
    revision: u32,
    /// Whether it sends.
    active: bool,
    /// Why the engine switched it off, where it did so itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    inactive_reason: Option<String>,
    /// When it was first saved.
    #[schema(format = DateTime)]
    created_at: String,
    /// The settings as they were given.
    #[schema(value_type = WebhookSettings)]
    settings: Value,
}

/// A page of webhooks, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookList {
    /// The webhooks.
    webhooks: Vec<WebhookShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A saved state of a webhook's settings.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Revision)]
pub(super) struct RevisionShown {
    /// 1 for the first save.
    revision: u32,
    /// When it was saved.
    #[schema(format = DateTime)]
    saved_at: String,
    /// The settings as they were given.
    #[schema(value_type = WebhookSettings)]
    settings: Value,
}

/// A webhook's revisions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RevisionList {
    /// The revisions.
    revisions: Vec<RevisionShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl WebhookShown {
    /// As calls answer it.
    pub(super) fn of(webhook: &Webhook) -> Self {
        let inactive_reason = match &webhook.switch {
            Switch::Off(reason) => reason.clone(),
            Switch::On | Switch::Deleted => None,
        };
        Self {
            id: webhook.id.to_string(),
            name: webhook.settings.name.clone(),
            revision: webhook.revision,
            active: webhook.is_on(),
            inactive_reason,
            created_at: webhook.created.time().to_rfc3339(),
            settings: webhook.settings.source.clone(),
        }
    }
}

/// The header by which a save says which revision it changes.
pub(super) fn etag(webhook: &Webhook) -> [(HeaderName, String); 1] {
    [(header::ETAG, format!("\"{}\"", webhook.revision))]
}

/// The webhook of this id that is not deleted.
pub(super) async fn find(api: &Api, account: AccountId, id: WebhookId) -> Result<Arc<Webhook>, Problem> {
    let webhook = api.engine.store().webhook(account, id).await?;
    webhook.filter(|webhook| webhook.switch != Switch::Deleted).ok_or_else(|| unknown(id))
}

/// There is no webhook of this id, or there is none any more.
pub(super) fn unknown(id: WebhookId) -> Problem {
    Problem::not_found(format!("the account has no webhook `{id}`"))
}

/// Makes a webhook with these settings and answers it.
pub(super) async fn make(api: &Api, account: AccountId, settings: Settings) -> Result<Response, Problem> {
    let meter = api.meters.of(account);
    let _growing = meter.growing().await;
    let most = meter::quotas(api, account).await?.webhooks as usize;
    if api.engine.store().webhooks(account).await?.len() >= most {
        let detail = format!("the account may have {most} webhooks, and has as many");
        return Err(Problem::conflict("too_many_webhooks", detail));
    }
    let id = WebhookId(rand::random());
    let webhook = api.engine.store().create_webhook(account, id, settings, api.engine.now()).await?;
    let location = [(header::LOCATION, format!("/v1/webhooks/{id}"))];
    let answer = Answer(WebhookShown::of(&webhook));
    Ok((StatusCode::CREATED, location, etag(&webhook), answer).into_response())
}

/// Make a webhook
///
/// It is inactive; `POST /v1/webhooks/{id}/activate` switches it on. Only `url` is required.
#[utoipa::path(post, path = "/v1/webhooks", tag = "webhooks", request_body = WebhookSettings,
    responses(
        (status = 201, description = "Made, inactive, with revision 1", body = WebhookShown),
        (status = 409, description = "`too_many_webhooks`: the account has as many as it may", body = ProblemBody),
        (status = 422, description = "Settings that cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn create(
    State(api): State<Api>,
    Caller(account): Caller,
    Json(settings): Json,
) -> Result<Response, Problem> {
    let holdings = plugins::holdings(&api, account, &settings).await?;
    let addresses = api.addresses();
    let known = Known { addresses: &addresses, account: Some(&holdings) };
    let settings = Settings::parse(&settings, &known)?;
    make(&api, account, settings).await
}

/// All webhooks
#[utoipa::path(get, path = "/v1/webhooks", tag = "webhooks",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of webhooks, newest first", body = WebhookList)))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
    mut query: Query,
) -> Result<Answer<WebhookList>, Problem> {
    let page = query.page();
    query.finish()?;
    let mut webhooks = api.engine.store().webhooks(account).await?;
    webhooks.reverse();
    if let Some(before) = page.before {
        webhooks.retain(|webhook| webhook.created < before);
    }
    let has_next = webhooks.len() > page.limit;
    webhooks.truncate(page.limit);
    let last = webhooks.last().filter(|_| has_next);
    Ok(Answer(WebhookList {
        next_cursor: cursor(last.map(|webhook| webhook.created)),
        webhooks: webhooks.iter().map(|webhook| WebhookShown::of(webhook)).collect(),
    }))
}

/// A webhook
#[utoipa::path(get, path = "/v1/webhooks/{id}", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 200, description = "The webhook; `ETag` is its revision", body = WebhookShown),
        (status = 404, description = "There is no such webhook", body = ProblemBody),
    ))]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<WebhookId>,
) -> Result<Response, Problem> {
    let webhook = find(&api, account, id).await?;
    Ok((etag(&webhook), Answer(WebhookShown::of(&webhook))).into_response())
}

/// Save a webhook's settings
///
/// The settings are replaced whole and become a new revision. With `If-Match: "<revision>"` nothing is saved
/// if somebody else saved meanwhile.
#[utoipa::path(put, path = "/v1/webhooks/{id}", tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook's id"),
        ("If-Match" = Option<String>, Header, description = "The revision that is changed, in quotes, as `ETag` gave it", example = "\"1\""),
    ),
    request_body = WebhookSettings,
    responses(
        (status = 200, description = "Saved as a new revision", body = WebhookShown),
        (status = 404, description = "There is no such webhook", body = ProblemBody),
        (status = 412, description = "`revision_moved`: somebody else saved; `revision` is the current one", body = ProblemBody),
        (status = 422, description = "Settings that cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn put(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<WebhookId>,
    headers: HeaderMap,
    Json(settings): Json,
) -> Result<Response, Problem> {
    let expected = if_match(&headers)?;
    let holdings = plugins::holdings(&api, account, &settings).await?;
    let addresses = api.addresses();
    let known = Known { addresses: &addresses, account: Some(&holdings) };
    let settings = Settings::parse(&settings, &known)?;
    match api.engine.save_webhook(account, id, settings, expected).await? {
        Saved::Saved(webhook) => Ok((etag(&webhook), Answer(WebhookShown::of(&webhook))).into_response()),
        Saved::Unknown => Err(unknown(id)),
        Saved::Moved(revision) => {
            let detail = format!("somebody else saved this webhook: its revision is {revision} now");
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, "revision_moved", detail)
                .with("revision", revision))
        }
    }
}

/// The revision that a save expects (RFC 9110, section 13.1.1); `None` without the header or with `*`.
fn if_match(headers: &HeaderMap) -> Result<Option<u32>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let revision = quoted.unwrap_or(text).parse().ok();
    revision.map(Some).ok_or_else(|| {
        let detail = "`If-Match` names one revision in quotes, as `ETag` gave it: `\"3\"`";
        Problem::new(StatusCode::BAD_REQUEST, "bad_if_match", detail)
    })
}

/// Delete a webhook
///
/// What it still owes is cancelled when it falls due.
#[utoipa::path(delete, path = "/v1/webhooks/{id}", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such webhook", body = ProblemBody),
    ))]
pub(super) async fn delete(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<WebhookId>,
) -> Result<StatusCode, Problem> {
    find(&api, account, id).await?;
    match api.engine.switch_webhook(account, id, Switch::Deleted).await? {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(unknown(id)),
    }
}

/// A webhook's revisions
#[utoipa::path(get, path = "/v1/webhooks/{id}/revisions", tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook's id"),
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "What was saved, newest first", body = RevisionList),
        (status = 404, description = "There is no such webhook", body = ProblemBody),
    ))]
pub(super) async fn revisions(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<WebhookId>,
    mut query: Query,
) -> Result<Answer<RevisionList>, Problem> {
    let page = query.page();
    query.finish()?;
    find(&api, account, id).await?;
    let mut revisions = api.engine.store().revisions(account, id).await?;
    if let Some(before) = page.before {
        revisions.retain(|revision| revision.saved < before);
    }
    let has_next = revisions.len() > page.limit;
    revisions.truncate(page.limit);
    let next_cursor = cursor(revisions.last().filter(|_| has_next).map(|revision| revision.saved));
    let shown = |revision: Revision| RevisionShown {
        revision: revision.number,
        saved_at: revision.saved.time().to_rfc3339(),
        settings: revision.settings,
    };
    Ok(Answer(RevisionList { revisions: revisions.into_iter().map(shown).collect(), next_cursor }))
}
