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
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::strict_head::{self, Ambiguous};
use super::{Limits, unread};
use crate::http::headers::SecurityHeaders;

/// The socket of one connection, as hyper sees it.
pub(super) struct Wire {
    stream: TcpStream,
    /// Read before hyper came.
    prefix: Bytes,
    heads: Heads,
    header_timeout: Duration,
    idle_timeout: Duration,
    body_timeout: Duration,
    /// Rings when there may be something to end; often early, since moving it costs more than looking.
    alarm: Option<Pin<Box<Sleep>>>,
    /// By when the head after so many requests must be complete.
    head_due: Option<(u64, Instant)>,
    /// Rings when a peer has had its time to take what is sent to it.
    unsent: Option<Pin<Box<Sleep>>>,
    /// What a refusal of a request that hyper cannot read carries.
    refusing_with: Option<SecurityHeaders>,
    /// Being written instead of so many bytes of hyper's.
    instead: Option<(Bytes, usize)>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, prefix: Bytes, limits: &Limits, heads: Heads) -> Self {
        Self {
            stream,
            prefix,
            heads,
            header_timeout: limits.header_timeout,
            idle_timeout: limits.idle_timeout,
            body_timeout: limits.body_timeout,
            unsent: None,
            alarm: None,
            head_due: None,
            refusing_with: None,
            instead: None,
        }
    }

    /// Refuses in our words what hyper cannot read.
    pub(super) fn refusing_with(self, headers: SecurityHeaders) -> Self {
        Self { refusing_with: Some(headers), ..self }
    }

    /// Whether these bytes are hyper's own refusal, which is then written in our words.
    fn is_replaced(&mut self, bytes: &[u8]) -> bool {
        if self.instead.is_none()
            && let Some(headers) = self.refusing_with
        {
            self.instead = unread::instead_of(bytes, headers).map(|ours| (ours, bytes.len()));
        }
        self.instead.is_some()
    }

    /// Writes what is to be written instead; `Ready` with what hyper believes to have written.
    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        while let Some((ours, replaced)) = &mut self.instead {
            if ours.is_empty() {
                let replaced = *replaced;
                self.instead = None;
                return Poll::Ready(Ok(replaced));
            }
            match std::task::ready!(Pin::new(&mut self.stream).poll_write(cx, ours))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => ours.advance(count),
            }
        }
        Poll::Ready(Ok(0))
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
        loop {
            let now = Instant::now();
            let due = self.due(now);
            if due <= now {
                return Poll::Ready(());
            }
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if alarm.deadline() > due || alarm.is_elapsed() {
                alarm.as_mut().reset(due);
            }
            std::task::ready!(alarm.as_mut().poll(cx));
        }
    }

    /// When the peer's time is over, if it does nothing until then.
    fn due(&mut self, now: Instant) -> Instant {
        match self.heads.lock().waiting_for() {
            // Not the peer's turn. Nobody wakes us when it is: look again then.
            Waiting::Answer => now + self.idle_timeout,
            Waiting::Request { since } => since + self.idle_timeout,
            Waiting::RestOfHead { after } => match self.head_due {
                Some((head, due)) if head == after => due,
                _ => {
                    let due = now + self.header_timeout;
                    self.head_due = Some((after, due));
                    due
                }
            },
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
            Poll::Pending => self.poll_deadline(cx).map(|()| Err(io::ErrorKind::TimedOut.into())),
            read @ Poll::Ready(_) => {
                self.heads.lock().saw(&buffer.filled()[before..]);
                read
            }
        }
    }
}

impl Wire {
    /// Who does not read what they have asked for is not waited for longer than for a body, however slowly they read:
    /// the time runs until everything at hand has been taken.
    fn in_time(
        &mut self,
        cx: &mut Context<'_>,
        length: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(count)) if count == length) {
            self.unsent = None;
            return written;
        }
        let within = self.body_timeout;
        let alarm = self.unsent.get_or_insert_with(|| Box::pin(sleep(within)));
        match alarm.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => written,
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_replaced(bytes) {
            return self.poll_instead(cx);
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(cx, bytes.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A refusal has no body: its head is alone.
        if let [head] = bytes
            && self.is_replaced(head)
        {
            return self.poll_instead(cx);
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        let length = bytes.iter().map(|slice| slice.len()).sum();
        self.in_time(cx, length, written)
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
#[derive(Clone)]
pub(super) struct Heads(Arc<Mutex<State>>);

/// How the body of a request is delimited.
#[derive(Clone, Copy)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

impl Heads {
    /// For a connection of HTTP/1.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            unread: Vec::new(),
            body_left: 0,
            is_last: false,
            requests: 0,
            in_flight: false,
            idle_since: Instant::now(),
        })))
    }

    /// For a connection that has none: HTTP/2 frames have no two readings, and pings find who is silent.
    pub(super) fn none() -> Self {
        let heads = Self::new();
        {
            let mut state = heads.lock();
            state.is_last = true;
            state.in_flight = true;
        }
        heads
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
        let mut state = self.0.lock();
        state.in_flight = false;
        state.idle_since = Instant::now();
    }
}

/// What a connection waits for.
enum Waiting {
    Answer,
    Request { since: Instant },
    RestOfHead { after: u64 },
}

struct State {
    /// Bytes of heads that are no request yet.
    unread: Vec<u8>,
    /// Bytes of a body that are still to come.
    body_left: u64,
    /// After a chunked body we close: nothing that follows it is a request.
    is_last: bool,
    requests: u64,
    in_flight: bool,
    idle_since: Instant,
}

impl State {
    fn saw(&mut self, bytes: &[u8]) {
        if self.is_last {
            return;
        }
        let body = usize::try_from(self.body_left).unwrap_or(usize::MAX).min(bytes.len());
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

    fn waiting_for(&self) -> Waiting {
        if self.in_flight {
            Waiting::Answer
        } else if self.unread.is_empty() {
            Waiting::Request { since: self.idle_since }
        } else {
            Waiting::RestOfHead { after: self.requests }
        }
    }
}
