//! How many calls run at once: a permit each, given back when it is dropped.

use std::sync::{Condvar, Mutex, PoisonError};

/// Places for calls. Whoever finds none waits; every call has a deadline, so a place comes.
pub(crate) struct Places {
    free: Mutex<u32>,
    came_free: Condvar,
}

/// A place that is taken.
pub(crate) struct Place<'a>(&'a Places);

impl Places {
    pub(crate) fn new(count: u32) -> Self {
        Self { free: Mutex::new(count), came_free: Condvar::new() }
    }

    pub(crate) fn take(&self) -> Place<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free =
            self.came_free.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Place(self)
    }

    /// A place, if one is free now.
    pub(crate) fn try_take(&self) -> Option<Place<'_>> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = free.checked_sub(1)?;
        Some(Place(self))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.came_free.notify_one();
    }
}
