//! Which engine a command asks, who asks, and how its answers are printed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use leadhook_core::time::Timestamp;
use serde_json::Value;
use url::Url;

use super::{
    failure::{Exit, Failure},
    terminal::{Style, Terminal, pad, tame},
};
use crate::config::{Environment, KEY_ENVIRONMENT, OPERATOR_KEY_ENVIRONMENT};

/// Where an engine on this machine keeps its first keys, unless told otherwise.
const FOLDER_DEFAULT: &str = "leadhook-data";

/// The most rows of a list: they are held in memory.
const ROWS_MAX: i64 = 100_000;
/// The most rows of one page of the HTTP interface.
const PAGE_ROWS_MAX: u32 = 500;

/// An engine, and a key to it.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Endpoint {
    /// The engine's address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub(in crate::cli) server: String,
    /// The API key; better given by file or environment, where other users do not see it
    #[arg(long)]
    pub(in crate::cli) key: Option<String>,
    /// A file that holds the API key
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    pub(in crate::cli) key_file: Option<PathBuf>,
}

/// Which engine is asked, and how its answer is printed.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Access {
    #[command(flatten)]
    pub(in crate::cli) endpoint: Endpoint,
    /// Print what the engine answers, as JSON
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

/// Whose key a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Whose {
    /// An account's.
    Account,
    /// The operator's.
    Operator,
}

impl Endpoint {
    /// The engine's address, an http or https URL.
    pub(in crate::cli) fn url(&self) -> anyhow::Result<Url> {
        let url = Url::parse(&self.server).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        url.with_context(|| {
            let words = format!("--server {}: expected a URL like http://127.0.0.1:8080", self.server);
            Failure::new(Exit::Usage, words)
        })
    }

    /// The key from the first place that has one: the command line, the file it names, the environment, the file in which an
    /// engine on this machine keeps its first key.
    pub(in crate::cli) fn key(&self, whose: Whose, environment: &Environment) -> anyhow::Result<String> {
        let from_file = |file: &Path| {
            let words = format!("the key file {} cannot be read", file.display());
            let unreadable = || Failure::new(Exit::NotAllowed, words);
            fs::read_to_string(file).map(|key| key.trim().to_owned()).with_context(unreadable)
        };
        let (what, name, file) = match whose {
            Whose::Account => ("API key", KEY_ENVIRONMENT, "api-key"),
            Whose::Operator => ("operator's key", OPERATOR_KEY_ENVIRONMENT, "operator-key"),
        };
        match (&self.key, &self.key_file, environment.get(name)) {
            (Some(key), ..) => Ok(key.clone()),
            (None, Some(file), _) => from_file(file),
            (None, None, Some(key)) => Ok(key.to_owned()),
            (None, None, None) => from_file(&Path::new(FOLDER_DEFAULT).join(file)).with_context(|| {
                let words = format!(
                    "no {what}: give --key-file FILE (the engine keeps it in DIR/{file}) or set {name}"
                );
                Failure::new(Exit::NotAllowed, words)
            }),
        }
    }
}

/// How much of a list is wanted.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Rows {
    /// The most rows that are listed, 1 to 100000
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=ROWS_MAX))]
    limit: u32,
}

/// A list that is asked for by nothing but how much of it is wanted.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct List {
    #[command(flatten)]
    pub(in crate::cli) rows: Rows,
    #[command(flatten)]
    pub(in crate::cli) access: Access,
}

impl Rows {
    /// All that a command may ask for.
    pub(in crate::cli) fn all() -> Self {
        Self { limit: u32::try_from(ROWS_MAX).expect("a small number") }
    }

    /// How many to ask for next, when so many are there; `None` when these are enough.
    pub(in crate::cli) fn next(&self, found: usize) -> Option<u32> {
        let found = u32::try_from(found).unwrap_or(u32::MAX);
        self.limit.checked_sub(found).filter(|left| *left > 0).map(|left| left.min(PAGE_ROWS_MAX))
    }
}

/// A text as a part of a path or query.
pub(in crate::cli) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A path with those parameters of the query that have a value.
pub(in crate::cli) fn with_query(path: &str, query: &[(&str, Option<&str>)]) -> String {
    let given = query.iter().filter_map(|(name, value)| Some((name, (*value)?)));
    let pairs: Vec<_> = given.map(|(name, value)| format!("{name}={}", segment(value))).collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!("{path}{mark}{}", pairs.join("&"))
}

/// Prints an answer as JSON, laid out.
pub(in crate::cli) fn json_line(value: &Value, terminal: &mut Terminal) -> anyhow::Result<ExitCode> {
    terminal.line(format!("{value:#}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints what the engine answered: as JSON where that is asked for, else these words about it.
pub(in crate::cli) fn tell(
    access: &Access,
    answer: &Value,
    words: &str,
    terminal: &mut Terminal,
) -> anyhow::Result<ExitCode> {
    match (access.json, answer) {
        // A call that answers nothing.
        (true, Value::Null) => {}
        (true, answer) => return json_line(answer, terminal),
        (false, _) => terminal.line(words)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints names with their values below one another; those without a value are left out.
pub(in crate::cli) fn fields(pairs: &[(&str, String)], terminal: &mut Terminal) -> anyhow::Result<()> {
    let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        let name = terminal.paint(Style::Dim, pad(name, width));
        terminal.line(format!("{name}  {value}"))?;
    }
    Ok(())
}

/// A field's text, safe for a terminal; empty where there is none.
pub(in crate::cli) fn text(value: &Value, name: &str) -> String {
    tame(value[name].as_str().unwrap_or_default()).into_owned()
}

/// The texts of a field that is a list.
pub(in crate::cli) fn texts(value: &Value, name: &str) -> String {
    let texts: Vec<_> = value[name].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    tame(&texts.join(", ")).into_owned()
}

/// A field's time, as the clock on this machine's wall shows it; as it is where it is none.
pub(in crate::cli) fn local_time(value: &Value, name: &str) -> String {
    let text = value[name].as_str().unwrap_or_default();
    match Timestamp::from_rfc3339(text) {
        Some(time) => time.to_utc().with_timezone(&chrono::Local).format("%Y-%m-%d %H:%M:%S").to_string(),
        None => tame(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_given_by_hand_stands_over_the_file_and_that_over_the_environment() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "from-file\n").unwrap();
        let environment = Environment::from([
            ("LEADHOOK_API_KEY", "from-environment"),
            ("LEADHOOK_OPERATOR_KEY", "the-operators"),
        ]);
        let of = |key: Option<&str>, key_file: Option<&Path>, whose| {
            let server = "http://127.0.0.1:8080".to_owned();
            let (key, key_file) = (key.map(str::to_owned), key_file.map(Path::to_owned));
            Endpoint { server, key, key_file }.key(whose, &environment)
        };
        let file = Some(file.path());
        assert_eq!(of(Some("by-hand"), file, Whose::Account).unwrap(), "by-hand");
        assert_eq!(of(None, file, Whose::Account).unwrap(), "from-file");
        assert_eq!(of(None, None, Whose::Account).unwrap(), "from-environment");
        assert_eq!(of(None, None, Whose::Operator).unwrap(), "the-operators");
        let missing = of(None, Some(Path::new("/no/such/key")), Whose::Account).unwrap_err();
        assert!(missing.to_string().contains("/no/such/key"));
    }

    #[test]
    fn what_goes_into_a_path_or_a_query_cannot_leave_it() {
        let path = with_query("/v1/x", &[("cursor", Some("a/b?c d")), ("site", None), ("limit", Some("5"))]);
        assert_eq!(path, "/v1/x?cursor=a%2Fb%3Fc%20d&limit=5");
        assert_eq!(with_query("/v1/x", &[("site", None)]), "/v1/x");
    }

    #[test]
    fn a_time_is_that_of_the_wall_and_anything_else_stays() {
        let value = json!({ "at": "2026-02-26T17:03:37.000Z", "then": "A\u{1b}" });
        let shown = local_time(&value, "at");
        assert!(shown.starts_with("2026-02-2") && shown.ends_with(":37") && shown.len() == 19, "{shown}");
        assert_eq!(
            (local_time(&value, "then").as_str(), local_time(&value, "no").as_str()),
            ("A\\u{1b}", "")
        );
    }
}
