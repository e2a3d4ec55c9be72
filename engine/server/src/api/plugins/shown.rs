//! How plugins, their versions and their runs are shown.

use std::collections::BTreeMap;

use leadhook_core::{
    plugin::{Broken, Decided, Exports, PluginVersion, Run},
    webhook::{Success, Webhook},
};
use serde::Serialize;
use utoipa::ToSchema;

/// A version of a plugin.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PluginVersion)]
pub(in crate::api) struct PluginVersionShown {
    /// The SHA-256 of the upload, 64 lower-case hex digits: `name@<sha256>` pins it in a webhook's settings.
    sha256: String,
    /// `wasm` or `script`.
    #[schema(example = "wasm")]
    kind: &'static str,
    /// What it has functions for: `filter`, `transform`, `receipt`.
    exports: Vec<&'static str>,
    /// The size of the upload.
    bytes: u64,
    /// When it was first uploaded; absent where it comes with the engine.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    uploaded_at: Option<String>,
    /// Whether it comes with the engine.
    bundled: bool,
}

/// A plugin as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Plugin)]
pub(in crate::api) struct PluginShown {
    /// Its name.
    name: String,
    /// Its current version.
    #[serde(flatten)]
    current: PluginVersionShown,
    /// How many versions there are.
    versions: u32,
    /// Whether it goes before a plugin of its name that comes with the engine.
    instead_of_bundled: bool,
    /// The webhooks whose settings name it.
    used_by: Vec<String>,
}

/// One run of a plugin for a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PluginRun)]
pub(in crate::api) struct RunShown {
    /// The plugin's name.
    plugin: String,
    /// The version that ran.
    sha256: String,
    /// Which function: `filter`, `transform` or `receipt`.
    step: &'static str,
    /// The time that the plugin was told.
    #[schema(format = DateTime)]
    at: String,
    /// What it came to: `passed`, `sent`, `skipped`, `deferred`; of a receipt `delivered`, `retry`, `refused`; or
    /// `failed`.
    #[schema(example = "sent")]
    decided: &'static str,
    /// Why, in the plugin's words, where it skipped or refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// Until when it deferred.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    until: Option<String>,
    /// How long the handler asked to wait, where it is to be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_seconds: Option<u32>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<RunErrorShown>,
    /// What it logged.
    log: Vec<LogLineShown>,
    /// Whether it logged more, which was dropped.
    log_cut: bool,
    /// About the number of instructions.
    fuel: u64,
    /// The most memory that it had.
    memory_bytes_peak: u64,
    /// How long it took, in microseconds.
    elapsed_us: u64,
    /// The keys of its state that it read. The values are not shown: they may be about people.
    keys_read: Vec<String>,
}

/// Why a run came to nothing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PluginError)]
pub(in crate::api) struct RunErrorShown {
    /// `trap`, `fuel`, `deadline`, `memory`, `input`, `output`, `contract`, `failed` or `sandbox`.
    kind: String,
    /// What happened and what would help.
    detail: String,
    /// The plugin's own code for it, where it failed by its own word.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// Whether trying again may help, where the plugin said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
    /// The functions that were running, innermost first.
    frames: Vec<String>,
}

/// A line that a plugin wrote.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PluginLogLine)]
pub(in crate::api) struct LogLineShown {
    /// `debug`, `info`, `warn` or `error`.
    level: &'static str,
    /// What it says.
    text: String,
}

/// The ids of the webhooks that name a plugin, by its name.
pub(in crate::api) type Users = BTreeMap<String, Vec<String>>;

/// Which webhooks name which plugins.
pub(in crate::api) fn users<'a>(webhooks: impl IntoIterator<Item = &'a Webhook>) -> Users {
    let mut users = Users::new();
    for webhook in webhooks {
        for name in named(webhook) {
            let ids = users.entry(name.to_owned()).or_default();
            let id = webhook.id.to_string();
            if ids.last() != Some(&id) {
                ids.push(id);
            }
        }
    }
    users
}

/// The names of the plugins that a webhook's settings name.
pub(in crate::api) fn named(webhook: &Webhook) -> impl Iterator<Item = &str> {
    let judge = match &webhook.settings.success {
        Success::Plugin(reference) => Some(reference),
        Success::Any2xx | Success::Only200 => None,
    };
    let links = webhook.settings.transform.iter().map(|link| &link.plugin);
    links.chain(judge).map(|reference| reference.split('@').next().unwrap_or(reference))
}

/// What it has functions for, in words.
fn words(exports: Exports) -> Vec<&'static str> {
    let all = [("filter", exports.filter), ("transform", exports.transform), ("receipt", exports.receipt)];
    all.into_iter().filter_map(|(word, has)| has.then_some(word)).collect()
}

impl PluginVersionShown {
    /// A version, of an account or bundled.
    pub(in crate::api) fn of(version: &PluginVersion, bundled: bool) -> Self {
        Self {
            sha256: version.sha256.clone(),
            kind: version.kind.word(),
            exports: words(version.exports),
            bytes: version.bytes,
            uploaded_at: (!bundled).then(|| version.uploaded_at.to_rfc3339()),
            bundled,
        }
    }
}

impl PluginShown {
    /// An account's own plugin.
    pub(in crate::api) fn own(
        current: &PluginVersion,
        versions: u32,
        instead_of_bundled: bool,
        users: &mut Users,
    ) -> Self {
        Self {
            name: current.name.clone(),
            current: PluginVersionShown::of(current, false),
            versions,
            instead_of_bundled,
            used_by: users.remove(&current.name).unwrap_or_default(),
        }
    }

    /// A plugin that comes with the engine.
    pub(in crate::api) fn bundled(version: &PluginVersion, users: &mut Users) -> Self {
        Self {
            name: version.name.clone(),
            current: PluginVersionShown::of(version, true),
            versions: 1,
            instead_of_bundled: false,
            used_by: users.remove(&version.name).unwrap_or_default(),
        }
    }

    /// Its name.
    pub(in crate::api) fn name(&self) -> &str {
        &self.name
    }
}

impl RunShown {
    /// A run.
    pub(in crate::api) fn of(run: &Run) -> Self {
        let decided = run.decided.clone();
        let (mut reason, mut until, mut after_seconds, mut error) = (None, None, None, None);
        let word = match decided {
            Decided::Passed => "passed",
            Decided::Sent => "sent",
            Decided::Skipped { reason: why } => {
                reason = Some(why);
                "skipped"
            }
            Decided::Deferred { until: time } => {
                until = Some(time.to_rfc3339());
                "deferred"
            }
            Decided::Delivered => "delivered",
            Decided::Retry { after_seconds: seconds } => {
                after_seconds = seconds;
                "retry"
            }
            Decided::Refused { reason: why } => {
                reason = Some(why);
                "refused"
            }
            Decided::Broken(broken) => {
                error = Some(RunErrorShown::of(broken));
                "failed"
            }
        };
        let line = |line: &leadhook_core::plugin::LogLine| LogLineShown {
            level: line.level.word(),
            text: line.text.clone(),
        };
        Self {
            plugin: run.plugin.clone(),
            sha256: run.sha256.clone(),
            step: run.step.word(),
            at: run.at.to_rfc3339(),
            decided: word,
            reason,
            until,
            after_seconds,
            error,
            log: run.log.iter().map(line).collect(),
            log_cut: run.log_cut,
            fuel: run.fuel,
            memory_bytes_peak: run.memory_bytes_peak,
            elapsed_us: run.elapsed_us,
            keys_read: run.reads.iter().map(|(key, _)| key.clone()).collect(),
        }
    }
}

impl RunErrorShown {
    /// Why a run failed.
    fn of(broken: Broken) -> Self {
        let Broken { kind, detail, code, retryable, frames } = broken;
        Self { kind, detail, code, retryable, frames }
    }
}
