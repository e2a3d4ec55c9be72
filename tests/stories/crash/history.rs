//! What must hold of a history in which the engine was killed any number of times: the handler's ledger against what was
//! acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use leadhook_harness::Received;

use crate::world::of_leads;

/// What is wrong with this history; nothing where all holds. `acknowledged` are the ids of leads in the order in which events
/// of each were acknowledged.
pub(super) fn faults(ledger: &[Received], acknowledged: &BTreeMap<String, usize>) -> Vec<String> {
    let mut by_lead: BTreeMap<String, Vec<&Received>> = BTreeMap::new();
    for request in of_leads(ledger) {
        by_lead.entry(request.pair("id").unwrap_or_default()).or_default().push(request);
    }
    let mut found = Vec::new();
    for (lead, events) in acknowledged {
        let deliveries: BTreeSet<_> = by_lead
            .get(lead)
            .into_iter()
            .flatten()
            .filter_map(|request| request.header("webhook-id"))
            .collect();
        if deliveries.len() < *events {
            found.push(format!("lead {lead}: {events} events acknowledged, {} arrived", deliveries.len()));
        }
    }
    for (lead, sendings) in &by_lead {
        found.extend(out_of_lane(lead, sendings));
        found.extend(changed(lead, sendings));
    }
    found
}

/// A delivery of a lead that came again after the next one had begun.
fn out_of_lane(lead: &str, sendings: &[&Received]) -> Option<String> {
    let mut ended = BTreeSet::new();
    let mut current = None;
    for request in sendings {
        let id = request.header("webhook-id");
        if id != current {
            ended.extend(current);
            current = id;
        }
        if let Some(id) = id.filter(|id| ended.contains(id)) {
            return Some(format!("lead {lead}: {id} came again after the next had begun"));
        }
    }
    None
}

/// A delivery whose repeat tells something else.
fn changed(lead: &str, sendings: &[&Received]) -> Option<String> {
    let mut first_by_id: BTreeMap<Option<&str>, Vec<(String, String)>> = BTreeMap::new();
    for request in sendings {
        let id = request.header("webhook-id");
        let told = content(request);
        let first = first_by_id.entry(id).or_insert_with(|| told.clone());
        if *first != told {
            return Some(format!("lead {lead}: {id:?} tells {told:?}, and told {first:?}"));
        }
    }
    None
}

/// The pairs in which a repeat must equal what it repeats.
pub(super) fn content(request: &Received) -> Vec<(String, String)> {
    let mut pairs = request.pairs();
    // What died between rendering and recording is rendered again, with a new time of sending.
    pairs.retain(|(name, _)| name != "sendingTimestamp");
    pairs
}

#[tokio::test]
async fn each_kind_of_fault_in_a_history_is_seen() {
    let sent = |number: usize, lead: &str, id: &str, more: &str| Received {
        number,
        connection: 0,
        at: tokio::time::Instant::now(),
        method: "POST".to_owned(),
        target: "/hook".to_owned(),
        headers: vec![("webhook-id".to_owned(), id.to_owned())],
        body: format!("id={lead}&{more}").into_bytes(),
    };
    let owed = BTreeMap::from([("1".to_owned(), 2)]);
    let sound = [sent(0, "1", "a", "sendingTimestamp=1"), sent(1, "1", "a", ""), sent(2, "1", "b", "x=2")];
    assert_eq!(faults(&sound, &owed), [""; 0]);
    let lost = &sound[..2];
    let turned = [sound[2].clone(), sound[0].clone(), sound[2].clone()];
    let other = [sound[0].clone(), sent(1, "1", "a", "x=1"), sound[2].clone()];
    for bad in [lost, &turned, &other] {
        assert_eq!(faults(bad, &owed).len(), 1, "{bad:?}");
    }
}
