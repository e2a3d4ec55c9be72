//! Whether the process lives, and whether it can take work.

use std::time::Duration;

use axum::{Json as Answer, extract::State, http::StatusCode};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    Api,
    problem::{Problem, ProblemBody},
};

/// How long the store may take to show that it takes something before it counts as unavailable.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// How the process is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`, or `ready`.
    status: &'static str,
}

/// Why the engine cannot take work.
#[derive(Debug, Clone, Copy)]
struct Reason {
    code: &'static str,
    detail: &'static str,
}

/// Whether the process lives
#[utoipa::path(get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It does", body = Health)))]
pub(super) async fn healthz() -> Answer<Health> {
    Answer(Health { status: "ok" })
}

/// Whether the engine can take work
///
/// It is not shutting down, its dispatcher runs, and what is written to its storage becomes durable: where nothing was
/// written within the last second, this call writes.
#[utoipa::path(get, path = "/readyz", tag = "health", security(()),
    responses(
        (status = 200, description = "It can", body = Health),
        (status = 503, description = "`shutting_down`, `dispatcher_ended` or `storage_unavailable`; `reasons` has all that hold, each with `code` and `detail`", body = ProblemBody),
    ))]
pub(super) async fn readyz(State(api): State<Api>) -> Result<Answer<Health>, Problem> {
    let reasons = reasons(&api).await;
    let Some(first) = reasons.first() else { return Ok(Answer(Health { status: "ready" })) };
    let told: Vec<_> =
        reasons.iter().map(|Reason { code, detail }| json!({ "code": code, "detail": detail })).collect();
    Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, first.code, first.detail).with("reasons", told))
}

async fn reasons(api: &Api) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if api.settings.readiness.is_shutting_down() {
        reasons.push(Reason { code: "shutting_down", detail: "the engine is shutting down" });
    } else if !api.engine.is_dispatching() {
        let detail = "the dispatcher has ended, and nothing is sent; the log says why; restart the engine";
        reasons.push(Reason { code: "dispatcher_ended", detail });
    }
    match tokio::time::timeout(STORE_PATIENCE, api.engine.store().check_writes()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            let detail = "the storage takes nothing at this moment; the log says why";
            reasons.push(Reason { code: "storage_unavailable", detail });
        }
        Err(_) => {
            let detail = "the storage does not answer in time: the disk is slow, or too much is asked of it";
            reasons.push(Reason { code: "storage_unavailable", detail });
        }
    }
    reasons
}
