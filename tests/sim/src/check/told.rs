//! What goes out: to whom it belongs, what it tells, and why something did not go out.

use leadhook_core::{
    delivery::{Delivery, State},
    id::DeliveryId,
};

use super::{Evidence, Invariant, Tell, evidence::Sent};
use crate::{handler::addressee, history::What, model::Owed};

pub(super) fn check(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    for sent in &evidence.sent {
        let Some(id) = sent.delivery else { continue };
        let Some((account, delivery)) = evidence.stored.get(&id) else { continue };
        let is_for = |key: &str| sent.body.contains(&format!("{key}={}", delivery.lead.id));
        let is_right = addressee(&sent.url) == Some((*account, id.lane.webhook.0))
            && (is_for("id") || is_for("requestId"));
        if !is_right {
            tell(Invariant::NothingCrosses, format!("{id} went to {} with {}", sent.url, sent.body));
        }
        let owed = delivery.resend_of.as_ref().map_or(id, |of| of.first);
        if let Some(owed) = evidence.model.owed.get(&owed) {
            content(evidence, sent, delivery, owed, tell);
        }
        if let Some((false, _)) = evidence.webhook_at(id.lane.webhook.0, sent.claimed) {
            tell(Invariant::OffSendsNothing, format!("{id} went out though its webhook was off"));
        }
    }
    for (id, (_, delivery)) in &evidence.stored {
        reason(evidence, *id, delivery, tell);
    }
    cancelled(evidence, tell);
}

/// The versions of the lead that may be sent.
fn versions<'e>(
    evidence: &'e Evidence<'_>,
    owed: &Owed,
) -> &'e [std::collections::BTreeMap<&'static str, u8>] {
    let all = evidence.model.leads.get(&owed.lead).map_or(&[][..], |lead| lead.versions.as_slice());
    let end = if owed.is_as_of_event { owed.version + 1 } else { all.len() };
    all.get(owed.version..end).unwrap_or_default()
}

fn content(evidence: &Evidence<'_>, sent: &Sent, delivery: &Delivery, owed: &Owed, tell: &mut Tell<'_>) {
    if owed.trigger == "call_started" {
        return;
    }
    let versions = versions(evidence, owed);
    let rating = sent.body.split('&').find_map(|pair| pair.strip_prefix("rating=")).unwrap_or("0");
    let is_known = |facts: &std::collections::BTreeMap<&str, u8>| {
        facts.get("rating").copied().unwrap_or(0).to_string() == rating
    };
    if !versions.iter().any(is_known) {
        let detail = format!("{} went out with rating {rating}, of {versions:?}", sent.id);
        tell(Invariant::SendsWhatIsKnown, detail);
    }
    // Sent again, it is as it was then, whatever the filters are now.
    let rules = evidence.webhook_at(delivery.id.lane.webhook.0, sent.claimed).map(|(_, rules)| rules);
    let is_filtered = delivery.resend_of.is_none() && rules.is_some_and(|rules| rules.vip_only);
    if is_filtered && !versions.iter().any(|facts| facts.get("tags_manual") == Some(&1)) {
        tell(Invariant::SkippedForAReason, format!("{} went out though its lead has no such tag", sent.id));
    }
}

fn reason(evidence: &Evidence<'_>, id: DeliveryId, delivery: &Delivery, tell: &mut Tell<'_>) {
    let state = &delivery.state;
    if !matches!(state, State::Delivered { .. }) && state.reason().is_none_or(str::is_empty) {
        tell(Invariant::SkippedForAReason, format!("{id} is {:?} for no reason", state.name()));
    }
    let (State::Skipped { .. }, Some(owed)) = (state, evidence.model.owed.get(&id)) else { return };
    let may_filter = evidence.rules_of(id.lane.webhook.0).any(|rules| rules.vip_only);
    let lacks = versions(evidence, owed).iter().any(|facts| facts.get("tags_manual") != Some(&1));
    if !(may_filter && lacks && owed.trigger != "call_started") {
        tell(
            Invariant::SkippedForAReason,
            format!("{id} was skipped and is to be sent: {:?}", state.reason()),
        );
    }
}

/// What the engine itself cancelled was of a webhook that was off.
fn cancelled(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    let mut claimed = std::collections::BTreeMap::new();
    for (place, entry) in evidence.history.iter().enumerate() {
        match &entry.what {
            What::Claimed { delivery, .. } => drop(claimed.insert(*delivery, place)),
            What::Settled { delivery, state: State::Cancelled { .. }, is_stored: true, .. } => {
                let claimed = claimed.get(delivery).copied().unwrap_or(place);
                if let Some((true, _)) = evidence.webhook_at(delivery.lane.webhook.0, claimed) {
                    let detail = format!("{delivery} was cancelled though its webhook was on");
                    tell(Invariant::SkippedForAReason, detail);
                }
            }
            _ => {}
        }
    }
}
