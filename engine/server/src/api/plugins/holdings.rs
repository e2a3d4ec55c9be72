//! What an account has that its webhooks' settings may name: plugins in their versions, and secrets.

use leadhook_core::{id::AccountId, plugin::PluginVersion, settings::Holdings};
use leadhook_runtime::plugins::Plugins;
use serde_json::Value;

use crate::api::{Api, problem::Problem};

/// The most links that are looked at: more than a chain may have, so that settings with more are refused for that.
const LINKS_READ_MAX: usize = 20;

/// What these settings are checked against. Pinned versions are asked for by name, since nobody names most of them.
pub(in crate::api) async fn holdings(
    api: &Api,
    account: AccountId,
    settings: &Value,
) -> Result<Holdings, Problem> {
    let Some(plugins) = api.engine.plugins() else { return Ok(Holdings::default()) };
    let mut known = plugins.known(account).await?;
    for (name, sha256) in pinned(settings) {
        let versions = versions(api, plugins, account, name).await?;
        if let Some((version, _)) = versions.into_iter().find(|(version, _)| version.sha256 == sha256) {
            known.insert(format!("{name}@{sha256}"), version.exports);
        }
    }
    let secrets = api.engine.store().secrets(account).await?;
    Ok(Holdings { plugins: known, secrets: secrets.into_iter().map(|(name, _)| name).collect() })
}

/// The versions that settings pin, as name and SHA-256. They may not be settings at all.
fn pinned(settings: &Value) -> impl Iterator<Item = (&str, &str)> {
    let links = settings["transform"].as_array().into_iter().flatten().take(LINKS_READ_MAX);
    let named = links.chain([&settings["success"]]).filter_map(|link| link["plugin"].as_str());
    named.filter_map(|reference| reference.split_once('@'))
}

/// Every version of a plugin with whether it comes with the engine: the account's own, newest upload first, then the
/// bundled one.
pub(in crate::api) async fn versions(
    api: &Api,
    plugins: &Plugins,
    account: AccountId,
    name: &str,
) -> Result<Vec<(PluginVersion, bool)>, Problem> {
    let own = api.engine.store().plugin_versions(account, name).await?;
    let bundled = plugins.bundled().get(name).map(|version| (version.clone(), true));
    Ok(own.into_iter().map(|version| (version, false)).chain(bundled).collect())
}
