//! `standin doctor`: each thing that it looks at is broken once, and found.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use standin::entropy::SystemEntropy;
use standin::id::{GrantId, RefreshId};
use standin::store::conformance::samples::{revocation, sign_in};
use standin::store::{DataKeyRow, RefreshClaim, RevocationRow};
use standin::time::{Clock as _, MockClock, SystemClock, Timestamp};
use standin::vault::{Grant, GrantState, KeyFile, Rotation};
use standin::{Journal as _, JournalRecord};
use standin_store::journal::FileJournal;
use standin_store::postgres::testing::Server;

use crate::place::Place;

fn ago(seconds: u64) -> Timestamp {
    SystemClock.now().before(Duration::from_secs(seconds))
}

fn assert_found(found: &(String, String), verdict: &str, words: &str) {
    assert!(found.0 == verdict && found.1.contains(words), "{verdict} {words}: {found:?}");
}

#[test]
fn a_service_that_is_well_is_found_to_be_so_while_it_runs() {
    let place = Place::new();
    let (findings, is_well) = place.examine();
    assert!(is_well, "{findings:#?}");
    assert_found(&place.finding("keys"), "ok", "empty");
    assert_found(&place.finding("journal"), "ok", "not there yet");
    assert_eq!(fs::read_dir(place.directory.path()).unwrap().count(), 3, "it makes nothing");

    let _running = place.serve();
    let (findings, is_well) = place.examine();
    assert!(is_well, "{findings:#?}");
    for (check, words) in [
        ("configuration", "standin.toml"),
        ("client", "/auth/google/callback"),
        ("provider", "keys under this name"),
        ("clock", "within"),
        ("key file", "k1 is active and wraps"),
        ("schema", "this program"),
        ("keys", "all 1 data keys open"),
        ("rewrap", "no row needs"),
        ("database", "synchronous=FULL"),
        ("grants", "0 active"),
        ("leases", "no refresh"),
        ("revocations", "none waits"),
        ("journal", "can be written"),
    ] {
        assert_found(&place.finding(check), "ok", words);
    }
    let output = place.run(&["doctor"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\nok       schema") && text.contains("warning  public_url"), "{text}");
    assert_eq!(text.lines().count(), findings.len());
}

#[test]
fn a_configuration_that_cannot_be_read_is_an_error_by_itself() {
    let place = Place::new();
    fs::write(place.path("standin.toml"), "no_such_key = 1").unwrap();
    let (findings, is_well) = place.examine();
    assert!(!is_well && findings.len() == 1, "{findings:#?}");
    assert_found(&place.finding("configuration"), "error", "no_such_key");
}

#[test]
fn a_client_that_cannot_be_right_is_found() {
    let place = Place::new();
    let database = format!("sqlite://{}", place.path("standin.db").display());
    for (secret, words) in [("changeme", "example"), ("two words", "blanks")] {
        place.configure(&database, &place.provider(place.emulator.origin(), secret));
        assert_found(&place.finding("client"), "error", words);
    }
}

/// A service starts without a tenant's key; whoever looks at the vault must hear of it.
#[test]
fn vc_15_a_tenants_data_key_that_does_not_open_is_found_and_named_by_all_who_look() {
    let place = Place::new();
    drop(place.serve());
    place.with_store(async |store| {
        let everybodys = store.data_keys().await.unwrap().remove(0);
        let tenant = Some("corp.example".to_owned());
        store.add_data_key(DataKeyRow { id: 2, version: 1, tenant, ..everybodys }).await.unwrap();
    });
    assert_found(&place.finding("keys"), "error", "tenant `corp.example`: data key 2 cannot be");
    let checked = place.run(&["check"]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    assert!(format!("{checked:?}").contains("data key 2 cannot be"), "{checked:?}");

    assert!(place.run(&["backup", "--to", "copy.db"]).status.success());
    place.lose_database();
    let restored = place.run(&["restore", "copy.db"]);
    assert_eq!(restored.status.code(), Some(1), "{restored:?}");
    let words = String::from_utf8(restored.stderr).unwrap();
    assert!(words.contains("data key 2 cannot be") && words.contains("corp.example"), "{words}");
    assert!(place.path("standin.db").exists(), "it is there all the same");
}

#[test]
fn keys_that_others_may_read_or_that_are_not_the_vaults_are_found() {
    let place = Place::new();
    drop(place.serve());
    let keys = place.path("keys.toml");
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(place.finding("key file").0, "error");
    fs::remove_file(&keys).unwrap();
    assert_eq!(place.finding("key file").0, "error");

    let other = KeyFile::generate(&SystemEntropy).to_toml().unwrap();
    fs::write(&keys, other.replace("k1", "k7")).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    assert_found(&place.finding("keys"), "error", "data key 1 needs `k1`");
}

#[test]
fn a_rewrap_that_somebody_forgot_is_found() {
    let place = Place::new();
    let node = place.serve();
    place.control("PUT", "autopilot", r#"{"user":"ada@example.com","decision":"allow"}"#);
    crate::drive::sign_in(&node, &place.emulator);
    let keys = KeyFile::read(&place.path("keys.toml")).unwrap();
    let url = format!("sqlite://{}", place.path("standin.db").display());
    place.with_store(async |_| {
        let store = standin_store::open(&url).await.unwrap();
        let clock = Arc::new(MockClock::new(SystemClock.now()));
        let (own, entropy) = (Arc::clone(&clock), Arc::new(SystemEntropy));
        let rotation = Rotation::open(&keys, store, own, entropy).await.unwrap();
        let id = rotation.add().await.unwrap();
        clock.advance(Duration::from_secs(10));
        rotation.activate(id).await.unwrap();
    });
    assert_found(&place.finding("rewrap"), "ok", "1 rows still need");

    place.with_store(async |store| {
        for row in store.data_keys().await.unwrap() {
            let activated_at = row.activated_at.map(|at| at.before(Duration::from_hours(48)));
            let row = DataKeyRow { version: row.version + 1, activated_at, ..row };
            store.replace_data_key(row).await.unwrap();
        }
    });
    assert_found(&place.finding("rewrap"), "warning", "data key 1");
}

#[test]
fn tables_that_are_missing_and_files_that_are_not_ours_are_found() {
    let place = Place::without_tables();
    assert_found(&place.finding("schema"), "error", "V1__vault");
    fs::write(place.path("standin.db"), "no database at all").unwrap();
    fs::set_permissions(place.path("standin.db"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_found(&place.finding("schema"), "error", "not an SQLite database");
    assert_found(&place.finding("database"), "error", "not an SQLite database");
}

#[test]
fn a_journal_that_cannot_be_written_and_one_that_nobody_reads_are_found() {
    let place = Place::new();
    let directory = place.path("standin.db.journal.d");
    fs::write(&directory, "a file").unwrap();
    assert_eq!(place.finding("journal").0, "error");

    fs::remove_file(&directory).unwrap();
    let asked_at = ago(600);
    let record = JournalRecord {
        attempt: RefreshId::from_bytes([1; 16]),
        grant: GrantId::from_bytes([2; 16]),
        generation: 1,
        question: 1,
        asked_at,
        spent: None,
        body: b"{}".to_vec(),
    };
    place.with_store(async |_| {
        let journal = FileJournal::open(&directory, Arc::new(SystemClock)).unwrap();
        journal.append(record).await.unwrap();
    });
    let files = || fs::read_dir(&directory).unwrap().count();
    let before = files();
    assert_found(&place.finding("journal"), "warning", "1 rotated refresh tokens");
    assert_eq!(files(), before, "whoever looks takes nothing over");
}

#[test]
fn what_waits_too_long_is_found() {
    let place = Place::new();
    place.with_store(async |store| {
        let old = RevocationRow { queued_at: ago(7_300), retry_at: ago(60), ..revocation(1) };
        store.queue_revocation(old).await.unwrap();
        let (now, deadline) = (ago(200), ago(180));
        let (grant, attempt) = (GrantId::from_bytes([1; 16]), RefreshId::from_bytes([1; 16]));
        let claim = RefreshClaim { grant, attempt, generation: 1, now, deadline, asks: true };
        store.claim_refresh(claim).await.unwrap();
    });
    assert_found(&place.finding("revocations"), "warning", "the oldest for 2 hours");
    assert_found(&place.finding("leases"), "warning", "1 refreshes have not ended");
}

#[test]
fn many_grants_that_died_are_found() {
    let place = Place::new();
    place.with_store(async |store| {
        for number in 1..=30 {
            assert!(store.complete_sign_in(sign_in(number)).await.is_ok());
            if number > 10 {
                let grant = sign_in(number).grant.unwrap();
                let (state, version) = (GrantState::Reauth, grant.version + 1);
                store.replace_grant(Grant { state, version, ..grant }, None).await.unwrap();
            }
        }
    });
    assert_found(&place.finding("grants"), "warning", "20 reauth");
}

#[test]
fn a_provider_that_cannot_be_reached_or_is_another_one_is_found() {
    let place = Place::new();
    let fault = r#"[{"endpoint":"discovery","fault":"wrong_iss","times":2}]"#;
    place.control("POST", "faults", fault);
    assert_found(&place.finding("provider"), "error", "another issuer");

    let database = format!("sqlite://{}", place.path("standin.db").display());
    place.configure(&database, &place.provider("http://127.0.0.1:1", "GOCSPX-a-secret"));
    assert_found(&place.finding("provider"), "error", "127.0.0.1:1");
    assert_eq!(place.finding("clock").0, "warning");
}

/// Answers whatever comes with this date.
fn dated(date: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::Builder::new()
        .spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 4096]);
                let _ = write!(
                    stream,
                    "HTTP/1.1 404 Not Found\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
            }
        })
        .unwrap();
    format!("http://{address}")
}

#[test]
fn a_clock_that_is_wrong_is_found() {
    let place = Place::new();
    let issuer = dated("Sun, 06 Nov 1994 08:49:37 GMT");
    let database = format!("sqlite://{}", place.path("standin.db").display());
    place.configure(&database, &place.provider(&issuer, "GOCSPX-a-secret"));
    assert_found(&place.finding("clock"), "error", "ahead of google's");
}

/// The server of a test, as the doctor finds it.
fn of_server(place: &Place, url: &str) -> Vec<(String, String)> {
    place.configure(url, &place.provider(place.emulator.origin(), "GOCSPX-a-secret"));
    assert!(place.run(&["migrate"]).status.success());
    let (findings, _) = place.examine();
    let of_it = findings.into_iter().filter(|finding| finding["check"] == "database");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    of_it.map(|finding| (text(&finding["verdict"]), text(&finding["detail"]))).collect()
}

fn is_among(found: &[(String, String)], verdict: &str, words: &str) {
    let is_it = |one: &(String, String)| one.0 == verdict && one.1.contains(words);
    assert!(found.iter().any(is_it), "{verdict} {words}: {found:#?}");
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn what_a_postgresql_server_would_forget_is_said_honestly() {
    let place = Place::without_tables();
    let server = Server::private(&[]);
    let found = of_server(&place, &server.url("postgres"));
    is_among(&found, "ok", "is the primary and writes to its disk");
    is_among(&found, "warning", "no standby follows");
    is_among(&found, "ok", "synchronous_commit is on");
    let between = |found: &[(String, String)]| found.iter().any(|one| one.1.contains("PgBouncer"));
    assert!(!between(&found), "{found:#?}");
    assert!(between(&of_server(&place, &server.pooled_url("postgres"))));

    server.psql("postgres", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    server.psql("postgres", "ALTER SYSTEM SET synchronous_commit = 'off'");
    server.reload();
    let found = of_server(&place, &server.url("postgres"));
    is_among(&found, "error", "commits wait for `nobody`, and no standby is there");
    is_among(&found, "warning", "synchronous_commit is off");

    let reckless = Server::private(&[("fsync", "off")]);
    let found = of_server(&place, &reckless.url("postgres"));
    is_among(&found, "error", "fsync off");
}
