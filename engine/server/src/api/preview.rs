//! Preview: the request that settings make of a lead, with every value's origin; sent nowhere.

pub(super) mod wanted;

use axum::{Json as Answer, extract::State};
use leadhook_core::{
    delivery::{Fingerprints, Method, Rendering, Request, StateName},
    id::{AccountId, DeliveryId, Lane, LeadRef, WebhookId},
    preview::{self, Preview, Verdict},
    render::{self, Scene, Sketch},
    settings::Known,
    sign,
    time::Serial,
};
use leadhook_sandbox::chain::End;
use leadhook_store::{Shown, query::DeliveryQuery};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    body::Json,
    leads::LeadName,
    plugins::{
        self,
        dry_run::{self, DryRun, VerdictShown},
        shown::RunShown,
    },
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
    /// Whether it would be sent: what the settings' filters say, and then the plugins.
    verdict: VerdictShown,
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
    /// What the plugins of `transform` did, in order. Their state is empty here, and the lead a sample.
    plugins: Vec<RunShown>,
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
/// Nothing is stored or sent. Filters and plugins are told in `verdict`; the request is shown whatever they say, as the
/// plugins let it out, or as it was before them where they do not.
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
    let holdings = plugins::holdings(&api, account, &body["webhook"]).await?;
    let addresses = api.addresses();
    let known = Known { addresses: &addresses, account: Some(&holdings) };
    let wanted = wanted::read(&body, &known)?;
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
    let scene = Scene {
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
    };
    let shown = Box::pin(through_plugins(&api, account, &scene, preview::preview(&scene))).await?;
    Ok(Answer(answer(&scene, shown)))
}

/// A preview after the plugins of its settings.
struct Through {
    preview: Preview,
    verdict: VerdictShown,
    body: Vec<u8>,
    plugins: Vec<RunShown>,
}

/// Passes the request through the settings' chain, if they have one.
async fn through_plugins(
    api: &Api,
    account: AccountId,
    scene: &Scene<'_>,
    mut preview: Preview,
) -> Result<Through, Problem> {
    let filtered = match preview.verdict.clone() {
        Verdict::Send => None,
        Verdict::Skip { reason } => Some(VerdictShown::skip(reason)),
    };
    let body = std::mem::take(&mut preview.body).into_bytes();
    if scene.settings.transform.is_empty() {
        let verdict = filtered.unwrap_or(VerdictShown::SEND);
        return Ok(Through { preview, verdict, body, plugins: Vec::new() });
    }
    let links = dry_run::ready(api, account, &scene.settings.transform).await?;
    let Sketch { request, lead, kept } = render::sketch(scene);
    let dry_run = DryRun::of(api, account, scene, lead).await?;
    let passed = dry_run.pass(api, links, request).await?;
    let verdict = filtered.unwrap_or_else(|| VerdictShown::of(&passed.end));
    let plugins = passed.runs.iter().map(RunShown::of).collect();
    let End::Send(request) = passed.end else { return Ok(Through { preview, verdict, body, plugins }) };
    let Rendering { request, warnings, .. } = kept.rendering(scene, request);
    let Request { method, url, headers, body } = request;
    Ok(Through { preview: Preview { method, url, headers, warnings, ..preview }, verdict, body, plugins })
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

fn answer(scene: &Scene<'_>, shown: Through) -> PreviewShown {
    let Through { preview, verdict, body, plugins } = shown;
    let Preview { method, url, headers, parameters, warnings, .. } = preview;
    let mut request = Request { method, url, headers, body };
    let (id, seconds) = (scene.delivery.to_string(), scene.now.unix_seconds());
    let signature = sign::signature(&scene.settings.signing, &id, seconds, request.signed_content());
    let mut headers = std::mem::take(&mut request.headers);
    headers.push(("webhook-id".to_owned(), id));
    headers.push(("webhook-timestamp".to_owned(), seconds.to_string()));
    headers.extend(signature.map(|signature| ("webhook-signature".to_owned(), signature)));
    PreviewShown {
        verdict,
        lead: LeadName::of(&scene.lead.reference),
        trigger: scene.trigger.word(),
        method,
        url: request.url,
        headers,
        body: String::from_utf8_lossy(&request.body).into_owned(),
        parameters,
        warnings,
        plugins,
    }
}
