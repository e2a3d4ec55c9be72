//! Deliveries: what is owed to handlers and what became of it; sending and cancelling by hand.

pub(super) mod replay;
pub(super) mod shown;

use axum::{
    Json as Answer,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use leadhook_core::{
    delivery::{RESENDS_MAX, StateName},
    event::Trigger,
    id::{DeliveryId, LeadRef, SiteId, WebhookId},
    lead::LeadKind,
};
use leadhook_store::{ByHand, query::DeliveryQuery};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    problem::{Problem, ProblemBody},
    query::{Id, Named as _, Query, cursor},
};
use shown::{DeliveryShown, DeliveryWhole};

/// A page of deliveries, the newest owed first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryList {
    /// The deliveries.
    deliveries: Vec<DeliveryShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A delivery that goes out by hand.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sent {
    /// The id of the delivery that goes out: the one that was named, or another that sends it again.
    id: String,
    /// The delivery that is sent again, where it had ended after a request was made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    resend_of: Option<String>,
    /// When it may go out; those before it in its lane go first.
    #[schema(format = DateTime)]
    due: Option<String>,
}

/// Deliveries
#[utoipa::path(get, path = "/v1/deliveries", tag = "deliveries",
    params(
        ("webhook" = Option<String>, Query, description = "Of this webhook"),
        ("site" = Option<String>, Query, description = "Of leads of this site"),
        ("lead" = Option<String>, Query, description = "Of this lead: `site/type/id`, or `type/id` together with `site`", example = "60001/call/1290551239"),
        ("state" = Option<String>, Query, description = "`scheduled`, `sending`, `retrying`, `delivered`, `skipped`, `failed` or `cancelled`"),
        ("trigger" = Option<String>, Query, description = "For this trigger, such as `call_ended`"),
        ("from" = Option<String>, Query, description = "Owed since this time or later"),
        ("to" = Option<String>, Query, description = "Owed since before this time"),
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of deliveries, the newest owed first", body = DeliveryList),
        (status = 422, description = "Parameters that cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
    mut query: Query,
) -> Result<Answer<DeliveryList>, Problem> {
    let webhook =
        query.get("webhook", |text| WebhookId::by_id(text).map_err(|detail| ("bad_webhook_id", detail)));
    let site = query.site();
    let lead = query.get("lead", |text| lead(text, site.as_ref()));
    let state = query.word("state", StateName::ALL);
    let trigger = query.word("trigger", Trigger::ALL);
    let (from, to) = (query.time("from"), query.time("to"));
    let page = query.page();
    query.finish()?;
    let (limit, before) = (page.limit, page.before);
    let wanted = DeliveryQuery { webhook, site, lead, state, trigger, from, to, limit, before };
    let found = api.engine.store().deliveries(account, wanted).await?;
    Ok(Answer(DeliveryList {
        deliveries: found.rows.iter().map(DeliveryShown::of).collect(),
        next_cursor: cursor(found.next),
    }))
}

/// A lead as a query names it: `type/id` on the site named beside it, or `site/type/id`.
fn lead(text: &str, site: Option<&SiteId>) -> Result<LeadRef, (&'static str, String)> {
    let of = |site: SiteId, rest: &str| {
        let (kind, id) = rest.split_once('/')?;
        let kind = LeadKind::by_word(kind)?;
        Some(LeadRef { site, kind, id: id.to_owned() }).filter(|lead| !lead.id.is_empty())
    };
    let beside = site.and_then(|site| of(site.clone(), text));
    let whole = || {
        let (site, rest) = text.split_once('/')?;
        of(SiteId::new(site)?, rest)
    };
    beside.or_else(whole).ok_or_else(|| {
        let detail = "a lead is written as `site/type/id`, or as `type/id` together with `site`; \
                      its type is `call` or `request`";
        ("bad_lead", detail.to_owned())
    })
}

/// A delivery
#[utoipa::path(get, path = "/v1/deliveries/{id}", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery's id, which handlers get as `webhook-id`")),
    responses(
        (status = 200, description = "The delivery with its attempts: what was sent, and what came back", body = DeliveryWhole),
        (status = 404, description = "There is no such delivery", body = ProblemBody),
    ))]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<DeliveryId>,
) -> Result<Answer<DeliveryWhole>, Problem> {
    match api.engine.store().delivery(account, id).await? {
        Some(shown) => Ok(Answer(DeliveryWhole::of(&shown))),
        None => Err(unknown(id)),
    }
}

/// Send a delivery now
///
/// Makes one that waits due now. One that ended before any request was made of it is taken up again. One that ended
/// later, delivered ones too, is sent again as it was, by a delivery with an id of its own: with the settings, the site,
/// the lead and the plugins of then, and without asking filters. Handlers get that id as `webhook-id` and the first's as
/// `webhook-resend-of`; its success makes a failed or cancelled first one delivered.
#[utoipa::path(post, path = "/v1/deliveries/{id}/send", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery's id")),
    responses(
        (status = 202, description = "It goes out", body = Sent),
        (status = 404, description = "There is no such delivery", body = ProblemBody),
        (status = 409, description = "`already_sending`; `skipped` with its `reason`; `erased` with its client; `webhook_off` and `sent_too_often` where it would be sent again", body = ProblemBody),
    ))]
pub(super) async fn send(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<DeliveryId>,
) -> Result<Response, Problem> {
    let (id, resend_of, due) = match api.engine.send_now(account, id).await? {
        ByHand::Done { due } => (id, None, due),
        ByHand::SentAgain { by, first, due } => (by, Some(first), Some(due)),
        other => return Err(refused(id, other)),
    };
    let sent = Sent {
        id: id.to_string(),
        resend_of: resend_of.map(|first| first.to_string()),
        due: due.map(|due| due.to_rfc3339()),
    };
    Ok((StatusCode::ACCEPTED, Answer(sent)).into_response())
}

/// Cancel a delivery
///
/// It must be waiting: one that is being sent or has ended stays as it is.
#[utoipa::path(post, path = "/v1/deliveries/{id}/cancel", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery's id")),
    responses(
        (status = 200, description = "It is cancelled", body = DeliveryShown),
        (status = 404, description = "There is no such delivery", body = ProblemBody),
        (status = 409, description = "`already_sending`; `skipped` with its `reason`; `ended` with its `state`", body = ProblemBody),
    ))]
pub(super) async fn cancel(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<DeliveryId>,
) -> Result<Answer<DeliveryShown>, Problem> {
    match api.engine.cancel(account, id).await? {
        ByHand::Done { .. } => match api.engine.store().delivery(account, id).await? {
            Some(shown) => Ok(Answer(DeliveryShown::of(&shown))),
            None => Err(unknown(id)),
        },
        other => Err(refused(id, other)),
    }
}

fn unknown(id: DeliveryId) -> Problem {
    Problem::not_found(format!("the account has no delivery `{id}`"))
}

fn erased() -> Problem {
    Problem::conflict("erased", "it was erased with its client; there is nothing left to be sent")
}

/// Why a command by hand was not carried out.
fn refused(id: DeliveryId, answer: ByHand) -> Problem {
    match answer {
        ByHand::Unknown | ByHand::Done { .. } | ByHand::SentAgain { .. } => unknown(id),
        ByHand::Sending => Problem::conflict("already_sending", "it is being sent at this moment"),
        ByHand::Erased => erased(),
        ByHand::WebhookOff => {
            Problem::conflict("webhook_off", "it has ended, and is sent again only while its webhook is on")
        }
        ByHand::SentTooOften => Problem::conflict(
            "sent_too_often",
            format!("it was sent again {RESENDS_MAX} times, which is the most"),
        ),
        ByHand::Ended { state, reason } => {
            let why = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            let code = if state == StateName::Skipped { "skipped" } else { "ended" };
            let problem = Problem::conflict(code, format!("it has ended as {state}{why}"));
            let problem = problem.with("state", state.word());
            match reason {
                Some(reason) => problem.with("reason", reason),
                None => problem,
            }
        }
    }
}
