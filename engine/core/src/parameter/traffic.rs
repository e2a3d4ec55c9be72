//! Where the visitor came from.

use std::borrow::Cow;

use crate::{
    catalogue::Parameter,
    fact::field_names,
    parameter::{Origin, Value, Valued, View},
    webhook::Attribution,
};

/// Values of the group "traffic", where the lead itself does not state them.
pub(super) fn value<'a>(parameter: Parameter, view: &View<'a>) -> Valued<'a> {
    let traffic = view.traffic;
    match parameter {
        Parameter::Attribution => Valued::text(model_digit(view.settings.attribution), Origin::Webhook),
        Parameter::Source => Valued::optional(traffic.source(), origin(view)),
        Parameter::Medium => Valued::optional(traffic.medium(), origin(view)),
        Parameter::AddUrlParams => tracked_params(view),
        utm => Valued::optional(traffic.utm(utm), landing_origin(view)),
    }
}

fn model_digit(model: Attribution) -> &'static str {
    match model {
        Attribution::LastNonDirect => "1",
        Attribution::LastInteraction => "0",
    }
}

fn origin(view: &View<'_>) -> Origin {
    if view.traffic.attributed().is_some() { Origin::AttributedVisit } else { Origin::StaticNumber }
}

/// Whose landing page bears the marks.
fn landing_origin(view: &View<'_>) -> Origin {
    let stated = view.lead.text(Parameter::Url).is_some() || view.traffic.attributed().is_none();
    if stated { Origin::Derived("what the source stated") } else { Origin::AttributedVisit }
}

fn tracked_params<'a>(view: &View<'a>) -> Valued<'a> {
    let records = view.traffic.tracked_params(view.site);
    if records.is_empty() {
        return Valued::absent_because("the landing page has no query parameter that the site tracks");
    }
    let fields = field_names(Parameter::AddUrlParams.row().values);
    let value = Value::List { fields, records: Cow::Owned(records) };
    Valued { value, origin: landing_origin(view), note: None }
}
