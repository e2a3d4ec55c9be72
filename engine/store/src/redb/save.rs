//! Saving what customers set: accounts, keys, sites, and webhooks with their revisions.

use std::sync::Arc;

use leadhook_core::{
    audit::{self, Action, Deed},
    id::{AccountId, SiteId, WebhookId},
    notification::News,
    site::Site,
    time::{Serial, Timestamp},
    webhook::{Settings, Subscription, Switch, Webhook},
};

use super::{
    accounts::roster,
    notifications, relays, resend, row,
    setup::{RevisionRow, WebhookRow},
    state, table,
    tx::Tx,
    view::View,
};
use crate::{Account, KeyDigest, KnownAccount, Result, Revision, Saved};

pub(super) fn account(tx: &mut Tx<'_>, account: &Account) -> Result<()> {
    let row = tx.sealer.encode(table::ACCOUNT, account.id.0, account)?;
    tx.account.insert(account.id.0, row.as_slice())?;
    let terms = tx.setup.roster.account(account.id).map(|known| known.terms.clone()).unwrap_or_default();
    let known = KnownAccount { id: account.id, name: account.name.clone(), terms };
    roster(tx).put_account(Arc::new(known));
    Ok(())
}

pub(super) fn key(tx: &mut Tx<'_>, digest: &KeyDigest, account: AccountId) -> Result<()> {
    tx.api_key.insert(digest, account.0)?;
    roster(tx).put_first_key(digest, account, 0);
    Ok(())
}

/// Saves a site under the next revision; one that was deleted goes on counting.
pub(super) fn site(tx: &mut Tx<'_>, account: AccountId, site: &Site) -> Result<Arc<Site>> {
    let known = tx.setup.any_site(account, &site.id).cloned();
    let newest = known.as_ref().map_or(0, |known| known.revision);
    let saved = Arc::new(Site { revision: newest + 1, ..site.clone() });
    let id = saved.id.as_str();
    let row = row::encode(&saved.to_json().to_string());
    tx.site_revision.insert((account.0, id, saved.revision), row.as_slice())?;
    tx.site.insert((account.0, id), (saved.revision, Some(false)))?;
    Arc::make_mut(&mut tx.setup).put_site(account, saved.clone(), false);
    let before = known.as_ref().map(|known| known.to_json());
    let mut changed = before.map_or_else(Vec::new, |before| audit::differing(&before, &saved.to_json()));
    changed.retain(|field| field != "revision");
    let deed = Deed::new(Action::SiteSaved, id).changing(changed);
    tx.note(
        account,
        &deed.turning(known.map(|known| known.revision.to_string()), saved.revision.to_string()),
    )?;
    Ok(saved)
}

/// Deletes a site with its relays; its revisions stay. Whether there was one.
pub(super) fn delete_site(tx: &mut Tx<'_>, account: AccountId, id: &SiteId) -> Result<bool> {
    let Some(known) = tx.setup.live_site(account, id).cloned() else { return Ok(false) };
    tx.site.insert((account.0, id.as_str()), (known.revision, Some(true)))?;
    Arc::make_mut(&mut tx.setup).put_site(account, known, true);
    relays::delete_all(tx, account, id)?;
    tx.note(account, &Deed::new(Action::SiteDeleted, id))?;
    Ok(true)
}

/// Makes a webhook, off, with revision 1.
pub(super) fn new_webhook(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: WebhookId,
    settings: &Arc<Settings>,
    now: Timestamp,
) -> Result<Arc<Webhook>> {
    let created = tx.next_serial(now);
    let webhook = Webhook {
        account,
        id,
        revision: 1,
        settings: settings.clone(),
        switch: Switch::Off(None),
        created,
        subscriptions: vec![subscription(created, settings)],
    };
    write_revision(tx, &webhook, created)?;
    tx.note(account, &Deed::new(Action::WebhookMade, &id).turning(None, "1".to_owned()))?;
    write_webhook(tx, webhook)
}

/// Saves new settings of a webhook as its next revision, unless somebody else saved first.
pub(super) fn webhook(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: WebhookId,
    settings: &Arc<Settings>,
    expected: Option<u32>,
    now: Timestamp,
) -> Result<Saved> {
    let Some(known) = existing(tx, account, id) else { return Ok(Saved::Unknown) };
    if expected.is_some_and(|expected| expected != known.revision) {
        return Ok(Saved::Moved(known.revision));
    }
    let saved = tx.next_serial(now);
    let mut webhook = (*known).clone();
    webhook.revision += 1;
    webhook.settings = settings.clone();
    webhook.subscriptions.push(subscription(saved, settings));
    write_revision(tx, &webhook, saved)?;
    let changed = audit::differing(&known.settings.source, &settings.source);
    let deed = Deed::new(Action::WebhookSaved, &id).changing(changed);
    tx.note(account, &deed.turning(Some(known.revision.to_string()), webhook.revision.to_string()))?;
    write_webhook(tx, webhook).map(Saved::Saved)
}

/// Switches a webhook or deletes it; one that was deleted stays so, and answers `None`.
pub(super) fn switch(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: WebhookId,
    switch: &Switch,
) -> Result<Option<Arc<Webhook>>> {
    let Some(known) = existing(tx, account, id) else { return Ok(None) };
    let deed = match switch {
        Switch::Deleted => Deed::new(Action::WebhookDeleted, &id),
        _ => Deed::new(Action::WebhookSwitched, &id).turning(Some(position(&known.switch)), position(switch)),
    };
    tx.note(account, &deed)?;
    let webhook = write_webhook(tx, Webhook { switch: switch.clone(), ..(*known).clone() })?;
    resend::switched(tx, account, id)?;
    if webhook.switch == Switch::Deleted {
        state::forget(tx, account, id)?;
    }
    Ok(Some(webhook))
}

/// Switches a webhook off by the engine's own decision, with a notification; `None` where it is off already.
pub(super) fn switch_off(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: WebhookId,
    reason: &str,
    now: Timestamp,
) -> Result<Option<Arc<Webhook>>> {
    if existing(tx, account, id).is_none_or(|known| known.switch != Switch::On) {
        return Ok(None);
    }
    let news = News::WebhookSwitchedOff { webhook: id, reason: reason.to_owned() };
    notifications::put(tx, account, &news, now)?;
    switch(tx, account, id, &Switch::Off(Some(reason.to_owned())))
}

/// A webhook's revisions, newest first.
pub(super) fn revisions(view: &View, account: AccountId, id: WebhookId) -> Result<Vec<Revision>> {
    let table = view.table(table::WEBHOOK_REVISION)?;
    let rows = table.range((account.0, id.0, 0)..=(account.0, id.0, u32::MAX))?.rev();
    rows.map(|entry| {
        let (key, value) = entry?;
        RevisionRow::read(&view.sealer, value.value(), (account, id, key.value().2))
    })
    .collect()
}

/// How a webhook is switched, as a trail tells it.
fn position(switch: &Switch) -> String {
    let word = match switch {
        Switch::On => "on",
        Switch::Off(_) => "off",
        Switch::Deleted => "deleted",
    };
    word.to_owned()
}

fn existing(tx: &Tx<'_>, account: AccountId, id: WebhookId) -> Option<Arc<Webhook>> {
    tx.setup.webhook(account, id).filter(|webhook| webhook.switch != Switch::Deleted).cloned()
}

fn subscription(saved: Serial, settings: &Settings) -> Subscription {
    Subscription { saved, sending: settings.sending.clone() }
}

fn write_revision(tx: &mut Tx<'_>, webhook: &Webhook, saved: Serial) -> Result<()> {
    let place = (webhook.account.0, webhook.id.0, webhook.revision);
    let stored = RevisionRow { saved, settings: webhook.settings.source.to_string() };
    let row = tx.sealer.encode(table::WEBHOOK_REVISION, place, &stored)?;
    tx.webhook_revision.insert(place, row.as_slice())?;
    Ok(())
}

fn write_webhook(tx: &mut Tx<'_>, webhook: Webhook) -> Result<Arc<Webhook>> {
    tx.forget_failing(webhook.account, webhook.id)?;
    let Webhook { revision, created, .. } = webhook;
    let row = row::encode(&WebhookRow { revision, switch: webhook.switch.clone(), created });
    tx.webhook.insert((webhook.account.0, webhook.id.0), row.as_slice())?;
    let webhook = Arc::new(webhook);
    Arc::make_mut(&mut tx.setup).put_webhook(webhook.clone());
    Ok(webhook)
}
