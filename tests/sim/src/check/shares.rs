//! Time and shares: what is due goes out soon, whoever else has much to send and however the clock is set.

use std::collections::BTreeMap;

use leadhook_core::{id::DeliveryId, time::Timestamp};

use super::{Evidence, Invariant, Tell};
use crate::{handler::addressee, history::What, run::limits, script::QUIET_ACCOUNT};

/// How long after it fell due a delivery to a healthy handler may go out, in milliseconds: a waiter looks at the clock
/// again after 30 s, and the dispatcher waits for the store for up to 5 s.
const LATE_MS_MAX: i64 = 60_000;

pub(super) fn check(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    limits_hold(evidence, tell);
    let touched = evidence.touched_by_hand();
    let mut claims: BTreeMap<DeliveryId, usize> = BTreeMap::new();
    for (place, entry) in evidence.history.iter().enumerate() {
        if let What::Claimed { delivery, .. } = &entry.what {
            claims.entry(*delivery).or_insert(place);
        }
    }
    let quiet = evidence.model.owed.iter().filter(|(_, owed)| owed.account == QUIET_ACCOUNT.0);
    for (id, owed) in quiet.filter(|(id, _)| !touched.contains(id)) {
        let claimed = claims.get(id).copied().unwrap_or(evidence.history.len());
        let is_its = |what: &What| matches!(what, What::Stored { deliveries, .. } if deliveries.contains(id));
        let Some(stored) = evidence.history.iter().position(|entry| is_its(&entry.what)) else { continue };
        let waited = &evidence.history[stored..claimed.max(stored)];
        let was_set = waited.iter().any(|entry| matches!(entry.what, What::ClockSet(_)));
        if let Some(late_ms) =
            late(evidence, stored, claimed, owed.due).filter(|late_ms| *late_ms > LATE_MS_MAX)
        {
            let invariant = if was_set { Invariant::SoonAfterDue } else { Invariant::NobodyStarves };
            tell(invariant, format!("{id} went out {late_ms} ms after it fell due"));
        }
    }
}

/// For how long a delivery was due before it was claimed: since the engine last started, and since the clock last went
/// back, which may have made it wait again.
fn late(evidence: &Evidence<'_>, stored: usize, claimed: usize, due: Timestamp) -> Option<i64> {
    let mut since: Option<i64> = None;
    let end = claimed.min(evidence.history.len() - 1);
    for place in stored..=end {
        let entry = &evidence.history[place];
        if matches!(entry.what, What::LifeBegan) || matches!(entry.what, What::ClockSet(by) if by < 0) {
            since = None;
        }
        if since.is_none() && entry.clock >= due {
            let mut at = entry.passed;
            if place > stored && !matches!(entry.what, What::ClockSet(_) | What::LifeBegan) {
                // It fell due between this and what happened before.
                let before = &evidence.history[place - 1];
                at = before.passed.max(entry.passed - (entry.clock.0 - due.0));
            }
            since = Some(at);
        }
    }
    Some(evidence.history[end].passed - since?)
}

fn limits_hold(evidence: &Evidence<'_>, tell: &mut Tell<'_>) {
    let limits = limits();
    let mut places: BTreeMap<usize, (usize, bool)> = BTreeMap::new();
    for (index, sent) in evidence.sent.iter().enumerate() {
        places.insert(sent.began, (index, true));
        places.extend(sent.ended.map(|ended| (ended, (index, false))));
    }
    let mut in_flight: Vec<usize> = Vec::new();
    for (place, entry) in evidence.history.iter().enumerate() {
        match places.get(&place) {
            Some((index, true)) => in_flight.push(*index),
            Some((index, false)) => in_flight.retain(|other| other != index),
            None => {}
        }
        if matches!(entry.what, What::LifeEnded(_)) {
            in_flight.clear();
        }
        let Some((index, true)) = places.get(&place) else { continue };
        let key = |index: usize| addressee(&evidence.sent[index].url).unwrap_or_default();
        let (account, webhook) = key(*index);
        let of_account = in_flight.iter().filter(|other| key(**other).0 == account).count();
        let of_webhook = in_flight.iter().filter(|other| key(**other).1 == webhook).count();
        let most = evidence.rules_of(webhook).map(|rules| rules.concurrent).max().unwrap_or(0);
        let is_within = in_flight.len() <= limits.in_flight
            && of_account <= limits.in_flight_per_account
            && of_webhook <= most;
        if !is_within {
            let all = in_flight.len();
            let detail = format!("{all} in flight, {of_account} of the account, {of_webhook} of {webhook}");
            tell(Invariant::WithinLimits, detail);
        }
    }
}
