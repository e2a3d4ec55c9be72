//! The dispatcher: claims what is due, within every limit, and sends each delivery on its way.
//!
//! One loop owns the board. It sleeps until the next due time or a signal; it never polls the store.

use std::{sync::Arc, time::Duration};

use leadhook_core::{
    account::ACCOUNTS_MAX, id::AccountId, notification::News, time::Timestamp, webhook::Rate,
};
use leadhook_store::{Claimed, Lease, Result, StoreError};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    board::{Board, Health, Key, Part, Turn},
    deliver,
    engine::Shared,
    erasures,
    notify::notify,
    operations, resends, retention, rounds,
};

/// What the dispatcher is told.
#[derive(Debug)]
pub(crate) enum Signal {
    /// Something of this webhook falls due.
    Wake { key: Key, due: Timestamp },
    /// Its settings were saved or it was switched.
    Changed { key: Key, rate: Rate },
    /// An account is served on other terms.
    Terms { account: AccountId, part: Part },
    /// A delivery's turn with the handler is over; what it came to is still to be recorded.
    Sent { key: Key, turn: Turn, at: Timestamp },
    /// It is recorded, or given back; when the webhook's next delivery falls due.
    Ended { key: Key, next_due: Option<Timestamp> },
    /// It came to a bad end and nothing of it is recorded: it is to be taken up again.
    Abandoned { lease: Lease },
    /// A command failed in a way that leaves open whether it is stored: what is owed is to be read anew.
    InDoubt,
}

/// A delivery's places in flight: one with its webhook's handler until the turn is over, one of the engine's until
/// that is recorded. Dropped on the way (a panic, an abort) it still gives both back.
pub(crate) struct Slot {
    lease: Lease,
    with_handler: bool,
    is_over: bool,
    next_due: Option<Timestamp>,
    signals: mpsc::UnboundedSender<Signal>,
}

impl Slot {
    /// The handler is free for the next delivery: recording this one need not hold it up.
    pub(crate) fn sent(&mut self, turn: Turn, at: Timestamp) {
        if std::mem::take(&mut self.with_handler) {
            let _ = self.signals.send(Signal::Sent { key: self.key(), turn, at });
        }
    }

    /// Says that the lease is over, and when the webhook's next delivery falls due; the slot may be dropped now.
    pub(crate) fn recorded(&mut self, next_due: Option<Timestamp>) {
        self.is_over = true;
        self.next_due = next_due;
    }

    fn key(&self) -> Key {
        (self.lease.account, self.lease.delivery.lane.webhook)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // A handler that was not asked says nothing at any time.
        self.sent(Turn::NotSent, Timestamp::default());
        let _ = self.signals.send(Signal::Ended { key: self.key(), next_due: self.next_due });
        if !self.is_over {
            let _ = self.signals.send(Signal::Abandoned { lease: self.lease });
        }
    }
}

/// The pause after the store could not be asked, doubled up to [`PAUSE_MS_MAX`].
const PAUSE_MS: i64 = 100;
const PAUSE_MS_MAX: i64 = 5_000;
/// The pause after a claim that gave something: what comes free meanwhile is claimed together, since a claim of one
/// costs nearly as much as one of many. A quiet engine claims at once.
const GATHER: Duration = Duration::from_millis(1);
/// The shortest pause between two looks at the board that find nothing to do.
const BREATH_MS: i64 = 10;

/// Leases end with the turn, by being settled or given back, and never by the clock: one that is set forward would else
/// have a delivery sent again while it is on its way.
const LEASED_UNTIL: Timestamp = Timestamp(i64::MAX);

/// Claims and sends until it is stopped.
pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
    board: Board,
    received: mpsc::UnboundedReceiver<Signal>,
    stop: CancellationToken,
    under_way: TaskTracker,
    /// Whether more may be stored than the board was told of.
    is_in_doubt: bool,
}

impl Dispatcher {
    /// Reads what the store owes.
    pub(crate) async fn open(
        shared: Arc<Shared>,
        received: mpsc::UnboundedReceiver<Signal>,
        stop: CancellationToken,
    ) -> Result<Self> {
        let mut board = Board::new(shared.limits());
        for known in shared.store.known_accounts(ACCOUNTS_MAX, None).await? {
            board.serve(known.id, Part::of(&known.terms));
        }
        let now = shared.clock.now();
        for (account, webhook, due) in shared.store.schedule().await? {
            board.wake((account, webhook), due, now);
        }
        Ok(Self { shared, board, received, stop, under_way: TaskTracker::new(), is_in_doubt: false })
    }

    /// Runs until stopped, then until everything under way has ended.
    pub(crate) async fn run(mut self) {
        self.under_way.spawn(resends::run(Arc::clone(&self.shared), self.stop.clone()));
        self.under_way.spawn(erasures::run(Arc::clone(&self.shared), self.stop.clone()));
        self.under_way.spawn(retention::run(Arc::clone(&self.shared), self.stop.clone()));
        self.under_way.spawn(rounds::run(Arc::clone(&self.shared), self.stop.clone()));
        self.under_way.spawn(operations::run(Arc::clone(&self.shared), self.stop.clone()));
        let mut pause_ms = PAUSE_MS;
        while !self.stop.is_cancelled() {
            match self.send_what_is_due().await {
                Ok(true) => {
                    pause_ms = PAUSE_MS;
                    tokio::time::sleep(GATHER).await;
                    continue;
                }
                Ok(false) => pause_ms = PAUSE_MS,
                Err(error) => {
                    tracing::warn!(%error, pause_ms, "the dispatcher waits for the store");
                    let until = self.shared.clock.now().plus_ms(pause_ms);
                    pause_ms = (pause_ms * 2).min(PAUSE_MS_MAX);
                    tokio::select! {
                        () = self.shared.clock.sleep_until(until) => continue,
                        () = self.stop.cancelled() => break,
                    }
                }
            }
            self.wait().await;
        }
        self.under_way.close();
        self.under_way.wait().await;
    }

    /// Claims and starts what may go out now. Whether there was anything.
    async fn send_what_is_due(&mut self) -> Result<bool> {
        self.take_signals();
        let now = self.shared.clock.now();
        if self.is_in_doubt {
            self.read_anew(now).await?;
        }
        self.bring_retries_forward(now).await?;
        let wants = self.board.wants(now);
        if wants.is_empty() {
            return Ok(false);
        }
        for claims in self.shared.store.claim(wants, now, LEASED_UNTIL).await? {
            self.board.claimed(&claims, now);
            if claims.claimed.is_empty() {
                // What was due may have been damaged and set aside.
                self.shared.resends.touch((claims.account, claims.webhook));
            }
            for claimed in claims.claimed {
                self.start(claimed);
            }
        }
        Ok(true)
    }

    /// Wakes whatever owes anything: a commit that was said to have failed may stand all the same.
    async fn read_anew(&mut self, now: Timestamp) -> Result<()> {
        for (account, webhook, due) in self.shared.store.schedule().await? {
            self.board.wake((account, webhook), due, now);
        }
        resends::resume(&self.shared).await?;
        erasures::resume(&self.shared).await?;
        self.is_in_doubt = false;
        Ok(())
    }

    fn start(&self, claimed: Claimed) {
        let slot = Slot {
            lease: claimed.lease,
            with_handler: true,
            is_over: false,
            next_due: None,
            signals: self.shared.signals.clone(),
        };
        self.under_way.spawn(deliver::deliver(Arc::clone(&self.shared), claimed, slot));
    }

    /// A handler that recovered gets its waiting retries now, a paced batch at a time.
    async fn bring_retries_forward(&mut self, now: Timestamp) -> std::result::Result<(), StoreError> {
        let limits = self.shared.limits();
        for key in self.board.recovering(now) {
            let (most, spacing_ms) = (limits.recovery_batch, limits.recovery_spacing_ms);
            let brought =
                self.shared.store.bring_retries_forward(key.0, key.1, now, most, spacing_ms).await?;
            let batch_ms = i64::from(spacing_ms) * i64::try_from(most).unwrap_or(i64::MAX / 1_000);
            let again = (brought >= most).then(|| now.plus_ms(batch_ms));
            self.board.brought_forward(key, again, now);
        }
        Ok(())
    }

    /// Sleeps until something can have changed.
    async fn wait(&mut self) {
        let now = self.shared.clock.now();
        let next = self.board.next_wake(now).map(|at| at.max(now.plus_ms(BREATH_MS)));
        let clock = Arc::clone(&self.shared.clock);
        let due = async {
            match next {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            signal = self.received.recv() => if let Some(signal) = signal { self.take(&signal) },
            () = due => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Tells that a handler is left alone from now on, beside the loop, which waits for no commit.
    fn tell(&self, (account, webhook): Key, now: Timestamp) {
        let store = Arc::clone(&self.shared.store);
        let news = News::HandlerFailing { webhook };
        self.under_way.spawn(async move { notify(&*store, account, news, now).await });
    }

    /// Gives a lease back whose turn came to a bad end, and takes the delivery up again after a pause.
    fn give_back(&mut self, lease: Lease, now: Timestamp) {
        let store = Arc::clone(&self.shared.store);
        let signals = self.shared.signals.clone();
        let wake = Signal::Wake {
            key: (lease.account, lease.delivery.lane.webhook),
            due: now.plus_ms(deliver::RELEASED_MS),
        };
        self.under_way.spawn(async move {
            if let Err(error) = store.release(vec![lease]).await {
                tracing::error!(%error, delivery = %lease.delivery, "a lease could not be given back");
            }
            let _ = signals.send(wake);
        });
    }

    fn take_signals(&mut self) {
        while let Ok(signal) = self.received.try_recv() {
            self.take(&signal);
        }
    }

    fn take(&mut self, signal: &Signal) {
        let now = self.shared.clock.now();
        match *signal {
            Signal::Wake { key, due } => self.board.wake(key, due, now),
            Signal::Changed { key, rate } => self.board.changed(key, rate, now),
            Signal::Terms { account, part } => self.board.serve(account, part),
            Signal::Ended { key, next_due } => self.board.ended(key, next_due, now),
            Signal::Abandoned { lease } => self.give_back(lease, now),
            Signal::InDoubt => self.is_in_doubt = true,
            Signal::Sent { key, turn, at } => match self.board.sent(key, turn, at, now) {
                Health::AsBefore => {}
                Health::Failing => {
                    tracing::warn!(webhook = %key.1, "the handler keeps failing; it is tried again after a pause");
                    self.tell(key, now);
                }
                Health::Recovered => {
                    tracing::info!(webhook = %key.1, "the handler takes deliveries again; waiting retries are due now");
                }
            },
        }
    }
}
