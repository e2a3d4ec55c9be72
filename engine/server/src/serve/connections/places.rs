//! Places for connections: so many and no more, and when all are taken, who asks for nothing gives way.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long whoever was asked to give way may take before another one is asked.
const GIVING_WAY: Duration = Duration::from_millis(100);

/// All places of one listener. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Places {
    room: Arc<Semaphore>,
    guests: Arc<Guests>,
    /// A connection that has waited for less is not asked to give way.
    spared: Duration,
}

#[derive(Debug, Default)]
struct Guests {
    last: AtomicU64,
    here: Mutex<BTreeMap<u64, Guest>>,
}

#[derive(Debug)]
struct Guest {
    doing: Doing,
    /// Whether there was a request before.
    has_asked: bool,
    leave: CancellationToken,
}

/// What a connection is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// No request of it is under way, since this moment.
    Waiting(Instant),
    /// A request of it is under way.
    Asking,
}

impl Places {
    /// So many places; a connection keeps its own for `spared` at least.
    pub(super) fn new(most: usize, spared: Duration) -> Self {
        Self { room: Arc::new(Semaphore::new(most)), guests: Arc::default(), spared }
    }

    /// A place, once there is one: free, or given up by whoever has waited the longest without a request under way.
    pub(super) async fn take(&self) -> Place {
        let permit = loop {
            let freed = Arc::clone(&self.room).acquire_owned();
            if self.room.available_permits() == 0 {
                self.guests.send_longest_waiting_away(self.spared);
            }
            if let Ok(permit) = timeout(GIVING_WAY, freed).await {
                break permit.expect("the semaphore is never closed");
            }
        };
        let number = self.guests.last.fetch_add(1, Ordering::Relaxed);
        let leave = CancellationToken::new();
        let guest = Guest { doing: Doing::Waiting(Instant::now()), has_asked: false, leave: leave.clone() };
        self.guests.lock().insert(number, guest);
        Place { number, leave, guests: Arc::clone(&self.guests), _permit: permit }
    }
}

impl Guests {
    fn send_longest_waiting_away(&self, spared: Duration) {
        let now = Instant::now();
        let here = self.lock();
        let waiting = here.values().filter(|guest| !guest.leave.is_cancelled()).filter_map(|guest| {
            let Doing::Waiting(since) = guest.doing else { return None };
            (now.saturating_duration_since(since) >= spared).then_some((since, guest))
        });
        if let Some((_, longest)) = waiting.min_by_key(|(since, _)| *since) {
            longest.leave.cancel();
        }
    }

    fn note(&self, number: u64, doing: Doing) {
        if let Some(guest) = self.lock().get_mut(&number) {
            guest.doing = doing;
            guest.has_asked = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Guest>> {
        self.here.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's place, free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    leave: CancellationToken,
    guests: Arc<Guests>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Returns once the connection is to give its place up.
    pub(super) async fn wanted(&self) {
        self.leave.cancelled().await;
    }

    /// Whether any request came on this connection.
    pub(super) fn has_asked(&self) -> bool {
        self.guests.lock().get(&self.number).is_some_and(|guest| guest.has_asked)
    }

    /// For whoever serves the requests of this connection.
    pub(super) fn marker(&self) -> Marker {
        Marker { number: self.number, guests: Arc::clone(&self.guests) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.guests.lock().remove(&self.number);
    }
}

/// Notes when requests of one connection are under way.
#[derive(Debug, Clone)]
pub(super) struct Marker {
    number: u64,
    guests: Arc<Guests>,
}

impl Marker {
    /// A request is under way until what this gives is dropped.
    pub(super) fn asking(&self) -> Asking {
        self.guests.note(self.number, Doing::Asking);
        Asking(self.clone())
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Asking(Marker);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.guests.note(self.0.number, Doing::Waiting(Instant::now()));
    }
}
