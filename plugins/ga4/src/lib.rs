//! Leads as events of Google Analytics 4, by the Measurement Protocol.

use leadhook_plugin::{prelude::*, template};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

leadhook_plugin::export! { transform: send_event }

/// Where events are taken.
const API: &str = "https://www.google-analytics.com";

/// How far back an event may lie, in milliseconds: 72 hours.
const AGE_MS_MAX: u64 = 72 * 3_600_000;

/// The most parameters of an event, the longest name, and the longest value in characters.
const PARAMS_MAX: usize = 25;
const NAME_CHARACTERS_MAX: usize = 40;
const VALUE_CHARACTERS_MAX: usize = 100;

/// The link's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The stream's, such as `G-XXXXXXXXXX`.
    measurement_id: String,
    /// The event's name.
    #[serde(default = "default_event")]
    event: String,
    /// The event's parameters; texts are templates.
    #[serde(default)]
    params: Map<String, Json>,
    /// The secret with the stream's API secret.
    #[serde(default = "default_secret")]
    api_secret: String,
    /// Whether the lead's session is named, where it is Google's own.
    #[serde(default)]
    session_id: bool,
    /// Where events are taken instead.
    api: Option<String>,
}

fn default_event() -> String {
    "generate_lead".to_owned()
}

fn default_secret() -> String {
    "ga4".to_owned()
}

fn send_event(delivery: &Delivery, request: &mut Request) -> Result<Verdict, Failure> {
    let settings: Settings = config()?;
    let lead = &delivery.lead;
    let Some(client) = lead.text(Parameter::Gcid) else {
        return Ok(Verdict::Skip("the lead has no Google Client ID".to_owned()));
    };
    if now_ms().saturating_sub(delivery.occurred_at_ms) > AGE_MS_MAX {
        return Ok(Verdict::Skip(
            "it lies more than 72 hours back, which Google Analytics does not take".to_owned(),
        ));
    }
    let params = params(&settings, lead)?;
    check_name(&settings.event)?;
    let body = json!({
        "client_id": client,
        "timestamp_micros": delivery.occurred_at_ms.saturating_mul(1000),
        "events": [{ "name": settings.event, "params": params }],
    });
    let api = settings.api.as_deref().unwrap_or(API).trim_end_matches('/');
    request.url = [api, "/mp/collect"].concat();
    request.add_query("measurement_id", &settings.measurement_id);
    request.add_query("api_secret", &secret(&settings.api_secret)?);
    request.set_json(&body)?;
    Ok(Verdict::Send)
}

/// The event's parameters, within the limits beyond which an event is dropped without a word.
fn params(settings: &Settings, lead: &Lead) -> Result<Map<String, Json>, Failure> {
    let mut params = Map::new();
    if settings.session_id
        && let Some(session) = lead.text(Parameter::SessionId)
    {
        params.insert("session_id".to_owned(), session.into());
    }
    for (name, value) in &settings.params {
        check_name(name)?;
        let value = match value {
            Json::String(text) => Json::String(cut(&template::fill(text, lead)?)),
            Json::Number(_) | Json::Bool(_) => value.clone(),
            _ => return Err(bad(&["`params.", name, "` is neither a text nor a number"])),
        };
        if value != "" {
            params.insert(name.clone(), value);
        }
    }
    if params.len() > PARAMS_MAX {
        return Err(bad(&["an event has at most 25 `params`"]));
    }
    Ok(params)
}

/// Names begin with a letter and have letters, digits and underscores.
fn check_name(name: &str) -> Result<(), Failure> {
    let is_good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.len() <= NAME_CHARACTERS_MAX;
    let rule = "` is no name: up to 40 letters, digits and underscores, a letter first";
    if is_good { Ok(()) } else { Err(bad(&["`", name, rule])) }
}

fn cut(text: &str) -> String {
    text.chars().take(VALUE_CHARACTERS_MAX).collect()
}

fn bad(detail: &[&str]) -> Failure {
    Failure::lasting("bad_config", detail.concat())
}

#[cfg(test)]
mod tests {
    use leadhook_plugin::mock::Host;

    use super::*;

    fn body(config: Json) -> Result<Json, Failure> {
        let parameters = json!({"gcid": "1.2", "subject": "я".repeat(200)});
        let lead = json!({"site": "1", "type": "request", "id": "1", "parameters": parameters, "visits": []});
        let mut request = Request::post("https://x.example/", [("id", "1")]);
        let mut host = Host::new().config(config).secret("ga4", "s");
        host.run(|| send_event(&Delivery::of(lead), &mut request))?;
        let Body::Raw { bytes, .. } = request.body else { panic!("it is a form still") };
        Ok(serde_json::from_slice(&bytes)?)
    }

    #[test]
    fn values_are_cut_to_what_is_taken() {
        let body = body(json!({"measurement_id": "G-1", "params": {"form": "{subject}"}})).unwrap();
        let form = body["events"][0]["params"]["form"].as_str().unwrap();
        assert_eq!((form.chars().count(), &body["events"][0]["name"]), (100, &json!("generate_lead")));
    }

    #[test]
    fn what_would_be_dropped_without_a_word_is_refused() {
        let many: Map<_, _> = (0..26).map(|number| (format!("p{number}"), json!(number))).collect();
        for (config, word) in [
            (json!({"measurement_id": "G-1", "event": "1st"}), "`1st`"),
            (json!({"measurement_id": "G-1", "event": "a".repeat(41)}), "40"),
            (json!({"measurement_id": "G-1", "params": {"a b": 1}}), "`a b`"),
            (json!({"measurement_id": "G-1", "params": {"a": []}}), "`params.a`"),
            (json!({"measurement_id": "G-1", "params": many}), "25"),
            (json!({}), "`measurement_id`"),
        ] {
            let failure = body(config).unwrap_err();
            assert!(failure.code == "bad_config" && failure.detail.contains(word), "{failure}");
        }
    }

    #[test]
    fn fixtures() {
        leadhook_plugin::fixture::check(env!("CARGO_MANIFEST_DIR"), &EXPORTS);
    }
}
