//! What is sent: an incoming lead with its call, or a lead with its contact; and the account's address.

use leadhook_plugin::{prelude::*, template};
use serde_json::{Map, Value as Json, json};

use crate::Settings;

/// What amoCRM knows the telephony by.
const SERVICE: &str = "leadhook";

/// A call as an incoming lead: `leads/unsorted/sip`.
pub(crate) fn unsorted(settings: &Settings, delivery: &Delivery) -> Result<Json, Failure> {
    let lead = &delivery.lead;
    let occurred_at = i64::try_from(delivery.occurred_at_ms / 1_000).unwrap_or(0);
    let called_at = lead.number(Parameter::Timestamp).unwrap_or(occurred_at);
    let source = [SERVICE, "-", lead.site()].concat();
    let text = |parameter| lead.text(parameter).unwrap_or_default();
    let mut metadata = json!({
        "uniq": name_at_source(lead),
        "from": text(Parameter::CallerPhone),
        "phone": text(Parameter::PhoneNumber),
        "called_at": called_at,
        "duration": lead.number(Parameter::Duration).unwrap_or(0),
        "service_code": SERVICE,
        "is_call_event_needed": true,
    });
    if let Some(link) = lead.text(Parameter::RecLink) {
        metadata["link"] = link.into();
    }
    let mut unsorted = json!({
        "request_id": delivery.id,
        "source_uid": source,
        "source_name": template::fill(&settings.source_name, lead)?,
        "created_at": called_at,
        "metadata": metadata,
        "_embedded": { "leads": [of_lead(settings, lead)?], "contacts": [contact(lead)] },
    });
    if let Some(pipeline) = settings.pipeline_id {
        unsorted["pipeline_id"] = pipeline.into();
    }
    Ok(unsorted)
}

/// A lead with its contact: `leads/complex`.
pub(crate) fn complex(settings: &Settings, lead: &Lead) -> Result<Json, Failure> {
    let mut fields = of_lead(settings, lead)?;
    if let Some(pipeline) = settings.pipeline_id {
        fields.insert("pipeline_id".to_owned(), pipeline.into());
    }
    // Tags of the configuration stand here too.
    let embedded = fields.entry("_embedded").or_insert_with(|| json!({}));
    match embedded.as_object_mut() {
        Some(embedded) => _ = embedded.insert("contacts".to_owned(), json!([contact(lead)])),
        None => return Err(Failure::lasting("bad_config", "`fields._embedded` is an object")),
    }
    Ok(fields.into())
}

/// The lead's own fields; those of the configuration win.
fn of_lead(settings: &Settings, lead: &Lead) -> Result<Map<String, Json>, Failure> {
    let name = match lead.kind() {
        LeadKind::Call => "Call {callerphone}",
        LeadKind::Request => "{subject|Request} {callerphone}",
    };
    let mut fields = Map::new();
    fields.insert("name".to_owned(), template::fill(name, lead)?.trim().into());
    if let Json::Object(own) = template::fill_json(&Json::Object(settings.fields.clone()), lead)? {
        fields.extend(own);
    }
    Ok(fields)
}

/// Who called or wrote, with what is known to reach them by.
fn contact(lead: &Lead) -> Json {
    let phone = lead.text(Parameter::CallerPhone).map(international);
    let email = lead.text(Parameter::Email).map(str::to_owned);
    let name =
        lead.text(Parameter::Fio).map(str::to_owned).or_else(|| phone.clone()).or_else(|| email.clone());
    let way = |(code, value): (&str, String)| json!({ "field_code": code, "values": [{ "value": value, "enum_code": "WORK" }] });
    let ways = phone.map(|phone| ("PHONE", phone)).into_iter().chain(email.map(|email| ("EMAIL", email)));
    json!({ "name": name.unwrap_or_default(), "custom_fields_values": ways.map(way).collect::<Vec<_>>() })
}

/// Digits with the country's code get a plus; a SIP URI or what is too short for that stays.
fn international(phone: &str) -> String {
    let is_whole = phone.len() >= 10 && phone.bytes().all(|byte| byte.is_ascii_digit());
    if is_whole { ["+", phone].concat() } else { phone.to_owned() }
}

/// What the lead is called at its source.
pub(crate) fn name_at_source(lead: &Lead) -> String {
    let kind = match lead.kind() {
        LeadKind::Call => "call/",
        LeadKind::Request => "request/",
    };
    [kind, lead.id()].concat()
}

/// The account's address, of which a path or query is left out.
pub(crate) fn account(url: &str) -> String {
    let end = match url.split_once("://") {
        Some((scheme, rest)) => scheme.len() + 3 + rest.find(['/', '?', '#']).unwrap_or(rest.len()),
        None => url.len(),
    };
    url[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_called_at_the_accounts_address() {
        for url in ["https://a.example", "https://a.example/", "https://a.example/api/v4/leads?x=1#y"] {
            assert_eq!(account(url), "https://a.example");
        }
    }

    #[test]
    fn a_contact_has_a_name_whatever_is_known() {
        let of = |parameters: Json| {
            contact(&Lead::from(
                json!({"site": "1", "type": "request", "id": "1", "parameters": parameters, "visits": []}),
            ))
        };
        assert_eq!(of(json!({"callerphone": "79990001001"}))["name"], "+79990001001");
        assert_eq!(of(json!({"email": "m@mail.example", "fio": "Мария"}))["name"], "Мария");
        assert_eq!(of(json!({})), json!({"name": "", "custom_fields_values": []}));
    }
}
