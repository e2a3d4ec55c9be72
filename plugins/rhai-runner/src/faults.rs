//! What went wrong in a script, in words for its author: the line, the column and the function.

use rhai::{EvalAltResult, ParseError, Position};

use crate::{
    bindings::{exports::leadhook::script::parser::Fault, leadhook::plugin::types::Failure},
    ending::Ending,
};

/// The failure's code where a script is wrong.
pub(crate) const SCRIPT: &str = "script";
/// The failure's code where a script needs more than a script may have.
pub(crate) const LIMIT: &str = "script_limit";

/// The fault of a script that cannot be read.
pub(crate) fn fault(error: &ParseError) -> Fault {
    at(error.position(), error.err_type().to_string())
}

/// A fault at a place of the text; its beginning where no place is known.
pub(crate) fn at(position: Position, message: String) -> Fault {
    let number = |number: Option<usize>| number.and_then(|number| u32::try_from(number).ok()).unwrap_or(1);
    Fault { line: number(position.line()), column: number(position.position()), message }
}

/// A failure with the place in front of the words.
pub(crate) fn failure(code: &str, position: Position, function: Option<&str>, words: &str) -> Failure {
    let mut place = String::new();
    if let (Some(line), Some(column)) = (position.line(), position.position()) {
        place = format!("line {line}, column {column}");
    }
    if let Some(function) = function {
        place = format!("{place}{}in `{function}`", if place.is_empty() { "" } else { ", " });
    }
    let colon = if place.is_empty() { "" } else { ": " };
    Failure { code: code.to_owned(), message: format!("{place}{colon}{words}"), retryable: false }
}

/// How a script's run ended: by its own word, or by a mistake.
pub(crate) enum Stopped {
    /// By `skip`, `fail` and their like, at that place of that function.
    Ended(Ending, Position, Option<String>),
    /// By a mistake.
    Failed(Failure),
    /// By `exit()`, which ends a script as its last line does.
    Exited,
}

/// Looks into an error of a run of this function; of the statements outside of functions where there is none.
pub(crate) fn stopped(error: EvalAltResult, function: Option<String>) -> Stopped {
    match error {
        EvalAltResult::ErrorInFunctionCall(name, _, cause, _) => {
            // A closure has a name that only the engine knows; its place says enough.
            let known = (!name.starts_with("anon$")).then_some(name);
            stopped(*cause, known.or(function))
        }
        EvalAltResult::ErrorTerminated(token, position) => match token.try_cast::<Ending>() {
            Some(ending) => Stopped::Ended(ending, position, function),
            None => Stopped::Failed(failure(SCRIPT, position, function.as_deref(), "terminated")),
        },
        EvalAltResult::Exit(..) => Stopped::Exited,
        mut error => {
            let position = error.take_position();
            let (code, words) = described(&error);
            Stopped::Failed(failure(code, position, function.as_deref(), &words))
        }
    }
}

fn described(error: &EvalAltResult) -> (&'static str, String) {
    match error {
        EvalAltResult::ErrorRuntime(words, _) if !words.is_unit() => (SCRIPT, words.to_string()),
        EvalAltResult::ErrorStackOverflow(_) => (LIMIT, "functions call each other too deep".to_owned()),
        EvalAltResult::ErrorTooManyOperations(_) => {
            (LIMIT, "the script takes too many steps: a loop that does not end?".to_owned())
        }
        EvalAltResult::ErrorDataTooLarge(what, _) => (LIMIT, format!("too large: {what}")),
        EvalAltResult::ErrorTooManyVariables(_) => (LIMIT, error.to_string()),
        EvalAltResult::ErrorVariableNotFound(name, _) => (SCRIPT, format!("there is no `{name}`")),
        EvalAltResult::ErrorFunctionNotFound(signature, _) => (SCRIPT, no_function(signature)),
        error => (SCRIPT, error.to_string()),
    }
}

/// Says that there is no such function. What is most often behind it is a parameter that the lead is without.
fn no_function(signature: &str) -> String {
    match signature.split_once(" (()") {
        Some((name, _)) => format!("`{name}` was asked of (), which is nothing: is a value absent here?"),
        None => format!("there is no function {signature}"),
    }
}
