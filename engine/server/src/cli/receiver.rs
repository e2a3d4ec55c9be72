//! A receiver of webhooks: answers by a rule, and hands on what arrived.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::received::Received;
use crate::serve::connections::{self, Limits};

/// The most bytes of one request's body that are read.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// How many requests may wait to be taken before senders are made to wait.
const WAITING_MAX: usize = 64;
/// How long requests under way are given at the end.
const GRACE: Duration = Duration::from_millis(500);

/// Says with which status a request is answered.
pub(crate) type Answer = Box<dyn Fn(&Received) -> StatusCode + Send + Sync>;

/// A running receiver; [`Receiver::stop`] ends it.
pub(crate) struct Receiver {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    received: mpsc::Receiver<Received>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

struct Desk {
    answer: Answer,
    hand_on: mpsc::Sender<Received>,
}

impl Receiver {
    /// Listens on loopback; port 0 takes any that is free.
    pub(crate) async fn start(port: u16, answer: Answer) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .with_context(|| format!("cannot listen on 127.0.0.1:{port}; choose another with --port"))?;
        let address = listener.local_addr().context("the listener has no address")?;
        let (hand_on, received) = mpsc::channel(WAITING_MAX);
        let router = Router::new().fallback(take).with_state(Arc::new(Desk { answer, hand_on }));
        let stop = CancellationToken::new();
        let running =
            tokio::spawn(connections::serve(listener, router, Limits::default(), stop.clone(), GRACE));
        Ok(Self { address, received, stop, running })
    }

    /// The next request that arrived; waits for one.
    pub(crate) async fn next(&mut self) -> io::Result<Received> {
        self.received.recv().await.ok_or_else(|| io::ErrorKind::ConnectionAborted.into())
    }

    /// The next request, if one has arrived.
    pub(crate) fn arrived(&mut self) -> Option<Received> {
        self.received.try_recv().ok()
    }

    /// Takes no more requests; when this returns nothing listens any more.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        // It ends by itself, within its grace; a panic in it has been reported already.
        let _ = self.running.await;
    }
}

async fn take(State(desk): State<Arc<Desk>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let mut received = Received {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
        answered: 0,
    };
    let status = (desk.answer)(&received);
    received.answered = status.as_u16();
    // Handed on before the answer, so that whoever sees the answer's effect can find the request here.
    match desk.hand_on.send(received).await {
        Ok(()) => status.into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
