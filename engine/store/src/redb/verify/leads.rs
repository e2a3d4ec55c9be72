//! Leads: their versions against the ids of leads and events, and those and the traces of clients against the leads.

use ::redb::{ReadOnlyTable, ReadableTable as _};
use leadhook_core::{
    id::AccountId,
    lead::{Cause, Lead},
    qualify,
    time::Serial,
};

use super::Verified;
use crate::{
    Result,
    redb::{
        accept::trace_key,
        row,
        setup::Setup,
        table::{self, LeadKey, TraceKey},
        view::{self, DayTables, View, listed},
    },
};

pub(super) fn verify(view: &View, _: &Setup, verified: &mut Verified) -> Result<()> {
    for day in view.days(&table::LEAD)? {
        if let Some(versions) = view.day(&table::LEAD, day)? {
            versions_of(view, day, &versions, verified)?;
        }
    }
    ids(view, verified)
}

/// The versions of the leads of one day.
fn versions_of(
    view: &View,
    day: u32,
    versions: &ReadOnlyTable<LeadKey, &'static [u8]>,
    verified: &mut Verified,
) -> Result<()> {
    let name = table::LEAD.name(day);
    let (lead_ids, event_ids) = (view.table(table::LEAD_ID)?, view.table(table::EVENT_ID)?);
    let (traces, mut newest_of) = (view.table(table::TRACE)?, None);
    for entry in versions.iter()?.rev() {
        let (key, value) = entry?;
        let (account, serial, version) = key.value();
        // One that cannot be read was told of already.
        let Ok((cause, lead)) = row::decode::<(Cause, Lead)>(value.value(), String::new) else { continue };
        let what = format!("version {version} of lead number {serial}");
        if (lead.serial.0, lead.version, lead.serial.day()) != (serial, version, day) {
            verified.flaw(&name, format!("{what} stands under the key of another"));
            continue;
        }
        let known = lead_ids.get(table::lead_id_key(AccountId(account), &lead.reference))?;
        if known.is_none_or(|known| known.value() != serial) {
            verified.flaw("lead_id", format!("{what} is not found by its source's id"));
        }
        let event =
            event_ids.get(table::event_key(AccountId(account), &lead.reference.site, &cause.event_id))?;
        if event.is_none_or(|event| event.value() != (serial, version)) {
            verified.flaw("event_id", format!("the event of {what} is not found by its id"));
        }
        // Only the newest version's traces stand, which comes first here.
        if newest_of.replace((account, serial)) != Some((account, serial)) {
            for trace in qualify::traces(&lead) {
                if traces.get(trace_key(AccountId(account), &trace))?.is_none() {
                    verified.flaw("trace", format!("a trace of lead number {serial} is missing"));
                }
            }
        }
    }
    Ok(())
}

/// What names a lead: there must be one.
fn ids(view: &View, verified: &mut Verified) -> Result<()> {
    let mut leads = Leads { from_day: view.leads_from_day()?, tables: DayTables::new(view, table::LEAD) };
    for entry in view.table(table::LEAD_ID)?.iter()? {
        let (key, value) = entry?;
        if !is_there(&mut leads, key.value().0, value.value(), None)? {
            verified.flaw("lead_id", format!("lead number {} is missing", value.value()));
        }
    }
    for entry in view.table(table::EVENT_ID)?.iter()? {
        let (key, value) = entry?;
        let (lead, version) = value.value();
        if !is_there(&mut leads, key.value().0, lead, Some(version))? {
            verified.flaw("event_id", format!("version {version} of lead number {lead} is missing"));
        }
    }
    for entry in view.table(table::TRACE)?.iter()? {
        let key = entry?.0.value();
        let (account, _, _, _, lead) = key;
        if !is_there(&mut leads, account, lead, None)? {
            verified.flaw("trace", format!("lead number {lead} is missing"));
        } else if !left_it(&mut leads, key)? {
            verified.flaw("trace", format!("lead number {lead} did not leave it"));
        }
    }
    for entry in view.table(table::LANE)?.iter()? {
        let (account, _, lead) = entry?.0.value();
        if !is_there(&mut leads, account, lead, None)? {
            verified.flaw("lane", format!("lead number {lead} is missing"));
        }
    }
    for entry in view.table(table::ERASED)?.iter()? {
        let (account, lead) = entry?.0.value();
        if !is_there(&mut leads, account, lead, None)? {
            verified.flaw("erased", format!("lead number {lead} is missing"));
        }
    }
    Ok(())
}

/// Whether a trace is one of those of its lead. One that cannot be read was told of already.
fn left_it(leads: &mut Leads<'_>, key: TraceKey) -> Result<bool> {
    let (account, lead) = (AccountId(key.0), Serial(key.4));
    let Some(table) = leads.tables.on(lead.day())? else { return Ok(true) };
    let newest = listed(view::newest_lead(table, account, lead))?.flatten();
    Ok(newest.is_none_or(|lead| qualify::traces(&lead).iter().any(|trace| trace_key(account, trace) == key)))
}

struct Leads<'a> {
    /// Leads of earlier days have grown old; a damaged one may have left an id.
    from_day: u32,
    tables: DayTables<'a, LeadKey>,
}

/// Whether there is a lead, in this version or in any.
fn is_there(leads: &mut Leads<'_>, account: u32, lead: u64, version: Option<u32>) -> Result<bool> {
    if Serial(lead).day() < leads.from_day {
        return Ok(true);
    }
    let Some(table) = leads.tables.on(Serial(lead).day())? else { return Ok(false) };
    Ok(match version {
        Some(version) => table.get((account, lead, version))?.is_some(),
        None => table.range(table::versions(AccountId(account), Serial(lead)))?.next().transpose()?.is_some(),
    })
}
