//! The audit trail: who changed what, and when. Secrets' values are not in it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    account::key::KeyId,
    event::words,
    id::AccountId,
    time::{Serial, Timestamp},
};

words! {
    /// What can be done, as the trail tells it.
    Action {
        /// A site was made or saved.
        SiteSaved "site.saved",
        /// A site was deleted.
        SiteDeleted "site.deleted",
        /// A webhook was made.
        WebhookMade "webhook.made",
        /// A webhook's settings were saved.
        WebhookSaved "webhook.saved",
        /// A webhook was switched on or off.
        WebhookSwitched "webhook.switched",
        /// A webhook was deleted.
        WebhookDeleted "webhook.deleted",
        /// A delivery was sent by hand.
        DeliverySent "delivery.sent",
        /// A delivery was cancelled.
        DeliveryCancelled "delivery.cancelled",
        /// A resend of a period was begun.
        ResendBegun "resend.begun",
        /// A resend of a period was cancelled.
        ResendCancelled "resend.cancelled",
        /// The erasure of a client was asked for.
        ClientErased "client.erased",
        /// A relay's token was made.
        RelayMade "relay.made",
        /// A relay's token was revoked.
        RelayRevoked "relay.revoked",
        /// The key that signs links to recordings was changed.
        RecordingKeyRotated "recording_key.rotated",
        /// A key that signed links to recordings opens none of them any more.
        RecordingKeyRevoked "recording_key.revoked",
        /// A version of a plugin was uploaded.
        PluginUploaded "plugin.uploaded",
        /// Another version of a plugin was chosen.
        PluginRolledBack "plugin.rolled_back",
        /// A plugin was deleted.
        PluginDeleted "plugin.deleted",
        /// A secret was set.
        SecretSet "secret.set",
        /// A secret was deleted.
        SecretDeleted "secret.deleted",
        /// The operations webhook was set.
        OperationsWebhookSet "operations_webhook.set",
        /// The operations webhook was deleted.
        OperationsWebhookDeleted "operations_webhook.deleted",
        /// An account was made.
        AccountMade "account.made",
        /// An account's name, state or quotas were changed.
        AccountChanged "account.changed",
        /// A key was made.
        KeyMade "key.made",
        /// A key was deleted.
        KeyDeleted "key.deleted",
    }
}

/// Who asked for a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Author {
    /// Whoever has the operator's key.
    Operator,
    /// Whoever has this key of the account.
    Key {
        /// Its id.
        id: KeyId,
        /// What it was called then.
        name: String,
    },
}

/// What was done to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// The word of an [`Action`]; as text, so that a trail is read by versions that do not know it.
    pub action: String,
    /// The id or name of what was changed.
    pub object: String,
    /// How it stood before: a revision, a version, a state.
    pub before: Option<String>,
    /// How it stands since.
    pub after: Option<String>,
    /// The names of the fields that changed.
    pub fields: Vec<String>,
}

impl Deed {
    /// Something was done to an object.
    pub fn new(action: Action, object: &(impl ToString + ?Sized)) -> Self {
        let (action, object) = (action.word().to_owned(), object.to_string());
        Self { action, object, before: None, after: None, fields: Vec::new() }
    }

    /// How the object stood before and stands since.
    #[must_use]
    pub fn turning(mut self, before: Option<String>, after: String) -> Self {
        self.before = before;
        self.after = Some(after);
        self
    }

    /// The names of the fields that changed.
    #[must_use]
    pub fn changing(mut self, fields: Vec<String>) -> Self {
        self.fields = fields;
        self
    }
}

/// One entry of a trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, by which lists are paged; larger ones are later.
    pub serial: Serial,
    /// When it was done.
    pub at: Timestamp,
    /// Who asked for it.
    pub author: Author,
    /// Whose it concerns: the operator's trail tells of many accounts.
    pub account: AccountId,
    /// What was done.
    pub deed: Deed,
}

/// The names of the members at the top of two JSON objects in which they differ, in the order of the newer one.
pub fn differing(before: &serde_json::Value, after: &serde_json::Value) -> Vec<String> {
    let members = |value: &serde_json::Value| value.as_object().cloned().unwrap_or_default();
    let (before, after) = (members(before), members(after));
    let changed = after.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, _)| name);
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    changed.chain(gone).cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_differ_are_named_without_their_values() {
        let (before, after) = (json!({"a": 1, "b": 2, "c": 3}), json!({"d": 4, "b": 5, "a": 1}));
        assert_eq!(differing(&before, &after), ["d", "b", "c"]);
        assert!(differing(&after, &after).is_empty());
    }
}
