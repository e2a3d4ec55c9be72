//! One request and its answer on one connection: a deadline, and a bound on everything that comes back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use leadhook_core::outcome::{Answer, BODY_BYTES_KEPT_MAX, BrokenKind};
use tokio::{
    select,
    sync::Notify,
    time::{Instant, timeout_at},
};

use crate::{
    broken::{Broken, find},
    outgoing::Outgoing,
    wire::{HEAD_BYTES_MAX, HEADERS_MAX, Wire},
};

/// The most interim answers (1xx) before the answer itself; ordinary handlers send one at most.
pub(crate) const INTERIM_HEADS_MAX: usize = 16;

/// Why an exchange did not end with an answer.
#[derive(Debug)]
pub(crate) enum Interrupted {
    /// The connection was closed before any byte of the request went out, so it may go out on another one.
    NotSent {
        /// The request.
        outgoing: Box<Outgoing>,
        /// What there is to say if there is no other connection.
        broken: Broken,
    },
    /// The request may have reached the handler, or the answer is not one.
    Broken(Broken),
}

impl From<Interrupted> for Broken {
    /// Where there is no other connection to try.
    fn from(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::NotSent { broken, .. } | Interrupted::Broken(broken) => broken,
        }
    }
}

impl From<Broken> for Interrupted {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

/// Sends the request and reads the head of the answer, whose status is 200 to 599.
pub(crate) async fn ask(
    wire: &mut Wire,
    outgoing: Outgoing,
    place: &str,
    deadline: Instant,
) -> Result<Response<Incoming>, Interrupted> {
    let response = head(wire, outgoing, place, deadline).await?;
    let status = response.status().as_u16();
    if !(200..=599).contains(&status) {
        let detail = format!("{place} answered with the status {status}");
        return Err(Broken { kind: BrokenKind::NotHttp, detail, status: Some(status) }.into());
    }
    Ok(response)
}

/// Reads the rest of an answer. Afterwards the connection can be used again if it [is idle](Wire::is_idle), which
/// it is not where the body was cut.
pub(crate) async fn whole(
    wire: &mut Wire,
    response: Response<Incoming>,
    place: &str,
    deadline: Instant,
) -> Result<Answer, Broken> {
    let status = response.status().as_u16();
    let (parts, incoming) = response.into_parts();
    let (body, body_cut) = match timeout_at(deadline, wire.drive(body(incoming, &parts.headers, place))).await
    {
        Ok(read) => read.map_err(|broken| Broken { status: Some(status), ..broken })?,
        Err(_) => {
            let detail = place.to_owned();
            return Err(Broken { kind: BrokenKind::TimeoutReading, detail, status: Some(status) });
        }
    };
    Ok(Answer { status, headers: readable(&parts.headers), body, body_cut })
}

async fn head(
    wire: &mut Wire,
    mut outgoing: Outgoing,
    place: &str,
    deadline: Instant,
) -> Result<Response<Incoming>, Interrupted> {
    let interim = Interim::of(&mut outgoing);
    let sent = wire.sender.try_send_request(outgoing);
    let answered = async {
        select! {
            response = sent => response.map_err(|mut error| {
                let unsent = error.take_message();
                let error = error.into_error();
                match unsent {
                    Some(outgoing) => {
                        Interrupted::NotSent { outgoing: Box::new(outgoing), broken: before_sending(&error, place) }
                    }
                    None => head_broken(&error, place).into(),
                }
            }),
            () = interim.too_many() => {
                let detail = format!("{place} sent more than {INTERIM_HEADS_MAX} interim answers");
                Err(Broken::new(BrokenKind::HeadTooLarge, detail).into())
            }
        }
    };
    match timeout_at(deadline, wire.drive(answered)).await {
        Ok(result) => result,
        Err(_) => Err(Broken::new(BrokenKind::TimeoutWaiting, place).into()),
    }
}

fn head_broken(error: &hyper::Error, place: &str) -> Broken {
    let broken = Broken::from_exchange(error, place);
    match broken.kind {
        BrokenKind::HeadTooLarge => Broken {
            detail: format!("{place} sent more than {HEAD_BYTES_MAX} bytes or {HEADERS_MAX} headers"),
            ..broken
        },
        _ => broken,
    }
}

/// What a connection did that ended before the request went out on it.
fn before_sending(error: &hyper::Error, place: &str) -> Broken {
    let Some(cause) = std::error::Error::source(error).and_then(find::<hyper::Error>) else {
        return Broken::from_exchange(error, place);
    };
    let closed =
        cause.is_incomplete_message() || cause.is_closed() || find::<std::io::Error>(cause).is_some();
    match closed {
        true => Broken::from_exchange(cause, place),
        // Some other protocol, in which servers speak first.
        false => Broken::new(BrokenKind::NotHttp, format!("{place} spoke before it was asked")),
    }
}

/// The first [`BODY_BYTES_KEPT_MAX`] bytes of the body, and whether there were more.
async fn body(mut incoming: Incoming, headers: &HeaderMap, place: &str) -> Result<(Vec<u8>, bool), Broken> {
    let mut kept = Vec::new();
    let ends_by_closing = ends_by_closing(headers);
    while let Some(chunk) = chunk(&mut incoming, ends_by_closing, place).await {
        let chunk = chunk?;
        let room = BODY_BYTES_KEPT_MAX - kept.len();
        kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((kept, true));
        }
    }
    Ok((kept, false))
}

/// The next piece of a body; `None` at its end.
pub(crate) async fn chunk(
    incoming: &mut Incoming,
    ends_by_closing: bool,
    place: &str,
) -> Option<Result<Bytes, Broken>> {
    loop {
        match incoming.frame().await?.map(hyper::body::Frame::into_data) {
            Ok(Ok(chunk)) => return Some(Ok(chunk)),
            // Trailers are of no use here.
            Ok(Err(_)) => {}
            Err(error) if ends_by_closing && is_unannounced_close(&error) => return None,
            Err(error) => return Some(Err(Broken::from_exchange(&error, place))),
        }
    }
}

/// Whether a body with these headers ends with its connection, since nothing tells its length.
pub(crate) fn ends_by_closing(headers: &HeaderMap) -> bool {
    !headers.contains_key(http::header::CONTENT_LENGTH)
        && !headers.contains_key(http::header::TRANSFER_ENCODING)
}

/// Over TLS, an end without close_notify. Many servers end so, and where the body has no length of its own
/// there is nothing to tell that it is not whole. To call it lost would send the lead twice.
fn is_unannounced_close(error: &hyper::Error) -> bool {
    find::<std::io::Error>(error).is_some_and(|error| error.kind() == std::io::ErrorKind::UnexpectedEof)
}

fn readable(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect()
}

/// Counts the interim answers to one request, which hyper passes over without end.
struct Interim {
    too_many: Arc<Notify>,
}

impl Interim {
    fn of(outgoing: &mut Outgoing) -> Self {
        let too_many = Arc::new(Notify::new());
        let seen = AtomicUsize::new(0);
        let notify = Arc::clone(&too_many);
        hyper::ext::on_informational(outgoing, move |_| {
            if seen.fetch_add(1, Ordering::Relaxed) >= INTERIM_HEADS_MAX {
                notify.notify_one();
            }
        });
        Self { too_many }
    }

    async fn too_many(&self) {
        self.too_many.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        pin::Pin,
        task::{Context, Poll, ready},
        time::Duration,
    };

    use http_body_util::Full;
    use tokio::io::{
        AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf, Repeat, duplex,
    };

    use super::*;

    fn request() -> Outgoing {
        let mut outgoing = http::Request::new(Full::new(Bytes::from_static(b"a=1")));
        *outgoing.method_mut() = http::Method::POST;
        outgoing
    }

    async fn exchange(
        wire: &mut Wire,
        outgoing: Outgoing,
        place: &str,
        deadline: Instant,
    ) -> Result<Answer, Interrupted> {
        let response = ask(wire, outgoing, place, deadline).await?;
        Ok(whole(wire, response, place, deadline).await?)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    /// A connection on which one exchange has taken place, and its other end.
    async fn used() -> (Wire, DuplexStream) {
        let (near, mut far) = duplex(1024);
        let mut wire = Wire::over(Box::new(near)).await.unwrap();
        let handler = async {
            let mut seen = [0; 1024];
            assert_ne!(far.read(&mut seen).await.unwrap(), 0);
            far.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        };
        let (answer, ()) = tokio::join!(exchange(&mut wire, request(), "crm", soon()), handler);
        assert_eq!(answer.unwrap().body, b"ok");
        assert!(wire.is_idle());
        (wire, far)
    }

    #[tokio::test]
    async fn a_request_comes_back_where_the_connection_was_closed_before_it() {
        let (mut wire, far) = used().await;
        drop(far);
        let interrupted = exchange(&mut wire, request(), "crm", soon()).await.unwrap_err();
        assert!(matches!(interrupted, Interrupted::NotSent { .. }), "{interrupted:?}");
    }

    #[tokio::test]
    async fn a_request_does_not_come_back_where_the_connection_was_closed_after_it() {
        let (mut wire, mut far) = used().await;
        let handler = async {
            let mut seen = [0; 1024];
            assert_ne!(far.read(&mut seen).await.unwrap(), 0);
            drop(far);
        };
        let (answer, ()) = tokio::join!(exchange(&mut wire, request(), "crm", soon()), handler);
        let Interrupted::Broken(broken) = answer.unwrap_err() else { panic!("it was sent already") };
        assert_eq!(broken.kind, BrokenKind::ConnectionLost);
    }

    #[tokio::test]
    async fn a_connection_is_not_idle_once_closed_or_spoken_on() {
        let (mut closed, far) = used().await;
        drop(far);
        assert!(!closed.is_idle());
        let (mut spoken_on, mut far) = used().await;
        far.write_all(b"HTTP/1.1 408 Request Timeout\r\n\r\n").await.unwrap();
        assert!(!spoken_on.is_idle());
    }

    /// A handler that once it was asked is always ahead: there is more to read as long as this turn of the task may
    /// read at all, which the inner reader tells.
    struct Flood {
        was_asked: bool,
        turn: Repeat,
    }

    impl AsyncRead for Flood {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let interim = b"HTTP/1.1 102 Processing\r\n\r\n";
            if !self.was_asked {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(Pin::new(&mut self.turn).poll_read(context, &mut ReadBuf::new(&mut [0])))?;
            buffer.put_slice(&interim[..interim.len().min(buffer.remaining())]);
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Flood {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.was_asked = true;
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_flood_of_interim_answers_is_noticed_however_fast_it_comes() {
        let flood = Flood { was_asked: false, turn: tokio::io::repeat(0) };
        let mut wire = Wire::over(Box::new(flood)).await.unwrap();
        let Interrupted::Broken(broken) = exchange(&mut wire, request(), "crm", soon()).await.unwrap_err()
        else {
            panic!("it was sent")
        };
        assert_eq!(broken.kind, BrokenKind::HeadTooLarge, "{}", broken.detail);
    }
}
