//! Stopping: those who were being answered are, and nobody else is waited for.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::{connect, get_with, hasty, one_answer, start, until_closed};
use standin_server::net::Limits;

#[tokio::test]
async fn a_request_in_flight_is_answered_and_an_idle_connection_closed() {
    let server = start(hasty()).await;
    let (mut busy, mut idle) = (connect(&server).await, connect(&server).await);
    let request = "GET / HTTP/1.1\r\nHost: app.example.com\r\n\r\n";
    idle.write_all(request.as_bytes()).await.unwrap();
    one_answer(&mut idle).await;
    busy.write_all(&get_with("/slow", "")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.cancel();
    assert_eq!(until_closed(&mut idle).await, "");
    assert!(until_closed(&mut busy).await.ends_with("slow"));
    timeout(Duration::from_secs(2), server.served).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn nobody_is_waited_for_longer_than_the_limit() {
    let limits = Limits { shutdown_timeout: Duration::from_millis(50), ..hasty() };
    let server = start(limits).await;
    let mut busy = connect(&server).await;
    busy.write_all(&get_with("/slow", "")).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.stop.cancel();
    timeout(Duration::from_millis(200), server.served).await.unwrap().unwrap();
    assert_eq!(until_closed(&mut busy).await, "");
}
