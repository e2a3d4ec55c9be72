//! The receiver: answers every request 200 with an empty body, and writes down which lead it was about.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::ledger::Ledger;

/// What marks a probe, which is about no lead.
const PROBE: &str = "webhook-test";

/// Listens on a loopback port until dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    listening: JoinHandle<()>,
}

impl Receiver {
    /// A receiver on a free port that writes into this ledger.
    pub(crate) async fn start(ledger: Arc<Ledger>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { address, listening: tokio::spawn(listen(listener, ledger)) })
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

async fn listen(listener: TcpListener, ledger: Arc<Ledger>) {
    while let Ok((stream, _)) = listener.accept().await {
        if stream.set_nodelay(true).is_err() {
            continue;
        }
        let ledger = Arc::clone(&ledger);
        tokio::spawn(async move {
            let service = service_fn(|request| receive(request, &ledger));
            // A connection that breaks is the sender's to notice and to open anew.
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn receive(request: Request<Incoming>, ledger: &Ledger) -> Result<Response<Empty<Bytes>>, Infallible> {
    let is_probe = request.headers().contains_key(PROBE);
    // A body that breaks off is not received: no answer but the broken connection is due.
    if let Ok(body) = request.into_body().collect().await
        && !is_probe
    {
        ledger.received(&body.to_bytes());
    }
    Ok(Response::new(Empty::new()))
}
