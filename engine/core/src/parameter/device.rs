//! The visitor's device, from the last visit before the lead.

use crate::{
    catalogue::Parameter,
    parameter::{Origin, Valued, View, user_agent},
};

/// Values of the group "device": what the last visit states, else what the user agent says.
pub(super) fn value<'a>(parameter: Parameter, view: &View<'a>) -> Valued<'a> {
    let last = view.traffic.last();
    let stated = last.and_then(|visit| match parameter {
        Parameter::City => visit.city.as_deref(),
        Parameter::Browser => visit.browser.as_deref(),
        Parameter::Os => visit.os.as_deref(),
        Parameter::Device => visit.device.as_deref(),
        Parameter::Ip => visit.ip.as_deref(),
        Parameter::UserAgent => visit.user_agent.as_deref(),
        _ => None,
    });
    if stated.is_some() {
        return Valued::optional(stated, Origin::LastVisit);
    }
    let agent = view.lead.text(Parameter::UserAgent);
    let Some(agent) = agent.or_else(|| last?.user_agent.as_deref()) else { return Valued::absent() };
    let read = match parameter {
        Parameter::Browser => user_agent::said(agent).browser,
        Parameter::Os => user_agent::said(agent).os,
        Parameter::Device => user_agent::said(agent).device,
        _ => None,
    };
    Valued::optional(read, Origin::Derived("userAgent"))
}
