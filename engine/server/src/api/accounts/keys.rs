//! An account's keys, for the operator: made and shown once, listed without what opens them, deleted.

use axum::{
    Json as Answer,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use leadhook_core::{
    account::key::{KEYS_MAX, Key, KeyId, Wanted, account_key},
    id::AccountId,
};
use leadhook_store::{KeyMade, KnownKey};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use super::{find, unknown};
use crate::api::{
    Api,
    auth::ByOperator,
    body::Json,
    problem::{Problem, ProblemBody},
    query::{Id, Named, Query},
};

impl Named for KeyId {
    fn by_id(text: &str) -> Result<Self, String> {
        text.parse().map_err(|error: leadhook_core::account::key::NotAKeyId| error.to_string())
    }
}

/// A key that is wanted.
#[derive(Debug, ToSchema)]
#[schema(as = KeyWanted)]
#[expect(dead_code, reason = "describes what `core::account::key::Wanted` reads")]
pub(in crate::api) struct KeyWanted {
    /// What people call it.
    #[schema(min_length = 1, max_length = 100, example = "telephony")]
    name: String,
    /// What it opens: `events` takes events in, `read` reads, `manage` changes. All three unless given.
    #[schema(example = json!(["events"]))]
    scopes: Option<Vec<String>>,
    /// From when on it opens nothing; never unless given.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A key, without what opens it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(in crate::api) struct KeyShown {
    /// What it is known and deleted by.
    #[schema(example = "key_5n8r1t4w7z0h2")]
    id: String,
    /// What people call it.
    name: String,
    /// What it opens.
    scopes: Vec<&'static str>,
    /// When it was made; absent for one that came with the data folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    made_at: Option<String>,
    /// From when on it opens nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// When it was last used, to the minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

impl KeyShown {
    fn of(key: &Key) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            scopes: key.scopes.iter().map(|scope| scope.word()).collect(),
            made_at: key.made_at.map(|at| at.to_rfc3339()),
            expires_at: key.expires_at.map(|at| at.to_rfc3339()),
            last_used_at: None,
        }
    }

    fn with_use(known: &KnownKey) -> Self {
        Self { last_used_at: known.last_use().map(|at| at.to_rfc3339()), ..Self::of(&known.key) }
    }
}

/// A key as it is made; no call answers it again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = KeyMade)]
pub(in crate::api) struct NewKey {
    #[serde(flatten)]
    shown: KeyShown,
    /// What goes into `Authorization: Bearer KEY`.
    #[schema(example = "lh_5n8r1t4w7z0h2_0h2k5n8r1t4w7z0h2k5n8r1t4w7z0h2k5n8r1t4w7z0h2k5n")]
    key: String,
}

/// A page of keys, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct KeyList {
    /// The keys.
    keys: Vec<KeyShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Make a key
///
/// For the operator. It is shown this once and stored as a hash. To replace one, make another, put it in the place of the
/// first, and delete that.
#[utoipa::path(post, path = "/v1/accounts/{id}/keys", tag = "accounts", operation_id = "create_key",
    params(("id" = String, Path, description = "The account's id", example = "2")),
    request_body = KeyWanted,
    responses(
        (status = 201, description = "Made", body = NewKey),
        (status = 403, description = "`operator_key_needed`", body = ProblemBody),
        (status = 404, description = "There is no such account", body = ProblemBody),
        (status = 409, description = "`too_many_keys`: the account has as many as it may", body = ProblemBody),
        (status = 422, description = "What cannot be meant, each named", body = ProblemBody),
    ))]
pub(in crate::api) async fn create(
    State(api): State<Api>,
    _operator: ByOperator,
    Id(account): Id<AccountId>,
    Json(body): Json,
) -> Result<Response, Problem> {
    let now = api.engine.now();
    let Wanted { name, scopes, expires_at } = Wanted::parse(&body, now)?;
    let id = KeyId(rand::random());
    let text = account_key(id, &rand::random());
    let key = Key { id, account, name, scopes, made_at: Some(now), expires_at };
    let shown = KeyShown::of(&key);
    match api.engine.store().make_key(key, Sha256::digest(&text).into()).await? {
        KeyMade::Made => Ok((StatusCode::CREATED, Answer(NewKey { shown, key: text })).into_response()),
        KeyMade::UnknownAccount => Err(unknown(account)),
        KeyMade::TooMany => {
            let detail =
                format!("the account has {KEYS_MAX} keys, as many as it may; delete one that is not used");
            Err(Problem::conflict("too_many_keys", detail))
        }
    }
}

/// An account's keys
///
/// For the operator. The keys themselves are not stored.
#[utoipa::path(get, path = "/v1/accounts/{id}/keys", tag = "accounts", operation_id = "list_keys",
    params(
        ("id" = String, Path, description = "The account's id", example = "2"),
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of keys, by id", body = KeyList),
        (status = 403, description = "`operator_key_needed`", body = ProblemBody),
        (status = 404, description = "There is no such account", body = ProblemBody),
    ))]
pub(in crate::api) async fn list(
    State(api): State<Api>,
    _operator: ByOperator,
    Id(account): Id<AccountId>,
    mut query: Query,
) -> Result<Answer<KeyList>, Problem> {
    let limit = query.limit();
    let after = query.get("cursor", |text| {
        KeyId::by_id(text)
            .map_err(|_| ("bad_cursor", "a cursor is what an answer gave as `next_cursor`".to_owned()))
    });
    query.finish()?;
    find(&api, account).await?;
    let mut keys = api.engine.store().keys(account).await?;
    keys.retain(|known| after.is_none_or(|after| known.key.id > after));
    let has_next = keys.len() > limit;
    keys.truncate(limit);
    let last = keys.last().filter(|_| has_next);
    let next_cursor = last.map(|known| known.key.id.to_string());
    Ok(Answer(KeyList { keys: keys.iter().map(|known| KeyShown::with_use(known)).collect(), next_cursor }))
}

/// Delete a key
///
/// For the operator. It opens nothing from now on.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "accounts", operation_id = "delete_key",
    params(("id" = String, Path, description = "The key's id", example = "key_5n8r1t4w7z0h2")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, description = "`operator_key_needed`", body = ProblemBody),
        (status = 404, description = "There is no such key", body = ProblemBody),
    ))]
pub(in crate::api) async fn delete(
    State(api): State<Api>,
    _operator: ByOperator,
    Id(id): Id<KeyId>,
) -> Result<StatusCode, Problem> {
    match api.engine.store().delete_key(id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found(format!("there is no key `{id}`"))),
    }
}
