//! leadhook-store: what must not be lost.
//!
//! [`Store`] speaks commands, not tables, so that an embedded and a networked database can both keep it:
//! each command is one transaction, what it answers is durable, a claim is a lease that a stale holder
//! cannot settle, and every key leads with the account. [`redb::RedbStore`] is the embedded one.

mod accounts;
mod acting;
mod backup;
mod by_hand;
mod erasure;
mod error;
mod follow;
mod measure;
mod operations;
mod plugin;
pub mod query;
mod recording;
pub mod redb;
mod relay;
mod resend;
mod then;
mod upkeep;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use leadhook_core::{
    accept::Refusal,
    delivery::{Delivery, Fingerprints, Rendering},
    event::{Event, EventKind},
    id::{AccountId, DeliveryId, LeadRef, SiteId, WebhookId},
    lead::{Cause, Lead},
    plugin::{PluginVersion, StateChange, Stored},
    relay::Relayed,
    site::Site,
    time::{Serial, Timestamp},
    webhook::{Settings, Switch, Webhook},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::query::{DeliveryQuery, LeadQuery, Page};
pub use crate::{
    accounts::{AccountChanged, AccountMade, AccountSecrets, Accounts, KeyMade, KnownAccount, KnownKey},
    acting::{Acting, as_asked_by, carried},
    backup::{BackupHead, Unpacker},
    by_hand::ByHand,
    erasure::{ErasureBegun, ErasureStep, Erasures, NextErasureStep},
    error::{Result, StoreError},
    follow::{Change, FOLLOWER_QUEUE_MAX, Follow, Followed, Following, Happening},
    measure::{Measured, Measures},
    operations::{Operations, OperationsWebhooks},
    plugin::{KnownPlugin, PluginDeleted, Upload},
    recording::{KeyRevoked, KeyRotated, RecordingKeys},
    relay::Relay,
    resend::{NextStep, ResendBegun, Resends, Stepped},
    then::RenderedFrom,
    upkeep::{Aged, Backup, RetentionPlace, RetentionStep, RoundPlace, RoundStep, Upkeep},
};

/// A customer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// The key of the hash that `ctCallerId` is.
    pub client_id_key: [u8; 32],
    /// The key that signs recording links.
    pub recording_key: [u8; 32],
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

/// The SHA-256 of an API key; the key itself is not stored.
pub type KeyDigest = [u8; 32];

/// One saved state of a webhook's settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// 1 for the first.
    pub number: u32,
    /// When it was saved.
    pub saved: Serial,
    /// The settings as they were given.
    pub settings: Value,
}

/// What became of saving a webhook.
#[derive(Debug)]
pub enum Saved {
    /// The webhook with its new revision.
    Saved(Arc<Webhook>),
    /// Somebody else saved first; this is the revision now.
    Moved(u32),
    /// There is no such webhook.
    Unknown,
}

/// What an accepted event is answered with; the same for a repeat of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The event's id, the source's or one made here.
    pub event_id: String,
    /// What happened.
    pub kind: EventKind,
    /// When, by the source's clock.
    pub time: Timestamp,
    /// The deliveries it made owed, with the time at which each falls due.
    pub deliveries: Vec<DeliveryId>,
    /// The earliest due time for each webhook that is owed something new; empty for a repeat.
    pub wake: Vec<(WebhookId, Timestamp)>,
}

/// How many due deliveries of one webhook are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Want {
    /// Whose.
    pub account: AccountId,
    /// The webhook.
    pub webhook: WebhookId,
    /// At most this many, 1 or more.
    pub most: usize,
}

/// The right to attempt one delivery, until a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Whose.
    pub account: AccountId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// Grows with each lease of the store; an older one than the newest of its delivery is stale.
    pub token: u64,
}

/// A delivery under lease, with all that rendering and sending it needs.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// The right to attempt it.
    pub lease: Lease,
    /// What is owed.
    pub delivery: Delivery,
    /// The lead at the version that the delivery's `lead_source` names.
    pub lead: Arc<Lead>,
    /// The lead's site as it is now.
    pub site: Arc<Site>,
    /// The webhook as it is now, also when it is off or deleted.
    pub webhook: Arc<Webhook>,
    /// What the lane's last delivered delivery sent; `None` when nothing was delivered yet.
    pub previous: Option<Fingerprints>,
    /// Whether another delivery of the lane may follow, and compare with what this one sends.
    pub lane_goes_on: bool,
}

/// What was claimed for one [`Want`].
#[derive(Debug, Clone)]
pub struct Claims {
    /// Whose.
    pub account: AccountId,
    /// The webhook.
    pub webhook: WebhookId,
    /// Due deliveries that stand at the head of their lanes, oldest due first.
    pub claimed: Vec<Claimed>,
    /// When the next one that nobody holds falls due; in the past when more is due already.
    pub next_due: Option<Timestamp>,
}

/// How an attempt, or what stood in its place, ended.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The right under which it was made.
    pub lease: Lease,
    /// The delivery as it is to be stored: its new state, renderings and attempts. Shared with whoever settles,
    /// who asks again when the store could not take it.
    pub delivery: Arc<Delivery>,
    /// What plugins changed of their state for the delivery's webhook, in order: stored with the delivery or, like
    /// it, not at all. A webhook that was deleted meanwhile keeps no state.
    pub state: Vec<StateChange>,
}

/// What became of a settlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It is stored; when the webhook's next delivery that nobody holds falls due.
    Stored {
        /// In the past when it is due already.
        next_due: Option<Timestamp>,
        /// Where its handler was asked and failed: since when the webhook has done nothing but fail. Saving or switching
        /// the webhook begins anew.
        failing_since: Option<Timestamp>,
    },
    /// The lease had run out and the delivery is somebody else's; nothing was stored.
    Stale,
}

/// A delivery as readers see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The delivery.
    pub delivery: Delivery,
    /// Whether it is under lease: being sent.
    pub sending: bool,
}

/// The commands. Each is one transaction or a consistent read; an answer means that it is durable.
#[async_trait]
pub trait Store:
    Accounts + Follow + Measured + OperationsWebhooks + RecordingKeys + Resends + Upkeep + Send + Sync + 'static
{
    /// Makes or replaces an account.
    async fn put_account(&self, account: Account) -> Result<()>;
    /// An account by its number.
    async fn account(&self, id: AccountId) -> Result<Option<Account>>;
    /// Lets a key speak for an account.
    async fn put_key(&self, digest: KeyDigest, account: AccountId) -> Result<()>;
    /// The account that a key speaks for.
    async fn account_of_key(&self, digest: KeyDigest) -> Result<Option<AccountId>>;

    /// Saves a site; its revision is the store's to number. Answers it as saved.
    async fn put_site(&self, account: AccountId, site: Site, now: Timestamp) -> Result<Arc<Site>>;
    /// A site as it is now; `None` when there is none or it was deleted.
    async fn site(&self, account: AccountId, id: &SiteId) -> Result<Option<Arc<Site>>>;
    /// The account's sites by id.
    async fn sites(&self, account: AccountId) -> Result<Vec<Arc<Site>>>;
    /// Deletes a site with its relays: its events are refused from now on, what is owed still goes out. Whether there was
    /// one.
    async fn delete_site(&self, account: AccountId, id: &SiteId) -> Result<bool>;

    /// Makes a webhook, inactive, with revision 1. `id` is random and fresh.
    async fn create_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        settings: Settings,
        now: Timestamp,
    ) -> Result<Arc<Webhook>>;
    /// Saves new settings, if the revision is still the expected one (where one is).
    async fn save_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        settings: Settings,
        expected: Option<u32>,
        now: Timestamp,
    ) -> Result<Saved>;
    /// Switches a webhook on or off, or deletes it. Its new state; `None` when there is none.
    async fn switch_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        switch: Switch,
    ) -> Result<Option<Arc<Webhook>>>;
    /// Switches a webhook off since its handler wants nothing more, for this reason, and notes that for the account's
    /// people. Its new state; `None` when there is none or it is off already.
    async fn switch_webhook_off(
        &self,
        account: AccountId,
        id: WebhookId,
        reason: String,
        now: Timestamp,
    ) -> Result<Option<Arc<Webhook>>>;
    /// A webhook as it is now, deleted ones too.
    async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Arc<Webhook>>>;
    /// The account's webhooks that are not deleted, oldest first.
    async fn webhooks(&self, account: AccountId) -> Result<Vec<Arc<Webhook>>>;
    /// A webhook's revisions, newest first.
    async fn revisions(&self, account: AccountId, id: WebhookId) -> Result<Vec<Revision>>;

    /// Accepts events in order, in one transaction: decides by `leadhook_core::accept`, stores leads, traces and
    /// what is owed. One answer for each event; a refusal does not spoil the others. An event id seen
    /// before on its site is answered as it was then.
    async fn accept(
        &self,
        account: AccountId,
        events: Vec<Event>,
        now: Timestamp,
    ) -> Result<Vec<std::result::Result<Receipt, Refusal>>>;

    /// Accepts a relayed webhook as the events that it is for its lead as known in the same transaction; one answer for
    /// each, as with [`Store::accept`].
    async fn relay(
        &self,
        account: AccountId,
        webhook: Relayed,
        now: Timestamp,
    ) -> Result<Vec<std::result::Result<Receipt, Refusal>>>;
    /// Stores a relay of a site. Whether there is such a site.
    async fn put_relay(&self, relay: Relay) -> Result<bool>;
    /// The relay whose token has this SHA-256.
    async fn relay_of_token(&self, digest: KeyDigest) -> Result<Option<Relay>>;
    /// A site's relays, the newest first.
    async fn relays(&self, account: AccountId, site: &SiteId) -> Result<Vec<Relay>>;
    /// Deletes a relay: its token opens nothing from now on. Whether there was one.
    async fn delete_relay(&self, account: AccountId, digest: KeyDigest) -> Result<bool>;

    /// For each webhook that owes anything, when its first delivery falls due; for the start of a dispatcher.
    async fn schedule(&self) -> Result<Vec<(AccountId, WebhookId, Timestamp)>>;
    /// Leases what is due at `now`, until `lease_until`; each delivery to one holder at a time.
    async fn claim(&self, wants: Vec<Want>, now: Timestamp, lease_until: Timestamp) -> Result<Vec<Claims>>;
    /// Stores how attempts ended, in one transaction, and frees their lanes. One answer for each.
    async fn settle(&self, settlements: Vec<Settlement>, now: Timestamp) -> Result<Vec<Settled>>;
    /// Gives leases back without any change.
    async fn release(&self, leases: Vec<Lease>) -> Result<()>;
    /// Brings up to `most` waiting retries of a webhook forward: the first to `now`, each next one `spacing_ms`
    /// later, never later than they were due. Answers how many were brought forward.
    async fn bring_retries_forward(
        &self,
        account: AccountId,
        webhook: WebhookId,
        now: Timestamp,
        most: usize,
        spacing_ms: u32,
    ) -> Result<usize>;

    /// Makes a waiting delivery due now. One that ended without ever being rendered is taken up again; one that ended
    /// after a request was made of it is sent again by a delivery of its own, while its webhook is on: when that is
    /// settled as delivered, the first one counts as delivered too.
    async fn send_now(&self, account: AccountId, id: DeliveryId, now: Timestamp) -> Result<ByHand>;
    /// Cancels a waiting delivery, with this reason.
    async fn cancel(
        &self,
        account: AccountId,
        id: DeliveryId,
        reason: String,
        now: Timestamp,
    ) -> Result<ByHand>;

    /// A lead's newest version and its history, oldest first.
    async fn lead(&self, account: AccountId, reference: &LeadRef) -> Result<Option<(Lead, Vec<Cause>)>>;
    /// Leads in their newest versions, newest arrival first.
    async fn leads(&self, account: AccountId, query: LeadQuery) -> Result<Page<Lead>>;
    /// One delivery.
    async fn delivery(&self, account: AccountId, id: DeliveryId) -> Result<Option<Shown>>;
    /// What a rendering of a delivery was made from, in the versions that it names, also where the site or the webhook
    /// was deleted since.
    async fn rendered_from(
        &self,
        account: AccountId,
        delivery: DeliveryId,
        site: &SiteId,
        rendering: &Rendering,
    ) -> Result<RenderedFrom>;
    /// Deliveries, the newest owed first.
    async fn deliveries(&self, account: AccountId, query: DeliveryQuery) -> Result<Page<Shown>>;

    /// Stores a version of a plugin, unless its SHA-256 is there already (which then stays as it was first
    /// uploaded), and makes it the current one, also of a plugin that was deleted. Answers the plugin as it is now.
    async fn put_plugin(&self, account: AccountId, upload: Upload) -> Result<KnownPlugin>;
    /// The account's plugins by name. Those that come with the engine are not the store's.
    async fn plugins(&self, account: AccountId) -> Result<Vec<KnownPlugin>>;
    /// A plugin's versions, the newest upload first; none when there is no such plugin.
    async fn plugin_versions(&self, account: AccountId, name: &str) -> Result<Vec<PluginVersion>>;
    /// A plugin in its current version, or in the one with this SHA-256: the latter also after the plugin was
    /// deleted, so that what ran then can be repeated.
    async fn plugin(&self, account: AccountId, name: &str, sha256: Option<&str>) -> Result<Option<Upload>>;
    /// Makes another version of a plugin the current one; `None` when there is no such plugin or version.
    async fn roll_back_plugin(
        &self,
        account: AccountId,
        name: &str,
        sha256: &str,
    ) -> Result<Option<KnownPlugin>>;
    /// Deletes a plugin, unless a webhook that is not deleted names it as it is saved now. A webhook saved later
    /// may name it all the same: the store cannot tell an unknown plugin from one that comes with the engine.
    async fn delete_plugin(&self, account: AccountId, name: &str) -> Result<PluginDeleted>;
    /// Sets a secret that plugins may be granted.
    async fn put_secret(&self, account: AccountId, name: &str, value: String, now: Timestamp) -> Result<()>;
    /// The names of the account's secrets, and when each was last set.
    async fn secrets(&self, account: AccountId) -> Result<Vec<(String, Timestamp)>>;
    /// The values of those of these secrets that there are.
    async fn granted(&self, account: AccountId, names: &[String]) -> Result<BTreeMap<String, String>>;
    /// Deletes a secret. Whether there was one.
    async fn delete_secret(&self, account: AccountId, name: &str) -> Result<bool>;
    /// What a plugin keeps under a key for one webhook; also what has ended and was not removed yet, see
    /// [`Stored::stands_at`].
    async fn plugin_state(
        &self,
        account: AccountId,
        webhook: WebhookId,
        plugin: &str,
        key: &str,
    ) -> Result<Option<Stored>>;

    /// Ends what is under way and closes; commands after it answer `Unavailable`.
    async fn close(&self);
}
