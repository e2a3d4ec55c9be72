//! JSON and forms that clients send: events, relayed webhooks, settings, sites.

use leadhook_core::{
    address::AddressPolicy,
    event::Event,
    fault::Faults,
    id::SiteId,
    json::Json,
    relay::{Relayed, form::Form},
    settings::Known,
    site::Site,
    time::Timestamp,
    webhook::Settings,
};
use serde_json::{Value, json};

/// The most bytes of one fault's words: what was written may be quoted in part, and not more.
const FAULT_BYTES_MAX: usize = 4_096;

/// Faults say something, and not at any length.
fn are_told(faults: &Faults) {
    assert!(!faults.0.is_empty(), "refused without a fault");
    for fault in &faults.0 {
        assert!(!fault.code.is_empty() && !fault.detail.is_empty(), "{fault:?}");
        assert!(fault.detail.len() <= FAULT_BYTES_MAX, "{} bytes: {}", fault.detail.len(), fault.code);
    }
}

fn json_of(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

pub(crate) fn event(bytes: &[u8]) {
    let borrowed = serde_json::from_slice::<Json<'_>>(bytes);
    let Some(value) = json_of(bytes) else { return assert!(borrowed.is_err(), "what is no JSON is read") };
    let read = Event::parse(&borrowed.expect("what is JSON is read"));
    assert_eq!(read, Event::parse(&value), "read from JSON that owns its texts");
    if let Err(faults) = read {
        are_told(&faults);
    }
}

pub(crate) fn relay(bytes: &[u8]) {
    let site = a_site(&json!({ "name": "Shop" })).expect("a name is all that a site needs");
    let now = Timestamp::from_unix_seconds(1_772_445_940);
    let relayed = Form::parse(&[bytes]).and_then(|form| Relayed::read(form, &site, now));
    match relayed {
        Ok(Some(relayed)) => assert!(!relayed.events(None).is_empty(), "an unknown lead takes an event"),
        Ok(None) => {}
        Err(faults) => are_told(&faults),
    }
}

pub(crate) fn settings(bytes: &[u8]) {
    let Some(value) = json_of(bytes) else { return };
    let known = Known { addresses: &AddressPolicy::default(), account: None };
    match Settings::parse(&value, &known) {
        Ok(settings) => {
            let again = Settings::restore(&settings.source).map(|again| format!("{again:?}"));
            assert_eq!(again, Ok(format!("{settings:?}")), "what was saved is read as it was");
        }
        Err(faults) => are_told(&faults),
    }
}

pub(crate) fn site(bytes: &[u8]) {
    let Some(value) = json_of(bytes) else { return };
    if let Err(faults) = a_site(&value) {
        are_told(&faults);
    }
}

fn a_site(value: &Value) -> Result<Site, Faults> {
    let id = SiteId::new("60001").expect("it is one");
    Site::parse(id, 1, value)
}
