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

/// Reads a file that holds one JSON value.
pub(crate) fn value_in(file: &Path) -> anyhow::Result<Value> {
    serde_json::from_str(&read(file)?).with_context(|| format!("{} is not JSON", file.display()))
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
    fn what_is_broken_is_told_with_its_place() {
        assert!(events("{}\n{\"a\":}\n").unwrap_err().contains("line 2"));
        assert!(events("[]").unwrap_err().contains("holds no event"));
        let missing = events_in(Path::new("/no/such/file")).unwrap_err().to_string();
        assert!(missing.contains("/no/such/file cannot be read"), "{missing}");
    }
}
