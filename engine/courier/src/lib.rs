//! leadhook-courier: takes one request to its handler and brings back an outcome, whatever the handler does; and
//! fetches what lies at an address, piece by piece.
//!
//! What holds here:
//! - Only addresses that the [`AddressPolicy`](leadhook_core::address::AddressPolicy) permits are connected to.
//!   A name is resolved once for an attempt, every answer is checked, and the name is not looked at again.
//! - One deadline bounds the whole attempt; of what is fetched, the head, and then each piece. Heads, bodies, idle connections, remembered names and lookups in
//!   flight are bounded too.
//! - A request goes out at most once in an attempt. A kept connection that turns out to be closed is replaced
//!   only where the request was certainly not begun.
//! - What a handler does wrong is an [`Outcome`](leadhook_core::outcome::Outcome), never an error. Its words hold
//!   hosts, ports and addresses, and no paths, query strings or bodies.
//!
//! What is absent: redirects, proxies, cookies, compression, HTTP/2, retries, and a log.

mod broken;
mod connect;
mod courier;
mod destinations;
mod exchange;
mod fetch;
mod metered;
mod names;
mod outgoing;
mod pool;
mod target;
mod trust;
mod wire;

pub use broken::Broken;
pub use courier::{Courier, CourierSettings};
pub use destinations::Destinations;
pub use fetch::Fetched;
pub use names::{LOOKUPS_MAX, Resolve, SystemNames};
pub use trust::Roots;

/// Why a [`Courier`] cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// The text is not a list of certificates in PEM form.
    #[error("the root certificates are not readable as PEM")]
    ReadRoots(#[source] rustls::pki_types::pem::Error),
    /// The text is PEM, but there is no certificate in it.
    #[error("there is no certificate among the root certificates")]
    NoRoots,
    /// This certificate, counted from 1, cannot be a root of trust.
    #[error("root certificate {number} cannot be trusted")]
    AddRoot {
        /// Its number in the text.
        number: usize,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The TLS versions wanted are not offered by the cryptography that is built in.
    #[error("TLS 1.2 and 1.3 are not available")]
    TlsVersions(#[source] rustls::Error),
}
