//! Connections kept open between requests: few per handler, few in all, none for long.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::wire::Wire;

/// To whom a connection leads. The host is part of it, so that no request travels on a connection whose
/// certificate was checked for another name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The checked address it is connected to.
    pub(crate) address: SocketAddr,
    /// The host and port as the request names them.
    pub(crate) authority: String,
    /// Whether it is encrypted.
    pub(crate) is_tls: bool,
}

/// Bounds on what is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) per_key_max: usize,
    pub(crate) total_max: usize,
    pub(crate) idle_timeout: Duration,
}

struct Kept {
    wire: Wire,
    until: Instant,
}

#[derive(Default)]
struct Shelf {
    /// Oldest first; never empty.
    by_key: HashMap<Key, Vec<Kept>>,
    total: usize,
    is_swept: bool,
}

/// Connections kept open between requests.
pub(crate) struct Pool {
    limits: Limits,
    shelf: Mutex<Shelf>,
}

impl Pool {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, shelf: Mutex::default() })
    }

    /// The connection used last, if it is still usable: the others may then grow old and be closed.
    pub(crate) fn take(&self, key: &Key) -> Option<Wire> {
        loop {
            let mut kept = self.locked().pop(key)?;
            if Instant::now() < kept.until && kept.wire.is_idle() {
                return Some(kept.wire);
            }
        }
    }

    /// Keeps a connection that [is idle](Wire::is_idle), and closes the oldest where there is no room.
    pub(crate) fn put(self: &Arc<Self>, key: Key, wire: Wire) {
        let Limits { per_key_max, total_max, idle_timeout } = self.limits;
        if per_key_max == 0 || total_max == 0 {
            return;
        }
        let mut shelf = self.locked();
        let given_up = if shelf.by_key.get(&key).is_some_and(|kept| kept.len() >= per_key_max) {
            shelf.oldest_of(&key)
        } else if shelf.total >= total_max {
            shelf.oldest()
        } else {
            None
        };
        shelf.by_key.entry(key).or_default().push(Kept { wire, until: Instant::now() + idle_timeout });
        shelf.total += 1;
        if !shelf.is_swept {
            shelf.is_swept = true;
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
        drop(shelf);
        // Closing takes a while, and others want the shelf.
        drop(given_up);
    }

    fn locked(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn pop(&mut self, key: &Key) -> Option<Kept> {
        let of_key = self.by_key.get_mut(key)?;
        let kept = of_key.pop();
        if of_key.is_empty() {
            self.by_key.remove(key);
        }
        self.total -= usize::from(kept.is_some());
        kept
    }

    /// Takes out the oldest connection to there.
    fn oldest_of(&mut self, key: &Key) -> Option<Kept> {
        let of_key = self.by_key.get_mut(key)?;
        let oldest = of_key.remove(0);
        self.total -= 1;
        if of_key.is_empty() {
            self.by_key.remove(key);
        }
        Some(oldest)
    }

    /// Takes out the oldest connection of all.
    fn oldest(&mut self) -> Option<Kept> {
        let oldest = self.by_key.iter().min_by_key(|(_, kept)| kept.first().map(|kept| kept.until));
        let key = oldest.map(|(key, _)| key.clone())?;
        self.oldest_of(&key)
    }

    /// Closes what has been idle for too long; when the next one will have been, if any is left.
    fn sweep(&mut self, now: Instant) -> Option<Instant> {
        for kept in self.by_key.values_mut() {
            let old = kept.partition_point(|kept| kept.until <= now);
            kept.drain(..old);
            self.total -= old;
        }
        self.by_key.retain(|_, kept| !kept.is_empty());
        let next = self.by_key.values().filter_map(|kept| kept.first()).map(|kept| kept.until).min();
        self.is_swept = next.is_some();
        next
    }
}

/// Closes idle connections as their time comes; ends when none is left.
async fn sweep(pool: Weak<Pool>) {
    loop {
        let Some(next) = pool.upgrade().and_then(|pool| pool.locked().sweep(Instant::now())) else { return };
        sleep_until(next).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    fn key(port: u16) -> Key {
        let address = SocketAddr::from(([192, 0, 2, 1], port));
        Key { address, authority: format!("crm.example:{port}"), is_tls: false }
    }

    fn pool(per_key_max: usize, total_max: usize) -> Arc<Pool> {
        Pool::new(Limits { per_key_max, total_max, idle_timeout: Duration::from_secs(30) })
    }

    /// A connection, and its other end, which keeps it open.
    async fn wire() -> (Wire, DuplexStream) {
        let (near, far) = duplex(64);
        let mut wire = Wire::over(Box::new(near)).await.unwrap();
        assert!(wire.is_idle());
        (wire, far)
    }

    #[tokio::test]
    async fn a_full_pool_closes_its_oldest_connection() {
        let pool = pool(2, 3);
        let mut far_ends = Vec::new();
        for port in [1, 1, 1, 2, 3] {
            let (near, far) = wire().await;
            pool.put(key(port), near);
            far_ends.push(far);
        }
        assert_eq!(pool.locked().total, 3);
        let left = [1, 1, 2, 3].map(|port| pool.take(&key(port)).is_some());
        assert_eq!(left, [true, false, true, true]);
        assert_eq!(pool.locked().total, 0);
    }

    #[tokio::test]
    async fn a_connection_that_the_handler_closed_is_passed_over() {
        let pool = pool(2, 2);
        let (open, _far) = wire().await;
        let (closed, far) = wire().await;
        pool.put(key(1), open);
        pool.put(key(1), closed);
        drop(far);
        assert!(pool.take(&key(1)).is_some());
        assert!(pool.take(&key(1)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connections_are_closed_in_time_without_anybody_asking() {
        let pool = pool(2, 2);
        let (near, mut far) = wire().await;
        pool.put(key(1), near);
        let before = Instant::now();
        let mut byte = [0];
        let read = tokio::io::AsyncReadExt::read(&mut far, &mut byte).await.unwrap();
        assert_eq!((read, before.elapsed().as_secs()), (0, 30));
        assert_eq!(pool.locked().total, 0);
        // The next one begins another sweep.
        let (near, mut far) = wire().await;
        pool.put(key(1), near);
        assert_eq!(tokio::io::AsyncReadExt::read(&mut far, &mut byte).await.unwrap(), 0);
    }
}
