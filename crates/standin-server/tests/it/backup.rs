//! `standin backup` and `standin restore` from outside.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use standin_store::postgres::testing::Database;

use crate::drive::sign_in;
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

#[test]
#[ignore = "needs a PostgreSQL server"]
fn st_7_for_a_server_the_tools_are_named() {
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
