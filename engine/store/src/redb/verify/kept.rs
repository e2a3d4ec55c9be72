//! What is kept beside leads and deliveries: notifications, the trail, erasures, what plugins keep, and how much is stored.

use std::collections::HashMap;

use ::redb::{ReadableTable as _, ReadableTableMetadata as _};
use leadhook_core::{
    erasure::{Erasure, Phase},
    id::{AccountId, ErasureId, WebhookId},
    plugin::{PluginVersion, Stored},
    resend::Resend,
    time::Serial,
    webhook::Switch,
};

use super::Verified;
use crate::{
    Result,
    redb::{audit, notifications, plugins, row, setup::Setup, table, view::View},
};

/// What is said to be stored is to be at most so many times what is there: rows are written anew without being counted.
const STORED_FACTOR: u64 = 4;
/// So many bytes more are never told.
const STORED_BYTES_SMALL: u64 = 64 * 1024;

pub(super) fn verify(view: &View, setup: &Setup, verified: &mut Verified) -> Result<()> {
    told(view, setup, verified)?;
    erasures(view, setup, verified)?;
    state(view, setup, verified)?;
    stored(view, verified)
}

fn told(view: &View, setup: &Setup, verified: &mut Verified) -> Result<()> {
    for entry in view.table(table::NOTIFICATION)?.iter()? {
        let (key, value) = entry?;
        let (account, serial) = key.value();
        let read = notifications::decode(Serial(serial), value.value());
        let Some(told) = verified.read("notification", read)? else { continue };
        let webhook = setup.webhook(AccountId(account), told.news.webhook());
        // A serial is never before the time at which it was given out.
        if webhook.is_none() || told.at > Serial(serial).time() {
            verified.flaw("notification", format!("notification {serial} stands under the key of another"));
        }
    }
    for entry in view.table(table::AUDIT)?.iter()? {
        let (key, value) = entry?;
        let (account, serial) = key.value();
        let read = audit::decode(AccountId(account), Serial(serial), value.value());
        let entry = verified.read("audit", read)?;
        if entry.is_some_and(|entry| entry.at > Serial(serial).time()) {
            verified.flaw("audit", format!("entry {serial} stands under the key of another"));
        }
    }
    Ok(())
}

fn erasures(view: &View, setup: &Setup, verified: &mut Verified) -> Result<()> {
    let running = view.table(table::ERASURE_RUNNING)?;
    let mut noted = 0;
    for entry in view.table(table::ERASURE)?.iter()? {
        let (key, value) = entry?;
        let id = ErasureId(Serial(key.value().1));
        // One that cannot be read was told of already.
        let Ok(erasure) = row::decode::<Erasure>(value.value(), String::new) else { continue };
        let is_noted = running.get(key.value())?.is_some();
        noted += u64::from(is_noted);
        if erasure.id != id || setup.roster.account(AccountId(key.value().0)).is_none() {
            verified.flaw("erasure", format!("erasure {} stands under the key of another", erasure.id));
        } else if is_noted != (erasure.phase == Phase::Running) {
            verified.flaw("erasure_running", format!("erasure {id} is not noted as it stands"));
        }
    }
    if running.len()? != noted {
        verified.flaw("erasure_running", "an erasure is noted that there is not");
    }
    let resends = view.table(table::RESEND)?;
    for entry in view.table(table::RESEND_ERASED)?.iter()? {
        let (key, count) = entry?;
        let row = resends.get(key.value())?;
        let resend = row.and_then(|row| row::decode::<Resend>(row.value(), String::new).ok());
        if resend.is_some_and(|resend| resend.counts.skipped < count.value())
            || resends.get(key.value())?.is_none()
        {
            verified.flaw("resend_erased", format!("resend {} did not skip so many", key.value().1));
        }
    }
    Ok(())
}

fn state(view: &View, setup: &Setup, verified: &mut Verified) -> Result<()> {
    let (ends, kept) = (view.table(table::STATE_END)?, view.table(table::STATE)?);
    for entry in kept.iter()? {
        let (key, value) = entry?;
        let (account, webhook, plugin, name) = key.value();
        let Ok(stored) = row::decode::<Stored>(value.value(), String::new) else { continue };
        if let Some(end) = stored.expires_at_ms
            && ends.get((account, end, webhook, plugin, name))?.is_none()
        {
            verified.flaw("state_end", format!("a key of plugin {plugin} will never end"));
        }
        if setup.webhook(AccountId(account), WebhookId(webhook)).is_none() {
            verified.flaw("state", format!("a key of plugin {plugin} is of no webhook"));
        }
    }
    for entry in ends.iter()? {
        let key = entry?.0;
        let (account, end, webhook, plugin, name) = key.value();
        let row = kept.get((account, webhook, plugin, name))?;
        let stored = row.and_then(|row| row::decode::<Stored>(row.value(), String::new).ok());
        if stored.is_none_or(|stored| stored.expires_at_ms != Some(end)) {
            verified.flaw("state_end", format!("a key of plugin {plugin} is said to end and does not"));
        }
    }
    for entry in view.table(table::STATE_LEFT)?.iter()? {
        let (account, webhook) = entry?.0.value();
        let known = setup.webhook(AccountId(account), WebhookId(webhook));
        if known.is_none_or(|known| known.switch != Switch::Deleted) {
            verified.flaw("state_left", format!("webhook {} is not deleted", WebhookId(webhook)));
        }
    }
    Ok(())
}

/// How much is said to be stored, against the rows that are. There may be more of them: once none were counted.
fn stored(view: &View, verified: &mut Verified) -> Result<()> {
    let mut there: HashMap<(u32, u32), u64> = HashMap::new();
    for day in view.days(&table::LEAD)? {
        let Some(rows) = view.day(&table::LEAD, day)? else { continue };
        for entry in rows.range((0, 0, 0)..)? {
            let (key, value) = entry?;
            *there.entry((key.value().0, day)).or_default() += value.value().len() as u64;
        }
    }
    for day in view.days(&table::DONE)? {
        let Some(rows) = view.day(&table::DONE, day)? else { continue };
        for entry in rows.range((0, 0, 0)..)? {
            let (key, value) = entry?;
            *there.entry((key.value().0, day)).or_default() += value.value().len() as u64;
        }
    }
    for entry in view.table(table::PLUGIN_VERSION)?.iter()? {
        let (key, value) = entry?;
        let version = row::decode::<PluginVersion>(value.value(), String::new).ok();
        *there.entry((key.value().0, plugins::DAY)).or_default() +=
            version.map_or(0, |version| version.bytes);
    }
    for entry in view.table(table::STORED)?.iter()? {
        let (key, said) = entry?;
        let (said, is) = (said.value(), there.remove(&key.value()).unwrap_or(0));
        if said > STORED_BYTES_SMALL.saturating_add(is.saturating_mul(STORED_FACTOR)) {
            verified.flaw(
                "stored",
                format!("{said} bytes are counted for {:?}, and there are {is}", key.value()),
            );
        }
    }
    Ok(())
}
