//! What files do not hold themselves: `${NAME}` of the environment, and secrets of a file that is kept apart.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::Path,
};

use serde_json::Value;

use crate::cli::{
    failure::{Exit, Failure},
    files::value_in,
};

/// The values that can be referred to, and those that were.
pub(super) struct References {
    environment: BTreeMap<String, String>,
    secrets: Option<BTreeMap<String, String>>,
    used: BTreeSet<String>,
}

impl References {
    /// The environment of this process, and the secrets of a file. Fails when that is not names with texts.
    pub(super) fn of_process(secrets: Option<&Path>) -> anyhow::Result<Self> {
        let secrets = secrets.map(read_secrets).transpose()?;
        let text = |text: OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        Ok(Self { environment, secrets, used: BTreeSet::new() })
    }

    #[cfg(test)]
    pub(super) fn of(environment: &[(&str, &str)], secrets: &[(&str, &str)]) -> Self {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        Self { environment: owned(environment), secrets: Some(owned(secrets)), used: BTreeSet::new() }
    }

    /// Whether this is, or holds, a value that was referred to.
    pub(super) fn betrays(&self, text: &str) -> bool {
        self.used.iter().any(|value| text.contains(value))
    }

    /// Puts what is referred to in the place of each reference; tells what cannot be found, with its place.
    pub(super) fn resolve(&mut self, value: &mut Value, path: &str, faults: &mut Vec<(String, String)>) {
        if let Some(name) = secret_named(value) {
            match self.secret(name) {
                Ok(secret) => *value = secret.into(),
                Err(fault) => faults.push((path.to_owned(), fault)),
            }
            return;
        }
        match value {
            Value::String(text) => match self.filled_in(text) {
                Ok(filled) => *text = filled,
                Err(fault) => faults.push((path.to_owned(), fault)),
            },
            Value::Array(elements) => {
                for (index, element) in elements.iter_mut().enumerate() {
                    self.resolve(element, &format!("{path}[{index}]"), faults);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    self.resolve(field, &path, faults);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn secret(&mut self, name: &str) -> Result<String, String> {
        let Some(secrets) = &self.secrets else {
            return Err(format!("the secret `{name}` is in the file that --secrets FILE names"));
        };
        let value = secrets.get(name).cloned();
        let value = value.ok_or_else(|| format!("the file of --secrets has no `{name}`"))?;
        self.note(&value);
        Ok(value)
    }

    /// The text with each `${NAME}` replaced, and `$${` as `${`.
    fn filled_in(&mut self, text: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            let (before, from) = rest.split_at(at);
            if let Some(literal) = before.strip_suffix('$') {
                filled.push_str(literal);
                filled.push_str("${");
                rest = &from[2..];
                continue;
            }
            filled.push_str(before);
            let (name, after) =
                from[2..].split_once('}').ok_or("a `${` that is never closed; `$${` stands for itself")?;
            let value = self.environment.get(name).filter(|value| !value.is_empty()).cloned();
            let value = value.ok_or_else(|| format!("the environment has no `{name}`"))?;
            self.note(&value);
            filled.push_str(&value);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    fn note(&mut self, value: &str) {
        if !value.is_empty() {
            self.used.insert(value.to_owned());
        }
    }
}

/// The name in `{ secret = "name" }`.
fn secret_named(value: &Value) -> Option<&str> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.get("secret")?.as_str()
}

fn read_secrets(file: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    serde_json::from_value(value_in(file)?).map_err(|_| {
        let words = format!("{}: expected names with their values as text", file.display());
        Failure::new(Exit::Usage, words).into()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_filled_in_and_known_again() {
        let mut references = References::of(&[("TOKEN", "t0k")], &[("signing", "whsec_abc")]);
        let mut value = json!({
            "url": "https://crm.example/?a=${TOKEN}&b=$${TOKEN}&c=$1", "signing": { "secrets": [{ "secret": "signing" }] },
        });
        let mut faults = Vec::new();
        references.resolve(&mut value, "", &mut faults);
        assert_eq!(faults, []);
        let expected = json!({
            "url": "https://crm.example/?a=t0k&b=${TOKEN}&c=$1", "signing": { "secrets": ["whsec_abc"] },
        });
        assert_eq!(value, expected);
        assert!(references.betrays("a=t0k&") && !references.betrays("a=b"));
    }

    #[test]
    fn what_is_not_there_is_told_with_its_place() {
        let mut references = References::of(&[], &[]);
        let mut value = json!({ "a": ["${NO}", { "secret": "no" }], "b": "${open" });
        let mut faults = Vec::new();
        references.resolve(&mut value, "webhooks[0]", &mut faults);
        let places: Vec<_> = faults.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(places, ["webhooks[0].a[0]", "webhooks[0].a[1]", "webhooks[0].b"]);
        assert!(faults[0].1.contains("`NO`") && faults[2].1.contains("never closed"), "{faults:?}");
    }
}
