//! Reads the traffic filter: rules of conditions, and their regular expressions within a limit.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::{each, parameters};
use crate::{
    catalogue::Parameter,
    filter::lower_case,
    read::Reader,
    webhook::{Condition, Test},
};

/// The most rules that a filter may have.
const RULES_MAX: usize = 50;
/// The most conditions that a rule may have.
const CONDITIONS_MAX: usize = 20;
/// The most values that one condition may name.
const VALUES_MAX: usize = 100;
/// The most bytes one value or expression may have.
const VALUE_BYTES_MAX: usize = 1_000;
/// The most regular expressions in one webhook: each costs its compiled size for as long as it is loaded.
const EXPRESSIONS_MAX: usize = 50;
/// The most bytes one compiled expression may have, and again its lazily built states in each thread.
const EXPRESSION_COMPILED_BYTES_MAX: usize = 128 * 1024;
/// How deep groups may be nested in an expression.
const EXPRESSION_DEPTH_MAX: u32 = 50;

/// What conditions may ask about (the contract, "Webhook settings").
const PARAMETERS: &[Parameter] = &[
    Parameter::Source,
    Parameter::Medium,
    Parameter::UtmSource,
    Parameter::UtmMedium,
    Parameter::UtmCampaign,
    Parameter::UtmContent,
    Parameter::UtmTerm,
    Parameter::HostName,
    Parameter::Url,
    Parameter::Ref,
];

const OPERATORS: &[&str] = &["is", "is_not", "contains", "contains_not", "starts_with", "matches"];

pub(super) fn read(value: &Value, reader: &mut Reader) -> Option<Vec<Vec<Condition>>> {
    let mut expressions_left = EXPRESSIONS_MAX;
    each(value, "traffic", RULES_MAX, reader, |rule, path, reader| {
        let conditions = each(rule, path, CONDITIONS_MAX, reader, |item, path, reader| {
            condition(item, path, &mut expressions_left, reader)
        })?;
        if conditions.is_empty() {
            return reader.fault(path, "empty", "a rule without conditions would hold for every lead");
        }
        Some(conditions)
    })
}

fn condition(
    value: &Value,
    path: &str,
    expressions_left: &mut usize,
    reader: &mut Reader,
) -> Option<Condition> {
    let mut fields = reader.object(value, path)?;
    let parameter = fields.required(reader, "parameter").and_then(|value| {
        let path = format!("{path}.parameter");
        let name = reader.text(value, &path)?;
        let parameter = parameters::parameter(name, &path, reader)?;
        if !PARAMETERS.contains(&parameter) {
            let names: Vec<_> = PARAMETERS.iter().map(|parameter| parameter.name()).collect();
            let detail = format!("`{name}` cannot be filtered by; these can: `{}`", names.join("`, `"));
            return reader.fault(path, "not_filterable", detail);
        }
        Some(parameter)
    });
    let given: Vec<_> =
        OPERATORS.iter().filter_map(|name| fields.get_non_null(name).map(|value| (*name, value))).collect();
    fields.refuse_unknown(reader);
    let tests: Vec<_> = given
        .iter()
        .map(|(operator, value)| {
            test(operator, value, &format!("{path}.{operator}"), expressions_left, reader)
        })
        .collect();
    let [test] = <[_; 1]>::try_from(tests).ok().or_else(|| {
        let detail = format!(
            "a condition has exactly one of `{}`; ask two things of one value in two conditions",
            OPERATORS.join("`, `")
        );
        reader.fault(path, "one_operator", detail)
    })?;
    Some(Condition { parameter: parameter?, test: test? })
}

fn test(
    operator: &str,
    value: &Value,
    path: &str,
    expressions_left: &mut usize,
    reader: &mut Reader,
) -> Option<Test> {
    if value.as_array().is_some_and(Vec::is_empty) {
        return reader.fault(path, "empty", "names no value to compare with");
    }
    match operator {
        "is" => words(value, path, true, reader).map(Test::Is),
        "is_not" => words(value, path, true, reader).map(Test::IsNot),
        "contains" => words(value, path, false, reader).map(Test::Contains),
        "contains_not" => words(value, path, false, reader).map(Test::ContainsNot),
        "starts_with" => words(value, path, false, reader).map(Test::StartsWith),
        _ => each(value, path, VALUES_MAX, reader, |item, path, reader| {
            if *expressions_left == 0 {
                let detail = format!("at most {EXPRESSIONS_MAX} expressions are allowed in one webhook");
                return reader.fault(path, "too_many", detail);
            }
            *expressions_left -= 1;
            expression(item, path, reader)
        })
        .map(Test::Matches),
    }
}

/// Words in lower case. The empty one can equal a value, but every value contains it and begins with it.
fn words(value: &Value, path: &str, may_be_empty: bool, reader: &mut Reader) -> Option<Vec<String>> {
    each(value, path, VALUES_MAX, reader, |item, path, reader| {
        let word = bounded(item, path, reader)?;
        if word.is_empty() && !may_be_empty {
            return reader.fault(path, "empty", "every value contains an empty one");
        }
        Some(lower_case(word))
    })
}

fn bounded<'a>(value: &'a Value, path: &str, reader: &mut Reader) -> Option<&'a str> {
    let text = reader.text(value, path)?;
    if text.len() > VALUE_BYTES_MAX {
        let detail = format!("{} bytes, at most {VALUE_BYTES_MAX} are allowed", text.len());
        return reader.fault(path, "too_long", detail);
    }
    Some(text)
}

/// An expression that runs in time linear in the value, with bounded memory.
fn expression(value: &Value, path: &str, reader: &mut Reader) -> Option<Regex> {
    let text = bounded(value, path, reader)?;
    let built = RegexBuilder::new(text)
        .size_limit(EXPRESSION_COMPILED_BYTES_MAX)
        .dfa_size_limit(EXPRESSION_COMPILED_BYTES_MAX)
        .nest_limit(EXPRESSION_DEPTH_MAX)
        .build();
    match built {
        Ok(expression) => Some(expression),
        Err(regex::Error::CompiledTooBig(_)) => {
            let detail = "the expression is too big when compiled; repeat less, or class fewer characters";
            reader.fault(path, "expression_too_big", detail)
        }
        // The last line says what is wrong; those before it draw the expression.
        Err(reason) => {
            let reason = reason.to_string();
            let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
            reader.fault(path, "bad_expression", format!("not a regular expression: {last}"))
        }
    }
}
