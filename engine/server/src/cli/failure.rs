//! Why a command did not do what it was asked for, and the exit code that says so.

use std::{error::Error, fmt, process::ExitCode};

use serde_json::Value;

/// The exit codes of commands, as the table in docs/operations.md has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was tried, and did not go well.
    Failed = 1,
    /// Flags or files that cannot be meant; nothing was done.
    Usage = 2,
    /// The engine has nothing by this name.
    NotFound = 3,
    /// The engine did not do as it was asked: input that it does not take, or a state in which it does not.
    Refused = 4,
    /// The engine is not there, or takes nothing at this moment: trying again may help.
    NotReached = 5,
    /// There is no key, or the key does not open this.
    NotAllowed = 6,
    /// `apply --dry-run`: there would be changes.
    WouldChange = 10,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        // The discriminants are the codes.
        Self::from(exit as u8)
    }
}

/// A command's end that has an exit code of its own.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    /// What is wrong and what to do, for people.
    words: String,
    /// The engine's problem details (RFC 9457), where it gave any; else `null`.
    pub(crate) problem: Value,
}

impl Failure {
    /// A failure that is known here.
    pub(crate) fn new(exit: Exit, words: impl Into<String>) -> Self {
        Self { exit, words: words.into(), problem: Value::Null }
    }

    /// What the engine at this address answered instead of what was asked for.
    pub(crate) fn answered(server: &str, status: u16, problem: Value) -> Self {
        let detail = problem["detail"].as_str().unwrap_or("no reason was given");
        let is_problem = problem["code"].is_string();
        let exit = match status {
            401 | 403 => Exit::NotAllowed,
            404 | 410 if is_problem => Exit::NotFound,
            429 | 502..=504 => Exit::NotReached,
            400..=499 if is_problem => Exit::Refused,
            _ => Exit::Failed,
        };
        let words = match (status, is_problem) {
            (401, _) => format!(
                "the engine does not take this key: {detail}. It is looked up in --key, --key-file, the environment, \
                 and the key file under ./leadhook-data, in this order"
            ),
            (_, true) => with_faults(detail, &problem),
            (_, false) => format!("the engine at {server} answered {status}: {detail}"),
        };
        Self { exit, words, problem }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Error for Failure {}

/// The exit code of an error: that of the failure in it, else [`Exit::Failed`].
pub(crate) fn exit_of(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Failure>().map_or(Exit::Failed, |failure| failure.exit)
}

/// The faults of a problem, each with its place, else its words.
fn with_faults(detail: &str, problem: &Value) -> String {
    let line = |fault: &Value| match (fault["path"].as_str(), fault["detail"].as_str()) {
        (Some(path), Some(detail)) if !path.is_empty() => format!("{path}: {detail}"),
        (_, detail) => detail.unwrap_or_default().to_owned(),
    };
    match problem["errors"].as_array() {
        Some(faults) if !faults.is_empty() => faults.iter().map(line).collect::<Vec<_>>().join("; "),
        _ => detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_has_the_exit_code_of_what_it_means() {
        let problem = json!({ "code": "x", "detail": "words" });
        for (status, problem, exit) in [
            (401, problem.clone(), Exit::NotAllowed),
            (403, problem.clone(), Exit::NotAllowed),
            (404, problem.clone(), Exit::NotFound),
            (404, Value::Null, Exit::Failed),
            (409, problem.clone(), Exit::Refused),
            (412, problem.clone(), Exit::Refused),
            (429, problem.clone(), Exit::NotReached),
            (503, problem.clone(), Exit::NotReached),
            (500, problem, Exit::Failed),
        ] {
            assert_eq!(Failure::answered("http://x/", status, problem).exit, exit, "{status}");
        }
        assert_eq!(exit_of(&anyhow::anyhow!("anything else")), Exit::Failed);
        let deep = anyhow::Error::new(Failure::new(Exit::NotFound, "x")).context("around it");
        assert_eq!(exit_of(&deep), Exit::NotFound);
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let problem = json!({ "code": "x", "detail": "words", "errors": [
            { "path": "url", "detail": "is no URL" }, { "path": "", "detail": "is too long" },
        ]});
        let failure = Failure::answered("http://x/", 422, problem);
        assert_eq!(failure.to_string(), "url: is no URL; is too long");
    }
}
