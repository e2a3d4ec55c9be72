//! A connection to one of the checked addresses, and no other: TCP from an allowed source, then TLS.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use leadhook_core::outcome::BrokenKind;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    net::{TcpSocket, TcpStream},
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::{broken::Broken, target::Target, wire::Stream};

/// The most addresses of one host that are tried in one attempt.
pub(crate) const ADDRESSES_TRIED_MAX: usize = 8;

/// Makes connections.
pub(crate) struct Connector {
    tls: TlsConnector,
    sources: Vec<IpAddr>,
    /// Whose turn it is among the sources.
    turn: AtomicUsize,
}

impl Connector {
    pub(crate) fn new(tls: Arc<ClientConfig>, sources: Vec<IpAddr>) -> Self {
        Self { tls: TlsConnector::from(tls), sources, turn: AtomicUsize::new(0) }
    }

    /// Connects to the first of these addresses that accepts, each within an equal share of the time left.
    /// A failure of TLS ends it: the host was reached.
    pub(crate) async fn connect(
        &self,
        target: &Target,
        addresses: &[SocketAddr],
        deadline: Instant,
    ) -> Result<(SocketAddr, Box<dyn Stream>), Broken> {
        let tried = &addresses[..addresses.len().min(ADDRESSES_TRIED_MAX)];
        let mut last = Broken::new(BrokenKind::ConnectionFailed, format!("{}: no address", target.place));
        for (index, address) in tried.iter().enumerate() {
            let left = u32::try_from(tried.len() - index).unwrap_or(u32::MAX);
            let now = Instant::now();
            let share = now + deadline.saturating_duration_since(now) / left;
            match timeout_at(share, self.reach(*address)).await {
                Ok(Ok(stream)) => return Ok((*address, self.encrypt(target, stream, deadline).await?)),
                Ok(Err(broken)) => last = broken,
                Err(_) => last = Broken::new(BrokenKind::TimeoutConnecting, address.to_string()),
            }
        }
        Err(last)
    }

    async fn reach(&self, address: SocketAddr) -> Result<TcpStream, Broken> {
        let failed = |error: std::io::Error| Broken::from_connecting(&error, &address.to_string());
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }
        .map_err(failed)?;
        if let Some(source) = self.source_for(address)? {
            socket.bind(SocketAddr::new(source, 0)).map_err(|error| {
                Broken::new(
                    BrokenKind::ConnectionFailed,
                    format!("from the source address {source}: {error}"),
                )
            })?;
        }
        // Head and body of a request go out in one write or two; none should wait for an acknowledgement.
        socket.set_nodelay(true).map_err(failed)?;
        socket.connect(address).await.map_err(failed)
    }

    /// The source addresses of the right family take turns, a connection each. Where some are set but none
    /// of this family there is no connection: receivers let only those through that were told to them.
    fn source_for(&self, address: SocketAddr) -> Result<Option<IpAddr>, Broken> {
        if self.sources.is_empty() {
            return Ok(None);
        }
        let fitting = || self.sources.iter().filter(|source| source.is_ipv4() == address.is_ipv4());
        let count = fitting().count();
        if count == 0 {
            let detail = format!("{address}: no source address of its family is set");
            return Err(Broken::new(BrokenKind::ConnectionFailed, detail));
        }
        Ok(fitting().nth(self.turn.fetch_add(1, Ordering::Relaxed) % count).copied())
    }

    async fn encrypt(
        &self,
        target: &Target,
        stream: TcpStream,
        deadline: Instant,
    ) -> Result<Box<dyn Stream>, Broken> {
        let Some(server_name) = &target.server_name else { return Ok(Box::new(stream)) };
        let name: ServerName<'static> = server_name.clone();
        match timeout_at(deadline, self.tls.connect(name, stream)).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) => Err(Broken::from_handshake(&error, &target.place)),
            Err(_) => Err(Broken::new(BrokenKind::TimeoutConnecting, target.place.as_str())),
        }
    }
}
