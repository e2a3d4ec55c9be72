//! Sendings of one delivery: their id, their bytes, their number, their time, and none after a success.

use std::collections::BTreeMap;

use leadhook_core::{
    delivery::State,
    id::{DeliveryId, WebhookId},
    time::Timestamp,
};
use leadhook_store::ByHand;

use super::{Evidence, Invariant, Tell, evidence::Sent};
use crate::history::What;

pub(super) fn check(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    ids_and_bytes(evidence, tell);
    after_success(evidence, tell);
    attempts(evidence, tell);
    Dues::default().check(evidence, tell);
}

fn ids_and_bytes(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    let mut before: BTreeMap<DeliveryId, &Sent> = BTreeMap::new();
    for sent in &evidence.sent {
        let Some(id) = sent.delivery.filter(|id| evidence.stored.contains_key(id)) else {
            tell(
                Invariant::OneIdSameBytes,
                format!("something went out as {}, which is no delivery", sent.id),
            );
            continue;
        };
        if let Some(first) = before.insert(id, sent)
            && (&first.url, &first.body) != (&sent.url, &sent.body)
            && !may_differ(evidence, id, first, sent)
        {
            tell(Invariant::OneIdSameBytes, format!("{id} went out as {} and as {}", first.body, sent.body));
        }
    }
}

/// Whether settings were saved between two sendings, or what the first one sent may not be on record.
fn may_differ(evidence: &Evidence<'_>, id: DeliveryId, first: &Sent, then: &Sent) -> bool {
    evidence.history[first.claimed..then.began].iter().any(|entry| match &entry.what {
        What::LifeEnded(_) => true,
        What::WebhookIs { webhook, .. } => *webhook == id.lane.webhook,
        What::Settled { delivery, is_stored, .. } => *delivery == id && !is_stored,
        _ => false,
    })
}

fn after_success(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    let mut successes: BTreeMap<DeliveryId, usize> = BTreeMap::new();
    let mut recorded: BTreeMap<DeliveryId, usize> = BTreeMap::new();
    let mut places: BTreeMap<usize, (&Sent, bool)> = BTreeMap::new();
    for sent in &evidence.sent {
        places.insert(sent.began, (sent, true));
        places.extend(sent.ended.map(|ended| (ended, (sent, false))));
    }
    for (place, entry) in evidence.history.iter().enumerate() {
        if let What::Settled { delivery, state: State::Delivered { .. }, is_stored: true, .. } = &entry.what {
            recorded.insert(*delivery, place);
        }
        let Some((sent, begins)) = places.get(&place) else { continue };
        let Some(id) = sent.delivery else { continue };
        if !begins && sent.is_success {
            successes.insert(id, place);
        }
        if *begins && recorded.contains_key(&id) {
            tell(Invariant::NothingAfterSuccess, format!("{id} went out after its success was recorded"));
        }
        let since = successes.get(&id).filter(|_| *begins);
        let could_not_record = |since: usize| {
            evidence.history[since..place].iter().any(|entry| match &entry.what {
                What::LifeEnded(_) => true,
                What::Settled { delivery, is_stored, .. } => *delivery == id && !is_stored,
                _ => false,
            })
        };
        if since.is_some_and(|since| !could_not_record(*since)) {
            tell(
                Invariant::NothingAfterSuccess,
                format!("{id} went out after a success that could be recorded"),
            );
        }
    }
}

fn attempts(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    for (id, (_, delivery)) in &evidence.stored {
        let most =
            evidence.rules_of(id.lane.webhook.0).map(|rules| rules.retries.len() + 1).max().unwrap_or(0);
        let count = delivery.attempts.len();
        if count > most {
            tell(Invariant::AttemptsWithinPolicy, format!("{id} was attempted {count} times, of {most}"));
        }
        let sent = evidence.sent.iter().filter(|sent| sent.delivery == Some(*id)).count();
        if sent < count {
            tell(
                Invariant::AttemptsWithinPolicy,
                format!("{id} has {count} attempts on record, {sent} went out"),
            );
        }
    }
}

/// When each delivery may go out, as far as is known at a place of the history.
#[derive(Default)]
struct Dues {
    due: BTreeMap<DeliveryId, Timestamp>,
    answered: BTreeMap<DeliveryId, Timestamp>,
}

impl Dues {
    fn check(mut self, evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
        let ended: BTreeMap<usize, DeliveryId> =
            evidence.sent.iter().filter_map(|sent| Some((sent.ended?, sent.delivery?))).collect();
        for (place, entry) in evidence.history.iter().enumerate() {
            if let Some(id) = ended.get(&place) {
                self.answered.insert(*id, entry.clock);
            }
            match &entry.what {
                What::Stored { deliveries, .. } => {
                    for id in deliveries {
                        if let Some(owed) = evidence.model.owed.get(id) {
                            self.due.entry(*id).or_insert(owed.due);
                        }
                    }
                }
                What::Settled {
                    delivery, state: State::Retrying { due }, attempts, is_stored: true, ..
                } => {
                    self.due.insert(*delivery, *due);
                    self.check_wait(evidence, *delivery, *due, *attempts, tell);
                }
                What::ByHand { delivery, answer: Some(ByHand::Done { .. }) | None, .. } => {
                    self.due.remove(delivery);
                }
                What::BroughtForward { webhook, .. } => self.forget(*webhook),
                What::Claimed { delivery, at, .. } => {
                    if let Some(due) = self.due.get(delivery).filter(|due| at < due) {
                        let early_ms = due.0 - at.0;
                        tell(
                            Invariant::NotBeforeDue,
                            format!("{delivery} was claimed {early_ms} ms too early"),
                        );
                    }
                }
                _ => {}
            }
        }
    }

    /// Its retries were brought forward; which, is the engine's to say.
    fn forget(&mut self, webhook: WebhookId) {
        let answered = &self.answered;
        self.due.retain(|id, _| id.lane.webhook != webhook || !answered.contains_key(id));
    }

    fn check_wait(
        &self,
        evidence: &Evidence<'_>,
        id: DeliveryId,
        due: Timestamp,
        attempts: usize,
        tell: &mut Tell<'_>,
    ) {
        let steps = evidence.rules_of(id.lane.webhook.0).filter_map(|rules| rules.retries.get(attempts - 1));
        let (Some(step), Some(answered)) = (steps.min(), self.answered.get(&id)) else { return };
        let waited_ms = due.0 - answered.0;
        if waited_ms < step * 1_000 {
            tell(
                Invariant::NotBeforeDue,
                format!("{id} waits {waited_ms} ms for its next attempt, of {step} s"),
            );
        }
    }
}
