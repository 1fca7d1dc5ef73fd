//! `standin risc …` against the emulator: the command signs with the service account's key, the provider
//! checks it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use http::{HeaderMap, Method};
use serde_json::{Value, json};
use standin::http::{AddressPolicy, HttpClient as _, Request, ReqwestClient};
use standin_emulator::Emulator;
use tempfile::TempDir;

fn standin(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.current_dir(directory).env_clear().stdin(Stdio::null()).args(arguments);
    command.output().unwrap()
}

/// A configuration whose provider is the emulator, and the key file `robot.json`.
async fn place(emulator: &Emulator) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    assert!(standin(place.path(), &["init"]).status.success());
    let text = format!(
        r#"
public_url = "http://127.0.0.1:1"
[database]
url = "sqlite://{}/standin.db"
[keys]
file = "keys.toml"
[[provider]]
id = "google"
kind = "google"
issuer = "{}"
client_id = "{}"
client_secret = "{}"
"#,
        place.path().display(),
        emulator.origin(),
        emulator.client_id(),
        emulator.client_secret(),
    );
    fs::write(place.path().join("standin.toml"), text).unwrap();
    fs::write(place.path().join("robot.json"), robot(emulator).await).unwrap();
    place
}

/// The key file of a service account.
async fn robot(emulator: &Emulator) -> Vec<u8> {
    let client = ReqwestClient::new(AddressPolicy::public().and_loopback()).unwrap();
    let email = "robot@emulated-project.iam.gserviceaccount.com";
    let request = Request {
        method: Method::PUT,
        url: format!("{}/_emulator/service-accounts", emulator.origin()).parse().unwrap(),
        headers: HeaderMap::new(),
        body: json!({ "email": email }).to_string().into(),
        max_response_bytes: 65_536,
    };
    client.send(request).await.unwrap().body.to_vec()
}

/// What a command with that key file answers.
fn risc(place: &TempDir, arguments: &[&str]) -> Output {
    let account = ["--service-account", "robot.json"];
    standin(place.path(), &[&["risc"], arguments, &account[..]].concat())
}

fn json_of(output: &Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stream_of_security_events_is_set_up_by_a_service_account() {
    let emulator = Emulator::builder().start().await.unwrap();
    let place = place(&emulator).await;

    let early = risc(&place, &["status"]);
    assert_eq!(early.status.code(), Some(1));
    let told = String::from_utf8(early.stderr).unwrap();
    assert!(told.contains("Project has no RISC configuration."), "{told}");

    let stream = json_of(&risc(&place, &["register", "--json"]));
    assert_eq!(stream["delivery"]["url"], "http://127.0.0.1:1/auth/google/risc");
    assert_eq!(stream["events_requested"].as_array().unwrap().len(), 6);
    let status = json_of(&risc(&place, &["status", "--json"]));
    assert_eq!(status, json!({ "status": "enabled" }));
    let verify = risc(&place, &["verify", "--state", "hello"]);
    assert!(String::from_utf8(verify.stdout).unwrap().contains("\"hello\""));

    let elsewhere = ["register", "--url", "http://app.example.com/risc"];
    let refused = risc(&place, &elsewhere);
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("The delivery endpoint must be an HTTPS URL."), "{told}");
    let url = format!("sqlite://{}/standin.db", place.path().display());
    let events = standin_store::open(&url).await.unwrap().events(0, 100).await.unwrap();
    let told: Vec<_> = events.iter().map(|s| (s.event.kind, s.event.detail.as_deref())).collect();
    let once = [(standin::store::EventKind::StreamRegistered, Some("google"))];
    assert_eq!(told, once, "ls_6: the one that was registered, and not the one that was refused");
    let no_key = standin(place.path(), &["risc", "status", "--service-account", "standin.toml"]);
    let told = String::from_utf8(no_key.stderr).unwrap();
    assert!(told.contains("not the key file of a service account"), "{told}");
}
