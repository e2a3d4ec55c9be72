//! Resends: each delivery of the period again, once, and nothing else.

use std::collections::BTreeSet;

use leadhook_core::{
    delivery::State,
    id::{AccountId, DeliveryId, ResendId},
    resend::{Only, Phase, Wanted},
};
use leadhook_store::ByHand;

use super::{Evidence, Invariant, Tell};
use crate::history::What;

struct Begun<'r> {
    place: usize,
    account: AccountId,
    wanted: &'r Wanted,
    id: ResendId,
}

pub(super) fn check(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    let begun: Vec<Begun<'_>> = evidence
        .history
        .iter()
        .enumerate()
        .filter_map(|(place, entry)| match &entry.what {
            What::ResendBegun { account, wanted, id: Some(id), .. } => {
                Some(Begun { place, account: *account, wanted, id: *id })
            }
            _ => None,
        })
        .collect();
    let done = done(evidence, &begun, tell);
    let ends = evidence.ends();
    for (id, (account, delivery)) in &evidence.stored {
        let by_hand = by_hand(evidence, *id);
        let children = delivery.resends.iter().filter(|child| !by_hand.known.contains(child)).count();
        let could = |begun: &&Begun<'_>| {
            begun.account.0 == *account
                && begun.wanted.webhook == id.lane.webhook
                && id.serial < begun.id.0
                && began_within(evidence, &delivery.lead.id, begun.wanted)
        };
        let most = begun.iter().filter(could).count() + by_hand.unsure;
        if children > most {
            tell(Invariant::ResendExact, format!("{id} was sent again {children} times by {most} resends"));
        }
        let had_to = |begun: &&Begun<'_>| {
            let ended =
                ends.get(id).and_then(|ends| ends.iter().rev().find(|(place, _)| *place < begun.place));
            let was_sent = matches!(ended, Some((_, State::Delivered { .. } | State::Failed { .. })));
            done.contains(&begun.id)
                && begun.wanted.only == Only::All
                && was_sent
                && !delivery.attempts.is_empty()
        };
        let least = begun.iter().filter(could).filter(had_to).count();
        if children < least && delivery.resend_of.is_none() {
            tell(Invariant::ResendExact, format!("{id} was sent again {children} times by {least} resends"));
        }
        for child in &delivery.resends {
            let of = evidence.stored.get(child).and_then(|(_, child)| child.resend_of.as_ref());
            if of.is_none_or(|of| of.first != *id) {
                tell(Invariant::ResendExact, format!("{child} is to send {id} again and does not"));
            }
        }
    }
}

/// The resends that came to their end; every one has to.
fn done(evidence: &Evidence<'_>, begun: &[Begun<'_>], tell: &mut Tell<'_>) -> BTreeSet<ResendId> {
    let mut done = BTreeSet::new();
    for entry in evidence.history {
        if let What::ResendIs { id, phase: Phase::Done { .. }, .. } = &entry.what {
            done.insert(*id);
        }
    }
    for begun in begun.iter().filter(|begun| !done.contains(&begun.id)) {
        tell(Invariant::ResendExact, format!("the resend {} did not come to its end", begun.id));
    }
    done
}

fn began_within(evidence: &Evidence<'_>, lead: &str, wanted: &Wanted) -> bool {
    evidence.model.leads.get(lead).is_some_and(|lead| wanted.is_of_period(lead.began))
}

/// What sent a delivery again by hand.
struct ByHandOf {
    known: BTreeSet<DeliveryId>,
    /// How many more may have, of which nobody was told.
    unsure: usize,
}

fn by_hand(evidence: &Evidence<'_>, id: DeliveryId) -> ByHandOf {
    let mut of = ByHandOf { known: BTreeSet::new(), unsure: 0 };
    for entry in evidence.history {
        match &entry.what {
            What::ByHand { answer: Some(ByHand::SentAgain { by, first, .. }), .. } if *first == id => {
                of.known.insert(*by);
            }
            What::ByHand { delivery, answer: None, .. } => of.unsure += usize::from(*delivery == id),
            _ => {}
        }
    }
    of
}
