//! A stream that is not closed before its other end has closed it.
//!
//! A request to stop a statement has no answer: the server closes the connection when it has taken it. Whoever closes it
//! earlier ends a `PgBouncer` 1.18 that is still passing the request on ("bad client state: 0"), with all that it serves.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

/// Whether everything was said, and only the other end is waited for.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(Arc<AtomicBool>);

impl Told {
    pub(super) fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A stream, or what makes it a stream of TLS.
pub(super) struct Patient<T> {
    inner: T,
    told: Told,
}

impl<T> Patient<T> {
    pub(super) fn new(inner: T, told: &Told) -> Self {
        Self { inner, told: told.clone() }
    }
}

impl<S, T> TlsConnect<S> for Patient<T>
where
    T: TlsConnect<S, Stream: Send, Error: Send, Future: Send + 'static>,
{
    type Stream = Patient<T::Stream>;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Stream, Self::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let Self { inner, told } = self;
        let connected = inner.connect(stream);
        Box::pin(async move { Ok(Patient { inner: connected.await?, told }) })
    }
}

impl<T: TlsStream + Unpin> TlsStream for Patient<T> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, into)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    /// Until the other end has closed it, or it has broken.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.told.0.store(true, Ordering::Relaxed);
        loop {
            let mut bytes = [0; 64];
            let mut read = ReadBuf::new(&mut bytes);
            let is_read = ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read)).is_ok();
            if !is_read || read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}
