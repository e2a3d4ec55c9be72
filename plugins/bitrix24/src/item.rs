//! The fields of an item, and the address that takes them.

use leadhook_plugin::{prelude::*, template};
use serde_json::{Map, Value as Json, json};

use crate::Settings;

/// The number of the kind "lead".
pub(crate) const LEAD: u32 = 1;
const CONTACT: u32 = 3;
const COMPANY: u32 = 4;

/// What tells in Bitrix24 where an item comes from.
const ORIGINATOR: &str = "leadhook";

/// Marks of traffic with the fields that leads, deals and other items have for them.
const UTM: [(Parameter, &str); 5] = [
    (Parameter::UtmSource, "utmSource"),
    (Parameter::UtmMedium, "utmMedium"),
    (Parameter::UtmCampaign, "utmCampaign"),
    (Parameter::UtmContent, "utmContent"),
    (Parameter::UtmTerm, "utmTerm"),
];

/// The fields of a new item: the usual ones, then those of the configuration, which win. A field that a kind of item
/// does not have is ignored there.
pub(crate) fn fields(settings: &Settings, lead: &Lead) -> Result<Map<String, Json>, Failure> {
    let mut fields = Map::new();
    let title = match lead.kind() {
        LeadKind::Call => "Call {callerphone}",
        LeadKind::Request => "{subject|Request} {callerphone}",
    };
    fields.insert("title".to_owned(), template::fill(title, lead)?.trim().into());
    if let Some(name) = lead.text(Parameter::Fio) {
        fields.insert("name".to_owned(), name.into());
    }
    if [LEAD, CONTACT, COMPANY].contains(&settings.entity_type_id) {
        fields.extend(ways_to_reach(lead).map(|ways| ("fm".to_owned(), ways)));
    }
    for (parameter, field) in UTM {
        fields.extend(lead.text(parameter).map(|value| (field.to_owned(), value.into())));
    }
    fields.insert("originatorId".to_owned(), ORIGINATOR.into());
    fields.insert("originId".to_owned(), origin_id(lead).into());
    fields.extend(filled(&settings.fields, lead)?);
    Ok(fields)
}

/// Templates filled; fields that come out empty are left out.
pub(crate) fn filled(templates: &Map<String, Json>, lead: &Lead) -> Result<Map<String, Json>, Failure> {
    match template::fill_json(&Json::Object(templates.clone()), lead)? {
        Json::Object(fields) => Ok(fields),
        _ => Ok(Map::new()),
    }
}

/// Phone and e-mail as a multi-field; `None` when there is neither.
fn ways_to_reach(lead: &Lead) -> Option<Json> {
    let phone = lead.text(Parameter::CallerPhone).map(|phone| ("PHONE", international(phone)));
    let email = lead.text(Parameter::Email).map(|email| ("EMAIL", email.to_owned()));
    let way = |(kind, value)| json!({ "typeId": kind, "valueType": "WORK", "value": value });
    let ways: Vec<_> = phone.into_iter().chain(email).map(way).collect();
    (!ways.is_empty()).then_some(Json::Array(ways))
}

/// Digits with the country's code get a plus; a SIP URI or what is too short for that stays.
fn international(phone: &str) -> String {
    let is_whole = phone.len() >= 10 && phone.bytes().all(|byte| byte.is_ascii_digit());
    if is_whole { ["+", phone].concat() } else { phone.to_owned() }
}

/// What the lead is called at its source.
pub(crate) fn origin_id(lead: &Lead) -> String {
    let kind = match lead.kind() {
        LeadKind::Call => "call/",
        LeadKind::Request => "request/",
    };
    [kind, lead.id()].concat()
}

/// The address of a method below that of an incoming webhook. A method that the address names already goes.
pub(crate) fn method_url(url: &str, method: &str) -> String {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let is_method = |name: &str| name.starts_with("crm.");
    let folder = match path.trim_end_matches('/').rsplit_once('/') {
        Some((folder, name)) if is_method(name) => folder,
        _ => path.trim_end_matches('/'),
    };
    let separator = if query.is_empty() { "" } else { "?" };
    [folder, "/", method, separator, query].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_called_below_the_address_of_the_webhook() {
        for (url, expected) in [
            ("https://b.example/rest/1/code", "https://b.example/rest/1/code/crm.item.add"),
            ("https://b.example/rest/1/code/", "https://b.example/rest/1/code/crm.item.add"),
            ("https://b.example/rest/1/code/crm.item.add.json", "https://b.example/rest/1/code/crm.item.add"),
            (
                "https://b.example/rest/1/code/crm.lead.add?auth=1",
                "https://b.example/rest/1/code/crm.item.add?auth=1",
            ),
        ] {
            assert_eq!(method_url(url, "crm.item.add"), expected);
        }
    }

    #[test]
    fn a_contact_has_ways_to_reach_it_and_a_deal_has_none() {
        let parameters = json!({"callerphone": "79990001001", "email": "m@mail.example"});
        let lead = Lead::from(
            json!({"site": "1", "type": "call", "id": "1", "parameters": parameters, "visits": []}),
        );
        for (entity_type_id, has) in
            [(LEAD, true), (2, false), (CONTACT, true), (COMPANY, true), (128, false)]
        {
            let settings = Settings { entity_type_id, ..Settings::default() };
            assert_eq!(fields(&settings, &lead).unwrap().contains_key("fm"), has, "{entity_type_id}");
        }
        assert_eq!(international("79990001001"), "+79990001001");
        assert_eq!(
            (international("112"), international("sip:a@b")),
            ("112".to_owned(), "sip:a@b".to_owned())
        );
    }
}
