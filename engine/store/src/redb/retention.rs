//! What has grown old goes: a few rows in a transaction, so that events are not held up, and a day's table when it is empty.
//!
//! A lead goes with all that names it: the ids of its events, its own, the traces of its client, and what its lanes last
//! delivered. It stays while any of its deliveries is open.

use std::collections::{BTreeMap, BTreeSet};

use ::redb::{ReadableTable as _, ReadableTableMetadata as _};
use leadhook_core::{
    delivery::Delivery,
    id::{AccountId, DeliveryId},
    lead::{Cause, Lead},
    qualify,
    retention::Retention,
    time::{Serial, Timestamp},
};

use super::{
    accept::trace_key,
    by_hand, row,
    shared::Shared,
    table::{self, DeliveryKey, LeadKey, META_BODIES_FROM, META_LEADS_FROM},
    tx::Tx,
    view::{self, listed},
};
use crate::{
    Result,
    upkeep::{Aged, RetentionPlace, RetentionStep},
};

/// The most rows that go in one transaction, but for the versions of one lead, which go together.
const ROWS_EACH: usize = 300;

/// Where there is something to go: at a place or behind it.
pub(super) fn look(
    shared: &Shared,
    keep: Retention,
    now: Timestamp,
    place: RetentionPlace,
) -> Result<Option<RetentionPlace>> {
    shared.read(|view| {
        let oldest = |days: Vec<u32>, from: u32, until: u32| {
            days.into_iter().rev().find(|day| (from..until).contains(day))
        };
        let goes_from = |what| if place.what == what { place.day } else { 0 };
        if place.what == Aged::Bodies {
            let gone = view.table(table::META)?.get(table::META_BODIES_FROM)?.map_or(0, |day| day.value());
            // Those whose deliveries go as a whole are not written once more before.
            let from = place.day.max(u32::try_from(gone).unwrap_or(u32::MAX)).max(keep.attempts_from(now));
            if let Some(day) = oldest(view.days(&table::DONE)?, from, keep.bodies_from(now)) {
                return Ok(Some(place.at(Aged::Bodies, day)));
            }
        }
        if place.what != Aged::Leads {
            let from = goes_from(Aged::Attempts);
            if let Some(day) = oldest(view.days(&table::DONE)?, from, keep.attempts_from(now)) {
                return Ok(Some(place.at(Aged::Attempts, day)));
            }
        }
        let day = oldest(view.days(&table::LEAD)?, goes_from(Aged::Leads), keep.leads_from(now));
        Ok(day.map(|day| place.at(Aged::Leads, day)))
    })
}

/// Takes a step at a place.
pub(super) fn step(tx: &mut Tx<'_>, place: RetentionPlace) -> Result<RetentionStep> {
    match place.what {
        Aged::Bodies => step_bodies(tx, place),
        Aged::Attempts => step_attempts(tx, place),
        Aged::Leads => step_leads(tx, place),
    }
}

/// How many bytes went, by account.
type Bytes = BTreeMap<u32, u64>;

fn step_bodies(tx: &mut Tx<'_>, place: RetentionPlace) -> Result<RetentionStep> {
    let (mut rows, mut bytes) = (0, Bytes::new());
    let mut next = place;
    while rows < ROWS_EACH {
        let Some(Held { key, size, delivery }) = first_done(tx, next)? else {
            tx.shrank(place.day, &bytes)?;
            tx.meta.insert(META_BODIES_FROM, u64::from(place.day) + 1)?;
            return Ok(RetentionStep { rows, next: place.at(Aged::Bodies, place.day + 1), day_ended: true });
        };
        rows += 1;
        // A damaged row goes with its day; nobody can say what it holds.
        if let Some(mut delivery) = delivery
            && delivery.let_go_of_bodies()
        {
            let row = row::encode(&delivery);
            *bytes.entry(key.0).or_default() += size.saturating_sub(row.len() as u64);
            tx.done.on(place.day)?.insert(key, row.as_slice())?;
        }
        next.from = (key.0, key.1, key.2 + 1);
    }
    tx.shrank(place.day, &bytes)?;
    Ok(RetentionStep { rows, next, day_ended: false })
}

fn step_attempts(tx: &mut Tx<'_>, place: RetentionPlace) -> Result<RetentionStep> {
    let (mut rows, mut bytes) = (0, Bytes::new());
    let mut next = place;
    while rows < ROWS_EACH {
        let Some(Held { key, size, delivery }) = first_done(tx, next)? else {
            tx.shrank(place.day, &bytes)?;
            return end_of_attempts(tx, place, rows);
        };
        rows += 1;
        // One that is being sent again stays: by it the lead is known to be needed.
        let resends = delivery.map(|delivery| delivery.resends).unwrap_or_default();
        if !any_open(tx, AccountId(key.0), &resends)? {
            tx.done.on(place.day)?.remove(key)?;
            *bytes.entry(key.0).or_default() += size;
        }
        next.from = (key.0, key.1, key.2 + 1);
    }
    tx.shrank(place.day, &bytes)?;
    Ok(RetentionStep { rows, next, day_ended: false })
}

/// A delivery that ended, with the size of its row; a damaged one without what it holds.
struct Held {
    key: DeliveryKey,
    size: u64,
    delivery: Option<Delivery>,
}

/// The first delivery from this place on.
fn first_done(tx: &mut Tx<'_>, place: RetentionPlace) -> Result<Option<Held>> {
    let first = tx.done.on(place.day)?.range(place.from..)?.next().transpose()?;
    let Some((key, row)) = first else { return Ok(None) };
    let (key, size) = (key.value(), row.value().len() as u64);
    let delivery = listed(view::decode_delivery(row.value(), key))?;
    Ok(Some(Held { key, size, delivery }))
}

fn any_open(tx: &Tx<'_>, account: AccountId, ids: &[DeliveryId]) -> Result<bool> {
    for id in ids {
        if tx.open.get(table::delivery_key(account, *id))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn end_of_attempts(tx: &mut Tx<'_>, place: RetentionPlace, rows: usize) -> Result<RetentionStep> {
    if tx.done.on(place.day)?.is_empty()? {
        tx.done.delete(place.day)?;
    }
    forget_quarantine(tx, place.day)?;
    Ok(RetentionStep { rows, next: place.at(Aged::Attempts, place.day + 1), day_ended: true })
}

/// Damaged rows of the day, which are few, go too: nobody can say what they hold.
fn forget_quarantine(tx: &mut Tx<'_>, day: u32) -> Result<()> {
    tx.quarantine.retain(|(_, _, serial), _| Serial(serial).day() > day)?;
    Ok(())
}

fn step_leads(tx: &mut Tx<'_>, place: RetentionPlace) -> Result<RetentionStep> {
    let (mut rows, mut bytes) = (0, Bytes::new());
    let mut next = place;
    while rows < ROWS_EACH {
        let from: LeadKey = (next.from.0, next.from.1, 0);
        let first = tx.leads.on(place.day)?.range(from..)?.next().transpose()?;
        let Some((account, lead, _)) = first.map(|(key, _)| key.value()) else {
            let table = tx.leads.on(place.day)?;
            let is_empty = table.is_empty()?;
            if is_empty {
                tx.leads.delete(place.day)?;
            }
            tx.meta.insert(META_LEADS_FROM, u64::from(place.day) + 1)?;
            tx.shrank(place.day, &bytes)?;
            let next = place.at(Aged::Leads, place.day + 1);
            return Ok(RetentionStep { rows, next, day_ended: true });
        };
        let versions = versions_of(tx, AccountId(account), Serial(lead))?;
        if !is_open(tx, AccountId(account), &versions)? {
            rows += remove(tx, AccountId(account), Serial(lead), &versions, &mut bytes)?;
        } else {
            rows += 1;
        }
        next.from = (account, lead + 1, 0);
    }
    tx.shrank(place.day, &bytes)?;
    Ok(RetentionStep { rows, next, day_ended: false })
}

pub(super) type Version = (u32, usize, Option<(Cause, Lead)>);

/// The versions of a lead with the sizes of their rows; a damaged one without what it holds.
pub(super) fn versions_of(tx: &mut Tx<'_>, account: AccountId, lead: Serial) -> Result<Vec<Version>> {
    let mut versions = Vec::new();
    for entry in tx.leads.on(lead.day())?.range(table::versions(account, lead))? {
        let (key, value) = entry?;
        let read =
            row::decode(value.value(), || format!("version {} of lead number {}", key.value().2, lead.0));
        versions.push((key.value().2, value.value().len(), listed(read)?));
    }
    Ok(versions)
}

/// Whether any delivery of the lead is open: one that its events made owed, or one that sends such a one again.
fn is_open(tx: &mut Tx<'_>, account: AccountId, versions: &[Version]) -> Result<bool> {
    let held = versions.iter().filter_map(|(_, _, held)| held.as_ref());
    for id in held.flat_map(|(cause, _)| &cause.deliveries) {
        let done: Option<Delivery> = listed(by_hand::find_done(tx, account, *id))?.flatten();
        let resends = done.map(|done| done.resends).unwrap_or_default();
        if any_open(tx, account, &[*id])? || any_open(tx, account, &resends)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes a lead with all that names it. How many rows of versions there were.
fn remove(
    tx: &mut Tx<'_>,
    account: AccountId,
    lead: Serial,
    versions: &[Version],
    bytes: &mut Bytes,
) -> Result<usize> {
    let mut lanes = BTreeSet::new();
    for (version, size, held) in versions {
        tx.leads.on(lead.day())?.remove((account.0, lead.0, *version))?;
        *bytes.entry(account.0).or_default() += *size as u64;
        let Some((cause, of)) = held else { continue };
        lanes.extend(cause.deliveries.iter().map(|id| id.lane.webhook));
        let event = table::event_key(account, &of.reference.site, &cause.event_id);
        if tx.event_id.get(event)?.is_some_and(|known| known.value() == (lead.0, *version)) {
            tx.event_id.remove(event)?;
        }
        let id = table::lead_id_key(account, &of.reference);
        if tx.lead_id.get(id)?.is_some_and(|known| known.value() == lead.0) {
            tx.lead_id.remove(id)?;
        }
        for trace in qualify::traces(of) {
            tx.trace.remove(trace_key(account, &trace))?;
        }
    }
    tx.erased.remove((account.0, lead.0))?;
    for webhook in lanes {
        tx.lane.remove((account.0, webhook.0, lead.0))?;
    }
    Ok(versions.len())
}
