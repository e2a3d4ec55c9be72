//! What a transaction brings about that others are told of once it is committed.

use std::collections::HashMap;

use ::redb::ReadableTable as _;
use leadhook_core::{
    delivery::{Delivery, State},
    id::{AccountId, WebhookId},
    notification::Notification,
    outcome::Outcome,
    time::Timestamp,
};

use super::tx::Tx;
use crate::{Change, Happening, Result};

/// What a transaction has brought about so far.
#[derive(Debug, Default)]
pub(super) struct Happened {
    /// Whether changes of deliveries are noted: somebody follows them.
    pub(super) follows_deliveries: bool,
    /// What followers are told, in order.
    pub(super) told: Vec<(AccountId, Happening)>,
    /// How many deliveries ended in which way.
    pub(super) ended: Ended,
    /// Since when webhooks have done nothing but fail; only those that failed in this transaction.
    pub(super) failing_since: HashMap<(AccountId, WebhookId), Timestamp>,
}

/// How many deliveries ended in which way.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) delivered: u64,
    pub(super) skipped: u64,
    pub(super) failed: u64,
    pub(super) cancelled: u64,
}

impl Happened {
    /// A delivery has come to the state in which it is.
    pub(super) fn delivery(&mut self, account: AccountId, delivery: &Delivery) {
        match &delivery.state {
            State::Scheduled { .. } | State::Retrying { .. } => {}
            State::Delivered { .. } => self.ended.delivered += 1,
            State::Skipped { .. } => self.ended.skipped += 1,
            State::Failed { .. } => self.ended.failed += 1,
            State::Cancelled { .. } => self.ended.cancelled += 1,
        }
        if self.follows_deliveries {
            self.told.push((account, Happening::Delivery(Change::of(delivery))));
        }
    }

    /// An account's people are told of something.
    pub(super) fn notification(&mut self, account: AccountId, notification: Notification) {
        self.told.push((account, Happening::Notification(notification)));
    }
}

impl Tx<'_> {
    /// Keeps since when a webhook has done nothing but fail, of one of whose deliveries a turn was just settled. A row
    /// is written only where a webhook that took something begins to fail, and removed where it takes something again.
    pub(super) fn note_turn(
        &mut self,
        account: AccountId,
        delivery: &Delivery,
        now: Timestamp,
    ) -> Result<()> {
        let webhook = delivery.id.lane.webhook;
        let key = (account.0, webhook.0);
        let since = self.failing.get(key)?.map(|since| Timestamp(since.value()));
        match (&delivery.state, delivery.attempts.last().map(|attempt| &attempt.outcome)) {
            (State::Delivered { .. }, _) => {
                if since.is_some() {
                    self.failing.remove(key)?;
                }
                self.happened.failing_since.remove(&(account, webhook));
            }
            // Not where a plugin kept it from going out: the handler was not asked.
            (
                State::Retrying { .. } | State::Failed { .. },
                Some(Outcome::Answered(_) | Outcome::Broken { .. }),
            ) => {
                if since.is_none() {
                    self.failing.insert(key, now.0)?;
                }
                self.happened.failing_since.insert((account, webhook), since.unwrap_or(now));
            }
            _ => {}
        }
        Ok(())
    }

    /// A webhook was switched or saved: what failed before counts no longer.
    pub(super) fn forget_failing(&mut self, account: AccountId, webhook: WebhookId) -> Result<()> {
        self.failing.remove((account.0, webhook.0))?;
        Ok(())
    }
}
