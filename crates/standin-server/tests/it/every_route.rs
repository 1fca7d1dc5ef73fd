//! Every route that there is, read from the routers' own pages, through the real router and everything around it:
//! whatever the status, the answer carries the headers (requirement HH-1), and a handler that panics takes nothing with
//! it (HH-9).

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use standin::entropy::SystemEntropy;
use standin::id::ClientId;
use standin::store::ClientRow;
use standin::time::{Clock, SystemClock, Timestamp};
use standin::vault::KeyFile;
use standin::vend::Policy;
use standin_emulator::Emulator;
use standin_server::app;
use standin_server::config::{Config, Flags, Source};
use standin_server::http::Shell;
use standin_server::http::client_ip::TrustedProxies;
use standin_server::http::headers::SecurityHeaders;
use standin_server::http::host::AllowedHosts;
use standin_server::net::{self, Limits};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::nodes::{Answer, PUBLIC, answer_of, ask};

const PUBLIC_SIDE: [&str; 2] = [
    include_str!("../../../standin-axum/src/browser/mod.rs"),
    include_str!("../../../standin-axum/src/jobs/mod.rs"),
];
const OPERATORS_SIDE: [&str; 1] = [include_str!("../../src/http/operator.rs")];
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// The routes of these sources, each with its methods.
fn routes(sources: &[&'static str]) -> Vec<(&'static str, Vec<&'static str>)> {
    let calls = sources.iter().flat_map(|source| source.split(".route(").skip(1));
    calls
        .map(|call| {
            let path = call.split('"').nth(1).unwrap();
            let call = call.split(".route(").next().unwrap();
            let is_there = |method: &&str| call.contains(&format!("{}(", method.to_lowercase()));
            (path, METHODS.into_iter().filter(is_there).collect())
        })
        .collect()
}

/// Looks at a cookie and shows a page: it asks for no time, no row and no lock, and so cannot be made to panic here.
const WITHOUT_WORK: &str = "/auth/{provider}/logged-out";

/// Panics when it is asked for the time, if it is told to: nothing is done here without asking.
#[derive(Clone, Default)]
struct Fuse(Arc<AtomicBool>);

impl Clock for Fuse {
    fn now(&self) -> Timestamp {
        assert!(!self.0.load(Ordering::SeqCst), "canary of a panic");
        SystemClock.now()
    }
}

/// The service in this process, somebody who is signed in, and a job.
struct House {
    public: String,
    operator: String,
    fuse: Fuse,
    cookies: String,
    attempt: String,
    user: String,
    session: String,
    key: String,
    emulator: Emulator,
    _directory: TempDir,
    /// Everything lives in it.
    runtime: Runtime,
}

impl House {
    fn open() -> Self {
        let runtime = Runtime::new().unwrap();
        let callback = format!("http://{PUBLIC}/auth/google/callback");
        let emulator =
            runtime.block_on(Emulator::builder().redirect_uri(callback).start()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let config = configured(&directory, &emulator);
        let fuse = Fuse::default();
        let (public, operator, key) = runtime.block_on(serve(&config, fuse.clone()));
        let autopilot = r#"{"user":"ada@example.com","decision":"allow"}"#;
        let provider = emulator.address().to_string();
        let json = "Content-Type: application/json\r\n";
        ask(&provider, &provider, "PUT /_emulator/autopilot", json, autopilot);
        let (path, attempt) = answer_of(&public, &emulator);
        let done =
            ask(&public, PUBLIC, &format!("GET {path}"), &format!("Cookie: {attempt}\r\n"), "");
        let cookie = done.cookie("__Host-standin=").unwrap();
        let lines = format!("Cookie: {cookie}\r\n");
        let seen = body(&ask(&public, PUBLIC, "GET /auth/session", &lines, ""));
        let (user, session) = (text(&seen["user"]["id"]), text(&seen["session"]["id"]));
        // An attempt that has only begun: its cookie, beside the session's.
        let page = format!("{lines}Origin: http://{PUBLIC}\r\nX-Requested-With: test\r\n");
        let begun = ask(&public, PUBLIC, "POST /auth/google/begin", &page, "");
        let cookies = format!("{cookie}; {}", begun.cookie("__Host-standin-att-").unwrap());
        let attempt = text(&body(&begun)["attempt"]);
        Self {
            public,
            operator,
            fuse,
            cookies,
            attempt,
            user,
            session,
            key,
            emulator,
            _directory: directory,
            runtime,
        }
    }

    fn concrete(&self, path: &str) -> String {
        let path = path.replace("{provider}", "google").replace("{attempt}", &self.attempt);
        path.replace("{session}", &self.session).replace("{user}", &self.user)
    }

    /// A request that gets as far as its handler's work, and may well be refused there.
    fn request(&self, method: &str, path: &str) -> (String, String, &'static str) {
        let what = match (path, method) {
            ("/auth/{provider}/callback", "GET") => "?code=c&state=s",
            ("/v1/users", _) => "?email=ada%40example.com",
            _ => "",
        };
        let form = "application/x-www-form-urlencoded";
        let (kind, body) = match (path, method) {
            (_, "GET" | "DELETE") => ("", ""),
            ("/auth/{provider}/callback", _) => (form, "code=c&state=s"),
            ("/auth/{provider}/credential", _) => (form, "credential=a.b.c&g_csrf_token=t"),
            ("/auth/{provider}/backchannel-logout", _) => (form, LOGOUT_TOKEN),
            ("/auth/{provider}/risc", _) => ("application/secevent+jwt", EVENT_TOKEN),
            ("/auth/{provider}/code", _) => ("application/json", r#"{"code":"c","state":"s"}"#),
            ("/auth/{provider}/grant", _) => ("application/json", r#"{"scopes":["openid"]}"#),
            _ => ("application/json", "{}"),
        };
        let who = if path.starts_with("/v1/") {
            format!("Authorization: Bearer {}\r\n", self.key)
        } else {
            let page = format!("Origin: http://{PUBLIC}\r\nX-Requested-With: test\r\n");
            format!("Cookie: {}; g_csrf_token=t\r\n{page}", self.cookies)
        };
        let kind =
            if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        (format!("{method} {}{what}", self.concrete(path)), format!("{who}{kind}"), body)
    }

    fn send(&self, method: &str, path: &str) -> Answer {
        let (request, lines, body) = self.request(method, path);
        ask(&self.public, PUBLIC, &request, &lines, body)
    }
}

/// `logout_token=` of a signed token with an unknown key, as far as anybody can tell without asking for keys.
const LOGOUT_TOKEN: &str = concat!(
    "logout_token=eyJhbGciOiJSUzI1NiIsImtpZCI6IngiLCJ0eXAiOiJsb2dvdXQrand0In0",
    ".eyJpc3MiOiJ4In0.c2ln"
);
const EVENT_TOKEN: &str = concat!(
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IngiLCJ0eXAiOiJzZWNldmVudCtqd3QifQ",
    ".eyJpc3MiOiJ4In0.c2ln"
);

fn configured(directory: &TempDir, emulator: &Emulator) -> Config {
    let place = directory.path();
    let keys = KeyFile::generate(&SystemEntropy).to_toml().unwrap();
    fs::write(place.join("keys.toml"), keys).unwrap();
    let owner = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(place.join("keys.toml"), owner).unwrap();
    let text = format!(
        "public_url = \"http://{PUBLIC}\"\n[database]\nurl = \"sqlite://{}/standin.db\"\n[keys]\n\
         file = \"keys.toml\"\n[[provider]]\nid = \"google\"\nkind = \"google\"\nissuer = \"{}\"\n\
         client_id = \"{}\"\nclient_secret = \"{}\"\nbrowser_scopes = [\"openid\"]\n",
        place.display(),
        emulator.origin(),
        emulator.client_id(),
        emulator.client_secret(),
    );
    fs::write(place.join("standin.toml"), text).unwrap();
    let (path, flags) = (place.join("standin.toml"), Flags::default());
    Config::load(&Source { path, must_exist: true, variables: Vec::new(), flags }).unwrap()
}

/// Both sides inside their shells, as `standin serve` puts them there, and the key of a job.
async fn serve(config: &Config, clock: Fuse) -> (String, String, String) {
    let store = app::open_store(config).await.unwrap();
    let standin = app::standin(config, Arc::clone(&store), clock).await.unwrap();
    let key = "sk_0123456789012345678901234567890123456789012".to_owned();
    let client = ClientRow {
        id: ClientId::new(&SystemClock, &SystemEntropy),
        name: "job".into(),
        key_sha256: standin::secret::ClientKey::new(key.clone()).sha256(),
        policy: Policy::everything(),
        created_at: SystemClock.now(),
    };
    store.add_client(client).await.unwrap();
    let app = app::app(standin);
    let public = |bound| AllowedHosts::public(&config.public_url, &[], bound);
    let operator = |bound| AllowedHosts::operator(&[PUBLIC.into()], bound);
    let (public, operator) =
        (listen(app.public, public, true).await, listen(app.operator, operator, false).await);
    (public, operator, key)
}

async fn listen(
    router: axum::Router,
    hosts: impl FnOnce(SocketAddr) -> AllowedHosts,
    is_https: bool,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shell = Shell {
        hosts: hosts(address),
        limits: Limits::default(),
        proxies: TrustedProxies::default(),
        headers: SecurityHeaders { is_https },
    };
    let stop = CancellationToken::new();
    let served = net::serve(listener, shell.around(router), stop);
    tokio_util::task::TaskTracker::new().spawn(served);
    address.to_string()
}

fn body(answer: &Answer) -> Value {
    serde_json::from_str(answer.0.split_once("\r\n\r\n").unwrap().1).unwrap()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// All of them, each once; a page may have a policy of its own, which is as closed.
fn assert_closed(answer: &Answer, is_https: bool, what: &str) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin-allow-popups"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.headers(name), [value], "{what}: {name}\n{}", answer.0);
    }
    // A page whose forms must say where they come from tells that to us, and to nobody else.
    let told = answer.headers("referrer-policy");
    let has_forms = answer.0.contains("content-type: text/html") && what.contains("/account");
    assert!(
        told == ["no-referrer"] || has_forms && told == ["same-origin"],
        "{what}\n{}",
        answer.0
    );
    let policies = answer.headers("content-security-policy");
    let [policy] = policies[..] else { panic!("{what}: {policies:?}\n{}", answer.0) };
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action "]
    {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
    let promised = answer.headers("strict-transport-security");
    assert_eq!(promised.len(), usize::from(is_https), "{what}\n{}", answer.0);
}

/// What can be wrong with a request to any path, and what it is answered.
fn faults(method: &str, path: &str) -> Vec<(String, u16)> {
    let head = |path: &str, host: &str, lines: &str| {
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{lines}\r\n")
    };
    let long = format!("{path}?{}", "q".repeat(9000));
    vec![
        (head(path, "evil.example", ""), 421),
        (head(path, PUBLIC, &format!("Host: {PUBLIC}\r\n")), 400),
        (head(path, PUBLIC, "Content-Length: 65537\r\n"), 413),
        (head(&long, PUBLIC, ""), 414),
        (head(path, PUBLIC, &"X: y\r\n".repeat(101)), 431),
        (head(path, PUBLIC, &format!("X: {}\r\n", "y".repeat(33_000))), 431),
        (head(path, PUBLIC, "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), 400),
        (head(path, PUBLIC, "X y: z\r\n"), 400),
        (head(path, PUBLIC, "X: y\r\n folded\r\n"), 400),
    ]
}

fn raw(address: &str, request: &str) -> Answer {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // It may be closed while there is something that nobody has read.
    let _ = stream.read_to_string(&mut answer);
    Answer(answer)
}

#[test]
fn hh_1_whatever_is_asked_of_any_route_the_answer_carries_the_headers() {
    let house = House::open();
    let mut seen = BTreeSet::new();
    let mut look = |answer: &Answer, is_https, what: &str| {
        assert_closed(answer, is_https, what);
        seen.insert(answer.status());
    };
    for (path, methods) in routes(&PUBLIC_SIDE) {
        for method in METHODS {
            let what = format!("{method} {path}");
            let concrete = house.concrete(path);
            let stranger = ask(&house.public, PUBLIC, &format!("{method} {concrete}"), "", "");
            look(&stranger, true, &what);
            assert_eq!(stranger.status() == 405, !methods.contains(&method), "{what}");
            for (request, status) in faults(method, &concrete) {
                let answer = raw(&house.public, &request);
                assert_eq!(answer.status(), status, "{what}: {request:.200}");
                look(&answer, true, &what);
            }
        }
        for method in methods {
            look(&house.send(method, path), true, path);
            let person = "Accept: text/html\r\nSec-Fetch-Site: cross-site\r\n";
            let path = house.concrete(path);
            look(&ask(&house.public, PUBLIC, &format!("{method} {path}"), person, ""), true, &path);
        }
    }
    look(&ask(&house.public, PUBLIC, "GET /nowhere", "", ""), true, "nowhere");
    for (path, methods) in routes(&OPERATORS_SIDE) {
        for method in METHODS {
            let answer = ask(&house.operator, PUBLIC, &format!("{method} {path}"), "", "");
            look(&answer, false, path);
            assert_eq!(answer.status() == 405, !methods.contains(&method), "{method} {path}");
            for (request, status) in faults(method, path) {
                let answer = raw(&house.operator, &request);
                assert_eq!(answer.status(), status, "{method} {path}: {request:.200}");
                look(&answer, false, path);
            }
        }
    }
    let statuses = [200, 303, 400, 401, 403, 404, 405, 413, 414, 421, 431];
    let missing: Vec<_> = statuses.iter().filter(|status| !seen.contains(status)).collect();
    assert!(missing.is_empty(), "not seen: {missing:?} of {seen:?}");
}

#[test]
fn hh_9_a_panic_in_any_handler_is_a_500_and_takes_nothing_with_it() {
    let house = House::open();
    let vend = "/v1/users/{user}/grants/{provider}/token";
    let works = |when: &str| {
        assert_eq!(house.send("GET", "/auth/session").status(), 200, "{when}");
        assert_eq!(house.send("GET", "/auth/{provider}/login").status(), 303, "{when}");
        assert_eq!(house.send("POST", vend).status(), 200, "{when}");
    };
    works("before");
    for (path, methods) in routes(&PUBLIC_SIDE) {
        for method in methods {
            let what = format!("{method} {path}");
            house.fuse.0.store(true, Ordering::SeqCst);
            let answer = house.send(method, path);
            house.fuse.0.store(false, Ordering::SeqCst);
            if path == WITHOUT_WORK {
                assert_eq!(answer.status(), 200, "{what}\n{}", answer.0);
                continue;
            }
            assert_eq!(answer.status(), 500, "{what}\n{}", answer.0);
            assert!(!answer.0.contains("canary") && !answer.0.contains("panic"), "{}", answer.0);
            assert_eq!(body(&answer)["code"], "internal_error", "{what}\n{}", answer.0);
            assert_closed(&answer, true, &what);
            works(&format!("after {what}"));
        }
    }
    // Whoever signs in now does, with everything that takes: locks, caches, tasks.
    let (path, cookie) = answer_of(&house.public, &house.emulator);
    let lines = format!("Cookie: {cookie}\r\n");
    assert_eq!(ask(&house.public, PUBLIC, &format!("GET {path}"), &lines, "").status(), 303);
    assert!(house.runtime.metrics().num_alive_tasks() > 0);
}
