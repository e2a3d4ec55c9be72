//! Claiming: what is due is leased with all that rendering and sending it needs.

use std::sync::Arc;

use ::redb::ReadOnlyTable;
use leadhook_core::{
    delivery::{Delivery, Fingerprints, Source},
    id::{AccountId, DeliveryId, Lane, WebhookId},
    lead::Lead,
    time::{Serial, Timestamp},
    webhook::Webhook,
};

use super::{
    lane::{self, LaneRules},
    lease::Table as Leased,
    recent::Recent,
    row,
    setup::Setup,
    shared::Shared,
    table::{self, DeliveryKey, DueKey, DueValue, LeadKey, WaitingKey},
    tx::Tx,
    view::{self, DayTables, ROWS_LOOKED_AT_MAX, View},
};
use crate::{Claimed, Claims, Lease, Result, StoreError, Want};

/// A due row that nothing can be sent for, which the writer is to put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stray {
    account: AccountId,
    id: DeliveryId,
    due: Timestamp,
    flaw: Flaw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// Another delivery of its lane goes first: it was due before its webhook's ordering was changed, or an earlier
    /// one of the lane was taken up again.
    NotHead,
    /// The delivery is whole and falls due at another time, or is another lead's, or has ended.
    Misplaced,
    /// There is no such delivery.
    Missing,
    /// It, or what it is about, cannot be read.
    Damaged,
}

/// Leases what is due. The lock on the leases is held from before the reading begins until they are noted.
pub(super) fn claim(
    shared: &Shared,
    wants: &[Want],
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<(Vec<Claims>, Vec<Stray>)> {
    let mut leases = shared.leases.lock();
    let setup = shared.setup();
    let mut strays = Vec::new();
    let mut given = Vec::new();
    let claims = shared.read(|view| {
        let mut reader = Reader::open(view, &setup, &shared.recent, now, lease_until)?;
        wants.iter().map(|want| reader.claim(want, &mut leases, &mut given, &mut strays)).collect()
    });
    if claims.is_err() {
        given.into_iter().for_each(|lease| leases.release(lease));
    }
    Ok((claims?, strays))
}

struct Reader<'v> {
    setup: &'v Setup,
    recent: &'v Recent,
    now: Timestamp,
    lease_until: Timestamp,
    open: ReadOnlyTable<DeliveryKey, &'static [u8]>,
    due: ReadOnlyTable<DueKey, DueValue>,
    waiting: ReadOnlyTable<WaitingKey, ()>,
    lane: ReadOnlyTable<(u32, u64, u64), &'static [u8]>,
    leads: DayTables<'v, LeadKey>,
    done: DayTables<'v, DeliveryKey>,
}

impl<'v> Reader<'v> {
    fn open(
        view: &'v View,
        setup: &'v Setup,
        recent: &'v Recent,
        now: Timestamp,
        lease_until: Timestamp,
    ) -> Result<Self> {
        Ok(Self {
            setup,
            recent,
            now,
            lease_until,
            open: view.table(table::OPEN)?,
            due: view.table(table::DUE)?,
            waiting: view.table(table::WAITING)?,
            lane: view.table(table::LANE)?,
            leads: DayTables::new(view, table::LEAD),
            done: DayTables::new(view, table::DONE),
        })
    }

    fn claim(
        &mut self,
        want: &Want,
        leases: &mut Leased,
        given: &mut Vec<Lease>,
        strays: &mut Vec<Stray>,
    ) -> Result<Claims> {
        let (account, webhook_id) = (want.account, want.webhook);
        let mut claims = Claims { account, webhook: webhook_id, claimed: Vec::new(), next_due: None };
        let Some(webhook) = self.setup.webhook(account, webhook_id) else { return Ok(claims) };
        let strays_before = strays.len();
        for entry in self.due.range(table::due_from(account, webhook_id, Timestamp(i64::MIN)))? {
            let (key, value) = entry?;
            let owed = due_delivery(webhook_id, key.value(), value.value());
            let (id, due) = (owed.id, owed.at);
            if leases.is_held(account, id, self.now) {
                continue;
            }
            let enough =
                claims.claimed.len() >= want.most || strays.len() - strays_before >= ROWS_LOOKED_AT_MAX;
            if due > self.now || enough {
                claims.next_due = Some(due);
                break;
            }
            match self.read(account, webhook, &owed, leases) {
                Ok(Found::Ready(read)) => {
                    let lease = leases.add(account, id, due, self.lease_until);
                    given.push(lease);
                    claims.claimed.push(read.under(lease, webhook.clone()));
                }
                Ok(Found::LaneBusy) => {}
                Ok(Found::Stray(flaw)) => strays.push(Stray { account, id, due, flaw }),
                Err(StoreError::Damaged { what }) => {
                    tracing::error!(delivery = %id, %what, "a delivery is set aside and will not be sent");
                    strays.push(Stray { account, id, due, flaw: Flaw::Damaged });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(claims)
    }

    fn read(&mut self, account: AccountId, webhook: &Webhook, owed: &Owed, leases: &Leased) -> Result<Found> {
        let id = owed.id;
        let damaged = |what: &str| StoreError::Damaged { what: format!("{what} of delivery {id}") };
        let key = table::delivery_key(account, id);
        let Some(row) = self.open.get(key)? else {
            let has_ended = self.done.on(id.serial.day())?.map(|done| done.get(key)).transpose()?.flatten();
            return Ok(Found::Stray(if has_ended.is_some() { Flaw::Misplaced } else { Flaw::Missing }));
        };
        let delivery = view::decode_delivery(row.value(), key)?;
        if !owed.is(&delivery) {
            return Ok(Found::Stray(Flaw::Misplaced));
        }
        let rules = LaneRules::of(webhook, id.lane.lead, delivery.lead.kind);
        if rules.waits() {
            if lane::head(&self.waiting, account, id)? != Some(id) {
                return Ok(Found::Stray(Flaw::NotHead));
            }
            if leases.is_lane_held(account, id.lane, self.now) {
                return Ok(Found::LaneBusy);
            }
        }
        let serial = id.lane.lead;
        let source = delivery.lead_source();
        let is_meant = |lead: &Arc<Lead>| source == Source::Latest || source == Source::Version(lead.version);
        let lead = match self.recent.get(account, serial).filter(is_meant) {
            Some(lead) => lead,
            None => {
                let versions = self.leads.on(serial.day())?.ok_or_else(|| damaged("lead"))?;
                let lead = match source {
                    Source::Version(version) => view::lead_at(versions, account, serial, version)?,
                    Source::Latest => view::newest_lead(versions, account, serial)?,
                };
                Arc::new(lead.ok_or_else(|| damaged("lead"))?)
            }
        };
        let site = self.setup.any_site(account, &delivery.lead.site).ok_or_else(|| damaged("site"))?.clone();
        let previous = if rules.several { self.previous(account, id.lane)? } else { None };
        let lane_goes_on = rules.several;
        Ok(Found::Ready(Box::new(Ready { delivery, lead, site, previous, lane_goes_on })))
    }

    /// What the lane's last delivered delivery sent. A damaged row counts as nothing delivered: that the lead
    /// arrives is worth more than its `changedFields`.
    fn previous(&self, account: AccountId, lane: Lane) -> Result<Option<Fingerprints>> {
        let row = self.lane.get((account.0, lane.webhook.0, lane.lead.0))?;
        let read = row.map(|row| {
            row::decode(row.value(), || format!("lane of {} and lead number {}", lane.webhook, lane.lead.0))
        });
        match read.transpose() {
            Err(StoreError::Damaged { what }) => {
                tracing::error!(%what, "a damaged row counts as absent");
                Ok(None)
            }
            other => other,
        }
    }
}

enum Found {
    Ready(Box<Ready>),
    /// An earlier holder still attempts another delivery of the lane.
    LaneBusy,
    /// There is nothing to be sent at this time.
    Stray(Flaw),
}

struct Ready {
    delivery: Delivery,
    lead: Arc<Lead>,
    site: Arc<leadhook_core::site::Site>,
    previous: Option<Fingerprints>,
    lane_goes_on: bool,
}

impl Ready {
    fn under(self, lease: Lease, webhook: Arc<Webhook>) -> Claimed {
        let Self { delivery, lead, site, previous, lane_goes_on } = self;
        Claimed { lease, delivery, lead, site, webhook, previous, lane_goes_on }
    }
}

/// What a due row says.
pub(super) struct Owed {
    pub(super) id: DeliveryId,
    /// When it falls due.
    pub(super) at: Timestamp,
    /// `None` where that is damaged.
    pub(super) is_retry: Option<bool>,
}

impl Owed {
    /// Whether it says what the delivery does: a due row has no sum of its own.
    pub(super) fn is(&self, delivery: &Delivery) -> bool {
        let says = (self.id.lane.lead.0, self.is_retry);
        delivery.id == self.id
            && delivery.state.due() == Some(self.at)
            && says == table::due_value(delivery.id, &delivery.state)
    }
}

/// Reads a due row.
pub(super) fn due_delivery(webhook: WebhookId, key: DueKey, (lead, is_retry): (u64, Option<bool>)) -> Owed {
    let lane = Lane { webhook, lead: Serial(lead) };
    Owed { id: DeliveryId { lane, serial: Serial(key.3) }, at: Timestamp(key.2), is_retry }
}

/// Takes strays out of what is due. What is whole becomes due as it is to be; what is damaged is set aside, with the rest of
/// its lane going on.
pub(super) fn put_right(tx: &mut Tx<'_>, strays: &[Stray], now: Timestamp) -> Result<()> {
    for Stray { account, id, due, flaw } in strays.iter().copied() {
        tx.ask_next_due(account, id.lane.webhook, now);
        let due_key = table::due_key(account, id, due);
        if flaw != Flaw::NotHead && tx.due.remove(due_key)?.is_none() {
            // Another has put it right meanwhile.
            continue;
        }
        match flaw {
            Flaw::NotHead => {
                tx.stand_in_lane(account, id)?;
                if tx.let_head_be_due(account, id)?.is_none_or(|(head, _)| head != id) {
                    tx.due.remove(due_key)?;
                }
            }
            Flaw::Misplaced => tx.make_due_anew(account, table::delivery_key(account, id))?,
            Flaw::Missing | Flaw::Damaged => {
                tx.set_aside(account, id)?;
                tx.leave(account, id, LaneRules { several: true, ordered: true })?;
            }
        }
    }
    Ok(())
}
