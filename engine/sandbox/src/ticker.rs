//! The beat by which deadlines are counted: one thread for all calls, at rest while none runs.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use wasmtime::Engine;

/// How far apart the beats are, and so how late a deadline may be noticed.
const BEAT: Duration = Duration::from_millis(5);

/// Beats while calls run; its thread ends with it.
pub(crate) struct Ticker {
    beat: Arc<Beat>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Beat {
    running: AtomicUsize,
    stopped: AtomicBool,
}

/// A call that runs.
pub(crate) struct Running<'a>(&'a Beat);

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> io::Result<Self> {
        let beat = Arc::new(Beat::default());
        let (engine, seen) = (engine.clone(), Arc::clone(&beat));
        let thread = thread::Builder::new().name("sandbox-ticker".to_owned()).spawn(move || {
            while !seen.stopped.load(Ordering::Acquire) {
                if seen.running.load(Ordering::Acquire) == 0 {
                    thread::park();
                } else {
                    thread::sleep(BEAT);
                    engine.increment_epoch();
                }
            }
        })?;
        Ok(Self { beat, thread: Some(thread) })
    }

    /// Lets it beat until what this returns is dropped.
    pub(crate) fn run(&self) -> Running<'_> {
        if self.beat.running.fetch_add(1, Ordering::AcqRel) == 0
            && let Some(thread) = &self.thread
        {
            thread.thread().unpark();
        }
        Running(&self.beat)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.beat.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It cannot have panicked, and there would be nothing to do about it.
            let _ = thread.join();
        }
    }
}

/// After how many beats a deadline has passed for certain: the first may come at once.
pub(crate) fn beats(deadline: Duration) -> u64 {
    deadline.as_millis().div_ceil(BEAT.as_millis()) as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_early() {
        for (milliseconds, expected) in [(0, 1), (1, 2), (5, 2), (50, 11), (51, 12)] {
            assert_eq!(beats(Duration::from_millis(milliseconds)), expected);
        }
    }
}
