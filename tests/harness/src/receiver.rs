//! A receiver of webhooks that answers by a script and keeps a ledger of what it got.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

use crate::{
    answer::Answer,
    received::Received,
    wait::PATIENCE,
    wire::{After, Wire},
};

/// Listens on a loopback port and answers 200 unless told otherwise. Ends, with its connections, when dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

type Responder = Box<dyn FnMut(&Received) -> Answer + Send>;

struct Shared {
    state: Mutex<State>,
    /// How many requests are in the ledger.
    count: watch::Sender<usize>,
}

struct State {
    ledger: Vec<Received>,
    /// What went wrong on connections, in words.
    troubles: Vec<String>,
    script: VecDeque<Answer>,
    responder: Responder,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} requests", *self.count.borrow())
    }
}

impl Receiver {
    /// A receiver on a free port.
    pub async fn start() -> Self {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// A receiver at this address: one that comes back where another was dropped.
    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a loopback address to listen on");
        let state = State {
            ledger: Vec::new(),
            troubles: Vec::new(),
            script: VecDeque::new(),
            responder: Box::new(|_| Answer::status(200)),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), count: watch::Sender::new(0) });
        let address = listener.local_addr().expect("a bound socket has an address");
        let listening = tokio::spawn(listen(listener, Arc::clone(&shared)));
        Self { address, shared, listening }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL with this path and query, which begin with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers so to the next request that has no answer yet; several calls script several requests.
    pub fn answer(&self, answer: Answer) {
        self.shared.lock().script.push_back(answer);
    }

    /// Answers so to every request beyond the script.
    pub fn answer_always(&self, answer: Answer) {
        self.answer_by(move |_| answer.clone());
    }

    /// Asks the closure for the answer to every request beyond the script. The ledger is closed meanwhile:
    /// the closure must not ask this receiver for anything.
    pub fn answer_by(&self, responder: impl FnMut(&Received) -> Answer + Send + 'static) {
        self.shared.lock().responder = Box::new(responder);
    }

    /// The ledger: what it got so far, in order.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.lock().ledger.clone()
    }

    /// Waits until it got at least `count` requests, and gives all it got.
    ///
    /// # Panics
    /// After [`PATIENCE`], showing the ledger.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        self.wait_until(&format!("{count} requests came"), |ledger| ledger.len() >= count).await
    }

    /// Waits until the ledger is as it should be, and gives it. `holds` must not ask this receiver for anything.
    ///
    /// # Panics
    /// After [`PATIENCE`], naming `what` was waited for and showing the ledger.
    pub async fn wait_until(&self, what: &str, holds: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        match self.wait_at_most(PATIENCE, holds).await {
            Ok(ledger) => ledger,
            Err(told) => panic!("waited {} s in vain until {what}; {told}", PATIENCE.as_secs()),
        }
    }

    /// The ledger once it is as it should be; when the patience ends before that, the ledger in words.
    async fn wait_at_most(
        &self,
        patience: Duration,
        holds: impl Fn(&[Received]) -> bool,
    ) -> Result<Vec<Received>, String> {
        let mut changes = self.shared.count.subscribe();
        let it_holds = changes.wait_for(|_| holds(&self.shared.lock().ledger));
        match tokio::time::timeout(patience, it_holds).await {
            Ok(_) => Ok(self.requests()),
            Err(_) => Err(self.shared.told()),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Shared {
    /// What is behind it stays usable after a panic of a test's closure.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters the request into the ledger and says what is answered to it.
    fn enter(&self, mut request: Received) -> Answer {
        let mut state = self.lock();
        request.number = state.ledger.len();
        let scripted = state.script.pop_front();
        let answer = scripted.unwrap_or_else(|| (state.responder)(&request));
        state.ledger.push(request);
        let count = state.ledger.len();
        drop(state);
        self.count.send_replace(count);
        answer
    }

    /// The ledger in words.
    fn told(&self) -> String {
        let state = self.lock();
        let mut told = format!("the receiver got {} requests:", state.ledger.len());
        for request in &state.ledger {
            let _ = write!(told, "\n  {request}");
        }
        for trouble in &state.troubles {
            let _ = write!(told, "\n  trouble: {trouble}");
        }
        told
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    // Dropped with this future, and every connection with it.
    let mut connections = JoinSet::new();
    for number in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            if let Err(error) = serve(stream, number, &shared).await {
                shared.lock().troubles.push(format!("connection {number}: {error}"));
            }
        });
    }
}

async fn serve(stream: TcpStream, number: usize, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut wire = Wire::new(stream, number);
    while let Some(request) = wire.read().await? {
        let answer = shared.enter(request);
        if let Some(gate) = &answer.gate {
            gate.pass().await;
        }
        if wire.answer(answer).await? == After::Closed {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "receiver_tests.rs"]
mod tests;
