//! What a plugin returns as a fuzzer tries it.

use crate::{contract, exchange::Draft, limits::Limits};

/// The request that goes on, or what is wrong with it.
///
/// # Errors
/// With the words that the plugin's record gets.
pub fn checked(draft: Draft) -> Result<Draft, String> {
    contract::draft(draft, Limits::DEFAULT.output_bytes).map_err(|wrong| wrong.detail)
}
