//! Takes connections and serves HTTP/1.1 on them, so that a slow or silent client costs a bounded amount.

use std::{io, pin::pin, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::StatusCode,
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

/// What clients may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at one time; further ones wait in the system's backlog.
    pub(crate) connections: usize,
    /// The time for a request's head to arrive, and for a connection to stand idle.
    pub(crate) head: Duration,
    /// The time for a request's body to arrive and its answer to begin.
    pub(crate) answer: Duration,
    /// The bytes of a head, and of what is read ahead.
    pub(crate) buffer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            head: Duration::from_secs(30),
            // An activation waits for its probe, which may take 60 s (`timeout_seconds`).
            answer: Duration::from_secs(75),
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
    let service = router.layer(middleware::from_fn_with_state(limits.answer, in_time));
    let room = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(limits.buffer_bytes);
    let mut connections = JoinSet::new();
    while let Some((stream, permit)) = stop.run_until_cancelled(next(&listener, &room)).await {
        let service = TowerToHyperService::new(service.clone());
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        connections.spawn(async move {
            // A client that breaks off is its own business.
            let _ = connection.await;
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    if tokio::time::timeout(grace, pin!(graceful.shutdown())).await.is_err() {
        tracing::warn!("requests still under way at the deadline are broken off");
    }
    connections.shutdown().await;
}

/// The next connection, once there is room for it.
async fn next(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> (TcpStream, tokio::sync::OwnedSemaphorePermit) {
    let permit = Arc::clone(room).acquire_owned().await.expect("the semaphore is never closed");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and written whole; waiting to fill a segment only delays them.
                let _ = stream.set_nodelay(true);
                return (stream, permit);
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

async fn in_time(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::REQUEST_TIMEOUT, [("connection", "close")]).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::routing::post;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::Notify,
        task::JoinHandle,
    };

    use super::*;

    async fn start(router: Router, limits: Limits) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let running = tokio::spawn(serve(listener, router, limits, stop.clone(), Duration::from_secs(20)));
        (address, stop, running)
    }

    fn echo() -> Router {
        Router::new().route("/", post(|body: String| async move { body }))
    }

    async fn everything_from(stream: &mut TcpStream) -> String {
        let mut answer = Vec::new();
        let reading = stream.read_to_end(&mut answer);
        // A connection that was broken off still has what came before.
        let _ = tokio::time::timeout(Duration::from_secs(20), reading).await.unwrap();
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_client_whose_head_never_ends_is_let_go() {
        let limits = Limits { head: Duration::from_millis(100), ..Limits::default() };
        let (address, ..) = start(echo(), limits).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\n").await.unwrap();
        assert!(!everything_from(&mut client).await.contains("200"));
    }

    #[tokio::test]
    async fn a_client_whose_body_never_ends_is_told_so_and_let_go() {
        let limits = Limits { answer: Duration::from_millis(100), ..Limits::default() };
        let (address, ..) = start(echo(), limits).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nabc").await.unwrap();
        assert!(everything_from(&mut client).await.starts_with("HTTP/1.1 408"));
    }

    #[tokio::test]
    async fn connections_over_the_limit_wait_for_room() {
        let limits = Limits { connections: 1, ..Limits::default() };
        let (address, ..) = start(echo(), limits).await;
        let holds = TcpStream::connect(address).await.unwrap();
        let mut waits = TcpStream::connect(address).await.unwrap();
        let request = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";
        waits.write_all(request).await.unwrap();
        let mut first = [0];
        let early = tokio::time::timeout(Duration::from_millis(100), waits.read(&mut first)).await;
        assert!(early.is_err(), "it was served while the only place was taken");
        drop(holds);
        assert!(everything_from(&mut waits).await.ends_with("ok"));
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_before_the_end() {
        let (began, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let gates = (Arc::clone(&began), Arc::clone(&go_on));
        let slow = move || async move {
            gates.0.notify_one();
            gates.1.notified().await;
            "done"
        };
        let (address, stop, running) = start(Router::new().route("/", post(slow)), Limits::default()).await;
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        began.notified().await;
        stop.cancel();
        go_on.notify_one();
        assert!(everything_from(&mut client).await.ends_with("done"));
        running.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err(), "it still listens");
    }
}
