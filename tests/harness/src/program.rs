//! Any command of the binary: run to its end, or watched while it goes on.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Signal, test_kill_process_group};
use tempfile::TempDir;

use crate::{
    binary,
    process::{ENDING, Process, forget_settings},
    wait::{PATIENCE, look_until},
};

/// A command of the binary that was started, in a folder and a process group of its own. Killed when dropped.
#[derive(Debug)]
pub struct Program {
    process: Process,
    folder: TempDir,
}

/// What a command came to.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed to standard output.
    pub stdout: String,
    /// What it printed to standard error.
    pub stderr: String,
    /// What it left in the folder for temporary files.
    pub left_files: Vec<String>,
    /// Whether it left a process behind.
    pub left_process: bool,
}

impl Program {
    /// Starts `leadhook` with these arguments.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Self {
        Self::start_in(&[], arguments)
    }

    /// Starts `leadhook` with these arguments and these variables in its environment.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_in<'a>(environment: &[(&str, &str)], arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let temporary = folder.path().join("tmp");
        fs::create_dir(&temporary).expect("a folder in it");
        let output = |name: &str| File::create(folder.path().join(name)).expect("a file in it");
        let mut command = Command::new(binary::path());
        forget_settings(&mut command);
        command
            .args(arguments)
            .current_dir(folder.path())
            .env("TMPDIR", &temporary)
            .envs(environment.iter().copied())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output("stdout"))
            .stderr(output("stderr"));
        let child = command.spawn().unwrap_or_else(|error| panic!("leadhook does not start: {error}"));
        Self { process: Process::of(child), folder }
    }

    /// The folder it runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it printed to standard output so far.
    pub fn printed(&self) -> String {
        self.output("stdout")
    }

    /// Waits until it has printed a whole line with this in it, and gives that line.
    ///
    /// # Panics
    /// When it ends before, or does not print it within [`PATIENCE`]; with what it printed.
    pub async fn line_with(&mut self, part: &str) -> String {
        let found = look_until(PATIENCE, async || {
            // Asked first, so that what it printed before its end is looked at.
            let ended = self.process.ended();
            let printed = self.printed();
            let whole = printed.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let line = whole.lines().find(|line| line.contains(part)).map(|line| Ok(line.to_owned()));
            line.or_else(|| ended.map(Err))
        });
        match found.await {
            Some(Ok(line)) => line,
            Some(Err(status)) => panic!("ended without a line with `{part}`: {status}\n{}", self.told()),
            None => panic!("waited in vain for a line with `{part}`\n{}", self.told()),
        }
    }

    /// Asks it to end (SIGTERM) and waits for that.
    ///
    /// # Panics
    /// When it does not end within twice [`PATIENCE`].
    pub async fn terminate(self) -> Ended {
        self.process.signal(Signal::TERM);
        self.end().await
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When that does not come within twice [`PATIENCE`]; with what it printed.
    pub async fn end(self) -> Ended {
        self.end_within(ENDING).await
    }

    /// Waits for the end of a command that takes longer than others: it compiles much, or fetches something.
    ///
    /// # Panics
    /// When that does not come within this time; with what it printed.
    pub async fn end_within(mut self, patience: Duration) -> Ended {
        let group = self.process.pid();
        let status: Option<ExitStatus> = self.process.end_within(patience).await;
        let status = status.unwrap_or_else(|| panic!("leadhook does not end\n{}", self.told()));
        let left = fs::read_dir(self.folder.path().join("tmp")).into_iter().flatten().flatten();
        Ended {
            code: status.code(),
            stdout: self.printed(),
            stderr: self.output("stderr"),
            left_files: left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect(),
            left_process: test_kill_process_group(group).is_ok(),
        }
    }

    fn output(&self, name: &str) -> String {
        let bytes = fs::read(self.folder.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn told(&self) -> String {
        format!("it printed:\n{}\n{}", self.printed(), self.output("stderr"))
    }
}
