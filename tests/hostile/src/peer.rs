//! Handlers that follow a script byte by byte, and remember what they saw.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::interval,
};
use tokio_rustls::TlsAcceptor;

/// One thing a peer does on a connection.
#[derive(Debug, Clone)]
pub enum Step {
    /// Reads one whole request.
    Request,
    /// Reads the head of a request, and whatever of its body comes with it.
    Head,
    /// Reads whatever comes first.
    Anything,
    /// Writes these bytes.
    Say(Vec<u8>),
    /// Writes these bytes again and again, as fast as they are taken.
    SayForever(Vec<u8>),
    /// Writes these bytes again and again, one byte every 20 ms.
    Drip(Vec<u8>),
    /// Neither reads nor writes until the other end is gone.
    Hang,
    /// Closes in order; over TLS with close_notify.
    Close,
    /// Closes without any notice that TLS would give.
    Drop,
    /// Resets the connection.
    Reset,
}

impl Step {
    /// [`Step::Say`] of text or bytes.
    pub fn say(bytes: impl AsRef<[u8]>) -> Self {
        Self::Say(bytes.as_ref().to_vec())
    }
}

/// What a peer saw.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// Where each connection came from, in order of arrival.
    pub from: Vec<IpAddr>,
    /// Each request as text, whatever connection it came on.
    pub requests: Vec<String>,
    /// How many connections have ended.
    pub ended: usize,
    /// How many bytes were written, by all connections: what the other end took, and what lies in the system's
    /// buffers.
    pub said_bytes: usize,
}

/// A handler that goes through its steps on each connection, over and over until the connection ends.
#[derive(Debug)]
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddr,
    seen: watch::Receiver<Seen>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl Peer {
    /// Listens on 127.0.0.1.
    ///
    /// # Panics
    /// When there is no port to listen on.
    pub async fn start(steps: Vec<Step>) -> Self {
        Self::listen(steps, None).await
    }

    /// Listens on 127.0.0.1 and speaks TLS before its steps.
    ///
    /// # Panics
    /// When there is no port to listen on.
    pub async fn start_tls(config: ServerConfig, steps: Vec<Step>) -> Self {
        Self::listen(steps, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listen(steps: Vec<Step>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = watch::channel(Seen::default());
        let sender = Arc::new(sender);
        tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                sender.send_modify(|seen| seen.from.push(from.ip()));
                let (steps, tls, sender) = (steps.clone(), tls.clone(), Arc::clone(&sender));
                tokio::spawn(async move {
                    serve(stream, tls, &steps, &sender).await;
                    sender.send_modify(|seen| seen.ended += 1);
                });
            }
        });
        Self { address, seen }
    }

    /// The URL of `/in` here, by address.
    pub fn url(&self) -> String {
        format!("http://{}/in", self.address)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it saw up to now.
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until this many of its connections have ended.
    ///
    /// # Panics
    /// When they have not after five seconds.
    pub async fn until_ended(&self, count: usize) {
        let mut seen = self.seen.clone();
        let ended = seen.wait_for(|seen| seen.ended >= count);
        tokio::time::timeout(Duration::from_secs(5), ended).await.unwrap().unwrap();
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, steps: &[Step], seen: &watch::Sender<Seen>) {
    if steps.iter().any(|step| matches!(step, Step::Reset)) {
        stream.set_zero_linger().unwrap();
    }
    let mut stream: Box<dyn Stream> = match tls {
        None => Box::new(stream),
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return,
        },
    };
    loop {
        for step in steps {
            if play(&mut stream, step, seen).await.is_none() {
                return;
            }
        }
    }
}

/// `None` once the connection has ended.
async fn play(stream: &mut Box<dyn Stream>, step: &Step, seen: &watch::Sender<Seen>) -> Option<()> {
    match step {
        Step::Request => {
            let request = whole_request(stream).await?;
            seen.send_modify(|seen| seen.requests.push(request));
        }
        Step::Head => {
            head(stream, &mut Vec::new()).await?;
        }
        Step::Anything => {
            stream.read_buf(&mut Vec::with_capacity(1)).await.ok()?;
        }
        Step::Say(bytes) => {
            say(stream, bytes, seen).await?;
        }
        Step::SayForever(bytes) => loop {
            say(stream, bytes, seen).await?;
        },
        Step::Drip(bytes) => {
            let mut ticks = interval(Duration::from_millis(20));
            for byte in bytes.iter().cycle() {
                ticks.tick().await;
                say(stream, &[*byte], seen).await?;
            }
        }
        Step::Hang => {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            return None;
        }
        Step::Close => {
            let _ = stream.shutdown().await;
            return None;
        }
        Step::Drop | Step::Reset => return None,
    }
    Some(())
}

async fn say(stream: &mut Box<dyn Stream>, bytes: &[u8], seen: &watch::Sender<Seen>) -> Option<()> {
    stream.write_all(bytes).await.ok()?;
    stream.flush().await.ok()?;
    seen.send_modify(|seen| seen.said_bytes += bytes.len());
    Some(())
}

/// Reads until the end of a head, and tells where that is.
async fn head(stream: &mut Box<dyn Stream>, bytes: &mut Vec<u8>) -> Option<usize> {
    loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            return Some(at + 4);
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// A head, and as much of a body as it says.
async fn whole_request(stream: &mut Box<dyn Stream>) -> Option<String> {
    let mut bytes = Vec::new();
    let head_end = head(stream, &mut bytes).await?;
    let head = String::from_utf8_lossy(&bytes[..head_end]).to_lowercase();
    let length =
        head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
