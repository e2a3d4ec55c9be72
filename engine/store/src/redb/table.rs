//! The tables: what stands under which key. Every key leads with the account, and what grows with traffic is
//! keyed by serials, so that inserts come at the tail. Ids of sources stand as they are, since most sources count
//! up or begin with the time; only clients are spread by a digest.

use std::marker::PhantomData;

use ::redb::{Key, TableDefinition};
use leadhook_core::{
    delivery::State,
    id::{AccountId, DeliveryId, LeadRef, SiteId, WebhookId},
    qualify::Client,
    time::{Serial, Timestamp},
};
use sha2::{Digest, Sha256};

use super::kinds::{Flag, Text};

/// The format of the tables, under [`META_FORMAT`].
pub(super) const FORMAT: u32 = 4;
pub(super) const META_FORMAT: &str = "format";
/// The last serial given out.
pub(super) const META_SERIAL: &str = "serial";
/// The mark of the master key under which secrets are sealed; nothing where they stand open.
pub(super) const META_MASTER_KEY: &str = "master_key";
/// The first UTC day whose leads did not grow old yet; nothing where none did.
pub(super) const META_LEADS_FROM: &str = "leads_from_day";
/// The first day of whose deliveries not all bodies are gone.
pub(super) const META_BODIES_FROM: &str = "bodies_from_day";

type Bytes = &'static [u8];
/// Account and the serial of a webhook's delivery.
pub(super) type DeliveryKey = (u32, u64, u64);
/// Account, lead and version.
pub(super) type LeadKey = (u32, u64, u32);
/// Account, webhook, due time in milliseconds, and the delivery's serial.
pub(super) type DueKey = (u32, u64, i64, u64);
/// The delivery's lead, and whether it is a retry.
pub(super) type DueValue = (u64, Flag);
/// Account, webhook, lead and the delivery's serial.
pub(super) type WaitingKey = (u32, u64, u64, u64);
/// Account, site and the event's id.
pub(super) type EventKey = (u32, Text, Text);
/// Account, site, kind of lead and the lead's id.
pub(super) type LeadIdKey = (u32, Text, Text, Text);
/// Account, client, kind of trace, start in milliseconds, and lead.
pub(super) type TraceKey = (u32, u128, u8, i64, u64);
/// Account, plugin and SHA-256.
pub(super) type VersionKey = (u32, Text, Text);
/// Account, webhook, plugin and key.
pub(super) type StateKey = (u32, u64, Text, Text);
/// Account, end in Unix milliseconds, webhook, plugin and key.
pub(super) type StateEndKey = (u32, u64, u64, Text, Text);

pub(super) const META: TableDefinition<'_, Text, u64> = TableDefinition::new("meta");
pub(super) const ACCOUNT: TableDefinition<'_, u32, Bytes> = TableDefinition::new("account");
/// On which terms an account is served, as JSON text; the usual ones have no row.
pub(super) const ACCOUNT_TERMS: TableDefinition<'_, u32, Bytes> = TableDefinition::new("account_terms");
/// Account and key: what it opens, and its SHA-256.
pub(super) const KEY: TableDefinition<'_, (u32, u64), Bytes> = TableDefinition::new("key");
/// Account and key: when it was last used, in Unix milliseconds.
pub(super) const KEY_USE: TableDefinition<'_, (u32, u64), i64> = TableDefinition::new("key_use");
/// Account and serial: who changed what. Written once.
pub(super) const AUDIT: TableDefinition<'_, (u32, u64), Bytes> = TableDefinition::new("audit");
/// Account and UTC day: about how many bytes stand under the day.
pub(super) const STORED: TableDefinition<'_, (u32, u32), u64> = TableDefinition::new("stored");
/// The SHA-256 of an API key, and the account it speaks for.
pub(super) const API_KEY: TableDefinition<'_, &[u8; 32], u32> = TableDefinition::new("api_key");
/// Account and site: the newest revision, and whether it was deleted.
pub(super) const SITE: TableDefinition<'_, (u32, Text), (u32, Flag)> = TableDefinition::new("site");
/// Account, site and revision: the settings as JSON text.
pub(super) const SITE_REVISION: TableDefinition<'_, (u32, Text, u32), Bytes> =
    TableDefinition::new("site_revision");
/// Account and webhook: newest revision, switch, and the serial of the creation.
pub(super) const WEBHOOK: TableDefinition<'_, (u32, u64), Bytes> = TableDefinition::new("webhook");
/// Account, webhook and revision: when it was saved, and the settings as JSON text.
pub(super) const WEBHOOK_REVISION: TableDefinition<'_, (u32, u64, u32), Bytes> =
    TableDefinition::new("webhook_revision");
/// The lead and the version that an event made.
pub(super) const EVENT_ID: TableDefinition<'_, EventKey, (u64, u32)> = TableDefinition::new("event_id");
/// The serial of a lead that its source names.
pub(super) const LEAD_ID: TableDefinition<'_, LeadIdKey, u64> = TableDefinition::new("lead_id");
pub(super) const TRACE: TableDefinition<'_, TraceKey, ()> = TableDefinition::new("trace");
/// Deliveries that have not ended.
pub(super) const OPEN: TableDefinition<'_, DeliveryKey, Bytes> = TableDefinition::new("open");
/// Open deliveries that stand at the head of their lanes, and all of webhooks whose deliveries do not wait
/// for each other. A webhook whose ordering was changed may leave others here, which a claim takes out.
pub(super) const DUE: TableDefinition<'_, DueKey, DueValue> = TableDefinition::new("due");
/// Open deliveries of lanes that can have more than one.
pub(super) const WAITING: TableDefinition<'_, WaitingKey, ()> = TableDefinition::new("waiting");
/// Account, webhook and lead: the fingerprints of what was last delivered, for lanes that can have more than one.
pub(super) const LANE: TableDefinition<'_, (u32, u64, u64), Bytes> = TableDefinition::new("lane");
/// Rows of deliveries that could not be read, as they were found; empty where there was none.
pub(super) const QUARANTINE: TableDefinition<'_, DeliveryKey, Bytes> = TableDefinition::new("quarantine");
/// Account and plugin: the SHA-256 of the current version. Deleted plugins have no row.
pub(super) const PLUGIN: TableDefinition<'_, (u32, Text), Bytes> = TableDefinition::new("plugin");
/// The versions of plugins, deleted ones too.
pub(super) const PLUGIN_VERSION: TableDefinition<'_, VersionKey, Bytes> =
    TableDefinition::new("plugin_version");
/// Account, SHA-256 and number: one piece after another of what was uploaded, whose checksum is that SHA-256.
pub(super) const PLUGIN_PIECE: TableDefinition<'_, (u32, Text, u32), Bytes> =
    TableDefinition::new("plugin_piece");
/// Account and serial: what its people are told of, and when that was.
pub(super) const NOTIFICATION: TableDefinition<'_, (u32, u64), Bytes> = TableDefinition::new("notification");
/// Account: its operations webhook as JSON text.
pub(super) const OPERATIONS: TableDefinition<'_, u32, Bytes> = TableDefinition::new("operations");
/// Account: how far its notifications were sent to its operations webhook.
pub(super) const OPERATIONS_PLACE: TableDefinition<'_, u32, Bytes> = TableDefinition::new("operations_place");
/// Account and webhook: since when it has done nothing but fail, in Unix milliseconds. Others have no row.
pub(super) const FAILING: TableDefinition<'_, (u32, u64), i64> = TableDefinition::new("failing");
/// Account and serial: a resend as it stands.
pub(super) const RESEND: TableDefinition<'_, (u32, u64), Bytes> = TableDefinition::new("resend");
/// Account and webhook: the serial of its resend that has not ended.
pub(super) const RESEND_RUNNING: TableDefinition<'_, (u32, u64), u64> =
    TableDefinition::new("resend_running");
/// Open deliveries that resends made owed: the lead, and the resend's serial.
pub(super) const RESENDING: TableDefinition<'_, DeliveryKey, (u64, u64)> = TableDefinition::new("resending");
/// Account and resend: how many of its deliveries were not sent again since they were erased. Most have no row.
pub(super) const RESEND_ERASED: TableDefinition<'_, (u32, u64), u64> = TableDefinition::new("resend_erased");
/// Account and serial: an erasure of a client as it stands.
pub(super) const ERASURE: TableDefinition<'_, (u32, u64), Bytes> = TableDefinition::new("erasure");
/// Account and serial: the erasures that have not ended.
pub(super) const ERASURE_RUNNING: TableDefinition<'_, (u32, u64), ()> =
    TableDefinition::new("erasure_running");
/// Account and lead: the serial of the erasure by which it was erased.
pub(super) const ERASED: TableDefinition<'_, (u32, u64), u64> = TableDefinition::new("erased");
/// Account and secret: its value, and when it was set.
pub(super) const SECRET: TableDefinition<'_, (u32, Text), Bytes> = TableDefinition::new("secret");
/// Account and the SHA-256 of a relay's token: its site, and when it was made.
pub(super) const RELAY: TableDefinition<'_, (u32, &[u8; 32]), Bytes> = TableDefinition::new("relay");
/// Account and number: a key that signs links to recordings, or signed some. None before the first rotation.
pub(super) const RECORDING_KEY: TableDefinition<'_, (u32, u32), Bytes> =
    TableDefinition::new("recording_key");
/// What plugins keep for webhooks.
pub(super) const STATE: TableDefinition<'_, StateKey, Bytes> = TableDefinition::new("state");
/// The rows of the state that have an end.
pub(super) const STATE_END: TableDefinition<'_, StateEndKey, ()> = TableDefinition::new("state_end");
/// Account and webhook: deleted webhooks whose state is not wholly removed yet.
pub(super) const STATE_LEFT: TableDefinition<'_, (u32, u64), ()> = TableDefinition::new("state_left");

/// A table for each UTC day, so that what grew old can go as a whole.
pub(super) struct Daily<K: Key + 'static> {
    prefix: &'static str,
    key: PhantomData<K>,
}

/// Each version of the leads that arrived on that day: the event that made it, then the lead.
pub(super) const LEAD: Daily<LeadKey> = Daily { prefix: "lead/", key: PhantomData };
/// Deliveries that ended, by the day on which they became owed.
pub(super) const DONE: Daily<DeliveryKey> = Daily { prefix: "done/", key: PhantomData };

impl<K: Key + 'static> Daily<K> {
    /// The name of a day's table.
    pub(super) fn name(&self, day: u32) -> String {
        format!("{}{day}", self.prefix)
    }

    /// The day of a table, if it is one of these.
    pub(super) fn day(&self, name: &str) -> Option<u32> {
        name.strip_prefix(self.prefix)?.parse().ok()
    }
}

/// The definition of a day's table by its name.
pub(super) fn daily<K: Key + 'static>(name: &str) -> TableDefinition<'_, K, Bytes> {
    TableDefinition::new(name)
}

pub(super) fn delivery_key(account: AccountId, id: DeliveryId) -> DeliveryKey {
    (account.0, id.lane.webhook.0, id.serial.0)
}

pub(super) fn waiting_key(account: AccountId, id: DeliveryId) -> WaitingKey {
    (account.0, id.lane.webhook.0, id.lane.lead.0, id.serial.0)
}

pub(super) fn due_key(account: AccountId, id: DeliveryId, due: Timestamp) -> DueKey {
    (account.0, id.lane.webhook.0, due.0, id.serial.0)
}

/// What the due row of an open delivery says beside its key: the lead, and whether it is a retry.
pub(super) fn due_value(id: DeliveryId, state: &State) -> (u64, Option<bool>) {
    (id.lane.lead.0, Some(matches!(state, State::Retrying { .. })))
}

/// The due rows of one webhook from a time on.
pub(super) fn due_from(
    account: AccountId,
    webhook: WebhookId,
    from: Timestamp,
) -> std::ops::RangeInclusive<DueKey> {
    (account.0, webhook.0, from.0, 0)..=(account.0, webhook.0, i64::MAX, u64::MAX)
}

/// All versions of one lead.
pub(super) fn versions(account: AccountId, lead: Serial) -> std::ops::RangeInclusive<LeadKey> {
    (account.0, lead.0, 0)..=(account.0, lead.0, u32::MAX)
}

/// The open deliveries of one lane.
pub(super) fn waiting_lane(account: AccountId, id: DeliveryId) -> std::ops::RangeInclusive<WaitingKey> {
    let (account, webhook, lead) = (account.0, id.lane.webhook.0, id.lane.lead.0);
    (account, webhook, lead, 0)..=(account, webhook, lead, u64::MAX)
}

pub(super) fn event_key<'k>(
    account: AccountId,
    site: &'k SiteId,
    event_id: &'k str,
) -> (u32, &'k str, &'k str) {
    (account.0, site.as_str(), event_id)
}

pub(super) fn lead_id_key(account: AccountId, lead: &LeadRef) -> (u32, &str, &str, &str) {
    (account.0, lead.site.as_str(), lead.kind.word(), &lead.id)
}

pub(super) fn client_digest(site: &SiteId, client: &Client) -> u128 {
    match client {
        Client::Phone(phone) => digest(&[site.as_str(), "phone", phone]),
        Client::Email(email) => digest(&[site.as_str(), "email", email]),
    }
}

/// The first 16 bytes of the SHA-256 of texts, each with its length before it so that none runs into the next.
fn digest(texts: &[&str]) -> u128 {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    }
    let bytes = hash.finalize();
    let mut first = [0; 16];
    first.copy_from_slice(&bytes[..16]);
    u128::from_be_bytes(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_do_not_run_into_each_other() {
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["a"]), digest(&["a", ""]));
    }

    #[test]
    fn a_daily_table_is_known_by_its_name() {
        assert_eq!(DONE.day(&DONE.name(20_510)), Some(20_510));
        assert_eq!(DONE.day(&LEAD.name(20_510)), None);
        assert_eq!(DONE.day("done/x"), None);
    }
}
