//! Accepting events: what `leadhook_core::accept` decided is stored, so that it can be acknowledged.

use std::sync::Arc;

use ::redb::ReadableTable as _;
use leadhook_core::{
    accept::{self, Accepted, Refusal, Scene},
    delivery::Delivery,
    event::Event,
    id::{AccountId, LeadRef, SiteId, WebhookId, base32},
    lead::{Cause, Lead},
    qualify::{Question, Trace},
    relay::Relayed,
    time::{Serial, Timestamp},
};

use super::{
    erasure,
    recent::Fresh,
    row,
    table::{self, TraceKey},
    tx::Tx,
    view,
};
use crate::{Receipt, Result, StoreError};

type Answer = std::result::Result<Receipt, Refusal>;

/// Accepts events in order; each one sees what those before it changed.
pub(super) fn accept(
    tx: &mut Tx<'_>,
    account: AccountId,
    events: &[Event],
    now: Timestamp,
) -> Result<Vec<Answer>> {
    events.iter().map(|event| accept_one(tx, account, event, now)).collect()
}

/// Accepts a relayed webhook as the events that it is for its lead as known at this moment.
pub(super) fn relayed(
    tx: &mut Tx<'_>,
    account: AccountId,
    relayed: &Relayed,
    now: Timestamp,
) -> Result<Vec<Answer>> {
    let known = known_lead(tx, account, &relayed.lead)?;
    accept(tx, account, &relayed.events(known.as_ref()), now)
}

fn accept_one(tx: &mut Tx<'_>, account: AccountId, event: &Event, now: Timestamp) -> Result<Answer> {
    let setup = tx.setup.clone();
    let Some(site) = setup.live_site(account, &event.lead.site) else {
        return Ok(Err(Refusal::UnknownSite(event.lead.site.to_string())));
    };
    if let Some(id) = &event.id
        && let Some(receipt) = first_receipt(tx, account, &site.id, id)?
    {
        return Ok(Ok(receipt));
    }
    let known = known_lead(tx, account, &event.lead)?;
    if let Some(lead) = &known
        && erasure::is_erased(&tx.erased, account, lead.serial)?
    {
        return Ok(Err(Refusal::Erased(event.lead.clone())));
    }
    let webhooks = setup.live_webhooks(account);
    let scene = Scene { site, webhooks: &webhooks, now };
    let (mut last, mut failure) = (tx.last, None);
    let mut seen = |question: &Question<'_>| {
        seen_before(&tx.trace, account, question).unwrap_or_else(|error| {
            failure.get_or_insert(error);
            false
        })
    };
    let event_id = event.id.clone().unwrap_or_default();
    let decided = accept::accept(event.clone(), event_id, known, scene, &mut last, &mut seen);
    if let Some(error) = failure {
        return Err(error);
    }
    let mut accepted = match decided {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    tx.last = last;
    if event.id.is_none() {
        accepted.cause.event_id = made_event_id(accepted.lead.serial, accepted.lead.version);
    }
    let row_bytes = store(tx, account, &accepted)?;
    let receipt = receipt(accepted.cause, &accepted.deliveries);
    // Also where nothing is owed: an earlier version must not stand for the lead any longer.
    tx.fresh.push(Fresh { account, lead: Arc::new(accepted.lead), row_bytes });
    Ok(Ok(receipt))
}

/// The lead in its newest version.
fn known_lead(tx: &mut Tx<'_>, account: AccountId, lead: &LeadRef) -> Result<Option<Lead>> {
    let found = tx.lead_id.get(table::lead_id_key(account, lead))?.map(|serial| Serial(serial.value()));
    let Some(serial) = found else { return Ok(None) };
    let known = view::newest_lead(tx.leads.on(serial.day())?, account, serial)?;
    view::the_one(known, serial, lead, || view::leads_from_day(&tx.meta))
}

/// What the first event of this id on its site was answered with. The row that finds it has no sum either.
fn first_receipt(
    tx: &mut Tx<'_>,
    account: AccountId,
    site: &SiteId,
    event_id: &str,
) -> Result<Option<Receipt>> {
    let found = tx.event_id.get(table::event_key(account, site, event_id))?.map(|found| found.value());
    let Some((lead, version)) = found else { return Ok(None) };
    let what = || format!("event that made version {version} of lead number {lead}");
    let stored = tx.leads.on(Serial(lead).day())?.get((account.0, lead, version))?;
    let cause: Option<Cause> = stored.map(|stored| row::decode(stored.value(), what)).transpose()?;
    match cause {
        Some(cause) if cause.event_id == event_id => Ok(Some(answer_of(cause, Vec::new()))),
        None if Serial(lead).day() < view::leads_from_day(&tx.meta)? => Ok(None),
        _ => Err(StoreError::Damaged { what: format!("place of event {event_id} of site {site}") }),
    }
}

/// Whether a trace answers the question. Traces of a client are in order of their leads' start.
fn seen_before(
    traces: &impl ::redb::ReadableTable<TraceKey, ()>,
    account: AccountId,
    question: &Question<'_>,
) -> Result<bool> {
    let client = table::client_digest(question.site, question.client);
    let at = |time: Timestamp| (account.0, client, question.kind as u8, time.0, 0);
    Ok(traces.range(at(question.from)..at(question.before))?.next().transpose()?.is_some())
}

/// The id of an event whose source gave it none; no other version of any lead makes the same.
fn made_event_id(lead: Serial, version: u32) -> String {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&lead.0.to_be_bytes());
    bytes[8..].copy_from_slice(&version.to_be_bytes());
    format!("evt_{}", base32().encode(&bytes))
}

/// Stores all that was decided. The size of the lead's row.
fn store(tx: &mut Tx<'_>, account: AccountId, accepted: &Accepted) -> Result<usize> {
    let (lead, cause) = (&accepted.lead, &accepted.cause);
    let row = row::encode(&(cause, lead));
    tx.leads.on(lead.serial.day())?.insert((account.0, lead.serial.0, lead.version), row.as_slice())?;
    tx.grew(account, lead.serial.day(), row.len());
    let event_key = table::event_key(account, &lead.reference.site, &cause.event_id);
    tx.event_id.insert(event_key, (lead.serial.0, lead.version))?;
    if lead.version == 1 {
        tx.lead_id.insert(table::lead_id_key(account, &lead.reference), lead.serial.0)?;
    }
    for trace in &accepted.traces_removed {
        tx.trace.remove(trace_key(account, trace))?;
    }
    for trace in &accepted.traces_added {
        tx.trace.insert(trace_key(account, trace), ())?;
    }
    accepted.deliveries.iter().try_for_each(|delivery| tx.enter(account, delivery))?;
    Ok(row.len())
}

pub(super) fn trace_key(account: AccountId, trace: &Trace) -> TraceKey {
    let client = table::client_digest(&trace.site, &trace.client);
    (account.0, client, trace.kind as u8, trace.started.0, trace.lead.0)
}

fn receipt(cause: Cause, deliveries: &[Delivery]) -> Receipt {
    let mut wake: Vec<(WebhookId, Timestamp)> = Vec::new();
    for delivery in deliveries {
        let Some(due) = delivery.state.due() else { continue };
        match wake.iter_mut().find(|(webhook, _)| *webhook == delivery.id.lane.webhook) {
            Some((_, earliest)) => *earliest = due.min(*earliest),
            None => wake.push((delivery.id.lane.webhook, due)),
        }
    }
    answer_of(cause, wake)
}

fn answer_of(cause: Cause, wake: Vec<(WebhookId, Timestamp)>) -> Receipt {
    let Cause { event_id, kind, time, deliveries, .. } = cause;
    Receipt { event_id, kind, time, deliveries, wake }
}
