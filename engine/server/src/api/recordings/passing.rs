//! Passing recordings on as they come: so many at one time, and each within bounds of size, silence and time.

use std::{
    collections::HashMap,
    fmt, io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use leadhook_core::{delivery::Request, id::AccountId};
use leadhook_courier::{Broken, Courier, Fetched};
use leadhook_runtime::Recording;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};

/// What passing recordings on may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Recordings at one time, of all accounts.
    pub(crate) at_once: usize,
    /// Recordings of one account at one time.
    pub(crate) of_account: usize,
    /// The time for the head of the answer to come from where a recording lies.
    pub(crate) head: Duration,
    /// The time for each piece to come from there.
    pub(crate) origin_silent: Duration,
    /// The time for the client to take each piece. A player that was paused asks for the rest when it goes on.
    pub(crate) client_silent: Duration,
    /// The time for all of it.
    pub(crate) whole: Duration,
    /// The bytes of one answer: far more than an hour of talk.
    pub(crate) bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_once: 64,
            of_account: 16,
            head: Duration::from_secs(15),
            origin_silent: Duration::from_secs(30),
            client_silent: Duration::from_secs(60),
            whole: Duration::from_secs(3_600),
            bytes: 1024 * 1024 * 1024,
        }
    }
}

/// Passes recordings on.
pub(crate) struct Passing {
    courier: Arc<Courier>,
    limits: Limits,
    places: Arc<Semaphore>,
    /// Only those of accounts that have some taken.
    of_account: Arc<Mutex<HashMap<AccountId, usize>>>,
}

impl fmt::Debug for Passing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passing").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// A place among those that are passed on; free again when it is dropped.
pub(super) struct Place {
    account: AccountId,
    of_account: Arc<Mutex<HashMap<AccountId, usize>>>,
    _any: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of_account.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(&self.account) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                taken.remove(&self.account);
            }
        }
    }
}

/// A piece on its way to the client.
enum Piece {
    Bytes(Bytes),
    /// That was all of it. Where this does not come the recording broke off.
    End,
}

impl Passing {
    /// Recordings that this courier fetches.
    pub(crate) fn new(courier: Arc<Courier>, limits: Limits) -> Self {
        Self { courier, limits, places: Arc::new(Semaphore::new(limits.at_once)), of_account: Arc::default() }
    }

    /// The most bytes of one answer.
    pub(super) fn bytes_max(&self) -> u64 {
        self.limits.bytes
    }

    /// A place for one more of this account; `None` when there is none.
    pub(super) fn place(&self, account: AccountId) -> Option<Place> {
        let any = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let mut taken = self.of_account.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(account).or_default();
        if *count >= self.limits.of_account {
            return None;
        }
        *count += 1;
        Some(Place { account, of_account: Arc::clone(&self.of_account), _any: any })
    }

    /// Asks for a recording where it lies.
    pub(super) async fn fetch(&self, request: &Request) -> Result<Fetched, Broken> {
        self.courier.fetch(request, self.limits.head, self.limits.origin_silent).await
    }

    /// The rest of what was fetched, as a body. It is read beside the client's connection, so that a client who
    /// takes nothing does not hold a place, and one who goes away ends the fetching.
    pub(super) fn pass(&self, fetched: Fetched, place: Place, recording: Recording) -> Body {
        let (sender, receiver) = mpsc::channel(1);
        let limits = self.limits;
        tokio::spawn(async move {
            let why = match timeout(limits.whole, pump(fetched, &sender, limits)).await {
                Ok(Ok(())) => None,
                Ok(Err(why)) => Some(why),
                Err(_) => Some("it took too long".to_owned()),
            };
            if let Some(why) = why {
                let account = recording.account.0;
                tracing::warn!(account, delivery = recording.delivery, why, "a recording broke off");
            }
            drop(place);
        });
        Body::from_stream(stream::try_unfold(receiver, |mut receiver| async move {
            match receiver.recv().await {
                Some(Piece::Bytes(bytes)) => Ok(Some((bytes, receiver))),
                Some(Piece::End) => Ok(None),
                // The connection is closed then, so that nobody takes the part for the whole.
                None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
            }
        }))
    }
}

/// Hands pieces on one at a time. A client that went away is no failure.
async fn pump(mut fetched: Fetched, sender: &mpsc::Sender<Piece>, limits: Limits) -> Result<(), String> {
    let mut left = limits.bytes;
    loop {
        let room = match timeout(limits.client_silent, sender.reserve()).await {
            Ok(Ok(room)) => room,
            Ok(Err(_)) => return Ok(()),
            Err(_) => return Err("the client took nothing for too long".to_owned()),
        };
        let chunk = tokio::select! {
            chunk = fetched.chunk() => chunk,
            () = sender.closed() => return Ok(()),
        };
        let Some(chunk) = chunk else {
            room.send(Piece::End);
            return Ok(());
        };
        let chunk = chunk.map_err(|broken| broken.to_string())?;
        left = left
            .checked_sub(chunk.len() as u64)
            .ok_or_else(|| format!("it is larger than the {} bytes that are passed on", limits.bytes))?;
        room.send(Piece::Bytes(chunk));
    }
}
