//! Preview: the request that given settings make of a real or sample lead, with every value's origin; sent nowhere.

mod sample;

use serde::Serialize;

use crate::{
    attribution::Traffic,
    catalogue::{ALL, Parameter},
    delivery::Method,
    parameter::{self, Origin, Value},
    render::{self, Draft, Scene},
};

pub use sample::sample_lead;

/// What a delivery would be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Preview {
    /// Whether it would be sent.
    pub verdict: Verdict,
    /// GET or POST.
    pub method: Method,
    /// The URL, for GET with all pairs.
    pub url: String,
    /// Header names in lower case with their values; those that each attempt adds are not among them.
    pub headers: Vec<(String, String)>,
    /// The body as text, empty for GET.
    pub body: String,
    /// Every parameter that this kind of lead has, in catalogue order.
    pub parameters: Vec<Shown>,
    /// What somebody should know about the request.
    pub warnings: Vec<String>,
}

/// Whether the settings' filters let a delivery pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "snake_case")]
pub enum Verdict {
    /// It would be sent.
    Send,
    /// It would be held back; the request is shown all the same.
    Skip {
        /// Why, in words for a marketer.
        reason: String,
    },
}

/// One parameter as it would be sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Shown {
    /// Its name in the catalogue.
    pub name: &'static str,
    /// The name it is sent under; `None` when the settings leave it out.
    pub sent_as: Option<String>,
    /// Text, a list of records, or nothing where no pair is sent.
    pub value: serde_json::Value,
    /// Where the value comes from.
    pub origin: Origin,
    /// Whether a pair is sent.
    pub sent: bool,
    /// Why it is not sent, or not what might be expected.
    pub note: Option<&'static str>,
}

/// Renders a delivery to be looked at.
pub fn preview(scene: &Scene<'_>) -> Preview {
    let traffic = Traffic::of(scene.lead, scene.settings.attribution);
    let view = scene.view(&traffic);
    let verdict = render::verdict(&view).map_or(Verdict::Send, |reason| Verdict::Skip { reason });
    let draft = Draft::of(&view, scene);
    let kind = scene.lead.reference.kind;
    let shown = |parameter: Parameter| {
        let selected = draft.entries.iter().find(|entry| entry.parameter == parameter);
        match selected {
            Some(entry) => show(parameter, Some(entry.sent_as), &entry.valued),
            None => show(parameter, None, &parameter::value(parameter, &view)),
        }
    };
    let parameters =
        ALL.iter().filter(|parameter| parameter.exists_for(kind)).map(|one| shown(*one)).collect();
    let rendering = render::rendering(scene, draft);
    Preview {
        verdict,
        method: rendering.request.method,
        url: rendering.request.url,
        headers: rendering.request.headers,
        body: String::from_utf8_lossy(&rendering.request.body).into_owned(),
        parameters,
        warnings: rendering.warnings,
    }
}

fn show(parameter: Parameter, sent_as: Option<&str>, valued: &parameter::Valued<'_>) -> Shown {
    Shown {
        name: parameter.name(),
        sent_as: sent_as.map(str::to_owned),
        value: as_json(&valued.value),
        origin: valued.origin,
        sent: sent_as.is_some() && valued.value != Value::Absent,
        note: sent_as.map_or(Some("left out by the webhook's settings"), |_| valued.note),
    }
}

fn as_json(value: &Value<'_>) -> serde_json::Value {
    match value {
        Value::Absent => serde_json::Value::Null,
        Value::Text(text) => serde_json::Value::from(text.as_ref()),
        Value::List { fields: [first, second], records } => {
            records.iter().map(|(a, b)| serde_json::json!({ *first: a, *second: b })).collect()
        }
    }
}

#[cfg(test)]
mod tests;
