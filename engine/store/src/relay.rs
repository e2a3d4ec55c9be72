//! Relays: the tokens by which the tracking service's own webhooks come in.

use leadhook_core::{
    id::{AccountId, SiteId, base32},
    time::Timestamp,
};

use crate::KeyDigest;

/// A token by which webhooks come in for one site. The token itself is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Whose.
    pub account: AccountId,
    /// The site whose leads come in by it.
    pub site: SiteId,
    /// The SHA-256 of the token.
    pub digest: KeyDigest,
    /// When it was made.
    pub made_at: Timestamp,
}

impl Relay {
    /// What it is known by to people: `relay_` and 13 letters and digits. It follows from the digest, which only whoever
    /// has the token could have made.
    pub fn id(&self) -> String {
        format!("relay_{}", base32().encode(&self.digest[..8]))
    }
}
