//! What providers tell a running service, which is then killed: what was acknowledged has been done.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use http::header::{COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use standin::http::{AddressPolicy, HttpClient as _, Request, ReqwestClient, Response};
use standin_emulator::Emulator;
use tempfile::TempDir;
use url::Url;

const ADA: &str = "ada@example.com";
const PATH: &str = "/auth/google/risc";

/// `standin serve`; killed when it is dropped.
struct Service(Child);

impl Service {
    fn start(directory: &Path) -> Self {
        let mut child =
            standin(directory, &["serve", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        assert!(ready.starts_with('{'), "{ready}");
        Self(child)
    }

    /// No handler runs and nothing is written any more (SIGKILL).
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn standin(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
    command.current_dir(directory).env_clear().stdin(Stdio::null()).stderr(Stdio::null());
    command.args(arguments);
    command
}

/// A provider, a configured service, and somebody at a browser.
struct Place {
    google: Emulator,
    app: Url,
    /// Where the provider sends its events; they are held until the test asks for them.
    mailbox: TcpListener,
    http: ReqwestClient,
    directory: TempDir,
}

impl Place {
    async fn new() -> Self {
        let app = Url::parse(&format!("http://{}", free_address())).unwrap();
        let google = Emulator::builder()
            .redirect_uri(app.join("/auth/google/callback").unwrap())
            .start()
            .await
            .unwrap();
        let directory = tempfile::tempdir().unwrap();
        assert!(standin(directory.path(), &["init"]).status().unwrap().success());
        let mailbox = TcpListener::bind("127.0.0.1:0").unwrap();
        let http = ReqwestClient::new(AddressPolicy::public().and_loopback()).unwrap();
        let place = Self { google, app, mailbox, http, directory };
        fs::write(place.file("standin.toml"), place.configuration()).unwrap();
        place.control("PUT", "autopilot", json!({ "user": ADA, "decision": "allow" })).await;
        let robot = json!({ "email": "robot@emulated-project.iam.gserviceaccount.com" });
        let key = place.control("PUT", "service-accounts", robot).await;
        fs::write(place.file("robot.json"), key.to_string()).unwrap();
        place.subscribe();
        place
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn configuration(&self) -> String {
        let address = format!("{}:{}", self.app.host().unwrap(), self.app.port().unwrap());
        let database = self.file("standin.db").display().to_string();
        let (issuer, id, secret) =
            (self.google.origin(), self.google.client_id(), self.google.client_secret());
        format!(
            "public_url = \"http://{address}\"\nlisten = \"{address}\"\noperator_listen = \"127.0.0.1:0\"\n\
             [database]\nurl = \"sqlite://{database}\"\n[keys]\nfile = \"keys.toml\"\n\
             [[provider]]\nid = \"google\"\nkind = \"google\"\nissuer = \"{issuer}\"\n\
             client_id = \"{id}\"\nclient_secret = \"{secret}\"\n"
        )
    }

    /// The provider's events go into the mailbox from now on.
    fn subscribe(&self) {
        let mailbox = format!("http://{}/", self.mailbox.local_addr().unwrap());
        let register =
            ["risc", "register", "--service-account", "robot.json", "--url", mailbox.as_str()];
        let mut command = standin(self.directory.path(), &register);
        assert!(command.stdout(Stdio::null()).status().unwrap().success());
    }

    async fn send(&self, method: Method, url: &Url, cookies: &[String], body: Value) -> Response {
        let mut headers = HeaderMap::new();
        if !cookies.is_empty() {
            headers.insert(COOKIE, cookies.join("; ").parse().unwrap());
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request {
            method,
            url: url.clone(),
            headers,
            body: body.into(),
            max_response_bytes: 65_536,
        };
        self.http.send(request).await.unwrap_or_else(|error| panic!("{}: {error}", url.path()))
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/_emulator/{path}", self.google.origin()).parse().unwrap();
        let answer = self.send(method.parse().unwrap(), &url, &[], body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// Ada signs in through the whole flow. Her session's cookie.
    async fn sign_in(&self) -> String {
        let mut url = self.app.join("/auth/google/login").unwrap();
        let mut cookies: Vec<String> = Vec::new();
        while url != self.app {
            let answer = self.send(Method::GET, &url, &cookies, Value::Null).await;
            for set in answer.headers.get_all(SET_COOKIE) {
                let (pair, _) = set.to_str().unwrap().split_once(';').unwrap();
                let (name, _) = pair.split_once('=').unwrap();
                cookies.retain(|cookie| !cookie.starts_with(&format!("{name}=")));
                cookies.push(pair.to_owned());
            }
            let location = answer.headers.get(LOCATION).expect("a way on");
            url = url.join(location.to_str().unwrap()).unwrap();
        }
        cookies.into_iter().find(|cookie| cookie.starts_with("__Host-standin=")).unwrap()
    }

    async fn session(&self, cookie: &str) -> StatusCode {
        let url = self.app.join("/auth/session").unwrap();
        self.send(Method::GET, &url, &[cookie.to_owned()], Value::Null).await.status
    }

    /// An event of the provider about Ada, as it came into the mailbox.
    async fn event(&self, mut event: Value) -> String {
        event["user"] = ADA.into();
        let mailbox = self.mailbox.try_clone().unwrap();
        let receive = tokio::task::spawn_blocking(move || received(&mailbox));
        self.control("POST", "risc/send", event).await;
        receive.await.unwrap()
    }

    /// Posts an event. The first bytes of the answer, as soon as they are there.
    fn deliver(&self, token: &str) -> String {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/secevent+jwt\r\ncontent-length: {}\r\n\r\n",
            self.address(),
            token.len()
        );
        stream.write_all(format!("{head}{token}").as_bytes()).unwrap();
        let mut status = [0; 12];
        stream.read_exact(&mut status).unwrap();
        String::from_utf8(status.to_vec()).unwrap()
    }

    fn address(&self) -> SocketAddr {
        self.app.socket_addrs(|| None).unwrap()[0]
    }
}

/// A port that was free a moment ago: the provider must know the address before there is a service.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// Takes one request, answers 202, and gives back its body.
fn received(mailbox: &TcpListener) -> String {
    let (mut stream, _) = mailbox.accept().unwrap();
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "the request ended early");
        bytes.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok()
        });
        if body.len() == length.unwrap() {
            let body = body.to_owned();
            stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").unwrap();
            return body;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d32_ri_4_what_was_acknowledged_has_been_done_though_the_service_is_killed_at_once() {
    let place = Place::new().await;
    for word in ["sessions-revoked", "tokens-revoked", "sessions-revoked"] {
        let service = Service::start(place.directory.path());
        let cookie = place.sign_in().await;
        assert_eq!(place.session(&cookie).await, 200);
        let token = place.event(json!({ "event": word })).await;

        assert_eq!(place.deliver(&token), "HTTP/1.1 202");
        service.kill();

        let again = Service::start(place.directory.path());
        assert_eq!(place.session(&cookie).await, 401, "{word}");
        // A second delivery, as after an acknowledgement that was lost, is taken and does nothing.
        let later = place.sign_in().await;
        assert_eq!(place.deliver(&token), "HTTP/1.1 202");
        assert_eq!(place.session(&later).await, 200, "{word}");
        again.kill();
    }
}
