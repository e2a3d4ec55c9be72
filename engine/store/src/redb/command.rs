//! Commands on their way to the writer: what each does in a transaction, and who waits for its answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{
    shared::not_open,
    tx::{Committed, Tx},
};
use crate::{
    Result, StoreError,
    acting::{Acting, acting},
};

/// The most commands that wait for the writer.
pub(super) const QUEUE_MAX: usize = 4_096;

/// Something to do in a write transaction. It may be run more than once, each time in a fresh transaction, when
/// another command of its batch had to be taken out.
pub(super) trait Command: Send {
    /// Does it.
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()>;
    /// Tells who waits how it ended: after the commit, or that nothing of it is stored.
    fn answer(self: Box<Self>, outcome: Result<&Committed>);
}

/// A command made of two closures: one runs in the transaction, one makes the answer after the commit.
struct Call<T, U, R, F> {
    run: R,
    finish: F,
    acting: Option<Arc<Acting>>,
    produced: Option<T>,
    answer: oneshot::Sender<Result<U>>,
}

impl<T, U, R, F> Command for Call<T, U, R, F>
where
    T: Send,
    U: Send,
    R: FnMut(&mut Tx<'_>) -> Result<T> + Send,
    F: FnOnce(T, &Committed) -> U + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<()> {
        tx.acting.clone_from(&self.acting);
        self.produced = Some((self.run)(tx)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<&Committed>) {
        let Self { finish, produced, answer, .. } = *self;
        let answered = match (outcome, produced) {
            (Ok(committed), Some(value)) => Ok(finish(value, committed)),
            (Ok(_), None) => Err(not_open()),
            (Err(error), _) => Err(error),
        };
        // Whoever asked may have gone; the command stands all the same.
        let _ = answer.send(answered);
    }
}

/// What the writer is asked for.
pub(super) enum Step {
    /// To run a command. The permit is its place in the queue.
    Run(Box<dyn Command>, OwnedSemaphorePermit),
    /// To run commands as one batch.
    #[cfg(feature = "simulation")]
    Together(Vec<Box<dyn Command>>),
    /// To see whether the storage still works, since a read failed.
    Check,
    /// To end after all that was asked before, and say so.
    Close(oneshot::Sender<()>),
}

/// The way to the writer: bounded, first come, first served.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    steps: mpsc::Sender<Step>,
    room: Arc<Semaphore>,
    check_asked: Arc<AtomicBool>,
    #[cfg(feature = "simulation")]
    pub(super) gathered: Arc<super::together::Gathered>,
}

impl Queue {
    /// A queue, the end from which the writer takes, and the mark that it clears before each check.
    pub(super) fn new() -> (Self, mpsc::Receiver<Step>, Arc<AtomicBool>) {
        let (steps, taken) = mpsc::channel();
        let check_asked = Arc::new(AtomicBool::new(false));
        let room = Arc::new(Semaphore::new(QUEUE_MAX));
        let queue = Self {
            steps,
            room,
            check_asked: check_asked.clone(),
            #[cfg(feature = "simulation")]
            gathered: Arc::default(),
        };
        (queue, taken, check_asked)
    }

    /// Runs a command once there is room for it.
    pub(super) async fn call<T: Send + 'static, U: Send + 'static>(
        &self,
        run: impl FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
        finish: impl FnOnce(T, &Committed) -> U + Send + 'static,
    ) -> Result<U> {
        let place = self.room.clone().acquire_owned().await.map_err(|_| not_open())?;
        self.send(place, run, finish).await
    }

    /// Runs a command if there is room for it now.
    pub(super) async fn call_if_room<T: Send + 'static>(
        &self,
        run: impl FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = self.room.clone().try_acquire_owned().map_err(|_| StoreError::Overloaded(QUEUE_MAX))?;
        self.send(place, run, |value, _| value).await
    }

    async fn send<T: Send + 'static, U: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        run: impl FnMut(&mut Tx<'_>) -> Result<T> + Send + 'static,
        finish: impl FnOnce(T, &Committed) -> U + Send + 'static,
    ) -> Result<U> {
        let (answer, answered) = oneshot::channel();
        let command = Box::new(Call { run, finish, acting: acting(), produced: None, answer });
        self.hand_over(command, place)?;
        answered.await.map_err(|_| not_open())?
    }

    fn hand_over(&self, command: Box<dyn Command>, place: OwnedSemaphorePermit) -> Result<()> {
        #[cfg(feature = "simulation")]
        if let Some(gathered) = self.gathered.lock().as_mut() {
            gathered.push(command);
            return Ok(());
        }
        self.steps.send(Step::Run(command, place)).map_err(|_| not_open())
    }

    /// Runs commands as one batch.
    #[cfg(feature = "simulation")]
    pub(super) fn run_together(&self, commands: Vec<Box<dyn Command>>) {
        // A writer that has ended drops them, which is an answer.
        let _ = self.steps.send(Step::Together(commands));
    }

    /// Fills places of the queue, as commands that wait do.
    #[cfg(test)]
    pub(super) fn take_places(&self, count: usize) -> OwnedSemaphorePermit {
        let count = u32::try_from(count).unwrap();
        self.room.clone().try_acquire_many_owned(count).unwrap()
    }

    /// Has the writer see whether the storage still works; asking again before it did changes nothing.
    pub(super) fn ask_check(&self) {
        if !self.check_asked.swap(true, Ordering::AcqRel) {
            // A writer that has ended needs no check.
            let _ = self.steps.send(Step::Check);
        }
    }

    /// Ends the writer after all that was asked before.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.steps.send(Step::Close(done)).is_ok() {
            // It is closed as well when the writer ended on its own.
            let _ = closed.await;
        }
    }
}
