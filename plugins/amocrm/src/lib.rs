//! Makes leads in amoCRM (Kommo): of calls incoming ones, of requests leads with their contact; and reads the answers.

mod answer;
mod lead;

use leadhook_plugin::prelude::*;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

leadhook_plugin::export! { transform: add_lead, receipt: answer::judge }

/// How long it is known that a lead was taken, in seconds: 180 days.
const KNOWN_SECONDS: u32 = 180 * 86_400;

/// The link's configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    /// The secret with the access token.
    token_secret: String,
    /// What becomes of a call.
    #[serde(default)]
    calls: Calls,
    /// Where leads come in; the main pipeline without it.
    pipeline_id: Option<u64>,
    /// What the source of calls is called: a template.
    #[serde(default = "usual_source")]
    source_name: String,
    /// Further fields of the lead: texts are templates.
    #[serde(default)]
    fields: Map<String, Json>,
}

fn usual_source() -> String {
    "leadhook".to_owned()
}

/// What becomes of a call.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Calls {
    /// An incoming lead with the call, which somebody accepts or declines.
    #[default]
    Unsorted,
    /// A lead with its contact.
    Leads,
}

fn add_lead(delivery: &Delivery, request: &mut Request) -> Result<Verdict, Failure> {
    let settings: Settings = config()?;
    let lead = &delivery.lead;
    // A probe is nobody's lead, and is made each time.
    if !delivery.sample && kv::get(&key(lead)).is_some() {
        return Ok(Verdict::Skip("amoCRM has the lead already".to_owned()));
    }
    let is_unsorted = lead.kind() == LeadKind::Call && settings.calls == Calls::Unsorted;
    let (path, one) = match is_unsorted {
        true => ("/api/v4/leads/unsorted/sip", lead::unsorted(&settings, delivery)?),
        false => ("/api/v4/leads/complex", lead::complex(&settings, lead)?),
    };
    request.url = lead::account(&request.url) + path;
    request.set_json(&[one])?;
    request.set_header("accept", "application/json");
    request.set_header("authorization", ["Bearer ", &secret(&settings.token_secret)?].concat());
    Ok(Verdict::Send)
}

/// The key under which it is known that the lead was taken. Ids of leads have at most 128 bytes.
fn key(lead: &Lead) -> String {
    ["taken:", lead.site(), ":", &lead::name_at_source(lead)].concat()
}

#[cfg(test)]
mod tests {
    use leadhook_plugin::mock::Host;
    use serde_json::json;

    use super::*;

    fn delivery() -> Delivery {
        let parameters = json!({"callerphone": "79990001001", "timestamp": "1772444703"});
        Delivery::of(
            json!({"site": "60001", "type": "call", "id": "1", "parameters": parameters, "visits": []}),
        )
    }

    fn sent(host: &mut Host) -> Result<(Verdict, Request), Failure> {
        let mut request = Request::post("https://shop.amocrm.example", [("id", "1")]);
        let verdict = host.run(|| add_lead(&delivery(), &mut request))?;
        Ok((verdict, request))
    }

    fn host() -> Host {
        Host::new().config(json!({"token_secret": "amo"})).secret("amo", "t0ken")
    }

    #[test]
    fn a_lead_that_was_taken_is_made_no_second_time() {
        let mut host = host();
        let (verdict, request) = sent(&mut host).unwrap();
        assert_eq!(verdict, Verdict::Send);
        assert_eq!(request.header("authorization"), Some("Bearer t0ken"));
        let body = br#"{"_embedded": {"unsorted": [{"uid": "a1"}]}}"#.to_vec();
        let taken = Response { status: 200, headers: Vec::new(), body, elapsed_ms: 1 };
        assert_eq!(host.run(|| answer::judge(&delivery(), &taken)), Ok(Judgement::Delivered));
        assert_eq!(sent(&mut host).unwrap().0, Verdict::Skip("amoCRM has the lead already".to_owned()));
    }

    #[test]
    fn without_its_token_nothing_is_sent() {
        let mut host = Host::new().config(json!({"token_secret": "amo"}));
        assert_eq!(sent(&mut host).unwrap_err().code, "no_secret");
    }

    #[test]
    fn fixtures() {
        leadhook_plugin::fixture::check(env!("CARGO_MANIFEST_DIR"), &EXPORTS);
    }
}
