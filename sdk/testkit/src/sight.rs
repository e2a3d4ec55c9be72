//! From events and settings to what the engine's own code renders: the site, the lead, the scene.

use leadhook_core::{
    address::AddressPolicy,
    delivery::Fingerprints,
    event::{Event, Trigger},
    fault::{Fault, Faults},
    id::{DeliveryId, SiteId},
    lead::Lead,
    parameter::Keys,
    render::Scene,
    settings::Known,
    site::Site,
    time::Timestamp,
    webhook::Settings,
};
use serde_json::Value as Json;

use crate::TestkitError;

/// Reads a webhook's settings. Any host may be named, since nothing is sent.
pub(crate) fn settings(value: &Json) -> Result<Settings, TestkitError> {
    let everywhere = ["0.0.0.0/0", "::/0"].map(|block| block.parse().expect("a block of all addresses"));
    let addresses = AddressPolicy::new(everywhere.to_vec());
    Settings::parse(value, &Known { addresses: &addresses, account: None }).map_err(TestkitError::Settings)
}

/// Reads events in their order; a fault names the place of its event.
pub(crate) fn events(values: &[Json]) -> Result<Vec<Event>, TestkitError> {
    if values.is_empty() {
        return Err(TestkitError::Events(Fault::new("", "missing", "there is no event").into()));
    }
    let parse = |(at, value)| Event::parse(value).map_err(|faults| at_place(at, faults));
    values.iter().enumerate().map(parse).collect()
}

/// The faults of the event at this place in the row.
pub(crate) fn at_place(at: usize, mut faults: Faults) -> TestkitError {
    for fault in &mut faults.0 {
        fault.path = match fault.path.as_str() {
            "" => format!("[{at}]"),
            path => format!("[{at}].{path}"),
        };
    }
    TestkitError::Events(faults)
}

/// The site of the first event, with the usual settings.
pub(crate) fn site_of(events: &[Event]) -> Site {
    let named = events.first().map(|event| event.lead.site.clone());
    Site::new(named.or_else(|| SiteId::new("60001")).expect("digits are an id"))
}

/// Keys that are nobody's: what is made with them has other values than in an engine.
pub(crate) fn keys() -> Keys {
    Keys { client_id_key: [0; 32], recording: None }
}

/// One rendering.
pub(crate) struct Sight<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) site: &'a Site,
    pub(crate) keys: &'a Keys,
}

impl<'a> Sight<'a> {
    pub(crate) fn scene(
        &self,
        delivery: DeliveryId,
        trigger: Trigger,
        lead: &'a Lead,
        previous: Option<&'a Fingerprints>,
        now: Timestamp,
    ) -> Scene<'a> {
        Scene {
            delivery,
            trigger,
            lead,
            site: self.site,
            settings: self.settings,
            revision: 1,
            previous,
            lane_goes_on: true,
            keys: self.keys,
            now,
        }
    }
}
