//! Plugins and scripts: uploaded as immutable versions, listed, rolled back, deleted.

pub(super) mod dry_run;
mod holdings;
pub(super) mod logs;
pub(super) mod run;
pub(super) mod shown;
pub(super) mod versions;

use std::sync::Arc;

use axum::{
    Json as Answer,
    extract::{Path, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Response},
};
use leadhook_core::{
    id::AccountId,
    plugin::Exports,
    webhook::{Success, Webhook},
};
use leadhook_runtime::plugins::{PluginError, Plugins};
use leadhook_sandbox::{Refusal, WASM_BYTES_MAX};
use leadhook_store::{KnownPlugin, PluginDeleted, carried};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    Api,
    auth::Caller,
    body, meter,
    problem::{Problem, ProblemBody},
    query::{Id, Named, Query},
};
pub(super) use holdings::holdings;
use shown::{PluginShown, named, users};

/// The most characters of a plugin's name.
const NAME_CHARACTERS_MAX: usize = 64;
/// What a plugin's name looks like.
const NAME_FORM: &str = "a plugin's name has 1 to 64 characters of a-z 0-9 -";

/// A plugin's name.
#[derive(Debug, Clone)]
pub(super) struct PluginName(pub(super) String);

impl Named for PluginName {
    fn by_id(text: &str) -> Result<Self, String> {
        let is_fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        match (1..=NAME_CHARACTERS_MAX).contains(&text.len()) && text.bytes().all(is_fit) {
            true => Ok(Self(text.to_owned())),
            false => Err(NAME_FORM.to_owned()),
        }
    }
}

/// A page of plugins, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PluginList {
    /// The plugins.
    plugins: Vec<PluginShown>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A plugin whose current version was chosen.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PluginSaved {
    /// The plugin.
    #[serde(flatten)]
    plugin: PluginShown,
    /// Webhooks that name it for something that this version has no function for.
    warnings: Vec<String>,
}

/// The plugins of an engine that runs any.
pub(super) fn plugins(api: &Api) -> Result<&Arc<Plugins>, Problem> {
    api.engine.plugins().ok_or_else(|| {
        Problem::new(StatusCode::NOT_IMPLEMENTED, "plugins_off", "this engine runs no plugins")
    })
}

/// There is no plugin of this name.
pub(super) fn unknown(name: &str) -> Problem {
    Problem::not_found(format!("there is no plugin `{name}`; GET /v1/plugins lists them"))
}

impl From<PluginError> for Problem {
    fn from(error: PluginError) -> Self {
        match error {
            PluginError::Unknown(reference) => unknown(&reference),
            PluginError::Refused(refusal) => refused_upload(&refusal),
            PluginError::Store(error) => error.into(),
            other => Self::internal(&format_args!("{:#}", anyhow::Error::from(other))),
        }
    }
}

fn refused_upload(refusal: &Refusal) -> Problem {
    let status = match refusal {
        Refusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let problem = Problem::new(status, refusal.code(), refusal.to_string());
    match refusal.position() {
        Some((line, column)) => problem.with("line", line).with("column", column),
        None => problem,
    }
}

/// Upload a plugin or script
///
/// The body is the `.wasm` (a component, or a module that carries its interface) or the text of a rhai script; its
/// first bytes tell which. It is checked and compiled, becomes an immutable version, and is the current one from now
/// on: deliveries that are rendered later run it. A name of a plugin that comes with the engine may be taken; the
/// account's own goes before it.
#[utoipa::path(put, path = "/v1/plugins/{name}", tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name: 1 to 64 characters of `a-z 0-9 -`", example = "my-crm")),
    request_body(content(("application/wasm"), ("text/plain")), description = "The `.wasm`, up to 24 MiB, or the script, up to 256 KiB"),
    responses(
        (status = 200, description = "A further version, or one that was there, is the current one", body = PluginSaved),
        (status = 201, description = "The first version", body = PluginSaved),
        (status = 409, description = "`too_many_plugins`: the account has as many as it may", body = ProblemBody),
        (status = 413, description = "Larger than what is taken", body = ProblemBody),
        (status = 422, description = "It is not taken: `code` says why; of a script with `line` and `column`", body = ProblemBody),
    ))]
pub(super) async fn put(
    State(api): State<Api>,
    Caller(account): Caller,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let PluginName(name) =
        PluginName::by_id(&name).map_err(|form| Problem::fault("name", "bad_plugin_name", form))?;
    let body = body::read(&api, request, WASM_BYTES_MAX).await?;
    if body.bytes.is_empty() {
        let detail = "nothing was uploaded: the body is the .wasm, or the text of the script";
        return Err(Problem::fault("", "empty", detail));
    }
    let meter = api.meters.of(account);
    let _growing = meter.growing().await;
    let most = meter::quotas(&api, account).await?.plugins as usize;
    let known = api.engine.store().plugins(account).await?;
    let is_new = known.iter().all(|one| one.current.name != name);
    if is_new && known.len() >= most {
        let detail = format!("the account may have {most} plugins, and has as many");
        return Err(Problem::conflict("too_many_plugins", detail));
    }
    let now = api.engine.now();
    let (plugins, place) = (Arc::clone(plugins(&api)?), api.plugin_place().await);
    let (uploaded_name, bytes) = (name.clone(), body.bytes.to_vec());
    // Carried through when the client goes away, and counted to the end: a compilation is not called off.
    let uploading = tokio::spawn(carried(async move {
        let _place = place;
        plugins.upload(account, &uploaded_name, bytes, now).await
    }));
    let uploaded = uploading.await.map_err(|error| Problem::internal(&error))??;
    let location = [(header::LOCATION, format!("/v1/plugins/{name}"))];
    let answer = Answer(saved(&api, account, &uploaded).await?);
    Ok(match is_new {
        true => (StatusCode::CREATED, location, answer).into_response(),
        false => answer.into_response(),
    })
}

/// What is answered of a plugin whose current version was chosen.
pub(super) async fn saved(
    api: &Api,
    account: AccountId,
    known: &KnownPlugin,
) -> Result<PluginSaved, Problem> {
    let webhooks = api.engine.store().webhooks(account).await?;
    let is_bundled = plugins(api)?.bundled().contains_key(known.current.name.as_str());
    let mut users = users(webhooks.iter().map(|webhook| &**webhook));
    let warnings = webhooks.iter().filter_map(|webhook| {
        let lacks = lacking(webhook, &known.current.name, known.current.exports)?;
        Some(format!("the webhook `{}` names it {lacks}", webhook.id))
    });
    Ok(PluginSaved {
        warnings: warnings.collect(),
        plugin: PluginShown::own(&known.current, known.versions, is_bundled, &mut users),
    })
}

/// What a webhook that names the current version wants of it and does not get.
fn lacking(webhook: &Webhook, name: &str, exports: Exports) -> Option<&'static str> {
    let settings = &webhook.settings;
    let is_link = settings.transform.iter().any(|link| link.plugin == name);
    let is_judge = matches!(&settings.success, Success::Plugin(plugin) if plugin == name);
    if is_link && !exports.filter && !exports.transform {
        return Some("in `transform`, and this version has neither a filter nor a transform");
    }
    (is_judge && !exports.receipt).then_some("in `success`, and this version has no receipt")
}

/// A plugin
#[utoipa::path(get, path = "/v1/plugins/{name}", tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name", example = "json-body")),
    responses(
        (status = 200, description = "The plugin with its current version", body = PluginShown),
        (status = 404, description = "There is no such plugin", body = ProblemBody),
    ))]
pub(super) async fn get(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(PluginName(name)): Id<PluginName>,
) -> Result<Answer<PluginShown>, Problem> {
    let found = all(&api, account).await?.into_iter().find(|plugin| plugin.name() == name);
    found.map(Answer).ok_or_else(|| unknown(&name))
}

/// All plugins
///
/// Those of the account, and those that come with the engine.
#[utoipa::path(get, path = "/v1/plugins", tag = "plugins",
    params(
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of plugins, by name", body = PluginList)))]
pub(super) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
    mut query: Query,
) -> Result<Answer<PluginList>, Problem> {
    let limit = query.limit();
    let after = query.text("cursor").unwrap_or_default();
    query.finish()?;
    let mut plugins = all(&api, account).await?;
    plugins.retain(|plugin| plugin.name() > after.as_str());
    let has_next = plugins.len() > limit;
    plugins.truncate(limit);
    let last = plugins.last().filter(|_| has_next);
    Ok(Answer(PluginList { next_cursor: last.map(|plugin| plugin.name().to_owned()), plugins }))
}

/// The account's plugins and the bundled ones that none of them goes before, by name.
async fn all(api: &Api, account: AccountId) -> Result<Vec<PluginShown>, Problem> {
    let store = api.engine.store();
    let (own, webhooks) = (store.plugins(account).await?, store.webhooks(account).await?);
    let bundled = plugins(api)?.bundled();
    let mut users = users(webhooks.iter().map(|webhook| &**webhook));
    let is_own = |name: &str| own.iter().any(|known| known.current.name == name);
    let mut shown: Vec<_> = bundled
        .values()
        .filter(|version| !is_own(&version.name))
        .map(|version| PluginShown::bundled(version, &mut users))
        .collect();
    shown.extend(own.iter().map(|known| {
        let is_bundled = bundled.contains_key(known.current.name.as_str());
        PluginShown::own(&known.current, known.versions, is_bundled, &mut users)
    }));
    shown.sort_by(|one, other| one.name().cmp(other.name()));
    Ok(shown)
}

/// Delete a plugin
///
/// With all its versions; what ran stays on record. One that a webhook names stays, and so do those that come with
/// the engine.
#[utoipa::path(delete, path = "/v1/plugins/{name}", tag = "plugins",
    params(("name" = String, Path, description = "The plugin's name", example = "my-crm")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "There is no such plugin", body = ProblemBody),
        (status = 409, description = "`plugin_in_use`: `webhooks` name it; `bundled_plugin`: it comes with the engine", body = ProblemBody),
    ))]
pub(super) async fn delete(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(PluginName(name)): Id<PluginName>,
) -> Result<StatusCode, Problem> {
    match api.engine.store().delete_plugin(account, &name).await? {
        PluginDeleted::Deleted => Ok(StatusCode::NO_CONTENT),
        PluginDeleted::InUse(webhooks) => {
            let ids: Vec<_> = webhooks.iter().map(ToString::to_string).collect();
            let detail = format!("the plugin `{name}` is named by the settings of {}", ids.join(", "));
            Err(Problem::conflict("plugin_in_use", detail).with("webhooks", ids))
        }
        PluginDeleted::Unknown if plugins(&api)?.bundled().contains_key(name.as_str()) => {
            let detail = format!("the plugin `{name}` comes with the engine");
            Err(Problem::conflict("bundled_plugin", detail))
        }
        PluginDeleted::Unknown => Err(unknown(&name)),
    }
}

/// Whether a webhook's settings name a plugin.
fn names(webhook: &Webhook, name: &str) -> bool {
    named(webhook).any(|plugin| plugin == name)
}
