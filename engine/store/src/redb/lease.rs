//! Leases: who may attempt which delivery. They live in memory, since only this process can hold them: a restart
//! ends them all, which is how a crash before settling comes to repeat a sending.
//!
//! Two races are shut out here. A claim keeps the lock from before it begins to read until its leases are
//! noted, and a settlement's lease goes only after its commit, so no claim sees a delivery both as due
//! and as free that was just settled. And the writer holds what it is about to change, so that nobody
//! leases it between the change and its commit.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use leadhook_core::{
    id::{AccountId, DeliveryId, Lane},
    time::{Serial, Timestamp},
};

use crate::Lease;

/// All leases of this process.
#[derive(Debug, Default)]
pub(super) struct Leases(Mutex<Table>);

/// The leases, while they are locked.
#[derive(Debug, Default)]
pub(super) struct Table {
    last_token: u64,
    held: BTreeMap<(AccountId, DeliveryId), Held>,
    /// What the writer holds until its transaction ends.
    in_change: Vec<(AccountId, DeliveryId)>,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    token: u64,
    until: Timestamp,
    /// When it fell due, as it stands in the due table while the lease lasts.
    due: Timestamp,
    in_change: bool,
}

impl Leases {
    pub(super) fn lock(&self) -> MutexGuard<'_, Table> {
        // A panic elsewhere cannot leave the table half changed: each change below is one statement on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Whether somebody may be attempting it at `now`, or the writer is changing it.
    pub(super) fn is_held(&self, account: AccountId, delivery: DeliveryId, now: Timestamp) -> bool {
        self.held.get(&(account, delivery)).is_some_and(|held| held.holds(now))
    }

    /// Whether somebody may be attempting it who will still hold it when the writer's transaction has ended.
    pub(super) fn is_held_beyond_change(
        &self,
        account: AccountId,
        delivery: DeliveryId,
        now: Timestamp,
    ) -> bool {
        self.held.get(&(account, delivery)).is_some_and(|held| !held.in_change && held.until > now)
    }

    /// Whether any delivery of the lane is held.
    pub(super) fn is_lane_held(&self, account: AccountId, lane: Lane, now: Timestamp) -> bool {
        let id = |serial| (account, DeliveryId { lane, serial: Serial(serial) });
        self.held.range(id(0)..=id(u64::MAX)).any(|(_, held)| held.holds(now))
    }

    /// The deliveries of an account that are under lease.
    pub(super) fn of_account(&self, account: AccountId) -> BTreeSet<DeliveryId> {
        let of_account = self.held.iter().filter(|((owner, _), held)| *owner == account && held.is_lease());
        of_account.map(|((_, delivery), _)| *delivery).collect()
    }

    /// How many deliveries are under lease.
    pub(super) fn count(&self) -> u64 {
        self.held.values().filter(|held| held.is_lease()).count() as u64
    }

    /// Whether a delivery is under lease.
    pub(super) fn is_leased(&self, account: AccountId, delivery: DeliveryId) -> bool {
        self.held.get(&(account, delivery)).is_some_and(|held| held.is_lease())
    }

    /// Leases a delivery that is not held.
    pub(super) fn add(
        &mut self,
        account: AccountId,
        delivery: DeliveryId,
        due: Timestamp,
        until: Timestamp,
    ) -> Lease {
        self.last_token += 1;
        let token = self.last_token;
        self.held.insert((account, delivery), Held { token, until, due, in_change: false });
        Lease { account, delivery, token }
    }

    /// Gives a lease back, unless it is stale or being settled.
    pub(super) fn release(&mut self, lease: Lease) {
        let key = (lease.account, lease.delivery);
        if self.held.get(&key).is_some_and(|held| held.token == lease.token && !held.in_change) {
            self.held.remove(&key);
        }
    }

    /// Holds what a lease is for until the transaction ends. When it fell due; `None` if the lease is stale.
    /// A lease that ran out is still good as long as nobody else took its delivery.
    pub(super) fn begin_settling(&mut self, lease: Lease) -> Option<Timestamp> {
        let key = (lease.account, lease.delivery);
        let held = self.held.get_mut(&key).filter(|held| held.token == lease.token && !held.in_change)?;
        held.in_change = true;
        let due = held.due;
        self.in_change.push(key);
        Some(due)
    }

    /// Holds a delivery that nobody attempts until the transaction ends. Whether that was possible. A lease that
    /// ran out becomes stale by it.
    pub(super) fn begin_change(&mut self, account: AccountId, delivery: DeliveryId, now: Timestamp) -> bool {
        if self.is_held(account, delivery, now) {
            return false;
        }
        self.last_token += 1;
        let held = Held { token: self.last_token, until: NEVER_LEASED, due: now, in_change: true };
        self.held.insert((account, delivery), held);
        self.in_change.push((account, delivery));
        true
    }

    /// Ends the writer's holds after its transaction: what was committed is free, what was not is held as before.
    pub(super) fn end_changes(&mut self, committed: bool) {
        for key in std::mem::take(&mut self.in_change) {
            match self.held.get_mut(&key) {
                Some(held) if !committed && held.is_lease() => held.in_change = false,
                _ => {
                    self.held.remove(&key);
                }
            }
        }
    }
}

/// The end of what only the writer holds.
const NEVER_LEASED: Timestamp = Timestamp(i64::MIN);

impl Held {
    fn is_lease(&self) -> bool {
        self.until > NEVER_LEASED
    }

    fn holds(self, now: Timestamp) -> bool {
        self.in_change || self.until > now
    }
}

#[cfg(test)]
mod tests {
    use leadhook_core::id::WebhookId;

    use super::*;

    const ACCOUNT: AccountId = AccountId(1);

    fn delivery(serial: u64) -> DeliveryId {
        DeliveryId { lane: Lane { webhook: WebhookId(7), lead: Serial(1) }, serial: Serial(serial) }
    }

    #[test]
    fn what_is_being_settled_cannot_be_leased_released_or_changed_until_the_transaction_ends() {
        let mut leases = Table::default();
        let lease = leases.add(ACCOUNT, delivery(2), Timestamp(5), Timestamp(10));
        assert_eq!(leases.begin_settling(lease), Some(Timestamp(5)));
        leases.release(lease);
        let long_after = Timestamp(1_000);
        assert!(leases.is_held(ACCOUNT, delivery(2), long_after));
        assert!(leases.is_lane_held(ACCOUNT, delivery(3).lane, long_after));
        assert!(!leases.begin_change(ACCOUNT, delivery(2), long_after));
        leases.end_changes(true);
        assert!(!leases.is_held(ACCOUNT, delivery(2), Timestamp(0)));
    }

    #[test]
    fn an_aborted_settlement_leaves_the_lease_as_it_was() {
        let mut leases = Table::default();
        let lease = leases.add(ACCOUNT, delivery(2), Timestamp(5), Timestamp(10));
        leases.begin_settling(lease);
        leases.end_changes(false);
        assert!(leases.is_held(ACCOUNT, delivery(2), Timestamp(9)));
        assert!(!leases.is_held(ACCOUNT, delivery(2), Timestamp(10)));
        assert_eq!(leases.begin_settling(lease), Some(Timestamp(5)));
    }

    #[test]
    fn an_aborted_change_leaves_nothing() {
        let mut leases = Table::default();
        assert!(leases.begin_change(ACCOUNT, delivery(2), Timestamp(0)));
        leases.end_changes(false);
        assert!(!leases.is_held(ACCOUNT, delivery(2), Timestamp(i64::MIN)));
    }

    #[test]
    fn an_older_token_is_stale() {
        let mut leases = Table::default();
        let first = leases.add(ACCOUNT, delivery(2), Timestamp(5), Timestamp(10));
        let second = leases.add(ACCOUNT, delivery(2), Timestamp(5), Timestamp(20));
        assert!(second.token > first.token);
        assert_eq!(leases.begin_settling(first), None);
        leases.release(first);
        assert!(leases.is_held(ACCOUNT, delivery(2), Timestamp(15)));
    }
}
