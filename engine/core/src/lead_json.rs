//! The lead as plugins read it: one JSON text with every parameter that has a value, and all visits.

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeStruct as _},
};

use crate::{
    catalogue::ALL,
    parameter::{self, Origin, Value, View},
    render::Entry,
};

/// The lead of this rendering as JSON text, one object. What may be absent is absent and never `null`:
///
/// | field | value |
/// |---|---|
/// | `site`, `type`, `id` | the lead as its source names it |
/// | `parameters` | each parameter that has a value, in catalogue order, by its canonical name, whether or not the webhook selects or renames it |
/// | `visits` | all visits, oldest first, as an event states them |
/// | `started_at` | when the lead began, RFC 3339 UTC |
/// | `timezone`, `country` | those of the site |
/// | `renamed` | canonical name to name as sent, where the webhook renames any |
///
/// A parameter is text exactly as it would be sent; tags are arrays of texts, lists arrays of objects. A word that only
/// stands for an absent value (`null`, `undefined`, …) is no value. Values that are known from the request are not made
/// again.
pub(crate) fn text(view: &View<'_>, known: &[Entry<'_>]) -> String {
    serde_json::to_string(&Whole { view, known }).expect("texts under names always make JSON")
}

/// Written straight into the text: this is made for each delivery that passes a chain.
struct Whole<'a> {
    view: &'a View<'a>,
    known: &'a [Entry<'a>],
}

impl Serialize for Whole<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { view, known } = self;
        let lead = view.lead;
        let visits: Vec<_> = lead.visits.iter().map(|visit| visit.to_json()).collect();
        let mut whole = serializer.serialize_struct("lead", 9)?;
        whole.serialize_field("site", lead.reference.site.as_str())?;
        whole.serialize_field("type", lead.reference.kind.word())?;
        whole.serialize_field("id", &lead.reference.id)?;
        whole.serialize_field("parameters", &Parameters { view, known })?;
        whole.serialize_field("visits", &visits)?;
        whole.serialize_field("started_at", &lead.start.at.to_rfc3339())?;
        whole.serialize_field("timezone", view.site.timezone.name())?;
        whole.serialize_field("country", &view.site.country)?;
        let renamed = Renamed(view);
        if renamed.pairs().next().is_some() {
            whole.serialize_field("renamed", &renamed)?;
        }
        whole.end()
    }
}

struct Parameters<'a> {
    view: &'a View<'a>,
    known: &'a [Entry<'a>],
}

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { view, known } = self;
        let lead = view.lead;
        let mut map = serializer.serialize_map(None)?;
        for parameter in ALL.iter().copied().filter(|one| one.exists_for(lead.reference.kind)) {
            let made;
            let valued = match known.iter().find(|entry| entry.parameter == parameter) {
                Some(entry) => &entry.valued,
                None => {
                    made = parameter::value(parameter, view);
                    &made
                }
            };
            if valued.origin == Origin::None {
                continue;
            }
            match &valued.value {
                Value::Absent => {}
                Value::Text(_) if parameter.is_tags() => {
                    map.serialize_entry(parameter.name(), lead.tags(parameter))?;
                }
                Value::Text(text) => map.serialize_entry(parameter.name(), text.as_ref())?,
                Value::List { fields, records } => {
                    let records: Vec<_> =
                        records.iter().map(|record| Record { fields: *fields, record }).collect();
                    map.serialize_entry(parameter.name(), &records)?;
                }
            }
        }
        map.end()
    }
}

/// An element of a list parameter.
struct Record<'a> {
    fields: [&'static str; 2],
    record: &'a (String, String),
}

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ([first, second], (a, b)) = (self.fields, self.record);
        serializer.collect_map([(first, a), (second, b)])
    }
}

struct Renamed<'a>(&'a View<'a>);

impl<'a> Renamed<'a> {
    fn pairs(&self) -> impl Iterator<Item = (&'static str, &'a String)> + use<'a> {
        let all = self.0.settings.parameters.iter().map(|(parameter, sent_as)| (parameter.name(), sent_as));
        all.filter(|(name, sent_as)| name != sent_as)
    }
}

impl Serialize for Renamed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.pairs())
    }
}
