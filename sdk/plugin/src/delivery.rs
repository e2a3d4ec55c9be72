//! The delivery that is rendered or judged.

use crate::lead::Lead;

/// What the engine tells about the delivery at hand.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Its id, the same in every attempt.
    pub id: String,
    /// The webhook's id.
    pub webhook: String,
    /// The site's id.
    pub site: String,
    /// What it is sent for, as in settings: `call_ended`, `request_created` and so on.
    pub trigger: String,
    /// When that happened, in Unix milliseconds.
    pub occurred_at_ms: u64,
    /// Whether it is sent again by a resend.
    pub resend: bool,
    /// Whether it is a preview or a probe: a lead that is nobody's.
    pub sample: bool,
    /// The lead.
    pub lead: Lead,
}

#[cfg(not(target_family = "wasm"))]
impl Delivery {
    /// A delivery of this lead for a test: its trigger is the end of a call or the arrival of a request.
    pub fn of(lead: impl Into<Lead>) -> Self {
        let lead = lead.into();
        let trigger = match lead.kind() {
            crate::LeadKind::Call => "call_ended",
            crate::LeadKind::Request => "request_created",
        };
        Self {
            id: "dlv_test".to_owned(),
            webhook: "wh_test".to_owned(),
            site: lead.site().to_owned(),
            trigger: trigger.to_owned(),
            occurred_at_ms: 0,
            resend: false,
            sample: false,
            lead,
        }
    }
}
