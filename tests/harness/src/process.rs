//! A child process that does not outlive the test.

use std::{
    process::{Child, Command, ExitStatus},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::wait::{PATIENCE, look_until};

/// What the engine's own settings in the environment begin with.
const SETTING: &str = "LEADHOOK_";

/// The longest that an end is waited for: what is under way may take its time, up to half of this.
pub(crate) const ENDING: Duration = PATIENCE.saturating_mul(2);

/// A child of the test, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Takes charge of a child.
    pub(crate) fn of(child: Child) -> Self {
        Self(child)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Its process id, as the system's calls take it.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("a child of ours can be signalled");
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("a child of ours can be asked")
    }

    /// Waits for its end; `None` when that does not come within twice [`PATIENCE`].
    pub(crate) async fn end(&mut self) -> Option<ExitStatus> {
        self.end_within(ENDING).await
    }

    /// Waits for its end; `None` when that does not come within this time.
    pub(crate) async fn end_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        look_until(patience, async || self.ended()).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Takes the developer's own settings away: they are no part of a test.
pub(crate) fn forget_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(SETTING) {
            command.env_remove(name);
        }
    }
}
