//! `standin login`: real processes against the emulator, a plain HTTP client as the browser.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};

use data_encoding::HEXLOWER;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use standin::http::{AddressPolicy, HttpClient as _, Request, ReqwestClient, Response};
use standin_emulator::Emulator;
use tempfile::TempDir;

const ADA: &str = "ada@example.com";
const CALENDAR: &str = "https://www.googleapis.com/auth/calendar.events";
const DRIVE: &str = "https://www.googleapis.com/auth/drive.file";
const FORM: &str = "application/x-www-form-urlencoded";

/// A configuration with a client of each kind, and the provider that knows them.
struct World {
    google: Emulator,
    place: TempDir,
    http: ReqwestClient,
}

impl World {
    async fn start() -> Self {
        Self::with("").await
    }

    /// With more keys of the provider.
    async fn with(more: &str) -> Self {
        let google = Emulator::builder().start().await.unwrap();
        let http = ReqwestClient::new(AddressPolicy::public().and_loopback()).unwrap();
        let world = Self { place: tempfile::tempdir().unwrap(), google, http };
        assert!(world.run(&["init"]).0);
        let clients = json!([
            { "client_id": "desktop", "client_secret": "desktop-secret", "kind": "desktop" },
            { "client_id": "tv", "client_secret": "tv-secret", "kind": "limited_input" },
        ]);
        world.control(Method::PUT, "clients", clients).await;
        let file = world.control(Method::GET, "clients/desktop/file", Value::Null).await;
        fs::write(world.place.path().join("desktop.json"), file.to_string()).unwrap();
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
installed_client_secret_json = "desktop.json"
device_client_id = "tv"
device_client_secret = "tv-secret"
extra_scopes = ["{CALENDAR}", "{DRIVE}"]
{more}
"#,
            world.place.path().display(),
            world.google.origin(),
            world.google.client_id(),
            world.google.client_secret(),
        );
        fs::write(world.place.path().join("standin.toml"), text).unwrap();
        world
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
        command.current_dir(self.place.path()).env_clear().stdin(Stdio::null()).args(arguments);
        command
    }

    /// Whether it worked, and what it wrote to stdout and stderr.
    fn run(&self, arguments: &[&str]) -> (bool, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    }

    async fn send(&self, method: Method, url: &str, body: String, kind: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_str(kind).unwrap());
        let (url, body) = (url.parse().unwrap(), body.into());
        let request = Request { method, url, headers, body, max_response_bytes: 1 << 20 };
        self.http.send(request).await.unwrap()
    }

    async fn get(&self, url: &str) -> Response {
        self.send(Method::GET, url, String::new(), FORM).await
    }

    async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}/_emulator/{path}", self.google.origin());
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.send(method, &url, body, "application/json").await;
        assert!(answer.status.is_success(), "{path}: {}", text(&answer));
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    async fn decide(&self, person: &str, decision: &str) {
        let autopilot = json!({ "user": person, "decision": decision });
        self.control(Method::PUT, "autopilot", autopilot).await;
    }

    async fn events(&self, kind: &str) -> Vec<Value> {
        let ledger = self.control(Method::GET, &format!("ledger?kind={kind}"), Value::Null).await;
        ledger["events"].as_array().unwrap().clone()
    }

    /// Where the provider sends the browser.
    async fn answer(&self, authorization_url: &str) -> String {
        let mut url = authorization_url.to_owned();
        while url.starts_with(self.google.origin()) {
            let answer = self.get(&url).await;
            let location = answer.headers.get("location");
            let location = location.unwrap_or_else(|| panic!("{url}: {}", text(&answer)));
            let base = url::Url::parse(&url).unwrap();
            url = base.join(location.to_str().unwrap()).unwrap().into();
        }
        url
    }

    /// One of the provider's pages for codes, filled in.
    async fn page(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let mut form = url::Url::parse("http://form").unwrap();
        form.query_pairs_mut().extend_pairs(fields);
        let body = form.query().unwrap_or_default().to_owned();
        let url = format!("{}{path}", self.google.origin());
        text(&self.send(Method::POST, &url, body, FORM).await)
    }
}

fn text(answer: &Response) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

/// A login that waits, and what it has said.
struct Login {
    child: Child,
    stdout: BufReader<ChildStdout>,
    first: Value,
}

impl Drop for Login {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Login {
    fn begin(world: &World, more: &[&str]) -> Self {
        let mut command = world.command(&["login", "--no-browser", "--json"]);
        command.args(more).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let first = serde_json::from_str(&line).unwrap_or_else(|_| {
            let mut complaint = String::new();
            child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
            panic!("{line} {complaint}")
        });
        Self { child, stdout, first }
    }

    fn text(&self, name: &str) -> String {
        self.first[name].as_str().unwrap().to_owned()
    }

    /// What was given, once it has ended well.
    fn given(mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        let (code, complaint) = self.end();
        assert_eq!(code, Some(0), "{complaint}");
        serde_json::from_str(&line).unwrap()
    }

    /// The exit code, and what it says on stderr.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut complaint = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        (self.child.wait().unwrap().code(), complaint)
    }

    /// Ends badly, with these words.
    fn fails(mut self, words: &str) {
        let (code, complaint) = self.end();
        assert_eq!(code, Some(1), "{complaint}");
        assert!(complaint.contains(words), "{complaint}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_developers_own_grant_is_made_without_a_service_and_a_job_uses_it() {
    let world = World::start().await;
    world.decide(ADA, "allow").await;
    let login = Login::begin(&world, &["--scope", CALENDAR]);
    let url = login.text("authorization_url");
    assert!(url.contains("code_challenge_method=S256") && url.contains("nonce="), "{url}");
    let answer = world.answer(&url).await;
    assert!(answer.starts_with("http://127.0.0.1:"), "{answer}");
    // Whoever finds the port changes nothing.
    let (address, _) = answer.split_once('?').unwrap();
    let foreign = world.get(&format!("{address}?code=4/0x&state=foreign")).await;
    assert_eq!(foreign.status, 400);
    assert!(text(&foreign).contains("state_mismatch"));
    let done = world.get(&answer).await;
    assert_eq!(done.status, 200, "{}", text(&done));
    assert!(text(&done).contains("go back to the terminal"));
    let given = login.given();
    assert_eq!((&given["email"], &given["offline"]), (&json!(ADA), &json!(true)));
    assert!(given["scopes"].as_array().unwrap().contains(&json!(CALENDAR)), "{given}");
    assert_eq!(world.events("code_redeemed").await[0]["client_id"], "desktop");
    let (_, grants, _) = world.run(&["grants", "list", "--json"]);
    assert!(!grants.contains("1//0"), "{grants}");
    assert_refreshes(&world, given["user"].as_str().unwrap(), "desktop").await;
}

/// A job vends through a running service, and what was given refreshes with the client it was given to.
async fn assert_refreshes(world: &World, user: &str, client_id: &str) {
    let (_, key, _) = world.run(&["clients", "add", "job", "--allow", "google", "--json"]);
    let key: Value = serde_json::from_str(&key).unwrap();
    let ports = ["--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
    let mut serve = world.command(&["serve"]);
    let mut child = serve.args(ports).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let service = Login { stdout: BufReader::new(empty()), child, first: Value::Null };
    let ready: Value = serde_json::from_str(&line).unwrap();
    let url = format!("{}/v1/users/{user}/grants/google/token", ready["public"].as_str().unwrap());
    let vend = async |body: Value| {
        let mut headers = HeaderMap::new();
        let bearer = format!("Bearer {}", key["key"].as_str().unwrap());
        headers.insert("authorization", HeaderValue::from_str(&bearer).unwrap());
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        let request = Request {
            method: Method::POST,
            url: url.parse().unwrap(),
            headers,
            body: body.to_string().into(),
            max_response_bytes: 1 << 20,
        };
        let answer = world.http.send(request).await.unwrap();
        assert_eq!(answer.status, 200, "{}", text(&answer));
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    };
    let first = vend(json!({})).await;
    world.control(Method::POST, "clock", json!({ "advance_seconds": 4000 })).await;
    let stale = HEXLOWER.encode(&standin::secret::sha256(first.as_bytes()));
    let second = vend(json!({ "stale_token_sha256": stale })).await;
    assert_ne!(first, second);
    let refreshed = world.events("token_refreshed").await;
    assert_eq!(refreshed.len(), 1);
    assert_eq!(refreshed[0]["client_id"], client_id);
    drop(service);
}

fn empty() -> ChildStdout {
    Command::new("true").stdout(Stdio::piped()).spawn().unwrap().stdout.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_no_is_told_so_in_the_browser_and_at_the_terminal() {
    let world = World::start().await;
    world.decide(ADA, "deny").await;
    let login = Login::begin(&world, &[]);
    let answer = world.answer(&login.text("authorization_url")).await;
    let page = world.get(&answer).await;
    assert_eq!(page.status, 403);
    assert!(text(&page).contains("access_denied"));
    login.fails("access was not given at the provider");
    assert_eq!(world.run(&["users", "list", "--json"]).1.trim(), "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_counts_once_and_the_port_is_closed_after_it() {
    let world = World::start().await;
    world.decide(ADA, "allow").await;
    let login = Login::begin(&world, &[]);
    let answer = world.answer(&login.text("authorization_url")).await;
    assert_eq!(world.get(&answer).await.status, 200);
    login.given();
    let (address, _) = answer.trim_start_matches("http://").split_once('/').unwrap();
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
    assert_eq!(world.events("code_redeemed").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_is_on_no_list_gets_in_by_this_way_either() {
    let world = World::with("allow_emails = [\"grace@example.com\"]").await;
    world.decide(ADA, "allow").await;
    let login = Login::begin(&world, &[]);
    let answer = world.answer(&login.text("authorization_url")).await;
    assert_eq!(world.get(&answer).await.status, 403);
    login.fails("sign_in_not_allowed");
    assert_eq!(world.events("revoked").await.len(), 1, "it is given back");
    assert_eq!(world.run(&["users", "list", "--json"]).1.trim(), "[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_begin_says_why() {
    let world = World::start().await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (worked, _, complaint) = world.run(&["login", "--no-browser", "--port", &port]);
    assert!(!worked && complaint.contains("leave out --port"), "{complaint}");
    let (worked, _, complaint) = world.run(&["login", "--no-browser", "--timeout", "1"]);
    assert!(!worked && complaint.contains("nobody answered within 1 seconds"), "{complaint}");
    assert!(complaint.contains("Open this address"), "{complaint}");
    let unknown = ["login", "--no-browser", "--scope", "https://example.com/unknown"];
    let (worked, _, complaint) = world.run(&unknown);
    assert!(!worked && complaint.contains("scope_not_allowed"), "{complaint}");
    let path = world.place.path().join("standin.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("installed_client_secret_json = \"desktop.json\"", "")).unwrap();
    let (worked, _, complaint) = world.run(&["login", "--no-browser"]);
    assert!(!worked && complaint.contains("client_not_configured"), "{complaint}");
}

/// The person types the code and decides.
async fn type_code(world: &World, code: &str, decision: &[(&str, &str)]) -> String {
    let known = [("code", code), ("account", ADA)];
    world.page("/device", &known[..1]).await;
    world.page("/device/account", &known).await;
    let fields: Vec<_> = known.iter().chain(decision).copied().collect();
    world.page("/device/consent", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_typed_elsewhere_gives_a_grant_of_the_devices_client() {
    let world = World::start().await;
    let login = Login::begin(&world, &["--device", "--account", ADA, "--scope", DRIVE]);
    assert!(login.text("verification_url").starts_with(world.google.origin()));
    type_code(&world, &login.text("user_code"), &[("scope", DRIVE), ("continue", "1")]).await;
    let given = login.given();
    assert_eq!((&given["email"], &given["offline"]), (&json!(ADA), &json!(true)));
    assert!(given["scopes"].as_array().unwrap().contains(&json!(DRIVE)), "{given}");
    assert_refreshes(&world, given["user"].as_str().unwrap(), "tv").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_whose_person_says_no_is_over() {
    let world = World::start().await;
    let login = Login::begin(&world, &["--device"]);
    type_code(&world, &login.text("user_code"), &[("cancel", "1")]).await;
    login.fails("access_denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn cb_16_a_code_that_somebody_else_typed_gives_nothing_until_it_is_confirmed_here() {
    let world = World::start().await;
    for arguments in [["--device", "--account", "grace@example.com"].as_slice(), &["--device"]] {
        let given_back = world.events("revoked").await.len();
        let mut login = Login::begin(&world, arguments);
        type_code(&world, &login.text("user_code"), &[("continue", "1")]).await;
        login.child.stdin.take().unwrap().write_all(b"\n").unwrap();
        login.fails("nothing was kept");
        assert_eq!(world.events("revoked").await.len(), given_back + 1);
        assert_eq!(world.run(&["users", "list", "--json"]).1.trim(), "[]");
    }
    let mut login = Login::begin(&world, &["--device"]);
    type_code(&world, &login.text("user_code"), &[("continue", "1")]).await;
    login.child.stdin.take().unwrap().write_all(b"yes\n").unwrap();
    assert_eq!(login.given()["email"], ADA);
}
