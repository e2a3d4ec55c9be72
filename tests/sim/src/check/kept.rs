//! What was acknowledged is kept, is what the reference says, and comes to one end.

use std::collections::{BTreeMap, BTreeSet};

use leadhook_core::delivery::State;
use leadhook_store::ByHand;

use super::{Evidence, Invariant, Tell};
use crate::history::{Told, What};

pub(super) fn check(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    acknowledged(evidence, tell);
    referred(evidence, tell);
    ends(evidence, tell);
    let set_aside = evidence.found.set_aside;
    if set_aside > 0 {
        tell(Invariant::OpensAgain, format!("{set_aside} rows could not be read"));
    }
}

fn acknowledged(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    let mut first: BTreeMap<&str, &Told> = BTreeMap::new();
    for entry in evidence.history {
        let What::Told { event, answer } = &entry.what else { continue };
        let Told::Accepted { event_id, deliveries } = answer else { continue };
        let lead = evidence.posts.get(event).map_or("", |post| post.lead.as_str());
        let of_lead = evidence.found.events.get(lead);
        if of_lead.is_none_or(|events| !events.contains(event_id)) {
            tell(Invariant::AcknowledgedIsStored, format!("event {event} is not in the history of {lead}"));
        }
        for id in deliveries.iter().filter(|id| !evidence.stored.contains_key(id)) {
            tell(Invariant::AcknowledgedIsStored, format!("delivery {id} of event {event} is not stored"));
        }
        if first.entry(event).or_insert(answer) != &answer {
            tell(Invariant::SameEventOnce, format!("event {event} is answered in two ways"));
        }
    }
    for (lead, events) in &evidence.found.events {
        let mut seen = BTreeSet::new();
        for event in events {
            if !seen.insert(event) || !evidence.posts.contains_key(event) {
                tell(
                    Invariant::SameEventOnce,
                    format!("{event} is in the history of {lead} twice or unposted"),
                );
            }
        }
    }
}

fn referred(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    for difference in &evidence.model.differences {
        tell(Invariant::OwedAsReferred, difference.clone());
    }
    for (id, owed) in &evidence.model.owed {
        let found = evidence.stored.get(id);
        let is_so = found.is_some_and(|(account, delivery)| {
            *account == owed.account
                && delivery.lead.id == owed.lead
                && delivery.trigger.word() == owed.trigger
                && delivery.resend_of.is_none()
        });
        if !is_so {
            tell(Invariant::OwedAsReferred, format!("{id} is not stored as {owed:?}"));
        }
    }
    for (id, (_, delivery)) in &evidence.stored {
        if delivery.resend_of.is_none() && !evidence.model.owed.contains_key(id) {
            tell(Invariant::OwedAsReferred, format!("{id} is stored, and nobody is owed it"));
        }
    }
}

fn ends(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    if !evidence.found.is_quiet {
        tell(Invariant::EndsOnce, "what is owed has not all ended in time".to_owned());
    }
    if evidence.stored.len() != evidence.found.deliveries.len() {
        tell(Invariant::EndsOnce, "a delivery is listed twice".to_owned());
    }
    let ended = evidence.ends();
    let touched = evidence.touched_by_hand();
    for (id, (_, delivery)) in &evidence.stored {
        let state = &delivery.state;
        if state.due().is_some() {
            tell(Invariant::EndsOnce, format!("{id} is still {:?}", state.name()));
        }
        let Some(recorded) = ended.get(id) else { continue };
        let was_resent = !delivery.resends.is_empty() && matches!(state, State::Delivered { .. });
        let may_move = touched.contains(id) || was_resent;
        if recorded.iter().any(|(_, known)| *known != state) && !may_move {
            tell(Invariant::EndsOnce, format!("{id} was recorded as {recorded:?} and is {state:?}"));
        }
        // One that was found to be recorded may be noted more than once.
        if recorded.iter().any(|(_, known)| *known != recorded[0].1) && !touched.contains(id) {
            tell(Invariant::EndsOnce, format!("{id} was recorded as ended in several ways"));
        }
    }
    for entry in evidence.history {
        // What was cancelled by hand stays so, unless it is taken up or sent again.
        if let What::ByHand { delivery, answer: Some(ByHand::Unknown), .. } = &entry.what {
            tell(Invariant::EndsOnce, format!("{delivery} was owed and is not known"));
        }
    }
}
