//! The numbers of a running service: which there are, what they say, and that strangers make none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use http::{Method, Request};
use serde_json::{Value, json};
use standin::entropy::SystemEntropy;
use standin::id::ClientId;
use standin::secret::ClientKey;
use standin::store::ClientRow;
use standin::time::{Clock as _, SystemClock};
use standin::vend::{Policy, new_client_key};
use standin_server::app::App;
use standin_server::config::{Config, Flags, Source};
use standin_server::http::client_ip::TrustedProxies;
use standin_server::http::headers::SecurityHeaders;
use standin_server::http::host::AllowedHosts;
use standin_server::http::{Shell, Shelled};
use standin_server::metrics as measure;
use tempfile::TempDir;

use crate::nodes::{Cluster, PUBLIC, Setup, ask};
use crate::refresh_nodes::{Job, eventually, stale};

fn run(directory: &Path, arguments: &[&str]) -> Value {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_standin"));
    let output = command.current_dir(directory).env_clear().args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// One line of the text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: String,
}

fn samples(text: &str) -> Vec<Sample> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let pairs = labels.trim_end_matches('}').split("\",").filter(|pair| !pair.is_empty());
            let pair = |pair: &str| {
                let (name, value) = pair.split_once("=\"").unwrap();
                (name.to_owned(), value.trim_end_matches('"').to_owned())
            };
            let labels = pairs.map(pair).collect();
            Sample { name: name.to_owned(), labels, value: value.to_owned() }
        })
        .collect()
}

/// The value of the series with these labels, whatever others it has; 0 if there is none.
fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let has = |sample: &&Sample| {
        let mut labels = labels.iter();
        sample.name == name
            && labels.all(|(name, value)| sample.labels.get(*name).is_some_and(|own| own == value))
    };
    samples.iter().filter(has).map(|sample| sample.value.parse::<f64>().unwrap()).sum()
}

fn scrape(operator: &str) -> (String, Vec<Sample>) {
    let answer = ask(operator, operator, "GET /metrics", "", "");
    assert_eq!(answer.status(), 200, "{}", answer.0);
    let (head, body) = answer.0.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    (body.to_owned(), samples(body))
}

#[test]
fn the_numbers_say_what_happened_and_name_nobody() {
    let cluster = Cluster::on_sqlite();
    let node = &cluster.nodes[0];
    let (path, cookie) = cluster.answered();
    let done = node.get(&path, &cookie);
    let session = done.cookie("__Host-standin=").unwrap();
    let session = node.get("/auth/session", &session);
    let session: Value = serde_json::from_str(session.0.split_once("\r\n\r\n").unwrap().1).unwrap();
    let user = session["user"]["id"].as_str().unwrap();
    assert_eq!(node.get(&path, &cookie).status(), 409, "an answer is good once");
    let added =
        run(cluster.directory.path(), &["clients", "add", "job", "--allow", "google", "--json"]);
    let key = added["key"].as_str().unwrap();
    let lines = format!("Authorization: Bearer {key}\r\nContent-Type: application/json\r\n");
    let vend = |provider: &str, body: &str| {
        let request = format!("POST /v1/users/{user}/grants/{provider}/token");
        ask(&node.address, PUBLIC, &request, &lines, body)
    };
    let token = vend("google", "{}");
    let token: Value = serde_json::from_str(token.0.split_once("\r\n\r\n").unwrap().1).unwrap();
    let sha256 = standin::secret::sha256(token["access_token"].as_str().unwrap().as_bytes());
    let stale = json!({ "stale_token_sha256": data_encoding::HEXLOWER.encode(&sha256) });
    assert_eq!(vend("google", &stale.to_string()).status(), 200);
    assert_eq!(vend("nobodys", "{}").status(), 403);

    let (text, all) = scrape(&node.operator);
    let google = ("provider", "google");
    for (name, labels, expected) in [
        ("standin_sign_ins_total", &[google, ("result", "ok")][..], 1.0),
        ("standin_sign_ins_total", &[google, ("result", "attempt_used")], 1.0),
        ("standin_vends_total", &[google, ("result", "ok")], 2.0),
        ("standin_vends_total", &[("provider", "unknown"), ("result", "forbidden")], 1.0),
        ("standin_refreshes_total", &[google, ("outcome", "ok")], 1.0),
        ("standin_refresh_duration_seconds_count", &[google], 1.0),
        ("standin_refresh_duration_seconds_bucket", &[google, ("le", "+Inf")], 1.0),
        ("standin_grants", &[("state", "active")], 1.0),
        ("standin_grants", &[("state", "revoked")], 0.0),
        ("standin_revocations_waiting", &[], 0.0),
        ("standin_leases_overdue", &[], 0.0),
        ("standin_journal_waiting", &[], 0.0),
        ("standin_journal_oldest_seconds", &[], 0.0),
        ("standin_record_cut_total", &[], 0.0),
        ("standin_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0),
        ("standin_http_requests_total", &[("route", "/auth/session"), ("status", "2xx")], 1.0),
    ] {
        assert!((value(&all, name, labels) - expected).abs() < 0.5, "{name} {labels:?}: {text}");
    }
    assert!(value(&all, "standin_database_connections", &[("state", "open")]) >= 1.0);
    for secret in [user, key, token["access_token"].as_str().unwrap(), "ada@example.com"] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let subject = session["identities"][0]["subject"].as_str().unwrap();
    assert!(!text.contains(subject), "{text}");
    is_described(&text, &all);
}

fn count(job: &Job, name: &str, labels: &[(&str, &str)]) -> f64 {
    value(&scrape(&job.cluster.nodes[0].operator).1, name, labels)
}

#[test]
fn vends_from_memory_providers_left_alone_and_deaths_are_counted() {
    let job = Job::start(Cluster::with(Setup { nodes: 1, ..Setup::default() }));
    let is = |name: &str, labels: &[(&str, &str)], expected: f64| {
        let found = count(&job, name, labels);
        assert!((found - expected).abs() < 0.5, "{name} {labels:?} is {found}");
    };
    let (hit, miss) = ([("result", "hit")], [("result", "miss")]);
    let lookups = "standin_live_lookups_total";
    let token = eventually("a vend from memory", || {
        let token = job.token(0, &json!({}));
        (count(&job, lookups, &hit) > 0.5).then_some(token)
    });
    let (hits, misses) = (count(&job, lookups, &hit), count(&job, lookups, &miss));
    job.token(0, &stale(&token));
    is(lookups, &hit, hits);
    is(lookups, &miss, misses + 1.0);

    let (breaker, google) = ("standin_breaker_open", ("provider", "google"));
    let reasons = ["doubt", "registration", "trouble"];
    let open = reasons.map(|reason| count(&job, breaker, &[google, ("reason", reason)]) > 0.5);
    assert_eq!(open, [false; 3]);
    let stale = stale(&job.token(0, &json!({})));
    job.fault(&json!({ "endpoint": "token", "fault": "invalid_client" }));
    assert_eq!(job.vend(0, &stale).status(), 502);
    let open = reasons.map(|reason| count(&job, breaker, &[google, ("reason", reason)]) > 0.5);
    assert_eq!(open, [false, true, false]);
    eventually("an answer", || (job.vend(0, &stale).status() == 200).then_some(()));
    is(breaker, &[google], 0.0);

    let deaths = "standin_grant_deaths_total";
    is(deaths, &[], 0.0);
    // An alarm sees the first only if there was a series before it.
    let (_, all) = scrape(&job.cluster.nodes[0].operator);
    for (name, label) in [
        (deaths, Some("rotation_lost")),
        ("standin_refreshes_total", Some("no_answer")),
        ("standin_journal_failures_total", None),
    ] {
        let is_it = |sample: &&Sample| {
            sample.name == name
                && label.is_none_or(|word| sample.labels.values().any(|value| value == word))
        };
        assert!(all.iter().any(|sample| is_it(&sample)), "{name} {label:?}");
    }
    // Its answer is lost, and it takes the token no second time.
    job.cluster.control("PUT", "profile", r#"{"rotate_refresh_tokens":true}"#);
    let stale = crate::refresh_nodes::stale(&job.token(0, &json!({})));
    job.fault(&json!({ "endpoint": "token", "fault": "drop_after" }));
    assert_eq!(job.vend(0, &stale).status(), 409);
    assert_eq!(job.vend(0, &stale).status(), 409);
    is(deaths, &[google, ("reason", "rotation_lost")], 1.0);
    is(deaths, &[], 1.0);
}

/// Every series has a metric that is declared, with its labels, and help.
fn is_described(text: &str, all: &[Sample]) {
    let declared: BTreeMap<_, _> = measure::all().map(|metric| (metric.name, metric)).collect();
    for sample in all {
        let name = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| {
                sample.name.strip_suffix(suffix).filter(|n| declared.contains_key(n))
            })
            .unwrap_or(&sample.name);
        let metric = declared.get(name).unwrap_or_else(|| panic!("{name} is declared nowhere"));
        let labels: BTreeSet<_> = sample.labels.keys().map(String::as_str).collect();
        let expected: BTreeSet<_> = metric.labels.iter().copied().collect();
        let others: Vec<_> = labels.difference(&expected).filter(|label| **label != "le").collect();
        assert!(others.is_empty() && labels.is_superset(&expected), "{sample:?} {metric:?}");
        assert!(text.contains(&format!("# HELP {name} {}\n", metric.help)), "{name} has no help");
    }
}

#[test]
fn every_metric_is_in_the_document_and_nothing_else_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let text = fs::read_to_string(path).unwrap();
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `standin_"));
    let row = |row: &str| {
        let mut cells = row.split('|').map(str::trim);
        let (name, kind, labels) =
            (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
        let labels: Vec<_> =
            labels.split(", ").map(|label| label.trim_matches('`').to_owned()).collect();
        let name = format!("standin_{}", name.trim_end_matches('`'));
        let rest: Vec<_> = cells.filter(|cell| !cell.is_empty()).collect();
        assert!(rest.len() >= 2, "{name}: what it means, and when to look");
        (name, kind.to_owned(), labels)
    };
    let documented: BTreeSet<_> = rows.map(row).collect();
    let declared = measure::all().map(|metric| {
        let labels = metric.labels.iter().map(|label| (*label).to_owned());
        let labels: Vec<_> =
            if metric.labels.is_empty() { vec![String::new()] } else { labels.collect() };
        (metric.name.to_owned(), format!("{:?}", metric.kind).to_lowercase(), labels)
    });
    let declared: BTreeSet<_> = declared.collect();
    let differences: Vec<_> = declared.symmetric_difference(&documented).collect();
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The routers of a service in this process, each in its shell.
struct Service {
    public: Shelled,
    operator: Shelled,
    key: ClientKey,
    _directory: TempDir,
}

const CONFIG: &str = r#"
public_url = "http://127.0.0.1:1"
[database]
url = "sqlite://DIRECTORY/standin.db"
[keys]
file = "DIRECTORY/keys.toml"
[[provider]]
id = "google"
kind = "google"
client_id = "1-a.apps.googleusercontent.com"
client_secret = "GOCSPX-not-a-secret"
"#;

impl Service {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        run(directory.path(), &["init", "--json"]);
        let path = directory.path().join("standin.toml");
        let place = directory.path().display().to_string();
        fs::write(&path, CONFIG.replace("DIRECTORY", &place)).unwrap();
        let (variables, flags) = (Vec::new(), Flags::default());
        let config = Config::load(&Source { path, must_exist: true, variables, flags }).unwrap();
        let App { public, operator, standin } = standin_server::app::build(&config).await.unwrap();
        let (key, key_sha256) = new_client_key(&SystemEntropy);
        let client = ClientRow {
            id: ClientId::new(&SystemClock, &SystemEntropy),
            name: "job".to_owned(),
            key_sha256,
            policy: Policy::everything(),
            created_at: SystemClock.now(),
        };
        standin.store().add_client(client).await.unwrap();
        let (public, operator) = (in_shell(public), in_shell(operator));
        Self { public, operator, key, _directory: directory }
    }

    async fn send(&self, request: http::request::Builder, body: String) -> u16 {
        let request = request.header("host", "127.0.0.1:1").body(Body::from(body)).unwrap();
        self.public.clone().answer(request).await.status().as_u16()
    }

    /// Everything that a stranger can choose, made of this number.
    async fn send_nonsense(&self, number: usize) {
        let bearer = format!("Bearer {}", self.key.expose());
        let token = |kid: &str| {
            let part = |text: String| data_encoding::BASE64URL_NOPAD.encode(text.as_bytes());
            let head = part(format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#));
            format!("{head}.{}.{}", part(r#"{"nonce":"n"}"#.to_owned()), part("x".to_owned()))
        };
        // Those that touch the database are dear, and choose nothing that the others do not.
        let (request, body) = match number % 25 {
            1 => {
                (Request::get(format!("/auth/p{number}/login?return_to=/{number}")), String::new())
            }
            2 => {
                let path = format!("/v1/users/usr_{number}/grants/p{number}/token");
                let request = Request::post(path).header("authorization", bearer);
                (request.header("content-type", "application/json"), "{}".to_owned())
            }
            odd if odd > 3 && odd % 2 == 1 => {
                let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
                (Request::builder().method(method).uri("/auth/session"), String::new())
            }
            3 => {
                let credential = token(&format!("kid-{number}"));
                let body = format!("credential={credential}&g_csrf_token=t{number}");
                let request = Request::post("/auth/google/credential")
                    .header("cookie", format!("g_csrf_token=t{number}"))
                    .header("content-type", "application/x-www-form-urlencoded");
                (request, body)
            }
            _ => (Request::get(format!("/path-{number}")), String::new()),
        };
        let status = self.send(request, body).await;
        assert!((400..500).contains(&status), "{number}: {status}");
    }

    async fn series(&self) -> BTreeSet<(String, BTreeMap<String, String>)> {
        let request = Request::get("/metrics").header("host", "127.0.0.1:1");
        let request = request.body(Body::empty()).unwrap();
        let answer = self.operator.clone().answer(request).await;
        let body = axum::body::to_bytes(answer.into_body(), 16 << 20).await.unwrap();
        let text = String::from_utf8(body.to_vec()).unwrap();
        samples(&text).into_iter().map(|sample| (sample.name, sample.labels)).collect()
    }
}

fn in_shell(router: Router) -> Shelled {
    let url = "http://127.0.0.1:1".parse().unwrap();
    let limits = standin_server::net::Limits::default();
    let shell = Shell {
        hosts: AllowedHosts::public(&url, &[], "127.0.0.1:1".parse().unwrap()),
        limits,
        proxies: TrustedProxies::default(),
        headers: SecurityHeaders { is_https: false },
    };
    shell.around(router)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hh_11_a_hundred_thousand_strange_requests_make_no_series() {
    let service = Service::start().await;
    for number in 0..100 {
        service.send_nonsense(number).await;
    }
    service.series().await;
    let before = service.series().await;
    for number in 100..100_100 {
        service.send_nonsense(number).await;
    }
    let after = service.series().await;
    let new: Vec<_> = after.difference(&before).collect();
    // Somebody who fails so often is answered 429, which is one more word and not one more stranger.
    assert!(new.len() <= 5, "{new:#?}");
    assert!(after.len() < 200, "{} series", after.len());
    let labels = after.iter().flat_map(|(_, labels)| labels.values());
    let strange: Vec<_> =
        labels.filter(|value| value.contains("1000") || value.contains("kid-")).collect();
    assert!(strange.is_empty(), "{strange:?}");
}
