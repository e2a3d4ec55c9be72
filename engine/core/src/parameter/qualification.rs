//! What a lead is worth, where the source does not say it (the contract, "Qualification").

use crate::{
    catalogue::Parameter,
    parameter::{Origin, Valued, View, bool_word},
    qualify,
};

/// Values of the group "qualification", none of which is stated.
pub(super) fn value<'a>(parameter: Parameter, view: &View<'a>) -> Valued<'a> {
    let lead = view.lead;
    let duration = lead.int(Parameter::Duration);
    match parameter {
        Parameter::Status => match duration {
            Some(seconds) => {
                let word = if seconds > 0 { "successful" } else { "unsuccessful" };
                Valued::text(word, Origin::Derived("the talk time"))
            }
            None => Valued::absent_because("the talk time is not known"),
        },
        Parameter::Unique | Parameter::UniqueRequest => {
            Valued::text(bool_word(lead.decided.unique), Origin::Derived("the client's earlier leads"))
        }
        Parameter::TargetCall => {
            let is_target = qualify::target_call(view.site, duration);
            Valued::text(target_word(is_target), Origin::Derived("the talk time and the site's bounds"))
        }
        Parameter::TargetRequest => {
            let phone = lead.text(Parameter::CallerPhone);
            let is_target = qualify::target_request(phone, lead.text(Parameter::Email));
            Valued::text(target_word(is_target), Origin::Derived("the phone and the e-mail"))
        }
        Parameter::UniqTargetCall | Parameter::UniqTargetRequest => {
            let is_first = lead.decided.unique_target == Some(true);
            let word = if is_first { "uniqtarget" } else { "non-uniqtarget" };
            Valued::text(word, Origin::Derived("the client's earlier target leads"))
        }
        Parameter::Callback => Valued::text("non-callback", Origin::Derived("its not being stated")),
        Parameter::WorkTime => work_time(view),
        _ => Valued::absent(),
    }
}

fn target_word(is_target: bool) -> &'static str {
    if is_target { "target" } else { "non-target" }
}

fn work_time<'a>(view: &View<'a>) -> Valued<'a> {
    let local = view.lead.start.at.to_utc().with_timezone(&view.site.timezone).naive_local();
    let word = if view.site.working_hours.is_working(local) { "worktime" } else { "non-worktime" };
    Valued::text(word, Origin::Derived("the start and the site's working hours"))
}
