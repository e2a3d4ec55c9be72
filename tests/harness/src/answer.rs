//! What a receiver answers, sane or hostile.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::watch;

/// What a receiver answers to one request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(crate) manner: Manner,
    pub(crate) gate: Option<Gate>,
}

/// How an answer is given.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    /// As HTTP wants it.
    Sane { status: u16, headers: Vec<(String, String)>, body: Bytes },
    /// The connection is closed in place of an answer.
    Close,
    /// The connection is reset in place of an answer.
    Reset,
    /// A sane head, then one byte of the body at each interval, as long as the other side stays.
    Drip { every: Duration },
    /// A status line, then header lines without end.
    EndlessHeaders,
    /// Heads of `102 Processing` without end.
    EndlessInterim,
    /// A sane head, then a body of this many bytes.
    Huge { bytes: u64 },
    /// These bytes, then the connection is closed.
    Raw(Bytes),
}

/// Holds answers back until it is opened; clones are the same gate. Closed at first, and once open, open for good.
#[derive(Debug, Clone)]
pub struct Gate(watch::Sender<bool>);

impl Default for Gate {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Gate {
    /// Lets through what waits, and all that comes later.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is open.
    pub(crate) async fn pass(&self) {
        // The sender lives as long as this gate, so that waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

impl Answer {
    /// A status (100 to 999), no headers, no body.
    pub fn status(status: u16) -> Self {
        Self::of(Manner::Sane { status, headers: Vec::new(), body: Bytes::new() })
    }

    /// Never an answer: the connection stays open and silent.
    pub fn never() -> Self {
        Self::status(200).after(&Gate::default())
    }

    /// Closes the connection in place of an answer.
    pub fn close() -> Self {
        Self::of(Manner::Close)
    }

    /// Resets the connection in place of an answer.
    pub fn reset() -> Self {
        Self::of(Manner::Reset)
    }

    /// 200, then a body that comes byte by byte without end.
    pub fn drip(every: Duration) -> Self {
        Self::of(Manner::Drip { every })
    }

    /// 200, then header lines without end.
    pub fn endless_headers() -> Self {
        Self::of(Manner::EndlessHeaders)
    }

    /// Interim answers (1xx) without end.
    pub fn endless_interim() -> Self {
        Self::of(Manner::EndlessInterim)
    }

    /// 200, then a body of so many bytes, made as it is sent.
    pub fn huge_body(bytes: u64) -> Self {
        Self::of(Manner::Huge { bytes })
    }

    /// Exactly these bytes, then the end of the connection.
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::of(Manner::Raw(bytes.into()))
    }

    /// Adds a header to a sane answer; `content-length` is there anyhow.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        match &mut self.manner {
            Manner::Sane { headers, .. } => headers.push((name.to_owned(), value.to_owned())),
            other => panic!("{other:?} has no headers to add to"),
        }
        self
    }

    /// Gives a sane answer a body.
    #[must_use]
    pub fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        match &mut self.manner {
            Manner::Sane { body, .. } => *body = bytes.into(),
            other => panic!("{other:?} has a body of its own"),
        }
        self
    }

    /// Holds the answer back until the gate is open. The request is in the ledger before that.
    #[must_use]
    pub fn after(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    fn of(manner: Manner) -> Self {
        Self { manner, gate: None }
    }
}
