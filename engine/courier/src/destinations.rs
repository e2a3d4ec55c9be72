//! Which addresses may be sent to, as the operator has it now.

use std::sync::{Arc, PoisonError, RwLock};

use leadhook_core::address::AddressPolicy;

/// The policy of the moment, which a courier shares with whoever checks addresses before they are saved.
#[derive(Debug, Default)]
pub struct Destinations(RwLock<Arc<AddressPolicy>>);

impl Destinations {
    /// At first this policy.
    pub fn new(policy: AddressPolicy) -> Self {
        Self(RwLock::new(Arc::new(policy)))
    }

    /// The policy as it is now.
    pub fn current(&self) -> Arc<AddressPolicy> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this policy. Attempts that have begun go on under the one before.
    pub fn replace(&self, policy: AddressPolicy) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
    }
}
