//! Resends of periods: begun, gone on with in steps, cancelled; and what is noted of the deliveries that they make.
//!
//! A step looks through deliveries in a view (`look.rs`) and carries out what it found in one transaction, unless the
//! place has moved since.

pub(super) mod look;

use ::redb::ReadableTable;
use async_trait::async_trait;
use leadhook_core::{
    audit::{Action, Deed},
    delivery::{Delivery, State},
    id::{AccountId, DeliveryId, Lane, ResendId, WebhookId},
    notification::News,
    resend::{Choice, Phase, RESENDS_KEPT_MAX, Resend, UrlOf, Wanted},
    time::{Serial, Timestamp},
    webhook::Switch,
};

use self::look::{Counted, Found, Look};
use super::{
    RedbStore, by_hand, erasure, notifications, row, settle,
    setup::Setup,
    table::{self, DeliveryKey},
    tx::Tx,
    view::{View, listed},
};
use crate::{NextStep, ResendBegun, Resends, Result, Stepped, StoreError, query::Page};

/// Why a delivery was cancelled whose resend was.
const CANCELLED: &str = "the resend that it belonged to was cancelled";

#[async_trait]
impl Resends for RedbStore {
    async fn begin_resend(&self, account: AccountId, wanted: Wanted, now: Timestamp) -> Result<ResendBegun> {
        self.queue.call(move |tx| begin(tx, account, &wanted, now), |begun, _| begun).await
    }

    async fn resend(&self, account: AccountId, id: ResendId) -> Result<Option<Resend>> {
        self.read(move |view| {
            let row = view.table(table::RESEND)?.get((account.0, id.0.0))?;
            let erased = view.table(table::RESEND_ERASED)?;
            row.map(|row| with_erased(&erased, account, decode(row.value(), id)?)).transpose()
        })
        .await
    }

    async fn resends(
        &self,
        account: AccountId,
        limit: usize,
        before: Option<Serial>,
    ) -> Result<Page<Resend>> {
        self.read(move |view| {
            let erased = view.table(table::RESEND_ERASED)?;
            view.newest_first(table::RESEND, account, limit, before, |serial, row| {
                with_erased(&erased, account, decode(row, ResendId(serial))?)
            })
        })
        .await
    }

    async fn cancel_resend(
        &self,
        account: AccountId,
        id: ResendId,
        now: Timestamp,
    ) -> Result<Option<Resend>> {
        self.queue.call(move |tx| cancel(tx, account, id, now), |resend, _| resend).await
    }

    async fn running_resends(&self) -> Result<Vec<(AccountId, WebhookId, ResendId)>> {
        self.read(running).await
    }

    async fn step_resend(&self, account: AccountId, id: ResendId, now: Timestamp) -> Result<Stepped> {
        let looking = move |shared: &_| look::look(shared, account, id, now);
        match self.on_blocking_thread(looking).await? {
            Look::Nothing(next) => Ok(Stepped { made: 0, next }),
            Look::Counted(counted) => {
                self.queue.call(move |tx| note_counted(tx, account, id, &counted), |stepped, _| stepped).await
            }
            Look::Found(found) => {
                self.queue.call(move |tx| step(tx, account, id, &found, now), |stepped, _| stepped).await
            }
        }
    }
}

type Running = (AccountId, WebhookId, ResendId);

/// The resends that run. The rows that note them have no sum: where one is not as its resend is, all resends are asked.
fn running(view: &View) -> Result<Vec<Running>> {
    let (noted, resends) = (view.table(table::RESEND_RUNNING)?, view.table(table::RESEND)?);
    let mut running = Vec::new();
    for entry in noted.iter()? {
        let (key, value) = entry?;
        let ((account, webhook), id) = (key.value(), ResendId(Serial(value.value())));
        let row = resends.get((account, id.0.0))?;
        let resend = listed(row.map(|row| decode(row.value(), id)).transpose())?.flatten();
        if !resend.is_some_and(|resend| runs_for(&resend, WebhookId(webhook))) {
            tracing::error!(resend = %id, "what is noted of a resend is damaged: all of them are looked through");
            return look_through(&resends);
        }
        running.push((AccountId(account), WebhookId(webhook), id));
    }
    Ok(running)
}

fn look_through(resends: &impl ReadableTable<(u32, u64), &'static [u8]>) -> Result<Vec<Running>> {
    let mut running = Vec::new();
    for entry in resends.iter()? {
        let (key, value) = entry?;
        let resend = listed(decode(value.value(), ResendId(Serial(key.value().1))))?;
        let resend = resend.filter(|resend| resend.phase == Phase::Running);
        running.extend(resend.map(|resend| (AccountId(key.value().0), resend.wanted.webhook, resend.id)));
    }
    Ok(running)
}

fn runs_for(resend: &Resend, webhook: WebhookId) -> bool {
    resend.phase == Phase::Running && resend.wanted.webhook == webhook
}

/// The resend of a webhook that runs.
fn running_of(tx: &Tx<'_>, account: AccountId, webhook: WebhookId) -> Result<Option<ResendId>> {
    let noted = tx.resend_running.get((account.0, webhook.0))?;
    let Some(id) = noted.map(|noted| ResendId(Serial(noted.value()))) else { return Ok(None) };
    let resend = listed(read(tx, account, id))?.flatten();
    if resend.is_some_and(|resend| runs_for(&resend, webhook)) {
        return Ok(Some(id));
    }
    tracing::error!(resend = %id, "what is noted of a resend is damaged: all of them are looked through");
    let all = look_through(&tx.resend)?;
    Ok(all.into_iter().find(|(owner, of, _)| (*owner, *of) == (account, webhook)).map(|(_, _, id)| id))
}

fn begin(tx: &mut Tx<'_>, account: AccountId, wanted: &Wanted, now: Timestamp) -> Result<ResendBegun> {
    let webhook = tx.setup.webhook(account, wanted.webhook).cloned();
    let Some(webhook) = webhook.filter(|webhook| webhook.switch != Switch::Deleted) else {
        return Ok(ResendBegun::UnknownWebhook);
    };
    if let Err(faults) = wanted.check(webhook.created.time(), now) {
        return Ok(ResendBegun::Refused(faults));
    }
    if !webhook.is_on() {
        return Ok(ResendBegun::WebhookOff);
    }
    let key = (account.0, wanted.webhook.0);
    if let Some(running) = running_of(tx, account, wanted.webhook)? {
        return Ok(ResendBegun::AlreadyRunning(running));
    }
    let resend = Resend::new(ResendId(tx.next_serial(now)), wanted.clone());
    put(tx, account, &resend)?;
    tx.resend_running.insert(key, resend.id.0.0)?;
    forget_oldest(tx, account)?;
    tx.note(account, &Deed::new(Action::ResendBegun, &resend.id))?;
    Ok(ResendBegun::Begun(resend))
}

/// Lets go of the oldest that has ended where there are more than are kept.
fn forget_oldest(tx: &mut Tx<'_>, account: AccountId) -> Result<()> {
    let all = (account.0, 0)..=(account.0, u64::MAX);
    if tx.resend.range(all.clone())?.nth(RESENDS_KEPT_MAX).is_none() {
        return Ok(());
    }
    let mut oldest = None;
    for entry in tx.resend.range(all)? {
        let (key, value) = entry?;
        let resend = listed(decode(value.value(), ResendId(Serial(key.value().1))))?;
        if resend.is_none_or(|resend| resend.phase != Phase::Running) {
            oldest = Some(key.value());
            break;
        }
    }
    if let Some(oldest) = oldest {
        tx.resend.remove(oldest)?;
        tx.resend_erased.remove(oldest)?;
    }
    Ok(())
}

fn cancel(tx: &mut Tx<'_>, account: AccountId, id: ResendId, now: Timestamp) -> Result<Option<Resend>> {
    let Some(mut resend) = read(tx, account, id)? else { return Ok(None) };
    if resend.phase != Phase::Running {
        return with_erased(&tx.resend_erased, account, resend).map(Some);
    }
    end(tx, account, &mut resend, Phase::Cancelled { at: now })?;
    tx.note(account, &Deed::new(Action::ResendCancelled, &id))?;
    for mut delivery in open_of(tx, account, resend.wanted.webhook, Some(id))? {
        if tx.leases.lock().begin_change(account, delivery.id, now) {
            let was_due = delivery.state.due().unwrap_or(now);
            delivery.state = State::Cancelled { at: now, reason: CANCELLED.to_owned() };
            settle::end(tx, account, &delivery, &row::encode(&delivery), was_due)?;
        }
    }
    let resend = read(tx, account, id)?;
    resend.map(|resend| with_erased(&tx.resend_erased, account, resend)).transpose()
}

/// Notes what was counted ahead, if nothing has moved since.
fn note_counted(tx: &mut Tx<'_>, account: AccountId, id: ResendId, counted: &Counted) -> Result<Stepped> {
    if let Some(mut resend) = read(tx, account, id)?
        && resend.counted_to == counted.from
    {
        resend.counted_to = counted.to;
        resend.counted += counted.count;
        put(tx, account, &resend)?;
    }
    Ok(Stepped { made: 0, next: NextStep::Now })
}

/// Carries out what was found, if nothing has moved since.
fn step(tx: &mut Tx<'_>, account: AccountId, id: ResendId, found: &Found, now: Timestamp) -> Result<Stepped> {
    let nothing = |next| Ok(Stepped { made: 0, next });
    let Some(mut resend) = read(tx, account, id)? else { return nothing(NextStep::Never) };
    if resend.phase != Phase::Running {
        return nothing(NextStep::Never);
    }
    let webhook = tx.setup.webhook(account, resend.wanted.webhook).cloned();
    let Some(webhook) = webhook.filter(|webhook| webhook.switch != Switch::Deleted) else {
        end(tx, account, &mut resend, Phase::Cancelled { at: now })?;
        return nothing(NextStep::Never);
    };
    if !webhook.is_on() {
        return nothing(NextStep::AfterChange);
    }
    if resend.place != found.from {
        return nothing(NextStep::Now);
    }
    let url = (resend.wanted.url == UrlOf::Current).then(|| webhook.settings.url.to_string());
    let mut made = 0;
    for delivery in &found.deliveries {
        made += usize::from(select(tx, account, &mut resend, *delivery, url.as_ref(), now)?);
    }
    resend.place = found.to;
    if resend.has_looked_through() && resend.counts.open() == 0 {
        end(tx, account, &mut resend, Phase::Done { at: now })?;
        let news = News::ResendFinished { webhook: webhook.id, resend: id, counts: resend.counts };
        notifications::put(tx, account, &news, now)?;
        return Ok(Stepped { made, next: NextStep::Never });
    }
    put(tx, account, &resend)?;
    Ok(Stepped { made, next: found.next })
}

/// Does what is to be done about one delivery of the period as it is now. Whether one was made owed by it.
fn select(
    tx: &mut Tx<'_>,
    account: AccountId,
    resend: &mut Resend,
    id: DeliveryId,
    url: Option<&String>,
    now: Timestamp,
) -> Result<bool> {
    let open = listed(tx.read_open(account, id))?.flatten();
    let delivery = match open {
        Some(delivery) => Some(delivery),
        None => listed(by_hand::find_done(tx, account, id))?.flatten(),
    };
    let Some(delivery) = delivery else { return Ok(false) };
    let is_erased = erasure::is_erased(&tx.erased, account, id.lane.lead)?;
    let made = match resend.wanted.choose(&delivery) {
        Choice::NotAmong => return Ok(false),
        _ if is_erased => None,
        Choice::Skip => None,
        Choice::SendAgain => by_hand::make_again(tx, account, delivery, url.cloned(), now)?,
        Choice::TakeUp => Some(by_hand::reopened(tx, account, delivery, now)?),
    };
    resend.counts.selected += 1;
    match &made {
        Some(delivery) => {
            let key = table::delivery_key(account, delivery.id);
            tx.resending.insert(key, (delivery.id.lane.lead.0, resend.id.0.0))?;
            tx.enter(account, delivery)?;
        }
        None => resend.counts.skipped += 1,
    }
    if is_erased {
        count_erased(tx, account, resend.id)?;
    }
    Ok(made.is_some())
}

/// Notes that a delivery has ended, if a resend made it owed.
pub(super) fn ended(tx: &mut Tx<'_>, account: AccountId, id: DeliveryId, state: &State) -> Result<()> {
    let of = tx.resending.remove(table::delivery_key(account, id))?.map(|of| of.value().1);
    let Some(of) = of else { return Ok(()) };
    // What came of the delivery is worth more than that it is counted.
    let Some(Some(mut resend)) = listed(read(tx, account, ResendId(Serial(of))))? else { return Ok(()) };
    resend.counts.note(state);
    if matches!(state, State::Cancelled { .. }) && erasure::is_erased(&tx.erased, account, id.lane.lead)? {
        count_erased(tx, account, resend.id)?;
    }
    put(tx, account, &resend)
}

/// Counts one more that was skipped since it was erased. It stands beside the resend, whose row older engines wrote.
fn count_erased(tx: &mut Tx<'_>, account: AccountId, id: ResendId) -> Result<()> {
    let key = (account.0, id.0.0);
    let before = tx.resend_erased.get(key)?.map_or(0, |count| count.value());
    tx.resend_erased.insert(key, before + 1)?;
    Ok(())
}

/// A resend with the count that stands beside it.
fn with_erased(
    counts: &impl ReadableTable<(u32, u64), u64>,
    account: AccountId,
    resend: Resend,
) -> Result<Resend> {
    let erased = counts.get((account.0, resend.id.0.0))?.map_or(0, |count| count.value());
    Ok(Resend { erased, ..resend })
}

/// Whether a delivery waits for its webhook to be switched on, as those of resends do; all others fall due and are
/// cancelled.
pub(super) fn is_parked(
    setup: &Setup,
    resending: &impl ReadableTable<DeliveryKey, (u64, u64)>,
    account: AccountId,
    id: DeliveryId,
) -> Result<bool> {
    let webhook = setup.webhook(account, id.lane.webhook);
    let is_off = webhook.is_some_and(|webhook| matches!(webhook.switch, Switch::Off(_)));
    Ok(is_off && resending.get(table::delivery_key(account, id))?.is_some())
}

/// Takes the deliveries of resends out of what is due while their webhook is off, and puts them back when it is not.
pub(super) fn switched(tx: &mut Tx<'_>, account: AccountId, webhook: WebhookId) -> Result<()> {
    for delivery in open_of(tx, account, webhook, None)? {
        if let Some(due) = delivery.state.due() {
            tx.due.remove(table::due_key(account, delivery.id, due))?;
        }
        let rules = tx.lane_rules(account, delivery.id, delivery.lead.kind);
        tx.make_due_in_turn(account, &delivery, rules)?;
    }
    Ok(())
}

/// The open deliveries of a webhook's resends, or of this one.
fn open_of(
    tx: &Tx<'_>,
    account: AccountId,
    webhook: WebhookId,
    of: Option<ResendId>,
) -> Result<Vec<Delivery>> {
    let mut open = Vec::new();
    for entry in tx.resending.range((account.0, webhook.0, 0)..=(account.0, webhook.0, u64::MAX))? {
        let (key, value) = entry?;
        let (lead, resend) = value.value();
        if of.is_none_or(|of| of.0.0 == resend) {
            let lane = Lane { webhook, lead: Serial(lead) };
            let id = DeliveryId { lane, serial: Serial(key.value().2) };
            open.extend(listed(tx.read_open(account, id))?.flatten());
        }
    }
    Ok(open)
}

fn end(tx: &mut Tx<'_>, account: AccountId, resend: &mut Resend, phase: Phase) -> Result<()> {
    resend.phase = phase;
    tx.resend_running.remove((account.0, resend.wanted.webhook.0))?;
    put(tx, account, resend)
}

fn put(tx: &mut Tx<'_>, account: AccountId, resend: &Resend) -> Result<()> {
    tx.resend.insert((account.0, resend.id.0.0), row::encode(resend).as_slice())?;
    Ok(())
}

fn read(tx: &Tx<'_>, account: AccountId, id: ResendId) -> Result<Option<Resend>> {
    let row = tx.resend.get((account.0, id.0.0))?;
    row.map(|row| decode(row.value(), id)).transpose()
}

fn decode(row: &[u8], id: ResendId) -> Result<Resend> {
    let what = || format!("resend {id}");
    let resend: Resend = row::decode(row, what)?;
    // Its key has no sum.
    if resend.id == id { Ok(resend) } else { Err(StoreError::Damaged { what: what() }) }
}
