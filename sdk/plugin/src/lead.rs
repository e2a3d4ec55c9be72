//! The lead of a delivery: typed access to the JSON that the engine gives.

use std::{cell::OnceCell, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::{members::Members, parameter::Parameter};

/// A call, or a request: a form sent on a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LeadKind {
    /// Somebody called.
    Call,
    /// Somebody sent a form.
    Request,
}

/// One arrival of the lead's visitor on the site.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Visit(Map<String, Json>);

impl Visit {
    /// The text of a field (`at`, `url`, `ref`, `source`, `sessionId` and so on); `None` when it is not known.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.0.get(field)?.as_str()
    }

    /// Third-party cookies, when there are any.
    pub fn attrs(&self) -> Option<&Map<String, Json>> {
        self.0.get("attrs")?.as_object()
    }
}

/// The lead that a delivery is about. Of its JSON is read what is asked of it: most of a lead is of no use to most plugins.
///
/// The crate's documentation, "The lead", tells what is in it.
#[derive(Clone)]
pub struct Lead {
    json: String,
    fields: OnceCell<Members>,
    parameters: OnceCell<Members>,
    visits: OnceCell<Vec<Visit>>,
}

impl Lead {
    /// The lead with this JSON.
    pub fn new(json: impl Into<String>) -> Self {
        let json = json.into();
        Self { json, fields: OnceCell::new(), parameters: OnceCell::new(), visits: OnceCell::new() }
    }

    /// # Panics
    /// When the JSON is not that of a lead. The engine never gives such a one, so it is an error of a test.
    fn fields(&self) -> &Members {
        self.fields.get_or_init(|| Members::of(&self.json, 0).expect("what is given is a lead as JSON"))
    }

    fn text_of(&self, field: &str) -> Option<&str> {
        self.fields().get(&self.json, field)?.as_str()
    }

    /// # Panics
    /// As [`Self::fields`].
    fn text_always_there(&self, field: &str) -> &str {
        self.text_of(field).expect("a lead has a site, a type and an id")
    }

    /// # Panics
    /// As [`Self::fields`].
    fn members(&self) -> &Members {
        self.parameters.get_or_init(|| {
            let place = self.fields().place(&self.json, "parameters");
            place.and_then(|place| Members::of(&self.json, place)).expect("a lead has parameters")
        })
    }

    /// The lead as the JSON text it came as.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The id of its site.
    pub fn site(&self) -> &str {
        self.text_always_there("site")
    }

    /// Whether it is a call or a request.
    pub fn kind(&self) -> LeadKind {
        match self.text_always_there("type") {
            "call" => LeadKind::Call,
            _ => LeadKind::Request,
        }
    }

    /// Its id at its source.
    pub fn id(&self) -> &str {
        self.text_always_there("id")
    }

    /// When it began, as RFC 3339 in UTC.
    pub fn started_at(&self) -> Option<&str> {
        self.text_of("started_at")
    }

    /// The IANA time zone of its site, such as `Europe/Moscow`.
    pub fn timezone(&self) -> Option<&str> {
        self.text_of("timezone")
    }

    /// The country of its site in two letters, such as `RU`.
    pub fn country(&self) -> Option<&str> {
        self.text_of("country")
    }

    /// The visitor's visits, oldest first.
    pub fn visits(&self) -> &[Visit] {
        self.visits.get_or_init(|| {
            let visits = self.fields().get(&self.json, "visits");
            visits.map_or_else(Vec::new, |visits| {
                serde_json::from_value(visits.clone()).expect("visits are objects")
            })
        })
    }

    /// The value of the parameter with this name; `None` when it has none.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.members().get(&self.json, name)
    }

    /// Whether a parameter has a value.
    pub fn has(&self, parameter: Parameter) -> bool {
        self.members().place(&self.json, parameter.name()).is_some()
    }

    /// Every parameter that has a value, in the catalogue's order.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.members().iter(&self.json)
    }

    /// The text of a parameter; `None` when it has no value, is a list, or holds tags.
    pub fn text(&self, parameter: Parameter) -> Option<&str> {
        self.get(parameter.name())?.as_str()
    }

    /// The whole number of a parameter, such as [`Parameter::Duration`].
    pub fn number(&self, parameter: Parameter) -> Option<i64> {
        self.text(parameter)?.parse().ok()
    }

    /// The yes or no of a parameter, such as [`Parameter::Spam`].
    pub fn flag(&self, parameter: Parameter) -> Option<bool> {
        self.text(parameter)?.parse().ok()
    }

    /// The tags of one tag parameter, none when it has no value.
    pub fn tags(&self, parameter: Parameter) -> impl Iterator<Item = &str> {
        let tags = self.get(parameter.name()).and_then(Json::as_array);
        tags.into_iter().flatten().filter_map(Json::as_str)
    }

    /// The elements of a list parameter as their two fields in order: party and comment, channel and phrase,
    /// or name and value.
    pub fn records(&self, parameter: Parameter) -> impl Iterator<Item = (&str, &str)> {
        let records = self.get(parameter.name()).and_then(Json::as_array);
        records.into_iter().flatten().filter_map(|record| {
            let mut fields = record.as_object()?.values().filter_map(Json::as_str);
            Some((fields.next()?, fields.next()?))
        })
    }

    fn renamed(&self) -> Option<&Map<String, Json>> {
        self.fields().get(&self.json, "renamed")?.as_object()
    }

    /// The name under which the webhook sends a parameter.
    pub fn name_as_sent(&self, parameter: Parameter) -> &str {
        let own = self.renamed().and_then(|renamed| renamed.get(parameter.name())).and_then(Json::as_str);
        own.unwrap_or(parameter.name())
    }

    /// The parameter that the webhook sends under this name; a renamed one is not known by its own.
    pub fn parameter_as_sent(&self, name: &str) -> Option<Parameter> {
        let mut renamed = self.renamed().into_iter().flatten();
        match renamed.find(|(_, sent)| sent.as_str() == Some(name)) {
            Some((own, _)) => Parameter::by_name(own),
            None => Parameter::by_name(name).filter(|parameter| self.name_as_sent(*parameter) == name),
        }
    }
}

impl fmt::Debug for Lead {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Lead").field(&self.json).finish()
    }
}

impl From<Json> for Lead {
    fn from(json: Json) -> Self {
        Self::new(json.to_string())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lead() -> Lead {
        Lead::from(json!({
            "site": "60001", "type": "call", "id": "1500000001", "a_later_field": [1],
            "parameters": {
                "callerphone": "79990001001", "duration": "194", "spam": "false",
                "comment": [{"party": "client", "comment": "Три окна"}],
                "tags_manual": ["Отдел продаж", "Целевой, без записи"]
            },
            "visits": [{"at": "2026-03-02T09:41:10Z", "url": "https://shop.example/", "attrs": {"roistat": "1009"}}],
            "started_at": "2026-03-02T09:45:03Z", "timezone": "Europe/Moscow", "country": "RU",
            "renamed": {"callerphone": "phone", "duration": "status"}
        }))
    }

    #[test]
    fn a_lead_answers_by_the_form_of_each_value() {
        let lead = lead();
        assert_eq!((lead.site(), lead.kind(), lead.id()), ("60001", LeadKind::Call, "1500000001"));
        assert_eq!(lead.text(Parameter::CallerPhone), Some("79990001001"));
        assert_eq!(lead.number(Parameter::Duration), Some(194));
        assert_eq!(lead.flag(Parameter::Spam), Some(false));
        let tags: Vec<_> = lead.tags(Parameter::TagsManual).collect();
        assert_eq!(tags, ["Отдел продаж", "Целевой, без записи"]);
        assert_eq!(lead.records(Parameter::Comment).collect::<Vec<_>>(), [("client", "Три окна")]);
        assert_eq!(
            (lead.started_at(), lead.timezone()),
            (Some("2026-03-02T09:45:03Z"), Some("Europe/Moscow"))
        );
        assert_eq!(lead.country(), Some("RU"));
        let names: Vec<_> = lead.parameters().map(|(name, _)| name).collect();
        assert_eq!(names, ["callerphone", "duration", "spam", "comment", "tags_manual"]);
        let visit = &lead.visits()[0];
        assert_eq!((visit.text("url"), visit.text("ref")), (Some("https://shop.example/"), None));
        assert_eq!(visit.attrs().unwrap()["roistat"], "1009");
    }

    #[test]
    fn what_has_no_value_or_another_form_is_none() {
        let lead = lead();
        assert_eq!((lead.text(Parameter::Email), lead.get("nothing")), (None, None));
        assert_eq!(
            (lead.text(Parameter::Comment), lead.number(Parameter::CallerPhone)),
            (None, Some(79990001001))
        );
        assert_eq!((lead.number(Parameter::Spam), lead.flag(Parameter::Duration)), (None, None));
        assert_eq!(lead.tags(Parameter::TagsApi).count(), 0);
    }

    #[test]
    fn a_parameter_is_found_by_the_name_under_which_it_is_sent() {
        let lead = lead();
        assert_eq!(lead.name_as_sent(Parameter::CallerPhone), "phone");
        assert_eq!(lead.name_as_sent(Parameter::Email), "email");
        assert_eq!(lead.parameter_as_sent("phone"), Some(Parameter::CallerPhone));
        assert_eq!(lead.parameter_as_sent("status"), Some(Parameter::Duration));
        assert_eq!(lead.parameter_as_sent("email"), Some(Parameter::Email));
        assert_eq!((lead.parameter_as_sent("callerphone"), lead.parameter_as_sent("x")), (None, None));
    }
}
