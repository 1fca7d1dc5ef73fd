//! Configuration: what was written, checked once, as types from then on.
//!
//! ```text
//! file ──▶ variables over it ──▶ RawConfig ──resolve (flags over it, secrets read, cross-checks)──▶ Config
//! ```
//!
//! It fails closed: an unknown key, a secret given twice or a list that admits nobody stops the start.

mod address;
mod admission;
mod answer;
mod clients;
mod duration;
mod entra;
mod env;
mod error;
mod file;
mod kek;
pub mod keys;
mod limits;
mod outbound;
mod provider;
pub mod raw;
mod resolve;
mod secrets;
mod show;
mod token_profile;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use standin::http::{AddressPolicy, Network};
use standin::provider::{
    AnswerForm, ClientAuthentication, ProviderKind, RefreshRate, Scopes, UserAuthentication,
};
use standin::receipt::ReceiptSettings;
use standin::secret::ClientSecret;
use standin::verify::ProviderId;
use standin::{AllowList, SignUp};
use url::Url;

use crate::http::client_ip::TrustedProxies;
use crate::net::Limits;
use crate::telemetry::Format;

pub use clients::Client;
pub use env::{Variables, has_display, of_others, of_process};
pub use error::ConfigError;
pub(crate) use kek::origin;
pub use kek::{KeyList, Keys};
pub use secrets::Registration;
pub use show::{Shown, shown};

/// Where a configuration comes from.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file.
    pub path: PathBuf,
    /// Whether the file must be there: it was named, and is not just the default.
    pub must_exist: bool,
    /// The environment.
    pub variables: Variables,
    /// The command line.
    pub flags: Flags,
}

/// What the command line may say; it wins.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Flags {
    /// Where browsers and jobs are answered, whatever the file says.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Where operators and probes are answered, whatever the file says.
    #[arg(long, value_name = "ADDRESS")]
    pub operator_listen: Option<SocketAddr>,
}

/// The configuration of a service that can start.
#[derive(Clone, Debug)]
pub struct Config {
    /// What browsers see: scheme, host and port, with an empty path.
    pub public_url: Url,
    /// Where browsers and jobs are answered.
    pub listen: SocketAddr,
    /// Where operators and probes are answered.
    pub operator_listen: SocketAddr,
    /// More names that requests may be addressed to.
    pub allowed_hosts: Vec<String>,
    /// The proxies whose word on the client's address is taken.
    pub trusted_proxies: TrustedProxies,
    /// The networks that providers may be in, beside the internet.
    pub allow_networks: Vec<Network>,
    /// Where rows are kept. It may hold a password.
    pub database_url: SecretString,
    /// Where the key-encryption keys are.
    pub keys: Keys,
    /// How long a browser stays signed in.
    pub session: Session,
    /// What becomes of people who are new.
    pub sign_up: SignUp,
    /// What is kept of attempts to sign in.
    pub attempts: ReceiptSettings,
    /// Where rotated refresh tokens are written down before the database has them, if it was said.
    pub journal: Option<PathBuf>,
    /// Whether refresh tokens that lie idle are used before their provider forgets them.
    pub keep_alive: bool,
    /// How many mebibytes live tokens may take in memory.
    pub memory_mib: u32,
    /// What one peer may take.
    pub limits: Limits,
    /// What is written to stderr.
    pub log: Log,
    /// At least one, each with its own id.
    pub providers: Vec<Provider>,
}

impl Config {
    /// Reads, checks, and reads the secrets.
    pub fn load(source: &Source) -> Result<Self, ConfigError> {
        let raw = file::load(&source.path, source.must_exist, &source.variables)?;
        let directory = source.path.parent().unwrap_or(&source.path);
        resolve::resolve(raw, source.flags, directory)
    }

    /// Which addresses the service talks to (requirement HH-7).
    #[must_use]
    pub fn address_policy(&self) -> AddressPolicy {
        outbound::policy(self.is_development(), &self.allow_networks)
    }

    /// Whether plain http is allowed: everything stays on this machine then (requirement EM-2).
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.public_url.scheme() == "http"
    }
}

/// How long a browser stays signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    /// Without use.
    pub idle: Duration,
    /// In all.
    pub absolute: Duration,
}

/// What is written to stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// For people or for machines.
    pub format: Format,
    /// Directives, checked.
    pub level: String,
}

/// A provider that people sign in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provider {
    /// Its name in URLs.
    pub id: ProviderId,
    /// What kind, with what is known of its tokens.
    pub kind: ProviderKind,
    /// Letter for letter, since it is compared with `iss`.
    pub issuer: String,
    /// Our id there.
    pub client_id: String,
    /// Our secret there.
    pub client_secret: ClientSecret,
    /// How the two are sent.
    pub client_authentication: ClientAuthentication,
    /// Asked at sign-in.
    pub scopes: Scopes,
    /// May be asked later.
    pub extra_scopes: Scopes,
    /// May be handed to the page.
    pub browser_scopes: Scopes,
    /// Who may sign in; everybody, when empty.
    pub hosted_domains: Vec<String>,
    /// Whose verified addresses may sign in; everybody's, when empty.
    pub allow: AllowList,
    /// Its clients beside the web application.
    pub clients: Vec<Client>,
    /// Whether a credential of its button may come without a nonce.
    pub allow_credential_without_nonce: bool,
    /// How it is asked to answer.
    pub answer: AnswerForm,
    /// What is asked of the way in which people sign in there.
    pub authentication: UserAuthentication,
    /// How often it is asked for tokens, at most.
    pub max_refreshes_per_second: RefreshRate,
}
