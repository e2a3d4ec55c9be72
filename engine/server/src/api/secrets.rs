//! Secrets: values for plugins, set and replaced, never shown.

use axum::{
    Json as Answer,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use leadhook_core::{fault::Faults, id::AccountId, read::Reader, time::Timestamp, webhook::Webhook};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    body::Json,
    problem::{Problem, ProblemBody},
    query::{Id, Named, Query},
};

/// The most bytes of a secret's value.
const VALUE_BYTES_MAX: usize = 8 * 1024;
/// The most secrets of one account.
const SECRETS_MAX: usize = 500;
/// The most characters of a secret's name.
const NAME_CHARACTERS_MAX: usize = 64;
/// What a secret's name looks like.
const NAME_FORM: &str = "a secret's name has 1 to 64 characters of A-Z a-z 0-9 . _ -";

/// A secret's name.
#[derive(Debug, Clone)]
pub(super) struct SecretName(String);

impl Named for SecretName {
    fn by_id(text: &str) -> Result<Self, String> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        match (1..=NAME_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(is_fit) {
            true => Ok(Self(text.to_owned())),
            false => Err(NAME_FORM.to_owned()),
        }
    }
}

/// A secret's value.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `value` reads")]
pub(super) struct SecretValue {
    /// The value; no call ever answers it.
    #[schema(min_length = 1, max_length = 8192, write_only)]
    value: String,
}

/// A secret, without its value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Secret)]
pub(super) struct SecretShown {
    /// Its name.
    name: String,
    /// When its value was set.
    #[schema(format = DateTime)]
    set_at: String,
    /// The webhooks that grant it to a plugin.
    used_by: Vec<String>,
}

/// A page of secrets, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SecretList {
    /// The secrets.
    secrets: Vec<SecretShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Set a secret
///
/// Replaces a value that is there: plugins get the new one from the next delivery on. No call answers it.
#[utoipa::path(put, path = "/v1/secrets/{name}", tag = "secrets",
    params(("name" = String, Path, description = "The secret's name: 1 to 64 characters of `A-Z a-z 0-9 . _ -`", example = "crm-token")),
    request_body = SecretValue,
    responses(
        (status = 200, description = "Replaced", body = SecretShown),
        (status = 201, description = "Set", body = SecretShown),
        (status = 409, description = "`too_many_secrets`: the account has as many as it may", body = ProblemBody),
        (status = 422, description = "A name or value that is not taken", body = ProblemBody),
    ))]
pub(super) async fn put(
    State(api): State<Api>,
    Caller(account): Caller,
    Path(name): Path<String>,
    Json(body): Json,
) -> Result<Response, Problem> {
    let SecretName(name) =
        SecretName::by_id(&name).map_err(|form| Problem::fault("name", "bad_secret_name", form))?;
    let value = value(&body)?;
    let (store, now) = (api.engine.store(), api.engine.now());
    let known = store.secrets(account).await?;
    let is_new = known.iter().all(|(other, _)| *other != name);
    if is_new && known.len() >= SECRETS_MAX {
        let detail = format!("the account has {SECRETS_MAX} secrets, as many as it may have");
        return Err(Problem::conflict("too_many_secrets", detail));
    }
    store.put_secret(account, &name, value, now).await?;
    let location = [(header::LOCATION, format!("/v1/secrets/{name}"))];
    let answer = Answer(shown(&api, account, vec![(name, now)]).await?.remove(0));
    Ok(match is_new {
        true => (StatusCode::CREATED, location, answer).into_response(),
        false => answer.into_response(),
    })
}

fn value(body: &Value) -> Result<String, Faults> {
    let mut reader = Reader::default();
    let read = |reader: &mut Reader| {
        let mut fields = reader.object(body, "")?;
        let value = fields.required(reader, "value").and_then(|value| {
            let text = reader.text(value, "value")?;
            match text.len() {
                0 => reader.fault("value", "empty", "a secret has a value"),
                1..=VALUE_BYTES_MAX => Some(text.to_owned()),
                bytes => {
                    let detail = format!("{bytes} bytes, at most {VALUE_BYTES_MAX} are allowed");
                    reader.fault("value", "too_long", detail)
                }
            }
        });
        fields.refuse_unknown(reader);
        value
    };
    let value = read(&mut reader);
    reader.finish(value)
}

/// All secrets
///
/// Their names; a value is never answered.
#[utoipa::path(get, path = "/v1/secrets", tag = "secrets",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of secrets, by name", body = SecretList)))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
    mut query: Query,
) -> Result<Answer<SecretList>, Problem> {
    let limit = query.limit();
    let after = query.text("cursor").unwrap_or_default();
    query.finish()?;
    let mut secrets = api.engine.store().secrets(account).await?;
    secrets.retain(|(name, _)| *name > after);
    let has_next = secrets.len() > limit;
    secrets.truncate(limit);
    let last = secrets.last().filter(|_| has_next);
    let next_cursor = last.map(|(name, _)| name.clone());
    Ok(Answer(SecretList { secrets: shown(&api, account, secrets).await?, next_cursor }))
}

/// Delete a secret
///
/// One that a webhook grants to a plugin stays; setting another value makes the old one worthless to it.
#[utoipa::path(delete, path = "/v1/secrets/{name}", tag = "secrets",
    params(("name" = String, Path, description = "The secret's name", example = "crm-token")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such secret", body = ProblemBody),
        (status = 409, description = "`secret_in_use`: `webhooks` grant it", body = ProblemBody),
    ))]
pub(super) async fn delete(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(SecretName(name)): Id<SecretName>,
) -> Result<StatusCode, Problem> {
    let webhooks = api.engine.store().webhooks(account).await?;
    let users: Vec<_> = webhooks
        .iter()
        .filter(|webhook| grants(webhook, &name))
        .map(|webhook| webhook.id.to_string())
        .collect();
    if !users.is_empty() {
        let detail = format!("the secret `{name}` is granted by {}", users.join(", "));
        return Err(Problem::conflict("secret_in_use", detail).with("webhooks", users));
    }
    match api.engine.store().delete_secret(account, &name).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found(format!("the account has no secret `{name}`"))),
    }
}

/// Secrets as they are answered.
async fn shown(
    api: &Api,
    account: AccountId,
    secrets: Vec<(String, Timestamp)>,
) -> Result<Vec<SecretShown>, Problem> {
    let webhooks = api.engine.store().webhooks(account).await?;
    let users = |name: &str| {
        webhooks
            .iter()
            .filter(|webhook| grants(webhook, name))
            .map(|webhook| webhook.id.to_string())
            .collect()
    };
    let shown = |(name, at): (String, Timestamp)| SecretShown {
        used_by: users(&name),
        set_at: at.to_rfc3339(),
        name,
    };
    Ok(secrets.into_iter().map(shown).collect())
}

fn grants(webhook: &Webhook, name: &str) -> bool {
    webhook.settings.transform.iter().any(|link| link.secrets.iter().any(|granted| granted == name))
}
