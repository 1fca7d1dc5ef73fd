//! Two thousand sockets that say nothing and two thousand that dribble: they are closed, every one, and whoever has
//! something to say is answered meanwhile (requirement HH-3).

use std::process::Command;
use std::time::Duration;

use standin_server::net::Limits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::support::{Server, connect, exchange, get_with, hasty, start, status};

const EACH: usize = 2_000;

/// Both ends of the sockets are in this process.
fn allow_many_files() {
    let (id, wanted) = (std::process::id().to_string(), format!("--nofile={}", 5 * EACH));
    let _ = Command::new("prlimit").args(["--pid", &id, &wanted]).output();
}

#[tokio::test]
async fn hh_3_four_thousand_idlers_are_closed_and_keep_nobody_out() {
    allow_many_files();
    let patience = Duration::from_secs(4);
    let limits = Limits { first_byte_timeout: patience, header_timeout: patience, ..hasty() };
    let server = start(limits).await;
    let silent = crowd(&server).await;
    let dribbling = crowd(&server).await;

    let good = async {
        for _ in 0..20 {
            assert_eq!(status(&exchange(&server, &get_with("/", "")).await), 200);
        }
    };
    let (silent, dribbling, ()) = tokio::join!(
        silent.into_iter().map(until_closed).collect::<JoinSet<_>>().join_all(),
        dribbling.into_iter().map(dribble).collect::<JoinSet<_>>().join_all(),
        good
    );

    assert_eq!((silent.len(), dribbling.len()), (EACH, EACH));
    assert_eq!(status(&exchange(&server, &get_with("/", "")).await), 200);
}

async fn crowd(server: &Server) -> Vec<TcpStream> {
    let mut crowd = Vec::with_capacity(EACH);
    for _ in 0..EACH {
        crowd.push(connect(server).await);
    }
    crowd
}

/// Ends when the server has closed the socket, and with the test's own time-out if it never does.
async fn until_closed(mut stream: TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

async fn dribble(stream: TcpStream) {
    let (mut reads, mut writes) = stream.into_split();
    let letters = async {
        let _ = writes.write_all(b"GET / HTTP/1.1\r\nX: ").await;
        while writes.write_all(b"a").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = letters => {}
        _ = reads.read_to_end(&mut answer) => {}
    }
}
