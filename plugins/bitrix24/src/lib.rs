//! Makes leads, deals or other items in Bitrix24, and reads what its REST API answers.

mod answer;
mod item;

use leadhook_plugin::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

leadhook_plugin::export! { transform: add_item, receipt: answer::judge }

/// How long the item of a lead is known, in seconds: 180 days.
const KNOWN_SECONDS: u32 = 180 * 86_400;

/// The link's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// The kind of item: 1 is a lead, 2 a deal, 3 a contact, from 128 on those of one's own.
    entity_type_id: u32,
    /// The secret with the address of an incoming webhook; without it the webhook's URL is that address.
    url_secret: Option<String>,
    /// Fields of the item: texts are templates.
    fields: Map<String, Json>,
    /// Fields that a later delivery of the same lead sets; without it that one is skipped.
    update: Option<Map<String, Json>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { entity_type_id: item::LEAD, url_secret: None, fields: Map::new(), update: None }
    }
}

/// What is known of a lead that has an item.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    /// The item's id.
    item: u64,
}

fn add_item(delivery: &Delivery, request: &mut Request) -> Result<Verdict, Failure> {
    let settings: Settings = config()?;
    let lead = &delivery.lead;
    // A probe is nobody's lead and has an item of its own each time.
    let made = if delivery.sample { None } else { kv::get_json::<Made>(&key(&settings, lead))? };
    let (method, body) = match (made, &settings.update) {
        (None, _) => {
            let fields = item::fields(&settings, lead)?;
            ("crm.item.add", json!({ "entityTypeId": settings.entity_type_id, "fields": fields }))
        }
        (Some(made), Some(update)) => {
            let fields = item::filled(update, lead)?;
            let body = json!({ "entityTypeId": settings.entity_type_id, "id": made.item, "fields": fields });
            ("crm.item.update", body)
        }
        (Some(made), None) => {
            return Ok(Verdict::Skip(["the lead has the item ", &made.item.to_string()].concat()));
        }
    };
    if let Some(name) = &settings.url_secret {
        request.url = secret(name)?;
    }
    request.url = item::method_url(&request.url, method);
    request.set_json(&body)?;
    request.set_header("accept", "application/json");
    Ok(Verdict::Send)
}

/// The key under which the item of a lead is known. Ids of leads have at most 128 bytes.
fn key(settings: &Settings, lead: &Lead) -> String {
    ["item:", &settings.entity_type_id.to_string(), ":", lead.site(), ":", &item::origin_id(lead)].concat()
}

#[cfg(test)]
mod tests {
    use leadhook_plugin::mock::Host;

    use super::*;

    fn delivery() -> Delivery {
        let parameters = json!({"callerphone": "79990001001", "duration": "194"});
        Delivery::of(
            json!({"site": "60001", "type": "call", "id": "1", "parameters": parameters, "visits": []}),
        )
    }

    fn sent(host: &mut Host) -> Result<(Verdict, Request), Failure> {
        let mut request = Request::post("https://b24.example/rest/1/code/", [("id", "1")]);
        let verdict = host.run(|| add_item(&delivery(), &mut request))?;
        Ok((verdict, request))
    }

    fn answer(text: &str) -> Response {
        Response { status: 200, headers: Vec::new(), body: text.as_bytes().to_vec(), elapsed_ms: 1 }
    }

    #[test]
    fn a_lead_has_one_item_which_later_deliveries_update() {
        let mut host = Host::new().config(json!({"update": {"comments": "{duration} s"}}));
        let (_, request) = sent(&mut host).unwrap();
        assert_eq!(request.url, "https://b24.example/rest/1/code/crm.item.add");
        let added = answer(r#"{"result": {"item": {"id": 342}}, "time": {}}"#);
        assert_eq!(host.run(|| answer::judge(&delivery(), &added)), Ok(Judgement::Delivered));
        let (_, request) = sent(&mut host).unwrap();
        assert_eq!(request.url, "https://b24.example/rest/1/code/crm.item.update");
        let Body::Raw { bytes, .. } = request.body else { panic!("it is a form still") };
        let expected = json!({"entityTypeId": 1, "id": 342, "fields": {"comments": "194 s"}});
        assert_eq!(serde_json::from_slice::<Json>(&bytes).unwrap(), expected);
        let mut host = host.config(json!({}));
        assert_eq!(sent(&mut host).unwrap().0, Verdict::Skip("the lead has the item 342".to_owned()));
        let mut host = host.config(json!({"entity_type_id": 2}));
        assert_eq!(sent(&mut host).unwrap().0, Verdict::Send, "a deal is another item");
    }

    #[test]
    fn the_address_comes_from_a_secret_where_one_is_named() {
        let mut host = Host::new().config(json!({"url_secret": "b24"}));
        assert_eq!(sent(&mut host).unwrap_err().code, "no_secret");
        let mut host = host.secret("b24", "https://own.example/rest/7/s3cret");
        assert_eq!(sent(&mut host).unwrap().1.url, "https://own.example/rest/7/s3cret/crm.item.add");
    }

    #[test]
    fn fixtures() {
        leadhook_plugin::fixture::check(env!("CARGO_MANIFEST_DIR"), &EXPORTS);
    }
}
