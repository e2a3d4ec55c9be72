//! Reading deliveries: one, and lists.
//!
//! Open deliveries and those of each day that ended are keyed alike, by webhook and then by the serial that
//! tells when they became owed. A list merges them backwards, one day after another.

use std::collections::{BTreeSet, BinaryHeap};

use ::redb::{AccessGuard, Range, ReadOnlyTable};
use leadhook_core::{
    delivery::{Delivery, StateName},
    id::{AccountId, DeliveryId, LeadRef, WebhookId},
    time::{DAY_MS, Serial, Timestamp},
};

use super::{
    leads,
    table::{self, DeliveryKey},
    view::{self, ROWS_LOOKED_AT_MAX, View, listed},
};
use crate::{
    Result, Shown,
    query::{DeliveryQuery, LIMIT_MAX, Page},
};

/// What a list is made from.
pub(super) struct Lister<'a> {
    pub(super) view: &'a View,
    pub(super) account: AccountId,
    pub(super) query: &'a DeliveryQuery,
    /// The account's webhooks, deleted ones too.
    pub(super) webhooks: Vec<WebhookId>,
    /// The account's deliveries that are under lease.
    pub(super) leased: BTreeSet<DeliveryId>,
}

/// A delivery as readers see it.
pub(super) fn shown(delivery: Delivery, is_leased: bool) -> Shown {
    let sending = is_leased && delivery.state.due().is_some();
    Shown { delivery, sending }
}

type DeliveryRows = ReadOnlyTable<DeliveryKey, &'static [u8]>;

/// Serials from `low` up to but without `high`, and the day whose ended deliveries are among them.
struct Stretch {
    low: Serial,
    high: Serial,
    day: Option<u32>,
}

/// Rows of one webhook in one table, newest first, with the first of them taken out.
struct Source {
    rows: Range<'static, DeliveryKey, &'static [u8]>,
    next: Option<(DeliveryKey, AccessGuard<'static, &'static [u8]>)>,
}

/// Where the next row of each source stands, by its place among the sources.
type Newest = BinaryHeap<(Serial, usize)>;

impl Source {
    /// Takes the next row out; its serial.
    fn advance(&mut self) -> Result<Option<Serial>> {
        let Some(entry) = self.rows.next_back() else { return Ok(None) };
        let (key, value) = entry?;
        let key = key.value();
        self.next = Some((key, value));
        Ok(Some(Serial(key.2)))
    }
}

impl Lister<'_> {
    /// A page of deliveries, the newest owed first.
    pub(super) fn list(&self) -> Result<Page<Shown>> {
        if let Some(lead) = &self.query.lead {
            return self.of_lead(lead);
        }
        if self.query.state == Some(StateName::Sending) {
            let ids = self.leased.iter().copied().collect();
            return self.of_ids(ids);
        }
        self.by_serial()
    }

    fn limit(&self) -> usize {
        self.query.limit.clamp(1, LIMIT_MAX)
    }

    /// The serials that are asked for, from the first up to but without the second.
    fn bounds(&self) -> (Serial, Serial) {
        let low = self.query.from.map_or(Serial(0), Serial::at);
        let to = self.query.to.map_or(Serial(u64::MAX), Serial::at);
        (low, to.min(self.query.before.unwrap_or(Serial(u64::MAX))))
    }

    /// A lead's deliveries are named in its history, and those that send one again with that one.
    fn of_lead(&self, reference: &LeadRef) -> Result<Page<Shown>> {
        let Some(lead) = leads::known(self.view, self.account, reference)? else {
            return Ok(Page { rows: Vec::new(), next: None });
        };
        let mut ids = Vec::new();
        for cause in self.view.causes(self.account, lead.serial)?.take(ROWS_LOOKED_AT_MAX) {
            for id in listed(cause)?.into_iter().flat_map(|cause| cause.deliveries) {
                ids.push(id);
                let delivery = listed(self.view.delivery(self.account, id))?.flatten();
                ids.extend(delivery.into_iter().flat_map(|delivery| delivery.resends));
            }
        }
        self.of_ids(ids)
    }

    /// A page of some deliveries known by id, few enough to be sorted.
    fn of_ids(&self, mut ids: Vec<DeliveryId>) -> Result<Page<Shown>> {
        let (low, high) = self.bounds();
        ids.retain(|id| (low..high).contains(&id.serial));
        ids.sort_unstable_by_key(|id| std::cmp::Reverse(id.serial));
        let mut rows = Vec::new();
        for id in ids {
            if let Some(Some(delivery)) = listed(self.view.delivery(self.account, id))? {
                rows.extend(self.chosen(delivery));
            }
            if rows.len() >= self.limit() {
                return Ok(Page { rows, next: Some(id.serial) });
            }
        }
        Ok(Page { rows, next: None })
    }

    fn by_serial(&self) -> Result<Page<Shown>> {
        let open = self.wants_open().then(|| self.view.table(table::OPEN)).transpose()?;
        let mut rows = Vec::new();
        let mut looked_at = 0;
        for stretch in self.stretches()? {
            if looked_at >= ROWS_LOOKED_AT_MAX {
                return Ok(Page { rows, next: Some(stretch.high) });
            }
            let done = stretch.day.map(|day| self.view.day(&table::DONE, day)).transpose()?.flatten();
            let tables = [open.as_ref(), done.as_ref().filter(|_| self.wants_done())];
            let (mut sources, mut heap) = self.sources(tables, &stretch)?;
            looked_at += sources.len();
            while let Some((serial, index)) = heap.pop() {
                let source: &mut Source = &mut sources[index];
                let taken = source.next.take();
                heap.extend(source.advance()?.map(|next| (next, index)));
                looked_at += 1;
                if let Some((key, row)) = taken {
                    let read = view::decode_delivery(row.value(), key);
                    rows.extend(listed(read)?.and_then(|delivery| self.chosen(delivery)));
                }
                if rows.len() >= self.limit() || looked_at >= ROWS_LOOKED_AT_MAX {
                    return Ok(Page { rows, next: Some(serial) });
                }
            }
        }
        Ok(Page { rows, next: None })
    }

    /// The asked serials cut at the days that have ended deliveries, newest first.
    fn stretches(&self) -> Result<Vec<Stretch>> {
        let (low, mut high) = self.bounds();
        let mut stretches = Vec::new();
        let days = if self.wants_done() { self.view.days(&table::DONE)? } else { Vec::new() };
        for day in days {
            let start = |day| Serial::at(Timestamp(i64::from(day) * DAY_MS));
            let end = start(day.saturating_add(1));
            stretches.push(Stretch { low: low.max(end), high, day: None });
            stretches.push(Stretch { low: low.max(start(day)), high: high.min(end), day: Some(day) });
            high = high.min(start(day));
        }
        stretches.push(Stretch { low, high, day: None });
        stretches.retain(|stretch| stretch.low < stretch.high);
        Ok(stretches)
    }

    /// The rows of each webhook in each table, and a heap of where the newest stand.
    fn sources(
        &self,
        tables: [Option<&DeliveryRows>; 2],
        stretch: &Stretch,
    ) -> Result<(Vec<Source>, Newest)> {
        let (mut sources, mut heap) = (Vec::new(), Newest::new());
        let asked = |webhook: &&WebhookId| self.query.webhook.is_none_or(|asked| asked == **webhook);
        for webhook in self.webhooks.iter().filter(asked) {
            for table in tables.into_iter().flatten() {
                let key = |serial: Serial| (self.account.0, webhook.0, serial.0);
                let rows = table.range(key(stretch.low)..key(stretch.high))?;
                let mut source = Source { rows, next: None };
                heap.extend(source.advance()?.map(|serial| (serial, sources.len())));
                sources.push(source);
            }
        }
        Ok((sources, heap))
    }

    fn wants_open(&self) -> bool {
        matches!(self.query.state, None | Some(StateName::Scheduled | StateName::Retrying))
    }

    fn wants_done(&self) -> bool {
        !matches!(self.query.state, Some(StateName::Scheduled | StateName::Retrying))
    }

    /// The delivery as it is shown, if every filter lets it through.
    fn chosen(&self, delivery: Delivery) -> Option<Shown> {
        let query = self.query;
        let is_leased = self.leased.contains(&delivery.id);
        let shown = shown(delivery, is_leased);
        let state = if shown.sending { StateName::Sending } else { shown.delivery.state.name() };
        let (delivery, lead) = (&shown.delivery, &shown.delivery.lead);
        let matches = query.webhook.is_none_or(|webhook| webhook == delivery.id.lane.webhook)
            && query.site.as_ref().is_none_or(|site| *site == lead.site)
            && query.state.is_none_or(|asked| asked == state)
            && query.trigger.is_none_or(|trigger| trigger == delivery.trigger);
        matches.then_some(shown)
    }
}
