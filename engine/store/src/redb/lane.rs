//! Lanes: the open deliveries of one webhook for one lead, of which only the first may be due.
//!
//! Most lanes can only ever have one delivery; nothing is written for those but the delivery itself.

use ::redb::ReadableTable;
use leadhook_core::{
    delivery::{Delivery, State},
    event::Trigger,
    id::{AccountId, DeliveryId},
    lead::LeadKind,
    time::{Serial, Timestamp},
    webhook::{Ordering, Webhook},
};

use super::{
    notifications, resend, row,
    table::{self, DeliveryKey, WaitingKey},
    tx::Tx,
    view::{self, listed},
};
use crate::{Result, StoreError};

/// How the deliveries of one lane stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LaneRules {
    /// Whether there can ever be more than one of them, but for what is sent again: that does not wait for itself.
    pub(super) several: bool,
    /// Whether they wait for each other.
    pub(super) ordered: bool,
}

impl LaneRules {
    /// Of this webhook for a lead of this kind. What it subscribed to when the lead arrived never changes, so
    /// neither does `several`.
    pub(super) fn of(webhook: &Webhook, lead: Serial, kind: LeadKind) -> Self {
        let subscribed = |trigger: &&Trigger| {
            let sending = webhook.sending_for(lead);
            trigger.exists_for(kind)
                && sending.is_some_and(|sending| sending.delay_minutes(**trigger).is_some())
        };
        let mut triggers = Trigger::ALL.iter().filter(subscribed);
        let several = match (triggers.next(), triggers.next()) {
            (Some(only), None) => !happens_once(*only),
            _ => true,
        };
        Self { several, ordered: webhook.settings.ordering == Ordering::Lead }
    }

    /// Whether one delivery can hold back another.
    pub(super) fn waits(self) -> bool {
        self.several && self.ordered
    }
}

fn happens_once(trigger: Trigger) -> bool {
    matches!(trigger, Trigger::CallStarted | Trigger::CallEnded | Trigger::RequestCreated)
}

/// The first open delivery of the lane in which `id` stands; for lanes that can have more than one.
pub(super) fn head(
    waiting: &impl ReadableTable<WaitingKey, ()>,
    account: AccountId,
    id: DeliveryId,
) -> Result<Option<DeliveryId>> {
    let first = waiting.range(table::waiting_lane(account, id))?.next().transpose()?;
    Ok(first.map(|(key, _)| DeliveryId { lane: id.lane, serial: Serial(key.value().3) }))
}

impl Tx<'_> {
    pub(super) fn lane_rules(&self, account: AccountId, id: DeliveryId, kind: LeadKind) -> LaneRules {
        let webhook = self.setup.webhook(account, id.lane.webhook);
        let careful = LaneRules { several: true, ordered: true };
        webhook.map_or(careful, |webhook| LaneRules::of(webhook, id.lane.lead, kind))
    }

    /// Makes a delivery open, and due if it need not wait for another of its lane.
    pub(super) fn enter(&mut self, account: AccountId, delivery: &Delivery) -> Result<()> {
        let id = delivery.id;
        self.happened.delivery(account, delivery);
        self.open.insert(table::delivery_key(account, id), row::encode(delivery).as_slice())?;
        let rules = self.lane_rules(account, id, delivery.lead.kind);
        if rules.several {
            self.waiting.insert(table::waiting_key(account, id), ())?;
        }
        self.make_due_in_turn(account, delivery, rules)
    }

    /// Makes an open delivery due if it need not wait for another of its lane.
    pub(super) fn make_due_in_turn(
        &mut self,
        account: AccountId,
        delivery: &Delivery,
        rules: LaneRules,
    ) -> Result<()> {
        let id = delivery.id;
        if !rules.waits() || head(&self.waiting, account, id)? == Some(id) {
            self.make_due(account, id, &delivery.state)?;
        }
        Ok(())
    }

    /// Writes the due row of an open delivery, unless it waits for its webhook to be switched on.
    pub(super) fn make_due(&mut self, account: AccountId, id: DeliveryId, state: &State) -> Result<()> {
        if let Some(due) = state.due()
            && !resend::is_parked(&self.setup, &self.resending, account, id)?
        {
            self.due.insert(table::due_key(account, id, due), table::due_value(id, state))?;
        }
        Ok(())
    }

    /// Lets the next delivery of a lane become due after `id` left the open ones. When it falls due.
    pub(super) fn leave(
        &mut self,
        account: AccountId,
        id: DeliveryId,
        rules: LaneRules,
    ) -> Result<Option<Timestamp>> {
        if !rules.several {
            return Ok(None);
        }
        self.waiting.remove(table::waiting_key(account, id))?;
        Ok(self.let_head_be_due(account, id)?.map(|(_, due)| due))
    }

    /// Makes the first delivery of the lane in which `id` stands due, where it is not. Which that is, and when it falls
    /// due.
    pub(super) fn let_head_be_due(
        &mut self,
        account: AccountId,
        id: DeliveryId,
    ) -> Result<Option<(DeliveryId, Timestamp)>> {
        while let Some(next) = head(&self.waiting, account, id)? {
            match self.read_open(account, next) {
                Ok(Some(delivery)) if delivery.id == next => {
                    self.make_due(account, next, &delivery.state)?;
                    return Ok(delivery.state.due().map(|due| (next, due)));
                }
                Ok(_) => tracing::error!(delivery = %next, "what stands in its lane and is not open goes"),
                Err(StoreError::Damaged { what }) => {
                    tracing::error!(%what, "a damaged delivery is set aside and will not be sent");
                    self.set_aside(account, next)?;
                }
                Err(error) => return Err(error),
            }
            self.waiting.remove(table::waiting_key(account, next))?;
        }
        Ok(None)
    }

    /// Has an open delivery that is to wait for others of its lane stand in it, where its place was lost.
    pub(super) fn stand_in_lane(&mut self, account: AccountId, id: DeliveryId) -> Result<()> {
        let is_open = self.open.get(table::delivery_key(account, id))?.is_some();
        if is_open && self.waiting.insert(table::waiting_key(account, id), ())?.is_none() {
            tracing::error!(delivery = %id, "a delivery had lost its place in its lane, and has it again");
        }
        Ok(())
    }

    /// Has the open delivery under a key fall due as its own row says, whatever the rows say that are looked up.
    pub(super) fn make_due_anew(&mut self, account: AccountId, key: DeliveryKey) -> Result<()> {
        let read = self.open.get(key)?.map(|row| view::decode_delivery(row.value(), key)).transpose();
        let Some(delivery) = listed(read)?.flatten() else { return Ok(()) };
        tracing::error!(delivery = %delivery.id, "a delivery was not due as its row says, and is again");
        let rules = self.lane_rules(account, delivery.id, delivery.lead.kind);
        if rules.several {
            self.stand_in_lane(account, delivery.id)?;
        }
        self.make_due_in_turn(account, &delivery, rules)
    }

    /// An open delivery.
    pub(super) fn read_open(&self, account: AccountId, id: DeliveryId) -> Result<Option<Delivery>> {
        let key = table::delivery_key(account, id);
        let row = self.open.get(key)?;
        row.map(|row| view::decode_delivery(row.value(), key)).transpose()
    }

    /// Moves the row of an open delivery, as it is, to where it is kept but never sent; where it is gone, that is noted
    /// there.
    pub(super) fn set_aside(&mut self, account: AccountId, id: DeliveryId) -> Result<()> {
        let key = table::delivery_key(account, id);
        let row = self.open.remove(key)?.map(|row| row.value().to_vec()).unwrap_or_default();
        self.quarantine.insert(key, row.as_slice())?;
        notifications::damaged(self, account, id)?;
        let reason = "its row is damaged".to_owned();
        resend::ended(self, account, id, &State::Failed { at: id.serial.time(), reason })
    }
}
