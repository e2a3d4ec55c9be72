//! The one thread that writes: it takes what waits, carries it out in one transaction, and answers after the commit.
//!
//! A command that fails by itself (a damaged row, a panic) is taken out, and the rest of its batch runs again
//! without it. When the storage fails, nobody of the batch is told that anything is stored, and the database is
//! dropped and opened anew, since redb takes nothing more after an I/O error; until then every command is
//! refused at once.

use std::{
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use leadhook_core::time::Serial;
use tokio::sync::oneshot;

use super::{
    command::{Command, Step},
    opening::{self, NotOpened, Opener},
    shared::{Shared, not_open},
    tx::{Committed, Tx},
};
use crate::StoreError;

/// The most commands in one transaction.
const BATCH_COMMANDS_MAX: usize = 1_024;
/// How long a transaction goes on taking in commands that wait, so that a few large ones do not hold up
/// the answers to those before them.
const BATCH_TIME_MAX: Duration = Duration::from_millis(20);
/// After a batch of this many, the next one waits a little for more to come: a commit costs much the same for
/// few as for many. A caller alone never waits.
const CROWD_COMMANDS: usize = 16;
const CROWD_WAIT_MAX: Duration = Duration::from_millis(1);
/// The wait before the first try to open again after a failure; each further one is twice as long.
const REOPEN_AFTER_MIN: Duration = Duration::from_millis(100);
const REOPEN_AFTER_MAX: Duration = Duration::from_secs(5);

/// The writer's own state.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) opener: Opener,
    pub(super) steps: Receiver<Step>,
    pub(super) check_asked: Arc<AtomicBool>,
    /// The last serial that was committed.
    pub(super) last: Serial,
    /// What was taken from the queue behind a batch and does not belong in it.
    pub(super) pending: Option<Step>,
    /// How many commands the batch before had.
    pub(super) last_batch: usize,
}

type Batch = Vec<Box<dyn Command>>;
/// Who asked for closing, if anybody did.
type Closing = Option<oneshot::Sender<()>>;

/// Why a batch was not committed.
enum Trouble {
    /// The command at this place cannot be carried out; the others can.
    Command(usize, StoreError),
    /// The storage failed.
    Storage(String),
}

impl<E: Into<StoreError>> From<E> for Trouble {
    fn from(error: E) -> Self {
        match error.into() {
            StoreError::Unavailable(reason) => Self::Storage(reason),
            other => Self::Storage(other.to_string()),
        }
    }
}

impl Writer {
    /// Serves until it is closed or nobody can ask any more; then the database is closed.
    pub(super) fn run(mut self) {
        let closing = self.serve();
        self.shared.replace_database(None);
        if let Some(done) = closing {
            let _ = done.send(());
        }
    }

    fn serve(&mut self) -> Closing {
        loop {
            let step = match self.pending.take() {
                Some(step) => step,
                None => self.steps.recv().ok()?,
            };
            let written = match step {
                Step::Close(done) => return Some(done),
                Step::Check => {
                    self.check_asked.store(false, Ordering::Release);
                    self.write(Vec::new())
                }
                Step::Run(command, _place) => self.write(vec![command]),
                #[cfg(feature = "simulation")]
                Step::Together(commands) => self.write(commands),
            };
            if let Err(reason) = written
                && let ControlFlow::Break(closing) = self.open_again(&reason)
            {
                return closing;
            }
        }
    }

    /// Carries out a batch and answers all of it. The reason, if the storage failed.
    fn write(&mut self, mut batch: Batch) -> std::result::Result<(), String> {
        loop {
            let outcome = self.attempt(&mut batch);
            self.shared.leases.lock().end_changes(outcome.is_ok());
            match outcome {
                Ok(committed) => {
                    batch.into_iter().for_each(|command| command.answer(Ok(&committed)));
                    return Ok(());
                }
                Err(Trouble::Command(place, error)) => {
                    batch.remove(place).answer(Err(error));
                    if batch.is_empty() {
                        return Ok(());
                    }
                }
                Err(Trouble::Storage(reason)) => {
                    // Before anybody is told: whoever looks for what became of it is not to find what was before.
                    self.shared.replace_database(None);
                    for command in batch {
                        command.answer(Err(StoreError::Unavailable(reason.clone())));
                    }
                    return Err(reason);
                }
            }
        }
    }

    /// Runs the batch, and what joins it meanwhile, in one transaction and commits it.
    fn attempt(&mut self, batch: &mut Batch) -> std::result::Result<Committed, Trouble> {
        let shared = self.shared.clone();
        let database = shared.database();
        let txn = opening::begin_write(database.as_ref().ok_or_else(not_open)?)?;
        let before = shared.setup();
        let mut tx = Tx::open(&txn, before.clone(), self.last, &shared.leases, shared.sealer.clone())?;
        tx.happened.follows_deliveries = shared.followers.want_deliveries();
        for (place, command) in batch.iter_mut().enumerate() {
            run_one(place, command.as_mut(), &mut tx)?;
        }
        self.take_in(batch, &mut tx)?;
        let mut committed = tx.finish()?;
        let setup_changed = !Arc::ptr_eq(&before, &committed.setup);
        // A claim must not meet deliveries of settings that it does not see yet.
        let claims_wait = setup_changed.then(|| shared.leases.lock());
        // What a claim tells of what is committed here comes after it.
        let followers = (!committed.happened.told.is_empty()).then(|| shared.followers.lock());
        let began = Instant::now();
        txn.commit()?;
        shared.counts.committed(began.elapsed(), batch.len(), committed.happened.ended);
        if setup_changed {
            shared.publish(committed.setup.clone());
        }
        drop(claims_wait);
        if let Some(mut followers) = followers {
            shared.followers.tell(&mut followers, &committed.happened.told);
        }
        shared.recent.note(std::mem::take(&mut committed.fresh));
        self.last = committed.last;
        Ok(committed)
    }

    /// Runs further commands that wait, as long as the batch is small and young.
    fn take_in(&mut self, batch: &mut Batch, tx: &mut Tx<'_>) -> std::result::Result<(), Trouble> {
        let began = Instant::now();
        let wait_max = if self.last_batch >= CROWD_COMMANDS { CROWD_WAIT_MAX } else { Duration::ZERO };
        while batch.len() < BATCH_COMMANDS_MAX && self.pending.is_none() && began.elapsed() < BATCH_TIME_MAX {
            match self.steps.recv_timeout(wait_max.saturating_sub(began.elapsed())) {
                Ok(Step::Run(command, _place)) => {
                    let place = batch.len();
                    batch.push(command);
                    run_one(place, batch[place].as_mut(), tx)?;
                }
                Ok(step) => self.pending = Some(step),
                Err(_) => break,
            }
        }
        self.last_batch = batch.len();
        Ok(())
    }

    /// Opens the database anew, however often that takes. Meanwhile every command is refused. Breaks when the
    /// writer is to end.
    fn open_again(&mut self, reason: &str) -> ControlFlow<Closing> {
        tracing::error!(reason, "the storage failed; nothing is taken until it opens again");
        self.shared.replace_database(None);
        let mut wait = REOPEN_AFTER_MIN;
        loop {
            self.refuse_for(wait)?;
            match opening::open(&self.opener) {
                Ok(opened) => {
                    self.last = self.last.max(opened.last);
                    self.shared.publish(opened.setup);
                    self.shared.replace_database(Some(opened.database));
                    tracing::info!("the storage is open again");
                    return ControlFlow::Continue(());
                }
                Err(NotOpened::Database(error)) => tracing::error!(%error, "the storage does not open"),
                Err(NotOpened::Content(error)) => tracing::error!(%error, "the storage cannot be read"),
            }
            wait = (wait * 2).min(REOPEN_AFTER_MAX);
        }
    }

    fn refuse_for(&mut self, wait: Duration) -> ControlFlow<Closing> {
        let until = Instant::now() + wait;
        loop {
            let step = match self.pending.take() {
                Some(step) => Ok(step),
                None => self.steps.recv_timeout(until.saturating_duration_since(Instant::now())),
            };
            match step {
                Ok(Step::Run(command, _place)) => command.answer(Err(not_open())),
                #[cfg(feature = "simulation")]
                Ok(Step::Together(commands)) => {
                    commands.into_iter().for_each(|command| command.answer(Err(not_open())));
                }
                Ok(Step::Check) => self.check_asked.store(false, Ordering::Release),
                Ok(Step::Close(done)) => return ControlFlow::Break(Some(done)),
                Err(RecvTimeoutError::Timeout) => return ControlFlow::Continue(()),
                Err(RecvTimeoutError::Disconnected) => return ControlFlow::Break(None),
            }
        }
    }
}

/// Runs one command. A panic in it is its own failure, so that one event cannot stop all others for good.
fn run_one(place: usize, command: &mut dyn Command, tx: &mut Tx<'_>) -> std::result::Result<(), Trouble> {
    match catch_unwind(AssertUnwindSafe(|| command.run(tx))) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(StoreError::Unavailable(reason))) => Err(Trouble::Storage(reason)),
        Ok(Err(error)) => Err(Trouble::Command(place, error)),
        Err(_) => {
            let error = StoreError::Unavailable("the command ended in a panic".to_owned());
            Err(Trouble::Command(place, error))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use leadhook_core::id::AccountId;

    use super::super::{Options, RedbStore, command::QUEUE_MAX};
    use super::*;
    use crate::{Account, Store as _};

    fn account(id: u32) -> Account {
        Account { id: AccountId(id), name: format!("a{id}"), client_id_key: [0; 32], recording_key: [0; 32] }
    }

    fn store() -> (tempfile::TempDir, Arc<RedbStore>) {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(RedbStore::open(dir.path(), Options { cache_bytes: 1 << 20 }).unwrap());
        (dir, store)
    }

    /// Keeps the writer in a command until the sender is dropped, and tells once it is there.
    async fn occupy(store: &Arc<RedbStore>) -> mpsc::Sender<()> {
        let (free, wait) = mpsc::channel::<()>();
        let (inside, entered) = oneshot::channel();
        let mut inside = Some(inside);
        let busy = store.clone();
        tokio::spawn(async move {
            let run = move |_: &mut Tx<'_>| {
                let _ = inside.take().map(|inside| inside.send(()));
                let _ = wait.recv();
                Ok(())
            };
            busy.queue.call(run, |(), _| ()).await
        });
        entered.await.unwrap();
        free
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_command_that_fails_by_itself_spoils_none_of_its_batch() {
        let (_dir, store) = store();
        let free = occupy(&store).await;
        let mut waiting = Vec::new();
        for id in 0..30 {
            let store = store.clone();
            waiting.push(tokio::spawn(async move {
                let run = move |tx: &mut Tx<'_>| {
                    tx.account.insert(id, crate::redb::row::encode(&account(id)).as_slice())?;
                    match id {
                        10 => panic!("a command gone wrong"),
                        20 => Err(StoreError::Damaged { what: "row".to_owned() }),
                        _ => Ok(()),
                    }
                };
                store.queue.call(run, |(), _| ()).await
            }));
        }
        drop(free);
        for (id, answer) in (0..).zip(waiting) {
            let (answer, failed) = (answer.await.unwrap(), matches!(id, 10 | 20));
            assert_eq!(answer.is_err(), failed, "{id}: {answer:?}");
            assert_eq!(store.account(AccountId(id)).await.unwrap().is_none(), failed, "{id}");
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn events_beyond_the_queue_are_refused_and_other_commands_wait_for_room() {
        let (_dir, store) = store();
        let free = occupy(&store).await;
        let places = store.queue.take_places(QUEUE_MAX - 1);
        let refused = store.accept(AccountId(1), Vec::new(), Default::default()).await;
        assert!(matches!(refused, Err(StoreError::Overloaded(QUEUE_MAX))), "{refused:?}");
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.put_account(account(1)).await }
        });
        drop(places);
        drop(free);
        waiting.await.unwrap().unwrap();
        assert!(store.accept(AccountId(1), Vec::new(), Default::default()).await.unwrap().is_empty());
    }
}
