//! A plugin's versions, and going back to an earlier one.

use axum::{Json as Answer, extract::State};
use leadhook_core::{fault::Faults, read::Reader};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{PluginName, PluginSaved, holdings, plugins, saved, shown::PluginVersionShown, unknown};
use crate::api::{
    Api,
    auth::Caller,
    body::Json,
    problem::{Problem, ProblemBody},
    query::{Id, Query},
};

/// A version in the list of a plugin's versions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedVersion)]
pub(in crate::api) struct Listed {
    /// The version.
    #[serde(flatten)]
    version: PluginVersionShown,
    /// Whether it runs where settings name the plugin without a version.
    current: bool,
}

/// A page of a plugin's versions, newest upload first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct VersionList {
    /// The versions.
    versions: Vec<Listed>,
    /// What to give as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Which version to go back to.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes what `version` reads")]
pub(in crate::api) struct VersionWanted {
    /// The SHA-256 of one of the plugin's versions.
    #[schema(min_length = 64, max_length = 64)]
    sha256: String,
}

/// A plugin's versions
///
/// Newest upload first. One that comes with the engine stands last.
#[utoipa::path(get, path = "/v1/plugins/{name}/versions", tag = "plugins", operation_id = "versions",
    params(
        ("name" = String, Path, description = "The plugin's name", example = "my-crm"),
        ("limit" = Option<u32>, Query, description = "1 to 500; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of versions", body = VersionList),
        (status = 404, description = "There is no such plugin", body = ProblemBody),
    ))]
pub(in crate::api) async fn list(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(PluginName(name)): Id<PluginName>,
    mut query: Query,
) -> Result<Answer<VersionList>, Problem> {
    let limit = query.limit();
    let after = query.text("cursor");
    query.finish()?;
    let versions = holdings::versions(&api, plugins(&api)?, account, &name).await?;
    if versions.is_empty() {
        return Err(unknown(&name));
    }
    let own = api.engine.store().plugins(account).await?.into_iter().find(|known| known.current.name == name);
    let is_current = |sha256: &str, bundled: bool| match &own {
        Some(own) => !bundled && own.current.sha256 == sha256,
        None => bundled,
    };
    // The cursor is the last version that was answered.
    let begin = after
        .and_then(|after| versions.iter().position(|(version, _)| version.sha256 == after))
        .map_or(0, |place| place + 1);
    let has_next = versions.len() - begin > limit;
    let page = versions.iter().skip(begin).take(limit);
    let shown = page.clone().map(|(version, bundled)| Listed {
        version: PluginVersionShown::of(version, *bundled),
        current: is_current(&version.sha256, *bundled),
    });
    let last = page.clone().next_back().filter(|_| has_next);
    Ok(Answer(VersionList {
        versions: shown.collect(),
        next_cursor: last.map(|(version, _)| version.sha256.clone()),
    }))
}

/// Go back to another version of a plugin
///
/// It is the current one from now on: deliveries that are rendered later run it.
#[utoipa::path(post, path = "/v1/plugins/{name}/rollback", tag = "plugins", request_body = VersionWanted,
    params(("name" = String, Path, description = "The plugin's name", example = "my-crm")),
    responses(
        (status = 200, description = "It is the current version", body = PluginSaved),
        (status = 404, description = "The account has no such plugin", body = ProblemBody),
        (status = 422, description = "`unknown_version`: the plugin has no such version", body = ProblemBody),
    ))]
pub(in crate::api) async fn rollback(
    State(api): State<Api>,
    Caller(account): Caller,
    Id(PluginName(name)): Id<PluginName>,
    Json(body): Json,
) -> Result<Answer<PluginSaved>, Problem> {
    let sha256 = version(&body)?;
    let store = api.engine.store();
    if let Some(known) = store.roll_back_plugin(account, &name, &sha256).await? {
        return Ok(Answer(saved(&api, account, &known).await?));
    }
    let is_own = store.plugins(account).await?.iter().any(|known| known.current.name == name);
    Err(match is_own {
        true => {
            let detail = format!("`{name}` has no such version; GET /v1/plugins/{name}/versions lists them");
            Problem::fault("sha256", "unknown_version", detail)
        }
        false => Problem::not_found(format!("the account has uploaded no plugin `{name}`")),
    })
}

fn version(body: &Value) -> Result<String, Faults> {
    let mut reader = Reader::default();
    let read = |reader: &mut Reader| {
        let mut fields = reader.object(body, "")?;
        let version = fields.required(reader, "sha256").and_then(|value| reader.text(value, "sha256"));
        fields.refuse_unknown(reader);
        version.map(str::to_owned)
    };
    let version = read(&mut reader);
    reader.finish(version)
}
