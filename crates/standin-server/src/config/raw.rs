//! What an operator writes: the configuration file, key by key, before anything is checked.
//!
//! The doc comments are the reference: `cargo xtask generate` prints them, and the same definition
//! names the environment variables. Values stay text here; [`resolve`](super::resolve) gives them types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The configuration file of the service.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(title = "Standin's configuration")]
pub struct RawConfig {
    /// The address that browsers see, without a path: `https://app.example.com`. Plain http is for
    /// development and only on a loopback address.
    pub public_url: Option<String>,
    /// Where browsers and jobs are answered.
    pub listen: String,
    /// Where operators and probes are answered. Keep it off the public network.
    pub operator_listen: String,
    /// More names that requests may be addressed to, beside `public_url` and the loopback names of
    /// `listen`; with the port, where it is not 443: `standin.internal:8080`.
    pub allowed_hosts: Vec<String>,
    /// The proxies whose `X-Forwarded-For` is believed: addresses or networks (`10.0.0.0/8`).
    pub trusted_proxies: Vec<String>,
    /// Whom the service talks to.
    pub outbound: RawOutbound,
    /// Where rows are kept.
    pub database: RawDatabase,
    /// What seals the tokens in the rows.
    pub keys: RawKeys,
    /// How long a browser stays signed in.
    pub session: RawSession,
    /// Who may become a user.
    pub users: RawUsers,
    /// What is kept of attempts to sign in.
    pub attempts: RawAttempts,
    /// How tokens are kept fresh.
    pub refresh: RawRefresh,
    /// How tokens are handed out.
    pub vend: RawVend,
    /// What one peer may take.
    pub limits: RawLimits,
    /// What is written to stderr.
    pub log: RawLog,
    /// The providers that people sign in with, one `[[provider]]` each.
    pub provider: Vec<RawProvider>,
}

impl Default for RawConfig {
    fn default() -> Self {
        Self {
            public_url: None,
            listen: "127.0.0.1:8080".to_owned(),
            operator_listen: "127.0.0.1:8081".to_owned(),
            allowed_hosts: Vec::new(),
            trusted_proxies: Vec::new(),
            outbound: RawOutbound::default(),
            database: RawDatabase::default(),
            keys: RawKeys::default(),
            session: RawSession::default(),
            users: RawUsers::default(),
            attempts: RawAttempts::default(),
            refresh: RawRefresh::default(),
            vend: RawVend::default(),
            limits: RawLimits::default(),
            log: RawLog::default(),
            provider: Vec::new(),
        }
    }
}

/// `[outbound]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawOutbound {
    /// Networks (`10.1.0.0/16`) or addresses that providers may be in, beside the internet; in development
    /// loopback is allowed anyway. The link-local and metadata addresses of a cloud must be named exactly.
    pub allow_networks: Vec<String>,
}

/// `[database]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawDatabase {
    /// `sqlite:///var/lib/standin/standin.db`, or `postgres://user:password@host/database`. Required, here or as
    /// `url_file`.
    pub url: Option<String>,
    /// A file that holds the URL, for one with a password in it.
    pub url_file: Option<String>,
}

/// `[keys]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawKeys {
    /// The key file that `standin init` made, readable by its owner only: the key-encryption keys, or where they are.
    /// Required, unless `kek` is given.
    pub file: Option<String>,
    /// In place of a key file: the names of key-encryption keys that are kept elsewhere. The first wraps new data keys,
    /// the others unwrap what they wrapped before. `env:NAME`, `vault:MOUNT/KEY`, `gcpkms:projects/…`, `awskms:arn:…`.
    pub kek: Vec<String>,
    /// Whose tokens have data keys of their own, which can be destroyed with all that they sealed: `off` for nobody's,
    /// `provider` for those of each provider, `domain` for those of each Workspace domain (Google) and tenant (Entra).
    pub per_tenant: String,
    /// How HashiCorp Vault is reached.
    pub vault: RawVault,
    /// How Google Cloud KMS is reached.
    pub google: RawGoogle,
    /// How AWS KMS is reached.
    pub aws: RawAws,
}

impl Default for RawKeys {
    fn default() -> Self {
        Self {
            file: None,
            kek: Vec::new(),
            per_tenant: "off".to_owned(),
            vault: RawVault::default(),
            google: RawGoogle::default(),
            aws: RawAws::default(),
        }
    }
}

/// `[keys.vault]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawVault {
    /// The address of Vault, such as `https://vault.example.com:8200`. `VAULT_ADDR`, if it is not given.
    pub address: Option<String>,
    /// Vault's token. `VAULT_TOKEN`, if neither it nor `token_file` is given.
    pub token: Option<String>,
    /// A file that holds the token, read whenever Vault is asked, so that an agent can renew it.
    pub token_file: Option<String>,
    /// The namespace, of Vault Enterprise. `VAULT_NAMESPACE`, if it is not given.
    pub namespace: Option<String>,
    /// Certificates (PEM) of the authorities that vouch for Vault, beside the system's. `VAULT_CACERT`, if it is not
    /// given.
    pub ca_file: Option<String>,
}

/// `[keys.google]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawGoogle {
    /// Another address than `https://cloudkms.googleapis.com`, such as that of a private endpoint.
    pub endpoint: Option<String>,
    /// The key file of a service account. `GOOGLE_APPLICATION_CREDENTIALS`, if it is not given; without either, the
    /// account that the machine runs as.
    pub credentials_file: Option<String>,
}

/// `[keys.aws]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawAws {
    /// Another address than that of the key's region, such as that of a VPC endpoint. Credentials come from where AWS's
    /// own programs have them.
    pub endpoint: Option<String>,
}

/// `[session]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawSession {
    /// A session that is not used for this long ends.
    pub idle: String,
    /// A session ends after this long, however busy it is.
    pub absolute: String,
}

impl Default for RawSession {
    fn default() -> Self {
        Self { idle: "7d".to_owned(), absolute: "30d".to_owned() }
    }
}

/// `[users]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawUsers {
    /// What becomes of people who are new: `open` takes whoever the lists of the providers admit,
    /// `first_user` takes the first of all, and beside them only who is on a list, `closed` takes nobody new.
    pub sign_up: String,
}

impl Default for RawUsers {
    fn default() -> Self {
        Self { sign_up: "open".to_owned() }
    }
}

/// `[attempts]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawAttempts {
    /// How long the receipt of an attempt is kept, for `standin attempts show`.
    pub keep: String,
    /// How many receipts are kept: so many of attempts that succeeded, and so many of those that did not. One is
    /// about three kilobytes.
    pub max: u32,
}

impl Default for RawAttempts {
    fn default() -> Self {
        Self { keep: "7d".to_owned(), max: 20_000 }
    }
}

/// `[refresh]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawRefresh {
    /// A directory of this machine for the journal of refresh tokens that a provider has just replaced: what is in it
    /// survives a crash before the database has it. With SQLite, if this is not set, one beside the database file.
    pub journal: Option<String>,
    /// Whether refresh tokens that nobody asks for are used now and then, after about two thirds of the time in which
    /// their provider forgets an idle one (Google: six months). Without it the access of whoever is away for long ends.
    pub keep_alive: bool,
}

impl Default for RawRefresh {
    fn default() -> Self {
        Self { journal: None, keep_alive: true }
    }
}

/// `[vend]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawVend {
    /// How many mebibytes live tokens may take in memory, about one for 1500 of Google's. They are vended from there
    /// without a look at the database; what was taken back is not, on any process, two seconds later. With 0 every
    /// vend reads its row.
    pub memory_mib: u32,
}

impl Default for RawVend {
    fn default() -> Self {
        Self { memory_mib: 64 }
    }
}

/// `[limits]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawLimits {
    /// Connections of one listener at the same time; further ones wait to be accepted.
    pub max_connections: u32,
    /// A new connection that has sent nothing after this long is closed.
    pub first_byte_timeout: String,
    /// A request's head must be complete this long after its first byte.
    pub header_timeout: String,
    /// A request's body must be complete this long after its head, and an answer must be read in that time.
    pub body_timeout: String,
    /// A connection without a request for this long is closed. Longer than the idle time of the proxy in
    /// front, so that it is the proxy that closes.
    pub idle_timeout: String,
    /// How long requests in flight may take to finish when the service stops.
    pub shutdown_timeout: String,
    /// The size of a request's head; at least 8192.
    pub max_header_bytes: u32,
    /// How many headers a request may have.
    pub max_headers: u32,
    /// The length of a request's path and query.
    pub max_uri_bytes: u32,
    /// The size of a request's body.
    pub max_body_bytes: u32,
}

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            max_connections: 4096,
            first_byte_timeout: "10s".to_owned(),
            header_timeout: "10s".to_owned(),
            body_timeout: "30s".to_owned(),
            idle_timeout: "75s".to_owned(),
            shutdown_timeout: "30s".to_owned(),
            max_header_bytes: 32 * 1024,
            max_headers: 100,
            max_uri_bytes: 8 * 1024,
            max_body_bytes: 64 * 1024,
        }
    }
}

/// `[log]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawLog {
    /// `text` for people, `json` for machines.
    pub format: String,
    /// `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,standin=debug`.
    pub level: String,
}

impl Default for RawLog {
    fn default() -> Self {
        Self { format: "text".to_owned(), level: "info".to_owned() }
    }
}

/// `[[provider]]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawProvider {
    /// Its name in URLs (`/auth/google/login`): lower-case letters, digits, hyphens. Required.
    pub id: Option<String>,
    /// `google`, `github`, `entra` (Microsoft), or `oidc` for any other OpenID provider. Required.
    pub kind: Option<String>,
    /// The issuer, letter for letter as it stands in its ID tokens. Required for `oidc`; none for `github`
    /// and `entra`; `https://accounts.google.com` for `google`.
    pub issuer: Option<String>,
    /// Our id at the provider. Required, unless `client_secret_json` brings it.
    pub client_id: Option<String>,
    /// Our secret at the provider. One of `client_secret`, `client_secret_file` and
    /// `client_secret_json` is required.
    pub client_secret: Option<String>,
    /// A file that holds the secret and nothing else.
    pub client_secret_file: Option<String>,
    /// The `client_secret_….json` that Google's console offers for download, as it is.
    pub client_secret_json: Option<String>,
    /// How client id and secret are sent, as our client is registered there (`token_endpoint_auth_method`):
    /// `client_secret_basic`, the default for `oidc`, or `client_secret_post`, the default for `google`,
    /// `github` and `entra`.
    pub client_authentication: Option<String>,
    /// For `standin login`: the file of a client of the kind "Desktop app", which may be answered on any port of
    /// this machine; or its id and secret.
    pub installed_client_secret_json: Option<String>,
    /// Its id.
    pub installed_client_id: Option<String>,
    /// Its secret.
    pub installed_client_secret: Option<String>,
    /// A file that holds its secret and nothing else.
    pub installed_client_secret_file: Option<String>,
    /// For `standin login --device`: the file of a client of the kind "TVs and limited-input devices"; or its
    /// id and secret.
    pub device_client_secret_json: Option<String>,
    /// Its id.
    pub device_client_id: Option<String>,
    /// Its secret.
    pub device_client_secret: Option<String>,
    /// A file that holds its secret and nothing else.
    pub device_client_secret_file: Option<String>,
    /// Asked at sign-in. `openid` must be among them; `openid email profile` when left out. GitHub has no `openid`: `read:user user:email` there, and an empty list for a GitHub App. Most providers of
    /// the kind `oidc` let jobs act only if `offline_access` is among them, too; for `entra` it always is.
    pub scopes: Option<Vec<String>>,
    /// May be asked later, or with `?scope=` at sign-in.
    pub extra_scopes: Vec<String>,
    /// May be handed to the page as short-lived access tokens; none when left out.
    pub browser_scopes: Vec<String>,
    /// Only accounts of these Workspace domains may sign in; every account when left out.
    pub hosted_domains: Option<Vec<String>>,
    /// Only these addresses may sign in, if the provider says that they are verified; every account when left
    /// out. With `allow_domains`: these and those.
    pub allow_emails: Option<Vec<String>>,
    /// Only addresses of these domains may sign in, if the provider says that they are verified, and of none
    /// below them; every account when left out. For Workspace domains `hosted_domains` is the stricter list.
    pub allow_domains: Option<Vec<String>>,
    /// Accepts a credential of Google's button or One Tap that carries no nonce, for pages that do not call
    /// `begin`. Cookie and form must still agree; whoever gets hold of such a credential can sign in with it
    /// once, in any browser. `false` when left out.
    pub allow_credential_without_nonce: bool,
    /// For `github`: the address of an Enterprise Server, or of an enterprise at ghe.com; `https://github.com` when
    /// left out. For `entra`: that of a national cloud; `https://login.microsoftonline.com` when left out.
    pub base_url: Option<String>,
    /// For `entra`, and required there: the id of the one tenant whose accounts sign in; or `organizations`,
    /// `common` or `consumers`, with `allow_tenants`.
    pub tenant: Option<String>,
    /// For `entra`: the ids of the tenants whose accounts may sign in. Required unless `tenant` is an id.
    pub allow_tenants: Option<Vec<String>>,
    /// What its refresh tokens are like, by name, for `oidc`: `hydra`, `ringcentral`, `xero` or `zoho`. Auth0,
    /// Cognito, Keycloak, Okta and Slack make all of it a setting: say yours with the keys below. The other
    /// kinds are known.
    pub token_profile: Option<String>,
    /// For `oidc`: whether a refresh replaces the refresh token.
    pub rotates_refresh_tokens: Option<bool>,
    /// For `oidc`: how long a refresh token that was replaced can still be used; 0 if not at all.
    pub refresh_grace_seconds: Option<u32>,
    /// For `oidc`: whether a refresh ends the access tokens that were given before.
    pub refresh_ends_access_tokens: Option<bool>,
    /// For `oidc`: a refresh token dies after so many days without use.
    pub idle_days: Option<u32>,
    /// For `oidc`: a refresh token dies after so many days, however much it is used.
    pub absolute_days: Option<u32>,
    /// For `oidc`: how many access tokens of one user live at a time, where that is limited.
    pub max_access_tokens: Option<u32>,
    /// For `oidc`: whether a new consent covers what was given before, asked for or not.
    pub scopes_add_up: Option<bool>,
    /// For `oidc`: whether a refresh may ask for less than was given.
    pub refresh_narrows: Option<bool>,
    /// What the provider is asked for: `code`, or `code id_token` for the hybrid flow, in which an ID token comes
    /// through the browser and is verified before the code is spent. `code` when left out.
    pub response_type: Option<String>,
    /// How its answer comes: `query`, by redirect, or `form_post`, in a form that the provider's page posts. `query`
    /// for `code` when left out; `form_post` for `code id_token`, which nothing else will do for.
    pub response_mode: Option<String>,
    /// How long ago people may have signed in at the provider (`max_age`), such as `15m`; ID tokens must say when it
    /// was (`auth_time`). However long when left out. Google says it only for projects that have switched it on.
    pub max_age: Option<String>,
    /// Ways of signing in at the provider of which one is required (`acr_values`); ID tokens must name it (`acr`).
    /// Any when left out. Google has none.
    pub acr_values: Option<Vec<String>>,
    /// How many refreshes a second the provider is asked for at most, by each process and for each client; further
    /// ones wait, and are told to come back if the wait is too long. Less for a while when it answers 429. 100 when
    /// left out.
    pub max_refreshes_per_second: Option<u32>,
}
