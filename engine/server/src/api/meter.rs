//! What each account does at this moment and lately, held against its quotas.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use leadhook_core::{
    account::quotas::{Bucket, Quotas},
    id::AccountId,
};
use tokio::sync::MutexGuard;

use super::{Api, problem::Problem};

/// Of the requests at one time, the part that one account may have: the rest is left to the others.
const SHARE_OF_ONE: (usize, usize) = (7, 8);

/// The meters of all accounts that called, which are at most as many as there may be accounts.
#[derive(Debug, Default)]
pub(super) struct Meters(RwLock<HashMap<AccountId, Arc<Meter>>>);

/// One account's.
#[derive(Debug, Default)]
pub(super) struct Meter {
    under_way: AtomicUsize,
    /// `None` until the account has a rate.
    events: Mutex<Option<Bucket>>,
    growing: tokio::sync::Mutex<()>,
}

/// A request that is under way.
pub(super) struct Place(Arc<Meter>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The account has as many requests under way as it may.
#[derive(Debug)]
pub(super) struct Full;

impl Meters {
    /// An account's meter.
    pub(super) fn of(&self, account: AccountId) -> Arc<Meter> {
        if let Some(meter) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&account) {
            return Arc::clone(meter);
        }
        Arc::clone(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(account).or_default())
    }
}

impl Meter {
    /// Takes a place among the account's requests, of which there may be a share of all.
    pub(super) fn enter(self: Arc<Self>, of_all: usize) -> Result<Place, Full> {
        let most = (of_all * SHARE_OF_ONE.0 / SHARE_OF_ONE.1).max(1);
        if self.under_way.fetch_add(1, Ordering::Relaxed) >= most {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            return Err(Full);
        }
        Ok(Place(self))
    }

    /// Held while something is counted and made, so that two requests do not both make the last that may be.
    pub(super) async fn growing(&self) -> MutexGuard<'_, ()> {
        self.growing.lock().await
    }
}

/// What an account may use.
pub(super) async fn quotas(api: &Api, account: AccountId) -> Result<Quotas, Problem> {
    let known = api.engine.store().known_account(account).await?;
    Ok(known.map(|known| known.terms.quotas.clone()).unwrap_or_default())
}

/// Takes so many events from the account's rate, if it has one and they are within it, and if it may store more.
pub(super) async fn admit_events(api: &Api, account: AccountId, count: usize) -> Result<(), Problem> {
    let store = api.engine.store();
    let Some(known) = store.known_account(account).await? else { return Ok(()) };
    let quotas = &known.terms.quotas;
    if let Some(most) = quotas.stored_bytes {
        let stored = store.stored_bytes(account).await?;
        if stored >= most {
            let detail = format!("the account has about {stored} bytes stored, and may have {most}");
            return Err(Problem::forbidden("storage_full", detail));
        }
    }
    let Some(per_second) = quotas.events_per_second else { return Ok(()) };
    let (burst, now_ms) = (quotas.burst(per_second), api.engine.now().0);
    let meter = api.meters.of(account);
    let mut bucket = meter.events.lock().unwrap_or_else(PoisonError::into_inner);
    let bucket = bucket.get_or_insert_with(|| Bucket::full(burst, now_ms));
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    bucket.take(count, per_second, burst, now_ms).map_err(|wait_ms| {
        let seconds = u32::try_from(wait_ms.max(1).saturating_add(999) / 1_000).unwrap_or(u32::MAX);
        let detail = format!(
            "the account may send {per_second} events a second, {burst} at once; none of these was taken"
        );
        Problem::too_many("rate_exceeded", detail, seconds)
    })
}
