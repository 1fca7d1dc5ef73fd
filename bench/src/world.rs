//! What the service needs to be measured: a provider, a configuration, a client, and somebody signed in.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use standin_emulator::Emulator;
use tempfile::TempDir;
use url::Url;

use crate::child::Running;

const USER: &str = "ada@example.com";

/// The emulator, a directory with a configuration, and a client's key.
pub(crate) struct World {
    google: Emulator,
    directory: TempDir,
    http: reqwest::Client,
    port: u16,
    /// The key of the client that vends.
    pub(crate) client_key: String,
}

/// Somebody who has signed in.
pub(crate) struct SignedIn {
    /// `usr_…`.
    pub(crate) user: String,
    /// The session's cookie.
    pub(crate) cookie: String,
}

impl World {
    /// On SQLite, with as much memory for tokens as the service takes by itself.
    pub(crate) async fn new() -> Result<Self> {
        Self::of(None, 64).await
    }

    #[expect(clippy::disallowed_methods, reason = "the browser of a benchmark")]
    pub(crate) async fn of(database: Option<&str>, memory_mib: u32) -> Result<Self> {
        let port = free_port()?;
        let google = Emulator::builder()
            .redirect_uri(format!("http://127.0.0.1:{port}/auth/google/callback"))
            .start()
            .await?;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let directory = tempfile::tempdir()?;
        let mut world = Self { google, directory, http, port, client_key: String::new() };
        world.write_configuration(database, memory_mib)?;
        world.client_key = world.add_client()?;
        world.control("PUT", "autopilot", json!({ "user": USER, "decision": "allow" })).await?;
        Ok(world)
    }

    fn write_configuration(&self, database: Option<&str>, memory_mib: u32) -> Result<()> {
        let path = |name: &str| self.directory.path().join(name).display().to_string();
        run(&["init", "--dir", &self.directory.path().display().to_string()])?;
        let configuration = format!(
            "public_url = \"http://127.0.0.1:{port}\"\n\
             listen = \"127.0.0.1:{port}\"\n\
             operator_listen = \"127.0.0.1:0\"\n\
             [database]\nurl = \"{database}\"\n\
             [keys]\nfile = \"{keys}\"\n\
             [log]\nlevel = \"warn\"\n\
             [vend]\nmemory_mib = {memory_mib}\n\
             [[provider]]\nid = \"google\"\nkind = \"google\"\nissuer = \"{issuer}\"\n\
             client_id = \"{id}\"\nclient_secret = \"{secret}\"\n\
             scopes = [\"openid\", \"email\", \"profile\"]\n",
            port = self.port,
            database = database.map_or(format!("sqlite://{}", path("standin.db")), str::to_owned),
            keys = path("keys.toml"),
            issuer = self.google.origin(),
            id = self.google.client_id(),
            secret = self.google.client_secret(),
        );
        Ok(std::fs::write(self.configuration(), configuration)?)
    }

    fn configuration(&self) -> String {
        self.directory.path().join("standin.toml").display().to_string()
    }

    fn add_client(&self) -> Result<String> {
        let output =
            run(&["clients", "add", "bench", "--json", "--config", &self.configuration()])?;
        let added: Value = serde_json::from_str(&output)?;
        added["key"].as_str().map(str::to_owned).context("the client's key")
    }

    /// The name that requests are addressed to.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts the service.
    pub(crate) fn serve(&self, binary: &Path) -> Result<Running> {
        Running::start(binary, &["serve", "--json", "--config", &self.configuration()])
    }

    /// The access token of the next sign-in lives one second.
    pub(crate) async fn next_token_dies_at_once(&self) -> Result<()> {
        let fault = json!([{ "endpoint": "token", "fault": "token_response", "fields": { "expires_in": 1 } }]);
        self.control("POST", "faults", fault).await.map(drop)
    }

    /// Signs Ada in through the whole flow.
    pub(crate) async fn sign_in(&self, service: &Running) -> Result<SignedIn> {
        let app = Url::parse(service.ready["public"].as_str().context("an address")?)?;
        let mut url = app.join("/auth/google/login")?;
        let mut cookies: Vec<String> = Vec::new();
        while url.path() != "/" {
            let response =
                self.http.get(url.clone()).header(COOKIE, cookies.join("; ")).send().await?;
            let set = response.headers().get_all(SET_COOKIE).iter();
            cookies.extend(
                set.filter_map(|set| Some(set.to_str().ok()?.split(';').next()?.to_owned())),
            );
            let location = response.headers().get(LOCATION);
            let location = location
                .with_context(|| format!("{} answered {}", url.path(), response.status()))?;
            url = url.join(location.to_str()?)?;
        }
        let cookie = cookies.into_iter().find(|cookie| cookie.starts_with("__Host-standin="));
        let cookie = cookie.context("a session")?;
        let session =
            self.http.get(app.join("/auth/session")?).header(COOKIE, &cookie).send().await?;
        let session: Value = session.json().await?;
        let user = session["user"]["id"].as_str().context("a user")?.to_owned();
        Ok(SignedIn { user, cookie })
    }

    /// Somebody takes back what they gave.
    pub(crate) async fn take_back(&self, service: &Running, person: &SignedIn) -> Result<()> {
        let app = Url::parse(service.ready["public"].as_str().context("an address")?)?;
        let response = self
            .http
            .post(app.join("/auth/google/disconnect")?)
            .header(COOKIE, &person.cookie)
            .header("origin", app.origin().ascii_serialization())
            .header("x-requested-with", "XMLHttpRequest")
            .json(&json!({}))
            .send()
            .await?;
        ensure!(response.status().is_success(), "disconnect: {}", response.status());
        Ok(())
    }

    /// How often this happened at the provider.
    pub(crate) async fn count(&self, kind: &str) -> Result<usize> {
        let ledger = self.control("GET", "ledger?after=0", Value::Null).await?;
        let events = ledger["events"].as_array().context("events")?;
        Ok(events.iter().filter(|event| event["kind"] == kind).count())
    }

    async fn control(&self, method: &str, path: &str, body: Value) -> Result<Value> {
        let url = format!("{}/_emulator/{path}", self.google.origin());
        let mut request = self.http.request(reqwest::Method::from_bytes(method.as_bytes())?, url);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await?;
        ensure!(response.status().is_success(), "{path}: {}", response.status());
        Ok(serde_json::from_str(&response.text().await?).unwrap_or(Value::Null))
    }
}

/// A command of the service's own, which must succeed.
pub(crate) fn run(arguments: &[&str]) -> Result<String> {
    let mut program = std::env::current_exe()?;
    program.set_file_name("standin");
    let output = Command::new(program).args(arguments).output()?;
    ensure!(
        output.status.success(),
        "standin {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

/// A port that was free a moment ago: the public address has to be known before the service starts.
pub(crate) fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
