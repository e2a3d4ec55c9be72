//! The floor: as little as can stand between a source and a handler. It answers 202 at once, forwards the same body
//! over keep-alive connections, and keeps nothing: what it holds when it dies is lost.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::mpsc};

use crate::connection::Connection;

/// The most bytes a body may have.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// How many bodies may wait for each connection to the receiver; more, and the source waits for its 202.
const WAITING_MAX: usize = 64;

/// Where the relay stands.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to forward to.
    #[arg(long)]
    to: SocketAddr,
    /// How many connections to forward over, 1 or more.
    #[arg(long, default_value_t = 64)]
    upstreams: usize,
}

/// Relays until it is killed.
pub(crate) async fn run(options: Options) -> Result<()> {
    ensure!(options.upstreams > 0, "a relay needs at least one connection to forward over");
    let listener = TcpListener::bind(options.listen).await?;
    println!("listening on http://{}", listener.local_addr()?);
    serve(listener, options.to, options.upstreams).await
}

/// The connections to the receiver, taken in turn.
struct Upstreams {
    lanes: Vec<mpsc::Sender<Bytes>>,
    next: AtomicUsize,
}

async fn serve(listener: TcpListener, to: SocketAddr, upstreams: usize) -> Result<()> {
    let mut lanes = Vec::with_capacity(upstreams);
    for _ in 0..upstreams {
        let (sender, bodies) = mpsc::channel(WAITING_MAX);
        tokio::spawn(forward(Connection::open(to, None).await?, bodies));
        lanes.push(sender);
    }
    let upstreams = Arc::new(Upstreams { lanes, next: AtomicUsize::new(0) });
    loop {
        let (stream, _) = listener.accept().await.context("no more connections can be taken")?;
        stream.set_nodelay(true)?;
        let upstreams = Arc::clone(&upstreams);
        tokio::spawn(async move {
            let service = service_fn(|request| relay(request, &upstreams));
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

async fn relay(
    request: Request<Incoming>,
    upstreams: &Upstreams,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut answer = Response::new(Empty::new());
    *answer.status_mut() = match Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await {
        Ok(body) => {
            let lane = upstreams.next.fetch_add(1, Ordering::Relaxed) % upstreams.lanes.len();
            match upstreams.lanes[lane].send(body.to_bytes()).await {
                Ok(()) => StatusCode::ACCEPTED,
                Err(_) => StatusCode::SERVICE_UNAVAILABLE,
            }
        }
        Err(_) => StatusCode::BAD_REQUEST,
    };
    Ok(answer)
}

/// Ends with its connection: a relay that keeps nothing has nothing to try again.
async fn forward(mut connection: Connection, mut bodies: mpsc::Receiver<Bytes>) {
    while let Some(body) = bodies.recv().await {
        if let Err(error) = connection.send("POST", "/", body).await {
            eprintln!("a body is lost: {error:#}");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::Ipv4Addr,
        time::{Duration, Instant},
    };

    use super::*;
    use crate::{
        ledger::Ledger,
        load::{Load, Pace},
        phase::Phase,
        receiver::Receiver,
    };

    #[tokio::test]
    async fn every_lead_that_is_posted_arrives_once_at_either_pace() {
        let ledger = Arc::new(Ledger::new(300));
        let receiver = Receiver::start(Arc::clone(&ledger)).await.unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let relaying = tokio::spawn(serve(listener, receiver.address(), 3));
        let load = Load { address, site: "60001".to_owned(), key: None, connections: 5 };
        load.run(&ledger, 0..200, Pace::Saturating).await.unwrap();
        let began = Instant::now();
        load.run(&ledger, 200..300, Pace::PerSecond(1_000)).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(99), "none is posted before its time");
        ledger.wait_for(300).await;
        assert_eq!((ledger.arrived(), ledger.doubled(), ledger.unknown()), (300, 0, 0));
        let paced = Phase::of(ledger.tracks(200..300));
        assert_eq!((paced.events, paced.lost), (100, 0));
        relaying.abort();
    }
}
