//! Fetching what lies at an address, however large: its head first, then piece by piece as it is asked for.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Incoming;
use leadhook_core::{delivery::Request, outcome::BrokenKind};
use tokio::time::{Instant, timeout};

use crate::{
    broken::Broken,
    courier::{Begun, Courier},
    exchange::{chunk, ends_by_closing},
    wire::Wire,
};

/// An answer that is read piece by piece. Nothing of it is read unless asked for, but for what fits a buffer.
/// Dropping it closes the connection.
pub struct Fetched {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// The headers as they came, at most 100.
    pub headers: HeaderMap,
    wire: Wire,
    incoming: Incoming,
    ends_by_closing: bool,
    place: String,
    idle: Duration,
}

impl Courier {
    /// Sends this request once, and answers when the head of the answer has come: within `timeout`, which bounds
    /// name, connection, TLS and head together. Addresses are guarded and connections made as by [`Courier::send`],
    /// and redirects are not followed either. Then each piece may take as long as `idle`.
    ///
    /// # Errors
    /// When no head came, for whatever reason; its words hold hosts and ports, and no paths or query strings.
    pub async fn fetch(
        &self,
        request: &Request,
        timeout: Duration,
        idle: Duration,
    ) -> Result<Fetched, Broken> {
        let Begun { wire, place, response, .. } = self.begin(request, &[], Instant::now() + timeout).await?;
        let (parts, incoming) = response.into_parts();
        Ok(Fetched {
            status: parts.status.as_u16(),
            ends_by_closing: ends_by_closing(&parts.headers),
            headers: parts.headers,
            wire,
            incoming,
            place,
            idle,
        })
    }
}

impl Fetched {
    /// The next piece of the body, at most 64 KiB; `None` at its end.
    ///
    /// # Errors
    /// When the body breaks off, or nothing comes of it for too long.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Broken>> {
        let next = chunk(&mut self.incoming, self.ends_by_closing, &self.place);
        match timeout(self.idle, self.wire.drive(next)).await {
            Ok(chunk) => chunk,
            Err(_) => Some(Err(Broken::new(BrokenKind::TimeoutReading, self.place.as_str()))),
        }
    }
}
