//! Nothing that nobody waits for any more goes on at the server (faults D25 and D28).

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rcgen::{CertificateParams, KeyPair};
use standin::store::conformance::samples::{attempt, grant_id, hash, sign_in};
use standin::store::{Attempts, Grants, Result, Sessions, StoreError, Users};
use standin::vault::Grant;
use standin_store::postgres::PostgresStore;
use standin_store::postgres::testing::{Database, Server};
use tokio::io::{AsyncReadExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::fixture::connect_to;
use super::proxy::{Fate, Proxy};
use super::reads::{Place, read_all};
use super::servers::{authority, present};

fn is_unavailable(answer: &Result<Option<Grant>>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

fn over_tcp(database: &Database) -> String {
    format!("{}&sslmode=disable", database.url_at(database.address()))
}

async fn many_readers_are_stopped(place: Place) {
    place.keep_waiting().await;
    let answers = read_all(&place.store).await;
    assert!(answers.iter().all(is_unavailable), "{answers:?}");
    place.until_stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_reads_that_were_given_up_do_not_go_on_at_the_server() {
    many_readers_are_stopped(Place::reached(Database::url).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_reads_that_were_given_up_do_not_go_on_at_a_server_over_a_network() {
    many_readers_are_stopped(Place::reached(over_tcp).await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_a_read_that_was_given_up_does_not_go_on_behind_a_pooler() {
    let place = Place::reached(Database::pooled_url).await;
    place.keep_waiting().await;
    assert!(is_unavailable(&place.store.grant(grant_id(1)).await));
    place.until_stopped().await;
    // PgBouncer 1.18 is gone for everybody if a request to stop is given up while it passes that on.
    place.let_go().await;
    assert!(place.store.grant(grant_id(1)).await.is_ok());
}

/// Nothing else is asked meanwhile that would have the connection given up.
async fn is_stopped_when_its_caller_has_gone<T: Debug>(
    place: &Place,
    read: impl Future<Output = T>,
) {
    place.keep_waiting().await;
    tokio::select! {
        biased;
        answer = read => panic!("{answer:?}"),
        () = place.until_waiting() => {}
    }
    place.until_stopped().await;
    assert_eq!(place.store.consume_attempt(attempt(1)).await, Ok(true));
    place.let_go().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d28_a_scan_whose_caller_has_gone_is_stopped_and_its_connection_is_closed() {
    let place = Place::reached(Database::url).await;
    is_stopped_when_its_caller_has_gone(&place, place.store.list_grants(None, 10)).await;
    assert!(place.store.list_grants(None, 10).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d28_a_read_whose_only_caller_has_gone_is_stopped_and_its_connection_is_closed() {
    let place = Place::reached(Database::url).await;
    is_stopped_when_its_caller_has_gone(&place, place.store.grant(grant_id(1))).await;
    assert!(place.store.grant(grant_id(1)).await.is_ok());
}

/// A network to a server; when it is told to, it takes connections, gives them to us, and says nothing.
#[expect(clippy::disallowed_methods, reason = "it ends with the test")]
async fn network(server: SocketAddr) -> (u16, Arc<AtomicBool>, UnboundedReceiver<TcpStream>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (is_silent, (taken, silent)) = (Arc::<AtomicBool>::default(), unbounded_channel());
    let says_nothing = Arc::clone(&is_silent);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            if says_nothing.load(Ordering::SeqCst) {
                drop(taken.send(client));
                continue;
            }
            let mut server = TcpStream::connect(server).await.unwrap();
            tokio::spawn(async move { drop(copy_bidirectional(&mut client, &mut server).await) });
        }
    });
    (port, is_silent, silent)
}

/// Its kernel takes connections, and the server is stuck: nobody greets who is to be told what to stop.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d25_nobody_waits_for_ever_to_tell_a_server_that_does_not_greet() {
    let (server, authority) = (Server::private(&[]), authority());
    let known = server.file("authority.pem", &authority.pem());
    let key = KeyPair::generate().unwrap();
    let named = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    present(&server, &named.signed_by(&key, &authority).unwrap().pem(), &key);
    let direct = server.tcp_url("postgres");
    let address = direct.split(['@', '/']).nth(3).unwrap();
    let (port, is_silent, mut silent) = network(address.parse().unwrap()).await;
    let query = format!("sslrootcert={}&pool_size=2&connect_timeout=1", known.display());
    let url = format!("{}?{query}", direct.replace(address, &format!("localhost:{port}")));
    let store = PostgresStore::open(&url).await.unwrap();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    assert!(store.grant(grant_id(1)).await.is_ok());
    let (other, _connected) =
        connect_to(server.url("postgres").split_once('?').unwrap().0).await.unwrap();
    other.batch_execute("BEGIN; LOCK TABLE grants IN ACCESS EXCLUSIVE MODE").await.unwrap();
    is_silent.store(true, Ordering::SeqCst);
    assert!(is_unavailable(&store.grant(grant_id(1)).await));
    let mut asked = 0;
    while let Ok(mut client) = silent.try_recv() {
        // Until its other end is closed.
        drop(client.read_to_end(&mut Vec::new()).await);
        asked += 1;
    }
    assert!(asked > 1, "for another connection, and to stop");
}

/// As if the server's host had gone when it had answered.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server"]
async fn d28_what_was_read_is_answered_whatever_becomes_of_the_end_of_its_transaction() {
    let database = Database::fresh();
    let proxy = Proxy::start(&database).await;
    let store = PostgresStore::open(&proxy.url(&database)).await.unwrap();
    store.complete_sign_in(sign_in(1)).await.unwrap();
    proxy.next_commit(Fate::LoseRollback);
    assert!(store.session_view(&hash(1)).await.unwrap().is_some());
    assert!(proxy.has_happened());
}
