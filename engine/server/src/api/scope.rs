//! What each call needs: one table for all of them, which the description tells and every request is held to.

use std::{collections::HashMap, sync::LazyLock};

use axum::http::Method;
use leadhook_core::account::key::Scope;

/// What a call needs to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// No key: it is open, or a token in its path opens it.
    Nothing,
    /// An account's key with this scope.
    Account(Scope),
    /// The operator's key.
    Operator,
    /// An account's key with this scope, or the operator's.
    Either(Scope),
}

const EVENTS: Need = Need::Account(Scope::Events);
const READ: Need = Need::Account(Scope::Read);
const MANAGE: Need = Need::Account(Scope::Manage);

/// Every call with what it needs. A call that is missing here is carried out for nobody, and a test names it. A preview
/// and a run of a plugin change nothing, but hand secrets to a chain that the caller wrote.
pub(super) const CALLS: &[(&str, &str, Need)] = &[
    ("POST", "/v1/events", EVENTS),
    ("GET", "/v1/sites", READ),
    ("PUT", "/v1/sites/{id}", MANAGE),
    ("GET", "/v1/sites/{id}", READ),
    ("DELETE", "/v1/sites/{id}", MANAGE),
    ("GET", "/v1/relay/{token}", Need::Nothing),
    ("POST", "/v1/relay/{token}", Need::Nothing),
    ("POST", "/v1/sites/{id}/relays", MANAGE),
    ("GET", "/v1/sites/{id}/relays", READ),
    ("DELETE", "/v1/sites/{id}/relays/{token}", MANAGE),
    ("POST", "/v1/webhooks", MANAGE),
    ("GET", "/v1/webhooks", READ),
    ("GET", "/v1/webhooks/{id}", READ),
    ("PUT", "/v1/webhooks/{id}", MANAGE),
    ("DELETE", "/v1/webhooks/{id}", MANAGE),
    ("GET", "/v1/webhooks/{id}/revisions", READ),
    ("POST", "/v1/webhooks/{id}/activate", MANAGE),
    ("POST", "/v1/webhooks/{id}/deactivate", MANAGE),
    ("POST", "/v1/webhooks/{id}/copy", MANAGE),
    ("POST", "/v1/preview", MANAGE),
    ("GET", "/v1/leads", READ),
    ("GET", "/v1/leads/{site}/{type}/{id}", READ),
    ("GET", "/v1/deliveries", READ),
    ("GET", "/v1/deliveries/{id}", READ),
    ("POST", "/v1/deliveries/{id}/send", MANAGE),
    ("POST", "/v1/deliveries/{id}/cancel", MANAGE),
    ("POST", "/v1/deliveries/{id}/replay", READ),
    ("POST", "/v1/resends", MANAGE),
    ("GET", "/v1/resends", READ),
    ("GET", "/v1/resends/{id}", READ),
    ("DELETE", "/v1/resends/{id}", MANAGE),
    ("POST", "/v1/erasures", MANAGE),
    ("GET", "/v1/erasures", READ),
    ("GET", "/v1/erasures/{id}", READ),
    ("GET", "/v1/notifications", READ),
    ("GET", "/v1/stream", READ),
    ("PUT", "/v1/operations-webhook", MANAGE),
    ("GET", "/v1/operations-webhook", READ),
    ("DELETE", "/v1/operations-webhook", MANAGE),
    ("GET", "/v1/plugins", READ),
    ("PUT", "/v1/plugins/{name}", MANAGE),
    ("GET", "/v1/plugins/{name}", READ),
    ("DELETE", "/v1/plugins/{name}", MANAGE),
    ("GET", "/v1/plugins/{name}/versions", READ),
    ("POST", "/v1/plugins/{name}/rollback", MANAGE),
    ("GET", "/v1/plugins/{name}/logs", READ),
    ("POST", "/v1/plugins/{name}/run", MANAGE),
    ("GET", "/v1/secrets", READ),
    ("PUT", "/v1/secrets/{name}", MANAGE),
    ("DELETE", "/v1/secrets/{name}", MANAGE),
    ("GET", "/v1/audit", Need::Either(Scope::Read)),
    ("POST", "/v1/accounts", Need::Operator),
    ("GET", "/v1/accounts", Need::Operator),
    ("GET", "/v1/accounts/{id}", Need::Operator),
    ("PATCH", "/v1/accounts/{id}", Need::Operator),
    ("POST", "/v1/accounts/{id}/keys", Need::Operator),
    ("GET", "/v1/accounts/{id}/keys", Need::Operator),
    ("DELETE", "/v1/keys/{id}", Need::Operator),
    ("GET", "/v1/recording-keys", READ),
    ("POST", "/v1/recording-keys", MANAGE),
    ("DELETE", "/v1/recording-keys/{number}", MANAGE),
    ("POST", "/v1/backups", Need::Operator),
    ("POST", "/v1/reload", Need::Operator),
    ("GET", "/v1/parameters", READ),
    ("GET", "/v1/egress", READ),
    ("GET", "/v1/openapi.json", Need::Nothing),
    ("GET", "/rec/{token}", Need::Nothing),
    ("GET", "/healthz", Need::Nothing),
    ("GET", "/readyz", Need::Nothing),
    ("GET", "/metrics", Need::Nothing),
];

/// What a call needs, by its method and its pattern; `None` for one that the table does not have.
pub(super) fn need(method: &Method, pattern: &str) -> Option<Need> {
    static NEEDS: LazyLock<HashMap<(&str, &str), Need>> =
        LazyLock::new(|| CALLS.iter().map(|(method, pattern, need)| ((*method, *pattern), *need)).collect());
    // HEAD is served as GET.
    let method = if method == Method::HEAD { "GET" } else { method.as_str() };
    NEEDS.get(&(method, pattern)).copied()
}
