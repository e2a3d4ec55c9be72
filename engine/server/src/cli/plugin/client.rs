//! A client of an engine's HTTP interface, for requests of any method and size.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};
use url::Url;

use super::remote::Access;
use crate::{cli::send, config::Environment};

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
    /// A client for the engine and key that a command names.
    pub(in crate::cli) fn new(access: &Access) -> anyhow::Result<Self> {
        let server = Url::parse(&access.server).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let server = server.with_context(|| {
            format!("--server {}: expected a URL like http://127.0.0.1:8080", access.server)
        })?;
        let environment = Environment::of_process();
        let key = send::key(access.key.as_deref(), access.key_file.as_deref(), &environment)?;
        Ok(Self { server, authorization: format!("Bearer {key}") })
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
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.path().trim_end_matches('/')))
            .header(header::HOST, self.authority())
            .header(header::AUTHORIZATION, &self.authorization)
            .header(header::CONTENT_TYPE, content_type)
            .body(Full::new(Bytes::from(body)))?;
        let asked = tokio::time::timeout(TIMEOUT, self.exchange(request)).await;
        let (status, body) = asked
            .with_context(|| format!("{} did not answer within {} s", self.server, TIMEOUT.as_secs()))??;
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        let detail = body["detail"].as_str().unwrap_or("no reason was given");
        match (status, body["code"].as_str()) {
            (StatusCode::UNAUTHORIZED, _) => bail!("the engine does not take this key: {detail}"),
            (_, Some(_)) => bail!("{}", detail_with_faults(detail, &body)),
            (status, None) => bail!("the engine at {} answered {status}: {detail}", self.server),
        }
    }

    fn authority(&self) -> String {
        let host = self.server.host_str().unwrap_or_default();
        self.server.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, Bytes)> {
        let host = self.server.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.server.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((host, port)).await.with_context(|| {
            format!(
                "{} is not reached; is `leadhook serve` running there? Another address: --server URL",
                self.server
            )
        })?;
        if self.server.scheme() == "http" {
            return exchange(stream, request).await;
        }
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned())?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        exchange(stream.with_context(|| format!("no TLS with {}", self.server))?, request).await
    }
}

/// The faults of a problem, each with its place, else its words.
fn detail_with_faults(detail: &str, body: &Value) -> String {
    let line = |fault: &Value| match (fault["path"].as_str(), fault["detail"].as_str()) {
        (Some(path), Some(detail)) if !path.is_empty() => format!("{path}: {detail}"),
        (_, detail) => detail.unwrap_or_default().to_owned(),
    };
    match body["errors"].as_array() {
        Some(faults) if !faults.is_empty() => faults.iter().map(line).collect::<Vec<_>>().join("; "),
        _ => detail.to_owned(),
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<(StatusCode, Bytes)> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    connection.abort();
    match body {
        Ok(body) => Ok((status, body.to_bytes())),
        Err(error) => bail!("the answer cannot be read: {error}"),
    }
}
