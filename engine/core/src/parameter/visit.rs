//! The visit on the site behind a lead.

use crate::{
    catalogue::Parameter,
    parameter::{Origin, Valued, View},
};

/// Values of the group "visit", each from the visit that the contract names ("Attribution").
pub(super) fn value<'a>(parameter: Parameter, view: &View<'a>) -> Valued<'a> {
    let traffic = view.traffic;
    let attributed = traffic.attributed();
    match parameter {
        Parameter::Url => {
            Valued::optional(attributed.and_then(|visit| visit.url.as_deref()), Origin::AttributedVisit)
        }
        Parameter::Ref => {
            Valued::optional(attributed.and_then(|visit| visit.referrer.as_deref()), Origin::AttributedVisit)
        }
        Parameter::HostName if attributed.is_none() => {
            Valued::optional(traffic.hostname(), Origin::Derived("the landing page"))
        }
        Parameter::HostName => Valued::optional(traffic.hostname(), Origin::AttributedVisit),
        Parameter::SessionId => {
            let session = traffic.last().and_then(|visit| visit.session_id.as_deref());
            Valued::optional(session, Origin::LastVisit)
        }
        Parameter::Gcid => {
            Valued::optional(traffic.latest(|visit| visit.gcid.as_deref()), Origin::LatestVisit)
        }
        Parameter::YaClientId => {
            Valued::optional(traffic.latest(|visit| visit.ya_client_id.as_deref()), Origin::LatestVisit)
        }
        Parameter::Attrs => {
            Valued::optional(traffic.latest(|visit| visit.attrs.as_deref()), Origin::LatestVisit)
        }
        Parameter::CallUrl if !view.site.record_call_url => {
            Valued::absent_because("the site does not record the page of the call")
        }
        Parameter::CallUrl => Valued::optional(view.lead.text(Parameter::CallUrl), Origin::Stated),
        _ => Valued::absent(),
    }
}
