//! HTTP/2 by hand: what a peer sends endlessly ends its connection, and nobody else's (requirement HH-3).

use std::time::Duration;

use http::{Request, Response};
use standin_server::net::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedReadHalf;

use super::support::{Server, connect, exchange, get_with, hasty, start, status};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:method POST`, `:scheme http`, `:path /echo`, `:authority app.example.com`, in the words of HPACK.
const POST_ECHO: &[u8] = b"\x83\x86\x44\x05/echo\x41\x0fapp.example.com";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Sends `opening` once and `more(n)` for ever. Why the server ended the connection, if it said so.
async fn flood(server: &Server, opening: &[u8], more: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
    let (reads, mut writes) = connect(server).await.into_split();
    let settings = frame(SETTINGS, 0, 0, &[]);
    let beginning = [PREFACE, &settings, opening].concat();
    let write = async {
        let mut sent = writes.write_all(&beginning).await;
        let mut number = 0;
        while sent.is_ok() {
            sent = writes.write_all(&more(number)).await;
            number += 1;
            tokio::task::yield_now().await;
        }
        std::future::pending::<()>().await;
    };
    let read = tokio::time::timeout(Duration::from_mins(1), reason(reads));
    tokio::select! {
        reason = read => reason.expect("the server keeps the connection open"),
        () = write => None,
    }
}

/// Reads frames until the connection ends; the error code of the last GOAWAY.
async fn reason(mut reads: OwnedReadHalf) -> Option<u32> {
    let mut reason = None;
    loop {
        let mut head = [0; 9];
        if reads.read_exact(&mut head).await.is_err() {
            return reason;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        if reads.read_exact(&mut payload).await.is_err() {
            return reason;
        }
        if head[3] == GO_AWAY {
            reason = Some(u32::from_be_bytes(payload[4..8].try_into().unwrap()));
        }
    }
}

fn odd(number: u32) -> u32 {
    // Stream numbers are 31 bits; no flood gets that far.
    2 * number + 1
}

/// With times that do not end anything by themselves while the test runs.
async fn patient() -> Server {
    let long = Duration::from_mins(10);
    let limits = Limits { header_timeout: long, idle_timeout: long, body_timeout: long, ..hasty() };
    start(limits).await
}

async fn is_served(server: &Server) {
    assert_eq!(status(&exchange(server, &get_with("/", "")).await), 200);
}

async fn ends_with_a_reason(opening: &[u8], more: impl Fn(u32) -> Vec<u8>) {
    let server = patient().await;
    let reason = flood(&server, opening, more).await;
    // No error code, or none at all, is not the end that is meant.
    assert!(reason.is_some_and(|code| code != 0), "{reason:?}");
    is_served(&server).await;
}

#[tokio::test]
async fn hh_3_streams_that_are_opened_and_reset_end_the_connection() {
    let both = |number| {
        let opened = frame(HEADERS, END_HEADERS, odd(number), POST_ECHO);
        [opened, frame(RST_STREAM, 0, odd(number), &8_u32.to_be_bytes())].concat()
    };
    let many = |number| (100 * number..100 * (number + 1)).flat_map(both).collect();
    ends_with_a_reason(&[], many).await;
}

#[tokio::test]
async fn hh_3_a_head_that_never_ends_ends_the_connection() {
    let opened = frame(HEADERS, 0, 1, POST_ECHO);
    ends_with_a_reason(&opened, |_| frame(CONTINUATION, 0, 1, b"\x40\x01x\x01y")).await;
}

#[tokio::test]
async fn hh_3_a_head_of_nothing_that_never_ends_ends_the_connection() {
    let opened = frame(HEADERS, 0, 1, POST_ECHO);
    ends_with_a_reason(&opened, |_| frame(CONTINUATION, 0, 1, &[])).await;
}

#[tokio::test]
async fn hh_3_a_body_of_nothing_that_never_ends_ends_the_connection() {
    let opened = frame(HEADERS, END_HEADERS, 1, POST_ECHO);
    ends_with_a_reason(&opened, |_| frame(DATA, 0, 1, &[]).repeat(100)).await;
}

#[tokio::test]
async fn hh_3_resets_that_a_peer_provokes_end_the_connection() {
    let refused = |number| {
        let opened = frame(HEADERS, END_HEADERS, odd(number), POST_ECHO);
        // A window of nothing more is an error of the stream, which the server answers with a reset.
        [opened, frame(WINDOW_UPDATE, 0, odd(number), &[0; 4])].concat()
    };
    ends_with_a_reason(&[], refused).await;
}

/// They cost the peer as much as us, and are answered; but they keep no connection that asks for nothing.
#[tokio::test]
async fn hh_3_pings_and_settings_keep_no_connection_open() {
    for (kind, payload) in [(PING, &[0; 8][..]), (SETTINGS, &[][..])] {
        let server = start(hasty()).await;
        flood(&server, &[], |_| frame(kind, 0, 0, payload)).await;
        is_served(&server).await;
    }
}

#[tokio::test]
async fn hh_3_http_2_that_has_asked_may_idle_as_long_as_others_and_no_longer() {
    let server = start(hasty()).await;
    let asked = frame(HEADERS, END_HEADERS | END_STREAM, 1, POST_ECHO);
    let reason = flood(&server, &asked, |_| frame(PING, 0, 0, &[0; 8])).await;
    assert!(matches!(reason, Some(0) | None), "{reason:?}");
}

/// Asks over HTTP/2, as a client that means well; the answer's head.
async fn asked(server: &Server, headers: impl Iterator<Item = (String, String)>) -> Response<()> {
    let mut request = Request::get("http://app.example.com/").body(()).unwrap();
    for (name, value) in headers {
        let name: http::HeaderName = name.parse().unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    let (head, body) = sent(server, request).await;
    assert!(body.is_ok(), "{body:?}");
    head
}

/// The head of the answer to a request, and whether its body came whole.
async fn sent(server: &Server, request: Request<()>) -> (Response<()>, Result<usize, h2::Error>) {
    let stream = connect(server).await;
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    let ask = async {
        let mut client = client.ready().await.unwrap();
        let (answer, _) = client.send_request(request, true).unwrap();
        let (head, mut body) = answer.await.unwrap().into_parts();
        let mut length = Ok(0);
        while let (Ok(before), Some(part)) = (&length, body.data().await) {
            length = part.map(|part| before + part.len());
        }
        (Response::from_parts(head, ()), length)
    };
    tokio::select! {
        _ = connection => panic!("the connection ended first"),
        answer = ask => answer,
    }
}

#[tokio::test]
async fn hh_2_http_2_has_the_limits_of_http_1() {
    let server = start(hasty()).await;
    let many = |count: usize| (0..count).map(|number| (format!("x-{number}"), "y".to_owned()));
    let long = |size: usize| std::iter::once(("x".to_owned(), "y".repeat(size)));
    assert_eq!(asked(&server, many(100)).await.status(), 200);
    assert_eq!(asked(&server, long(32_000)).await.status(), 200);
    for answer in [asked(&server, many(101)).await, asked(&server, long(33_000)).await] {
        assert_eq!(answer.status(), 431);
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert!(answer.headers().contains_key("strict-transport-security"));
    }
}

/// hyper sends over HTTP/2 whatever body it is given, and a client takes that for an error of the stream.
#[tokio::test]
async fn hh_1_a_head_over_http_2_is_answered_without_a_body_also_where_it_is_refused() {
    let server = start(hasty()).await;
    for (uri, status) in [
        ("http://app.example.com/", 200),
        ("http://app.example.com/nothing", 404),
        ("http://app.example.com/echo", 405),
        ("http://evil.example/", 421),
        ("http://app.example.com/panic", 500),
    ] {
        let (head, body) = sent(&server, Request::head(uri).body(()).unwrap()).await;
        assert_eq!((head.status().as_u16(), body.ok()), (status, Some(0)), "{uri}");
        assert!(head.headers().contains_key("content-length"), "{uri}");
    }
}
