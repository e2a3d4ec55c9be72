//! Reads what is given as files: events, settings, sites.

use std::{fs, path::Path};

use anyhow::{Context as _, bail};
use serde_json::Value;

/// The most bytes that a file of events or settings may have.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// The events of a file: one, an array of them, or one after another (NDJSON).
pub(crate) fn events_in(file: &Path) -> anyhow::Result<Vec<Value>> {
    let text = read(file)?;
    let mut events = Vec::new();
    for value in serde_json::Deserializer::from_str(&text).into_iter::<Value>() {
        match value.with_context(|| format!("{} is not JSON", file.display()))? {
            Value::Array(elements) => events.extend(elements),
            one => events.push(one),
        }
    }
    if events.is_empty() {
        bail!("{} holds no event", file.display());
    }
    Ok(events)
}

/// Reads a file that holds one value: TOML where its name ends in `.toml`, else JSON.
pub(crate) fn value_in(file: &Path) -> anyhow::Result<Value> {
    let text = read(file)?;
    if file.extension().is_some_and(|extension| extension == "toml") {
        let table: toml::Table =
            toml::from_str(&text).with_context(|| format!("{} is not TOML", file.display()))?;
        return Ok(of_table(table));
    }
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", file.display()))
}

fn of_table(table: toml::Table) -> Value {
    Value::Object(table.into_iter().map(|(name, value)| (name, of_toml(value))).collect())
}

/// The same value as JSON has it. A date becomes its text; so does a number that JSON has no word for.
fn of_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => {
            serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
        }
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(elements) => elements.into_iter().map(of_toml).collect(),
        toml::Value::Table(table) => of_table(table),
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let unreadable = || format!("{} cannot be read", file.display());
    if fs::metadata(file).with_context(unreadable)?.len() > FILE_BYTES_MAX {
        bail!("{} has more than {FILE_BYTES_MAX} bytes", file.display());
    }
    fs::read_to_string(file).with_context(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(text: &str) -> Result<Vec<Value>, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        events_in(file.path()).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_file_holds_one_event_an_array_or_an_event_a_line() {
        for (text, count) in [("{\"a\":1}", 1), ("[{}, {},\n{}]", 3), ("{}\n{}\r\n\n{}\n", 3), ("{} {}", 2)] {
            assert_eq!(events(text).unwrap().len(), count, "{text}");
        }
    }

    #[test]
    fn toml_and_json_hold_the_same_values() {
        let folder = tempfile::tempdir().unwrap();
        let written = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).unwrap();
            value_in(&folder.path().join(name))
        };
        let toml = "a = 1\n[b]\nc = [true, 'x', 1.5]\nd = 2026-03-01";
        let json = r#"{ "a": 1, "b": { "c": [true, "x", 1.5], "d": "2026-03-01" } }"#;
        assert_eq!(written("x.toml", toml).unwrap(), written("x.json", json).unwrap());
        let broken = format!("{:#}", written("y.toml", "a = 1\na = 2").unwrap_err());
        assert!(broken.contains("y.toml is not TOML") && broken.contains("line 2"), "{broken}");
    }

    #[test]
    fn what_is_broken_is_told_with_its_place() {
        assert!(events("{}\n{\"a\":}\n").unwrap_err().contains("line 2"));
        assert!(events("[]").unwrap_err().contains("holds no event"));
        let missing = events_in(Path::new("/no/such/file")).unwrap_err().to_string();
        assert!(missing.contains("/no/such/file cannot be read"), "{missing}");
    }
}
