//! `standin backup` and `standin restore` from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use data_encoding::HEXLOWER;
use serde_json::Value;
use standin::secret::sha256;
use standin_store::postgres::testing::Database;

use crate::drive::sign_in;
use crate::nodes::{Answer, Node, PUBLIC, ask};
use crate::place::Place;

fn json(place: &Place, arguments: &[&str]) -> Value {
    let output = place.run(arguments);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn st_7_a_running_service_is_copied_and_starts_anew_from_the_copy() {
    let place = Place::new();
    let node = place.serve();
    place.control("PUT", "autopilot", r#"{"user":"ada@example.com","decision":"allow"}"#);
    let session = sign_in(&node, &place.emulator);
    fs::create_dir(place.path("backups")).unwrap();

    let taken = json(&place, &["backup", "--to", "backups", "--json"]);

    let copy = taken["path"].as_str().unwrap().to_owned();
    assert!(copy.starts_with("backups/standin-2") && copy.ends_with("Z.db"), "{copy}");
    assert_eq!(fs::metadata(place.path(&copy)).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(taken["keys_file"].as_str().unwrap().ends_with("keys.toml"));
    assert!(taken["journal"].as_str().unwrap().ends_with("standin.db.journal.d"));
    let words = place.run(&["backup", "--to", "another.db"]);
    let words = String::from_utf8(words.stderr).unwrap();
    assert!(words.contains("keep it elsewhere") && words.contains("journal.d"), "{words}");

    // Nothing is written over, neither the copy nor the database.
    for arguments in [&["backup", "--to", "another.db"][..], &["restore", "another.db"]] {
        let refused = place.run(arguments);
        assert_eq!(refused.status.code(), Some(1));
        let words = String::from_utf8(refused.stderr).unwrap();
        assert!(words.contains("is not written over"), "{words}");
    }

    drop(node);
    place.lose_database();
    json(&place, &["restore", &copy, "--json"]);
    let node = place.serve();
    assert_eq!(node.get("/auth/session", &session).status(), 200);
}

#[test]
fn st_7_a_copy_without_its_keys_is_not_restored_and_one_with_others_is_said_to_be_useless() {
    let place = Place::new();
    drop(place.serve());
    json(&place, &["backup", "--to", "copy.db", "--json"]);
    place.lose_database();
    let keys = fs::read(place.path("keys.toml")).unwrap();
    fs::remove_file(place.path("keys.toml")).unwrap();
    assert_eq!(place.run(&["restore", "copy.db"]).status.code(), Some(1));
    assert!(!place.path("standin.db").exists());

    let other = Place::new();
    fs::copy(other.path("keys.toml"), place.path("keys.toml")).unwrap();
    let refused = place.run(&["restore", "copy.db"]);
    let words = String::from_utf8(refused.stderr).unwrap();
    assert!(words.contains("put the key file of that time back"), "{words}");
    fs::write(place.path("keys.toml"), keys).unwrap();
    let (_, is_well) = place.examine();
    assert!(is_well);
}

/// The database's disk is lost, and the journal's is not: what a provider gave since the backup is there once more.
#[test]
fn st_7_what_the_journal_kept_comes_to_its_row_in_a_restored_database() {
    let place = Place::new();
    let node = place.serve();
    place.control("PUT", "autopilot", r#"{"user":"ada@example.com","decision":"allow"}"#);
    place.control("PUT", "profile", r#"{"rotate_refresh_tokens":true}"#);
    let session = sign_in(&node, &place.emulator);
    let session = body(&node.get("/auth/session", &session));
    let user = session["user"]["id"].as_str().unwrap();
    let added = json(&place, &["clients", "add", "job", "--allow", "google", "--json"]);
    let key = added["key"].as_str().unwrap();
    let vend = |node: &Node, request: &Value| -> String {
        let head = format!("Authorization: Bearer {key}\r\nContent-Type: application/json\r\n");
        let path = format!("POST /v1/users/{user}/grants/google/token");
        let answer = ask(&node.address, PUBLIC, &path, &head, &request.to_string());
        assert_eq!(answer.status(), 200, "{}", answer.0);
        body(&answer)["access_token"].as_str().unwrap().to_owned()
    };
    let stale = |token: &str| serde_json::json!({ "stale_token_sha256": HEXLOWER.encode(&sha256(token.as_bytes())) });
    let first = vend(&node, &serde_json::json!({}));
    json(&place, &["backup", "--to", "copy.db", "--json"]);
    let generation =
        || place.with_store(async |store| store.grants(None, 1).await.unwrap()[0].generation);
    let copied = generation();
    // The refresh token of the copy is dead from here on.
    let second = vend(&node, &stale(&first));

    drop(node);
    place.lose_database();
    json(&place, &["restore", "copy.db", "--json"]);
    let node = place.serve();
    let in_a_minute = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        generation() == copied + 1
    });
    assert!(in_a_minute, "the journal's answer does not come to its row");

    vend(&node, &stale(&second));
    assert_eq!(place.count("refresh_refused"), 0);
    assert_eq!(place.count("token_refreshed"), 2);
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(answer.0.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn st_7_on_postgresql_the_tools_are_named() {
    let place = Place::without_tables();
    let database = Database::fresh();
    place.configure(&database.url(), &place.provider(place.emulator.origin(), "GOCSPX-a-secret"));
    for (arguments, words) in [(&["backup"][..], "pg_dump"), (&["restore", "x"], "pg_restore")] {
        let refused = place.run(arguments);
        assert_eq!(refused.status.code(), Some(1));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(words) && said.contains("docs/backup.md"), "{said}");
    }
}
