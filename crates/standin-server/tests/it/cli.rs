//! The binary from outside: exit codes, what goes to stdout, and a service that starts and stops.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

fn standin(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

fn run(directory: &Path, arguments: &[&str]) -> Output {
    standin(directory).args(arguments).output().unwrap()
}

fn json(directory: &Path, arguments: &[&str]) -> Value {
    let output = run(directory, arguments);
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A directory in which `standin init` ran, with a provider that needs no file.
fn place() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    assert!(run(place.path(), &["init"]).status.success());
    let path = place.path().join("standin.toml");
    let text = fs::read_to_string(&path).unwrap();
    let start = text.find("client_secret_json").unwrap();
    let end = start + text[start..].find('\n').unwrap();
    let registration = "client_id = \"id\"\nclient_secret = \"canary-secret\"";
    fs::write(&path, format!("{}{registration}{}", &text[..start], &text[end..])).unwrap();
    place
}

#[test]
fn exit_codes_tell_failure_from_wrong_use() {
    let empty = tempfile::tempdir().unwrap();
    for (arguments, code) in [
        (&["--version"][..], 0),
        (&["no-such-command"], 2),
        (&["clients", "add"], 2),
        (&["clients", "add", "x", "--allow", "Not A Rule"], 2),
        (&["serve"], 1),
        (&["serve", "--config", "absent.toml"], 1),
        (&["check"], 1),
        (&["healthcheck", "--operator", "127.0.0.1:1"], 1),
    ] {
        let output = run(empty.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
        assert_eq!(output.stderr.is_empty(), code == 0 || arguments == ["check"], "{output:?}");
    }
}

#[test]
fn init_writes_for_its_owner_only_and_never_twice() {
    let place = tempfile::tempdir().unwrap();
    let written = json(place.path(), &["init", "--dir", "etc", "--json"]);
    for (key, name) in [("config", "standin.toml"), ("keys", "keys.toml")] {
        let path = place.path().join("etc").join(name);
        assert!(written[key].as_str().unwrap().ends_with(name));
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let keys = fs::read(place.path().join("etc/keys.toml")).unwrap();
    assert_eq!(run(place.path(), &["init", "--dir", "etc"]).status.code(), Some(1));
    assert_eq!(fs::read(place.path().join("etc/keys.toml")).unwrap(), keys);
}

#[test]
fn ls_5_config_print_masks_secrets_wherever_they_come_from() {
    let place = place();
    for arguments in [&["config", "print"][..], &["config", "print", "--json"]] {
        let output = standin(place.path())
            .args(arguments)
            .env("STANDIN__PROVIDER__0__CLIENT_SECRET", "canary-of-env")
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("***") && !text.contains("canary"), "{text}");
    }
}

#[test]
fn a_client_is_added_listed_and_revoked_and_its_key_shown_once() {
    let place = place();
    let path = place.path();
    let loud = run(path, &["clients", "add", "everything"]);
    assert!(String::from_utf8_lossy(&loud.stderr).contains("WARNING"), "{loud:?}");
    let narrow = run(path, &["clients", "add", "narrow", "--allow", "google:openid", "--json"]);
    assert!(narrow.stderr.is_empty(), "{narrow:?}");
    let added: Value = serde_json::from_slice(&narrow.stdout).unwrap();
    let key = added["key"].as_str().unwrap();
    assert!(key.starts_with("sk_") && key.len() == 46, "{key}");
    let listed = json(path, &["clients", "list", "--json"]);
    assert_eq!(listed[1]["allow"], serde_json::json!(["google:openid"]));
    assert!(!listed.to_string().contains(key));
    let id = added["id"].as_str().unwrap();
    assert_eq!(json(path, &["clients", "revoke", id, "--json"])["revoked"], true);
    assert_eq!(run(path, &["clients", "revoke", id]).status.code(), Some(1));
    assert_eq!(json(path, &["clients", "list", "--json"]).as_array().unwrap().len(), 1);
}

#[test]
fn an_empty_database_has_no_users_and_no_grants() {
    let place = place();
    assert_eq!(json(place.path(), &["users", "list", "--json"]), serde_json::json!([]));
    assert_eq!(json(place.path(), &["grants", "list", "--json"]), serde_json::json!([]));
    for arguments in [&["users", "show", "google:1"][..], &["users", "show", "nobody"]] {
        assert_eq!(run(place.path(), arguments).status.code(), Some(1));
    }
}

#[test]
fn check_names_each_part_that_is_not_well() {
    let place = place();
    let path = place.path();
    let of = |findings: &Value| -> Vec<(String, bool)> {
        let list = findings.as_array().unwrap().iter();
        list.map(|one| (one["check"].as_str().unwrap().to_owned(), one["ok"].as_bool().unwrap()))
            .collect()
    };
    let before: Value = serde_json::from_slice(&run(path, &["check", "--json"]).stdout).unwrap();
    assert!(of(&before).contains(&("database".to_owned(), false)), "{before}");
    assert!(run(path, &["migrate"]).status.success());
    let after = json(path, &["check", "--json"]);
    assert!(of(&after).iter().all(|(_, ok)| *ok), "{after}");
    fs::set_permissions(path.join("keys.toml"), fs::Permissions::from_mode(0o644)).unwrap();
    let open: Value = serde_json::from_slice(&run(path, &["check", "--json"]).stdout).unwrap();
    assert!(of(&open).contains(&("key file".to_owned(), false)), "{open}");
}

/// A service that is killed with its test.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn serve_says_that_it_is_ready_answers_probes_and_stops_when_told() {
    let place = place();
    let ports = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
    let child = standin(place.path()).arg("serve").args(ports).stdout(Stdio::piped()).spawn();
    let mut service = Service(child.unwrap());
    let mut line = String::new();
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let operator = ready["operator"].as_str().unwrap().trim_start_matches("http://");
    assert!(ready["public"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert_eq!(
        json(place.path(), &["healthcheck", "--operator", operator, "--json"])["healthy"],
        true
    );
    let id = service.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(service.0.wait().unwrap().success());
}

#[test]
fn the_emulator_takes_a_client_file_as_it_is_and_two_origins() {
    let place = tempfile::tempdir().unwrap();
    let file =
        r#"{"web":{"client_id":"1-a.apps.googleusercontent.com","client_secret":"GOCSPX-x"}}"#;
    fs::write(place.path().join("client_secret.json"), file).unwrap();
    let arguments = [
        "emulator",
        "--listen=127.0.0.1:0",
        "--client-file=client_secret.json",
        "--origin=http://emulator:9090",
        "--browser-origin=http://localhost:9090",
        "--json",
    ];
    let child = standin(place.path()).args(arguments).stdout(Stdio::piped()).spawn();
    let mut service = Service(child.unwrap());
    let mut line = String::new();
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let listen = ready["listen"].as_str().unwrap();
    assert!(listen.parse::<SocketAddr>().unwrap().ip().is_loopback() && !listen.ends_with(":0"));
    let expected = serde_json::json!({
        "emulator": "http://emulator:9090",
        "listen": listen,
        "client_id": "1-a.apps.googleusercontent.com",
        "client_secret": "GOCSPX-x",
    });
    assert_eq!(ready, expected);
}

#[test]
fn em_2_the_emulator_stays_on_this_machine_unless_told_otherwise() {
    let place = tempfile::tempdir().unwrap();
    let output = run(place.path(), &["emulator", "--listen", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("0.0.0.0:0") && text.contains("--allow-beyond-loopback"), "{text}");
}
