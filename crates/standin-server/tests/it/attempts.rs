//! `standin attempts`: receipts of a real database, as they are printed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use standin::receipt::Offline;
use standin::store::conformance::samples::{attempt_id, receipt, sign_in, user};
use standin::store::{ReceiptKind, ReceiptRow, SignIn};
use tempfile::TempDir;

fn standin(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.current_dir(directory).env_clear().stdin(Stdio::null()).args(arguments);
    command.output().unwrap()
}

fn text(directory: &Path, arguments: &[&str]) -> String {
    let output = standin(directory, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json_of(directory: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&text(directory, arguments)).unwrap()
}

const STEPS: &str = r#"[
    {"at_ms":0,"step":"begun","facts":[["provider","google"],["prompt","none"]]},
    {"at_ms":12345,"step":"answer","facts":[["code","73 bytes"]],"checks":[
        {"check":"cookie of the attempt","requirement":"CB-2","expected":"one of this state","came":"one","passed":true},
        {"check":"issuer of the answer","requirement":"CB-5","expected":"https://accounts.google.com","came":"https://evil.example","passed":false}
    ]}
]"#;

/// A configuration, and a database with one sign-in and one failure.
async fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let (database, keys) = (place.path().join("standin.db"), place.path().join("keys.toml"));
    let config = format!(
        "public_url = \"https://app.example.com\"\n[database]\nurl = \"sqlite://{}\"\n\
         [keys]\nfile = \"{}\"\n[[provider]]\nid = \"google\"\nkind = \"google\"\n\
         client_id = \"id\"\nclient_secret = \"secret\"\n",
        database.display(),
        keys.display()
    );
    fs::write(place.path().join("standin.toml"), config).unwrap();
    let store = standin_store::open(&format!("sqlite://{}", database.display())).await.unwrap();
    let kind = ReceiptKind::Done;
    let offline = Some(Offline::NotAsked);
    let done = Some(ReceiptRow { kind, offline, code: None, ..receipt(1) });
    store.complete_sign_in(SignIn { receipt: done, ..sign_in(1) }).await.unwrap();
    let code = Some("issuer_mismatch".to_owned());
    let failed = ReceiptRow { code, steps: STEPS.to_owned(), ..receipt(12_400) };
    store.put_receipt(failed).await.unwrap();
    place
}

#[tokio::test]
async fn a_receipt_is_printed_with_its_steps_its_checks_and_what_they_come_to() {
    let place = place().await;
    let id = attempt_id(12_400).to_string();
    let printed = text(place.path(), &["attempts", "show", &id]);
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], format!("{id}  google  failed: issuer_mismatch"));
    assert!(lines[1].starts_with("begun 2025-12-") && lines[1].ends_with(", ended after 12.4 s"));
    assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>()[..3], ["+0", "ms", "begun"]);
    assert!(lines[3].ends_with("  provider: google, prompt: none"), "{printed}");
    assert_eq!(
        lines[5..7],
        [
            "         ✓ cookie of the attempt  CB-2  one of this state            one",
            "         ✗ issuer of the answer   CB-5  https://accounts.google.com  https://evil.example"
        ]
    );
    assert!(lines[8].starts_with("Not signed in: the answer comes from another provider"));
    let shown = json_of(place.path(), &["attempts", "show", &id, "--json"]);
    assert_eq!(shown["status"], "failed");
    assert_eq!(shown["steps"][1]["checks"][1]["requirement"], "CB-5");
    assert_eq!(shown["conclusion"][1], printed.lines().rev().nth(1).unwrap());

    let printed = text(place.path(), &["attempts", "show", &attempt_id(1).to_string()]);
    let signed_in = format!("Signed in: {}, who is new here.", user(1));
    assert!(printed.contains(&signed_in), "{printed}");
    assert!(printed.contains("Offline access: no: the provider was not asked for it"), "{printed}");

    let unknown = standin(place.path(), &["attempts", "show", &attempt_id(9).to_string()]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("attempts.keep"), "{unknown:?}");
    assert_eq!(standin(place.path(), &["attempts", "show", "x"]).status.code(), Some(2));
}

#[tokio::test]
async fn attempts_are_listed_by_what_came_of_them_where_and_whose_they_are() {
    let place = place().await;
    let ids = |arguments: &[&str]| {
        let arguments = [&["attempts", "list", "--json"], arguments].concat();
        let rows = json_of(place.path(), &arguments);
        let ids = rows.as_array().unwrap().iter().map(|row| row["attempt"].clone());
        ids.collect::<Vec<_>>()
    };
    let (done, failed) = (json!(attempt_id(1)), json!(attempt_id(12_400)));
    assert_eq!(ids(&[]), [failed.clone(), done.clone()]);
    assert_eq!(ids(&["--limit", "1"]), std::slice::from_ref(&failed));
    assert_eq!(ids(&["--failed"]), std::slice::from_ref(&failed));
    assert_eq!(ids(&["--user", &user(1).to_string()]), std::slice::from_ref(&done));
    assert_eq!(ids(&["--provider", "other"]), [] as [Value; 0]);
    let table = text(place.path(), &["attempts", "list"]);
    assert!(table.contains("issuer_mismatch") && table.contains("not_asked"), "{table}");
}
