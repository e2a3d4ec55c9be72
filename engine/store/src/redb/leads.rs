//! Reading leads: one with its history, and lists.

use std::collections::BTreeSet;

use leadhook_core::{
    id::{AccountId, LeadRef},
    lead::{Cause, Lead, LeadKind},
    qualify::{Client, TraceKind},
    time::{DAY_MS, Serial, Timestamp},
};

use super::{
    setup::Setup,
    table,
    view::{self, DayTables, ROWS_LOOKED_AT_MAX, View, listed},
};
use crate::{
    Result,
    query::{LIMIT_MAX, LeadQuery, Page},
};

/// A lead's newest version and its history, oldest first.
pub(super) fn lead(
    view: &View,
    account: AccountId,
    reference: &LeadRef,
) -> Result<Option<(Lead, Vec<Cause>)>> {
    let Some(lead) = known(view, account, reference)? else { return Ok(None) };
    let mut history = view.causes(account, lead.serial)?.collect::<Result<Vec<_>>>()?;
    history.reverse();
    Ok(Some((lead, history)))
}

/// A lead's newest version by the source's name for it.
pub(super) fn known(view: &View, account: AccountId, reference: &LeadRef) -> Result<Option<Lead>> {
    let found = view.table(table::LEAD_ID)?.get(table::lead_id_key(account, reference))?;
    let Some(serial) = found.map(|serial| Serial(serial.value())) else { return Ok(None) };
    let versions = view.day(&table::LEAD, serial.day())?;
    let lead = versions.map(|versions| view::newest_lead(&versions, account, serial)).transpose()?.flatten();
    view::the_one(lead, serial, reference, || view.leads_from_day())
}

/// A page of leads, newest arrival first.
pub(super) fn list(view: &View, setup: &Setup, account: AccountId, query: &LeadQuery) -> Result<Page<Lead>> {
    match &query.client {
        Some(client) => of_client(view, setup, account, query, client),
        None => by_arrival(view, account, query),
    }
}

fn limit(query: &LeadQuery) -> usize {
    query.limit.clamp(1, LIMIT_MAX)
}

/// A client's leads are found by the traces that they left, which answer every filter by their keys. Those are in
/// order of the leads' start, so all are looked at, and the newest arrivals kept.
fn of_client(
    view: &View,
    setup: &Setup,
    account: AccountId,
    query: &LeadQuery,
    client: &Client,
) -> Result<Page<Lead>> {
    let traces = view.table(table::TRACE)?;
    let before = query.before.unwrap_or(Serial(u64::MAX));
    let from = query.from.unwrap_or(Timestamp(i64::MIN));
    let to = query.to.unwrap_or(Timestamp(i64::MAX));
    let asked_for = |kind: &(LeadKind, TraceKind)| query.kind.is_none_or(|asked| asked == kind.0);
    let kinds = [(LeadKind::Call, TraceKind::Call), (LeadKind::Request, TraceKind::Request)];
    let mut newest = BTreeSet::new();
    for site in setup.all_sites(account).filter(|site| query.site.as_ref().is_none_or(|id| *id == site.id)) {
        let digest = table::client_digest(&site.id, client);
        for (_, kind) in kinds.iter().filter(|kind| asked_for(kind)) {
            let at = |time: Timestamp| (account.0, digest, *kind as u8, time.0, 0);
            if from >= to {
                continue;
            }
            for entry in traces.range(at(from)..at(to))? {
                let serial = Serial(entry?.0.value().4);
                if serial < before {
                    newest.insert(serial);
                }
                if newest.len() > limit(query) + 1 {
                    newest.pop_first();
                }
            }
        }
    }
    let more = newest.len() > limit(query);
    let serials: Vec<Serial> = newest.into_iter().rev().take(limit(query)).collect();
    let mut leads = DayTables::new(view, table::LEAD);
    let mut rows = Vec::with_capacity(serials.len());
    for serial in &serials {
        if let Some(versions) = leads.on(serial.day())?
            && let Some(Some(lead)) = listed(view::newest_lead(versions, account, *serial))?
        {
            rows.push(lead);
        }
    }
    Ok(Page { rows, next: serials.last().copied().filter(|_| more) })
}

/// All leads of the account, day by day backwards.
fn by_arrival(view: &View, account: AccountId, query: &LeadQuery) -> Result<Page<Lead>> {
    let mut rows = Vec::new();
    let mut looked_at = 0;
    let mut before = query.before.unwrap_or(Serial(u64::MAX));
    for day in view.days(&table::LEAD)? {
        if Serial::at(Timestamp(i64::from(day) * DAY_MS)) >= before {
            continue;
        }
        let Some(versions) = view.day(&table::LEAD, day)? else { continue };
        // The last row before a lead's first version is the newest version of the lead that arrived before it.
        while let Some(entry) = versions.range((account.0, 0, 0)..(account.0, before.0, 0))?.next_back() {
            let (key, value) = entry?;
            let (_, serial, version) = key.value();
            before = Serial(serial);
            looked_at += 1;
            let lead = listed(view::decode_lead(value.value(), before, version))?;
            rows.extend(lead.filter(|lead| matches(query, lead)));
            if rows.len() >= limit(query) || looked_at >= ROWS_LOOKED_AT_MAX {
                return Ok(Page { rows, next: Some(before) });
            }
        }
    }
    Ok(Page { rows, next: None })
}

fn matches(query: &LeadQuery, lead: &Lead) -> bool {
    query.site.as_ref().is_none_or(|site| *site == lead.reference.site)
        && query.kind.is_none_or(|kind| kind == lead.reference.kind)
        && query.from.is_none_or(|from| lead.start.at >= from)
        && query.to.is_none_or(|to| lead.start.at < to)
}
