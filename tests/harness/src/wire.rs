//! HTTP/1.1 on the wire, written out by hand, so that a receiver can also do what no server library would.

use std::io;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};

use crate::{
    answer::{Answer, Manner},
    received::Received,
};

/// The most bytes a request's head may have.
const HEAD_BYTES_MAX: usize = 128 * 1024;
/// The most bytes a request's body may have.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The most headers a request may have.
const HEADERS_MAX: usize = 128;

/// One connection, and what was read from it but not used yet.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
    connection: usize,
}

/// Whether the connection can be used again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    Open,
    Closed,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream, connection: usize) -> Self {
        Self { stream, buffer: Vec::new(), connection }
    }

    /// Reads the next request; `None` when the other side is done. Its number is given by the ledger.
    pub(crate) async fn read(&mut self) -> io::Result<Option<Received>> {
        let mut request = loop {
            if let Some(request) = self.head()? {
                break request;
            }
            if self.buffer.len() > HEAD_BYTES_MAX {
                return Err(io::Error::other("the head of the request is too long"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        let length = body_bytes(&request)?;
        while self.buffer.len() < length {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        request.body = self.buffer.drain(..length).collect();
        request.at = Instant::now();
        Ok(Some(request))
    }

    /// Takes a whole head off the buffer, if there is one.
    fn head(&mut self) -> io::Result<Option<Received>> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = parsed.parse(&self.buffer).map_err(io::Error::other)? else {
            return Ok(None);
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let request = Received {
            number: 0,
            connection: self.connection,
            at: Instant::now(),
            method: parsed.method.unwrap_or_default().to_owned(),
            target: parsed.path.unwrap_or_default().to_owned(),
            headers: parsed
                .headers
                .iter()
                .map(|header| (header.name.to_owned(), text(header.value)))
                .collect(),
            body: Vec::new(),
        };
        self.buffer.drain(..length);
        Ok(Some(request))
    }

    /// Answers; a hostile answer goes on until the other side has had enough.
    pub(crate) async fn answer(&mut self, answer: Answer) -> io::Result<After> {
        match answer.manner {
            Manner::Sane { status, headers, body } => {
                let mut head = format!("HTTP/1.1 {status} scripted\r\n");
                // RFC 9110, section 8.6: no content-length with 1xx and 204.
                if status >= 200 && status != 204 {
                    head += &format!("content-length: {}\r\n", body.len());
                }
                for (name, value) in headers {
                    head += &format!("{name}: {value}\r\n");
                }
                self.write(head + "\r\n").await?;
                self.write(body).await?;
                return Ok(After::Open);
            }
            Manner::Close => {}
            Manner::Reset => self.stream.set_zero_linger()?,
            Manner::Drip { every } => {
                self.write("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await?;
                loop {
                    self.write("x").await?;
                    tokio::time::sleep(every).await;
                }
            }
            Manner::EndlessHeaders => {
                self.write("HTTP/1.1 200 OK\r\n").await?;
                self.repeat("x-endless: and on it goes\r\n".repeat(100), u64::MAX).await?;
            }
            Manner::EndlessInterim => {
                self.repeat("HTTP/1.1 102 Processing\r\n\r\n".repeat(100), u64::MAX).await?;
            }
            Manner::Huge { bytes } => {
                self.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n")).await?;
                self.repeat("x".repeat(64 * 1024), bytes).await?;
                return Ok(After::Open);
            }
            Manner::Raw(bytes) => self.write(bytes).await?,
        }
        Ok(After::Closed)
    }

    async fn write(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Writes the chunk over and over, `bytes` in all.
    async fn repeat(&mut self, chunk: String, bytes: u64) -> io::Result<()> {
        let mut left = bytes;
        while left > 0 {
            let length = usize::try_from(left).map_or(chunk.len(), |left| left.min(chunk.len()));
            self.write(&chunk.as_bytes()[..length]).await?;
            left -= length as u64;
        }
        Ok(())
    }
}

/// How long the body is. Webhooks come with a length; chunks are refused, so that nobody misses that they are not read.
fn body_bytes(request: &Received) -> io::Result<usize> {
    if let Some(coding) = request.header("transfer-encoding") {
        return Err(io::Error::other(format!("transfer-encoding {coding} is not read here")));
    }
    let length = request.header("content-length").map_or(Ok(0), str::parse).map_err(io::Error::other)?;
    if length > BODY_BYTES_MAX {
        return Err(io::Error::other(format!("a body of {length} bytes; at most {BODY_BYTES_MAX} are read")));
    }
    Ok(length)
}
