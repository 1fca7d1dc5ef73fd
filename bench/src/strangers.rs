//! The service before providers of our own, and many people who sign in at once.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::child::Running;
use crate::http::{address, request};
use crate::load::Connection;
use crate::provider::{CLIENT, Provider, parameter};
use crate::world::{free_port, run};

/// What services that are measured differ in.
#[derive(Clone, Copy)]
pub(crate) struct Setting<'a> {
    /// By their names.
    pub(crate) providers: &'a [(&'a str, &'a Provider)],
    /// Of all of them. The refresh tokens of `oidc` may rotate, those of `google` do not.
    pub(crate) kind: &'a str,
    /// Its URL; a file of the service's own if there is none.
    pub(crate) database: Option<&'a str>,
}

/// A directory with a configuration, and a client's key.
pub(crate) struct Strangers {
    directory: TempDir,
    port: u16,
    /// The key of the client that vends.
    pub(crate) client_key: String,
}

impl Strangers {
    /// Over these providers, by their names, on SQLite.
    pub(crate) fn new(providers: &[(&str, &Provider)]) -> Result<Self> {
        Self::with(&Setting { providers, kind: "oidc", database: None })
    }

    pub(crate) fn with(setting: &Setting<'_>) -> Result<Self> {
        let mut strangers =
            Self { directory: tempfile::tempdir()?, port: free_port()?, client_key: String::new() };
        run(&["init", "--dir", &strangers.directory.path().display().to_string()])?;
        std::fs::write(strangers.path("standin.toml"), strangers.configuration(setting))?;
        let config = strangers.path("standin.toml");
        let added = run(&["clients", "add", "bench", "--json", "--config", &config])?;
        let added: Value = serde_json::from_str(&added)?;
        added["key"].as_str().context("the client's key")?.clone_into(&mut strangers.client_key);
        Ok(strangers)
    }

    fn configuration(&self, setting: &Setting<'_>) -> String {
        let tables = setting.providers.iter().map(|(id, provider)| {
            format!(
                "[[provider]]\nid = \"{id}\"\nkind = \"{}\"\nissuer = \"{}\"\n\
                 client_id = \"{CLIENT}\"\nclient_secret = \"secret\"\n\
                 max_refreshes_per_second = 1000000\n",
                setting.kind, provider.issuer
            )
        });
        format!(
            "public_url = \"http://{host}\"\nlisten = \"{host}\"\noperator_listen = \"127.0.0.1:0\"\n\
             [database]\nurl = \"{database}\"\n[keys]\nfile = \"{keys}\"\n\
             [log]\nlevel = \"warn\"\n{tables}",
            host = self.host(),
            database = setting.database.map_or_else(|| self.database(), str::to_owned),
            keys = self.path("keys.toml"),
            tables = tables.collect::<String>(),
        )
    }

    /// The URL of the database that is a file of the service's own.
    pub(crate) fn database(&self) -> String {
        format!("sqlite://{}", self.path("standin.db"))
    }

    /// A file of the service's.
    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// The name that requests are addressed to.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Starts the service.
    pub(crate) fn serve(&self, binary: &Path) -> Result<Running> {
        self.serve_with(binary, &[])
    }

    /// Starts the service so that it remembers no token: every vend reads its row.
    pub(crate) fn serve_by_rows(&self, binary: &Path) -> Result<Running> {
        self.serve_with(binary, &[("STANDIN__VEND__MEMORY_MIB", "0")])
    }

    fn serve_with(&self, binary: &Path, environment: &[(&str, &str)]) -> Result<Running> {
        let config = self.path("standin.toml");
        Running::start_with(binary, &["serve", "--json", "--config", &config], environment)
    }

    /// Lets these people begin to sign in: the requests with which their browsers come back.
    pub(crate) fn callbacks(
        &self,
        service: &Running,
        (id, provider): (&str, &Provider),
        people: impl Iterator<Item = String>,
        life: u32,
    ) -> Result<Vec<Vec<u8>>> {
        let mut connection = Connection::open(address(service)?)?;
        let login = request("GET", &format!("/auth/{id}/login"), &self.host(), &[]);
        let begin = |person: String| {
            let answer = connection.head(&login)?;
            let location = header(&answer, "location")?;
            let cookie = header(&answer, "set-cookie")?;
            let (state, nonce) = (parameter(location, "state")?, parameter(location, "nonce")?);
            provider.will_answer(&person, &nonce, life)?;
            let path = format!("/auth/{id}/callback?code={person}&state={state}");
            let cookie = cookie.split(';').next().context("a cookie")?;
            Ok(request("GET", &path, &self.host(), &[("cookie", cookie)]))
        };
        people.map(begin).collect()
    }

    /// A request for the token of this person, whom the provider calls so.
    pub(crate) fn vend(&self, id: &str, person: &str) -> Vec<u8> {
        self.vend_for(id, &format!("{id}:{person}"))
    }

    /// A request for the token of this user, by whatever name.
    pub(crate) fn vend_for(&self, id: &str, user: &str) -> Vec<u8> {
        let path = format!("/v1/users/{user}/grants/{id}/token");
        let bearer = format!("Bearer {}", self.client_key);
        request("POST", &path, &self.host(), &[("authorization", &bearer)])
    }
}

/// Where the service listens.
pub(crate) fn listens(service: &Running) -> Result<SocketAddr> {
    address(service)
}

fn header<'a>(head: &'a str, wanted: &str) -> Result<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let found = lines.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value).with_context(|| format!("`{wanted}` in {head}"))
}
