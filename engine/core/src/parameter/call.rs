//! The call or request itself: when it was, and its recording.

use crate::{
    catalogue::Parameter,
    parameter::{Origin, Valued, View, recording},
};

/// Values of the groups "call" and "request". Numbers, ids, talk and waiting time are known only when stated.
pub(super) fn value<'a>(parameter: Parameter, view: &View<'a>) -> Valued<'a> {
    match parameter {
        Parameter::CallTime | Parameter::RequestDate => Valued::text(local_time(view), start_origin(view)),
        Parameter::Timestamp => {
            Valued::text(view.lead.start.at.unix_seconds().to_string(), start_origin(view))
        }
        Parameter::RecLink => recording_link(view),
        _ => Valued::absent(),
    }
}

/// `YYYY-MM-DD hh:mm:ss` by the wall clock of the site's zone, daylight saving included.
fn local_time(view: &View<'_>) -> String {
    let local = view.lead.start.at.to_utc().with_timezone(&view.site.timezone);
    local.format("%Y-%m-%d %H:%M:%S").to_string()
}

fn start_origin(view: &View<'_>) -> Origin {
    if view.lead.start.stated { Origin::Stated } else { Origin::Derived("the event's time") }
}

/// What the source states is where the recording lies; it is never sent as such.
fn recording_link<'a>(view: &View<'a>) -> Valued<'a> {
    if view.lead.text(Parameter::RecLink).is_none() {
        return Valued::absent_because("there is no recording");
    }
    if !view.site.allow_reclink {
        return Valued::absent_because("the site forbids links to recordings");
    }
    match &view.keys.recording {
        Some(links) => {
            let link = recording::link(links, view.delivery, &view.lead.reference, view.now);
            Valued::text(link, Origin::Derived("the recording"))
        }
        None => Valued::absent_because("the engine has no public address for recordings"),
    }
}
