//! What a process says on stderr while strangers try to write there, and what its command line says of its secrets.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use clap::CommandFactory as _;
use serde_json::Value;
use standin_server::cli::Cli;

use crate::nodes::{Cluster, PUBLIC, ask};

const LOUD: &str = "trace";

/// A process of the cluster of its own, whose stderr is kept in a file.
struct Speaking {
    child: Child,
    address: String,
    log: std::path::PathBuf,
}

impl Drop for Speaking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Speaking {
    fn start(directory: &Path, format: &str, level: &str, more: &[(&str, &str)]) -> Self {
        let log = directory.join(format!("log-{format}"));
        let ports = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
        command.current_dir(directory).env_clear().stdin(Stdio::null()).arg("serve").args(ports);
        command.env("STANDIN__LOG__LEVEL", level).env("STANDIN__LOG__FORMAT", format);
        command.envs(more.iter().copied());
        command.stdout(Stdio::piped()).stderr(fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let address = ready["public"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Self { child, address, log }
    }

    /// All it has said, when it has ended as it should.
    fn end(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        fs::read_to_string(&self.log).unwrap()
    }

    /// What strangers send: line breaks, colours and text that turns around, wherever a request has room for it.
    fn suffer(&self) {
        let escaped = "x%0d%0a2026-11-22T00:00:00.000000Z%20ERROR%20forged%1b%5b31m%e2%80%ae";
        for path in [
            format!("/auth/google/callback?state={escaped}&code={escaped}"),
            format!("/auth/google/callback?error={escaped}&state=x"),
            format!("/auth/google/login?login_hint={escaped}&scope={escaped}"),
            format!("/auth/{escaped}/login"),
            format!("/{escaped}"),
        ] {
            ask(&self.address, PUBLIC, &format!("GET {path}"), "User-Agent: calm\r\n", "");
        }
        let hostile = "User-Agent: x\t2026 ERROR forged\u{9b}31m\u{202e}\u{2028}\r\n\
            Cookie: __Host-standin=\u{202e}forged; forged=\u{85}\r\nX-Request-Id: forged\u{2066}\r\n\
            X-Forwarded-For: forged\u{202e}\r\nReferer: http://forged\u{202e}/\r\n";
        for path in ["/auth/session", "/account", "/auth/google/login"] {
            ask(&self.address, PUBLIC, &format!("GET {path}"), hostile, "");
        }
        let job = format!(
            "{hostile}Authorization: Bearer sk_forged\u{202e}\r\nContent-Type: application/json\r\n"
        );
        let purpose = "{\"purpose\":\"forged\\r\\n2026 ERROR\\u001b[31m\\u202e\"}";
        ask(&self.address, PUBLIC, "POST /v1/users/x%0aforged/grants/google/token", &job, purpose);
    }
}

/// Whatever could end a line, colour it or turn it around.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// With what differs from run to run taken out.
fn golden(line: &str) -> String {
    let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    "TIME".clone_into(&mut words[0]);
    for word in &mut words {
        for (field, value) in [("duration_us=", "N"), ("request.id=", "ID")] {
            if word.starts_with(field) {
                *word = format!("{field}{value}");
            }
        }
    }
    words.join(" ")
}

#[test]
fn ls_3_strangers_write_no_lines_in_the_text_log() {
    let cluster = Cluster::on_sqlite();
    let node = Speaking::start(cluster.directory.path(), "text", LOUD, &[]);
    node.suffer();
    let log = node.end();
    for line in log.lines() {
        assert!(!line.contains(is_dangerous), "{line:?}");
        let begins = line.len() > 27 && line.as_bytes()[26] == b'Z' && line.as_bytes()[10] == b'T';
        assert!(begins && !line[28..].trim_start().starts_with("ERROR forged"), "{line}");
    }
    let ours = |line: &&str| line.contains(" standin::access: ") || line.contains("standin_axum::");
    let lines: Vec<_> = log.lines().filter(ours).map(golden).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn ls_3_strangers_write_no_lines_in_the_json_log() {
    let cluster = Cluster::on_sqlite();
    let node = Speaking::start(cluster.directory.path(), "json", LOUD, &[]);
    node.suffer();
    let mut lines = Vec::new();
    for line in node.end().lines() {
        assert!(!line.contains(is_dangerous), "{line:?}");
        let mut event: Value =
            serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
        let target = event["target"].as_str().unwrap().to_owned();
        if target == "standin::access" || target.starts_with("standin_axum") {
            for (field, value) in
                [("timestamp", "TIME"), ("duration_us", "N"), ("request.id", "ID")]
            {
                if event[field] != Value::Null {
                    event[field] = value.into();
                }
            }
            lines.push(event.to_string());
        }
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn ls_5_a_process_shows_no_secret_in_its_command_line() {
    let cluster = Cluster::on_sqlite();
    let secrets = [("STANDIN__PROVIDER__0__CLIENT_SECRET", "canary-of-the-environment")];
    let node = Speaking::start(cluster.directory.path(), "text", "info", &secrets);
    let mut line = Vec::new();
    let file = format!("/proc/{}/cmdline", node.child.id());
    fs::File::open(file).unwrap().read_to_end(&mut line).unwrap();
    let line = String::from_utf8(line).unwrap();
    assert!(line.contains("serve"), "{line:?}");
    let keys = fs::read_to_string(cluster.directory.path().join("keys.toml")).unwrap();
    for key in keys.split('"').filter(|part| part.len() == 44) {
        assert!(!line.contains(key));
    }
    assert!(!line.contains("canary") && !line.contains("secret"), "{line:?}");
    assert!(!node.end().contains("canary"));
}

/// Every command and argument there is: what is secret can be named by a file, and by nothing else.
#[test]
fn ls_5_no_argument_takes_a_secret() {
    let mut commands = vec![Cli::command()];
    let mut seen = 0;
    while let Some(command) = commands.pop() {
        for argument in
            command.get_arguments().filter(|argument| argument.get_action().takes_values())
        {
            let name = argument.get_id().as_str().to_lowercase();
            let value = argument.get_value_names().unwrap_or_default().join(" ");
            let words = ["secret", "password", "token", "key", "credential", "database"];
            let is_secret = name.split('_').any(|part| words.contains(&part));
            let is_place = value.contains("FILE") || value.contains("DIR");
            assert!(!is_secret || is_place, "{} --{name} {value}", command.get_name());
            seen += 1;
        }
        commands.extend(command.get_subcommands().cloned());
    }
    assert!(seen > 20, "{seen}");
}
