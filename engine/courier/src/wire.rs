//! One HTTP/1 connection, driven by whoever uses it: no task of its own runs, and dropping it closes it.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::metered::{Meter, Metered};

/// The most bytes of an answer's head that are read: far more than real handlers send.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The most headers of an answer.
pub(crate) const HEADERS_MAX: usize = 100;

/// A byte stream to a handler, plain or encrypted.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

type Connection = http1::Connection<TokioIo<Metered>, Full<Bytes>>;

/// One HTTP/1 connection.
pub(crate) struct Wire {
    pub(crate) sender: http1::SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    connection: Option<Box<Connection>>,
    meter: Meter,
}

impl Wire {
    /// A connection over this stream, on which nothing was sent yet.
    pub(crate) async fn over(stream: Box<dyn Stream>) -> hyper::Result<Self> {
        let meter = Meter::default();
        meter.begin();
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .handshake(TokioIo::new(Metered::new(stream, meter.clone())))
            .await?;
        Ok(Self { sender, connection: Some(Box::new(connection)), meter })
    }

    /// Runs the connection while `work`, which waits for something from it, is not done; what is read for it is
    /// [bounded](crate::metered::READ_BYTES_MAX).
    pub(crate) async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        self.meter.begin();
        let mut work = pin!(work);
        poll_fn(|context| {
            // Work first: a handler that floods uses up what this turn of the task may do, and whoever waits
            // for the connection would never hear of it.
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            self.advance(context);
            work.as_mut().poll(context)
        })
        .await
    }

    /// Whether another request can go out on it: the last exchange ended in order, nothing came that was not
    /// asked for, and the handler has not closed it as far as is known here.
    pub(crate) fn is_idle(&mut self) -> bool {
        self.advance(&mut Context::from_waker(Waker::noop()));
        self.connection.is_some() && self.sender.is_ready()
    }

    /// How a connection ended is told to whoever waits for an answer from it, so here it does not matter.
    fn advance(&mut self, context: &mut Context<'_>) {
        if let Some(connection) = &mut self.connection
            && Pin::new(connection).poll(context).is_ready()
        {
            self.connection = None;
        }
    }
}
