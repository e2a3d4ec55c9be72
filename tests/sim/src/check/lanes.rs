//! A delivery is sent once at a time, and in a lane one after another.

use std::collections::{BTreeMap, BTreeSet};

use leadhook_core::{
    delivery::State,
    id::{DeliveryId, Lane},
};
use leadhook_store::ByHand;

use super::{Evidence, Invariant, Tell};
use crate::history::What;

pub(super) fn check(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    let mut lanes: BTreeMap<Lane, BTreeSet<DeliveryId>> = BTreeMap::new();
    for id in evidence.stored.keys() {
        lanes.entry(id.lane).or_default().insert(*id);
    }
    let began: BTreeMap<usize, DeliveryId> =
        evidence.sent.iter().filter_map(|sent| Some((sent.began, sent.delivery?))).collect();
    let ended: BTreeMap<usize, DeliveryId> =
        evidence.sent.iter().filter_map(|sent| Some((sent.ended?, sent.delivery?))).collect();
    let (mut has_ended, mut in_flight) = (BTreeSet::new(), Vec::new());
    for (place, entry) in evidence.history.iter().enumerate() {
        if let Some(id) = ended.get(&place) {
            let found = in_flight.iter().position(|other| other == id);
            found.map(|found| in_flight.swap_remove(found));
        }
        if let Some(id) = began.get(&place) {
            let lane = lanes.get(&id.lane);
            look(evidence, *id, &in_flight, lane.into_iter().flatten(), &has_ended, tell);
            in_flight.push(*id);
        }
        match &entry.what {
            What::LifeEnded(_) => in_flight.clear(),
            What::Settled { delivery, state, is_stored: true, .. } if state.due().is_none() => {
                has_ended.insert(*delivery);
            }
            // Cancelled, or taken up again: then it may stand before one that is under way.
            What::ByHand { delivery, answer: Some(ByHand::Done { .. }) | None, .. } => {
                has_ended.insert(*delivery);
            }
            _ => {}
        }
    }
}

fn look<'i>(
    evidence: &Evidence<'_>,
    id: DeliveryId,
    in_flight: &[DeliveryId],
    lane: impl Iterator<Item = &'i DeliveryId>,
    has_ended: &BTreeSet<DeliveryId>,
    tell: &mut Tell<'_>,
) {
    if in_flight.contains(&id) {
        tell(Invariant::LaneInOrder, format!("{id} went out while it was under way"));
    }
    if !evidence.is_ordered(id.lane.webhook.0) {
        return;
    }
    // What sends the same again does not wait for itself.
    let first = |id: &DeliveryId| {
        let of = evidence.stored.get(id).and_then(|(_, delivery)| delivery.resend_of.as_ref());
        of.map_or(*id, |of| of.first)
    };
    let is_other = |other: &&DeliveryId| first(other) != first(&id);
    for other in in_flight.iter().filter(|other| other.lane == id.lane).filter(is_other) {
        tell(Invariant::LaneInOrder, format!("{id} went out while {other} of its lane was under way"));
    }
    let waits_for = |other: &&DeliveryId| other.serial < id.serial && !has_ended.contains(other);
    for other in lane.filter(waits_for).filter(is_other) {
        let state = evidence.stored.get(other).map(|(_, delivery)| &delivery.state);
        // Called off with its resend: that is not noted by delivery.
        if !matches!(state, Some(State::Cancelled { .. })) {
            tell(Invariant::LaneInOrder, format!("{id} went out before {other} of its lane had ended"));
        }
    }
}
