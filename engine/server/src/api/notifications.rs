//! Notifications: what an account's people should know without asking.

use axum::{Json as Answer, extract::State};
use leadhook_core::notification::Notification;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    problem::{Problem, ProblemBody},
    query::{Query, cursor},
};

/// A notification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notification)]
pub(super) struct NotificationShown {
    /// Its id.
    id: String,
    /// When it was made.
    #[schema(format = DateTime)]
    at: String,
    /// `webhook_switched_off`: its handler answered 410, or did nothing but fail for days. `handler_failing`, `plugin_failing`: it failed so often in a row
    /// that it is left alone for a while. `resend_finished`: a period was sent again. `damage`: something stored cannot be read and is set
    /// aside. There will be more kinds.
    kind: String,
    /// The webhook that it is about.
    webhook: String,
    /// The plugin that it is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<String>,
    /// What happened and what follows, for people.
    detail: String,
}

impl NotificationShown {
    /// As calls answer it.
    pub(super) fn of(notification: &Notification) -> Self {
        let Notification { at, news, .. } = notification;
        Self {
            id: notification.id(),
            at: at.to_rfc3339(),
            kind: news.kind().to_string(),
            webhook: news.webhook().to_string(),
            plugin: news.plugin().map(str::to_owned),
            detail: news.detail(),
        }
    }
}

/// A page of notifications, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NotificationList {
    /// The notifications.
    notifications: Vec<NotificationShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Notifications
///
/// What happened that somebody may have to do something about. The newest 1,000 are kept.
#[utoipa::path(get, path = "/v1/notifications", tag = "notifications",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of notifications, newest first", body = NotificationList),
        (status = 422, description = "Parameters that cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
    mut query: Query,
) -> Result<Answer<NotificationList>, Problem> {
    let page = query.page();
    query.finish()?;
    let found = api.engine.store().notifications(account, page.limit, page.before).await?;
    let notifications = found.rows.iter().map(NotificationShown::of).collect();
    Ok(Answer(NotificationList { notifications, next_cursor: cursor(found.next) }))
}
