//! Whose turn it is among accounts that have something due: by weight, and by what each was given before.
//!
//! Fair queueing by start time: each account stands at a place, which what it is given moves on by the amount divided by
//! its weight, and the one that stands furthest back goes first. One that had nothing due for a while joins where the
//! furthest back of the others stands: it neither saves up turns nor pays for old ones.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, VecDeque},
};

use leadhook_core::{
    account::{AccountState, Terms},
    id::AccountId,
};

use super::Key;

/// How many deliveries one webhook gets at a turn.
const SHARE: usize = 16;
/// How far one delivery moves an account of weight 1. Divisible by most weights.
const STEP: u64 = 5_040;

/// How an account takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Its weight, 1 or more.
    weight: u32,
    /// Whether anything is sent for it.
    pub(crate) sends: bool,
}

impl Part {
    /// That of an account without terms of its own.
    const USUAL: Self = Self { weight: 1, sends: true };

    /// As an account is served.
    pub(crate) fn of(terms: &Terms) -> Self {
        Self { weight: terms.quotas.weight.max(1), sends: terms.state != AccountState::Closed }
    }
}

/// What one account could send now.
#[derive(Debug, Default)]
pub(super) struct Offer {
    /// Its webhooks, and how many each may send.
    pub(super) gates: VecDeque<(Key, usize)>,
    /// How many the account may send.
    pub(super) left: usize,
}

impl Offer {
    /// What its next webhook gets at this turn; the webhook goes to the end of the line.
    fn next(&mut self, most: usize) -> Option<(Key, usize)> {
        let (key, room) = self.gates.pop_front()?;
        let count = room.min(self.left).min(SHARE).min(most);
        if room > count {
            self.gates.push_back((key, room - count));
        }
        self.left -= count;
        (count > 0).then_some((key, count))
    }
}

/// Where the accounts stand.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// Only those that stand before `now`.
    places: HashMap<AccountId, u64>,
    /// Only those that are not the usual.
    parts: HashMap<AccountId, Part>,
    /// Where the furthest back of those stood that could send when it was last looked.
    now: u64,
}

impl Turns {
    /// How an account takes part.
    pub(super) fn part(&self, account: AccountId) -> Part {
        self.parts.get(&account).copied().unwrap_or(Part::USUAL)
    }

    /// How an account takes part from now on.
    pub(super) fn set_part(&mut self, account: AccountId, part: Part) {
        match part == Part::USUAL {
            true => self.parts.remove(&account),
            false => self.parts.insert(account, part),
        };
    }

    /// Shares `left` places out among what accounts could send.
    pub(super) fn share_out(
        &mut self,
        mut offers: BTreeMap<AccountId, Offer>,
        mut left: usize,
    ) -> BTreeMap<Key, usize> {
        let furthest_back = offers.keys().map(|account| self.place(*account)).min();
        self.now = furthest_back.unwrap_or(self.now);
        self.places.retain(|_, place| *place > self.now);
        let places = offers.keys().map(|account| Reverse((self.place(*account), *account)));
        let mut line: BinaryHeap<_> = places.collect();
        let mut wanted = BTreeMap::new();
        while left > 0
            && let Some(Reverse((place, account))) = line.pop()
        {
            let Some((key, count)) = offers.get_mut(&account).and_then(|offer| offer.next(left)) else {
                continue;
            };
            *wanted.entry(key).or_default() += count;
            left -= count;
            line.push(Reverse((place + self.way(account, count), account)));
        }
        wanted
    }

    /// An account was given so many.
    pub(super) fn gave(&mut self, account: AccountId, count: usize) {
        if count > 0 {
            let place = self.place(account) + self.way(account, count);
            self.places.insert(account, place);
        }
    }

    fn place(&self, account: AccountId) -> u64 {
        self.places.get(&account).copied().unwrap_or(0).max(self.now)
    }

    /// How far so many move an account on.
    fn way(&self, account: AccountId, count: usize) -> u64 {
        (count as u64).saturating_mul(STEP) / u64::from(self.part(account).weight)
    }
}
