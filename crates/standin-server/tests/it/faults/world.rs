//! The service, its people, and a provider that replaces refresh tokens and knows which of them live.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use standin::entropy::SystemEntropy;
use standin::secret::sha256;
use standin::store::Store;
use standin::time::SystemClock;
use standin::vault::{Grant, GrantState, KeyFile, ReauthReason, Vault};
use tokio::runtime::Runtime;

use crate::nodes::{Answer, Cluster, Node, PUBLIC, ask, led_through};

/// A service and a job that may have everything.
pub(super) struct World {
    pub(super) cluster: Cluster,
    key: String,
}

/// Somebody who has signed in.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) email: String,
    pub(super) user: String,
    pub(super) session: String,
}

/// A grant as the vault has it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) state: GrantState,
    pub(super) reason: Option<ReauthReason>,
    /// SHA-256 of the refresh token.
    pub(super) refresh_token: String,
}

impl World {
    pub(super) fn over(cluster: Cluster) -> Self {
        let added = standin(&cluster, &["clients", "add", "job", "--allow", "*", "--json"]);
        let added: Value = serde_json::from_str(&added).unwrap();
        Self { key: added["key"].as_str().unwrap().to_owned(), cluster }
    }

    /// One more process, with this in its environment.
    pub(super) fn start(&mut self, environment: &[(&str, &str)]) {
        let node = Node::start_with(self.cluster.directory.path(), environment);
        self.cluster.nodes.push(node);
    }

    /// The key of the job.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// From now on every refresh gives another refresh token, and the one that was spent is dead at once.
    pub(super) fn rotates(&self) {
        let profile = json!({ "rotate_refresh_tokens": true });
        self.cluster.control("PUT", "profile", &profile.to_string());
    }

    /// Whoever this is exists at the provider, and says yes.
    pub(super) fn allows(&self, email: &str) {
        let user = json!({ "email": email, "name": email });
        self.cluster.control("PUT", "users", &user.to_string());
        let autopilot = json!({ "user": email, "decision": "allow" });
        self.cluster.control("PUT", "autopilot", &autopilot.to_string());
    }

    /// Somebody signs in, at this process. What it answers if that is no.
    pub(super) fn try_sign_in(&self, node: usize, email: &str) -> Result<Person, Answer> {
        self.allows(email);
        let (path, cookie) = self.cluster.try_answered(node)?;
        let mut done = self.cluster.nodes[node].get(&path, &cookie);
        let Some(mut session) = done.cookie("__Host-standin=") else { return Err(done) };
        // Whose offline access is not there yet, or was lost with a sign-in that could not be written, is asked for it.
        while let Ok((path, cookie)) = led_through(done, &self.cluster.emulator) {
            done = self.cluster.nodes[node].get(&path, &format!("{cookie}; {session}"));
            session = done.cookie("__Host-standin=").unwrap_or(session);
        }
        let known = self.cluster.nodes[node].get("/auth/session", &session);
        match known.status() {
            200 => {
                let user = body(&known)["user"]["id"].as_str().unwrap().to_owned();
                Ok(Person { email: email.to_owned(), user, session })
            }
            _ => Err(known),
        }
    }

    pub(super) fn sign_in(&self, node: usize, email: &str) -> Person {
        self.try_sign_in(node, email).unwrap_or_else(|answer| panic!("{}", answer.0))
    }

    /// Somebody takes back what they gave.
    pub(super) fn disconnect(&self, node: usize, person: &Person) {
        let lines = format!(
            "Cookie: {}\r\nOrigin: http://{PUBLIC}\r\nX-Requested-With: test\r\nContent-Type: application/json\r\n",
            person.session
        );
        let address = &self.cluster.nodes[node].address;
        let answer = ask(address, PUBLIC, "POST /auth/google/disconnect", &lines, "{}");
        assert_eq!(answer.status(), 200, "{}", answer.0);
    }

    pub(super) fn vend(&self, node: usize, person: &Person, request: &Value) -> Answer {
        let path = format!("POST /v1/users/{}/grants/google/token", person.user);
        let lines =
            format!("Authorization: Bearer {}\r\nContent-Type: application/json\r\n", self.key);
        let address = &self.cluster.nodes[node].address;
        ask(address, PUBLIC, &path, &lines, &request.to_string())
    }

    pub(super) fn token(&self, node: usize, person: &Person, request: &Value) -> String {
        let answer = self.vend(node, person, request);
        token_in(&answer).unwrap_or_else(|| panic!("{}: {}", person.email, answer.0))
    }

    /// A token that is not the one before.
    pub(super) fn refresh(&self, node: usize, person: &Person) -> String {
        let token = self.token(node, person, &json!({}));
        self.token(node, person, &stale(&token))
    }

    /// What the provider says: the SHA-256 of everybody's newest refresh token, by address.
    pub(super) fn newest_refresh_tokens(&self) -> BTreeMap<String, String> {
        let ledger = self.cluster.control("GET", "ledger?after=0", "");
        let mut newest = BTreeMap::new();
        for event in ledger["events"].as_array().unwrap() {
            let hash = match event["kind"].as_str().unwrap() {
                "code_redeemed" => &event["refresh_token_sha256"],
                "token_refreshed" => &event["new_refresh_token_sha256"],
                _ => &Value::Null,
            };
            if let (Some(user), Some(hash)) = (event["user"].as_str(), hash.as_str()) {
                newest.insert(user.to_owned(), hash.to_owned());
            }
        }
        newest
    }

    /// Somebody's refresh token, in the clear.
    pub(super) fn refresh_token(&self, person: &Person) -> String {
        let opened = async {
            let store = standin_store::open(&self.cluster.database_url).await.unwrap();
            let vault = self.vault(Arc::clone(&store)).await;
            let grant = store.grants_of(person.user.parse().unwrap()).await.unwrap().remove(0);
            vault.open_refresh(&grant).unwrap().unwrap().expose().to_owned()
        };
        Runtime::new().unwrap().block_on(opened)
    }

    /// What the vault has, by the address of its owner.
    pub(super) fn kept(&self) -> BTreeMap<String, Kept> {
        let runtime = Runtime::new().unwrap();
        let kept = async {
            let store = standin_store::open(&self.cluster.database_url).await.unwrap();
            let vault = self.vault(Arc::clone(&store)).await;
            let mut kept = BTreeMap::new();
            for user in store.users(None, 100_000).await.unwrap() {
                for grant in store.grants_of(user.id).await.unwrap() {
                    kept.insert(user.profile.email.clone().unwrap(), kept_of(&vault, &grant));
                }
            }
            kept
        };
        runtime.block_on(kept)
    }

    async fn vault(&self, store: Arc<dyn Store>) -> Vault {
        let keys = KeyFile::read(&self.cluster.directory.path().join("keys.toml")).unwrap();
        Vault::open(&keys, store, Arc::new(SystemClock), &SystemEntropy).await.unwrap()
    }

    /// Each of them has an active grant, with the refresh token that lives at the provider.
    pub(super) fn nobody_is_behind(&self, people: &[&Person]) {
        let (kept, live) = (self.kept(), self.newest_refresh_tokens());
        for person in people {
            let grant = &kept[&person.email];
            assert_eq!(grant.state, GrantState::Active, "{}: {:?}", person.email, grant.reason);
            assert_eq!(grant.refresh_token, live[&person.email], "{}", person.email);
        }
    }

    /// The file of the database.
    pub(super) fn file(&self) -> PathBuf {
        self.cluster.directory.path().join("standin.db")
    }

    /// Waits for what another process does, on a machine with much else to do.
    pub(super) fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        for _ in 0..1_200 {
            if is_so() {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("it has not happened in a minute that {what}: {}", self.cluster.log());
    }

    /// Whether a node has counted sign-ins that ended so.
    pub(super) fn counts_sign_ins(&self, node: usize, result: &str) -> bool {
        let operator = &self.cluster.nodes[node].operator;
        let metrics = ask(operator, operator, "GET /metrics", "", "").0;
        let is_it = |line: &str| {
            line.starts_with("standin_sign_ins_total{") && line.contains(&format!("\"{result}\""))
        };
        metrics.lines().any(is_it)
    }

    /// Whether a process says that it is ready, and that it lives.
    pub(super) fn health(&self, node: usize) -> (u16, u16) {
        let operator = &self.cluster.nodes[node].operator;
        let of = |path: &str| ask(operator, operator, &format!("GET {path}"), "", "").status();
        (of("/readyz"), of("/healthz"))
    }
}

fn kept_of(vault: &Vault, grant: &Grant) -> Kept {
    let token = vault.open_refresh(grant).unwrap();
    let refresh_token = token.map_or_else(String::new, |token| sha256_hex(token.expose()));
    Kept { state: grant.state, reason: grant.reason, refresh_token }
}

/// `kill` with this option.
pub(super) fn signal(node: &Node, name: &str) {
    let pid = node.child.id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
}

pub(super) fn standin(cluster: &Cluster, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_standin"))
        .current_dir(cluster.directory.path())
        .env_clear()
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

pub(super) fn body(answer: &Answer) -> Value {
    let body = answer.0.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {}", answer.0))
}

/// The stable code of a refusal.
pub(super) fn code(answer: &Answer) -> String {
    body(answer)["code"].as_str().unwrap_or_default().to_owned()
}

pub(super) fn token_in(answer: &Answer) -> Option<String> {
    let token = (answer.status() == 200).then(|| body(answer)["access_token"].clone())?;
    token.as_str().map(str::to_owned)
}

/// A request by somebody whom an API has refused this token.
pub(super) fn stale(token: &str) -> Value {
    json!({ "stale_token_sha256": sha256_hex(token) })
}

fn sha256_hex(secret: &str) -> String {
    HEXLOWER.encode(&sha256(secret.as_bytes()))
}
