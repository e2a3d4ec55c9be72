//! Accounts, for the operator: made, listed, changed in their terms.

pub(super) mod keys;

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use leadhook_core::{
    account::{ACCOUNTS_MAX, Change, Wanted},
    id::AccountId,
};
use leadhook_store::{AccountChanged, AccountMade, AccountSecrets, KnownAccount};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Api,
    auth::ByOperator,
    body::Json,
    problem::{Problem, ProblemBody},
    query::{Id, Named, Query},
};

impl Named for AccountId {
    fn by_id(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().filter(|number| *number > 0 && !text.starts_with('+'));
        number.map(Self).ok_or_else(|| "an account's id is a whole number from 1".to_owned())
    }
}

/// What an account may use. `null` stands for the usual: no limit, or what holds for the whole engine.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `core::account::Quotas` reads")]
pub(super) struct Quotas {
    /// Events a second on average; no limit unless given.
    #[schema(minimum = 1, maximum = 1_000_000)]
    events_per_second: Option<u32>,
    /// Events that may come at once after a pause; two seconds' worth unless given, at least 100.
    #[schema(minimum = 1, maximum = 1_000_000)]
    events_burst: Option<u32>,
    /// Webhooks.
    #[schema(minimum = 0, maximum = 100_000, default = 1_000)]
    webhooks: Option<u32>,
    /// Plugins of its own.
    #[schema(minimum = 0, maximum = 10_000, default = 200)]
    plugins: Option<u32>,
    /// Bytes stored, as the engine estimates them; no limit unless given. Beyond it no events are taken.
    #[schema(minimum = 1)]
    stored_bytes: Option<u64>,
    /// The account's share among those that send at the same time.
    #[schema(minimum = 1, maximum = 100, default = 1)]
    weight: Option<u32>,
    /// What a plugin's call may use of fuel, in millions.
    #[schema(minimum = 1, maximum = 1_000)]
    plugin_fuel_millions: Option<u32>,
    /// What it may use of time, in milliseconds.
    #[schema(minimum = 1, maximum = 1_000)]
    plugin_deadline_ms: Option<u32>,
    /// What it may use of memory, in MiB.
    #[schema(minimum = 1, maximum = 256)]
    plugin_memory_mib: Option<u32>,
    /// What may go into it and what may come out, in KiB each.
    #[schema(minimum = 1, maximum = 1_024)]
    plugin_exchange_kib: Option<u32>,
}

/// An account that is wanted.
#[derive(Debug, ToSchema)]
#[schema(as = AccountWanted)]
#[expect(dead_code, reason = "describes what `core::account::Wanted` reads")]
pub(super) struct AccountWanted {
    /// Its name, which no other account has.
    #[schema(min_length = 1, max_length = 100, example = "Agency")]
    name: String,
    /// What it may use, where that is not the usual.
    quotas: Option<Quotas>,
}

/// What is to change of an account: what is left out stays as it is.
#[derive(Debug, ToSchema)]
#[schema(as = AccountChange)]
#[expect(dead_code, reason = "describes what `core::account::Change` reads")]
pub(super) struct AccountChange {
    /// Its new name.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// `active`; `suspended`: it takes nothing in and changes nothing, but is read, and what it owes is sent; `closed`: its
    /// keys open nothing and nothing is sent.
    state: Option<String>,
    /// Quotas to change.
    quotas: Option<Quotas>,
}

/// What an account uses at this moment.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Usage {
    /// Its webhooks.
    webhooks: usize,
    /// Plugins of its own.
    plugins: usize,
    /// About how many bytes it has stored: leads with their events, deliveries that ended, uploads.
    stored_bytes: u64,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Account)]
pub(super) struct AccountShown {
    /// Its id.
    #[schema(example = "2")]
    id: String,
    /// Its name.
    name: String,
    /// `active`, `suspended` or `closed`.
    state: String,
    /// When it was made; absent for one that an empty folder began with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    made_at: Option<String>,
    /// What it may use.
    #[schema(value_type = Quotas)]
    quotas: Value,
    /// What it uses.
    usage: Usage,
}

/// A page of accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AccountList {
    /// The accounts.
    accounts: Vec<AccountShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

async fn shown(api: &Api, known: &KnownAccount) -> Result<AccountShown, Problem> {
    let (store, id) = (api.engine.store(), known.id);
    let usage = Usage {
        webhooks: store.webhooks(id).await?.len(),
        plugins: store.plugins(id).await?.len(),
        stored_bytes: store.stored_bytes(id).await?,
    };
    Ok(AccountShown {
        id: id.0.to_string(),
        name: known.name.clone(),
        state: known.terms.state.to_string(),
        made_at: known.terms.made_at.map(|at| at.to_rfc3339()),
        quotas: known.terms.quotas.to_json(),
        usage,
    })
}

fn unknown(id: AccountId) -> Problem {
    Problem::not_found(format!("there is no account `{}`", id.0))
}

fn name_taken(by: AccountId) -> Problem {
    let detail = format!("the account `{}` has this name", by.0);
    Problem::conflict("name_taken", detail).with("account", by.0.to_string())
}

/// Make an account
///
/// For the operator. It has no key yet.
#[utoipa::path(post, path = "/v1/accounts", tag = "accounts", request_body = AccountWanted,
    responses(
        (status = 201, description = "Made", body = AccountShown),
        (status = 403, description = "`operator_key_needed`", body = ProblemBody),
        (status = 409, description = "`name_taken` by `account`; `too_many_accounts`", body = ProblemBody),
        (status = 422, description = "What cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn create(
    State(api): State<Api>,
    _operator: ByOperator,
    Json(body): Json,
) -> Result<Response, Problem> {
    let wanted = Wanted::parse(&body)?;
    let secrets = AccountSecrets { client_id_key: rand::random(), recording_key: rand::random() };
    match api.engine.store().make_account(wanted, secrets, api.engine.now()).await? {
        AccountMade::Made(known) => {
            let location = [(header::LOCATION, format!("/v1/accounts/{}", known.id.0))];
            Ok((StatusCode::CREATED, location, Answer(shown(&api, &known).await?)).into_response())
        }
        AccountMade::NameTaken(by) => Err(name_taken(by)),
        AccountMade::TooMany => {
            let detail = format!("there are {ACCOUNTS_MAX} accounts, as many as there may be");
            Err(Problem::conflict("too_many_accounts", detail))
        }
    }
}

/// All accounts
///
/// For the operator.
#[utoipa::path(get, path = "/v1/accounts", tag = "accounts",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of accounts, by id", body = AccountList),
        (status = 403, description = "`operator_key_needed`", body = ProblemBody),
    ))]
pub(super) async fn list(
    State(api): State<Api>,
    _operator: ByOperator,
    mut query: Query,
) -> Result<Answer<AccountList>, Problem> {
    let limit = query.limit();
    let after = query.get("cursor", |text| {
        AccountId::by_id(text)
            .map_err(|_| ("bad_cursor", "a cursor is what an answer gave as `next_cursor`".to_owned()))
    });
    query.finish()?;
    let mut found = api.engine.store().known_accounts(limit + 1, after).await?;
    let has_next = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| has_next);
    let next_cursor = last.map(|known| known.id.0.to_string());
    let mut accounts = Vec::with_capacity(found.len());
    for known in &found {
        accounts.push(shown(&api, known).await?);
    }
    Ok(Answer(AccountList { accounts, next_cursor }))
}

/// An account
///
/// For the operator.
#[utoipa::path(get, path = "/v1/accounts/{id}", tag = "accounts",
    params(("id" = String, Path, description = "The account's id", example = "2")),
    responses(
        (status = 200, description = "The account with what it uses", body = AccountShown),
        (status = 403, description = "`operator_key_needed`", body = ProblemBody),
        (status = 404, description = "There is no such account", body = ProblemBody),
    ))]
pub(super) async fn get(
    State(api): State<Api>,
    _operator: ByOperator,
    Id(id): Id<AccountId>,
) -> Result<Answer<AccountShown>, Problem> {
    Ok(Answer(shown(&api, &*find(&api, id).await?).await?))
}

async fn find(api: &Api, id: AccountId) -> Result<Arc<KnownAccount>, Problem> {
    api.engine.store().known_account(id).await?.ok_or_else(|| unknown(id))
}

/// Change an account
///
/// For the operator. What is left out stays as it is; a quota that is `null` becomes the usual one. It holds at once.
#[utoipa::path(patch, path = "/v1/accounts/{id}", tag = "accounts", request_body = AccountChange,
    params(("id" = String, Path, description = "The account's id", example = "2")),
    responses(
        (status = 200, description = "The account as it is served now", body = AccountShown),
        (status = 403, description = "`operator_key_needed`", body = ProblemBody),
        (status = 404, description = "There is no such account", body = ProblemBody),
        (status = 409, description = "`name_taken` by `account`", body = ProblemBody),
        (status = 422, description = "What cannot be meant, each named", body = ProblemBody),
    ))]
pub(super) async fn patch(
    State(api): State<Api>,
    _operator: ByOperator,
    Id(id): Id<AccountId>,
    Json(body): Json,
) -> Result<Answer<AccountShown>, Problem> {
    let change = Change::parse(&body)?;
    match api.engine.change_account(id, change).await? {
        AccountChanged::Changed(known) => Ok(Answer(shown(&api, &known).await?)),
        AccountChanged::NameTaken(by) => Err(name_taken(by)),
        AccountChanged::Unknown => Err(unknown(id)),
    }
}
