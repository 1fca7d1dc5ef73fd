//! A socket that keeps hyper to the clock and remembers each head as it came.
//!
//! hyper knows one deadline for reading a head and starts it while the connection is idle; a proxy wants
//! to keep connections for a minute, and a head must be complete in ten seconds. So the deadlines are
//! here. The bytes of a head are kept until hyper hands over the request, and then checked as they were.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::Limits;
use super::strict_head::{self, Ambiguous};

/// The socket of one connection, as hyper sees it.
pub(super) struct Wire {
    stream: TcpStream,
    /// Read before hyper came.
    prefix: Bytes,
    heads: Heads,
    header_timeout: Duration,
    idle_timeout: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    waiting_for: Option<Waiting>,
}

/// What a connection waits for, and since which request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Request { after: u64 },
    RestOfHead { after: u64 },
}

impl Wire {
    pub(super) fn new(stream: TcpStream, prefix: Bytes, limits: &Limits, heads: Heads) -> Self {
        Self {
            stream,
            prefix,
            heads,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            deadline: None,
            waiting_for: None,
        }
    }

    fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let count = self.prefix.len().min(buffer.remaining());
        buffer.put_slice(&self.prefix[..count]);
        self.prefix.advance(count);
        Poll::Ready(Ok(()))
    }

    /// Called when there is nothing to read: `Ready` once the peer has had its time.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let waiting_for = self.heads.lock().waiting_for();
        let Some(waiting) = waiting_for else {
            self.waiting_for = None;
            return Poll::Pending;
        };
        if self.waiting_for != Some(waiting) {
            self.waiting_for = Some(waiting);
            self.restart(match waiting {
                Waiting::Request { .. } => self.idle_timeout,
                Waiting::RestOfHead { .. } => self.header_timeout,
            });
        }
        match &mut self.deadline {
            Some(deadline) => deadline.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    fn restart(&mut self, timeout: Duration) {
        let end = Instant::now() + timeout;
        match &mut self.deadline {
            Some(deadline) => deadline.as_mut().reset(end),
            none => *none = Some(Box::pin(tokio::time::sleep_until(end))),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match self.poll_bytes(cx, buffer) {
            Poll::Pending => self
                .poll_deadline(cx)
                .map(|()| Err(io::ErrorKind::TimedOut.into())),
            read => {
                self.heads.lock().saw(&buffer.filled()[before..]);
                read
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The heads of one connection, shared by its socket, which sees bytes, and its service, which sees
/// requests.
#[derive(Clone, Default)]
pub(super) struct Heads(Arc<Mutex<State>>);

/// How the body of a request is delimited.
#[derive(Clone, Copy)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

impl Heads {
    /// For a connection that has none: HTTP/2 frames have no two readings, and pings find who is silent.
    pub(super) fn none() -> Self {
        Self(Arc::new(Mutex::new(State {
            is_last: true,
            in_flight: true,
            ..State::default()
        })))
    }

    /// hyper handed over a request: checks the bytes of its head. While the answer lives, the peer is
    /// not the one who is waited for.
    pub(super) fn requested(&self, framing: Framing) -> (InFlight, Result<(), Ambiguous>) {
        let mut state = self.lock();
        state.requests += 1;
        state.in_flight = true;
        (InFlight(self.clone()), state.take_head(framing))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request whose answer has not been written; dropped with it.
pub(super) struct InFlight(Heads);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.lock().in_flight = false;
    }
}

#[derive(Default)]
struct State {
    /// Bytes of heads that are no request yet.
    unread: Vec<u8>,
    /// Bytes of a body that are still to come.
    body_left: u64,
    /// After a chunked body we close: nothing that follows it is a request.
    is_last: bool,
    requests: u64,
    in_flight: bool,
}

impl State {
    fn saw(&mut self, bytes: &[u8]) {
        if self.is_last {
            return;
        }
        let body = usize::try_from(self.body_left)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        self.body_left -= body as u64;
        self.unread.extend_from_slice(&bytes[body..]);
    }

    fn take_head(&mut self, framing: Framing) -> Result<(), Ambiguous> {
        let head = strict_head::check(&self.unread).inspect_err(|_| self.is_last = true)?;
        self.unread.drain(..head);
        match framing {
            Framing::Length(length) => {
                let bytes = std::mem::take(&mut self.unread);
                self.body_left = length;
                self.saw(&bytes);
            }
            Framing::Chunked => {
                self.is_last = true;
                self.unread = Vec::new();
            }
        }
        Ok(())
    }

    fn waiting_for(&self) -> Option<Waiting> {
        let after = self.requests;
        match (self.in_flight, self.unread.is_empty()) {
            (true, _) => None,
            (false, true) => Some(Waiting::Request { after }),
            (false, false) => Some(Waiting::RestOfHead { after }),
        }
    }
}
