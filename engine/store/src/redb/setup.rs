//! What customers have set, in memory: sites and webhooks, deleted ones too, since what they owed still ends;
//! which plugins there are, secrets, and relays; accounts and keys; how much is stored.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ::redb::{ReadTransaction, ReadableTable as _};
use leadhook_core::{
    id::{AccountId, SiteId, WebhookId},
    site::Site,
    time::Serial,
    webhook::{Settings, Subscription, Switch, Webhook},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    kinds::NOT_TEXT, plugins, relays, roster::Roster, row, seal::Sealer, secrets::Secret, stored::Stored,
    table,
};
use crate::{KeyDigest, KnownPlugin, Relay, Result, Revision, StoreError};

/// What stands in a webhook's row.
#[derive(Serialize, Deserialize)]
pub(super) struct WebhookRow {
    pub(super) revision: u32,
    pub(super) switch: Switch,
    pub(super) created: Serial,
}

/// What stands in the row of a webhook's revision.
#[derive(Serialize, Deserialize)]
pub(super) struct RevisionRow {
    pub(super) saved: Serial,
    pub(super) settings: String,
}

impl RevisionRow {
    pub(super) fn read(
        sealer: &Sealer,
        row: &[u8],
        (account, webhook, number): (AccountId, WebhookId, u32),
    ) -> Result<Revision> {
        let what = || format!("revision {number} of webhook {webhook}");
        let place = (account.0, webhook.0, number);
        let stored: Self = sealer.decode(table::WEBHOOK_REVISION, place, row, what)?;
        let settings = serde_json::from_str(&stored.settings);
        let settings = settings.map_err(|_| StoreError::Damaged { what: what() })?;
        Ok(Revision { number, saved: stored.saved, settings })
    }
}

/// What every account has set. Cloning copies one pointer for each account.
#[derive(Debug, Clone, Default)]
pub(super) struct Setup {
    accounts: HashMap<AccountId, Arc<AccountSetup>>,
    /// Of all accounts: who brings a token does not say whose it is.
    relays: Arc<HashMap<KeyDigest, Relay>>,
    pub(super) roster: Arc<Roster>,
    pub(super) stored: Arc<Stored>,
}

#[derive(Debug, Clone, Default)]
struct AccountSetup {
    sites: BTreeMap<SiteId, KnownSite>,
    webhooks: HashMap<WebhookId, Arc<Webhook>>,
    /// Those that are not deleted, oldest first.
    live: Arc<[Arc<Webhook>]>,
    plugins: BTreeMap<String, KnownPlugin>,
    secrets: BTreeMap<String, Secret>,
}

#[derive(Debug, Clone)]
struct KnownSite {
    site: Arc<Site>,
    deleted: bool,
}

impl Setup {
    /// A site that takes events.
    pub(super) fn live_site(&self, account: AccountId, id: &SiteId) -> Option<&Arc<Site>> {
        let known = self.accounts.get(&account)?.sites.get(id)?;
        (!known.deleted).then_some(&known.site)
    }

    /// A site in its last revision, also when it was deleted.
    pub(super) fn any_site(&self, account: AccountId, id: &SiteId) -> Option<&Arc<Site>> {
        Some(&self.accounts.get(&account)?.sites.get(id)?.site)
    }

    /// The account's sites, deleted ones too, by id.
    pub(super) fn all_sites(&self, account: AccountId) -> impl Iterator<Item = &Arc<Site>> {
        self.accounts.get(&account).into_iter().flat_map(|one| one.sites.values()).map(|known| &known.site)
    }

    /// The account's sites that take events, by id.
    pub(super) fn live_sites(&self, account: AccountId) -> Vec<Arc<Site>> {
        let known = self.accounts.get(&account).into_iter().flat_map(|one| one.sites.values());
        known.filter(|known| !known.deleted).map(|known| known.site.clone()).collect()
    }

    /// A webhook, also when it was deleted.
    pub(super) fn webhook(&self, account: AccountId, id: WebhookId) -> Option<&Arc<Webhook>> {
        self.accounts.get(&account)?.webhooks.get(&id)
    }

    /// The account's webhooks that are not deleted, oldest first.
    pub(super) fn live_webhooks(&self, account: AccountId) -> Arc<[Arc<Webhook>]> {
        self.accounts.get(&account).map_or_else(|| Arc::from([]), |one| one.live.clone())
    }

    /// The ids of all the account's webhooks, deleted ones too.
    pub(super) fn all_webhooks(&self, account: AccountId) -> Vec<WebhookId> {
        self.accounts.get(&account).into_iter().flat_map(|one| one.webhooks.keys().copied()).collect()
    }

    pub(super) fn put_site(&mut self, account: AccountId, site: Arc<Site>, deleted: bool) {
        let one = Arc::make_mut(self.accounts.entry(account).or_default());
        one.sites.insert(site.id.clone(), KnownSite { site, deleted });
    }

    pub(super) fn put_webhook(&mut self, webhook: Arc<Webhook>) {
        let one = Arc::make_mut(self.accounts.entry(webhook.account).or_default());
        one.webhooks.insert(webhook.id, webhook);
        let mut live: Vec<_> =
            one.webhooks.values().filter(|webhook| webhook.switch != Switch::Deleted).cloned().collect();
        live.sort_by_key(|webhook| webhook.created);
        one.live = live.into();
    }

    /// A plugin that is not deleted.
    pub(super) fn plugin(&self, account: AccountId, name: &str) -> Option<&KnownPlugin> {
        self.accounts.get(&account)?.plugins.get(name)
    }

    /// The account's plugins by name.
    pub(super) fn plugins(&self, account: AccountId) -> impl Iterator<Item = &KnownPlugin> {
        self.accounts.get(&account).into_iter().flat_map(|one| one.plugins.values())
    }

    /// A secret.
    pub(super) fn secret(&self, account: AccountId, name: &str) -> Option<&Secret> {
        self.accounts.get(&account)?.secrets.get(name)
    }

    /// The account's secrets by name.
    pub(super) fn secrets(&self, account: AccountId) -> impl Iterator<Item = (&String, &Secret)> {
        self.accounts.get(&account).into_iter().flat_map(|one| &one.secrets)
    }

    pub(super) fn put_plugin(&mut self, account: AccountId, plugin: KnownPlugin) {
        let one = Arc::make_mut(self.accounts.entry(account).or_default());
        one.plugins.insert(plugin.current.name.clone(), plugin);
    }

    pub(super) fn remove_plugin(&mut self, account: AccountId, name: &str) {
        Arc::make_mut(self.accounts.entry(account).or_default()).plugins.remove(name);
    }

    pub(super) fn put_secret(&mut self, account: AccountId, name: String, secret: Secret) {
        Arc::make_mut(self.accounts.entry(account).or_default()).secrets.insert(name, secret);
    }

    pub(super) fn remove_secret(&mut self, account: AccountId, name: &str) {
        Arc::make_mut(self.accounts.entry(account).or_default()).secrets.remove(name);
    }

    /// The relay whose token has this digest.
    pub(super) fn relay(&self, digest: &KeyDigest) -> Option<&Relay> {
        self.relays.get(digest)
    }

    /// A site's relays, the newest first.
    pub(super) fn relays(&self, account: AccountId, site: &SiteId) -> Vec<Relay> {
        let of_site = |relay: &&Relay| relay.account == account && relay.site == *site;
        let mut found: Vec<_> = self.relays.values().filter(of_site).cloned().collect();
        found.sort_by_key(|relay| (std::cmp::Reverse(relay.made_at), relay.digest));
        found
    }

    pub(super) fn put_relay(&mut self, relay: Relay) {
        Arc::make_mut(&mut self.relays).insert(relay.digest, relay);
    }

    pub(super) fn remove_relay(&mut self, digest: &KeyDigest) {
        Arc::make_mut(&mut self.relays).remove(digest);
    }

    /// All that is stored.
    pub(super) fn load(txn: &ReadTransaction, sealer: &Sealer) -> Result<Self> {
        let mut setup = Self::default();
        setup.load_sites(txn)?;
        setup.load_webhooks(txn, sealer)?;
        setup.load_plugins(txn)?;
        setup.load_secrets(txn, sealer)?;
        setup.load_relays(txn)?;
        setup.roster = Arc::new(Roster::load(txn, sealer)?);
        setup.stored = Arc::new(Stored::load(txn)?);
        Ok(setup)
    }

    fn load_sites(&mut self, txn: &ReadTransaction) -> Result<()> {
        let revisions = txn.open_table(table::SITE_REVISION)?;
        for entry in txn.open_table(table::SITE)?.iter()? {
            let (key, value) = entry?;
            let ((account, id), (revision, deleted)) = (key.value(), value.value());
            let damaged = || StoreError::Damaged { what: format!("site {id} in revision {revision}") };
            let deleted = deleted.ok_or_else(damaged)?;
            let newest =
                revisions.range((account, id, 0)..=(account, id, u32::MAX))?.next_back().transpose()?;
            let (key, stored) = newest.ok_or_else(damaged)?;
            if key.value().2 != revision {
                return Err(damaged());
            }
            let id = SiteId::new(id).ok_or_else(damaged)?;
            let site = read_site(stored.value(), id, revision)?;
            self.put_site(AccountId(account), Arc::new(site), deleted);
        }
        Ok(())
    }

    fn load_webhooks(&mut self, txn: &ReadTransaction, sealer: &Sealer) -> Result<()> {
        let revisions = txn.open_table(table::WEBHOOK_REVISION)?;
        for entry in txn.open_table(table::WEBHOOK)?.iter()? {
            let (key, value) = entry?;
            let (account, number) = key.value();
            let id = WebhookId(number);
            let stored: WebhookRow = row::decode(value.value(), || format!("webhook {id}"))?;
            let damaged = || StoreError::Damaged { what: format!("settings of webhook {id}") };
            let mut subscriptions: Vec<Subscription> = Vec::new();
            let (mut current, mut last) = (None, 0);
            for entry in revisions.range((account, number, 0)..=(account, number, u32::MAX))? {
                let (key, value) = entry?;
                let place = (AccountId(account), id, key.value().2);
                let revision = RevisionRow::read(sealer, value.value(), place)?;
                // None is ever removed, and each was saved after the one before.
                let is_next = subscriptions.last().is_none_or(|before| before.saved < revision.saved);
                if revision.number != last + 1 || !is_next {
                    return Err(damaged());
                }
                last = revision.number;
                let settings = Settings::restore(&revision.settings).map_err(|_| damaged())?;
                subscriptions.push(Subscription { saved: revision.saved, sending: settings.sending.clone() });
                current = Some(settings);
            }
            if stored.revision != last {
                return Err(damaged());
            }
            self.put_webhook(Arc::new(Webhook {
                account: AccountId(account),
                id,
                revision: stored.revision,
                settings: Arc::new(current.ok_or_else(damaged)?),
                switch: stored.switch,
                created: stored.created,
                subscriptions,
            }));
        }
        Ok(())
    }

    fn load_plugins(&mut self, txn: &ReadTransaction) -> Result<()> {
        let versions = txn.open_table(table::PLUGIN_VERSION)?;
        for entry in txn.open_table(table::PLUGIN)?.iter()? {
            let (key, value) = entry?;
            let (account, name) = key.value();
            let current: String = row::decode(value.value(), || format!("plugin {name}"))?;
            let plugin = plugins::known(&versions, AccountId(account), name, &current)?;
            let damaged = || StoreError::Damaged { what: format!("current version of plugin {name}") };
            self.put_plugin(AccountId(account), plugin.ok_or_else(damaged)?);
        }
        Ok(())
    }

    fn load_secrets(&mut self, txn: &ReadTransaction, sealer: &Sealer) -> Result<()> {
        for entry in txn.open_table(table::SECRET)?.iter()? {
            let (key, value) = entry?;
            let (account, name) = key.value();
            let what = || format!("secret {name}");
            if name == NOT_TEXT {
                return Err(StoreError::Damaged { what: what() });
            }
            let secret = sealer.decode(table::SECRET, (account, name), value.value(), what)?;
            self.put_secret(AccountId(account), name.to_owned(), secret);
        }
        Ok(())
    }

    fn load_relays(&mut self, txn: &ReadTransaction) -> Result<()> {
        for entry in txn.open_table(table::RELAY)?.iter()? {
            let (key, value) = entry?;
            let (account, digest) = key.value();
            let relay = relays::read(AccountId(account), digest, value.value())?;
            if self.any_site(relay.account, &relay.site).is_none() {
                let what = format!("relay {} of account {account}", relay.id());
                return Err(StoreError::Damaged { what });
            }
            self.put_relay(relay);
        }
        Ok(())
    }
}

/// The site of a revision's row.
pub(super) fn read_site(row: &[u8], id: SiteId, revision: u32) -> Result<Site> {
    let what = || format!("site {id} in revision {revision}");
    let text: String = row::decode(row, what)?;
    let damaged = StoreError::Damaged { what: what() };
    let Ok(settings) = serde_json::from_str::<Value>(&text) else { return Err(damaged) };
    if settings.get("revision").is_some_and(|of| *of != revision) {
        return Err(damaged);
    }
    Site::parse(id, revision, &settings).map_err(|_| damaged)
}
