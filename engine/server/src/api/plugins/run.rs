//! Runs one plugin on a lead and a request, to see what it does; nothing is sent or kept.

mod wanted;

use axum::{Json as Answer, extract::State};
use leadhook_core::{
    encode::Unencoded,
    id::{AccountId, DeliveryId, Lane, WebhookId},
    render::{self, Scene},
    settings::Known,
    time::Serial,
    webhook::{Link, OnError},
};
use leadhook_sandbox::chain::{self, End};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    PluginName,
    dry_run::{self, DryRun, VerdictShown},
    shown::RunShown,
};
use crate::api::{
    Api,
    auth::Caller,
    body::Json,
    deliveries::shown::RequestShown,
    leads::LeadName,
    plugins,
    preview::wanted as preview,
    problem::{Problem, ProblemBody},
    query::Id,
};
pub(in crate::api) use wanted::RunWanted;
use wanted::Wanted;

/// What a plugin did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunAnswer)]
pub(in crate::api) struct RunAnswer {
    /// The plugin's name.
    plugin: String,
    /// The version that ran.
    sha256: String,
    /// What would become of the delivery.
    verdict: VerdictShown,
    /// The lead that it ran on.
    lead: LeadName,
    /// What fired.
    trigger: &'static str,
    /// The lead as the plugin read it.
    #[schema(value_type = Object)]
    lead_read: Option<Box<RawValue>>,
    /// The request before it.
    before: RequestShown,
    /// The request after it, where it would be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<RequestShown>,
    /// What ran, in order: its filter, its transform, and its receipt where a response was given; with what each
    /// decided, its log, fuel, memory and error.
    runs: Vec<RunShown>,
}

/// Run a plugin
///
/// On a lead and a request: those of a webhook, or given here. Nothing is sent or kept, its state is empty, and it is
/// told that the lead is a sample.
#[utoipa::path(post, path = "/v1/plugins/{name}/run", tag = "plugins", request_body = RunWanted,
    params(("name" = String, Path, description = "The plugin's name", example = "json-body")),
    responses(
        (status = 200, description = "What it did", body = RunAnswer),
        (status = 404, description = "There is no such plugin", body = ProblemBody),
        (status = 422, description = "What cannot be meant, each named", body = ProblemBody),
    ))]
pub(in crate::api) async fn run(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(PluginName(name)): Id<PluginName>,
    Json(body): Json,
) -> Result<Answer<RunAnswer>, Problem> {
    let holdings = plugins::holdings(&api, account, &body["webhook"]).await?;
    let addresses = api.addresses();
    let known = Known { addresses: &addresses, account: Some(&holdings) };
    let wanted = wanted::read(&body, &known)?;
    let link = ready(&api, account, &name, &wanted).await?;
    Ok(Answer(ran(&api, account, link, wanted).await?))
}

/// The plugin with what it is given.
async fn ready(api: &Api, account: AccountId, name: &str, wanted: &Wanted) -> Result<chain::Link, Problem> {
    let plugin = match &wanted.version {
        Some(sha256) => format!("{name}@{sha256}"),
        None => name.to_owned(),
    };
    let resolved = plugins::plugins(api)?.resolve(account, &plugin).await?;
    let (config, secrets) = (wanted.config.clone(), wanted.secrets.clone());
    let link = Link { plugin, config, secrets, on_error: OnError::Retry };
    dry_run::link(api, account, resolved, &link).await
}

async fn ran(api: &Api, account: AccountId, link: chain::Link, wanted: Wanted) -> Result<RunAnswer, Problem> {
    let now = api.engine.now();
    let webhook = preview::webhook(api, account, wanted.webhook).await?;
    let subject = preview::subject(api, account, wanted.lead, wanted.trigger, &webhook.settings, now).await?;
    let keys = api.engine.keys(account).await?;
    let lane = Lane { webhook: webhook.id.unwrap_or(WebhookId(0)), lead: subject.lead.serial };
    let scene = Scene {
        delivery: DeliveryId { lane, serial: Serial::at(now) },
        trigger: subject.trigger,
        lead: &subject.lead,
        site: &subject.site,
        settings: &webhook.settings,
        revision: webhook.revision,
        previous: None,
        lane_goes_on: false,
        keys: &keys,
        now,
    };
    let sketch = render::sketch(&scene);
    let lead_read = RawValue::from_string(sketch.lead.clone()).ok();
    let request = wanted.request.unwrap_or(sketch.request);
    let dry_run = DryRun::of(api, account, &scene, sketch.lead).await?;
    let (plugin, sha256) = (link.name.clone(), link.plugin.hash().to_owned());
    let passed = dry_run.pass(api, vec![link.clone()], request.clone()).await?;
    let mut runs: Vec<_> = passed.runs.iter().map(RunShown::of).collect();
    if let (Some((answer, elapsed_ms)), true) = (wanted.response, link.plugin.exports().receipt) {
        let judged = dry_run.judge(api, link, answer, elapsed_ms).await?;
        runs.push(RunShown::of(&judged.run));
    }
    Ok(RunAnswer {
        plugin,
        sha256,
        verdict: VerdictShown::of(&passed.end),
        lead: LeadName::of(&subject.lead.reference),
        trigger: subject.trigger.word(),
        lead_read,
        before: shown(request),
        after: match passed.end {
            End::Send(request) => Some(shown(request)),
            End::Skip { .. } | End::Defer { .. } | End::Failed { .. } => None,
        },
        runs,
    })
}

fn shown(request: Unencoded) -> RequestShown {
    RequestShown::of(&request.encode(), usize::MAX)
}
