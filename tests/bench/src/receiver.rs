//! The receiver: answers requests with an empty body, and writes down which lead each was about. It answers 200, but for
//! the first attempts that it is told to refuse.

use std::{
    collections::HashSet,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{leads, ledger::Ledger};

/// What marks a probe, which is about no lead.
const PROBE: &str = "webhook-test";

/// Listens on a loopback port until dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    listening: JoinHandle<()>,
    desk: Arc<Desk>,
}

/// Where requests come in.
struct Desk {
    ledger: Arc<Ledger>,
    /// Of every so many leads one is refused at first; none where nothing is refused.
    refuse_every: Option<usize>,
    refused: Mutex<HashSet<usize>>,
}

impl Receiver {
    /// A receiver on a free port that writes into this ledger.
    pub(crate) async fn start(ledger: Arc<Ledger>) -> Result<Self> {
        Self::with(Desk { ledger, refuse_every: None, refused: Mutex::default() }).await
    }

    /// One that answers the first attempt for every so manieth lead with 503.
    pub(crate) async fn refusing(ledger: Arc<Ledger>, every: usize) -> Result<Self> {
        Self::with(Desk { ledger, refuse_every: Some(every), refused: Mutex::default() }).await
    }

    async fn with(desk: Desk) -> Result<Self> {
        let desk = Arc::new(desk);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, listening: tokio::spawn(listen(listener, Arc::clone(&desk))), desk })
    }

    /// How many leads were refused at first.
    pub(crate) fn refused(&self) -> usize {
        self.desk.refused.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Desk {
    /// What a body is answered with.
    fn take(&self, body: &[u8]) -> StatusCode {
        if let (Some(every), Some(index)) = (self.refuse_every, leads::index_in(body))
            && index % every == 0
            && self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(index)
        {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        self.ledger.received(body);
        StatusCode::OK
    }
}

async fn listen(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            let service = service_fn(|request| receive(request, &desk));
            // A connection that breaks is the sender's to notice and to open anew.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn receive(request: Request<Incoming>, desk: &Desk) -> Result<Response<Empty<Bytes>>, Infallible> {
    let is_probe = request.headers().contains_key(PROBE);
    let mut response = Response::new(Empty::new());
    // A body that breaks off is not received: no answer but the broken connection is due.
    if let Ok(body) = request.into_body().collect().await
        && !is_probe
    {
        *response.status_mut() = desk.take(&body.to_bytes());
    }
    Ok(response)
}
