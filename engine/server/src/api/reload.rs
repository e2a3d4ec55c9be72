//! Reading the configuration again, asked for by the operator.

use axum::{Json as Answer, extract::State};
use leadhook_core::fault::Faults;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::ByOperator,
    problem::{Problem, ProblemBody},
};

/// What reads the configuration again and puts it to use.
pub(crate) trait Reload: Send + Sync + std::fmt::Debug {
    /// Reads it; blocks on files. Where anything in it is wrong, everything stays as it is.
    fn reload(&self) -> Result<Reloaded, Faults>;
}

/// What a configuration that was read again came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Reloaded {
    /// The settings that hold anew, by their names in the file.
    pub(crate) changed: Vec<String>,
    /// The settings that are given anew, and hold only after a restart.
    pub(crate) needs_restart: Vec<String>,
}

/// Read the configuration again
///
/// As SIGHUP does: the file that the engine was started with, under the same flags and environment. What may change at run time
/// holds at once, without any request or delivery being broken off; what may not is named. A configuration with a fault
/// changes nothing.
#[utoipa::path(post, path = "/v1/reload", tag = "upkeep",
    responses(
        (status = 200, description = "What changed", body = Reloaded),
        (status = 409, description = "`no_configuration`: this engine was started without one", body = ProblemBody),
        (status = 422, description = "The configuration cannot be used; every fault is named", body = ProblemBody),
    ))]
pub(super) async fn reload(State(api): State<Api>, _: ByOperator) -> Result<Answer<Reloaded>, Problem> {
    let Some(reload) = api.settings.reload.clone() else {
        return Err(Problem::conflict("no_configuration", "this engine was started without a configuration"));
    };
    let reloaded = tokio::task::spawn_blocking(move || reload.reload()).await;
    let reloaded = reloaded.map_err(|ended| Problem::internal(&ended))?;
    reloaded.map(Answer).map_err(|faults| Problem::invalid("bad_configuration", faults))
}
