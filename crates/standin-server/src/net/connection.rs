//! One connection: hyper with our limits, and each request on its way to the router.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Limits;
use super::idle::Requests;
use super::sniff::{Version, sniff};
use super::wire::{Framing, Heads, Wire};
use crate::http::Shelled;
use crate::http::headers::SecurityHeaders;
use crate::http::problem::Problem;

/// Streams of one HTTP/2 connection at the same time.
const H2_STREAMS: u32 = 100;
/// Streams that a peer may open and reset before we give up on it (rapid reset, CVE-2023-44487).
const H2_RESETS: usize = 20;
/// Resets that a peer may provoke from us (RUSTSEC-2024-0003 and its successors).
const H2_ERRORS: usize = 20;

/// What a connection needs beside its socket.
pub(super) struct Connection {
    pub(super) service: Shelled,
    pub(super) limits: Limits,
    pub(super) peer: SocketAddr,
    pub(super) shutdown: CancellationToken,
    pub(super) tasks: TaskTracker,
}

impl Connection {
    /// Until the peer closes, breaks a limit, or everything stops.
    pub(super) async fn serve(self, mut stream: TcpStream) {
        // Answers are small and whole: waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let sniffed = tokio::select! {
            sniffed = sniff(&mut stream, &self.limits) => sniffed,
            () = self.shutdown.cancelled() => return,
        };
        match sniffed {
            Ok(Some((Version::Http1, prefix))) => {
                let heads = Heads::new();
                let wire = Wire::new(stream, prefix, &self.limits, heads.clone());
                let wire = wire.refusing_with(self.service.headers());
                self.serve_http1(wire, heads).await;
            }
            Ok(Some((Version::Http2, prefix))) => {
                let wire = Wire::new(stream, prefix, &self.limits, Heads::none());
                self.serve_http2(wire).await;
            }
            Ok(None) | Err(_) => {}
        }
    }

    async fn serve_http1(self, wire: Wire, heads: Heads) {
        let (service, peer) = (self.service, self.peer);
        let service = service_fn(move |request| answer_http1(&service, peer, &heads, request));
        let mut builder = http1::Builder::new();
        builder
            // The wire has the deadlines.
            .header_read_timeout(None)
            .max_headers(self.limits.max_headers)
            .max_header_size(self.limits.max_header_bytes)
            .max_buf_size(self.limits.max_header_bytes);
        let connection = builder.serve_connection(TokioIo::new(wire), service);
        let mut connection = pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = self.shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        note_end(served);
    }

    async fn serve_http2(self, wire: Wire) {
        let (service, peer, limits) = (self.service, self.peer, self.limits);
        let requests = Requests::new();
        let asked = requests.clone();
        let service = service_fn(move |request| {
            let (answer, in_flight) = (answer(&service, peer, request), asked.begin());
            async move {
                let answer = answer.await;
                drop(in_flight);
                Ok::<_, Infallible>(answer)
            }
        });
        let connection = http2::Builder::new(Tracked(self.tasks))
            .timer(TokioTimer::new())
            .keep_alive_interval(limits.header_timeout)
            .keep_alive_timeout(limits.header_timeout / 2)
            .max_concurrent_streams(H2_STREAMS)
            .max_pending_accept_reset_streams(H2_RESETS)
            .max_local_error_reset_streams(H2_ERRORS)
            // Twice what we take: what is between gets an answer of ours, with its headers.
            .max_header_list_size(u32::try_from(2 * limits.max_header_bytes).unwrap_or(u32::MAX))
            .serve_connection(TokioIo::new(wire), service);
        let mut connection = pin!(connection);
        let patience = tokio::select! {
            served = connection.as_mut() => return note_end(served),
            () = self.shutdown.cancelled() => None,
            () = requests.stay_away(&limits) => Some(limits.header_timeout),
        };
        connection.as_mut().graceful_shutdown();
        match patience {
            None => note_end(connection.await),
            // Whoever has not gone by then is not waited for.
            Some(patience) => drop(timeout(patience, connection).await),
        }
    }
}

/// Peers hang up all the time; it is of interest to whoever looks for it.
fn note_end(served: hyper::Result<()>) {
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The body is mapped only so that it owns the mark of a request in flight: it goes when the body has been
/// written, and the peer's idle time begins.
fn answer_http1(
    service: &Shelled,
    peer: SocketAddr,
    heads: &Heads,
    request: Request<Incoming>,
) -> impl Future<Output = Result<http::Response<impl AnswerBody + use<>>, Infallible>> + use<> {
    let framing = framing_of(&request);
    let (in_flight, head) = heads.requested(framing);
    let headers = service.headers();
    let answer = answer(service, peer, request);
    async move {
        let mut response = match head {
            Ok(()) => answer.await,
            Err(ambiguous) => refusal(&ambiguous.to_string(), headers),
        };
        if matches!(framing, Framing::Chunked) || head.is_err() {
            // Whatever follows might be read as a request by us and as a body by a proxy (RFC 9112 §6.3).
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        Ok(response.map(|body| {
            body.map_err(move |error| {
                let _while_the_body_lives = &in_flight;
                error
            })
        }))
    }
}

trait AnswerBody: hyper::body::Body<Data = bytes::Bytes, Error = axum::Error> {}
impl<B: hyper::body::Body<Data = bytes::Bytes, Error = axum::Error>> AnswerBody for B {}

fn answer(
    service: &Shelled,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> impl Future<Output = Response> + use<> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    service.clone().answer(request)
}

/// hyper has parsed it: an exact length, or chunks.
fn framing_of(request: &Request<Incoming>) -> Framing {
    match request.body().size_hint().exact() {
        Some(length) => Framing::Length(length),
        None => Framing::Chunked,
    }
}

fn refusal(detail: &str, headers: SecurityHeaders) -> Response {
    let mut response =
        Problem::new(StatusCode::BAD_REQUEST, "ambiguous_request", detail).into_response();
    // It never reaches the router, whose answers get theirs there.
    headers.add_to(response.headers_mut());
    response
}

/// Runs the streams of HTTP/2 where shutting down waits for them.
#[derive(Clone)]
struct Tracked(TaskTracker);

impl<F> hyper::rt::Executor<F> for Tracked
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, future: F) {
        self.0.spawn(future);
    }
}
