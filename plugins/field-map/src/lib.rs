//! Fields from templates, for all leads or by tracked number, site or any other parameter.

use std::borrow::Cow;

use leadhook_plugin::{prelude::*, template};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

leadhook_plugin::export! { transform: map_fields }

/// The link's configuration.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// Fields of every request: names with templates.
    fields: Templates,
    /// The parameter by whose value `table` is read.
    by: Option<String>,
    /// Further fields by that value.
    table: Map<String, Json>,
    /// Further fields where the table has no row.
    otherwise: Templates,
    /// Whether a lead without a row is skipped.
    skip_unknown: bool,
    /// New names of pairs.
    rename: Templates,
    /// Pairs that are not sent.
    remove: Vec<String>,
    /// Whether nothing but the fields above is sent.
    only: bool,
}

/// Names with texts, in the order in which they are written.
type Templates = Map<String, Json>;

fn map_fields(delivery: &Delivery, request: &mut Request) -> Result<Verdict, Failure> {
    let settings: Settings = config()?;
    let lead = &delivery.lead;
    let row = row(&settings, lead)?;
    if row.is_none() && settings.skip_unknown && settings.by.is_some() {
        let value = key(&settings, lead)?.unwrap_or_default();
        let by = settings.by.as_deref().unwrap_or_default();
        return Ok(Verdict::Skip(format!("the table has no row for `{value}` of {by}")));
    }
    let form = request.form_mut()?;
    if settings.only {
        form.0.clear();
    }
    for (from, to) in texts(&settings.rename)? {
        form.rename(from, to);
    }
    for name in &settings.remove {
        let list = [name.as_str(), "["].concat();
        form.0.retain(|(own, _)| own != name && !own.starts_with(&list));
    }
    let further = row.unwrap_or(&settings.otherwise);
    for (name, text) in texts(&settings.fields)?.into_iter().chain(texts(further)?) {
        form.set(name, template::fill(text, lead)?);
    }
    Ok(Verdict::Send)
}

/// The row of the table for this lead.
fn row<'a>(settings: &'a Settings, lead: &Lead) -> Result<Option<&'a Templates>, Failure> {
    let Some(key) = key(settings, lead)? else { return Ok(None) };
    match settings.table.get(key.as_ref()) {
        None => Ok(None),
        Some(Json::Object(row)) => Ok(Some(row)),
        Some(_) => Err(bad(format!("`table.{key}` is not an object of fields"))),
    }
}

/// The value by which the table is read.
fn key<'a>(settings: &Settings, lead: &'a Lead) -> Result<Option<Cow<'a, str>>, Failure> {
    let Some(by) = &settings.by else { return Ok(None) };
    let parameter = Parameter::by_name(by);
    let parameter = parameter.ok_or_else(|| bad(format!("`by`: there is no parameter `{by}`")))?;
    Ok(template::text_of(lead, parameter))
}

fn texts(templates: &Templates) -> Result<Vec<(&str, &str)>, Failure> {
    let text = |(name, value): (&'_ String, &'_ Json)| {
        value.as_str().is_none().then(|| bad(format!("`{name}` is not a text")))
    };
    match templates.iter().find_map(text) {
        Some(failure) => Err(failure),
        None => {
            Ok(templates.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))).collect())
        }
    }
}

fn bad(detail: String) -> Failure {
    Failure::lasting("bad_config", detail)
}

#[cfg(test)]
mod tests {
    use leadhook_plugin::mock::Host;
    use serde_json::json;

    use super::*;

    fn mapped(config: Json) -> Result<(Verdict, String), Failure> {
        let parameters = json!({"phonenumber": "79990000100", "siteId": "60001", "callerphone": "7"});
        let lead =
            json!({"site": "60001", "type": "call", "id": "1", "parameters": parameters, "visits": []});
        let pairs = [("id", "1"), ("callerphone", "7"), ("comment[0][party]", "client")];
        let mut request = Request::post("https://crm.example/", pairs);
        let verdict = Host::new().config(config).run(|| map_fields(&Delivery::of(lead), &mut request))?;
        let pairs: Vec<_> = request.form()?.iter().map(|(name, value)| [name, "=", value].concat()).collect();
        Ok((verdict, pairs.join(" ")))
    }

    #[test]
    fn fields_are_set_renamed_and_removed() {
        for (config, expected) in [
            (json!({}), "id=1 callerphone=7 comment[0][party]=client"),
            (
                json!({"fields": {"id": "call-{phonenumber}", "city": "{city|-}"}}),
                "id=call-79990000100 callerphone=7 comment[0][party]=client city=-",
            ),
            (
                json!({"rename": {"callerphone": "phone", "comment": "notes"}}),
                "id=1 phone=7 notes[0][party]=client",
            ),
            (json!({"remove": ["comment", "id"]}), "callerphone=7"),
            (json!({"only": true, "fields": {"tel": "+{callerphone}"}}), "tel=+7"),
        ] {
            assert_eq!(mapped(config.clone()), Ok((Verdict::Send, expected.to_owned())), "{config}");
        }
    }

    #[test]
    fn a_table_is_read_by_the_value_of_a_parameter() {
        let config = |table: Json, skip: bool| json!({"by": "phonenumber", "table": table, "otherwise": {"p": "0"}, "skip_unknown": skip, "only": true});
        let sent = |pairs: &str| Ok((Verdict::Send, pairs.to_owned()));
        assert_eq!(mapped(config(json!({"79990000100": {"p": "12"}}), true)), sent("p=12"));
        assert_eq!(mapped(config(json!({"79990000199": {"p": "12"}}), false)), sent("p=0"));
        let (verdict, _) = mapped(config(json!({}), true)).unwrap();
        assert_eq!(
            verdict,
            Verdict::Skip("the table has no row for `79990000100` of phonenumber".to_owned())
        );
    }

    #[test]
    fn what_is_wrong_with_the_configuration_is_named() {
        for (config, word) in [
            (json!({"by": "number"}), "`number`"),
            (json!({"by": "siteId", "table": {"60001": "x"}}), "`table.60001`"),
            (json!({"fields": {"a": 1}}), "`a`"),
            (json!({"fields": {"a": "{nothing}"}}), "`nothing`"),
            (json!({"field": {}}), "`field`"),
        ] {
            let failure = mapped(config).unwrap_err();
            assert!(failure.code == "bad_config" && failure.detail.contains(word), "{failure}");
        }
    }

    #[test]
    fn fixtures() {
        leadhook_plugin::fixture::check(env!("CARGO_MANIFEST_DIR"), &EXPORTS);
    }
}
