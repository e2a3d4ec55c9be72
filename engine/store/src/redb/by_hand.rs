//! What is asked for outside the usual course: sending at once, cancelling, and bringing retries forward.

use ::redb::ReadableTable as _;
use leadhook_core::{
    audit::{Action, Deed},
    delivery::{Delivery, RESENDS_MAX, ResendOf, State},
    id::{AccountId, DeliveryId, WebhookId},
    time::Timestamp,
};

use super::{
    claim::{Owed, due_delivery},
    erasure, row, settle, table,
    tx::Tx,
    view::{self, ROWS_LOOKED_AT_MAX, listed},
};
use crate::{ByHand, Result};

/// Makes a waiting delivery due now, takes up again one that ended without a request, or has another delivery send
/// again what one sent (the contract, "Working with a webhook", By hand).
pub(super) fn send_now(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: DeliveryId,
    now: Timestamp,
) -> Result<ByHand> {
    let mut delivery = match find(tx, account, id, now)? {
        Place::Done(_) if erasure::is_erased(&tx.erased, account, id.lane.lead)? => {
            return Ok(ByHand::Erased);
        }
        Place::Open(delivery) => delivery,
        Place::Done(delivery) if matches!(delivery.state, State::Skipped { .. }) => {
            return Ok(ended(&delivery.state));
        }
        Place::Done(delivery) if delivery.renderings.is_empty() => {
            return take_up_again(tx, account, delivery, now);
        }
        Place::Done(delivery) => return send_again(tx, account, delivery, now),
        Place::Answered(answer) => return Ok(answer),
    };
    let due = match &mut delivery.state {
        State::Scheduled { due } | State::Retrying { due } => due,
        _ => return Ok(ended(&delivery.state)),
    };
    let was_due = std::mem::replace(due, now.min(*due));
    tx.open.insert(table::delivery_key(account, id), row::encode(&delivery).as_slice())?;
    // One that waits for another of its lane is not among the due, and stays so.
    if tx.due.remove(table::due_key(account, id, was_due))?.is_some() {
        tx.make_due(account, id, &delivery.state)?;
    }
    tx.note(account, &Deed::new(Action::DeliverySent, &id))?;
    Ok(ByHand::Done { due: delivery.state.due() })
}

/// Nobody has seen its id yet: it goes on under it.
fn take_up_again(tx: &mut Tx<'_>, account: AccountId, delivery: Delivery, now: Timestamp) -> Result<ByHand> {
    let delivery = reopened(tx, account, delivery, now)?;
    tx.enter(account, &delivery)?;
    tx.note(account, &Deed::new(Action::DeliverySent, &delivery.id))?;
    Ok(ByHand::Done { due: Some(now) })
}

/// Takes a delivery out of those that ended; it is to enter those that are open.
pub(super) fn reopened(
    tx: &mut Tx<'_>,
    account: AccountId,
    mut delivery: Delivery,
    now: Timestamp,
) -> Result<Delivery> {
    let id = delivery.id;
    tx.done.on(id.serial.day())?.remove(table::delivery_key(account, id))?;
    delivery.state = match delivery.attempts.is_empty() {
        true => State::Scheduled { due: now },
        false => State::Retrying { due: now },
    };
    Ok(delivery)
}

/// Makes a delivery that sends again what this one sent, or what the one sent that this one sends again.
fn send_again(tx: &mut Tx<'_>, account: AccountId, delivery: Delivery, now: Timestamp) -> Result<ByHand> {
    let is_on = tx.setup.webhook(account, delivery.id.lane.webhook).is_some_and(|webhook| webhook.is_on());
    if !is_on {
        return Ok(ByHand::WebhookOff);
    }
    let first = match &delivery.resend_of {
        None => delivery,
        Some(ResendOf { first, .. }) => match find_done(tx, account, *first)? {
            Some(first) => first,
            // It has grown old and is no longer kept; this one sent the same.
            None => delivery,
        },
    };
    if first.resends.len() >= RESENDS_MAX {
        return Ok(ByHand::SentTooOften);
    }
    let (id, unrendered) = (first.id, ended(&first.state));
    let Some(again) = make_again(tx, account, first, None, now)? else { return Ok(unrendered) };
    tx.enter(account, &again)?;
    tx.note(account, &Deed::new(Action::DeliverySent, &id).turning(None, again.id.to_string()))?;
    Ok(ByHand::SentAgain { by: again.id, first: id, due: now })
}

/// Makes a delivery that sends again what this one sent, to `url` where one is given; it is to enter those that are
/// open. `None` where nothing was sent.
pub(super) fn make_again(
    tx: &mut Tx<'_>,
    account: AccountId,
    mut first: Delivery,
    url: Option<String>,
    now: Timestamp,
) -> Result<Option<Delivery>> {
    let Some(again) = first.sent_again(tx.next_serial(now), now, url) else { return Ok(None) };
    first.resends.push(again.id);
    let key = table::delivery_key(account, first.id);
    tx.done.on(first.id.serial.day())?.insert(key, row::encode(&first).as_slice())?;
    Ok(Some(again))
}

/// Cancels a waiting delivery; the next of its lane goes on. When that is due is asked of the transaction's end.
pub(super) fn cancel(
    tx: &mut Tx<'_>,
    account: AccountId,
    id: DeliveryId,
    reason: &str,
    now: Timestamp,
) -> Result<ByHand> {
    let mut delivery = match find(tx, account, id, now)? {
        Place::Open(delivery) => delivery,
        Place::Done(delivery) => return Ok(ended(&delivery.state)),
        Place::Answered(answer) => return Ok(answer),
    };
    let was_due = delivery.state.due().unwrap_or(now);
    delivery.state = State::Cancelled { at: now, reason: reason.to_owned() };
    settle::end(tx, account, &delivery, &row::encode(&delivery), was_due)?;
    tx.note(account, &Deed::new(Action::DeliveryCancelled, &id))?;
    tx.ask_next_due(account, id.lane.webhook, now);
    Ok(ByHand::Done { due: None })
}

enum Place {
    /// It waits, and is now held until the transaction ends.
    Open(Delivery),
    Done(Delivery),
    Answered(ByHand),
}

fn find(tx: &mut Tx<'_>, account: AccountId, id: DeliveryId, now: Timestamp) -> Result<Place> {
    let open = tx.read_open(account, id)?.filter(|delivery| delivery.id == id);
    if let Some(delivery) = open {
        return Ok(match tx.leases.lock().begin_change(account, id, now) {
            true => Place::Open(delivery),
            false => Place::Answered(ByHand::Sending),
        });
    }
    Ok(find_done(tx, account, id)?.map_or(Place::Answered(ByHand::Unknown), Place::Done))
}

/// A delivery that has ended.
pub(super) fn find_done(tx: &mut Tx<'_>, account: AccountId, id: DeliveryId) -> Result<Option<Delivery>> {
    let key = table::delivery_key(account, id);
    let row = tx.done.on(id.serial.day())?.get(key)?;
    let done = row.map(|row| view::decode_delivery(row.value(), key)).transpose()?;
    Ok(done.filter(|delivery| delivery.id == id))
}

fn ended(state: &State) -> ByHand {
    ByHand::Ended { state: state.name(), reason: state.reason().map(str::to_owned) }
}

/// Brings a webhook's waiting retries forward, the earliest first. How many became due earlier than they were.
pub(super) fn bring_retries_forward(
    tx: &mut Tx<'_>,
    account: AccountId,
    webhook: WebhookId,
    now: Timestamp,
    most: usize,
    spacing_ms: u32,
) -> Result<usize> {
    let mut brought = 0;
    for owed in waiting_retries(tx, account, webhook, now, most)? {
        let (id, was_due) = (owed.id, owed.at);
        let slot = now.plus_ms(i64::from(spacing_ms).saturating_mul(brought as i64));
        if slot >= was_due {
            continue;
        }
        let Some(Some(mut delivery)) = listed(tx.read_open(account, id))? else { continue };
        if !owed.is(&delivery) {
            // A claim puts it right.
            continue;
        }
        delivery.state = State::Retrying { due: slot };
        tx.open.insert(table::delivery_key(account, id), row::encode(&delivery).as_slice())?;
        tx.due.remove(table::due_key(account, id, was_due))?;
        tx.make_due(account, id, &delivery.state)?;
        brought += 1;
    }
    Ok(brought)
}

/// Retries that fall due after `now` and that nobody attempts, among a bounded number of the webhook's due rows.
fn waiting_retries(
    tx: &Tx<'_>,
    account: AccountId,
    webhook: WebhookId,
    now: Timestamp,
    most: usize,
) -> Result<Vec<Owed>> {
    let mut leases = tx.leases.lock();
    let mut found = Vec::new();
    let rows = tx.due.range(table::due_from(account, webhook, now.plus_ms(1)))?;
    for entry in rows.take(ROWS_LOOKED_AT_MAX) {
        let (key, value) = entry?;
        if found.len() >= most {
            break;
        }
        let owed = due_delivery(webhook, key.value(), value.value());
        if owed.is_retry == Some(true) && leases.begin_change(account, owed.id, now) {
            found.push(owed);
        }
    }
    Ok(found)
}
