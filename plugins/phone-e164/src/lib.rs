//! Phones as the handler wants them: E.164, digits, or as they are dialled at home.

mod plan;

use leadhook_plugin::prelude::*;
use serde::Deserialize;

leadhook_plugin::export! { transform: format_phones }

/// Parameters that hold phones.
const PHONES: [Parameter; 3] = [Parameter::CallerPhone, Parameter::PhoneNumber, Parameter::RedirectNumber];

/// The link's configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// How phones are written.
    format: Format,
    /// The country at home, in two letters; else the site's.
    country: Option<String>,
    /// The pairs that hold phones, by their names as sent; else those of the phone parameters.
    fields: Option<Vec<String>>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// `+79990001001`, as ITU-T E.164 numbers are written internationally (E.123).
    #[default]
    E164,
    /// `79990001001`.
    Digits,
    /// `89990001001` for a number at home, E.164 for any other.
    National,
}

fn format_phones(delivery: &Delivery, request: &mut Request) -> Result<Verdict, Failure> {
    let settings: Settings = config()?;
    let lead = &delivery.lead;
    let country = settings.country.as_deref().or(lead.country()).unwrap_or("RU");
    let plan = plan::of(country).ok_or_else(|| {
        let known = plan::countries();
        Failure::lasting(
            "bad_config",
            format!("there is no numbering plan for the country `{country}`: {known}"),
        )
    })?;
    let names = match &settings.fields {
        Some(names) => names.iter().map(String::as_str).collect(),
        None => PHONES.map(|parameter| lead.name_as_sent(parameter)).to_vec(),
    };
    for (name, value) in &mut request.form_mut()?.0 {
        if names.contains(&name.as_str())
            && let Some(number) = plan.read(value)
        {
            *value = written(settings.format, plan, &number);
        }
    }
    Ok(Verdict::Send)
}

/// A number with its country's code, in a format.
fn written(format: Format, plan: &plan::Plan, number: &str) -> String {
    match format {
        Format::Digits => number.to_owned(),
        Format::National => plan.national(number).unwrap_or_else(|| ["+", number].concat()),
        Format::E164 => ["+", number].concat(),
    }
}

#[cfg(test)]
mod tests {
    use leadhook_plugin::mock::Host;
    use serde_json::{Value as Json, json};

    use super::*;

    fn phone(config: Json, value: &str) -> String {
        let lead = json!({
            "site": "60001", "type": "call", "id": "1", "parameters": {}, "visits": [], "country": "RU",
            "renamed": {"callerphone": "phone"}
        });
        let mut request = Request::post("https://crm.example/", [("phone", value), ("callerphone", value)]);
        let verdict = Host::new().config(config).run(|| format_phones(&Delivery::of(lead), &mut request));
        assert_eq!(verdict, Ok(Verdict::Send));
        let form = request.form().unwrap();
        assert_eq!(form.get("callerphone"), Some(value), "no phone is sent under this name");
        form.get("phone").unwrap().to_owned()
    }

    #[test]
    fn a_phone_is_written_as_asked() {
        for (format, home, foreign) in [
            ("e164", "+79990001001", "+4930123456"),
            ("digits", "79990001001", "4930123456"),
            ("national", "89990001001", "+4930123456"),
        ] {
            let config = json!({ "format": format });
            assert_eq!(phone(config.clone(), "79990001001"), home);
            assert_eq!(phone(config.clone(), "8 (999) 000-10-01"), home);
            assert_eq!(phone(config, "+49 30 123456"), foreign);
        }
    }

    #[test]
    fn what_is_no_phone_of_a_plan_stays_as_it_came() {
        for value in
            ["", "undefined", "112", "sip:100@pbx.example", "8", "anonymous", "+", "1234567890123456"]
        {
            assert_eq!(phone(json!({}), value), value);
        }
    }

    #[test]
    fn a_country_without_a_plan_is_refused() {
        let lead = json!({"site": "1", "type": "call", "id": "1", "parameters": {}, "visits": []});
        let mut request = Request::post("https://crm.example/", [("callerphone", "7")]);
        let mut host = Host::new().config(json!({"country": "XX"}));
        let failure = host.run(|| format_phones(&Delivery::of(lead), &mut request)).unwrap_err();
        assert!(failure.code == "bad_config" && failure.detail.contains("`XX`"), "{failure}");
    }

    #[test]
    fn fixtures() {
        leadhook_plugin::fixture::check(env!("CARGO_MANIFEST_DIR"), &EXPORTS);
    }
}
