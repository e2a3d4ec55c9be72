//! Events accepted in memory, as the store would accept them: what previews make a lead of.

use std::collections::HashMap;

use crate::{
    accept::{Refusal, Scene, accept},
    event::{Event, Trigger},
    id::LeadRef,
    lead::Lead,
    qualify::{Question, Trace},
    site::Site,
    time::{Serial, Timestamp},
};

/// What became of a row of events.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsed {
    /// The lead of the last event, as that left it.
    pub lead: Lead,
    /// The last trigger that this lead's events can have fired.
    pub trigger: Option<Trigger>,
}

/// Accepts events in order on one site; `None` without any. Refused, by its place in the row, is what the
/// store would refuse, and an event of another site.
pub fn rehearse(
    events: impl IntoIterator<Item = Event>,
    site: &Site,
    now: Timestamp,
) -> Result<Option<Rehearsed>, (usize, Refusal)> {
    let mut stage = Stage { site, now, leads: HashMap::new(), traces: Vec::new(), last: Serial::at(now) };
    let mut last: Option<(LeadRef, Option<Trigger>)> = None;
    for (index, event) in events.into_iter().enumerate() {
        let (reference, trigger) = (event.lead.clone(), event.kind.trigger());
        stage.accept(event).map_err(|refusal| (index, refusal))?;
        let before = last.take().filter(|(known, _)| *known == reference);
        last = Some((reference, trigger.or(before.and_then(|(_, trigger)| trigger))));
    }
    Ok(last.and_then(|(reference, trigger)| {
        let lead = stage.leads.remove(&reference)?;
        Some(Rehearsed { lead, trigger })
    }))
}

struct Stage<'a> {
    site: &'a Site,
    now: Timestamp,
    leads: HashMap<LeadRef, Lead>,
    traces: Vec<Trace>,
    last: Serial,
}

impl Stage<'_> {
    fn accept(&mut self, event: Event) -> Result<(), Refusal> {
        if event.lead.site != self.site.id {
            return Err(Refusal::UnknownSite(event.lead.site.to_string()));
        }
        let reference = event.lead.clone();
        let known = self.leads.remove(&reference);
        let scene = Scene { site: self.site, webhooks: &[], now: self.now };
        let traces = &self.traces;
        let mut seen = |question: &Question<'_>| traces.iter().any(|trace| question.is_answered_by(trace));
        let accepted = accept(event, String::new(), known, scene, &mut self.last, &mut seen)?;
        self.traces.retain(|trace| !accepted.traces_removed.contains(trace));
        self.traces.extend(accepted.traces_added);
        self.leads.insert(reference, accepted.lead);
        Ok(())
    }
}
