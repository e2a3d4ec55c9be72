//! `POST /v1/deliveries/{id}/replay`: a delivery rendered again as it was then, and compared.

use axum::{Json as Answer, extract::State};
use leadhook_core::{
    delivery::{Delivery, Rendering},
    id::DeliveryId,
    replay::Difference,
};
use leadhook_runtime::{Again, Replayed, Unrepeatable};
use serde::Serialize;
use utoipa::ToSchema;

use super::{erased, shown::RequestShown, unknown};
use crate::api::{
    Api,
    auth::Caller,
    plugins::shown::RunShown,
    problem::{Problem, ProblemBody},
    query::Id,
};

/// A delivery rendered again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replay)]
pub(in crate::api) struct ReplayAnswer {
    /// The delivery's id.
    id: String,
    /// Whether each of its renderings came out the same, byte for byte.
    same: bool,
    /// One for each of the delivery's `renderings`, in their order.
    renderings: Vec<ReplayedShown>,
}

/// A rendering made again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayedRendering)]
pub(in crate::api) struct ReplayedShown {
    /// When it was made first.
    #[schema(format = DateTime)]
    at: String,
    /// Whether it came out the same, byte for byte.
    same: bool,
    /// The request that came out this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestShown>,
    /// What is not the same: of the method, the URL, the headers, the parameters and the bytes the first each.
    differences: Vec<DifferenceShown>,
    /// Why no request came out this time: a plugin decided otherwise, or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    withheld: Option<String>,
    /// Why it cannot be rendered again: what it was made from is no longer kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    impossible: Option<String>,
    /// What plugins and scripts did this time.
    plugins: Vec<RunShown>,
}

/// Where two requests differ.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Difference)]
pub(in crate::api) struct DifferenceShown {
    /// `method`, `url`, `header NAME`, `parameter NAME`, or `byte N` of the body or the query of a GET, from 0.
    #[schema(example = "parameter phone")]
    place: String,
    /// What stood there then, its first 120 characters; `null` where nothing did.
    then: Option<String>,
    /// What came out this time.
    again: Option<String>,
}

/// Replay a delivery
///
/// Renders it again from what it was made from: the settings, the site, the lead and the plugin versions of then, the
/// time that plugins were told, the state that they read. Filters are not asked; nothing is sent or kept. Plugins are
/// given the secrets of now.
#[utoipa::path(post, path = "/v1/deliveries/{id}/replay", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery's id")),
    responses(
        (status = 200, description = "What came out, and whether it is the same", body = ReplayAnswer),
        (status = 404, description = "There is no such delivery", body = ProblemBody),
        (status = 409, description = "`never_rendered`: no request was ever made of it, with its `state`; `erased` with its client", body = ProblemBody),
    ))]
pub(in crate::api) async fn replay(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(id): Id<DeliveryId>,
) -> Result<Answer<ReplayAnswer>, Problem> {
    let place = api.plugin_place().await;
    let replay = api.engine.replay(account, id).await?.ok_or_else(|| unknown(id))?;
    drop(place);
    if replay.renderings.is_empty() {
        if api.engine.store().erased(account, id.lane.lead).await?.is_some() {
            return Err(erased());
        }
        return Err(never_rendered(&replay.delivery));
    }
    let recorded = replay.delivery.renderings.iter();
    Ok(Answer(ReplayAnswer {
        id: id.to_string(),
        same: replay.is_same(),
        renderings: recorded
            .zip(&replay.renderings)
            .map(|(then, again)| ReplayedShown::of(then, again))
            .collect(),
    }))
}

fn never_rendered(delivery: &Delivery) -> Problem {
    let state = delivery.state.name();
    let why = delivery.state.reason().map_or_else(String::new, |reason| format!(": {reason}"));
    let detail = format!("{}; it is {state}{why}", Unrepeatable::NeverRendered);
    Problem::conflict("never_rendered", detail).with("state", state.word())
}

impl ReplayedShown {
    fn of(then: &Rendering, replayed: &Replayed) -> Self {
        let mut shown = Self {
            at: then.at.to_rfc3339(),
            same: replayed.is_same(),
            request: None,
            differences: Vec::new(),
            withheld: None,
            impossible: None,
            plugins: replayed.runs.iter().map(RunShown::of).collect(),
        };
        match &replayed.again {
            Again::Request { request, differences } => {
                shown.request = Some(RequestShown::of(request, usize::MAX));
                shown.differences = differences.iter().map(DifferenceShown::of).collect();
            }
            Again::Withheld(why) => shown.withheld = Some(why.clone()),
            Again::Impossible(why) => shown.impossible = Some(why.to_string()),
        }
        shown
    }
}

impl DifferenceShown {
    fn of(difference: &Difference) -> Self {
        let Difference { place, then, again } = difference;
        Self { place: place.to_string(), then: then.clone(), again: again.clone() }
    }
}
