//! A round through what is open: each delivery is to be due as its own row says, and to stand in its lane and under its key.
//!
//! A delivery is found by rows that have no sum. Where one of those is damaged, nothing would ever look for what it found.

use std::collections::BTreeSet;

use ::redb::ReadableTable;
use leadhook_core::{
    delivery::Delivery,
    id::{AccountId, WebhookId},
};

use super::{
    lane::{self, LaneRules},
    resend, row,
    setup::Setup,
    shared::Shared,
    table::{self, DeliveryKey, DueKey, DueValue, WaitingKey},
    tx::Tx,
    view::{View, is_under, listed},
};
use crate::{Result, upkeep::RoundPlace};

/// The most deliveries that one step looks at.
const LOOKED_AT_MAX: usize = 256;

/// What a step found.
pub(super) struct Found {
    pub(super) next: Option<RoundPlace>,
    /// The keys under which something is not as it is to be.
    pub(super) amiss: Vec<DeliveryKey>,
}

/// Looks at the next deliveries.
pub(super) fn look(shared: &Shared, place: RoundPlace) -> Result<Found> {
    let setup = shared.setup();
    shared.read(|view: &View| {
        let (due, waiting) = (view.table(table::DUE)?, view.table(table::WAITING)?);
        let resending = view.table(table::RESENDING)?;
        let by = FoundBy { setup: &setup, due: &due, waiting: &waiting, resending: &resending };
        let mut found = Found { next: None, amiss: Vec::new() };
        for (looked_at, entry) in view.table(table::OPEN)?.range(place.from..)?.enumerate() {
            let (key, value) = entry?;
            if looked_at == LOOKED_AT_MAX {
                found.next = Some(RoundPlace { from: key.value() });
                break;
            }
            if by.amiss(key.value(), value.value())?.is_some() {
                found.amiss.push(key.value());
            }
        }
        Ok(found)
    })
}

/// What an open delivery is found by.
struct FoundBy<'a, D, W, R> {
    setup: &'a Setup,
    due: &'a D,
    waiting: &'a W,
    resending: &'a R,
}

impl<D, W, R> FoundBy<'_, D, W, R>
where
    D: ReadableTable<DueKey, DueValue>,
    W: ReadableTable<WaitingKey, ()>,
    R: ReadableTable<DeliveryKey, (u64, u64)>,
{
    /// The delivery of a row, if it is not found when it is to be. One that cannot be read is set aside when it is due.
    fn amiss(&self, key: DeliveryKey, row: &[u8]) -> Result<Option<Delivery>> {
        let read = row::decode::<Delivery>(row, || format!("delivery number {}", key.2));
        let Some(delivery) = listed(read)? else { return Ok(None) };
        let is_found = is_under(&delivery, key) && self.finds(AccountId(key.0), &delivery)?;
        Ok((!is_found).then_some(delivery))
    }

    /// Whether it stands in its lane, and is due where it is its turn.
    fn finds(&self, account: AccountId, delivery: &Delivery) -> Result<bool> {
        let id = delivery.id;
        let known = self.setup.webhook(account, id.lane.webhook);
        let (Some(webhook), Some(due)) = (known, delivery.state.due()) else { return Ok(true) };
        let rules = LaneRules::of(webhook, id.lane.lead, delivery.lead.kind);
        if rules.several && self.waiting.get(table::waiting_key(account, id))?.is_none() {
            return Ok(false);
        }
        if rules.waits() && lane::head(self.waiting, account, id)? != Some(id) {
            return Ok(true);
        }
        if resend::is_parked(self.setup, self.resending, account, id)? {
            return Ok(true);
        }
        let says = self.due.get(table::due_key(account, id, due))?.map(|says| says.value());
        Ok(says == Some(table::due_value(id, &delivery.state)))
    }
}

/// Puts right what was found. The webhooks of which something falls due again.
pub(super) fn mend(tx: &mut Tx<'_>, amiss: &[DeliveryKey]) -> Result<BTreeSet<(AccountId, WebhookId)>> {
    let mut mended = BTreeSet::new();
    for key in amiss {
        let account = AccountId(key.0);
        let by = FoundBy { setup: &tx.setup, due: &tx.due, waiting: &tx.waiting, resending: &tx.resending };
        // What was changed since it was looked at may stand well by now.
        let amiss = tx.open.get(key)?.map(|row| by.amiss(*key, row.value())).transpose()?.flatten();
        let Some(delivery) = amiss else { continue };
        if !is_under(&delivery, *key) {
            bring_home(tx, account, *key, &delivery)?;
        }
        tx.make_due_anew(account, table::delivery_key(account, delivery.id))?;
        mended.insert((account, delivery.id.lane.webhook));
    }
    Ok(mended)
}

/// Puts a delivery that stands under a key that is not its own under its own, unless it is known there.
fn bring_home(tx: &mut Tx<'_>, account: AccountId, under: DeliveryKey, delivery: &Delivery) -> Result<()> {
    let id = delivery.id;
    let home = table::delivery_key(account, id);
    let Some(row) = tx.open.remove(under)?.map(|row| row.value().to_vec()) else { return Ok(()) };
    let is_known = tx.open.get(home)?.is_some() || tx.done.on(id.serial.day())?.get(home)?.is_some();
    if is_known {
        tracing::error!(delivery = %id, "a delivery that stood under another key too is set aside there");
        tx.quarantine.insert(under, row.as_slice())?;
        return Ok(());
    }
    tracing::error!(delivery = %id, "a delivery stood under a key that is not its own, and stands under its own again");
    tx.quarantine.remove(home)?;
    tx.open.insert(home, row.as_slice())?;
    Ok(())
}
