//! What stands before every call: a bound on requests at one time, and one line in the log for each.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::{Api, problem::Problem};

/// Lets a request in and logs what was asked and how it was answered: the call's pattern, never ids, queries or
/// keys. One step for both, since each layer costs every request a copy of all that stands behind it.
pub(super) async fn pass(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let response = admit(&api, request, next).await;
    let path = matched.as_ref().map_or("unknown", MatchedPath::as_str);
    let status = response.status().as_u16();
    let elapsed_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match status {
        500.. => tracing::warn!(%method, path, status, elapsed_ms, "answered"),
        400.. => tracing::info!(%method, path, status, elapsed_ms, "answered"),
        // What went well, thousands of times a second, is for who asks for it.
        _ => tracing::debug!(%method, path, status, elapsed_ms, "answered"),
    }
    response
}

/// Lets at most so many requests in at one time. Health is always answered.
async fn admit(api: &Api, request: Request, next: Next) -> Response {
    if matches!(request.uri().path(), "/healthz" | "/readyz") {
        return next.run(request).await;
    }
    match api.requests.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => Problem::overloaded("too many requests are under way at this moment").into_response(),
    }
}
