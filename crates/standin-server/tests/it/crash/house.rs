//! One service, a provider that replaces refresh tokens, and people: the service may die at any time and is started
//! again, the others go on.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use data_encoding::HEXLOWER;
use rusqlite::Connection;
use serde_json::{Value, json};
use standin::fail_point::FailPoint;
use standin::secret::sha256;
use standin::store::Store;
use standin::time::Timestamp;
use standin_emulator::Emulator;
use standin_store::postgres::testing::Database;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::nodes::{Answer, PUBLIC};

/// As long a grace as the shortest that real providers give, and longer than a lease.
pub(super) const GRACE_SECONDS: u32 = 60;
/// No request takes longer than a lease, and a wait for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody with a grant.
pub(super) struct Person {
    pub(super) email: String,
    /// `usr_…`
    pub(super) user: String,
    /// The newest access token that a job has seen.
    token: Mutex<String>,
}

/// What goes on while services come and go.
pub(super) struct House {
    pub(super) people: Vec<Person>,
    pub(super) database_url: String,
    pub(super) directory: TempDir,
    emulator: Emulator,
    job: String,
    database: Option<Database>,
    pub(super) runtime: Runtime,
}

/// What a job was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Vended {
    Token,
    /// The status, with the code of the problem.
    Refused(u16, String),
    /// The service has died.
    Nothing,
}

impl fmt::Display for Vended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("a token"),
            Self::Refused(status, code) => write!(f, "{status} {code}"),
            Self::Nothing => f.write_str("no answer"),
        }
    }
}

impl House {
    /// So many people have given offline access, and their refresh tokens were replaced once: the service knows that
    /// this provider does so.
    pub(super) fn of(people: usize, grace_seconds: u32, database: Option<Database>) -> Self {
        let runtime = Runtime::new().unwrap();
        let callback = format!("http://{PUBLIC}/auth/google/callback");
        let emulator = Emulator::builder().redirect_uri(callback).start();
        let emulator = runtime.block_on(emulator).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let in_a_file = || format!("sqlite://{}/standin.db", directory.path().display());
        let database_url = database.as_ref().map_or_else(in_a_file, Database::url);
        let mut house = Self {
            people: Vec::new(),
            database_url,
            directory,
            emulator,
            job: String::new(),
            database,
            runtime,
        };
        house.configure();
        let profile = json!({
            "rotate_refresh_tokens": true, "rotation_grace_seconds": grace_seconds,
        });
        house.control("PUT", "profile", &profile);
        let process = house.start("").expect("a service that lives");
        let added = house.standin(&["clients", "add", "job", "--allow", "*"]);
        added["key"].as_str().unwrap().clone_into(&mut house.job);
        for number in 0..people {
            let person = house.welcome(&process, &format!("person{number}@example.com"));
            house.people.push(person);
        }
        house
    }

    fn configure(&self) {
        let init = self.command(&["init"]).output().unwrap();
        assert!(init.status.success(), "{init:?}");
        let text = format!(
            "public_url = \"http://{PUBLIC}\"\n[database]\nurl = \"{}\"\n[keys]\nfile = \"keys.toml\"\n\
             [refresh]\njournal = \"journal.d\"\n[[provider]]\nid = \"google\"\nkind = \"google\"\n\
             issuer = \"{}\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\n",
            self.database_url,
            self.emulator.origin(),
            self.emulator.client_id(),
            self.emulator.client_secret(),
        );
        fs::write(self.directory.path().join("standin.toml"), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
        command.current_dir(self.directory.path()).env_clear().args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// A command of the service's own, and what it printed.
    pub(super) fn standin(&self, arguments: &[&str]) -> Value {
        let done = self.command(arguments).arg("--json").output().unwrap();
        assert!(done.status.success(), "{done:?}");
        serde_json::from_slice(&done.stdout).unwrap()
    }

    /// Starts the service with these fail points; `None` if it died before it was ready.
    pub(super) fn start(&self, points: &str) -> Option<Process> {
        let ports = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut command = self.command(&["serve"]);
        command.args(ports).env("STANDIN__LOG__LEVEL", "warn").env("FAILPOINTS", points);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            child.wait().unwrap();
            return None;
        };
        let address = ready["public"].as_str().unwrap().trim_start_matches("http://").to_owned();
        Some(Process { child, address })
    }

    /// Deletes the journal, while no service runs.
    pub(super) fn forget_answers(&self) {
        fs::remove_dir_all(self.directory.path().join("journal.d")).unwrap();
    }

    fn log_file(&self) -> std::path::PathBuf {
        self.directory.path().join("standin.log")
    }

    /// The end of what the services have logged.
    pub(super) fn log(&self) -> String {
        let text = fs::read_to_string(self.log_file()).unwrap_or_default();
        let from = text.len().saturating_sub(4_000);
        text.get(from..).unwrap_or(&text).to_owned()
    }

    /// Whether a service came to this point and was told to fail there.
    pub(super) fn has_failed_at(&self, point: FailPoint) -> bool {
        let text = fs::read_to_string(self.log_file()).unwrap_or_default();
        text.lines().any(|line| {
            line.contains("told to fail") && line.contains(&format!("\"{}\"", point.name()))
        })
    }

    /// The grants that have a lease, due or not. A server knows its own time, so the rows are looked at.
    pub(super) async fn leases(&self, store: &dyn Store) -> HashSet<Vec<u8>> {
        let Some(database) = &self.database else {
            let leases = store.overdue_refreshes(Timestamp::NEVER, 100_000).await.unwrap();
            return leases.iter().map(|grant| grant.as_bytes().to_vec()).collect();
        };
        let rows = database.psql("SELECT replace(grant_id::text, '-', '') FROM refresh_leases");
        rows.split_whitespace().map(|row| HEXLOWER.decode(row.as_bytes()).unwrap()).collect()
    }

    /// As if the time of each lease had passed.
    pub(super) fn leases_are_over(&self) {
        let sql = "UPDATE refresh_leases SET deadline = 1";
        if let Some(database) = &self.database {
            database.psql(sql);
            return;
        }
        let file = Connection::open(self.directory.path().join("standin.db")).unwrap();
        file.execute_batch(sql).unwrap();
    }

    /// Tells the provider something.
    pub(super) fn control(&self, method: &str, path: &str, body: &Value) -> Value {
        let address = self.emulator.address().to_string();
        let request = format!("{method} /_emulator/{path}");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = ask(&address, &address, &request, "Content-Type: application/json\r\n", &body);
        let answer = answer.expect("the provider answers");
        assert_eq!(answer.status() / 100, 2, "{}", answer.0);
        serde_json::from_str(content(&answer)).unwrap_or(Value::Null)
    }

    pub(super) fn fault(&self, fault: &Value) {
        self.control("POST", "faults", &json!([fault]));
    }

    /// Signs somebody in, and lets a job have two tokens of theirs.
    pub(super) fn welcome(&self, process: &Process, email: &str) -> Person {
        self.arrives(email);
        let session = self.sign_in(process).unwrap_or_else(|| panic!("{email}: {}", self.log()));
        let user = Self::user_of(process, &session).expect("somebody who is signed in");
        let person = Person { email: email.to_owned(), user, token: Mutex::default() };
        assert_eq!(self.vend(process, &person), Vended::Token);
        assert_eq!(self.vend(process, &person), Vended::Token);
        person
    }

    /// Whoever signs in next is this person, who agrees to everything.
    pub(super) fn arrives(&self, email: &str) {
        self.control("PUT", "users", &json!([{ "email": email }]));
        self.control("PUT", "autopilot", &json!({ "user": email, "decision": "allow" }));
    }

    fn user_of(process: &Process, session: &str) -> Option<String> {
        let answer = process.get("/auth/session", session)?;
        let session: Value = serde_json::from_str(content(&answer)).ok()?;
        session["user"]["id"].as_str().map(str::to_owned)
    }

    /// Signs in; the cookie of the session, or `None` if the service died or refused.
    pub(super) fn sign_in(&self, process: &Process) -> Option<String> {
        let browser = self.at_the_callback(process)?;
        self.comes_back(process, browser)
    }

    /// A browser that was at the provider and has its answer.
    pub(super) fn at_the_callback(&self, process: &Process) -> Option<Browser> {
        let mut browser = Browser { cookies: Vec::new(), next: "/auth/google/login".to_owned() };
        browser.go(process)?;
        self.at_the_provider(&mut browser);
        Some(browser)
    }

    /// Follows the provider until it sends the browser back.
    fn at_the_provider(&self, browser: &mut Browser) {
        let provider = self.emulator.address().to_string();
        while let Some(path) = browser.next.strip_prefix(self.emulator.origin()) {
            let answer = ask(&provider, &provider, &format!("GET {path}"), "", "").unwrap();
            let next = answer.header("location").unwrap_or_else(|| panic!("{}", answer.0));
            browser.next = match next.strip_prefix('/') {
                Some(_) => format!("{}{next}", self.emulator.origin()),
                None => next.to_owned(),
            };
        }
    }

    /// Brings the answer, goes for consent if it must, and gives the cookie of the session.
    pub(super) fn comes_back(&self, process: &Process, mut browser: Browser) -> Option<String> {
        for _ in 0..3 {
            browser.go(process)?;
            if browser.next.starts_with(self.emulator.origin()) {
                self.at_the_provider(&mut browser);
            } else {
                return browser.session();
            }
        }
        None
    }

    /// A job asks for a token, since an API has refused the last one.
    pub(super) fn vend(&self, process: &Process, person: &Person) -> Vended {
        self.vend_at(&process.address, person)
    }

    pub(super) fn vend_at(&self, address: &str, person: &Person) -> Vended {
        let last = person.token.lock().unwrap().clone();
        let stale = json!({ "stale_token_sha256": HEXLOWER.encode(&sha256(last.as_bytes())) });
        let request = if last.is_empty() { json!({}) } else { stale };
        let path = format!("POST /v1/users/{}/grants/google/token", person.user);
        let lines =
            format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", self.job);
        let Some(answer) = ask(address, PUBLIC, &path, &lines, &request.to_string()) else {
            return Vended::Nothing;
        };
        let said: Value = serde_json::from_str(content(&answer)).unwrap_or_default();
        match said["access_token"].as_str() {
            Some(token) => {
                token.clone_into(&mut person.token.lock().unwrap());
                Vended::Token
            }
            None => {
                Vended::Refused(answer.status(), said["code"].as_str().unwrap_or("").to_owned())
            }
        }
    }
}

/// A service that runs; it ends with its test at the latest.
pub(super) struct Process {
    child: Child,
    pub(super) address: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Lets it finish what it has begun.
    pub(super) fn stop(&mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    /// How it ended, if it did by itself within `time`.
    pub(super) fn death(&mut self, time: Duration) -> Option<ExitStatus> {
        let step = Duration::from_millis(2);
        for _ in 0..=time.as_millis() / step.as_millis() {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(step);
        }
        None
    }

    fn get(&self, path: &str, cookies: &str) -> Option<Answer> {
        ask(&self.address, PUBLIC, &format!("GET {path}"), &format!("Cookie: {cookies}\r\n"), "")
    }
}

/// A browser between the service and the provider.
#[derive(Clone)]
pub(super) struct Browser {
    cookies: Vec<String>,
    next: String,
}

impl Browser {
    /// Goes where it was sent, at the service; `None` if that has died, or sends it nowhere.
    fn go(&mut self, process: &Process) -> Option<()> {
        let path = self.next.strip_prefix(&format!("http://{PUBLIC}")).unwrap_or(&self.next);
        let answer = process.get(path, &self.cookies.join("; "))?;
        self.cookies.extend(answer.cookies());
        answer.header("location")?.clone_into(&mut self.next);
        Some(())
    }

    fn session(&self) -> Option<String> {
        let mut cookies = self.cookies.iter().rev();
        cookies.find(|cookie| cookie.starts_with("__Host-standin=")).cloned()
    }
}

/// `None` if whoever was asked has died.
fn ask(address: &str, host: &str, request: &str, lines: &str, body: &str) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n"
    );
    write!(stream, "{head}{lines}\r\n{body}").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.contains("\r\n\r\n").then_some(Answer(answer))
}

fn content(answer: &Answer) -> &str {
    answer.0.split_once("\r\n\r\n").map_or("", |(_, content)| content)
}

/// The provider is not available, and says so itself: it has not begun.
pub(super) fn busy() -> Value {
    let body = json!({ "error": "temporarily_unavailable" });
    json!({ "endpoint": "token", "fault": "status", "status": 503, "body": body })
}
