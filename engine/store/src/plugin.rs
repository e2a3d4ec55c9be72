//! Plugins as the store is given them and answers them.

use std::fmt;

use leadhook_core::{id::WebhookId, plugin::PluginVersion};

/// A version of a plugin with what was uploaded.
#[derive(Clone, PartialEq, Eq)]
pub struct Upload {
    /// What is known of it; its `sha256` is that of the bytes, and they are checked against it when they are read.
    pub version: PluginVersion,
    /// The WebAssembly or the script; up to 24 MiB.
    pub bytes: Vec<u8>,
}

/// Without the bytes, which nobody reads.
impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("version", &self.version).finish_non_exhaustive()
    }
}

/// A plugin as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownPlugin {
    /// The version that runs where a webhook pins none.
    pub current: PluginVersion,
    /// How many versions there are, 1 or more; those from before a deletion count too.
    pub versions: u32,
}

/// What became of deleting a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginDeleted {
    /// It is deleted. Its versions can still be read by their SHA-256.
    Deleted,
    /// There is no such plugin.
    Unknown,
    /// These webhooks name it in `transform` or `success`, oldest first; it stays.
    InUse(Vec<WebhookId>),
}
