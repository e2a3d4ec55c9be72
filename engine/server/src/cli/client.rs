//! A client of an engine's HTTP interface, for requests of any method and size.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, body::Incoming, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};
use url::Url;

use crate::{
    cli::{
        access::{Access, Endpoint, Whose},
        failure::{Exit, Failure},
    },
    config::Environment,
};

/// How long one request may take: an upload is compiled before it is answered.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The most bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// An engine, and the right to ask it.
pub(in crate::cli) struct Client {
    server: Url,
    authorization: String,
}

impl Client {
    /// A client for the engine and the account's key that a command names.
    pub(in crate::cli) fn new(access: &Access) -> anyhow::Result<Self> {
        Self::of(&access.endpoint, Whose::Account)
    }

    /// A client for the engine and the operator's key that a command names.
    pub(in crate::cli) fn of_operator(access: &Access) -> anyhow::Result<Self> {
        Self::of(&access.endpoint, Whose::Operator)
    }

    /// A client for an engine with a key of an account or the operator.
    pub(in crate::cli) fn of(endpoint: &Endpoint, whose: Whose) -> anyhow::Result<Self> {
        let key = endpoint.key(whose, &Environment::of_process())?;
        Ok(Self { server: endpoint.url()?, authorization: format!("Bearer {key}") })
    }

    /// What a GET answers.
    pub(in crate::cli) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(Method::GET, path, "application/json", Vec::new()).await
    }

    /// What the engine answers, where it did as it was asked.
    pub(in crate::cli) async fn ask(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Value> {
        self.answer(self.request(method, path, content_type, body)?).await
    }

    /// What the engine answers to JSON.
    pub(in crate::cli) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<Value> {
        self.ask(method, path, "application/json", body.to_string().into_bytes()).await
    }

    /// What the engine answers to a call without a body.
    pub(in crate::cli) async fn call(&self, method: Method, path: &str) -> anyhow::Result<Value> {
        self.ask(method, path, "application/json", Vec::new()).await
    }

    /// Replaces what is at the path, if it is still of this revision.
    pub(in crate::cli) async fn replace(
        &self,
        path: &str,
        body: &Value,
        revision: u64,
    ) -> anyhow::Result<Value> {
        let body = body.to_string().into_bytes();
        let mut request = self.request(Method::PUT, path, "application/json", body)?;
        request.headers_mut().insert(header::IF_MATCH, format!("\"{revision}\"").parse()?);
        self.answer(request).await
    }

    async fn answer(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Value> {
        let asked = tokio::time::timeout(TIMEOUT, async {
            let mut answer = self.begin(request).await?;
            Ok::<_, anyhow::Error>((answer.status, answer.whole().await?))
        });
        let late = || {
            let words = format!("{} did not answer within {} s", self.server, TIMEOUT.as_secs());
            Failure::new(Exit::NotReached, words)
        };
        let (status, body) = asked.await.map_err(|_| late())??;
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        match status.is_success() {
            true => Ok(body),
            false => Err(self.refused(status, body)),
        }
    }

    /// Gives what the engine answers to `take`, piece by piece as it comes.
    pub(in crate::cli) async fn download(
        &self,
        method: Method,
        path: &str,
        take: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let request = self.request(method, path, "application/json", Vec::new())?;
        self.take(request, take).await
    }

    /// Gives a stream of server-sent events to `take`, piece by piece as it comes; with the id of the last event that
    /// was taken, those after it.
    pub(in crate::cli) async fn stream(
        &self,
        path: &str,
        last_event_id: Option<&str>,
        take: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut request = self.request(Method::GET, path, "application/json", Vec::new())?;
        if let Some(id) = last_event_id {
            request.headers_mut().insert("last-event-id", id.parse()?);
        }
        self.take(request, take).await
    }

    async fn take(
        &self,
        request: Request<Full<Bytes>>,
        mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let silent = || {
            let words = format!("{} was silent for {} s", self.server, TIMEOUT.as_secs());
            Failure::new(Exit::NotReached, words)
        };
        let begun = tokio::time::timeout(TIMEOUT, self.begin(request)).await;
        let mut answer = begun.map_err(|_| silent())??;
        if !answer.status.is_success() {
            let body = serde_json::from_slice(&answer.whole().await?).unwrap_or(Value::Null);
            return Err(self.refused(answer.status, body));
        }
        while let Some(piece) =
            tokio::time::timeout(TIMEOUT, answer.body.frame()).await.map_err(|_| silent())?
        {
            let broken = || Failure::new(Exit::NotReached, "the answer broke off");
            if let Ok(piece) = piece.with_context(broken)?.into_data() {
                take(&piece)?;
            }
        }
        Ok(())
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.path().trim_end_matches('/')))
            .header(header::HOST, self.authority())
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, content_type);
        Ok(request.body(Full::new(Bytes::from(body)))?)
    }

    /// Why the engine did not do as it was asked.
    fn refused(&self, status: StatusCode, problem: Value) -> anyhow::Error {
        Failure::answered(self.server.as_str(), status.as_u16(), problem).into()
    }

    fn authority(&self) -> String {
        let host = self.server.host_str().unwrap_or_default();
        self.server.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    async fn begin(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Answering> {
        let host = self.server.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.server.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((host, port)).await.with_context(|| {
            let words = format!(
                "{} is not reached; is `leadhook serve` running there? Another address: --server URL",
                self.server
            );
            Failure::new(Exit::NotReached, words)
        })?;
        if self.server.scheme() == "http" {
            return begin(stream, request).await;
        }
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned())?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let no_tls = || Failure::new(Exit::NotReached, format!("no TLS with {}", self.server));
        begin(stream.with_context(no_tls)?, request).await
    }
}

/// An answer whose body is still coming.
struct Answering {
    status: StatusCode,
    body: Incoming,
    connection: JoinHandle<hyper::Result<()>>,
}

impl Answering {
    /// The whole body, which is not long.
    async fn whole(&mut self) -> anyhow::Result<Bytes> {
        match Limited::new(&mut self.body, ANSWER_BYTES_MAX).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => bail!("the answer cannot be read: {error}"),
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

async fn begin(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<Answering> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let broken = || Failure::new(Exit::NotReached, "the engine hung up before it answered");
    let response = sender.send_request(request).await.with_context(broken)?;
    Ok(Answering { status: response.status(), body: response.into_body(), connection })
}
