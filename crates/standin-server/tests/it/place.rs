//! A configured service that need not run, and the provider it trusts.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use standin_emulator::Emulator;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::nodes::{Node, PUBLIC, ask};

/// A directory in which `standin init` ran, and an emulator.
pub(crate) struct Place {
    pub(crate) directory: TempDir,
    pub(crate) emulator: Emulator,
    /// The emulator lives in it.
    runtime: Runtime,
}

impl Place {
    /// On SQLite, with its tables.
    pub(crate) fn new() -> Self {
        let place = Self::without_tables();
        assert!(place.run(&["migrate"]).status.success());
        place
    }

    pub(crate) fn without_tables() -> Self {
        let runtime = Runtime::new().unwrap();
        let callback = format!("http://{PUBLIC}/auth/google/callback");
        let emulator = Emulator::builder().redirect_uri(callback);
        let emulator = runtime.block_on(emulator.start()).unwrap();
        let place = Self { directory: tempfile::tempdir().unwrap(), emulator, runtime };
        assert!(place.run(&["init"]).status.success());
        let database = format!("sqlite://{}", place.path("standin.db").display());
        let secret = place.emulator.client_secret();
        place.configure(&database, &place.provider(place.emulator.origin(), secret));
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn provider(&self, issuer: &str, secret: &str) -> String {
        let client = self.emulator.client_id();
        format!("issuer = \"{issuer}\"\nclient_id = \"{client}\"\nclient_secret = \"{secret}\"\n")
    }

    pub(crate) fn configure(&self, database: &str, provider: &str) {
        let text = format!(
            "public_url = \"http://{PUBLIC}\"\n[database]\nurl = \"{database}\"\n[keys]\n\
             file = \"keys.toml\"\n[[provider]]\nid = \"google\"\nkind = \"google\"\n{provider}"
        );
        fs::write(self.path("standin.toml"), text).unwrap();
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
        command.current_dir(self.directory.path()).env_clear().stdin(Stdio::null());
        command.args(arguments).output().unwrap()
    }

    /// A service that makes the vault's first key.
    pub(crate) fn serve(&self) -> Node {
        Node::start(self.directory.path())
    }

    /// Takes the database away, with whatever a service that was killed has left beside it.
    pub(crate) fn lose_database(&self) {
        for file in ["standin.db", "standin.db-wal", "standin.db-shm"] {
            drop(fs::remove_file(self.path(file)));
        }
    }

    /// Does something with the rows.
    pub(crate) fn with_store<T>(
        &self,
        work: impl AsyncFnOnce(&dyn standin::store::Store) -> T,
    ) -> T {
        let url = format!("sqlite://{}", self.path("standin.db").display());
        self.runtime.block_on(async { work(&*standin_store::open(&url).await.unwrap()).await })
    }

    /// How often this happened at the provider.
    pub(crate) fn count(&self, kind: &str) -> usize {
        let address = self.emulator.address().to_string();
        let request = format!("GET /_emulator/ledger?kind={kind}");
        let answer = ask(&address, &address, &request, "", "");
        let ledger = answer.0.split_once("\r\n\r\n").unwrap().1;
        let ledger: Value = serde_json::from_str(ledger).unwrap();
        ledger["events"].as_array().unwrap().len()
    }

    pub(crate) fn control(&self, method: &str, path: &str, body: &str) {
        let address = self.emulator.address().to_string();
        let json = "Content-Type: application/json\r\n";
        let answer = ask(&address, &address, &format!("{method} /_emulator/{path}"), json, body);
        assert_eq!(answer.status() / 100, 2, "{}", answer.0);
    }

    /// What `standin doctor` finds, and whether it is content.
    pub(crate) fn examine(&self) -> (Vec<Value>, bool) {
        let output = self.run(&["doctor", "--json"]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(!text.contains(self.emulator.client_secret()), "{text}");
        let findings: Vec<Value> = serde_json::from_str(&text).unwrap();
        let errors = findings.iter().any(|finding| finding["verdict"] == "error");
        assert_eq!(output.status.code(), Some(i32::from(errors)), "{text}");
        for finding in &findings {
            let is_well = finding["verdict"] == "ok";
            assert_eq!(finding["action"].is_null(), is_well, "{finding}");
        }
        (findings, !errors)
    }

    /// The worst finding of one check: how it stands, and what was found.
    pub(crate) fn finding(&self, check: &str) -> (String, String) {
        let (findings, _) = self.examine();
        let of_it = findings.iter().filter(|finding| finding["check"] == check);
        let rank = |finding: &&Value| {
            let words = ["ok", "warning", "error"];
            words.iter().position(|word| finding["verdict"] == **word)
        };
        let worst = of_it.max_by_key(rank).unwrap_or_else(|| panic!("no {check}: {findings:#?}"));
        let text = |name: &str| worst[name].as_str().unwrap().to_owned();
        (text("verdict"), text("detail"))
    }
}
