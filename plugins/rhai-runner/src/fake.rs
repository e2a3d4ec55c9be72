//! Stands in for the engine where the runner is compiled natively, so that scripts are tested without wasm.

use std::{cell::RefCell, collections::BTreeMap};

/// What a script meets outside itself, and what it did there. One for each thread.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The link's configuration as JSON; empty stands for `{}`.
    pub config: String,
    /// The secrets that the link names.
    pub secrets: BTreeMap<String, String>,
    /// The time of the rendering, in Unix milliseconds.
    pub now_ms: u64,
    /// The next random number; each one asked for adds 1.
    pub random: u64,
    /// The state, by key. Times to live are recorded, never over.
    pub kv: BTreeMap<String, (Vec<u8>, Option<u32>)>,
    /// The lines logged: level and text.
    pub log: Vec<(String, String)>,
    /// The memory that is said to be in use, in bytes.
    pub memory_bytes: usize,
    /// By how much that grows each time it is looked at, in bytes.
    pub memory_growth_bytes: usize,
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::default();
}

/// Reads or changes this thread's world.
pub fn with<T>(look: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(look)
}

pub(crate) fn memory_bytes() -> usize {
    with(|world| {
        world.memory_bytes += world.memory_growth_bytes;
        world.memory_bytes
    })
}

/// The host's functions, as the interface has them.
pub(crate) mod host {
    pub(crate) use crate::bindings::leadhook::plugin::host::Level;

    pub(crate) fn log(level: Level, words: &str) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        super::with(|world| world.log.push((level.to_owned(), words.to_owned())));
    }

    pub(crate) fn config() -> String {
        super::with(|world| if world.config.is_empty() { "{}".to_owned() } else { world.config.clone() })
    }

    pub(crate) fn secret(name: &str) -> Option<String> {
        super::with(|world| world.secrets.get(name).cloned())
    }

    pub(crate) fn now_ms() -> u64 {
        super::with(|world| world.now_ms)
    }

    pub(crate) fn random() -> u64 {
        super::with(|world| {
            world.random = world.random.wrapping_add(1);
            world.random
        })
    }
}

/// The state's functions, as the interface has them. Numbers are decimal text.
pub(crate) mod kv {
    pub(crate) fn get(key: &str) -> Option<Vec<u8>> {
        super::with(|world| world.kv.get(key).map(|(value, _)| value.clone()))
    }

    pub(crate) fn set(key: &str, value: &[u8], ttl_seconds: Option<u32>) {
        super::with(|world| world.kv.insert(key.to_owned(), (value.to_vec(), ttl_seconds)));
    }

    pub(crate) fn delete(key: &str) {
        super::with(|world| world.kv.remove(key));
    }

    pub(crate) fn increment(key: &str, by: i64, ttl_seconds: Option<u32>) -> i64 {
        super::with(|world| {
            let (value, _) = world.kv.entry(key.to_owned()).or_insert((b"0".to_vec(), ttl_seconds));
            let sum = String::from_utf8_lossy(value).parse().unwrap_or(0_i64).saturating_add(by);
            *value = sum.to_string().into_bytes();
            sum
        })
    }
}
