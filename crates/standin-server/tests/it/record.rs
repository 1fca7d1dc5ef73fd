//! What an operator does at a terminal is on the record, once, and what was refused is not (requirement LS-6).

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;
use standin::store::conformance::samples::{grant_id, sign_in, user};
use standin::store::{EventKind, Store};
use tempfile::TempDir;

/// A configured place with two people in its database, whose tokens nobody can open.
struct Place {
    directory: TempDir,
    store: Arc<dyn Store>,
    seen: u64,
}

impl Place {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        assert!(standin(directory.path(), &["init"]).0);
        let path = directory.path().join("standin.toml");
        let text = fs::read_to_string(&path).unwrap();
        let registration = "client_id = \"id\"\nclient_secret = \"secret\"";
        let lines: Vec<_> = text
            .lines()
            .map(|line| if line.starts_with("client_secret_json") { registration } else { line })
            .collect();
        fs::write(&path, lines.join("\n")).unwrap();
        // The first command that needs the vault makes its data key.
        assert!(standin(directory.path(), &["keys", "add", "--kek"]).0);
        let database = fs::canonicalize(directory.path()).unwrap().join("standin.db");
        let store = standin_store::open(&format!("sqlite://{}", database.display())).await.unwrap();
        for number in [1, 2] {
            store.complete_sign_in(sign_in(number)).await.unwrap();
        }
        let mut place = Self { directory, store, seen: 0 };
        place.news().await;
        place
    }

    /// What was put on record since it was last asked.
    async fn news(&mut self) -> Vec<(EventKind, Option<String>)> {
        let events = self.store.events(self.seen, 1_000).await.unwrap();
        self.seen = events.last().map_or(self.seen, |stored| stored.sequence);
        for stored in &events {
            assert!(stored.event.at.unix_ms() > 0, "{stored:?}");
        }
        events.into_iter().map(|stored| (stored.event.kind, stored.event.detail)).collect()
    }

    async fn records(
        &mut self,
        arguments: &[&str],
        kind: EventKind,
        detail: Option<&str>,
    ) -> String {
        let (worked, said) = standin(self.directory.path(), arguments);
        assert!(worked, "{arguments:?}: {said}");
        let expected = (kind, detail.map(str::to_owned));
        assert_eq!(self.news().await, [expected], "{arguments:?}");
        said
    }

    async fn records_nothing(&mut self, arguments: &[&str]) {
        let (worked, said) = standin(self.directory.path(), arguments);
        assert!(!worked, "{arguments:?}: {said}");
        assert_eq!(self.news().await, [], "{arguments:?}");
    }
}

/// Whether it worked, and what it said.
fn standin(directory: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.current_dir(directory).env_clear().stdin(Stdio::null()).args(arguments);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn ls_6_whatever_an_operator_does_is_on_the_record_and_what_is_refused_is_not() {
    let mut place = Place::start().await;
    let nightly = ["clients", "add", "nightly", "--allow", "google", "--json"];
    let said = place.records(&nightly, EventKind::ClientAdded, Some("nightly")).await;
    let client: Value = serde_json::from_str(&said).unwrap();
    let id = client["id"].as_str().unwrap();
    place.records(&["clients", "revoke", id], EventKind::ClientRevoked, None).await;
    place.records_nothing(&["clients", "revoke", id]).await;
    place.records_nothing(&["clients", "add", "x", "--allow", "Not A Rule"]).await;

    let grant = grant_id(1).to_string();
    place.records(&["grants", "revoke", &grant], EventKind::GrantRevoked, None).await;
    place.records_nothing(&["grants", "revoke", "grt_00000000000000000000000000"]).await;
    let person = user(2).to_string();
    let deleted = standin(place.directory.path(), &["users", "delete", &person]);
    assert!(deleted.0, "{}", deleted.1);
    let kinds: Vec<_> = place.news().await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [EventKind::GrantRevoked, EventKind::UserDeleted]);
    place.records_nothing(&["users", "delete", &person]).await;

    let keys = EventKind::KeysChanged;
    let told = Some("key-encryption key k3 added");
    place.records(&["keys", "add", "--kek"], keys, told).await;
    let told = Some("key-encryption key k2 activated");
    place.records(&["keys", "activate", "--kek", "k2"], keys, told).await;
    place.records(&["keys", "rewrap"], keys, Some("1 data keys and 0 rows sealed again")).await;
    let told = Some("key-encryption key k1 removed");
    place.records(&["keys", "remove", "--kek", "k1"], keys, told).await;
    place.records(&["keys", "add"], keys, Some("data key 2 added")).await;
    place.records_nothing(&["keys", "remove", "--kek", "k2"]).await;
    place.records_nothing(&["keys", "activate", "9"]).await;
}
