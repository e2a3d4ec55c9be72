//! The store's commands one by one: most pass as they are, some are noted. A command that a trait gains gets its line here.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use leadhook_core::{
    account::{
        Change, Wanted as AccountWanted,
        key::{Key, KeyId},
    },
    audit,
    delivery::Rendering,
    erasure::{Erasure, Subject},
    event::Event,
    id::{AccountId, DeliveryId, ErasureId, LeadRef, ResendId, SiteId, WebhookId},
    lead::{Cause, Lead},
    notification::{News, Notification},
    operations::{OperationsWebhook, Place},
    parameter::recording::key::RecordingKey,
    plugin::{PluginVersion, Stored},
    relay::Relayed,
    resend::{Resend, Wanted},
    retention::Retention,
    site::Site,
    time::{Serial, Timestamp},
    webhook::{Settings, Switch, Webhook},
};
use leadhook_store::{
    Account, AccountChanged, AccountMade, AccountSecrets, Accounts, Backup, ByHand, Claims, ErasureBegun,
    ErasureStep, Erasures, Follow, Followed, Following, KeyDigest, KeyMade, KeyRevoked, KeyRotated,
    KnownAccount, KnownKey, KnownPlugin, Lease, Measured, Measures, Operations, OperationsWebhooks,
    PluginDeleted, RecordingKeys, Relay, RenderedFrom, ResendBegun, Resends, Result, RetentionPlace,
    RetentionStep, Revision, RoundPlace, RoundStep, Saved, Settled, Settlement, Shown, Stepped, Store,
    Upkeep, Upload, Want,
    query::{DeliveryQuery, LeadQuery, Page},
};

use super::{Accepted, SimStore};

/// Commands that pass as they are, and after `noted` those that a method of this store carries out.
macro_rules! commands {
    ($trait:ident {
        $($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*
    } noted {
        $($noted:ident = $by:ident($($given:ident: $of:ty),*) -> $told:ty;)*
    }) => {
        #[async_trait]
        impl $trait for SimStore {
            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                self.plain(self.inner.$name($($argument),*)).await
            })*
            $(async fn $noted(&self, $($given: $of),*) -> $told {
                self.$by($($given),*).await
            })*
        }
    };
}

commands! { Accounts {
    make_account(wanted: AccountWanted, secrets: AccountSecrets, now: Timestamp) -> AccountMade;
    change_account(id: AccountId, change: Change) -> AccountChanged;
    known_account(id: AccountId) -> Option<Arc<KnownAccount>>;
    known_accounts(limit: usize, after: Option<AccountId>) -> Vec<Arc<KnownAccount>>;
    stored_bytes(account: AccountId) -> u64;
    make_key(key: Key, digest: KeyDigest) -> KeyMade;
    key(id: KeyId) -> Option<Arc<KnownKey>>;
    first_key(digest: KeyDigest) -> Option<Arc<KnownKey>>;
    keys(account: AccountId) -> Vec<Arc<KnownKey>>;
    delete_key(id: KeyId) -> bool;
    store_key_uses() -> ();
    audit(account: AccountId, limit: usize, before: Option<Serial>) -> Page<audit::Entry>;
} noted {} }

commands! { Erasures {
    begin_erasure(account: AccountId, subject: Subject, now: Timestamp) -> ErasureBegun;
    erasure(account: AccountId, id: ErasureId) -> Option<Erasure>;
    erasures(account: AccountId, limit: usize, before: Option<Serial>) -> Page<Erasure>;
    running_erasures() -> Vec<(AccountId, ErasureId)>;
    step_erasure(account: AccountId, id: ErasureId, now: Timestamp) -> ErasureStep;
    erased(account: AccountId, lead: Serial) -> Option<ErasureId>;
} noted {} }

commands! { Follow {
    notify(account: AccountId, news: News, now: Timestamp) -> ();
    notifications(account: AccountId, limit: usize, before: Option<Serial>) -> Page<Notification>;
    follow(followed: Followed) -> Following;
    notifications_after(account: AccountId, after: Serial, limit: usize) -> Vec<Notification>;
} noted {} }

commands! { Measured {
    measures(now: Timestamp) -> Measures;
    check_writes() -> ();
} noted {} }

commands! { OperationsWebhooks {
    put_operations_webhook(account: AccountId, webhook: OperationsWebhook, now: Timestamp) -> Operations;
    operations_webhook(account: AccountId) -> Option<Operations>;
    accounts_with_operations_webhook() -> Vec<AccountId>;
    delete_operations_webhook(account: AccountId) -> bool;
    move_operations_place(account: AccountId, from: Place, to: Place) -> bool;
} noted {} }

commands! { RecordingKeys {
    recording_keys(account: AccountId) -> Vec<RecordingKey>;
    rotate_recording_key(account: AccountId, secret: [u8; 32], now: Timestamp) -> KeyRotated;
    revoke_recording_key(account: AccountId, number: u32) -> KeyRevoked;
} noted {} }

commands! { Resends {
    resend(account: AccountId, id: ResendId) -> Option<Resend>;
    resends(account: AccountId, limit: usize, before: Option<Serial>) -> Page<Resend>;
    cancel_resend(account: AccountId, id: ResendId, now: Timestamp) -> Option<Resend>;
    running_resends() -> Vec<(AccountId, WebhookId, ResendId)>;
} noted {
    begin_resend = resending(account: AccountId, wanted: Wanted, now: Timestamp) -> Result<ResendBegun>;
    step_resend = stepping(account: AccountId, id: ResendId, now: Timestamp) -> Result<Stepped>;
} }

commands! { Upkeep {
    begin_backup(now: Timestamp) -> Box<dyn Backup>;
    step_retention(keep: Retention, place: RetentionPlace, now: Timestamp) -> Option<RetentionStep>;
    step_round(place: RoundPlace) -> RoundStep;
} noted {} }

commands! { Store {
    put_account(account: Account) -> ();
    account(id: AccountId) -> Option<Account>;
    put_key(digest: KeyDigest, account: AccountId) -> ();
    account_of_key(digest: KeyDigest) -> Option<AccountId>;
    put_site(account: AccountId, site: Site, now: Timestamp) -> Arc<Site>;
    site(account: AccountId, id: &SiteId) -> Option<Arc<Site>>;
    sites(account: AccountId) -> Vec<Arc<Site>>;
    delete_site(account: AccountId, id: &SiteId) -> bool;
    webhook(account: AccountId, id: WebhookId) -> Option<Arc<Webhook>>;
    webhooks(account: AccountId) -> Vec<Arc<Webhook>>;
    revisions(account: AccountId, id: WebhookId) -> Vec<Revision>;
    relay(account: AccountId, webhook: Relayed, now: Timestamp) -> Accepted;
    put_relay(relay: Relay) -> bool;
    relay_of_token(digest: KeyDigest) -> Option<Relay>;
    relays(account: AccountId, site: &SiteId) -> Vec<Relay>;
    delete_relay(account: AccountId, digest: KeyDigest) -> bool;
    schedule() -> Vec<(AccountId, WebhookId, Timestamp)>;
    release(leases: Vec<Lease>) -> ();
    lead(account: AccountId, reference: &LeadRef) -> Option<(Lead, Vec<Cause>)>;
    leads(account: AccountId, query: LeadQuery) -> Page<Lead>;
    delivery(account: AccountId, id: DeliveryId) -> Option<Shown>;
    rendered_from(account: AccountId, delivery: DeliveryId, site: &SiteId, rendering: &Rendering) -> RenderedFrom;
    deliveries(account: AccountId, query: DeliveryQuery) -> Page<Shown>;
    put_plugin(account: AccountId, upload: Upload) -> KnownPlugin;
    plugins(account: AccountId) -> Vec<KnownPlugin>;
    plugin_versions(account: AccountId, name: &str) -> Vec<PluginVersion>;
    plugin(account: AccountId, name: &str, sha256: Option<&str>) -> Option<Upload>;
    roll_back_plugin(account: AccountId, name: &str, sha256: &str) -> Option<KnownPlugin>;
    delete_plugin(account: AccountId, name: &str) -> PluginDeleted;
    put_secret(account: AccountId, name: &str, value: String, now: Timestamp) -> ();
    secrets(account: AccountId) -> Vec<(String, Timestamp)>;
    granted(account: AccountId, names: &[String]) -> BTreeMap<String, String>;
    delete_secret(account: AccountId, name: &str) -> bool;
    plugin_state(account: AccountId, webhook: WebhookId, plugin: &str, key: &str) -> Option<Stored>;
} noted {
    create_webhook = creating(account: AccountId, id: WebhookId, settings: Settings, now: Timestamp)
        -> Result<Arc<Webhook>>;
    save_webhook = saving(
        account: AccountId, id: WebhookId, settings: Settings, expected: Option<u32>, now: Timestamp
    ) -> Result<Saved>;
    switch_webhook = switching(account: AccountId, id: WebhookId, switch: Switch) -> Result<Option<Arc<Webhook>>>;
    switch_webhook_off = switching_off(account: AccountId, id: WebhookId, reason: String, now: Timestamp)
        -> Result<Option<Arc<Webhook>>>;
    accept = accepting(account: AccountId, events: Vec<Event>, now: Timestamp) -> Result<Accepted>;
    claim = claiming(wants: Vec<Want>, now: Timestamp, lease_until: Timestamp) -> Result<Vec<Claims>>;
    settle = settling(settlements: Vec<Settlement>, now: Timestamp) -> Result<Vec<Settled>>;
    bring_retries_forward = bringing_forward(
        account: AccountId, webhook: WebhookId, now: Timestamp, most: usize, spacing_ms: u32
    ) -> Result<usize>;
    send_now = sending_now(account: AccountId, id: DeliveryId, now: Timestamp) -> Result<ByHand>;
    cancel = cancelling(account: AccountId, id: DeliveryId, reason: String, now: Timestamp) -> Result<ByHand>;
    close = closing() -> ();
} }
