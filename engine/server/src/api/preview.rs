//! Preview: the request that settings make of a lead, with every value's origin; sent nowhere.

mod wanted;

use std::sync::Arc;

use axum::{Json as Answer, extract::State};
use leadhook_core::{
    delivery::{Fingerprints, Method, Request, StateName},
    event::Trigger,
    id::{AccountId, DeliveryId, Lane, LeadRef, WebhookId},
    preview::{self, Preview, Verdict},
    render::Scene,
    sign,
    time::{Serial, Timestamp},
    webhook::Settings,
};
use leadhook_store::{Shown, query::DeliveryQuery};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    body::Json,
    leads::LeadName,
    problem::{Problem, ProblemBody},
    schema::{event::EventIn, settings::WebhookSettings},
};

/// What to show.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `wanted` reads")]
pub(super) struct PreviewWanted {
    /// A webhook's id, or settings, saved or not.
    #[schema(value_type = WebhookChoice)]
    webhook: Value,
    /// A lead, events that make one, or nothing: a sample lead.
    #[schema(value_type = Option<LeadChoice>)]
    lead: Option<Value>,
    /// What fires: that of the last event unless named, or the end of a lead that is known.
    #[schema(example = "call_ended")]
    trigger: Option<String>,
}

/// A webhook's id, or settings.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `wanted` reads")]
#[serde(untagged)]
pub(super) enum WebhookChoice {
    /// A webhook's id.
    Id(String),
    /// Settings.
    Settings(Box<WebhookSettings>),
}

/// A lead that is known, or events that make one.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `wanted` reads")]
#[serde(untagged)]
pub(super) enum LeadChoice {
    /// A lead that is known.
    Known(LeadName),
    /// Events of one lead, in their order; stored nowhere.
    Events(Vec<EventIn>),
}

/// The request that would be sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Preview)]
pub(super) struct PreviewShown {
    /// Whether it would be sent.
    #[schema(value_type = VerdictShown)]
    verdict: Verdict,
    /// The lead that is shown.
    lead: LeadName,
    /// What fires.
    trigger: &'static str,
    /// `GET` or `POST`.
    #[schema(value_type = String, example = "POST")]
    method: Method,
    /// The URL with its query.
    url: String,
    /// Names in lower case with their values, those that an attempt adds among them.
    headers: Vec<(String, String)>,
    /// The body as text; empty for GET.
    body: String,
    /// Every parameter that this kind of lead has, in the order of the catalogue.
    #[schema(value_type = Vec<ParameterSent>)]
    parameters: Vec<preview::Shown>,
    /// What to know about the request, such as a URL over 8 KiB.
    warnings: Vec<String>,
}

/// Whether the settings' filters let the lead pass.
#[derive(Debug, ToSchema)]
#[schema(as = Verdict)]
#[expect(dead_code, reason = "describes `core::preview::Verdict`, which knows nothing of OpenAPI")]
pub(super) struct VerdictShown {
    /// `send`, or `skip`: it would be held back, and the request is shown all the same.
    decision: String,
    /// Why it would be held back.
    reason: Option<String>,
}

/// One parameter as it would be sent.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes `core::preview::Shown`, which knows nothing of OpenAPI")]
pub(super) struct ParameterSent {
    /// Its name in the catalogue.
    name: String,
    /// The name it is sent under; `null` when the settings leave it out.
    sent_as: Option<String>,
    /// Text, a list of records, or `null` where no pair is sent.
    value: Value,
    /// Where the value comes from.
    #[schema(example = "stated by the source")]
    origin: String,
    /// Whether a pair is sent.
    sent: bool,
    /// Why it is not sent, or not what might be expected.
    note: Option<String>,
}

/// Show the request that settings make of a lead
///
/// Nothing is stored or sent. Filters are told in `verdict`; the request is shown whatever they say.
#[utoipa::path(post, path = "/v1/preview", tag = "webhooks", request_body = PreviewWanted,
    responses(
        (status = 200, description = "The request, with every parameter's origin", body = PreviewShown),
        (status = 422, description = "Settings, events or names that cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn post(
    State(api): State<Api>,
    Caller(account): Caller,
    Json(body): Json,
) -> Result<Answer<PreviewShown>, Problem> {
    let now = api.engine.now();
    let wanted = wanted::read(&body, &api.known())?;
    let webhook = wanted::webhook(&api, account, wanted.webhook).await?;
    let subject = wanted::subject(&api, account, wanted.lead, wanted.trigger, &webhook.settings, now).await?;
    let id = webhook.id.unwrap_or(WebhookId(0));
    let delivery =
        DeliveryId { lane: Lane { webhook: id, lead: subject.lead.serial }, serial: Serial::at(now) };
    let previous = match (webhook.id, subject.is_known) {
        (Some(id), true) => last_delivered(&api, account, id, &subject.lead.reference).await?,
        _ => None,
    };
    let keys = api.engine.keys(account).await?;
    let shown = preview::preview(&Scene {
        delivery,
        trigger: subject.trigger,
        lead: &subject.lead,
        site: &subject.site,
        settings: &webhook.settings,
        revision: webhook.revision,
        previous: previous.as_ref(),
        lane_goes_on: false,
        keys: &keys,
        now,
    });
    let lead = LeadName::of(&subject.lead.reference);
    Ok(Answer(answer(shown, lead, subject.trigger, delivery, &webhook.settings, now)))
}

/// What the lane's last delivered delivery sent, by which `changedFields` is told.
async fn last_delivered(
    api: &Api,
    account: AccountId,
    webhook: WebhookId,
    lead: &LeadRef,
) -> Result<Option<Fingerprints>, Problem> {
    let wanted = DeliveryQuery {
        webhook: Some(webhook),
        lead: Some(lead.clone()),
        state: Some(StateName::Delivered),
        limit: 1,
        ..DeliveryQuery::default()
    };
    let mut found = api.engine.store().deliveries(account, wanted).await?;
    let Some(Shown { delivery, .. }) = found.rows.pop() else { return Ok(None) };
    let sent = delivery.attempts.last().and_then(|attempt| delivery.sent_by(attempt));
    Ok(sent.and_then(|rendering| rendering.fingerprints.clone()))
}

fn answer(
    shown: Preview,
    lead: LeadName,
    trigger: Trigger,
    delivery: DeliveryId,
    settings: &Arc<Settings>,
    now: Timestamp,
) -> PreviewShown {
    let Preview { verdict, method, url, headers, body, parameters, warnings } = shown;
    let mut request = Request { method, url, headers, body: body.into_bytes() };
    let (id, seconds) = (delivery.to_string(), now.unix_seconds());
    let signature = sign::signature(&settings.signing, &id, seconds, request.signed_content());
    let mut headers = std::mem::take(&mut request.headers);
    headers.push(("webhook-id".to_owned(), id));
    headers.push(("webhook-timestamp".to_owned(), seconds.to_string()));
    headers.extend(signature.map(|signature| ("webhook-signature".to_owned(), signature)));
    PreviewShown {
        verdict,
        lead,
        trigger: trigger.word(),
        method,
        url: request.url,
        headers,
        body: String::from_utf8_lossy(&request.body).into_owned(),
        parameters,
        warnings,
    }
}
