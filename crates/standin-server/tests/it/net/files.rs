//! A process that has run out of file descriptors accepts again when there are some (fault D33, requirement HH-3).

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{ChildStderr, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::nodes::{Answer, Node, ask};

const PUBLIC: &str = "127.0.0.1:1";
/// So many files it may have, and so many connections it gets.
const FILES: u32 = 64;
const CROWD: usize = 200;

fn start(directory: &std::path::Path) -> (Node, BufReader<ChildStderr>) {
    let limited = format!("ulimit -n {FILES} && exec \"$0\" \"$@\"");
    let ports = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
    let mut command = Command::new("sh");
    command.current_dir(directory).args(["-c", &limited, env!("CARGO_BIN_EXE_standin"), "serve"]);
    command.args(ports).env_clear().env("STANDIN__LOG__LEVEL", "warn").stdin(Stdio::null());
    // Those who say nothing stay until they are let go.
    command.env("STANDIN__LIMITS__FIRST_BYTE_TIMEOUT", "1h");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    let address =
        |name: &str| ready[name].as_str().unwrap().trim_start_matches("http://").to_owned();
    let (address, operator) = (address("public"), address("operator"));
    let log = BufReader::new(child.stderr.take().unwrap());
    (Node { child, address, operator }, log)
}

fn configured() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let text = format!(
        "public_url = \"http://{PUBLIC}\"\n[database]\nurl = \"sqlite://{}/standin.db\"\n[keys]\n\
         file = \"keys.toml\"\n[[provider]]\nid = \"google\"\nkind = \"google\"\n\
         client_id = \"id\"\nclient_secret = \"secret\"\n",
        directory.path().display(),
    );
    let mut init = Command::new(env!("CARGO_BIN_EXE_standin"));
    assert!(init.current_dir(directory.path()).env_clear().arg("init").status().unwrap().success());
    fs::write(directory.path().join("standin.toml"), text).unwrap();
    directory
}

fn is_full(log: &mut BufReader<ChildStderr>) {
    let mut line = String::new();
    while !line.contains("cannot accept connections") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the process has ended");
    }
    assert!(line.contains("os error 24"), "{line}");
}

fn session(node: &Node) -> Answer {
    ask(&node.address, PUBLIC, "GET /auth/session", "Cookie: __Host-standin=x\r\n", "")
}

#[test]
fn hh_3_d33_a_process_without_file_descriptors_accepts_again_when_there_are_some() {
    let directory = configured();
    let (mut node, mut log) = start(directory.path());
    let mut crowd: Vec<_> =
        (0..CROWD).map(|_| TcpStream::connect(&node.address).unwrap()).collect();
    is_full(&mut log);

    // One place at a time comes free, and whoever waits in the queue of the kernel has it.
    crowd.drain(..CROWD / 2);
    assert!(node.child.try_wait().unwrap().is_none(), "the process has ended");
    crowd.clear();

    // The database may have gone without a file for a moment.
    let served = (0..100).find(|_| {
        let answer = session(&node);
        std::thread::sleep(Duration::from_millis(50));
        answer.status() == 401
    });
    assert!(served.is_some(), "nobody is served any more");
}
