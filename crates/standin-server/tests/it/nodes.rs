//! Three processes on one database: what counts once counts once among all of them.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use standin_emulator::Emulator;
use standin_store::postgres::testing::Database;
use tempfile::TempDir;
use tokio::runtime::Runtime;

pub(crate) const PUBLIC: &str = "127.0.0.1:1";

/// The service that people know as one, its processes, and the provider.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) emulator: Emulator,
    pub(crate) database_url: String,
    pub(crate) directory: TempDir,
    /// Where the rows are, unless they are in the directory.
    _database: Option<Database>,
    /// The emulator lives in it.
    _runtime: Runtime,
}

/// A process that ends with its test.
pub(crate) struct Node {
    pub(crate) child: Child,
    pub(crate) address: String,
    /// Where operators are answered.
    pub(crate) operator: String,
}

/// What a cluster is made of.
pub(crate) struct Setup {
    pub(crate) directory: TempDir,
    /// A file in the directory, if there is none.
    pub(crate) database_url: Option<String>,
    pub(crate) nodes: usize,
    /// Where the service finds the provider, if something is in between.
    pub(crate) origin: Option<String>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), database_url: None, nodes: 3, origin: None }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer of a node or of the provider.
pub(crate) struct Answer(pub(crate) String);

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).first().copied()
    }

    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let head = self.0.split("\r\n\r\n").next().unwrap_or_default();
        let pairs = head.lines().filter_map(|line| line.split_once(": "));
        let named = pairs.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value).collect()
    }

    /// Every cookie that was set and not ended: its name and value.
    pub(crate) fn cookies(&self) -> Vec<String> {
        let set = self.headers("set-cookie").into_iter();
        let set = set.filter(|cookie| !cookie.contains("Max-Age=0"));
        set.filter_map(|cookie| cookie.split(';').next().map(str::to_owned)).collect()
    }

    /// A cookie that was set: its name and value.
    pub(crate) fn cookie(&self, prefix: &str) -> Option<String> {
        let mut set = self.headers("set-cookie").into_iter();
        let is_it = |cookie: &&str| cookie.starts_with(prefix) && !cookie.contains("Max-Age=0");
        let cookie = set.find(is_it)?;
        cookie.split(';').next().map(str::to_owned)
    }
}

pub(crate) fn ask(address: &str, host: &str, request: &str, lines: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    Answer(answer)
}

impl Node {
    pub(crate) fn start(directory: &Path) -> Self {
        Self::start_with(directory, &[])
    }

    /// With something else than the others in its environment.
    pub(crate) fn start_with(directory: &Path, environment: &[(&str, &str)]) -> Self {
        let ports = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
        command.current_dir(directory).env_clear().stdin(Stdio::null()).arg("serve").args(ports);
        command.env("STANDIN__LOG__LEVEL", "warn").envs(environment.iter().copied());
        let log = OpenOptions::new().create(true).append(true).open(directory.join("log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        let address = |listener: &str| {
            ready[listener].as_str().unwrap().trim_start_matches("http://").to_owned()
        };
        Self { child, address: address("public"), operator: address("operator") }
    }

    pub(crate) fn get(&self, path: &str, cookie: &str) -> Answer {
        let lines = format!("Cookie: {cookie}\r\n");
        ask(&self.address, PUBLIC, &format!("GET {path}"), &lines, "")
    }

    fn post(&self, path: &str, cookie: &str) -> Answer {
        let lines = format!(
            "Cookie: {cookie}\r\nOrigin: http://{PUBLIC}\r\nX-Requested-With: test\r\nContent-Type: application/json\r\n"
        );
        ask(&self.address, PUBLIC, &format!("POST {path}"), &lines, "{}")
    }
}

/// Goes from our sign-in to the provider's answer: where that arrives, and the cookie that it belongs to.
pub(crate) fn answer_of(address: &str, emulator: &Emulator) -> (String, String) {
    let begun = ask(address, PUBLIC, "GET /auth/google/login", "Cookie: a=b\r\n", "");
    led_through(begun, emulator).unwrap_or_else(|answer| panic!("{}", answer.0))
}

/// The same, from where an answer of ours sends a browser; that answer, if it is not to the provider.
pub(crate) fn led_through(begun: Answer, emulator: &Emulator) -> Result<(String, String), Answer> {
    let Some(cookie) = begun.cookie("__Host-standin-att-") else { return Err(begun) };
    let mut location = begun.header("location").unwrap().to_owned();
    let provider = emulator.address().to_string();
    while let Some(path) = location.strip_prefix(emulator.origin()) {
        let answer = ask(&provider, &provider, &format!("GET {path}"), "", "");
        let next = answer.header("location").unwrap_or_else(|| panic!("{}", answer.0));
        location = match next.strip_prefix('/') {
            Some(_) => format!("{}{next}", emulator.origin()),
            None => next.to_owned(),
        };
    }
    let path = location.strip_prefix(&format!("http://{PUBLIC}")).unwrap().to_owned();
    Ok((path, cookie))
}

impl Cluster {
    pub(crate) fn on_sqlite() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn on_postgres() -> Self {
        Self::on(Database::fresh())
    }

    pub(crate) fn on(database: Database) -> Self {
        let setup = Setup { database_url: Some(database.url()), ..Setup::default() };
        Self { _database: Some(database), ..Self::with(setup) }
    }

    /// On a database that is somebody else's to look after.
    pub(crate) fn at(url: String) -> Self {
        Self::with(Setup { database_url: Some(url), ..Setup::default() })
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let Setup { directory, database_url, nodes, origin } = setup;
        let runtime = Runtime::new().unwrap();
        let callback = format!("http://{PUBLIC}/auth/google/callback");
        let builder = Emulator::builder().redirect_uri(callback);
        let builder = match origin {
            Some(origin) => builder.origin(origin),
            None => builder,
        };
        let emulator = runtime.block_on(builder.start()).unwrap();
        let init = Command::new(env!("CARGO_BIN_EXE_standin"))
            .current_dir(directory.path())
            .env_clear()
            .arg("init")
            .output()
            .unwrap();
        assert!(init.status.success(), "{init:?}");
        let in_a_file = || format!("sqlite://{}/standin.db", directory.path().display());
        let database_url = database_url.unwrap_or_else(in_a_file);
        let text = format!(
            "public_url = \"http://{PUBLIC}\"\n[database]\nurl = \"{database_url}\"\n[keys]\n\
             file = \"keys.toml\"\n[[provider]]\nid = \"google\"\nkind = \"google\"\nissuer = \"{}\"\n\
             client_id = \"{}\"\nclient_secret = \"{}\"\n",
            emulator.origin(),
            emulator.client_id(),
            emulator.client_secret(),
        );
        fs::write(directory.path().join("standin.toml"), text).unwrap();
        let nodes = (0..nodes).map(|_| Node::start(directory.path())).collect();
        let cluster =
            Self { nodes, emulator, database_url, directory, _database: None, _runtime: runtime };
        cluster.control("PUT", "autopilot", r#"{"user":"ada@example.com","decision":"allow"}"#);
        cluster
    }

    /// What the processes have logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    pub(crate) fn control(&self, method: &str, path: &str, body: &str) -> Value {
        let address = self.emulator.address().to_string();
        let request = format!("{method} /_emulator/{path}");
        let json = "Content-Type: application/json\r\n";
        let answer = ask(&address, &address, &request, json, body);
        assert_eq!(answer.status() / 100, 2, "{}", answer.0);
        let body = answer.0.split_once("\r\n\r\n").unwrap().1;
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    pub(crate) fn count(&self, kind: &str) -> usize {
        let ledger = self.control("GET", "ledger?after=0", "");
        ledger["events"].as_array().unwrap().iter().filter(|event| event["kind"] == kind).count()
    }

    /// Where the provider's answer arrives, and the cookie that it belongs to.
    pub(crate) fn answered(&self) -> (String, String) {
        answer_of(&self.nodes[0].address, &self.emulator)
    }

    /// The same, begun at this process; what it answers if that is no.
    pub(crate) fn try_answered(&self, node: usize) -> Result<(String, String), Answer> {
        led_through(self.nodes[node].get("/auth/google/login", "a=b"), &self.emulator)
    }

    fn sessions(&self) -> usize {
        let count = async {
            let store = standin_store::open(&self.database_url).await.unwrap();
            let users = store.users(None, 10).await.unwrap();
            store.sessions_of(users[0].id).await.unwrap().len()
        };
        Runtime::new().unwrap().block_on(count)
    }
}

#[test]
fn cb_3_fifty_callbacks_at_three_processes_make_one_exchange_and_one_session() {
    fifty_callbacks(&Cluster::on_sqlite());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn cb_3_fifty_callbacks_at_three_processes_make_one_exchange_and_one_session_on_postgresql() {
    fifty_callbacks(&Cluster::on_postgres());
}

fn fifty_callbacks(cluster: &Cluster) {
    let (path, cookie) = cluster.answered();
    cluster.control("POST", "faults", r#"[{"endpoint":"token","fault":"delay","delay_ms":300}]"#);

    let answers: Vec<_> = std::thread::scope(|scope| {
        let copies: Vec<_> = (0..50)
            .map(|number| {
                let (node, path, cookie) = (&cluster.nodes[number % 3], &path, &cookie);
                scope.spawn(move || node.get(path, cookie))
            })
            .collect();
        copies.into_iter().map(|copy| copy.join().unwrap()).collect()
    });

    let won = answers.iter().filter(|answer| answer.status() == 303).count();
    let lost = answers.iter().filter(|answer| answer.0.contains("attempt_used")).count();
    assert_eq!((won, lost), (1, 49));
    assert_eq!((cluster.count("code_redeemed"), cluster.count("code_refused")), (1, 0));
    assert_eq!(cluster.sessions(), 1);
}

#[test]
fn sc_5_who_signs_out_at_one_process_is_signed_out_at_every_other() {
    sign_out_at_one(&Cluster::on_sqlite());
}

#[test]
#[ignore = "needs a PostgreSQL server"]
fn sc_5_who_signs_out_at_one_process_is_signed_out_at_every_other_on_postgresql() {
    sign_out_at_one(&Cluster::on_postgres());
}

fn sign_out_at_one(cluster: &Cluster) {
    let (path, cookie) = cluster.answered();
    let done = cluster.nodes[1].get(&path, &cookie);
    assert_eq!(done.status(), 303, "{}", done.0);
    let session = done.cookie("__Host-standin=").unwrap();
    for node in &cluster.nodes {
        assert_eq!(node.get("/auth/session", &session).status(), 200);
    }

    assert_eq!(cluster.nodes[0].post("/auth/logout", &session).status(), 204);

    assert_eq!(cluster.nodes[0].get("/auth/session", &session).status(), 401);
    for node in &cluster.nodes[1..] {
        // What a process remembers of a session it forgets within a second; five are the limit.
        let ended = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            node.get("/auth/session", &session).status() == 401
        });
        assert!(ended, "the session lives on at {}", node.address);
        assert_eq!(node.get("/auth/session", &session).status(), 401);
    }
}
