//! One keep-alive HTTP connection to a server on this machine.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinHandle};

/// The most bytes of an answer's body that are read.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// A connection that lives as long as this does.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
    headers: HeaderMap,
}

impl Connection {
    /// Connects; every request carries `host`, the JSON content type and, where there is one, the key.
    pub(crate) async fn open(address: SocketAddr, key: Option<&str>) -> Result<Self> {
        let stream =
            TcpStream::connect(address).await.with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its failure is the failure of the request under way, and told there.
        let driver = tokio::spawn(async move { drop(connection.await) });
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::try_from(address.to_string())?);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(key) = key {
            headers.insert(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {key}"))?);
        }
        Ok(Self { sender, driver, headers })
    }

    /// One exchange: the status and the whole body.
    pub(crate) async fn send(&mut self, method: &str, path: &str, body: Bytes) -> Result<(u16, Bytes)> {
        self.sender.ready().await.context("the connection was closed")?;
        let mut request = Request::builder().method(method).uri(path).body(Full::new(body))?;
        request.headers_mut().clone_from(&self.headers);
        let answer = self.sender.send_request(request).await.context("no answer")?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed).context("a broken answer")?;
        Ok((status, body.to_bytes()))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
