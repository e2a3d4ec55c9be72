//! A small HTTP client: one connection for each request, an answer read whole.

use std::{io, net::SocketAddr};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinHandle};

/// The most bytes an answer's body may have.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What the engine answered.
#[derive(Debug, Clone)]
pub struct ApiAnswer {
    /// The status code.
    pub status: u16,
    /// Headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Bytes,
}

impl ApiAnswer {
    /// The body as JSON; `null` when there is none, and text where it is not JSON.
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        let text = || Value::String(String::from_utf8_lossy(&self.body).into_owned());
        serde_json::from_slice(&self.body).unwrap_or_else(|_| text())
    }

    /// The value of the first header with this name, which is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// Sends one request and reads the answer. Fails when the connection does, as it does when the engine is killed.
pub(crate) async fn exchange(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Bytes,
) -> io::Result<ApiAnswer> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let _connection = AbortOnDrop(tokio::spawn(async move {
        // Its failure is the request's failure, and told there.
        let _ = connection.await;
    }));
    let mut request = http::Request::builder().method(method).uri(path).header("host", address.to_string());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Full::new(body)).map_err(io::Error::other)?;
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await.map_err(io::Error::other)?;
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(ApiAnswer {
        status: head.status.as_u16(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.to_bytes(),
    })
}

struct AbortOnDrop(JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answer, Receiver};

    #[tokio::test]
    async fn a_request_goes_out_as_given_and_the_answer_is_read_whole() {
        let receiver = Receiver::start().await;
        receiver.answer(Answer::status(202).header("Content-Type", "application/json").body(r#"{"id":"7"}"#));
        let headers = [("content-type", "application/json")];
        let body = Bytes::from_static(b"{}");
        let answer = exchange(receiver.address(), "PUT", "/v1/x?y=%20z", &headers, body).await.unwrap();
        assert_eq!((answer.status, answer.json()["id"].as_str()), (202, Some("7")));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let request = receiver.wait_for(1).await.remove(0);
        assert_eq!((request.method.as_str(), request.target.as_str()), ("PUT", "/v1/x?y=%20z"));
        assert_eq!(
            (request.header("content-type"), request.text().as_str()),
            (Some("application/json"), "{}")
        );
    }

    #[tokio::test]
    async fn what_is_not_json_is_text_and_nothing_is_null() {
        let receiver = Receiver::start().await;
        receiver.answer(Answer::status(200).body("so it is"));
        receiver.answer(Answer::status(204));
        for expected in [Value::from("so it is"), Value::Null] {
            let answer = exchange(receiver.address(), "GET", "/", &[], Bytes::new()).await.unwrap();
            assert_eq!(answer.json(), expected);
        }
    }

    #[tokio::test]
    async fn a_connection_that_ends_early_is_an_error() {
        let receiver = Receiver::start().await;
        receiver.answer(Answer::close());
        exchange(receiver.address(), "GET", "/", &[], Bytes::new()).await.unwrap_err();
    }
}
