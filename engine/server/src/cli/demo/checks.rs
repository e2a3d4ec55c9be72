//! What must have happened in the demonstration, and what did not.

use std::collections::BTreeSet;

use leadhook_core::{
    delivery::{Delivery, StateName},
    event::Trigger,
    lead::LeadKind,
    outcome::Outcome,
    plugin::Decided,
    time::MINUTE_MS,
};

use super::{
    script::{DELAY_MINUTES, PLUGIN, Role},
    stage::Stage,
};
use crate::cli::received::{Received, Signature};

/// Something that should hold.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Check {
    /// What, in words.
    pub(super) says: &'static str,
    /// Why it does not; `None` when it holds.
    pub(super) fault: Option<String>,
}

impl Check {
    /// Looks whether it holds; `fault` answers why it does not.
    pub(super) fn that(says: &'static str, fault: impl FnOnce() -> Option<String>) -> Self {
        Self { says, fault: fault() }
    }
}

/// What is known after the play.
pub(super) struct Evidence<'a> {
    /// Every delivery as the engine recorded it.
    pub(super) deliveries: &'a [Delivery],
    /// Every request that the receiver got for a lead.
    pub(super) received: &'a [Received],
    /// Every request that it got before.
    pub(super) probes: &'a [Received],
    /// Where it was played.
    pub(super) stage: &'a Stage,
}

/// All that the demonstration promises.
pub(super) fn all(evidence: &Evidence<'_>) -> Vec<Check> {
    vec![
        Check::that("each webhook got one probe, marked as a test", || probes(evidence)),
        Check::that("every delivery owed has ended, none failed", || ended(evidence)),
        Check::that("what counts as delivered was received, each under its own id", || arrived(evidence)),
        Check::that("the CRM's calls waited 5 minutes, and have the tags set after the call", || {
            delayed(evidence)
        }),
        Check::that("the lead without paid traffic was held back, with the reason on record", || {
            skipped(evidence)
        }),
        Check::that("the request that got a 503 was sent again, the same bytes under the same id", || {
            retried(evidence)
        }),
        Check::that("the plugin made JSON of that request's form, and its run is on record", || {
            rewritten(evidence)
        }),
        Check::that("the change of tags was sent with the names of what changed", || changed(evidence)),
        Check::that("signed webhooks have valid signatures, the others none", || signed(evidence)),
        Check::that("Cyrillic arrives as it was typed", || cyrillic(evidence)),
    ]
}

impl Evidence<'_> {
    fn owed_to(&self, role: Role) -> Vec<&Delivery> {
        let to = |delivery: &&Delivery| self.stage.role(delivery.id.lane.webhook) == Some(role);
        self.deliveries.iter().filter(to).collect()
    }

    fn requests_for(&self, delivery: &Delivery) -> Vec<&Received> {
        let id = delivery.id.to_string();
        self.received.iter().filter(|request| request.webhook_id() == id).collect()
    }
}

fn value(request: &Received, name: &str) -> Option<String> {
    request.pairs().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn probes(evidence: &Evidence<'_>) -> Option<String> {
    let paths: BTreeSet<_> =
        evidence.probes.iter().filter(|probe| probe.is_test()).map(|probe| probe.path.as_str()).collect();
    let good = paths.len() == Role::ALL.len() && evidence.probes.len() == Role::ALL.len();
    (!good)
        .then(|| format!("{} requests before the first lead, as tests to {paths:?}", evidence.probes.len()))
}

fn ended(evidence: &Evidence<'_>) -> Option<String> {
    if evidence.deliveries.is_empty() {
        return Some("nothing was owed".to_owned());
    }
    let well =
        |delivery: &&Delivery| matches!(delivery.state.name(), StateName::Delivered | StateName::Skipped);
    let bad = evidence.deliveries.iter().find(|delivery| !well(delivery))?;
    Some(format!("{} is {}", bad.id, bad.state.name()))
}

fn arrived(evidence: &Evidence<'_>) -> Option<String> {
    let of = |delivery: &Delivery| delivery.id.to_string();
    let is_delivered = |delivery: &&Delivery| delivery.state.name() == StateName::Delivered;
    let delivered: BTreeSet<_> = evidence.deliveries.iter().filter(is_delivered).map(of).collect();
    let taken = evidence.received.iter().filter(|request| request.answered == 200);
    let received: Vec<_> = taken.map(|request| request.webhook_id().to_owned()).collect();
    let distinct: BTreeSet<_> = received.iter().cloned().collect();
    let good = distinct == delivered && distinct.len() == received.len();
    (!good).then(|| format!("{} delivered, {} received with success", delivered.len(), received.len()))
}

fn delayed(evidence: &Evidence<'_>) -> Option<String> {
    let mut calls = evidence.owed_to(Role::Crm);
    calls.retain(|delivery| delivery.lead.kind == LeadKind::Call);
    if calls.is_empty() {
        return Some("no call was owed to it".to_owned());
    }
    for delivery in &calls {
        let waited_ms =
            delivery.attempts.first().map(|first| first.started_at.0 - delivery.id.serial.time().0);
        if waited_ms.is_none_or(|waited| waited < DELAY_MINUTES * MINUTE_MS) {
            return Some(format!("{} was sent after {waited_ms:?} ms", delivery.id));
        }
    }
    let with_tags = calls.iter().flat_map(|delivery| evidence.requests_for(delivery));
    let mut tags = with_tags.filter_map(|request| value(request, "tags_manual"));
    (!tags.any(|tags| tags == "Отдел продаж,Замер")).then(|| "none of them has the tags".to_owned())
}

fn skipped(evidence: &Evidence<'_>) -> Option<String> {
    let held_back: Vec<_> =
        evidence.deliveries.iter().filter(|delivery| delivery.state.name() == StateName::Skipped).collect();
    let [delivery] = held_back.as_slice() else {
        return Some(format!("{} were held back, not one", held_back.len()));
    };
    let reason = delivery.state.reason().unwrap_or_default();
    if evidence.stage.role(delivery.id.lane.webhook) != Some(Role::Paid) || !reason.contains("medium") {
        return Some(format!("{} was held back: {reason}", delivery.id));
    }
    (!evidence.requests_for(delivery).is_empty()).then(|| "it was sent all the same".to_owned())
}

fn retried(evidence: &Evidence<'_>) -> Option<String> {
    let owed = evidence.owed_to(Role::Bot);
    let [delivery] = owed.as_slice() else { return Some(format!("{} were owed to it, not one", owed.len())) };
    let status = |outcome: &Outcome| match outcome {
        Outcome::Answered(answer) => answer.status,
        Outcome::Broken { .. } | Outcome::Withheld { .. } => 0,
    };
    let statuses: Vec<_> = delivery.attempts.iter().map(|attempt| status(&attempt.outcome)).collect();
    let requests = evidence.requests_for(delivery);
    let same = requests.windows(2).all(|pair| pair[0].body == pair[1].body);
    let good = statuses == [503, 200] && requests.len() == 2 && same;
    (!good).then(|| format!("attempts {statuses:?}, {} requests, same bytes: {same}", requests.len()))
}

fn rewritten(evidence: &Evidence<'_>) -> Option<String> {
    let owed = evidence.owed_to(Role::Bot);
    let [delivery] = owed.as_slice() else { return Some(format!("{} were owed to it, not one", owed.len())) };
    let runs: Vec<_> = delivery.runs.iter().map(|run| (run.plugin.as_str(), &run.decided)).collect();
    if runs != [(PLUGIN, &Decided::Sent)] {
        return Some(format!("the runs on record are {runs:?}"));
    }
    let is_whole = |request: &&Received| {
        let body = request.json().unwrap_or_default();
        body["fio"] == "Ёлкина Мария Сергеевна" && body["tags_request"].is_array()
    };
    let requests = evidence.requests_for(delivery);
    let bad = requests.iter().find(|request| !is_whole(request))?;
    Some(format!("{} came with {}", bad.webhook_id(), bad.header("content-type")))
}

fn changed(evidence: &Evidence<'_>) -> Option<String> {
    let owed = evidence.owed_to(Role::Changes);
    let change = owed.iter().find(|delivery| delivery.trigger == Trigger::LeadTagsChanged);
    let Some(change) = change else { return Some("no change of tags was owed".to_owned()) };
    let requests = evidence.requests_for(change);
    let [request] = requests.as_slice() else { return Some(format!("it was sent {} times", requests.len())) };
    let names = value(request, "changedFields").unwrap_or_default();
    let good =
        ["tags_manual", "tags_auto_pr"].iter().all(|name| names.split(',').any(|known| known == *name))
            && !names.contains("phone");
    (!good).then(|| format!("changedFields is `{names}`"))
}

fn signed(evidence: &Evidence<'_>) -> Option<String> {
    let mut requests = evidence.received.iter().chain(evidence.probes);
    let bad = requests.find(|request| {
        let is_signed = Role::ALL.iter().any(|role| role.path() == request.path && role.is_signed());
        // The stage's clock went on since; what counts here is who signed, not when.
        match request.signature(&evidence.stage.secrets, evidence.stage.now()) {
            Signature::Valid | Signature::Old { .. } => !is_signed,
            Signature::None => is_signed,
            Signature::Unchecked | Signature::Wrong => true,
        }
    })?;
    Some(format!("{} to {}", bad.webhook_id(), bad.path))
}

fn cyrillic(evidence: &Evidence<'_>) -> Option<String> {
    let names: BTreeSet<_> = evidence.received.iter().filter_map(|request| value(request, "fio")).collect();
    (!names.contains("Ёлкина Мария Сергеевна")).then(|| format!("the names received are {names:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays nothing, so nothing that the demonstration promises has happened.
    #[tokio::test]
    async fn a_play_in_which_nothing_happened_fails_its_checks() {
        let stage = Stage::set().await.unwrap();
        let checks = all(&Evidence { deliveries: &[], received: &[], probes: &[], stage: &stage });
        let held: Vec<_> =
            checks.iter().filter(|check| check.fault.is_none()).map(|check| check.says).collect();
        let vacuous = [
            "what counts as delivered was received, each under its own id",
            "signed webhooks have valid signatures, the others none",
        ];
        assert_eq!(held, vacuous);
        assert_eq!(stage.clear().await.fault, None);
    }
}
