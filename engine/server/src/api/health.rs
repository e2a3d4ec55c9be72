//! Whether the process lives, and whether it can take work.

use std::time::Duration;

use axum::{Json as Answer, extract::State, http::StatusCode};
use leadhook_core::id::AccountId;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    problem::{Problem, ProblemBody},
};

/// How long the store may take to answer before it counts as unavailable.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// How the process is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`, or `ready`.
    status: &'static str,
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = Health)))]
pub(super) async fn healthz() -> Answer<Health> {
    Answer(Health { status: "ok" })
}

/// Whether the engine can take work
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses(
        (status = 200, description = "It can", body = Health),
        (status = 503, description = "`shutting_down`, or `storage_unavailable`", body = ProblemBody),
    ))]
pub(super) async fn readyz(State(api): State<Api>) -> Result<Answer<Health>, Problem> {
    if api.settings.readiness.is_shutting_down() {
        let detail = "the engine is shutting down";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", detail));
    }
    let asked = api.engine.store().account(AccountId::DEFAULT);
    match tokio::time::timeout(STORE_PATIENCE, asked).await {
        Ok(answer) => answer.map(|_| Answer(Health { status: "ready" })).map_err(Problem::from),
        Err(_) => {
            let detail = "the storage does not answer";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage_unavailable", detail))
        }
    }
}
