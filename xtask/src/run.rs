//! Runs other programs at the root of the workspace, and hands their exit codes on.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result};

/// A program ran and said that something is wrong.
#[derive(Debug, thiserror::Error)]
#[error("`{line}` failed{}", .code.map_or_else(|| ": a signal ended it".to_owned(), |code| format!(" with exit code {code}")))]
struct Failed {
    line: String,
    code: Option<u8>,
}

/// The root of the workspace. Cargo tells it to what it runs; where this was built says nothing, since a target folder may
/// serve several checkouts.
pub(crate) fn root() -> PathBuf {
    let told = std::env::var_os("CARGO_MANIFEST_DIR");
    let here = told.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.parent().unwrap_or(&here).to_owned()
}

/// The cargo that runs this very command, at the root of the workspace.
pub(crate) fn cargo<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = program(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.args(arguments);
    command
}

/// Any program, at the root of the workspace.
pub(crate) fn program(name: impl Into<OsString>) -> Command {
    let mut command = Command::new(name.into());
    command.current_dir(root());
    command
}

/// Shows the command, runs it to its end, and fails as it fails.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let line = line_of(&command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("`{line}` could not be started"))?;
    ended(line, status)
}

/// Runs the command to its end and takes what it prints; what it complains about goes to the terminal.
pub(crate) fn output(mut command: Command) -> Result<Vec<u8>> {
    let line = line_of(&command);
    println!("$ {line}");
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("`{line}` could not be started"))?;
    ended(line, output.status)?;
    Ok(output.stdout)
}

/// Whether the command can be run and succeeds; it prints nothing.
pub(crate) fn succeeds(mut command: Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The exit code of the program that failed, if that is what went wrong; else 1.
pub(crate) fn exit_code_of(error: &anyhow::Error) -> ExitCode {
    let code = error.downcast_ref::<Failed>().and_then(|failed| failed.code);
    ExitCode::from(code.unwrap_or(1))
}

fn ended(line: String, status: std::process::ExitStatus) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    let code = status.code().map(|code| u8::try_from(code).unwrap_or(1));
    Err(Failed { line, code }.into())
}

fn line_of(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_of_a_failed_program_is_handed_on() {
        let mut command = program("sh");
        command.args(["-c", "exit 7"]);
        let error = run(command).unwrap_err();
        assert_eq!(exit_code_of(&error), ExitCode::from(7));
        assert_eq!(error.to_string(), "`sh -c exit 7` failed with exit code 7");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(program("no-such-program-here")).unwrap_err();
        assert!(error.to_string().contains("`no-such-program-here` could not be started"), "{error}");
        assert_eq!(exit_code_of(&error), ExitCode::from(1));
    }
}
