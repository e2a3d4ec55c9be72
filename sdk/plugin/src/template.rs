//! Templates: texts of a configuration with parameters of the lead in braces.
//!
//! `{fio}` stands for a parameter's value, `{fio|nobody}` for the words after the bar when it has none, `{{` and `}}` for
//! braces. Tags are joined by a comma; a list has a line for each element: `client: Three windows`.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::{lead::Lead, parameter::Parameter, verdict::Failure};

/// Fills a template.
///
/// # Errors
/// `bad_config` when it names no parameter of the catalogue or a brace has no other half.
pub fn fill(template: &str, lead: &Lead) -> Result<String, Failure> {
    fill_escaped(template, lead, |value| Cow::Borrowed(value))
}

/// Fills a template with values that are escaped first, as HTML or a markup asks for. The template itself is not.
///
/// # Errors
/// As [`fill`].
pub fn fill_escaped(
    template: &str,
    lead: &Lead,
    escape: impl Fn(&str) -> Cow<'_, str>,
) -> Result<String, Failure> {
    let mut filled = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        filled.push_str(before);
        if let Some(after) = brace.strip_prefix("{{").or_else(|| brace.strip_prefix("}}")) {
            filled.push_str(&brace[..1]);
            rest = after;
            continue;
        }
        let place = brace.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let Some((place, after)) = place else {
            return Err(bad(&[
                "a brace of `",
                template,
                "` has no other half; `{{` and `}}` stand for braces",
            ]));
        };
        let (name, otherwise) = place.split_once('|').unwrap_or((place, ""));
        let Some(parameter) = Parameter::by_name(name.trim()) else {
            return Err(bad(&["there is no parameter `", name, "` in the catalogue, in `", template, "`"]));
        };
        match text_of(lead, parameter) {
            Some(value) => filled.push_str(&escape(&value)),
            None => filled.push_str(otherwise),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Fills every text in a JSON value; a field of an object whose text comes out empty is left out.
///
/// # Errors
/// As [`fill`].
pub fn fill_json(value: &Json, lead: &Lead) -> Result<Json, Failure> {
    Ok(match value {
        Json::String(template) => Json::String(fill(template, lead)?),
        Json::Array(items) => {
            Json::Array(items.iter().map(|item| fill_json(item, lead)).collect::<Result<_, _>>()?)
        }
        Json::Object(fields) => {
            let filled = fields.iter().map(|(name, value)| Ok((name.clone(), fill_json(value, lead)?)));
            let is_left_out = |value: &Json| value.as_str().is_some_and(str::is_empty);
            let kept = filled.filter(|field| !field.as_ref().is_ok_and(|(_, value)| is_left_out(value)));
            Json::Object(kept.collect::<Result<_, Failure>>()?)
        }
        other => other.clone(),
    })
}

/// A parameter as text for people; `None` when it has no value.
pub fn text_of(lead: &Lead, parameter: Parameter) -> Option<Cow<'_, str>> {
    let items = match lead.get(parameter.name())? {
        Json::String(text) => return Some(Cow::Borrowed(text)),
        Json::Array(items) => items,
        _ => return None,
    };
    let is_tags = items.iter().all(Json::is_string);
    let (texts, separator): (Vec<_>, _) = if is_tags {
        (lead.tags(parameter).map(Cow::Borrowed).collect(), ", ")
    } else {
        let line = |(first, second): (&str, &str)| Cow::Owned([first, ": ", second].concat());
        (lead.records(parameter).map(line).collect(), "\n")
    };
    Some(Cow::Owned(texts.join(separator)))
}

fn bad(detail: &[&str]) -> Failure {
    Failure::lasting("bad_config", detail.concat())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lead() -> Lead {
        Lead::from(json!({
            "site": "60001", "type": "call", "id": "1", "visits": [],
            "parameters": {
                "fio": "<Мария>", "callerphone": "7", "tags_manual": ["a", "b, c"],
                "comment": [{"party": "client", "comment": "1"}, {"party": "operator", "comment": "{2}"}]
            }
        }))
    }

    #[test]
    fn braces_stand_for_parameters() {
        for (template, expected) in [
            ("", ""),
            ("Звонок {callerphone}: { fio }", "Звонок 7: <Мария>"),
            ("{email}{email|нет}{callerphone|нет}", "нет7"),
            ("{{callerphone}} {tags_manual}", "{callerphone} a, b, c"),
            ("{comment}", "client: 1\noperator: {2}"),
        ] {
            assert_eq!(fill(template, &lead()).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn only_values_are_escaped() {
        let escaped = fill_escaped("<b>{fio}</b>", &lead(), |value| value.replace('<', "&lt;").into());
        assert_eq!(escaped.as_deref(), Ok("<b>&lt;Мария></b>"));
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told() {
        for (template, word) in
            [("{phone}", "`phone`"), ("{fio", "other half"), ("fio}", "other half"), ("{}", "``")]
        {
            let failure = fill(template, &lead()).unwrap_err();
            assert!(failure.code == "bad_config" && failure.detail.contains(word), "{failure}");
        }
    }

    #[test]
    fn texts_of_json_are_filled_and_empty_fields_left_out() {
        let value = json!({"a": ["{fio}", 1], "b": {"c": "{email}", "d": true}, "e": "{email}"});
        assert_eq!(fill_json(&value, &lead()), Ok(json!({"a": ["<Мария>", 1], "b": {"d": true}})));
        assert_eq!(fill_json(&json!({"a": ["{nothing}"]}), &lead()).unwrap_err().code, "bad_config");
    }
}
