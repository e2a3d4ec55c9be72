//! Which lead, site and sending this is.

use crate::{
    catalogue::Parameter,
    event::Trigger,
    parameter::{Origin, Valued, View},
};

/// Values of the group "identity". `requestNumber` and `subject` are known only when stated.
pub(super) fn value<'a>(parameter: Parameter, view: &View<'a>) -> Valued<'a> {
    let lead = view.lead;
    match parameter {
        Parameter::LeadType => Valued::text(lead.reference.kind.word(), Origin::Engine),
        Parameter::CallPhase => Valued::text(call_phase(view), Origin::Engine),
        Parameter::Id | Parameter::RequestId => Valued::text(lead.reference.id.as_str(), Origin::Stated),
        Parameter::ChangedFields => changed_fields(view),
        Parameter::SiteId => Valued::text(view.site.id.as_str(), Origin::Site),
        Parameter::SiteName => Valued::text(view.site.name.as_str(), Origin::Site),
        Parameter::SendingTimestamp => {
            Valued::text(view.now.unix_seconds().to_string(), Origin::Derived("the time of the rendering"))
        }
        _ => Valued::absent(),
    }
}

fn call_phase(view: &View<'_>) -> &'static str {
    if view.trigger == Trigger::CallStarted || view.lead.is_call_in_progress() {
        "callconnected"
    } else {
        "calldisconnected"
    }
}

/// Unlike other values it may be empty and yet be known: nothing changed.
fn changed_fields<'a>(view: &View<'a>) -> Valued<'a> {
    match view.changed_fields {
        Some(names) => Valued::text(names, Origin::Derived("the last delivered webhook of this lead")),
        None => Valued::absent_because("nothing was delivered for this lead yet"),
    }
}
