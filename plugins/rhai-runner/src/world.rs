//! The one place where the runner asks for anything outside itself: the host, the state and the memory in use.

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::leadhook::plugin::{host, kv};
#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::fake::{host, kv};

/// The linear memory in use, in bytes. It only grows, as wasm memory does.
#[cfg(target_family = "wasm")]
pub(crate) fn memory_bytes() -> usize {
    core::arch::wasm32::memory_size(0) * 65_536
}

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::fake::memory_bytes;
