//! State of this plugin in this webhook, kept from one delivery to the next.
//!
//! Later calls see a write at once; it becomes durable together with the delivery's outcome. A key has 1 to 256
//! bytes, a value at most 64 KiB; beyond that the call ends as an error. Other webhooks and other plugins have
//! their own.

use serde::{Serialize, de::DeserializeOwned};

use crate::verdict::Failure;

/// The value of a key, unless there is none or its time to live is over.
pub fn get(key: &str) -> Option<Vec<u8>> {
    crate::wire::kv_get(key)
}

/// The value of a key read as JSON.
///
/// # Errors
/// `bad_json` when it is not JSON of this shape.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Failure> {
    match get(key) {
        Some(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        None => Ok(None),
    }
}

/// Sets a value, for ever or for a time to live in seconds.
pub fn set(key: &str, value: &[u8], ttl_seconds: Option<u32>) {
    crate::wire::kv_set(key, value, ttl_seconds);
}

/// Sets a value as JSON, for ever or for a time to live in seconds.
///
/// # Errors
/// `bad_json` when it has no JSON form.
pub fn set_json(key: &str, value: &impl Serialize, ttl_seconds: Option<u32>) -> Result<(), Failure> {
    set(key, &serde_json::to_vec(value)?, ttl_seconds);
    Ok(())
}

/// Removes a value.
pub fn delete(key: &str) {
    crate::wire::kv_delete(key);
}

/// Adds to a number and answers the sum; an absent key counts as 0. The time to live begins when the key does.
pub fn increment(key: &str, by: i64, ttl_seconds: Option<u32>) -> i64 {
    crate::wire::kv_increment(key, by, ttl_seconds)
}
