//! The lead as plugins read it: one JSON text with every parameter that has a value, and all visits.

use serde_json::{Map, Value as Json, json};

use crate::{
    catalogue::ALL,
    parameter::{self, Origin, Value, View},
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
/// stands for an absent value (`null`, `undefined`, …) is no value.
pub(crate) fn text(view: &View<'_>) -> String {
    let lead = view.lead;
    let kind = lead.reference.kind;
    let mut parameters = Map::new();
    for parameter in ALL.iter().copied().filter(|parameter| parameter.exists_for(kind)) {
        let valued = parameter::value(parameter, view);
        let json = match valued.value {
            _ if valued.origin == Origin::None => continue,
            Value::Absent => continue,
            Value::Text(_) if parameter.is_tags() => Json::from(lead.tags(parameter)),
            Value::Text(text) => Json::from(text.into_owned()),
            Value::List { fields: [first, second], records } => {
                records.iter().map(|(a, b)| json!({ first: a, second: b })).collect()
            }
        };
        parameters.insert(parameter.name().to_owned(), json);
    }
    let renamed: Map<String, Json> = view
        .settings
        .parameters
        .iter()
        .filter(|(parameter, sent_as)| parameter.name() != sent_as)
        .map(|(parameter, sent_as)| (parameter.name().to_owned(), Json::from(sent_as.as_str())))
        .collect();
    let mut whole = json!({
        "site": lead.reference.site.as_str(),
        "type": kind.word(),
        "id": lead.reference.id,
        "parameters": parameters,
        "visits": lead.visits.iter().map(|visit| visit.to_json()).collect::<Vec<_>>(),
        "started_at": lead.start.at.to_rfc3339(),
        "timezone": view.site.timezone.name(),
        "country": view.site.country,
    });
    if let (false, Json::Object(fields)) = (renamed.is_empty(), &mut whole) {
        fields.insert("renamed".to_owned(), Json::Object(renamed));
    }
    whole.to_string()
}
