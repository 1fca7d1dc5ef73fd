//! Requests that two servers could read differently (requirement HH-4).

use tokio::io::AsyncWriteExt as _;

use super::support::{connect, exchange, hasty, one_answer, start, status, until_closed};

const HOST: &str = "Host: app.example.com\r\n";

/// The lines of requests that could be read in two ways, each with what may stand behind them.
pub(super) fn ambiguous() -> Vec<String> {
    vec![
        format!("{HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{HOST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
        format!("{HOST}Content-Length: 1\r\nContent-Length: 1\r\n\r\na"),
        format!("{HOST}Content-Length: 1\r\nContent-Length: 2\r\n\r\na"),
        format!("{HOST}Content-Length: +1\r\n\r\na"),
        format!("{HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
        format!("{HOST}Transfer-Encoding: gzip\r\n\r\n"),
        format!("{HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"),
        format!("{HOST}X: a\r\n b\r\n\r\n"),
        "Host: app.example.com\nX: y\n\n".to_owned(),
        format!("{HOST}X: y\n\r\n"),
        format!("{HOST}Content-Length : 1\r\n\r\na"),
        format!("{HOST}Content-Length: 1, 1\r\n\r\na"),
        format!("{HOST}Content-Length: -1\r\n\r\na"),
        format!("{HOST}Content-Length: 0x1\r\n\r\na"),
        format!("{HOST}Content-Length: 18446744073709551616\r\n\r\na"),
        format!("{HOST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
        format!("{HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        format!("{HOST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
        format!("{HOST}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n\r\n"),
        format!("{HOST}Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\n"),
        format!("{HOST}X: a\0b\r\n\r\n"),
        format!("{HOST}X y: a\r\n\r\n"),
        format!("{HOST}: a\r\n\r\n"),
    ]
}

#[tokio::test]
async fn hh_4_ambiguous_framing_is_400_and_the_end_of_the_connection() {
    let server = start(hasty()).await;
    let smuggled = "GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n";
    for lines in ambiguous() {
        let request = format!("POST /echo HTTP/1.1\r\n{lines}{smuggled}");
        let answer = exchange(&server, request.as_bytes()).await;
        assert_eq!(status(&answer), 400, "{lines:?}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{lines:?}\n{answer}");
    }
}

#[tokio::test]
async fn hh_4_nothing_after_a_chunked_body_is_a_request() {
    let server = start(hasty()).await;
    let request = format!(
        "POST /echo HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n{HOST}\r\n"
    );
    let answer = exchange(&server, request.as_bytes()).await;
    assert!(answer.ends_with("abc"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
}

#[tokio::test]
async fn requests_that_are_sent_together_are_each_answered() {
    let server = start(hasty()).await;
    let one = format!("POST /echo HTTP/1.1\r\n{HOST}Content-Length: 3\r\n\r\n");
    let last = format!("GET / HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n");
    let answer = exchange(&server, format!("{one}abc{one}def{last}").as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 3, "{answer}");
    assert!(answer.contains("abc") && answer.contains("def") && answer.ends_with("hello"));
}

#[tokio::test]
async fn a_head_in_pieces_after_a_body_in_pieces_is_a_request() {
    let server = start(hasty()).await;
    let mut stream = connect(&server).await;
    let pieces = [
        format!("POST /echo HTTP/1.1\r\n{HOST}Content-Le"),
        "ngth: 6\r\n\r\nabc".to_owned(),
        "defPOST /echo HTT".to_owned(),
    ];
    for piece in pieces {
        stream.write_all(piece.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(one_answer(&mut stream).await.ends_with("abcdef"));
    let rest = format!("P/1.1\r\n{HOST}Content-Length: 1\r\nConnection: close\r\n\r\nz");
    stream.write_all(rest.as_bytes()).await.unwrap();
    assert!(until_closed(&mut stream).await.ends_with('z'));
}
