//! Takes connections and serves HTTP/1.1 on them, so that a slow or silent client costs a bounded amount.

mod places;
mod taking;

use std::{io, pin::Pin, pin::pin, time::Duration};

use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    select,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use places::{Marker, Place, Places};
use taking::Taking;

/// What clients may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at one time. When there are more, those without a request under way give way, the longest silent
    /// first; while all have one, further clients wait in the system's backlog.
    pub(crate) connections: usize,
    /// How long a connection may be silent before it gives way to another.
    pub(crate) spared: Duration,
    /// The time for a request's head to arrive, and for a connection to stand idle.
    pub(crate) head: Duration,
    /// The time for a request's body to arrive and its answer to begin.
    pub(crate) answer: Duration,
    /// How long a client may take nothing of its answer.
    pub(crate) taking: Duration,
    /// The bytes of a head, and of what is read ahead.
    pub(crate) buffer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            spared: Duration::from_secs(1),
            head: Duration::from_secs(30),
            // An activation waits for its probe, which may take 60 s (`timeout_seconds`).
            answer: Duration::from_secs(75),
            taking: Duration::from_secs(60),
            buffer_bytes: 64 * 1024,
        }
    }
}

/// How long to wait after the system had no room for another connection.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`, then takes no more connections and gives the requests under way until `grace` to end.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: CancellationToken,
    grace: Duration,
) {
    let service = TowerToHyperService::new(router);
    let places = Places::new(limits.connections, limits.spared);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(limits.buffer_bytes);
    let mut connections = JoinSet::new();
    while let Some((stream, place)) = stop.run_until_cancelled(next(&listener, &places)).await {
        let service = Watched { service: service.clone(), marker: place.marker(), limit: limits.answer };
        let stream = TokioIo::new(Taking::new(stream, limits.taking));
        connections.spawn(attend(builder.serve_connection(stream, service), place, stop.clone()));
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, ended).await.is_err() {
        tracing::warn!("requests still under way at the deadline are broken off");
    }
    connections.shutdown().await;
}

/// Serves one connection until it ends, its place is wanted, or the process stops.
async fn attend(
    connection: http1::Connection<TokioIo<Taking>, Watched>,
    place: Place,
    stop: CancellationToken,
) {
    let mut connection = pin!(connection);
    select! {
        // A client that breaks off is its own business.
        _ = connection.as_mut() => return,
        () = place.wanted() => {
            // A head that is not whole would be waited for; nothing was taken in of it.
            if !place.has_asked() {
                return;
            }
        }
        () = stop.cancelled() => {}
    }
    // What is under way is answered first.
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// The service of one connection, which notes when a request is under way, and how long it may be.
struct Watched {
    service: TowerToHyperService<Router>,
    marker: Marker,
    limit: Duration,
}

impl Service<hyper::Request<Incoming>> for Watched {
    type Response = Response;
    type Error = std::convert::Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Self::Error>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let asking = self.marker.asking();
        let answer = tokio::time::timeout(self.limit, self.service.call(request));
        Box::pin(async move {
            let answer = answer.await;
            drop(asking);
            let too_late = |_| Ok((StatusCode::REQUEST_TIMEOUT, [("connection", "close")]).into_response());
            answer.unwrap_or_else(too_late)
        })
    }
}

/// The next connection, with a place of its own.
async fn next(listener: &TcpListener, places: &Places) -> (TcpStream, Place) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and written whole; waiting to fill a segment only delays them.
                let _ = stream.set_nodelay(true);
                return (stream, places.take().await);
            }
            Err(error) if is_the_clients_own(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken now");
                tokio::time::sleep(NO_ROOM_PAUSE).await;
            }
        }
    }
}

/// The client was gone before it was taken: nothing is wrong here.
fn is_the_clients_own(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(error.kind(), K::ConnectionAborted | K::ConnectionReset | K::ConnectionRefused | K::Interrupted)
}

#[cfg(test)]
mod tests;
