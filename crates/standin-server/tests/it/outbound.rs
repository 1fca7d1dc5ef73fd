//! The service as an operator runs it, with a provider whose name leads where it must not (requirement HH-7).

use std::fs;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A service behind an https `public_url`, with the provider `inside` at `https://localhost:{port}`.
pub(crate) fn place(port: u16, more: &str) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let init = standin(place.path()).args(["init"]).output().unwrap();
    assert!(init.status.success(), "{init:?}");
    let text = format!(
        r#"
public_url = "https://app.example.com"
[database]
url = "sqlite://{}/standin.db"
[keys]
file = "keys.toml"
[[provider]]
id = "inside"
kind = "oidc"
issuer = "https://localhost:{port}"
client_id = "id"
client_secret = "canary-secret"
{more}
"#,
        place.path().display()
    );
    fs::write(place.path().join("standin.toml"), text).unwrap();
    place
}

fn standin(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

/// A service that is killed with its test.
pub(crate) struct Service {
    child: Child,
    public: String,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Service {
    fn start(directory: &Path) -> Self {
        Self::start_with(directory, &[])
    }

    /// With more in its environment.
    pub(crate) fn start_with(directory: &Path, environment: &[(&str, &str)]) -> Self {
        let ports = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
        let mut command = standin(directory);
        command.arg("serve").args(ports).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A proxy of the environment would be another way out.
        command.env("HTTPS_PROXY", "http://127.0.0.1:1").env("ALL_PROXY", "http://127.0.0.1:1");
        let mut child = command.envs(environment.iter().copied()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let public = ready["public"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Self { child, public }
    }

    /// A visitor presses the button.
    pub(crate) fn sign_in(&self) -> String {
        let mut stream = TcpStream::connect(&self.public).unwrap();
        let request =
            "GET /auth/inside/login HTTP/1.1\r\nhost: app.example.com\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn log(mut self) -> String {
        self.child.kill().unwrap();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }
}

#[test]
fn hh_7_a_name_that_leads_to_this_machine_is_refused_and_the_operator_is_told() {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let place = place(trap.local_addr().unwrap().port(), "");
    let service = Service::start(place.path());

    let answer = service.sign_in();

    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains("provider_address_refused"), "{answer}");
    assert!(!answer.contains("127.0.0.1") && !answer.contains("::1"), "{answer}");
    let log = service.log();
    for told in
        ["provider_address_refused", "inside", "is a loopback address", "outbound.allow_networks"]
    {
        assert!(log.contains(told), "{told} is missing: {log}");
    }
    let check = standin(place.path()).arg("check").output().unwrap();
    assert_eq!(check.status.code(), Some(1));
    let findings = String::from_utf8(check.stdout).unwrap();
    let finding = findings.lines().find(|line| line.contains("inside")).unwrap();
    assert!(finding.starts_with("failed  provider "), "{finding}");
    assert!(finding.contains("inside: localhost: "), "{finding}");
    assert!(finding.contains("outbound.allow_networks"), "{finding}");
    assert_eq!(trap.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn hh_7_what_the_operator_names_is_talked_to_directly() {
    let provider = TcpListener::bind("127.0.0.1:0").unwrap();
    let named = "[outbound]\nallow_networks = [\"127.0.0.0/8\"]";
    let place = place(provider.local_addr().unwrap().port(), named);
    let service = Service::start(place.path());
    // It is reached, and hangs up: there is no TLS here.
    let hang_up = std::thread::Builder::new().spawn(move || provider.accept().is_ok()).unwrap();

    let answer = service.sign_in();

    assert!(answer.contains("provider_unavailable"), "{answer}");
    assert!(hang_up.join().unwrap());
    let check = standin(place.path()).args(["check", "--json"]).output().unwrap();
    let findings: Value = serde_json::from_slice(&check.stdout).unwrap();
    let findings = findings.as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["check"] == "provider").unwrap();
    assert_eq!(finding["ok"], true, "{finding}");
    assert_eq!(finding["detail"], "inside: its issuer localhost is at 127.0.0.1");
}
