//! The audit trail: who changed what, and when.

use axum::{Json as Answer, extract::State};
use leadhook_core::{
    audit::{Author, Entry},
    id::AccountId,
    time::Serial,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Identity,
    problem::{Problem, ProblemBody},
    query::{Named as _, Query, cursor},
};

/// Who made a change.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuthorShown {
    /// `key`: whoever had this key of the account. `operator`: whoever had the operator's.
    kind: &'static str,
    /// The key's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// What the key was called then.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// A change.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(super) struct EntryShown {
    /// Its id.
    id: String,
    /// When it was made.
    #[schema(format = DateTime)]
    at: String,
    /// Who made it.
    by: AuthorShown,
    /// The account that it concerns.
    account: String,
    /// What was done, such as `webhook.saved`, `secret.set`, `key.made`. There will be more.
    #[schema(example = "webhook.saved")]
    action: String,
    /// The id or name of what was changed.
    object: String,
    /// How that stood before: a revision, a version, a state.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    /// How it stands since.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// The names of the fields that changed; their values are in the revisions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
}

impl EntryShown {
    fn of(Entry { serial, at, author, account, deed }: Entry) -> Self {
        let by = match author {
            Author::Operator => AuthorShown { kind: "operator", id: None, name: None },
            Author::Key { id, name } => {
                AuthorShown { kind: "key", id: Some(id.to_string()), name: Some(name) }
            }
        };
        Self {
            id: format!("{:016x}", serial.0),
            at: at.to_rfc3339(),
            by,
            account: account.0.to_string(),
            action: deed.action,
            object: deed.object,
            before: deed.before,
            after: deed.after,
            fields: deed.fields,
        }
    }
}

/// A page of a trail, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditList {
    /// The changes.
    entries: Vec<EntryShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Who changed what
///
/// Every change that was made by a call, newest first; written with the change itself, and never changed or deleted. With
/// an account's key its own; with the operator's key the operator's own, or with `account` that account's.
#[utoipa::path(get, path = "/v1/audit", tag = "audit",
    params(
        ("account" = Option<String>, Query, description = "For the operator: whose", example = "2"),
        ("from" = Option<String>, Query, description = "Made at this time or later"),
        ("to" = Option<String>, Query, description = "Made before this time"),
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of changes, newest first", body = AuditList),
        (status = 422, description = "Parameters that cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn list(
    State(api): State<Api>,
    identity: Identity,
    mut query: Query,
) -> Result<Answer<AuditList>, Problem> {
    let account = match identity {
        Identity::Account(known) => known.key.account,
        Identity::Operator => {
            let given =
                query.get("account", |text| AccountId::by_id(text).map_err(|form| ("bad_account_id", form)));
            given.unwrap_or(AccountId::ENGINE)
        }
    };
    let (from, to) = (query.time("from"), query.time("to"));
    let page = query.page();
    query.finish()?;
    let before = [page.before, to.map(Serial::at)].into_iter().flatten().min();
    let mut found = api.engine.store().audit(account, page.limit, before).await?;
    let read = found.rows.len();
    found.rows.retain(|entry| from.is_none_or(|from| entry.serial >= Serial::at(from)));
    // What is older still was not asked for.
    let next = found.next.filter(|_| found.rows.len() == read);
    Ok(Answer(AuditList {
        entries: found.rows.into_iter().map(EntryShown::of).collect(),
        next_cursor: cursor(next),
    }))
}
