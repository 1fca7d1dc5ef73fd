//! Two processes on one database: what ends in one has ended in the other, soon (requirements SC-5, SC-6, TV-10).
//!
//! The promise is two seconds. A test waits much longer, since machines are slow, and says how long it was.

mod shred;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use standin::http::{AddressPolicy, HttpClient as _, Request, ReqwestClient};
use standin_emulator::Emulator;
use standin_store::postgres::testing::Database;
use tempfile::TempDir;
use tokio::time::Instant;
use url::Url;

/// Nobody listens there: both processes are reached at their own addresses.
const PUBLIC: &str = "http://127.0.0.1:1";
const PATIENCE: Duration = Duration::from_mins(1);
const ADA: &str = "ada@example.com";
const GRACE: &str = "grace@example.com";

/// A service that is killed with its test.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct World {
    emulator: Emulator,
    place: TempDir,
    client: ReqwestClient,
    database_url: String,
    /// Where the rows are, unless they are in the directory.
    _database: Option<Database>,
    /// Where things are ended, and where that must be felt.
    here: Url,
    there: Url,
    _services: [Service; 2],
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

/// A browser's cookies, by origin.
#[derive(Clone, Default)]
struct Jar(BTreeMap<String, BTreeMap<String, String>>);

impl World {
    async fn start() -> Self {
        Self::start_with("").await
    }

    /// With more lines for `[keys]`.
    async fn start_with(keys: &str) -> Self {
        Self::start_on(None, keys).await
    }

    async fn start_on(database: Option<Database>, keys: &str) -> Self {
        let callback = format!("{PUBLIC}/auth/google/callback");
        let emulator = Emulator::builder().redirect_uri(callback).start();
        let emulator = emulator.await.unwrap();
        let place = tempfile::tempdir().unwrap();
        run(&place, &["init"]);
        let in_a_file = || format!("sqlite://{}/standin.db", place.path().display());
        let database_url = database.as_ref().map_or_else(in_a_file, Database::url);
        let text = config(&database_url, &emulator, keys);
        fs::write(place.path().join("standin.toml"), text).unwrap();
        run(&place, &["migrate"]);
        let ((first, here), (second, there)) = (serve(&place), serve(&place));
        let client = ReqwestClient::new(AddressPolicy::public().and_loopback()).unwrap();
        Self {
            emulator,
            place,
            client,
            database_url,
            _database: database,
            here,
            there,
            _services: [first, second],
        }
    }

    async fn send(&self, method: Method, url: Url, headers: HeaderMap, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (body, max_response_bytes) = (body.into(), 1 << 20);
        let request = Request { method, url, headers, body, max_response_bytes };
        let response = self.client.send(request).await.unwrap();
        let body = serde_json::from_slice(&response.body).unwrap_or_default();
        Answer { status: response.status.as_u16(), headers: response.headers, body }
    }

    async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let url = format!("{}/_emulator/{path}", self.emulator.origin()).parse().unwrap();
        self.send(method, url, HeaderMap::new(), body).await.body
    }

    /// With this browser's cookies, which it keeps up.
    async fn get(&self, jar: &mut Jar, url: Url) -> Answer {
        let headers = jar.headers(&url);
        let answer = self.send(Method::GET, url.clone(), headers, Value::Null).await;
        jar.keep(&url, &answer.headers);
        answer
    }

    /// As a page of ours does.
    async fn post(&self, jar: &Jar, path: &str, body: Value) -> Answer {
        let url = self.here.join(path).unwrap();
        let mut headers = jar.headers(&url);
        headers.insert(ORIGIN, HeaderValue::from_static(PUBLIC));
        headers.insert("x-requested-with", HeaderValue::from_static("XmlHttpRequest"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send(Method::POST, url, headers, body).await
    }

    /// Follows a browser from this address until the callback has answered, at the first process.
    async fn follow(&self, jar: &mut Jar, start: Url) {
        let mut url = start;
        for _ in 0..12 {
            if url.as_str().starts_with(PUBLIC) {
                let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
                let path = format!("{}{query}", url.path());
                if !path.starts_with("/auth/") {
                    return;
                }
                url = self.here.join(&path).unwrap();
            }
            let answer = self.get(jar, url.clone()).await;
            let location = answer.headers.get(LOCATION).unwrap().to_str().unwrap();
            url = url.join(location).unwrap();
        }
        panic!("too many redirects");
    }

    async fn signed_in(&self, person: &str) -> Jar {
        let autopilot = json!({ "user": person, "decision": "allow" });
        self.control(Method::PUT, "autopilot", autopilot).await;
        let mut jar = Jar::default();
        self.follow(&mut jar, self.here.join("/auth/google/login").unwrap()).await;
        assert_eq!(self.session(&jar).await.status, 200);
        jar
    }

    /// Who this browser is, as the other process sees it.
    async fn session(&self, jar: &Jar) -> Answer {
        // Cookies do not know ports: those of the one process are those of the other.
        let headers = jar.headers(&self.here);
        let url = self.there.join("/auth/session").unwrap();
        self.send(Method::GET, url, headers, Value::Null).await
    }

    async fn user(&self, jar: &Jar) -> String {
        self.session(jar).await.body["user"]["id"].as_str().unwrap().to_owned()
    }

    /// A token from the other process.
    async fn vend(&self, key: &str, user: &str) -> u16 {
        let path = format!("/v1/users/{user}/grants/google/token");
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {key}").parse().unwrap());
        let url = self.there.join(&path).unwrap();
        self.send(Method::POST, url, headers, Value::Null).await.status
    }

    /// Waits until the other process no longer knows the browser.
    async fn until_out(&self, what: &str, jar: &Jar) {
        let since = Instant::now();
        while self.session(jar).await.status != 401 {
            patiently(what, since).await;
        }
        felt(what, since);
    }

    /// Waits until the other process answers so.
    async fn until_answer(&self, what: &str, key: &str, user: &str, status: u16) {
        let since = Instant::now();
        while self.vend(key, user).await != status {
            patiently(what, since).await;
        }
        felt(what, since);
    }

    fn client(&self) -> (String, String) {
        let added =
            json_of(&run(&self.place, &["clients", "add", "job", "--allow", "google", "--json"]));
        let text = |name: &str| added[name].as_str().unwrap().to_owned();
        (text("id"), text("key"))
    }
}

async fn patiently(what: &str, since: Instant) {
    assert!(since.elapsed() < PATIENCE, "{what}: not felt by the other process");
    tokio::time::sleep(Duration::from_millis(50)).await;
}

#[expect(clippy::print_stderr, reason = "how long it was is what the test is read for")]
fn felt(what: &str, since: Instant) {
    eprintln!("{what}: felt by the other process after {:?}", since.elapsed());
}

impl Jar {
    fn headers(&self, url: &Url) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let Some(cookies) = self.0.get(&url.origin().ascii_serialization()) else { return headers };
        let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        headers.insert(COOKIE, pairs.join("; ").parse().unwrap());
        headers
    }

    fn keep(&mut self, url: &Url, headers: &HeaderMap) {
        let cookies = self.0.entry(url.origin().ascii_serialization()).or_default();
        for cookie in headers.get_all(SET_COOKIE) {
            let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if rest.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

fn run(place: &TempDir, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.current_dir(place.path()).env_clear().stdin(Stdio::null()).args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

fn json_of(text: &[u8]) -> Value {
    serde_json::from_slice(text).unwrap()
}

fn serve(place: &TempDir) -> (Service, Url) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.current_dir(place.path()).env_clear().stdin(Stdio::null()).stdout(Stdio::piped());
    let ports = ["serve", "--listen", "127.0.0.1:0", "--operator-listen", "127.0.0.1:0", "--json"];
    let mut service = Service(command.args(ports).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let ready = json_of(line.as_bytes());
    (service, ready["public"].as_str().unwrap().parse().unwrap())
}

fn config(database_url: &str, emulator: &Emulator, keys: &str) -> String {
    format!(
        r#"
public_url = "{PUBLIC}"
[database]
url = "{database_url}"
[keys]
file = "keys.toml"
{keys}
[[provider]]
id = "google"
kind = "google"
issuer = "{}"
client_id = "{}"
client_secret = "{}"
"#,
        emulator.origin(),
        emulator.client_id(),
        emulator.client_secret(),
    )
}

#[tokio::test]
async fn sc_5_signing_out_is_felt_by_the_other_process() {
    let world = World::start().await;
    let (one, other) = (world.signed_in(ADA).await, world.signed_in(ADA).await);
    assert_eq!(world.post(&one, "/auth/logout", json!({})).await.status, 204);
    world.until_out("logout", &one).await;
    assert_eq!(world.session(&other).await.status, 200);

    let third = world.signed_in(ADA).await;
    let id = world.session(&third).await.body["session"]["id"].as_str().unwrap().to_owned();
    let ended = world.post(&other, &format!("/auth/sessions/{id}/end"), json!({})).await;
    assert_eq!(ended.status, 204);
    world.until_out("session end", &third).await;

    let fourth = world.signed_in(ADA).await;
    let everywhere = world.post(&other, "/auth/logout", json!({ "everywhere": true })).await;
    assert_eq!(everywhere.status, 204);
    world.until_out("logout everywhere", &fourth).await;
}

#[tokio::test]
async fn sc_6_what_a_user_takes_away_is_gone_in_the_other_process() {
    let world = World::start().await;
    let (_, key) = world.client();
    let mut ada = world.signed_in(ADA).await;
    let user = world.user(&ada).await;
    let autopilot = json!({ "user": GRACE, "decision": "allow" });
    world.control(Method::PUT, "autopilot", autopilot).await;
    let begun = world.post(&ada, "/auth/google/link", json!({})).await;
    ada.keep(&world.here, &begun.headers);
    let authorize = begun.body["authorization_url"].as_str().unwrap().parse().unwrap();
    world.follow(&mut ada, authorize).await;
    let grace = world.signed_in(GRACE).await;
    assert_eq!(world.user(&grace).await, user);
    let identities = world.session(&grace).await.body["identities"].clone();
    let mut identities = identities.as_array().unwrap().iter();
    let graces = identities.find(|identity| identity["email"] == GRACE).unwrap();
    let subject = graces["subject"].as_str().unwrap().to_owned();
    let named = format!("google:{subject}");
    assert_eq!(world.vend(&key, &named).await, 200);

    let unlinked = world.post(&ada, "/auth/google/unlink", json!({ "subject": subject })).await;
    assert_eq!(unlinked.status, 200);
    world.until_out("unlink (its session)", &grace).await;
    world.until_answer("unlink (its grant)", &key, &named, 404).await;

    assert_eq!(world.vend(&key, &user).await, 200);
    assert_eq!(world.post(&ada, "/auth/google/disconnect", json!({})).await.status, 200);
    world.until_answer("disconnect", &key, &user, 404).await;

    let again = world.signed_in(ADA).await;
    world.until_answer("given again", &key, &user, 200).await;
    let deleted = world.post(&ada, "/auth/delete-account", json!({ "confirm": user })).await;
    assert_eq!(deleted.status, 204);
    world.until_out("delete (a session)", &again).await;
    world.until_answer("delete (a grant)", &key, &user, 404).await;
}

#[tokio::test]
async fn tv_10_a_revoked_client_is_refused_by_every_process() {
    let world = World::start().await;
    let (id, key) = world.client();
    let user = world.user(&world.signed_in(ADA).await).await;
    assert_eq!(world.vend(&key, &user).await, 200);
    run(&world.place, &["clients", "revoke", &id]);
    world.until_answer("client revoke", &key, &user, 401).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sc_6_a_security_event_is_felt_by_the_process_that_did_not_take_it() {
    let world = World::start().await;
    let (_, key) = world.client();
    let ada = world.signed_in(ADA).await;
    let user = world.user(&ada).await;
    assert_eq!(world.vend(&key, &user).await, 200);
    let robot = json!({ "email": "robot@emulated-project.iam.gserviceaccount.com" });
    let file = world.control(Method::PUT, "service-accounts", robot).await;
    fs::write(world.place.path().join("robot.json"), file.to_string()).unwrap();
    let url = world.here.join("/auth/google/risc").unwrap();
    run(
        &world.place,
        &["risc", "register", "--service-account", "robot.json", "--url", url.as_str()],
    );

    let event = json!({ "user": ADA, "event": "tokens-revoked" });
    let sent = world.control(Method::POST, "risc/send", event).await;
    assert_eq!(sent["deliveries"][0]["status"], 202);
    world.until_out("security event (a session)", &ada).await;
    world.until_answer("security event (a grant)", &key, &user, 409).await;
}
