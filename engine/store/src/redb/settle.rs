//! Settling: how attempts ended is stored, and their lanes go on.

use leadhook_core::{
    delivery::{Delivery, State},
    id::{AccountId, DeliveryId},
    time::Timestamp,
};

use super::{by_hand, resend, row, state, table, tx::Tx, view::listed};
use crate::{Result, Settlement};

/// A settlement with the row that is to be stored of it, made before the writer's turn: there is one writer.
pub(super) struct Entry {
    settlement: Settlement,
    row: Vec<u8>,
}

impl From<Settlement> for Entry {
    fn from(settlement: Settlement) -> Self {
        Self { row: row::encode(&*settlement.delivery), settlement }
    }
}

/// Stores settlements in order. For each, whether it was stored; not when its lease is stale.
pub(super) fn settle(tx: &mut Tx<'_>, entries: &[Entry], now: Timestamp) -> Result<Vec<bool>> {
    let dues: Vec<Option<Timestamp>> = {
        let mut leases = tx.leases.lock();
        entries.iter().map(|entry| leases.begin_settling(entry.settlement.lease)).collect()
    };
    let settled = entries.iter().zip(dues).map(|(Entry { settlement, row }, due)| {
        let (account, id) = (settlement.lease.account, settlement.lease.delivery);
        tx.ask_next_due(account, id.lane.webhook, now);
        match due {
            Some(due) => {
                let stored = store(tx, account, &settlement.delivery, row, due)?;
                if stored {
                    state::change(tx, account, id.lane.webhook, &settlement.state, now)?;
                    tx.note_turn(account, &settlement.delivery, now)?;
                }
                Ok(stored)
            }
            None => Ok(false),
        }
    });
    settled.collect()
}

fn store(
    tx: &mut Tx<'_>,
    account: AccountId,
    delivery: &Delivery,
    row: &[u8],
    was_due: Timestamp,
) -> Result<bool> {
    let id = delivery.id;
    let key = table::delivery_key(account, id);
    if delivery.state.due().is_none() {
        return end(tx, account, delivery, row, was_due);
    }
    if tx.open.insert(key, row)?.is_none() {
        tx.open.remove(key)?;
        return Ok(false);
    }
    tx.due.remove(table::due_key(account, id, was_due))?;
    tx.make_due(account, id, &delivery.state)?;
    tx.happened.delivery(account, delivery);
    Ok(true)
}

/// Moves a delivery that has ended from the open ones to those done. Whether it was open.
pub(super) fn end(
    tx: &mut Tx<'_>,
    account: AccountId,
    delivery: &Delivery,
    row: &[u8],
    was_due: Timestamp,
) -> Result<bool> {
    let id = delivery.id;
    let key = table::delivery_key(account, id);
    if tx.open.remove(key)?.is_none() {
        return Ok(false);
    }
    tx.due.remove(table::due_key(account, id, was_due))?;
    tx.done.on(id.serial.day())?.insert(key, row)?;
    tx.grew(account, id.serial.day(), row.len());
    let rules = tx.lane_rules(account, id, delivery.lead.kind);
    if rules.several {
        remember_delivered(tx, account, delivery)?;
    }
    tx.leave(account, id, rules)?;
    if let (State::Delivered { at }, Some(of)) = (&delivery.state, &delivery.resend_of) {
        first_is_delivered(tx, account, of.first, *at)?;
    }
    resend::ended(tx, account, id, &delivery.state)?;
    tx.happened.delivery(account, delivery);
    Ok(true)
}

/// A success of a resend turns failed or cancelled into delivered (the contract, "Resend").
fn first_is_delivered(tx: &mut Tx<'_>, account: AccountId, first: DeliveryId, at: Timestamp) -> Result<()> {
    let Some(Some(mut first)) = listed(by_hand::find_done(tx, account, first))? else { return Ok(()) };
    if matches!(first.state, State::Failed { .. } | State::Cancelled { .. }) {
        first.state = State::Delivered { at };
        let key = table::delivery_key(account, first.id);
        tx.done.on(first.id.serial.day())?.insert(key, row::encode(&first).as_slice())?;
    }
    Ok(())
}

/// Keeps what was delivered, so that the lane's next delivery can tell what changed (the contract, "Rules", 5).
fn remember_delivered(tx: &mut Tx<'_>, account: AccountId, delivery: &Delivery) -> Result<()> {
    if let (State::Delivered { .. }, Some(rendering)) = (&delivery.state, delivery.renderings.last()) {
        let lane = delivery.id.lane;
        if let Some(fingerprints) = &rendering.fingerprints {
            let row = row::encode(fingerprints);
            tx.lane.insert((account.0, lane.webhook.0, lane.lead.0), row.as_slice())?;
        }
    }
    Ok(())
}
