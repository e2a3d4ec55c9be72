//! Looking for the next deliveries of a resend: in the order in which they became owed, open ones and those of each day
//! that ended.

use std::{iter::Peekable, ops::ControlFlow};

use ::redb::{AccessGuard, StorageError};
use leadhook_core::{
    delivery::Delivery,
    id::{AccountId, DeliveryId, Lane, ResendId},
    resend::{CLOCK_AHEAD_MS_MAX, Choice, FRESH_WAITS_MS_MAX, OPEN_MAX, Phase, Resend, due_at_once},
    time::{Serial, Timestamp},
    webhook::{Switch, Webhook},
};

use super::super::{
    erasure,
    shared::Shared,
    table::{self, DeliveryKey, LeadKey},
    view::{self, DayTables, View, listed},
};
use crate::{NextStep, Result};

/// The most deliveries that one step looks at.
const LOOKED_AT_MAX: usize = 2_000;
/// The most that one step counts.
const COUNTED_MAX: usize = 10_000;
/// The most that it finds, those that are only counted too: each is read again by the writer.
const FOUND_MAX: usize = 256;

/// What looking came to.
pub(super) enum Look {
    /// There is nothing to be done until then.
    Nothing(NextStep),
    /// So many more are of the period.
    Counted(Counted),
    /// There is something to be written.
    Found(Found),
}

/// Deliveries that were counted ahead.
pub(super) struct Counted {
    /// The place from which.
    pub(super) from: Serial,
    /// The place up to which.
    pub(super) to: Serial,
    /// Those of the period among them.
    pub(super) count: u64,
}

/// The next deliveries of the period.
pub(super) struct Found {
    /// The place from which they were looked for.
    pub(super) from: Serial,
    /// The place up to which.
    pub(super) to: Serial,
    pub(super) deliveries: Vec<DeliveryId>,
    /// When to look for more.
    pub(super) next: NextStep,
}

/// Looks for what the next step of a resend is to do.
pub(super) fn look(shared: &Shared, account: AccountId, id: ResendId, now: Timestamp) -> Result<Look> {
    let setup = shared.setup();
    shared.read(|view| {
        let Some(row) = view.table(table::RESEND)?.get((account.0, id.0.0))? else {
            return Ok(Look::Nothing(NextStep::Never));
        };
        let resend: Resend = super::decode(row.value(), id)?;
        if resend.phase != Phase::Running {
            return Ok(Look::Nothing(NextStep::Never));
        }
        let (from, to) = (resend.place, resend.place);
        let nothing_found = Found { from, to, deliveries: Vec::new(), next: NextStep::AfterChange };
        let webhook = setup.webhook(account, resend.wanted.webhook);
        let Some(webhook) = webhook.filter(|webhook| webhook.switch != Switch::Deleted) else {
            // It is to be ended.
            return Ok(Look::Found(nothing_found));
        };
        if !webhook.is_on() {
            return Ok(Look::Nothing(NextStep::AfterChange));
        }
        let mut looking =
            Looking { view, account, resend: &resend, leads: DayTables::new(view, table::LEAD) };
        if !resend.has_counted() {
            return looking.count().map(Look::Counted);
        }
        if resend.has_looked_through() {
            return Ok(match resend.counts.open() {
                0 => Look::Found(nothing_found),
                _ => Look::Nothing(NextStep::AfterChange),
            });
        }
        match room(shared, view, webhook, &resend, now)? {
            0 => Ok(Look::Nothing(NextStep::AfterChange)),
            room => looking.find(room).map(Look::Found),
        }
    })
}

/// How many deliveries may be made owed now; none while others of the webhook wait for their turn.
fn room(shared: &Shared, view: &View, webhook: &Webhook, resend: &Resend, now: Timestamp) -> Result<usize> {
    let most = due_at_once(webhook.settings.rate);
    let open_left = usize::try_from(OPEN_MAX.saturating_sub(resend.counts.open())).unwrap_or(usize::MAX);
    let resending = view.table(table::RESENDING)?;
    let mut room = most.min(open_left);
    let due = view.table(table::DUE)?;
    let of_webhook = table::due_from(webhook.account, webhook.id, Timestamp(i64::MIN));
    for entry in due.range(of_webhook)? {
        let (key, value) = entry?;
        let (account, webhook, due_ms, serial) = key.value();
        if due_ms > now.0 || room == 0 {
            break;
        }
        if resending.get((account, webhook, serial))?.is_some() {
            room -= 1;
        } else if due_ms <= now.0 - FRESH_WAITS_MS_MAX {
            let lane = Lane { webhook: resend.wanted.webhook, lead: Serial(value.value().0) };
            let id = DeliveryId { lane, serial: Serial(serial) };
            if !shared.leases.lock().is_held(AccountId(account), id, now) {
                return Ok(0);
            }
        }
    }
    Ok(room)
}

type Entry = std::result::Result<
    (AccessGuard<'static, DeliveryKey>, AccessGuard<'static, &'static [u8]>),
    StorageError,
>;

struct Looking<'a> {
    view: &'a View,
    account: AccountId,
    resend: &'a Resend,
    leads: DayTables<'a, LeadKey>,
}

impl Looking<'_> {
    fn count(&mut self) -> Result<Counted> {
        let (from, mut count) = (self.resend.counted_to, 0);
        let to = self.walk(from, COUNTED_MAX, |_, _| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(Counted { from, to, count })
    }

    fn find(&mut self, mut room: usize) -> Result<Found> {
        let (from, mut deliveries) = (self.resend.place, Vec::new());
        let to = self.walk(from, LOOKED_AT_MAX, |id, choice| {
            deliveries.push(id);
            room -= usize::from(choice != Choice::Skip);
            match room == 0 || deliveries.len() == FOUND_MAX {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        let goes_on = room > 0 && to < self.resend.id.0;
        let next = if goes_on { NextStep::Now } else { NextStep::AfterChange };
        Ok(Found { from, to, deliveries, next })
    }

    /// Gives the deliveries of the period from a place on to `take`, until that breaks or so many were looked at. The
    /// place before which each was.
    fn walk(
        &mut self,
        from: Serial,
        looked_at_max: usize,
        mut take: impl FnMut(DeliveryId, Choice) -> ControlFlow<()>,
    ) -> Result<Serial> {
        let until = self.resend.id.0;
        let key = |serial: Serial| (self.account.0, self.resend.wanted.webhook.0, serial.0);
        let mut open = self.view.table(table::OPEN)?.range(key(from)..key(until))?.peekable();
        let mut days = self.view.days(&table::DONE)?;
        days.retain(|day| (from.day()..=until.day()).contains(day));
        let mut done = Vec::with_capacity(days.len());
        for day in days.into_iter().rev() {
            if let Some(table) = self.view.day(&table::DONE, day)? {
                done.push(table.range(key(from)..key(until))?);
            }
        }
        let mut done = done.into_iter().flatten().peekable();
        let mut looked_at = 0;
        while let Some(entry) = earlier(&mut open, &mut done) {
            let (key, value) = entry?;
            let serial = Serial(key.value().2);
            if looked_at == looked_at_max {
                return Ok(serial);
            }
            looked_at += 1;
            let read = view::decode_delivery(value.value(), key.value());
            let Some(delivery) = listed(read)? else { continue };
            let choice = self.choice(&delivery)?;
            if choice != Choice::NotAmong && take(delivery.id, choice).is_break() {
                return Ok(Serial(serial.0 + 1));
            }
        }
        Ok(until)
    }

    fn choice(&mut self, delivery: &Delivery) -> Result<Choice> {
        let wanted = &self.resend.wanted;
        let (choice, lead) = (wanted.choose(delivery), delivery.id.lane.lead);
        if choice == Choice::NotAmong || lead.time().plus_ms(CLOCK_AHEAD_MS_MAX) < wanted.from {
            return Ok(Choice::NotAmong);
        }
        let Some(versions) = self.leads.on(lead.day())? else { return Ok(Choice::NotAmong) };
        let newest = listed(view::newest_lead(versions, self.account, lead))?.flatten();
        let is_among = newest.is_some_and(|lead| wanted.is_of_period(lead.start.at));
        Ok(match is_among {
            false => Choice::NotAmong,
            true if erasure::is_erased(&self.view.table(table::ERASED)?, self.account, lead)? => Choice::Skip,
            true => choice,
        })
    }
}

/// The next row of two tables that stand in the same order.
fn earlier(
    a: &mut Peekable<impl Iterator<Item = Entry>>,
    b: &mut Peekable<impl Iterator<Item = Entry>>,
) -> Option<Entry> {
    fn serial(entry: &Entry) -> u64 {
        // What cannot be read is taken first, and ends the looking.
        entry.as_ref().map_or(0, |(key, _)| key.value().2)
    }
    match (a.peek().map(serial), b.peek().map(serial)) {
        (Some(of_a), Some(of_b)) if of_b < of_a => b.next(),
        (None, _) => b.next(),
        _ => a.next(),
    }
}
