//! What an operator is told of a server that is not used, and which server is trusted.

use std::net::TcpListener;

use futures_util::future::join_all;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use standin::store::Housekeeping;
use standin_store::postgres::testing::{Database, PASSWORD_IN_URL, Server};
use standin_store::postgres::{PostgresStore, ServerError};

async fn refused(url: &str) -> ServerError {
    let error = PostgresStore::open(url).await.unwrap_err();
    let words = format!("{error} {error:?}");
    assert!(!words.contains("correct") && !words.contains("hunter2"), "{words}");
    error
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn a_wrong_password_and_a_missing_database_are_said_to_be_that() {
    let database = Database::fresh();
    let wrong = refused(&database.url().replace(PASSWORD_IN_URL, "hunter2")).await;
    assert!(matches!(wrong, ServerError::Denied { .. }), "{wrong}");
    assert!(wrong.to_string().contains("pg_hba.conf"), "{wrong}");
    let missing = refused(&Server::shared().url("no_such_database")).await;
    assert!(matches!(missing, ServerError::NoDatabase { .. }), "{missing}");
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn a_server_that_nobody_runs_is_unreachable() {
    let gone = refused("postgres://ada:hunter2@127.0.0.1:1/s?sslmode=disable").await;
    assert!(matches!(gone, ServerError::Unreachable { .. }), "{gone}");
    assert!(gone.to_string().contains("127.0.0.1:1/s"), "{gone}");
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn a_server_that_takes_no_writes_is_not_the_primary() {
    let database = Database::fresh();
    PostgresStore::open(&database.url()).await.unwrap();
    let name = database.psql("SELECT current_database()");
    database.psql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let standby = refused(&database.url()).await;
    assert!(matches!(standby, ServerError::NotPrimary { .. }), "{standby}");
}

/// The kernel takes a connection for whoever listens, and nobody looks after it.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn d25_a_host_that_says_nothing_does_not_hide_the_one_behind_it_and_is_asked_once() {
    let database = Database::fresh();
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    silent.set_nonblocking(true).unwrap();
    let (address, server) = (silent.local_addr().unwrap(), database.address());
    let url = format!("{}&sslmode=disable", database.url_at(server));
    let both = url.replace(&server.to_string(), &format!("{address},{server}"));
    let store = PostgresStore::open(&both).await.unwrap();
    let pings = join_all((0..20).map(|_| store.ping())).await;
    assert_eq!(pings, [const { Ok(()) }; 20]);
    assert!(silent.accept().is_ok());
    assert!(silent.accept().is_err(), "the host that answers is asked first from then on");
}

/// Of several hosts what a server says of itself comes before that another takes no writes.
#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn d25_that_a_standby_takes_no_writes_does_not_hide_what_the_primary_says() {
    let (database, server) = (Database::fresh(), Server::private(&[]));
    let name = database.psql("SELECT current_database()");
    database.psql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let primary = server.tcp_url(&name);
    let primary = primary.split(['@', '/']).nth(3).unwrap();
    let standby = database.address().to_string();
    let url = format!("{}&sslmode=disable", database.url_at(database.address()));
    let refused = refused(&url.replace(&standby, &format!("{primary},{standby}"))).await;
    assert!(matches!(refused, ServerError::NoDatabase { .. }), "{refused}");
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn vc_13_a_server_without_tls_is_refused() {
    let url = Server::shared().tcp_url("postgres");
    let refused = refused(&url).await;
    assert!(matches!(refused, ServerError::Untrusted { .. }), "{refused}");
    assert!(refused.to_string().contains("sslrootcert"), "{refused}");
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server"]
async fn vc_13_a_server_is_trusted_for_a_certificate_of_its_name_from_a_known_authority_alone() {
    let server = Server::private(&[]);
    let authority = authority();
    let known = server.file("authority.pem", &authority.pem());
    let url = |name: &str, query: &str| {
        let url = server.tcp_url("postgres").replace("127.0.0.1", name);
        format!("{url}?{query}")
    };
    let trusting = |name| url(name, &format!("sslrootcert={}", known.display()));

    let key = KeyPair::generate().unwrap();
    let itself = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    present(&server, &itself.self_signed(&key).unwrap().pem(), &key);
    for url in [url("localhost", "sslmode=verify-full"), trusting("localhost")] {
        let stranger = refused(&url).await;
        assert!(matches!(stranger, ServerError::Untrusted { .. }), "{stranger}");
    }

    let named = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    present(&server, &named.signed_by(&key, &authority).unwrap().pem(), &key);
    let store = PostgresStore::open(&trusting("localhost")).await.unwrap();
    assert_eq!(store.ping().await, Ok(()));
    let elsewhere = refused(&trusting("127.0.0.1")).await;
    assert!(matches!(elsewhere, ServerError::Untrusted { .. }), "{elsewhere}");
    let unknown = refused(&url("localhost", "sslrootcert=system")).await;
    assert!(matches!(unknown, ServerError::Untrusted { .. }), "{unknown}");
}

pub(super) fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// From the next connection on.
pub(super) fn present(server: &Server, certificate: &str, key: &KeyPair) {
    let certificate = server.file("server.pem", certificate);
    let key = server.file("server.key", &key.serialize_pem());
    for (setting, value) in [
        ("ssl_cert_file", certificate.display().to_string()),
        ("ssl_key_file", key.display().to_string()),
        ("ssl", "on".to_owned()),
    ] {
        server.psql("postgres", &format!("ALTER SYSTEM SET {setting} = '{value}'"));
    }
    server.stop();
    server.start();
}
