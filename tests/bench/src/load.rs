//! The load: keep-alive connections, each posting one event after another.

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use tokio::{task::JoinSet, time::Instant};

use crate::{connection::Connection, leads::Leads, ledger::Ledger};

/// How long a source waits after it was told to come back later.
const COME_BACK_AFTER: Duration = Duration::from_millis(5);
/// How many times in a row a source comes back until it gives up.
const COME_BACK_MAX: u32 = 4_000;

/// Where events are posted, and over how much.
#[derive(Clone)]
pub(crate) struct Load {
    /// The server.
    pub(crate) address: SocketAddr,
    /// The site of the leads.
    pub(crate) site: String,
    /// The account's key, where the server asks for one.
    pub(crate) key: Option<&'static str>,
    /// How many connections post at one time, 1 or more.
    pub(crate) connections: usize,
}

/// How fast events are posted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// Each connection posts the next event when the one before was acknowledged.
    Saturating,
    /// So many events a second in all, however fast they are acknowledged while a connection is free.
    PerSecond(u32),
}

impl Load {
    /// Posts the events of these leads and waits until all are acknowledged. Answers how often the server said that
    /// it takes nothing now (429 and 503); any other answer than 202 is an error.
    pub(crate) async fn run(&self, ledger: &Arc<Ledger>, leads: Range<usize>, pace: Pace) -> Result<usize> {
        let source = Arc::new(Source {
            ledger: Arc::clone(ledger),
            bodies: Leads::new(&self.site),
            first: leads.start,
            next: AtomicUsize::new(leads.start),
            end: leads.end,
            pace,
            put_off: AtomicUsize::new(0),
        });
        let mut connections = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            connections.push(Connection::open(self.address, self.key).await?);
        }
        let began = Instant::now();
        let mut posting = JoinSet::new();
        for connection in connections {
            posting.spawn(post_all(Arc::clone(&source), connection, began));
        }
        while let Some(ended) = posting.join_next().await {
            ended.context("posting broke off")??;
        }
        Ok(source.put_off.load(Ordering::Relaxed))
    }
}

struct Source {
    ledger: Arc<Ledger>,
    bodies: Leads,
    first: usize,
    next: AtomicUsize,
    end: usize,
    pace: Pace,
    put_off: AtomicUsize,
}

async fn post_all(source: Arc<Source>, mut connection: Connection, began: Instant) -> Result<()> {
    loop {
        let index = source.next.fetch_add(1, Ordering::Relaxed);
        if index >= source.end {
            return Ok(());
        }
        let body = source.bodies.body(index);
        if let Pace::PerSecond(rate) = source.pace {
            let after =
                Duration::from_secs(1).mul_f64((index - source.first) as f64 / f64::from(rate.max(1)));
            tokio::time::sleep_until(began + after).await;
        }
        source.ledger.posted(index);
        for attempt in 0.. {
            let (status, answer) = connection.send("POST", "/v1/events", body.clone()).await?;
            match status {
                202 => break,
                429 | 503 if attempt < COME_BACK_MAX => {
                    source.put_off.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(COME_BACK_AFTER).await;
                }
                _ => bail!("an event was answered {status}: {}", String::from_utf8_lossy(&answer)),
            }
        }
        source.ledger.acknowledged(index);
    }
}
