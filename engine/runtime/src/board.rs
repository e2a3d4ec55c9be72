//! The dispatcher's board: for each webhook that owes something, when it may send next and how much.
//!
//! Plain state without I/O or clock. It holds one entry per webhook, never one per delivery: what is due
//! stands in the store, the board only knows when to ask.

mod turns;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use leadhook_core::{
    breaker::{Breaker, Permit},
    id::{AccountId, WebhookId},
    time::Timestamp,
    webhook::Rate,
};
use leadhook_store::{Claims, Want};

use crate::limits::Limits;
pub(crate) use turns::Part;
use turns::{Offer, Turns};

/// A webhook of an account.
pub(crate) type Key = (AccountId, WebhookId);

/// How one delivery's turn ended, as far as its webhook's handler is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The handler took it.
    Succeeded,
    /// The handler did not.
    Failed,
    /// The handler was not asked.
    NotSent,
}

/// Attempts at one time until the webhook's settings are known, which the first claim tells: no webhook may be
/// allowed fewer.
const CONCURRENT_UNTIL_KNOWN: usize = 1;
/// How soon to ask again when the store said that something is due but gave nothing.
const ASK_AGAIN_MS: i64 = 1_000;

#[derive(Debug)]
struct Gate {
    next_due: Option<Timestamp>,
    in_flight: usize,
    concurrent: usize,
    pace: Option<Pace>,
    breaker: Breaker,
    recover_at: Option<Timestamp>,
    listed_at: Option<Timestamp>,
}

/// The state of all webhooks that owe something.
#[derive(Debug)]
pub(crate) struct Board {
    limits: Limits,
    gates: HashMap<Key, Gate>,
    /// Gates by the time at which they may act; a gate that waits for its own deliveries is not listed.
    listed: BTreeSet<(Timestamp, Key)>,
    in_flight: usize,
    in_flight_by_account: HashMap<AccountId, usize>,
    turns: Turns,
}

impl Board {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            gates: HashMap::new(),
            listed: BTreeSet::new(),
            in_flight: 0,
            in_flight_by_account: HashMap::new(),
            turns: Turns::default(),
        }
    }

    /// Something of this webhook falls due at `due`.
    pub(crate) fn wake(&mut self, key: Key, due: Timestamp, now: Timestamp) {
        let gate = self.gates.entry(key).or_default();
        gate.next_due = earliest(gate.next_due, Some(due));
        self.list(key, now);
    }

    /// The webhook's settings were saved or it was switched: its handler gets a fresh start.
    pub(crate) fn changed(&mut self, key: Key, rate: Rate, now: Timestamp) {
        if let Some(gate) = self.gates.get_mut(&key) {
            gate.breaker = Breaker::new();
            gate.take_rate(rate, now);
            self.list(key, now);
        }
    }

    /// An account is served on other terms from now on.
    pub(crate) fn serve(&mut self, account: AccountId, part: Part) {
        self.turns.set_part(account, part);
    }

    /// What to ask the store for: due webhooks, account by account in turns.
    pub(crate) fn wants(&mut self, now: Timestamp) -> Vec<Want> {
        let mut offers: BTreeMap<AccountId, Offer> = BTreeMap::new();
        for (_, key) in self.listed.range(..=(now, MAX_KEY)) {
            if let Some(gate) = self.gates.get_mut(key) {
                let room = gate.room(now);
                if room > 0 {
                    offers.entry(key.0).or_default().gates.push_back((*key, room));
                }
            }
        }
        for (account, offer) in &mut offers {
            offer.left = self.room_of_account(*account);
        }
        // Who cannot send holds back nobody's place.
        offers.retain(|_, offer| offer.left > 0);
        let left = self.limits.in_flight.saturating_sub(self.in_flight);
        let wanted = self.turns.share_out(offers, left);
        wanted.into_iter().map(|((account, webhook), most)| Want { account, webhook, most }).collect()
    }

    fn room_of_account(&self, account: AccountId) -> usize {
        if !self.turns.part(account).sends {
            return 0;
        }
        let used = self.in_flight_by_account.get(&account).copied().unwrap_or(0);
        self.limits.in_flight_per_account.saturating_sub(used)
    }

    /// The store gave these: they are in flight from now on.
    pub(crate) fn claimed(&mut self, claims: &Claims, now: Timestamp) {
        let key = (claims.account, claims.webhook);
        let count = claims.claimed.len();
        let gate = self.gates.entry(key).or_default();
        let nothing_came = count == 0 && claims.next_due.is_some_and(|due| due <= now);
        gate.next_due = if nothing_came { Some(now.plus_ms(ASK_AGAIN_MS)) } else { claims.next_due };
        if let Some(first) = claims.claimed.first() {
            gate.take_rate(first.webhook.settings.rate, now);
        }
        if let Some(pace) = &mut gate.pace {
            pace.spend(count);
        }
        gate.in_flight += count;
        self.in_flight += count;
        *self.in_flight_by_account.entry(key.0).or_default() += count;
        self.turns.gave(key.0, count);
        self.list(key, now);
    }

    /// One delivery's turn with the handler is over. Answers whether the handler just became healthy again, or failing.
    /// The turn counts from when it was over, `at`, however late that is heard.
    pub(crate) fn sent(&mut self, key: Key, turn: Turn, at: Timestamp, now: Timestamp) -> Health {
        let Some(gate) = self.gates.get_mut(&key) else { return Health::AsBefore };
        gate.in_flight = gate.in_flight.saturating_sub(1);
        let health = match turn {
            Turn::Succeeded if gate.breaker.succeeded() => {
                gate.recover_at = Some(now);
                Health::Recovered
            }
            Turn::Failed => {
                gate.recover_at = None;
                if gate.breaker.failed(at) { Health::Failing } else { Health::AsBefore }
            }
            Turn::Succeeded | Turn::NotSent => Health::AsBefore,
        };
        self.list(key, now);
        health
    }

    /// One delivery is recorded; `next_due` is when the webhook's next falls due, as far as settling told.
    pub(crate) fn ended(&mut self, key: Key, next_due: Option<Timestamp>, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(count) = self.in_flight_by_account.get_mut(&key.0) {
            *count = count.saturating_sub(1);
        }
        if let Some(due) = next_due {
            self.wake(key, due, now);
        }
    }

    /// Webhooks whose waiting retries are to be brought forward now.
    pub(crate) fn recovering(&mut self, now: Timestamp) -> Vec<Key> {
        let mut due = Vec::new();
        for (_, key) in self.listed.range(..=(now, MAX_KEY)) {
            if let Some(gate) = self.gates.get_mut(key)
                && gate.recover_at.is_some_and(|at| at <= now)
            {
                gate.recover_at = None;
                due.push(*key);
            }
        }
        due
    }

    /// A batch of retries was brought forward; `again` says when to bring the next, if more may wait.
    pub(crate) fn brought_forward(&mut self, key: Key, again: Option<Timestamp>, now: Timestamp) {
        if let Some(gate) = self.gates.get_mut(&key) {
            gate.recover_at = again;
            gate.next_due = earliest(gate.next_due, Some(now));
            self.list(key, now);
        }
    }

    /// When to look again; `None` while nothing is owed that could move by itself.
    pub(crate) fn next_wake(&self, now: Timestamp) -> Option<Timestamp> {
        let full = self.in_flight >= self.limits.in_flight;
        let mut listed = self.listed.iter();
        // What is listed as due but got no share waits for room, which an ended turn announces.
        listed
            .find(|(at, (account, _))| *at > now || !(full || self.room_of_account(*account) == 0))
            .map(|(at, _)| *at)
    }

    /// Lists the gate under the time at which it may act next, and forgets one that owes nothing.
    fn list(&mut self, key: Key, now: Timestamp) {
        let Some(gate) = self.gates.get_mut(&key) else { return };
        let at = gate.acts_at(now);
        if at != gate.listed_at {
            if let Some(old) = gate.listed_at.take() {
                self.listed.remove(&(old, key));
            }
            if let Some(at) = at {
                self.listed.insert((at, key));
            }
            gate.listed_at = at;
        }
        if gate.is_idle() {
            self.gates.remove(&key);
            self.in_flight_by_account.retain(|_, count| *count > 0);
        }
    }
}

/// What an ended turn says about the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Health {
    /// Nothing new.
    AsBefore,
    /// It failed so often that nothing is attempted for a while.
    Failing,
    /// It failed before and now took a delivery.
    Recovered,
}

const MAX_KEY: Key = (AccountId(u32::MAX), WebhookId(u64::MAX));

impl Default for Gate {
    fn default() -> Self {
        Self {
            next_due: None,
            in_flight: 0,
            concurrent: CONCURRENT_UNTIL_KNOWN,
            pace: None,
            breaker: Breaker::new(),
            recover_at: None,
            listed_at: None,
        }
    }
}

impl Gate {
    fn take_rate(&mut self, rate: Rate, now: Timestamp) {
        self.concurrent = rate.concurrent as usize;
        match (rate.per_second, &mut self.pace) {
            (None, pace) => *pace = None,
            (Some(per_second), Some(pace)) if pace.per_second == per_second => {}
            (Some(per_second), pace) => *pace = Some(Pace::new(per_second, now)),
        }
    }

    /// How many may go out now, when something is due.
    fn room(&mut self, now: Timestamp) -> usize {
        if self.next_due.is_none_or(|due| due > now) {
            return 0;
        }
        let free = self.concurrent.saturating_sub(self.in_flight);
        let by_breaker = match self.breaker.permits(now) {
            Permit::Free => free,
            Permit::Probe => usize::from(self.in_flight == 0),
            Permit::OpenUntil(_) => 0,
        };
        let by_pace = self.pace.as_mut().map_or(usize::MAX, |pace| pace.tokens(now));
        by_breaker.min(by_pace)
    }

    /// When it may act next: send, or bring retries forward. `None` while it waits for its own deliveries.
    fn acts_at(&self, now: Timestamp) -> Option<Timestamp> {
        earliest(self.sends_at(now), self.recover_at)
    }

    fn sends_at(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at = self.next_due?;
        if self.in_flight >= self.concurrent {
            return None;
        }
        match self.breaker.permits(now) {
            Permit::Free => {}
            Permit::Probe if self.in_flight > 0 => return None,
            Permit::Probe => {}
            Permit::OpenUntil(until) => at = at.max(until),
        }
        if let Some(pace) = &self.pace {
            at = at.max(pace.next_token_at(now));
        }
        Some(at)
    }

    /// Nothing is owed or under way, and nothing is remembered about the handler or its pace.
    fn is_idle(&self) -> bool {
        let owes = self.next_due.is_some() || self.in_flight > 0 || self.recover_at.is_some();
        !owes && self.pace.is_none() && self.breaker == Breaker::new()
    }
}

/// A token bucket: so many attempts may begin each second, unused ones of one second at most saved up.
#[derive(Debug)]
struct Pace {
    per_second: u32,
    /// In thousandths of an attempt.
    saved: i64,
    at: Timestamp,
}

impl Pace {
    fn new(per_second: u32, now: Timestamp) -> Self {
        Self { per_second, saved: i64::from(per_second) * 1_000, at: now }
    }

    fn saved_at(&self, now: Timestamp) -> i64 {
        let passed = now.0.saturating_sub(self.at.0).max(0);
        let most = i64::from(self.per_second) * 1_000;
        self.saved.saturating_add(passed.saturating_mul(i64::from(self.per_second))).min(most)
    }

    fn tokens(&mut self, now: Timestamp) -> usize {
        self.saved = self.saved_at(now);
        self.at = now;
        usize::try_from(self.saved / 1_000).unwrap_or(0)
    }

    fn spend(&mut self, count: usize) {
        self.saved -= i64::try_from(count).unwrap_or(i64::MAX / 1_000) * 1_000;
    }

    fn next_token_at(&self, now: Timestamp) -> Timestamp {
        let missing = 1_000 - self.saved_at(now);
        match missing {
            ..=0 => now,
            _ => now.plus_ms((missing + i64::from(self.per_second) - 1) / i64::from(self.per_second)),
        }
    }
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
