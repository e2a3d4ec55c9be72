//! The second way in: the tracking service's own webhooks, by GET or POST, under a token instead of a key.

pub(super) mod tokens;

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{FromRequestParts, Request, State},
    http::{Method, request::Parts},
};
use leadhook_core::{
    fault::Faults,
    id::AccountId,
    relay::{
        Relayed,
        form::{FORM_BYTES_MAX, Form},
    },
    site::Site,
    time::Timestamp,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api, auth, body,
    events::READ_APART_BYTES,
    meter,
    problem::{Problem, ProblemBody},
    query::path_parts,
};

/// What a form's type is called; a body without a type counts as one.
const FORM_TYPE: &str = "application/x-www-form-urlencoded";

/// The site that a request's token stands for.
pub(super) struct Opened {
    account: AccountId,
    site: Arc<Site>,
}

impl FromRequestParts<Api> for Opened {
    type Rejection = Problem;

    /// A token that never was, was revoked, or whose site was deleted is told alike.
    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let [token] = path_parts(parts, api).await.map_err(|_| nothing_here())?;
        let store = api.engine.store();
        let relay = store.relay_of_token(tokens::digest(&token)).await?.ok_or_else(nothing_here)?;
        let site = store.site(relay.account, &relay.site).await?.ok_or_else(nothing_here)?;
        Ok(Self { account: relay.account, site })
    }
}

fn nothing_here() -> Problem {
    Problem::not_found("nothing is taken in here")
}

/// What became of a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RelayAnswer {
    /// The events that it was, in their order; durable now. None for a probe.
    events: Vec<RelayedEvent>,
    /// Why it made no lead.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

/// One event of a webhook.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RelayedEvent {
    /// The event's id, made here.
    id: String,
    /// How many deliveries it made owed.
    deliveries: usize,
}

/// Take a webhook of the tracking service in, by GET
///
/// As by POST, with the pairs in the query.
#[utoipa::path(get, path = "/v1/relay/{token}", tag = "relay", security(()),
    params(("token" = String, Path, description = "The token, as it was made for the site")),
    responses(
        (status = 200, description = "It is durable, or it was a probe", body = RelayAnswer),
        (status = 404, description = "There is nothing here", body = ProblemBody),
        (status = 422, description = "`invalid_webhook`: what is wrong, by parameter", body = ProblemBody),
        (status = 403, description = "`account_suspended`, `account_closed`; `storage_full`: the account has as much stored as it may", body = ProblemBody),
        (status = 429, description = "`rate_exceeded`, `queue_full`: nothing was stored; try again after `Retry-After`", body = ProblemBody),
        (status = 503, description = "Nothing was stored; try again after `Retry-After`", body = ProblemBody),
    ))]
pub(super) async fn get(
    State(api): State<Api>,
    opened: Opened,
    request: Request,
) -> Result<Answer<RelayAnswer>, Problem> {
    take(&api, opened, request).await
}

/// Take a webhook of the tracking service in
///
/// Pairs as the tracking service sends them, under the names of the parameters, with brackets plain or encoded. The webhook
/// becomes events of the token's site: `callconnected` is `call.started`, the first `calldisconnected` `call.ended`, the first
/// request `request.created`; later ones are a change event for each group of facts that differs. A placeholder (`null`,
/// `undefined`, an empty value …) takes a fact back, a missing pair leaves it; parameters that are not known are kept and sent on.
/// Literal macros (`duration={duration}`), an empty body and the header `webhook-test: true` make no lead.
#[utoipa::path(post, path = "/v1/relay/{token}", tag = "relay", security(()),
    params(("token" = String, Path, description = "The token, as it was made for the site")),
    request_body(content((String = "application/x-www-form-urlencoded")), description = "The pairs, at most 1 MiB"),
    responses(
        (status = 200, description = "It is durable, or it was a probe", body = RelayAnswer),
        (status = 404, description = "There is nothing here", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`media_type_not_supported`", body = ProblemBody),
        (status = 422, description = "`invalid_webhook`: what is wrong, by parameter", body = ProblemBody),
        (status = 403, description = "`account_suspended`, `account_closed`; `storage_full`: the account has as much stored as it may", body = ProblemBody),
        (status = 429, description = "`rate_exceeded`, `queue_full`: nothing was stored; try again after `Retry-After`", body = ProblemBody),
        (status = 503, description = "Nothing was stored; try again after `Retry-After`", body = ProblemBody),
    ))]
pub(super) async fn post(
    State(api): State<Api>,
    opened: Opened,
    request: Request,
) -> Result<Answer<RelayAnswer>, Problem> {
    take(&api, opened, request).await
}

async fn take(api: &Api, opened: Opened, request: Request) -> Result<Answer<RelayAnswer>, Problem> {
    auth::refuse_inactive(api, opened.account).await?;
    // Whoever only looks whether something answers sends HEAD, which is served as GET.
    let is_look = request.method() == Method::HEAD;
    let is_test = request.headers().get("webhook-test").is_some_and(|value| value == "true");
    let media_type = body::media_type(request.headers());
    let query = request.uri().query().unwrap_or_default().to_owned();
    let received = body::read(api, request, FORM_BYTES_MAX).await?;
    if is_look || is_test {
        return Ok(no_lead("a probe makes no lead"));
    }
    if let Some(other) = media_type.filter(|given| given != FORM_TYPE && !received.bytes.is_empty()) {
        return Err(body::wrong_media_type(&other, FORM_TYPE));
    }
    let (site, now) = (Arc::clone(&opened.site), api.engine.now());
    let bytes = received.bytes.len();
    let read = move || read(&query, &received.bytes, &site, now);
    let webhook = match bytes > READ_APART_BYTES {
        true => tokio::task::spawn_blocking(read).await.map_err(|failure| Problem::internal(&failure))?,
        false => read(),
    };
    let webhook = webhook.map_err(|faults| Problem::invalid("invalid_webhook", faults))?;
    let Some(webhook) = webhook else { return Ok(no_lead("a probe or nothing at all makes no lead")) };
    meter::admit_events(api, opened.account, 1).await?;
    let receipts = api.engine.relay(opened.account, webhook).await?;
    // A site can only have been deleted in this very moment, with its tokens.
    let receipts = receipts.into_iter().collect::<Result<Vec<_>, _>>().map_err(|_| nothing_here())?;
    let event = |receipt: leadhook_store::Receipt| RelayedEvent {
        id: receipt.event_id,
        deliveries: receipt.deliveries.len(),
    };
    Ok(Answer(RelayAnswer { events: receipts.into_iter().map(event).collect(), note: None }))
}

fn read(query: &str, body: &[u8], site: &Site, now: Timestamp) -> Result<Option<Relayed>, Faults> {
    Relayed::read(Form::parse(&[query.as_bytes(), body])?, site, now)
}

fn no_lead(note: &'static str) -> Answer<RelayAnswer> {
    Answer(RelayAnswer { events: Vec::new(), note: Some(note) })
}
