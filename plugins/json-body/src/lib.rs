//! Sends the parameters as JSON: flat as pairs are, nested as they are meant, or as a CloudEvent.

mod cloud_event;
mod nested;

use leadhook_plugin::{Form, Kind, prelude::*};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

leadhook_plugin::export! { transform: json_body }

/// The link's configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    shape: Shape,
    values: Values,
    absent: Absent,
    cloud_event: cloud_event::Settings,
}

impl Settings {
    /// Whether each value is the text that a form would have.
    fn is_as_it_came(&self) -> bool {
        self.shape == Shape::Flat && self.values == Values::Text && self.absent == Absent::AsSent
    }
}

/// How parameters become a body.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shape {
    /// One object of texts, each pair a field: `comment[0][party]` stays a name.
    #[default]
    Flat,
    /// Lists become arrays of objects, tags arrays, cookies an object.
    Nested,
    /// A CloudEvent in structured mode whose `data` is nested.
    CloudEvent,
}

/// What numbers and yes or no are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Values {
    /// Texts, as in a form.
    #[default]
    Text,
    /// JSON numbers, `true` and `false`, where the catalogue says that a parameter is one.
    Typed,
}

/// What a word that stands for an absent value (`null`, `undefined`, `<не указано>`) becomes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Absent {
    /// That word.
    #[default]
    AsSent,
    /// A JSON `null`.
    Null,
    /// No field.
    Omitted,
}

fn json_body(delivery: &Delivery, request: &mut Request) -> Result<Verdict, Failure> {
    let settings: Settings = config()?;
    let fields = fields(&settings, &delivery.lead, request.form()?);
    match settings.shape {
        Shape::Flat | Shape::Nested => request.set_json(&fields)?,
        Shape::CloudEvent => {
            let event = cloud_event::wrap(&settings.cloud_event, delivery, &fields);
            request.set_raw(cloud_event::CONTENT_TYPE, serde_json::to_vec(&event)?);
        }
    }
    Ok(Verdict::Send)
}

/// The pairs of a form as fields, in their order.
fn fields(settings: &Settings, lead: &Lead, form: &Form) -> Map<String, Json> {
    let mut fields = Map::with_capacity(form.0.len());
    for (name, text) in form.iter() {
        let Some(value) = value(settings, lead, name, text) else { continue };
        match settings.shape {
            Shape::Flat => _ = fields.insert(name.to_owned(), value),
            Shape::Nested | Shape::CloudEvent => nested::insert(&mut fields, name, value),
        }
    }
    fields
}

/// The value of a field; `None` when there is to be none.
fn value(settings: &Settings, lead: &Lead, name: &str, text: &str) -> Option<Json> {
    // What is sent as it came needs nothing of the lead.
    if settings.is_as_it_came() {
        return Some(text.into());
    }
    let Some(parameter) = lead.parameter_as_sent(name) else {
        return Some(text.into());
    };
    if !lead.has(parameter) {
        return match settings.absent {
            Absent::AsSent => Some(text.into()),
            Absent::Null => Some(Json::Null),
            Absent::Omitted => None,
        };
    }
    let is_nested = settings.shape != Shape::Flat;
    let is_typed = settings.values == Values::Typed;
    let typed = match parameter.kind() {
        Kind::Tags if is_nested => lead.get(parameter.name()).cloned(),
        Kind::Object if is_nested => serde_json::from_str(text).ok(),
        Kind::Number if is_typed => text.parse::<i64>().ok().map(Json::from),
        Kind::Flag if is_typed => text.parse::<bool>().ok().map(Json::from),
        _ => None,
    };
    Some(typed.unwrap_or_else(|| text.into()))
}

#[cfg(test)]
mod tests {
    use leadhook_plugin::mock::Host;
    use serde_json::json;

    use super::*;

    fn body(config: Json, pairs: &[(&str, &str)]) -> Json {
        let lead = json!({
            "site": "60001", "type": "call", "id": "1", "visits": [],
            "parameters": {
                "duration": "194", "spam": "false", "attrs": "{\"roistat\":\"1009\"}", "tags_manual": ["a, b", "c"]
            },
            "renamed": {"duration": "seconds", "tags_manual": "labels"}
        });
        let mut request = Request::post("https://crm.example/", pairs.iter().copied());
        let verdict = Host::new().config(config).run(|| json_body(&Delivery::of(lead), &mut request));
        assert_eq!(verdict, Ok(Verdict::Send));
        let Body::Raw { bytes, .. } = request.body else { panic!("it is a form still") };
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn numbers_and_flags_are_typed_where_asked_also_under_another_name() {
        let pairs = [("seconds", "194"), ("spam", "false"), ("source", "7")];
        assert_eq!(body(json!({}), &pairs), json!({"seconds": "194", "spam": "false", "source": "7"}));
        let typed = json!({"seconds": 194, "spam": false, "source": "7"});
        assert_eq!(body(json!({"values": "typed"}), &pairs), typed);
    }

    #[test]
    fn nested_tags_are_those_of_the_lead_so_that_a_comma_splits_none() {
        let pairs = [("labels", "a, b,c"), ("attrs", "{\"roistat\":\"1009\"}")];
        let nested = json!({"labels": ["a, b", "c"], "attrs": {"roistat": "1009"}});
        assert_eq!(body(json!({"shape": "nested"}), &pairs), nested);
        assert_eq!(body(json!({}), &pairs)["labels"], "a, b,c");
    }

    #[test]
    fn a_word_for_an_absent_value_is_told_from_that_word_as_a_value() {
        let pairs = [("pool", "null"), ("manager", ""), ("own", "null")];
        for (absent, expected) in [
            ("as_sent", json!({"pool": "null", "manager": "", "own": "null"})),
            ("null", json!({"pool": null, "manager": null, "own": "null"})),
            ("omitted", json!({"own": "null"})),
        ] {
            assert_eq!(body(json!({ "absent": absent }), &pairs), expected);
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_name() {
        let lead = json!({"site": "1", "type": "call", "id": "1", "parameters": {}, "visits": []});
        let mut request = Request::post("https://crm.example/", [("id", "1")]);
        let mut host = Host::new().config(json!({"form": "flat"}));
        let failure = host.run(|| json_body(&Delivery::of(lead), &mut request)).unwrap_err();
        assert!(failure.code == "bad_config" && failure.detail.contains("`form`"), "{failure}");
    }

    #[test]
    fn fixtures() {
        leadhook_plugin::fixture::check(env!("CARGO_MANIFEST_DIR"), &EXPORTS);
    }
}
