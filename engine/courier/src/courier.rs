//! The courier: from a request to its outcome, on one screen.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http::Response;
use hyper::body::Incoming;
use leadhook_core::{
    address::AddressPolicy,
    delivery::Request,
    outcome::{Answer, BrokenKind, Outcome},
    settings::CONCURRENT_MAX,
};
use tokio::time::{Instant, timeout_at};

use crate::{
    CourierError,
    broken::Broken,
    connect::Connector,
    destinations::Destinations,
    exchange::{Interrupted, ask, whole},
    names::{Names, Resolve, SystemNames},
    outgoing::outgoing,
    pool::{Key, Limits, Pool},
    target::{Target, Where},
    trust::{self, Roots},
    wire::Wire,
};

/// How a courier goes about its work.
pub struct CourierSettings {
    /// Which addresses may be connected to. Unless set: public ones only.
    pub addresses: AddressPolicy,
    /// The local addresses to connect from, taking turns by connection; empty: the system's choice. Where some
    /// are set but none of a handler's family, that handler is not reached.
    pub source_addresses: Vec<IpAddr>,
    /// Whose certificates are believed. Unless set: Mozilla's authorities.
    pub roots: Roots,
    /// Who looks names up. Unless set: the operating system.
    pub resolver: Box<dyn Resolve>,
    /// How long the checked addresses of a name are remembered; zero: each attempt looks it up. Unless set: 10 s.
    pub names_kept: Duration,
    /// The most idle connections kept to one host at one address. Unless set: 256, the most attempts that a webhook
    /// may have in flight, so that a busy handler is not connected to anew all the time.
    pub idle_per_host_max: usize,
    /// The most idle connections kept in all. Unless set: 512, half of the file descriptors that a process
    /// commonly has.
    pub idle_max: usize,
    /// How long a connection may stay idle. Unless set: 30 s.
    pub idle_timeout: Duration,
}

impl Default for CourierSettings {
    fn default() -> Self {
        Self {
            addresses: AddressPolicy::default(),
            source_addresses: Vec::new(),
            roots: Roots::default(),
            resolver: Box::new(SystemNames::default()),
            names_kept: Duration::from_secs(10),
            idle_per_host_max: CONCURRENT_MAX as usize,
            idle_max: 512,
            idle_timeout: Duration::from_secs(30),
        }
    }
}

/// Sends requests. One is enough for an engine: it is shared by reference, and its connections with it.
pub struct Courier {
    names: Names,
    connector: Connector,
    pool: Arc<Pool>,
}

impl Courier {
    /// A courier that has sent nothing yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: CourierSettings) -> Result<Self, CourierError> {
        let limits = Limits {
            per_key_max: settings.idle_per_host_max,
            total_max: settings.idle_max,
            idle_timeout: settings.idle_timeout,
        };
        Ok(Self {
            names: Names::new(settings.resolver, settings.addresses, settings.names_kept),
            connector: Connector::new(trust::client_config(settings.roots)?, settings.source_addresses),
            pool: Pool::new(limits),
        })
    }

    /// Which addresses may be sent to. Changing them holds for what is begun after.
    pub fn destinations(&self) -> &Arc<Destinations> {
        self.names.destinations()
    }

    /// Sends this request once, and tells what happened within `timeout`, which bounds name, connection, TLS,
    /// head and body together.
    ///
    /// `extra_headers` are the attempt's own (`webhook-id`, `webhook-timestamp`, `webhook-signature`). The engine
    /// sets `host`, `content-length` and `accept-encoding`; headers by which a request could be read in two ways
    /// are refused, as are control characters.
    ///
    /// The request goes to the handler at most once. If a kept connection turns out to be closed before any byte
    /// was written to it, a fresh one is made; if it is lost later, the handler may have the request, so the
    /// outcome says that it was lost.
    ///
    /// Must be called within a tokio runtime with time and network. Dropping the future ends the attempt.
    pub async fn send(
        &self,
        request: &Request,
        extra_headers: &[(String, String)],
        timeout: Duration,
    ) -> Outcome {
        match self.attempt(request, extra_headers, Instant::now() + timeout).await {
            Ok(answer) => Outcome::Answered(answer),
            Err(broken) => broken.into(),
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        extra_headers: &[(String, String)],
        deadline: Instant,
    ) -> Result<Answer, Broken> {
        let Begun { key, mut wire, place, response } = self.begin(request, extra_headers, deadline).await?;
        let answer = whole(&mut wire, response, &place, deadline).await?;
        // Where it cannot serve again it is closed here.
        if wire.is_idle() {
            self.pool.put(key, wire);
        }
        Ok(answer)
    }

    /// Sends the request, on a kept connection or a fresh one, and reads the head of the answer.
    pub(crate) async fn begin(
        &self,
        request: &Request,
        extra_headers: &[(String, String)],
        deadline: Instant,
    ) -> Result<Begun, Broken> {
        let target = Target::of(&request.url, &self.names.destinations().current())?;
        let mut outgoing = outgoing(&target, request, extra_headers)?;
        let addresses = self.addresses(&target, deadline).await?;

        if let Some((key, mut wire)) = self.kept(&target, &addresses) {
            match ask(&mut wire, outgoing, &target.place, deadline).await {
                Ok(response) => return Ok(Begun { key, wire, place: target.place, response }),
                Err(Interrupted::NotSent { outgoing: unsent, .. }) => outgoing = *unsent,
                Err(Interrupted::Broken(broken)) => return Err(broken),
            }
        }
        let (address, stream) = self.connector.connect(&target, &addresses, deadline).await?;
        let mut wire =
            Wire::over(stream).await.map_err(|error| Broken::from_exchange(&error, &target.place))?;
        let response = ask(&mut wire, outgoing, &target.place, deadline).await?;
        Ok(Begun { key: key(&target, address), wire, place: target.place, response })
    }

    async fn addresses(&self, target: &Target, deadline: Instant) -> Result<Vec<SocketAddr>, Broken> {
        let addresses = match &target.host {
            Where::Address(address) => return Ok(vec![SocketAddr::new(*address, target.port)]),
            Where::Name(name) => timeout_at(deadline, self.names.addresses(name)).await.map_err(|_| {
                Broken::new(BrokenKind::TimeoutConnecting, format!("{name} did not resolve"))
            })??,
        };
        Ok(addresses.iter().map(|address| SocketAddr::new(*address, target.port)).collect())
    }

    /// An idle connection to any of these addresses.
    fn kept(&self, target: &Target, addresses: &[SocketAddr]) -> Option<(Key, Wire)> {
        addresses.iter().find_map(|address| {
            let key = key(target, *address);
            self.pool.take(&key).map(|wire| (key, wire))
        })
    }
}

/// An answer whose head has come, on the connection that the rest comes on.
pub(crate) struct Begun {
    pub(crate) key: Key,
    pub(crate) wire: Wire,
    /// The host with its port, for people.
    pub(crate) place: String,
    pub(crate) response: Response<Incoming>,
}

fn key(target: &Target, address: SocketAddr) -> Key {
    Key { address, authority: target.authority.clone(), is_tls: target.server_name.is_some() }
}

#[cfg(test)]
mod tests;
