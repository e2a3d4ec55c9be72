//! Erasing one client: its leads are looked for in a view (`erasure/look.rs`) and erased a few in a
//! transaction, with their deliveries, their traces, and what their lanes last delivered.
//!
//! Of a lead there stays what refuses later events and answers repeated ones: its numbers, its times, the ids
//! of its events. That it is erased is a row of its own, so that the rows of leads and deliveries are those
//! that there were.

mod look;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ::redb::ReadableTable;
use async_trait::async_trait;
use leadhook_core::{
    audit::{Action, Deed},
    delivery::{Delivery, State},
    erasure::{
        ERASURES_KEPT_MAX, Erasure, NamedBy, Phase, REASON, RUNNING_MAX, Subject, emptied_lead,
        empty_delivery,
    },
    id::{AccountId, DeliveryId, ErasureId},
    qualify,
    time::{Serial, Timestamp},
};

use self::look::Found;
use super::{
    RedbStore,
    accept::trace_key,
    by_hand,
    recent::Fresh,
    retention::{self, Version},
    row, settle,
    shared::Shared,
    table,
    tx::Tx,
    view::{View, listed},
};
use crate::{
    Account, ErasureBegun, ErasureStep, Erasures, NextErasureStep, Result, Store as _, StoreError,
    query::Page,
};

#[async_trait]
impl Erasures for RedbStore {
    async fn begin_erasure(
        &self,
        account: AccountId,
        subject: Subject,
        now: Timestamp,
    ) -> Result<ErasureBegun> {
        let Some(Account { client_id_key, .. }) = self.account(account).await? else {
            return Ok(ErasureBegun::UnknownAccount);
        };
        let (named_by, clients) = (subject.named_by(), subject.ids(&client_id_key));
        let run = move |tx: &mut Tx<'_>| begin(tx, account, named_by, &clients, now);
        self.queue.call(run, |begun, _| begun).await
    }

    async fn erasure(&self, account: AccountId, id: ErasureId) -> Result<Option<Erasure>> {
        self.read(move |view| {
            let row = view.table(table::ERASURE)?.get((account.0, id.0.0))?;
            row.map(|row| decode(row.value(), id)).transpose()
        })
        .await
    }

    async fn erasures(
        &self,
        account: AccountId,
        limit: usize,
        before: Option<Serial>,
    ) -> Result<Page<Erasure>> {
        self.read(move |view| {
            view.newest_first(table::ERASURE, account, limit, before, |serial, row| {
                decode(row, ErasureId(serial))
            })
        })
        .await
    }

    async fn running_erasures(&self) -> Result<Vec<(AccountId, ErasureId)>> {
        self.read(running).await
    }

    async fn step_erasure(&self, account: AccountId, id: ErasureId, now: Timestamp) -> Result<ErasureStep> {
        let nothing = ErasureStep { cancelled: BTreeSet::new(), next: NextErasureStep::Never };
        let Some(Account { client_id_key: key, .. }) = self.account(account).await? else {
            return Ok(nothing);
        };
        let looking = move |shared: &Shared| look::look(shared, account, id, &key);
        let Some(found) = self.on_blocking_thread(looking).await? else { return Ok(nothing) };
        self.queue.call(move |tx| step(tx, account, id, &key, &found, now), |step, _| step).await
    }

    async fn erased(&self, account: AccountId, lead: Serial) -> Result<Option<ErasureId>> {
        self.read(move |view| {
            let by = view.table(table::ERASED)?.get((account.0, lead.0))?;
            Ok(by.map(|by| ErasureId(Serial(by.value()))))
        })
        .await
    }
}

/// The erasures that go on. The rows that note them have no sum: where one is not as its erasure is, all are asked.
fn running(view: &View) -> Result<Vec<(AccountId, ErasureId)>> {
    let (noted, erasures) = (view.table(table::ERASURE_RUNNING)?, view.table(table::ERASURE)?);
    let is_running = |erasure: &Erasure| erasure.phase == Phase::Running;
    let mut running = Vec::new();
    for entry in noted.iter()? {
        let (account, serial) = entry?.0.value();
        let id = ErasureId(Serial(serial));
        let row = erasures.get((account, serial))?;
        let erasure = listed(row.map(|row| decode(row.value(), id)).transpose())?.flatten();
        running.push((AccountId(account), id));
        if !erasure.as_ref().is_some_and(is_running) {
            tracing::error!(erasure = %id, "what is noted of an erasure is damaged: all of them are looked through");
            running.clear();
            for entry in erasures.iter()? {
                let (key, value) = entry?;
                let (account, serial) = key.value();
                let found = listed(decode(value.value(), ErasureId(Serial(serial))))?.filter(is_running);
                running.extend(found.map(|found| (AccountId(account), found.id)));
            }
            break;
        }
    }
    Ok(running)
}

/// Whether a lead was erased.
pub(super) fn is_erased(
    erased: &impl ReadableTable<(u32, u64), u64>,
    account: AccountId,
    lead: Serial,
) -> Result<bool> {
    Ok(erased.get((account.0, lead.0))?.is_some())
}

fn begin(
    tx: &mut Tx<'_>,
    account: AccountId,
    named_by: NamedBy,
    clients: &[String],
    now: Timestamp,
) -> Result<ErasureBegun> {
    let all = (account.0, 0)..=(account.0, u64::MAX);
    if tx.erasure_running.range(all.clone())?.nth(RUNNING_MAX - 1).is_some() {
        return Ok(ErasureBegun::TooMany);
    }
    let id = ErasureId(tx.next_serial(now));
    let erasure = Erasure::new(id, named_by, clients.to_vec());
    put(tx, account, &erasure)?;
    tx.erasure_running.insert((account.0, id.0.0), ())?;
    forget_oldest(tx, account)?;
    tx.note(account, &Deed::new(Action::ClientErased, &id))?;
    Ok(ErasureBegun::Begun(erasure))
}

/// Lets go of the oldest that has ended where there are more than are kept.
fn forget_oldest(tx: &mut Tx<'_>, account: AccountId) -> Result<()> {
    let all = (account.0, 0)..=(account.0, u64::MAX);
    if tx.erasure.range(all.clone())?.nth(ERASURES_KEPT_MAX).is_none() {
        return Ok(());
    }
    let mut oldest = None;
    for entry in tx.erasure.range(all)? {
        let (key, value) = entry?;
        let erasure = listed(decode(value.value(), ErasureId(Serial(key.value().1))))?;
        if erasure.is_none_or(|erasure| erasure.phase != Phase::Running) {
            oldest = Some(key.value());
            break;
        }
    }
    if let Some(oldest) = oldest {
        tx.erasure.remove(oldest)?;
    }
    Ok(())
}

/// Erases what was found, if nothing has moved since.
fn step(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: ErasureId,
    key: &[u8; 32],
    found: &Found,
    now: Timestamp,
) -> Result<ErasureStep> {
    let mut done = ErasureStep { cancelled: BTreeSet::new(), next: NextErasureStep::Never };
    let row = tx.erasure.get((account.0, id.0.0))?.map(|row| decode(row.value(), id)).transpose()?;
    let Some(mut erasure) = row.filter(|erasure| erasure.phase == Phase::Running) else { return Ok(done) };
    done.next = NextErasureStep::Now;
    if erasure.place != found.from {
        return Ok(done);
    }
    erasure.place = found.to;
    for lead in &found.leads {
        let mut client = Client { account, erasure: &mut erasure, key, now };
        if !client.erase(tx, *lead, &mut done)? {
            erasure.place = Serial(lead.0 + 1);
            done.next = NextErasureStep::AfterSending;
            break;
        }
    }
    if erasure.place == Serial(0) {
        erasure.phase = Phase::Done { at: now };
        tx.erasure_running.remove((account.0, id.0.0))?;
        done.next = NextErasureStep::Never;
    }
    put(tx, account, &erasure)?;
    Ok(done)
}

/// How many bytes went, by day.
type Bytes = BTreeMap<u32, u64>;

/// The client that is erased, in one transaction.
struct Client<'a> {
    account: AccountId,
    erasure: &'a mut Erasure,
    key: &'a [u8; 32],
    now: Timestamp,
}

impl Client<'_> {
    /// Erases a lead, if it is still the client's. Whether nothing is left to be done: one of whose
    /// deliveries is being sent waits for that, and takes no more events meanwhile.
    fn erase(&mut self, tx: &mut Tx<'_>, lead: Serial, done: &mut ErasureStep) -> Result<bool> {
        let versions = retention::versions_of(tx, self.account, lead)?;
        let mut held = versions.iter().filter_map(|(_, _, held)| held.as_ref());
        if !held.any(|(_, lead)| self.erasure.is_about(lead, self.key)) {
            return Ok(true);
        }
        tx.erased.insert((self.account.0, lead.0), self.erasure.id.0.0)?;
        let deliveries = deliveries_of(tx, self.account, &versions)?;
        let (mut bytes, mut all_ended) = (Bytes::new(), true);
        for id in &deliveries {
            all_ended &= self.erase_delivery(tx, *id, &mut bytes, done)?;
        }
        if all_ended {
            self.erase_versions(tx, lead, &versions, &mut bytes)?;
            for webhook in deliveries.iter().map(|id| id.lane.webhook).collect::<BTreeSet<_>>() {
                tx.lane.remove((self.account.0, webhook.0, lead.0))?;
            }
            self.erasure.counts.leads += 1;
            self.erasure.counts.deliveries += deliveries.len() as u64;
        }
        for (day, bytes) in bytes {
            tx.shrank(day, &BTreeMap::from([(self.account.0, bytes)]))?;
        }
        Ok(all_ended)
    }

    /// Cancels a delivery where it is open, and empties it. Not while it is being sent, which is the answer.
    fn erase_delivery(
        &mut self,
        tx: &mut Tx<'_>,
        id: DeliveryId,
        bytes: &mut Bytes,
        done: &mut ErasureStep,
    ) -> Result<bool> {
        match tx.read_open(self.account, id) {
            Ok(Some(mut delivery)) => {
                if !tx.leases.lock().begin_change(self.account, id, self.now) {
                    return Ok(false);
                }
                let was_due = delivery.state.due().unwrap_or(self.now);
                delivery.state = State::Cancelled { at: self.now, reason: REASON.to_owned() };
                self.erasure.counts.cancelled += 1;
                self.erasure.counts.bodies += empty_delivery(&mut delivery);
                settle::end(tx, self.account, &delivery, &row::encode(&delivery), was_due)?;
                tx.ask_next_due(self.account, id.lane.webhook, self.now);
                done.cancelled.insert(id.lane.webhook);
            }
            Ok(None) => self.empty_done(tx, id, bytes)?,
            // Nobody can say what it holds; what it may hold goes with it.
            Err(StoreError::Damaged { .. }) => {
                tx.set_aside(self.account, id)?;
            }
            Err(error) => return Err(error),
        }
        tx.quarantine.remove(table::delivery_key(self.account, id))?;
        Ok(true)
    }

    fn empty_done(&mut self, tx: &mut Tx<'_>, id: DeliveryId, bytes: &mut Bytes) -> Result<()> {
        let key = table::delivery_key(self.account, id);
        let day = id.serial.day();
        let size = tx.done.on(day)?.get(key)?.map(|row| row.value().len());
        // One that has grown old is gone already.
        let Some(size) = size else { return Ok(()) };
        let left = match listed(by_hand::find_done(tx, self.account, id))?.flatten() {
            Some(mut delivery) => {
                self.erasure.counts.bodies += empty_delivery(&mut delivery);
                let row = row::encode(&delivery);
                tx.done.on(day)?.insert(key, row.as_slice())?;
                row.len()
            }
            None => {
                tx.done.on(day)?.remove(key)?;
                0
            }
        };
        *bytes.entry(day).or_default() += size.saturating_sub(left) as u64;
        Ok(())
    }

    /// Empties the versions of a lead, and removes the traces that they left.
    fn erase_versions(
        &mut self,
        tx: &mut Tx<'_>,
        lead: Serial,
        versions: &[Version],
        bytes: &mut Bytes,
    ) -> Result<()> {
        let account = self.account;
        for (version, size, held) in versions {
            let key = (account.0, lead.0, *version);
            let Some((cause, of)) = held else {
                tx.leads.on(lead.day())?.remove(key)?;
                continue;
            };
            for trace in qualify::traces(of) {
                let was_there = tx.trace.remove(trace_key(account, &trace))?.is_some();
                self.erasure.counts.traces += u64::from(was_there);
            }
            let emptied = emptied_lead(of);
            let row = row::encode(&(cause, &emptied));
            tx.leads.on(lead.day())?.insert(key, row.as_slice())?;
            *bytes.entry(lead.day()).or_default() += size.saturating_sub(row.len()) as u64;
            // What is kept decoded of it is to be this from now on.
            tx.fresh.push(Fresh { account, lead: Arc::new(emptied), row_bytes: row.len() });
        }
        self.erasure.counts.versions += versions.len() as u64;
        Ok(())
    }
}

/// The deliveries that the lead's events made owed, and those that send them again.
fn deliveries_of(tx: &mut Tx<'_>, account: AccountId, versions: &[Version]) -> Result<BTreeSet<DeliveryId>> {
    let held = versions.iter().filter_map(|(_, _, held)| held.as_ref());
    let mut found: BTreeSet<DeliveryId> =
        held.flat_map(|(cause, _)| cause.deliveries.iter().copied()).collect();
    let mut left: Vec<DeliveryId> = found.iter().copied().collect();
    while let Some(id) = left.pop() {
        let open = listed(tx.read_open(account, id))?.flatten();
        let delivery: Option<Delivery> = match open {
            Some(delivery) => Some(delivery),
            None => listed(by_hand::find_done(tx, account, id))?.flatten(),
        };
        let resends = delivery.map(|delivery| delivery.resends).unwrap_or_default();
        left.extend(resends.into_iter().filter(|id| found.insert(*id)));
    }
    Ok(found)
}

fn put(tx: &mut Tx<'_>, account: AccountId, erasure: &Erasure) -> Result<()> {
    tx.erasure.insert((account.0, erasure.id.0.0), row::encode(erasure).as_slice())?;
    Ok(())
}

fn decode(row: &[u8], id: ErasureId) -> Result<Erasure> {
    let what = || format!("erasure {id}");
    let erasure: Erasure = row::decode(row, what)?;
    // Its key has no sum.
    if erasure.id == id { Ok(erasure) } else { Err(StoreError::Damaged { what: what() }) }
}
