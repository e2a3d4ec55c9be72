//! What customers set and uploaded: every revision, the bytes of plugins against their names, keys of recording links,
//! operations webhooks; and the engine's own numbers.

use std::collections::BTreeSet;

use ::redb::ReadableTable as _;
use leadhook_core::{
    id::{AccountId, SiteId, WebhookId},
    plugin::PluginVersion,
    time::{Serial, Timestamp},
};

use super::Verified;
use crate::{
    Result,
    redb::{
        plugins, row,
        setup::{self, RevisionRow, Setup},
        table,
        view::View,
    },
};

pub(super) fn verify(view: &View, setup: &Setup, verified: &mut Verified) -> Result<()> {
    numbers(view, verified)?;
    revisions(view, setup, verified)?;
    accounts(view, setup, verified)?;
    uploads(view, verified)
}

/// The last serial is not before any that was given out, and what has gone went before it.
fn numbers(view: &View, verified: &mut Verified) -> Result<()> {
    let meta = view.table(table::META)?;
    let last = meta.get(table::META_SERIAL)?.map_or(Serial(0), |serial| Serial(serial.value()));
    for entry in meta.iter()? {
        let (key, value) = entry?;
        match key.value() {
            table::META_FORMAT | table::META_SERIAL | table::META_MASTER_KEY => {}
            table::META_LEADS_FROM | table::META_BODIES_FROM if value.value() <= u64::from(last.day()) => {}
            other => verified.flaw("meta", format!("`{other}` is unknown, or not a day that there was")),
        }
    }
    let mut newest = Serial(0);
    for entry in view.table(table::OPEN)?.range((0, 0, 0)..)? {
        newest = newest.max(Serial(entry?.0.value().2));
    }
    if let Some(day) = view.days(&table::LEAD)?.first() {
        for entry in view
            .day(&table::LEAD, *day)?
            .map(|rows| rows.range((0, 0, 0)..))
            .transpose()?
            .into_iter()
            .flatten()
        {
            newest = newest.max(Serial(entry?.0.value().1));
        }
    }
    for definition in [table::NOTIFICATION, table::RESEND, table::ERASURE, table::AUDIT] {
        for entry in view.table(definition)?.iter()? {
            newest = newest.max(Serial(entry?.0.value().1));
        }
    }
    if newest > last {
        verified.flaw("meta", format!("the last serial is {}, and {} was given out", last.0, newest.0));
    }
    Ok(())
}

/// Every revision, since only the current ones are read at a start.
fn revisions(view: &View, setup: &Setup, verified: &mut Verified) -> Result<()> {
    let mut before: Option<(u32, String, u32)> = None;
    for entry in view.table(table::SITE_REVISION)?.iter()? {
        let (key, value) = entry?;
        let (account, id, revision) = key.value();
        let Some(site) = SiteId::new(id) else {
            verified.flaw("site_revision", "a key names no site");
            continue;
        };
        verified.read("site_revision", setup::read_site(value.value(), site.clone(), revision))?;
        let follows = before.as_ref().filter(|(of, name, _)| (*of, name.as_str()) == (account, id));
        let is_next = follows.map_or(0, |(_, _, number)| *number) + 1 == revision;
        if !is_next || setup.any_site(AccountId(account), &site).is_none() {
            verified.flaw("site_revision", format!("revision {revision} of site {id} stands alone"));
        }
        before = Some((account, id.to_owned(), revision));
    }
    for entry in view.table(table::WEBHOOK_REVISION)?.iter()? {
        let (key, value) = entry?;
        let (account, webhook, number) = key.value();
        let place = (AccountId(account), WebhookId(webhook), number);
        verified.read("webhook_revision", RevisionRow::read(&view.sealer, value.value(), place))?;
        if setup.webhook(place.0, place.1).is_none() {
            verified.flaw("webhook_revision", format!("webhook {} is missing", place.1));
        }
    }
    Ok(())
}

/// Of each account: operations webhook, keys of links, and how much it is said to have stored.
fn accounts(view: &View, setup: &Setup, verified: &mut Verified) -> Result<()> {
    for id in setup.roster.accounts().keys() {
        verified.read("operations", crate::redb::operations::stored(view, *id))?;
        verified.read("recording_key", crate::redb::recording::of(view, *id))?;
    }
    let known = |id: u32| setup.roster.account(AccountId(id)).is_some();
    for definition in [table::OPERATIONS, table::OPERATIONS_PLACE] {
        for entry in view.table(definition)?.iter()? {
            let account = entry?.0.value();
            if !known(account) {
                verified.flaw("operations", format!("there is no account {account}"));
            }
        }
    }
    for entry in view.table(table::RECORDING_KEY)?.iter()? {
        let (account, number) = entry?.0.value();
        if !known(account) {
            verified.flaw("recording_key", format!("key {number} is of no account"));
        }
    }
    for entry in view.table(table::FAILING)?.iter()? {
        let (key, since) = entry?;
        let (account, webhook) = key.value();
        let webhook = setup.webhook(AccountId(account), WebhookId(webhook));
        let is_since =
            |made: Timestamp| (made.plus_ms(-CLOCK_SET_MS_MAX).0..FAR_AHEAD_MS).contains(&since.value());
        if !webhook.is_some_and(|webhook| is_since(webhook.created.time())) {
            verified.flaw("failing", "a webhook fails since before it was made, or is unknown");
        }
    }
    Ok(())
}

/// How far the clock may have been set back while a webhook was there, in milliseconds.
const CLOCK_SET_MS_MAX: i64 = 86_400_000;
/// The year 2500, in Unix milliseconds.
const FAR_AHEAD_MS: i64 = 16_725_225_600_000;

fn uploads(view: &View, verified: &mut Verified) -> Result<()> {
    let mut named = BTreeSet::new();
    for entry in view.table(table::PLUGIN_VERSION)?.iter()? {
        let (key, value) = entry?;
        let (account, name, sha256) = key.value();
        verified.read("plugin_piece", plugins::upload(view, AccountId(account), name, sha256))?;
        // One that cannot be read was told of already.
        let version = row::decode::<PluginVersion>(value.value(), String::new).ok();
        named.extend(version.map(|version| (account, version.sha256)));
    }
    for entry in view.table(table::PLUGIN_PIECE)?.iter()? {
        let (key, _) = entry?;
        let (account, sha256, _) = key.value();
        if !named.contains(&(account, sha256.to_owned())) {
            verified.flaw("plugin_piece", format!("a piece is of no version: {sha256}"));
        }
    }
    Ok(())
}
