//! Instances of scripts that are kept between calls, since they hold the parsed script.

use std::sync::{Mutex, PoisonError};

use wasmtime::{Store, component::Instance};

use crate::host::State;

/// An instance that has more memory than this is not kept, in bytes.
pub(crate) const KEPT_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Whose instance it is. Nothing is ever shared between two keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WarmKey {
    pub(crate) account: String,
    pub(crate) webhook: String,
    /// The compiled runner, by its [`Compiled::id`](crate::plugin::Compiled::id): the same wasm compiled again has
    /// other functions, and an instance knows only its own.
    pub(crate) runner: u64,
    /// SHA-256 of the script.
    pub(crate) script: String,
}

/// An instance at rest.
pub(crate) struct Idle {
    pub(crate) store: Store<State>,
    pub(crate) instance: Instance,
}

/// The instances at rest, at most one for a key; the one used longest ago goes first.
pub(crate) struct Warm {
    idle: Mutex<Vec<(WarmKey, Idle)>>,
    count_max: usize,
}

impl Warm {
    pub(crate) fn new(count_max: u32) -> Self {
        Self { idle: Mutex::new(Vec::new()), count_max: count_max as usize }
    }

    /// The instance of this key, for one call.
    pub(crate) fn take(&self, key: &WarmKey) -> Option<Idle> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().position(|(kept, _)| kept == key)?;
        Some(idle.remove(at).1)
    }

    /// Keeps an instance whose call went well.
    pub(crate) fn put(&self, key: WarmKey, instance: Idle) {
        if self.count_max == 0 {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle.iter().position(|(kept, _)| *kept == key);
        let retired = match known {
            Some(at) => Some(idle.remove(at)),
            None if idle.len() == self.count_max => Some(idle.remove(0)),
            None => None,
        };
        idle.push((key, instance));
        drop(idle);
        // Taking an instance apart takes a while, and others need not wait for it.
        drop(retired);
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
