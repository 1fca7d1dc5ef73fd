//! Each limit, one step beyond it (requirements HH-2, HH-3).

use std::time::{Duration, Instant};

use standin_server::net::Limits;
use tokio::io::AsyncWriteExt as _;

use super::support::{connect, exchange, get_with, hasty, one_answer, start, status, until_closed};

/// How long `what` took; the tests wait for the server's clock, so they look at their own. Never less than they should
/// is what they ask for: how much more it is says how busy the machine is.
#[expect(clippy::disallowed_methods, reason = "a test measures real time")]
async fn took(what: impl Future) -> Duration {
    let begun = Instant::now();
    what.await;
    begun.elapsed()
}

#[tokio::test]
async fn hh_3_closes_a_socket_that_says_nothing() {
    let server = start(hasty()).await;
    let time = took(async { until_closed(&mut connect(&server).await).await }).await;
    assert!(time >= Duration::from_millis(140), "{time:?}");
}

#[tokio::test]
async fn hh_3_closes_a_socket_that_begins_like_http_2_and_stops() {
    let server = start(hasty()).await;
    assert_eq!(exchange(&server, b"PRI * HT").await, "");
}

#[tokio::test]
async fn hh_3_closes_http_2_that_answers_no_ping() {
    let server = start(hasty()).await;
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    exchange(&server, preface).await;
}

#[tokio::test]
async fn hh_3_closes_a_head_that_dribbles() {
    let server = start(hasty()).await;
    let (mut reads, mut writes) = connect(&server).await.into_split();
    let dribble = async {
        writes.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
        while writes.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    let mut answer = Vec::new();
    let closed = tokio::io::AsyncReadExt::read_to_end(&mut reads, &mut answer);
    let time = took(async {
        tokio::select! {
            () = dribble => {}
            _ = closed => {}
        }
    })
    .await;
    assert!(time >= Duration::from_millis(140), "{time:?}");
}

#[tokio::test]
async fn hh_3_a_second_head_has_its_own_time_and_no_more() {
    let server = start(Limits { idle_timeout: Duration::from_hours(1), ..hasty() }).await;
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n").await.unwrap();
        assert_eq!(status(&one_answer(&mut stream).await), 200);
        // Longer than a head may take, shorter than a connection may idle: which would be an hour.
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    stream.write_all(b"GET / HT").await.unwrap();
    until_closed(&mut stream).await;
}

#[tokio::test]
async fn hh_3_closes_a_connection_that_idles() {
    let server = start(hasty()).await;
    let mut stream = connect(&server).await;
    let time = took(async {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n").await.unwrap();
        assert_eq!(status(&one_answer(&mut stream).await), 200);
        until_closed(&mut stream).await;
    })
    .await;
    assert!(time >= Duration::from_millis(390), "{time:?}");
}

#[tokio::test]
async fn a_slow_handler_is_not_an_idle_peer() {
    let limits = Limits {
        idle_timeout: Duration::from_millis(50),
        header_timeout: Duration::from_millis(50),
        ..hasty()
    };
    let server = start(limits).await;
    assert!(exchange(&server, &get_with("/slow", "")).await.ends_with("slow"));
}

#[tokio::test]
async fn hh_3_a_body_that_dribbles_is_answered_408() {
    let server = start(hasty()).await;
    let request = b"POST /echo HTTP/1.1\r\nHost: app.example.com\r\nContent-Length: 10\r\n\r\nabc";
    assert_eq!(status(&exchange(&server, request).await), 408);
}

#[tokio::test]
async fn hh_3_whoever_does_not_read_makes_room_for_others() {
    let limits = Limits { max_connections: 1, ..hasty() };
    let server = start(limits).await;
    let mut deaf = connect(&server).await;
    deaf.write_all(&get_with("/long", "")).await.unwrap();
    // The one place there is comes free, though the deaf one stays.
    assert_eq!(status(&exchange(&server, &get_with("/", "")).await), 200);
    drop(deaf);
}

#[tokio::test]
async fn a_long_answer_is_whole_for_whoever_reads_it() {
    let server = start(Limits { body_timeout: Duration::from_mins(5), ..hasty() }).await;
    let answer = exchange(&server, &get_with("/long", "")).await;
    assert!(answer.len() > 32 << 20 && answer.ends_with("xxx"));
}

#[tokio::test]
async fn hh_2_a_head_may_have_100_headers_and_no_more() {
    let server = start(hasty()).await;
    let headers = |count: usize| "X: y\r\n".repeat(count - 2);
    assert_eq!(status(&exchange(&server, &get_with("/", &headers(100))).await), 200);
    assert_eq!(status(&exchange(&server, &get_with("/", &headers(101))).await), 431);
}

#[tokio::test]
async fn hh_2_a_head_may_have_32_kib_and_no_more() {
    let server = start(hasty()).await;
    let header = |size: usize| format!("X: {}\r\n", "y".repeat(size));
    assert_eq!(status(&exchange(&server, &get_with("/", &header(32_000))).await), 200);
    assert_eq!(status(&exchange(&server, &get_with("/", &header(33 * 1024))).await), 431);
}

#[tokio::test]
async fn hh_2_a_uri_may_have_8_kib_and_no_more() {
    let server = start(hasty()).await;
    let path = |size: usize| format!("/?{}", "q".repeat(size - 2));
    assert_eq!(status(&exchange(&server, &get_with(&path(8192), "")).await), 200);
    assert_eq!(status(&exchange(&server, &get_with(&path(8193), "")).await), 414);
}

#[tokio::test]
async fn hh_2_a_body_may_have_64_kib_and_no_more() {
    let server = start(hasty()).await;
    let post = |size: usize| {
        let head = format!(
            "POST /echo HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
        );
        head + &"b".repeat(size)
    };
    assert_eq!(status(&exchange(&server, post(65_536).as_bytes()).await), 200);
    let announced = post(65_537);
    let head_alone = announced.trim_end_matches('b');
    assert_eq!(status(&exchange(&server, head_alone.as_bytes()).await), 413);
    let chunked = format!(
        "POST /echo HTTP/1.1\r\nHost: app.example.com\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n{}\r\n0\r\n\r\n",
        "b".repeat(65_537)
    );
    assert_eq!(status(&exchange(&server, chunked.as_bytes()).await), 413);
}

#[tokio::test]
async fn hh_3_the_next_connection_waits_until_one_is_closed() {
    let limits = Limits { max_connections: 1, ..hasty() };
    let server = start(limits).await;
    let time = took(async {
        let _silent = connect(&server).await;
        exchange(&server, &get_with("/", "")).await;
    })
    .await;
    assert!(time >= Duration::from_millis(130), "{time:?}");
}
