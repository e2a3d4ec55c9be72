//! What the checks look at: the history with its sendings joined, what is stored at the end, and the reference.

use std::collections::{BTreeMap, BTreeSet};

use leadhook_core::{
    delivery::{Delivery, State},
    id::DeliveryId,
};

use crate::{
    history::{Entry, What},
    model::{Model, Post, Rules},
    run::Final,
};

/// One request as its handler saw it.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The places in the history of its beginning and, where it came to that, its end.
    pub(crate) began: usize,
    pub(crate) ended: Option<usize>,
    /// The place of the claim that it was made under.
    pub(crate) claimed: usize,
    pub(crate) id: String,
    /// Whose id that is; `None` for an id that no delivery has.
    pub(crate) delivery: Option<DeliveryId>,
    pub(crate) url: String,
    pub(crate) body: String,
    pub(crate) is_success: bool,
}

/// What the checks look at.
pub(crate) struct Evidence<'r> {
    pub(crate) history: &'r [Entry],
    pub(crate) posts: &'r BTreeMap<String, Post>,
    pub(crate) rules: Vec<Rules>,
    pub(crate) found: &'r Final,
    pub(crate) stored: BTreeMap<DeliveryId, (u32, &'r Delivery)>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) model: Model,
}

impl<'r> Evidence<'r> {
    pub(crate) fn of(
        history: &'r [Entry],
        posts: &'r BTreeMap<String, Post>,
        rules: Vec<Rules>,
        found: &'r Final,
    ) -> Self {
        let stored: BTreeMap<_, _> =
            found.deliveries.iter().map(|(account, delivery)| (delivery.id, (*account, delivery))).collect();
        let model = Model::of(history, posts, rules.clone());
        let sent = joined(history);
        Self { history, posts, rules, found, stored, sent, model }
    }

    /// Every set of rules that was ever saved for a webhook.
    pub(crate) fn rules_of(&self, webhook: u64) -> impl Iterator<Item = &Rules> {
        self.rules.iter().filter(move |rules| rules.webhook == webhook)
    }

    /// Whether deliveries of a lead wait for each other at this webhook.
    pub(crate) fn is_ordered(&self, webhook: u64) -> bool {
        self.rules_of(webhook).next().is_some_and(|rules| rules.is_ordered)
    }

    /// How a webhook stood at a place of the history: whether it was on, and its rules.
    pub(crate) fn webhook_at(&self, webhook: u64, place: usize) -> Option<(bool, &Rules)> {
        self.history[..place].iter().rev().find_map(|entry| match &entry.what {
            What::WebhookIs { webhook: id, is_on, rules, .. } if id.0 == webhook => {
                Some((*is_on, self.rules.get(*rules)?))
            }
            _ => None,
        })
    }

    /// When a delivery was recorded as ended, by place; the last time where it was taken up again.
    pub(crate) fn ends(&self) -> BTreeMap<DeliveryId, Vec<(usize, &'r State)>> {
        let mut ends: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, entry) in self.history.iter().enumerate() {
            if let What::Settled { delivery, state, is_stored: true, .. } = &entry.what
                && state.due().is_none()
            {
                ends.entry(*delivery).or_default().push((place, state));
            }
        }
        ends
    }

    /// Deliveries to which something was done by hand.
    pub(crate) fn touched_by_hand(&self) -> BTreeSet<DeliveryId> {
        let touched = self.history.iter().filter_map(|entry| match &entry.what {
            What::ByHand { delivery, .. } => Some(*delivery),
            _ => None,
        });
        touched.collect()
    }
}

/// The sendings, each with its claim and its end.
fn joined(history: &[Entry]) -> Vec<Sent> {
    let mut sent: Vec<Sent> = Vec::new();
    let mut by_number = BTreeMap::new();
    let mut claims: BTreeMap<DeliveryId, usize> = BTreeMap::new();
    for (place, entry) in history.iter().enumerate() {
        match &entry.what {
            What::Claimed { delivery, .. } => drop(claims.insert(*delivery, place)),
            What::Sending { number, url, id, body } => {
                let delivery: Option<DeliveryId> = id.parse().ok();
                let claimed = delivery.and_then(|id| claims.get(&id).copied()).unwrap_or(place);
                by_number.insert(*number, sent.len());
                let (id, url, body) = (id.clone(), url.clone(), body.clone());
                sent.push(Sent {
                    began: place,
                    ended: None,
                    claimed,
                    id,
                    delivery,
                    url,
                    body,
                    is_success: false,
                });
            }
            What::HandlerEnded { number, is_success } => {
                let one = by_number.get(number).and_then(|index| sent.get_mut(*index));
                if let Some(one) = one {
                    (one.ended, one.is_success) = (Some(place), *is_success);
                }
            }
            _ => {}
        }
    }
    sent
}
