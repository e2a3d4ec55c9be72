//! The commands of the [`Store`] trait, each handed to the writer or read from a view.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use leadhook_core::{
    accept::Refusal,
    delivery::Rendering,
    event::Event,
    id::{AccountId, DeliveryId, LeadRef, SiteId, WebhookId},
    lead::{Cause, Lead},
    plugin::{PluginVersion, Stored},
    relay::Relayed,
    site::Site,
    time::Timestamp,
    webhook::{Settings, Switch, Webhook},
};

use super::{
    RedbStore, accept, by_hand, claim,
    deliveries::{self, Lister},
    leads, plugins, relays, save, secrets, settle,
    shared::Shared,
    state, table, then,
    tx::{Committed, Tx},
    view::View,
};
use crate::{
    Account, ByHand, Claims, KeyDigest, KnownPlugin, Lease, PluginDeleted, Receipt, Relay, RenderedFrom,
    Result, Revision, Saved, Settled, Settlement, Shown, Store, Upload, Want,
    query::{DeliveryQuery, LeadQuery, Page},
};

impl RedbStore {
    async fn write<T: Send + 'static>(
        &self,
        run: impl FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.queue.call(run, |value, _| value).await
    }
}

#[async_trait]
impl Store for RedbStore {
    async fn put_account(&self, account: Account) -> Result<()> {
        self.write(move |tx| save::account(tx, &account)).await
    }

    async fn account(&self, id: AccountId) -> Result<Option<Account>> {
        self.read(move |view| {
            let row = view.table(table::ACCOUNT)?.get(id.0)?;
            let what = || format!("account {}", id.0);
            row.map(|row| view.sealer.decode(table::ACCOUNT, id.0, row.value(), what)).transpose()
        })
        .await
    }

    async fn put_key(&self, digest: KeyDigest, account: AccountId) -> Result<()> {
        self.write(move |tx| save::key(tx, &digest, account)).await
    }

    async fn account_of_key(&self, digest: KeyDigest) -> Result<Option<AccountId>> {
        self.read(move |view| {
            let found = view.table(table::API_KEY)?.get(&digest)?;
            Ok(found.map(|account| AccountId(account.value())))
        })
        .await
    }

    async fn put_site(&self, account: AccountId, site: Site, _now: Timestamp) -> Result<Arc<Site>> {
        self.write(move |tx| save::site(tx, account, &site)).await
    }

    async fn site(&self, account: AccountId, id: &SiteId) -> Result<Option<Arc<Site>>> {
        Ok(self.shared.setup().live_site(account, id).cloned())
    }

    async fn sites(&self, account: AccountId) -> Result<Vec<Arc<Site>>> {
        Ok(self.shared.setup().live_sites(account))
    }

    async fn delete_site(&self, account: AccountId, id: &SiteId) -> Result<bool> {
        let id = id.clone();
        self.write(move |tx| save::delete_site(tx, account, &id)).await
    }

    async fn create_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        settings: Settings,
        now: Timestamp,
    ) -> Result<Arc<Webhook>> {
        let settings = Arc::new(settings);
        self.write(move |tx| save::new_webhook(tx, account, id, &settings, now)).await
    }

    async fn save_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        settings: Settings,
        expected: Option<u32>,
        now: Timestamp,
    ) -> Result<Saved> {
        let settings = Arc::new(settings);
        self.write(move |tx| save::webhook(tx, account, id, &settings, expected, now)).await
    }

    async fn switch_webhook(
        &self,
        account: AccountId,
        id: WebhookId,
        switch: Switch,
    ) -> Result<Option<Arc<Webhook>>> {
        self.write(move |tx| save::switch(tx, account, id, &switch)).await
    }

    async fn switch_webhook_off(
        &self,
        account: AccountId,
        id: WebhookId,
        reason: String,
        now: Timestamp,
    ) -> Result<Option<Arc<Webhook>>> {
        self.write(move |tx| save::switch_off(tx, account, id, &reason, now)).await
    }

    async fn webhook(&self, account: AccountId, id: WebhookId) -> Result<Option<Arc<Webhook>>> {
        Ok(self.shared.setup().webhook(account, id).cloned())
    }

    async fn webhooks(&self, account: AccountId) -> Result<Vec<Arc<Webhook>>> {
        Ok(self.shared.setup().live_webhooks(account).to_vec())
    }

    async fn revisions(&self, account: AccountId, id: WebhookId) -> Result<Vec<Revision>> {
        self.read(move |view| save::revisions(view, account, id)).await
    }

    async fn accept(
        &self,
        account: AccountId,
        events: Vec<Event>,
        now: Timestamp,
    ) -> Result<Vec<std::result::Result<Receipt, Refusal>>> {
        self.queue.call_if_room(move |tx| accept::accept(tx, account, &events, now)).await
    }

    async fn relay(
        &self,
        account: AccountId,
        webhook: Relayed,
        now: Timestamp,
    ) -> Result<Vec<std::result::Result<Receipt, Refusal>>> {
        self.queue.call_if_room(move |tx| accept::relayed(tx, account, &webhook, now)).await
    }

    async fn put_relay(&self, relay: Relay) -> Result<bool> {
        self.write(move |tx| relays::put(tx, &relay)).await
    }

    async fn relay_of_token(&self, digest: KeyDigest) -> Result<Option<Relay>> {
        Ok(self.shared.setup().relay(&digest).cloned())
    }

    async fn relays(&self, account: AccountId, site: &SiteId) -> Result<Vec<Relay>> {
        Ok(self.shared.setup().relays(account, site))
    }

    async fn delete_relay(&self, account: AccountId, digest: KeyDigest) -> Result<bool> {
        self.write(move |tx| relays::delete(tx, account, &digest)).await
    }

    async fn schedule(&self) -> Result<Vec<(AccountId, WebhookId, Timestamp)>> {
        self.read(schedule).await
    }

    async fn claim(&self, wants: Vec<Want>, now: Timestamp, lease_until: Timestamp) -> Result<Vec<Claims>> {
        let work = move |shared: &Shared| {
            let claimed = claim::claim(shared, &wants, now, lease_until)?;
            shared.followers.tell_claimed(&claimed.0);
            Ok(claimed)
        };
        let (mut claims, strays) = self.on_blocking_thread(work).await?;
        if !strays.is_empty() {
            let put_right = move |tx: &mut Tx<'_>| claim::put_right(tx, &strays, now);
            let next_due = |(), committed: &Committed| {
                for claimed in &mut claims {
                    let freed = committed.next_due(claimed.account, claimed.webhook);
                    claimed.next_due = freed.or(claimed.next_due);
                }
                claims
            };
            claims = self.queue.call(put_right, next_due).await?;
        }
        Ok(claims)
    }

    async fn settle(&self, settlements: Vec<Settlement>, now: Timestamp) -> Result<Vec<Settled>> {
        let webhooks: Vec<_> =
            settlements.iter().map(|one| (one.lease.account, one.lease.delivery.lane.webhook)).collect();
        let answers = move |stored: Vec<bool>, committed: &Committed| {
            let answer = |((account, webhook), stored)| match stored {
                true => Settled::Stored {
                    next_due: committed.next_due(account, webhook),
                    failing_since: committed.failing_since(account, webhook),
                },
                false => Settled::Stale,
            };
            webhooks.into_iter().zip(stored).map(answer).collect()
        };
        let entries: Vec<settle::Entry> = settlements.into_iter().map(Into::into).collect();
        self.queue.call(move |tx| settle::settle(tx, &entries, now), answers).await
    }

    async fn release(&self, leases: Vec<Lease>) -> Result<()> {
        let mut held = self.shared.leases.lock();
        leases.into_iter().for_each(|lease| held.release(lease));
        Ok(())
    }

    async fn bring_retries_forward(
        &self,
        account: AccountId,
        webhook: WebhookId,
        now: Timestamp,
        most: usize,
        spacing_ms: u32,
    ) -> Result<usize> {
        self.write(move |tx| by_hand::bring_retries_forward(tx, account, webhook, now, most, spacing_ms))
            .await
    }

    async fn send_now(&self, account: AccountId, id: DeliveryId, now: Timestamp) -> Result<ByHand> {
        // Asked of a view first: the writer makes the table of a day by looking into it, and an id can name any day.
        if self.delivery(account, id).await?.is_none() {
            return Ok(ByHand::Unknown);
        }
        self.write(move |tx| by_hand::send_now(tx, account, id, now)).await
    }

    async fn cancel(
        &self,
        account: AccountId,
        id: DeliveryId,
        reason: String,
        now: Timestamp,
    ) -> Result<ByHand> {
        if self.delivery(account, id).await?.is_none() {
            return Ok(ByHand::Unknown);
        }
        let next_due = move |answer, committed: &Committed| match answer {
            ByHand::Done { .. } => ByHand::Done { due: committed.next_due(account, id.lane.webhook) },
            other => other,
        };
        self.queue.call(move |tx| by_hand::cancel(tx, account, id, &reason, now), next_due).await
    }

    async fn lead(&self, account: AccountId, reference: &LeadRef) -> Result<Option<(Lead, Vec<Cause>)>> {
        let reference = reference.clone();
        self.read(move |view| leads::lead(view, account, &reference)).await
    }

    async fn leads(&self, account: AccountId, query: LeadQuery) -> Result<Page<Lead>> {
        let setup = self.shared.setup();
        self.read(move |view| leads::list(view, &setup, account, &query)).await
    }

    async fn delivery(&self, account: AccountId, id: DeliveryId) -> Result<Option<Shown>> {
        let is_leased = self.shared.leases.lock().is_leased(account, id);
        let found = self.read(move |view| view.delivery(account, id)).await?;
        Ok(found.map(|delivery| deliveries::shown(delivery, is_leased)))
    }

    async fn rendered_from(
        &self,
        account: AccountId,
        delivery: DeliveryId,
        site: &SiteId,
        rendering: &Rendering,
    ) -> Result<RenderedFrom> {
        let (site, rendering) = (site.clone(), rendering.clone());
        self.read(move |view| then::rendered_from(view, account, delivery, &site, &rendering)).await
    }

    async fn deliveries(&self, account: AccountId, query: DeliveryQuery) -> Result<Page<Shown>> {
        let webhooks = self.shared.setup().all_webhooks(account);
        let leased: BTreeSet<_> = self.shared.leases.lock().of_account(account);
        self.read(move |view| Lister { view, account, query: &query, webhooks, leased }.list()).await
    }

    async fn put_plugin(&self, account: AccountId, upload: Upload) -> Result<KnownPlugin> {
        self.write(move |tx| plugins::put(tx, account, &upload)).await
    }

    async fn plugins(&self, account: AccountId) -> Result<Vec<KnownPlugin>> {
        Ok(self.shared.setup().plugins(account).cloned().collect())
    }

    async fn plugin_versions(&self, account: AccountId, name: &str) -> Result<Vec<PluginVersion>> {
        let (setup, name) = (self.shared.setup(), name.to_owned());
        self.read(move |view| plugins::versions(view, &setup, account, &name)).await
    }

    async fn plugin(&self, account: AccountId, name: &str, sha256: Option<&str>) -> Result<Option<Upload>> {
        let setup = self.shared.setup();
        let current = || setup.plugin(account, name).map(|plugin| plugin.current.sha256.clone());
        let Some(sha256) = sha256.map(str::to_owned).or_else(current) else { return Ok(None) };
        let name = name.to_owned();
        self.read(move |view| plugins::upload(view, account, &name, &sha256)).await
    }

    async fn roll_back_plugin(
        &self,
        account: AccountId,
        name: &str,
        sha256: &str,
    ) -> Result<Option<KnownPlugin>> {
        let (name, sha256) = (name.to_owned(), sha256.to_owned());
        self.write(move |tx| plugins::roll_back(tx, account, &name, &sha256)).await
    }

    async fn delete_plugin(&self, account: AccountId, name: &str) -> Result<PluginDeleted> {
        let name = name.to_owned();
        self.write(move |tx| plugins::delete(tx, account, &name)).await
    }

    async fn put_secret(&self, account: AccountId, name: &str, value: String, now: Timestamp) -> Result<()> {
        let name = name.to_owned();
        self.write(move |tx| secrets::put(tx, account, &name, &value, now)).await
    }

    async fn secrets(&self, account: AccountId) -> Result<Vec<(String, Timestamp)>> {
        Ok(secrets::list(&self.shared.setup(), account))
    }

    async fn granted(&self, account: AccountId, names: &[String]) -> Result<BTreeMap<String, String>> {
        Ok(secrets::granted(&self.shared.setup(), account, names))
    }

    async fn delete_secret(&self, account: AccountId, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.write(move |tx| secrets::delete(tx, account, &name)).await
    }

    async fn plugin_state(
        &self,
        account: AccountId,
        webhook: WebhookId,
        plugin: &str,
        key: &str,
    ) -> Result<Option<Stored>> {
        let (plugin, key) = (plugin.to_owned(), key.to_owned());
        self.read(move |view| state::stored(view, account, webhook, &plugin, &key)).await
    }

    async fn close(&self) {
        self.queue.close().await;
    }
}

/// The first due row of each webhook; what lies between is not read.
fn schedule(view: &View) -> Result<Vec<(AccountId, WebhookId, Timestamp)>> {
    let due = view.table(table::DUE)?;
    let mut first = Vec::new();
    let mut from = (0, 0, i64::MIN, 0);
    while let Some((key, _)) = due.range(from..)?.next().transpose()? {
        let (account, webhook, due_ms, _) = key.value();
        first.push((AccountId(account), WebhookId(webhook), Timestamp(due_ms)));
        from = (account, webhook, i64::MAX, u64::MAX);
    }
    Ok(first)
}
