//! What stands before every call: a bound on requests at one time, the key that the call needs, and one line in the log
//! for each.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use leadhook_core::account::key::Scope;
use leadhook_runtime::called_from;
use leadhook_store::{Acting, as_asked_by};

use super::{
    Api,
    auth::{self, Identity},
    problem::Problem,
    scope::{self, Need},
};

/// Lets a request in and logs what was asked and how it was answered: the call's pattern, never ids, queries or
/// keys. One step for both, since each layer costs every request a copy of all that stands behind it.
pub(super) async fn pass(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let traceparent = request.headers().get("traceparent").cloned();
    let traceparent = traceparent.as_ref().and_then(|value| value.to_str().ok());
    let response = called_from(traceparent, admit(&api, matched.as_ref(), request, next)).await;
    let path = matched.as_ref().map_or("unknown", MatchedPath::as_str);
    api.scrape.answered(response.status());
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

/// Lets at most so many requests in at one time. How the process is, is always answered.
async fn admit(api: &Api, matched: Option<&MatchedPath>, request: Request, next: Next) -> Response {
    if matches!(request.uri().path(), "/healthz" | "/readyz" | "/metrics") {
        return next.run(request).await;
    }
    let Ok(_permit) = api.requests.try_acquire() else {
        return Problem::overloaded("too many requests are under way at this moment").into_response();
    };
    match matched.and_then(|pattern| scope::need(request.method(), pattern.as_str())) {
        None | Some(Need::Nothing) => next.run(request).await,
        Some(need) => match auth::identify(api, request.headers(), need).await {
            Ok(identity) => serve(api, identity, need, request, next).await,
            Err(problem) => problem.into_response(),
        },
    }
}

/// Serves whoever may call: one account at most so many times at once, and each change in the name of who asks for it.
async fn serve(api: &Api, identity: Identity, need: Need, mut request: Request, next: Next) -> Response {
    let meter = match &identity {
        Identity::Account(known) => Some(api.meters.of(known.key.account)),
        Identity::Operator => None,
    };
    let place = meter.map(|meter| meter.enter(api.settings.requests_at_once_max));
    let Ok(_place) = place.transpose() else {
        let detail = "too many requests of this account are under way at this moment";
        return Problem::too_many("too_many_requests", detail, 1).into_response();
    };
    let acting = match need {
        Need::Account(Scope::Manage) | Need::Operator => {
            Some(Arc::new(Acting { author: identity.author(), at: api.engine.now() }))
        }
        _ => None,
    };
    request.extensions_mut().insert(identity);
    match acting {
        Some(acting) => as_asked_by(acting, next.run(request)).await,
        None => next.run(request).await,
    }
}
