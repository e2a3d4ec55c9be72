//! A plugin's log: its latest runs over the deliveries of the webhooks that name it.

use axum::{Json as Answer, extract::State};
use leadhook_core::{
    id::{AccountId, DeliveryId, WebhookId},
    plugin::Run,
    time::Serial,
};
use leadhook_store::{Shown, query::DeliveryQuery};
use serde::Serialize;
use utoipa::ToSchema;

use super::{PluginName, holdings, names, plugins, shown::RunShown, unknown};
use crate::api::{
    Api,
    auth::Caller,
    problem::{Problem, ProblemBody},
    query::{Id, Named as _, PageWanted, Query, cursor},
};

/// The most deliveries that one page looks at, over all webhooks.
const DELIVERIES_READ_MAX: usize = 500;
/// The fewest of one webhook, however many there are.
const DELIVERIES_READ_MIN: usize = 5;

/// A run with the delivery it was for.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct LoggedRun {
    /// The delivery's id.
    delivery: String,
    /// The webhook's id.
    webhook: String,
    /// The run.
    #[serde(flatten)]
    run: RunShown,
}

/// A page of runs, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct PluginLog {
    /// The runs.
    runs: Vec<LoggedRun>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A plugin's log
///
/// Its runs for deliveries of the webhooks that name it now, or of one that is asked for; the deliveries newest first,
/// of each the last run first. A page may have fewer runs than asked for and still have a next one.
#[utoipa::path(get, path = "/v1/plugins/{name}/logs", tag = "plugins",
    params(
        ("name" = String, Path, description = "The plugin's name", example = "my-crm"),
        ("webhook" = Option<String>, Query, description = "Only runs for deliveries of this webhook"),
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of runs", body = PluginLog),
        (status = 404, description = "There is no such plugin", body = ProblemBody),
    ))]
pub(in crate::api) async fn logs(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(PluginName(name)): Id<PluginName>,
    mut query: Query,
) -> Result<Answer<PluginLog>, Problem> {
    let webhook =
        query.get("webhook", |text| WebhookId::by_id(text).map_err(|detail| ("bad_webhook_id", detail)));
    let page = query.page();
    query.finish()?;
    if holdings::versions(&api, plugins(&api)?, account, &name).await?.is_empty() {
        return Err(unknown(&name));
    }
    let webhooks = match webhook {
        Some(webhook) => vec![webhook],
        None => {
            let all = api.engine.store().webhooks(account).await?;
            all.iter().filter(|webhook| names(webhook, &name)).map(|webhook| webhook.id).collect()
        }
    };
    let (deliveries, horizon) = deliveries(&api, account, webhooks, page.before).await?;
    Ok(Answer(log(&deliveries, horizon, &name, &page)))
}

/// Deliveries of these webhooks, the newest owed first, and from where on they are not all of them.
async fn deliveries(
    api: &Api,
    account: AccountId,
    webhooks: Vec<WebhookId>,
    before: Option<Serial>,
) -> Result<(Vec<Shown>, Option<Serial>), Problem> {
    let limit = (DELIVERIES_READ_MAX / webhooks.len().max(1)).max(DELIVERIES_READ_MIN);
    let (mut found, mut horizon) = (Vec::new(), None);
    for webhook in webhooks {
        let wanted = DeliveryQuery { webhook: Some(webhook), limit, before, ..DeliveryQuery::default() };
        let page = api.engine.store().deliveries(account, wanted).await?;
        horizon = horizon.max(page.next);
        found.extend(page.rows);
    }
    found.retain(|shown| horizon.is_none_or(|horizon| shown.delivery.id.serial >= horizon));
    found.sort_by_key(|shown| std::cmp::Reverse(shown.delivery.id.serial));
    Ok((found, horizon))
}

/// As many runs as a page has. A delivery's runs stay on one page.
fn log(deliveries: &[Shown], horizon: Option<Serial>, name: &str, page: &PageWanted) -> PluginLog {
    let mut runs = Vec::new();
    // Deliveries that became owed together have one serial, and a cursor cannot stand between them.
    for together in deliveries.chunk_by(|one, next| one.delivery.id.serial == next.delivery.id.serial) {
        for Shown { delivery, .. } in together {
            let mine = delivery.runs.iter().rev().filter(|run| run.plugin == name);
            runs.extend(mine.map(|run| logged(delivery.id, run)));
        }
        if let (true, Some(last)) = (runs.len() >= page.limit, together.last()) {
            return PluginLog { runs, next_cursor: cursor(Some(last.delivery.id.serial)) };
        }
    }
    PluginLog { runs, next_cursor: cursor(horizon) }
}

fn logged(delivery: DeliveryId, run: &Run) -> LoggedRun {
    LoggedRun {
        delivery: delivery.to_string(),
        webhook: delivery.lane.webhook.to_string(),
        run: RunShown::of(run),
    }
}
