//! The configuration in force, for people: in the form of the file, every secret a `***`.

use std::path::PathBuf;

use secrecy::ExposeSecret;
use serde::Serialize;
use standin::provider::{ClientUse, ProviderKind, Tenants};
use url::Url;

use super::duration::show as duration;
use super::{Config, KeyList, Provider, admission, kek};
use crate::net::Limits;

const MASK: &str = "***";

/// What `standin config print` writes.
#[derive(Debug, Serialize)]
pub struct Shown {
    public_url: String,
    listen: String,
    operator_listen: String,
    allowed_hosts: Vec<String>,
    trusted_proxies: Vec<String>,
    outbound: Outbound,
    database: Database,
    keys: Keys,
    session: Session,
    users: Users,
    attempts: Attempts,
    refresh: Refresh,
    vend: Vend,
    limits: ShownLimits,
    log: Log,
    provider: Vec<ShownProvider>,
}

#[derive(Debug, Serialize)]
struct Outbound {
    allow_networks: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Database {
    url: String,
}

#[derive(Debug, Serialize)]
struct Keys {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kek: Vec<String>,
    per_tenant: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vault: Option<Vault>,
    #[serde(skip_serializing_if = "Option::is_none")]
    google: Option<Google>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aws: Option<Aws>,
}

#[derive(Debug, Serialize)]
struct Vault {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_file: Option<String>,
}

#[derive(Debug, Serialize)]
struct Google {
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credentials_file: Option<String>,
}

#[derive(Debug, Serialize)]
struct Aws {
    endpoint: String,
}

#[derive(Debug, Serialize)]
struct Session {
    idle: String,
    absolute: String,
}

#[derive(Debug, Serialize)]
struct Users {
    sign_up: &'static str,
}

#[derive(Debug, Serialize)]
struct Vend {
    memory_mib: u32,
}

#[derive(Debug, Serialize)]
struct Refresh {
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<String>,
    keep_alive: bool,
}

#[derive(Debug, Serialize)]
struct Attempts {
    keep: String,
    max: usize,
}

#[derive(Debug, Serialize)]
struct Log {
    format: &'static str,
    level: String,
}

#[derive(Debug, Serialize)]
struct ShownLimits {
    max_connections: usize,
    first_byte_timeout: String,
    header_timeout: String,
    body_timeout: String,
    idle_timeout: String,
    shutdown_timeout: String,
    max_header_bytes: usize,
    max_headers: usize,
    max_uri_bytes: usize,
    max_body_bytes: usize,
}

#[derive(Debug, Serialize)]
struct ShownProvider {
    id: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow_tenants: Vec<String>,
    client_id: String,
    client_secret: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    installed_client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    installed_client_secret: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_client_secret: Option<&'static str>,
    client_authentication: &'static str,
    scopes: Vec<String>,
    extra_scopes: Vec<String>,
    browser_scopes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosted_domains: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow_emails: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    allow_domains: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allow_credential_without_nonce: bool,
    response_type: &'static str,
    response_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    acr_values: Vec<String>,
    max_refreshes_per_second: u32,
}

/// The configuration without its secrets.
#[must_use]
pub fn shown(config: &Config) -> Shown {
    Shown {
        public_url: config.public_url.origin().ascii_serialization(),
        listen: config.listen.to_string(),
        operator_listen: config.operator_listen.to_string(),
        allowed_hosts: config.allowed_hosts.clone(),
        trusted_proxies: config.trusted_proxies.written(),
        outbound: Outbound {
            allow_networks: config.allow_networks.iter().map(ToString::to_string).collect(),
        },
        database: Database { url: without_password(config.database_url.expose_secret()) },
        keys: keys(&config.keys),
        session: Session {
            idle: duration(config.session.idle),
            absolute: duration(config.session.absolute),
        },
        users: Users { sign_up: admission::word(config.sign_up) },
        attempts: Attempts { keep: duration(config.attempts.keep), max: config.attempts.max },
        refresh: Refresh {
            journal: config.journal.as_ref().map(|journal| journal.display().to_string()),
            keep_alive: config.keep_alive,
        },
        vend: Vend { memory_mib: config.memory_mib },
        limits: limits(&config.limits),
        log: Log { format: config.log.format.as_str(), level: config.log.level.clone() },
        provider: config.providers.iter().map(provider).collect(),
    }
}

fn limits(limits: &Limits) -> ShownLimits {
    ShownLimits {
        max_connections: limits.max_connections,
        first_byte_timeout: duration(limits.first_byte_timeout),
        header_timeout: duration(limits.header_timeout),
        body_timeout: duration(limits.body_timeout),
        idle_timeout: duration(limits.idle_timeout),
        shutdown_timeout: duration(limits.shutdown_timeout),
        max_header_bytes: limits.max_header_bytes,
        max_headers: limits.max_headers,
        max_uri_bytes: limits.max_uri_bytes,
        max_body_bytes: limits.max_body_bytes,
    }
}

fn provider(provider: &Provider) -> ShownProvider {
    let list = |scopes: &standin::provider::Scopes| scopes.iter().map(str::to_owned).collect();
    let base_url = match &provider.kind {
        ProviderKind::Entra(_) => Some(Tenants::base_url(&provider.issuer)),
        ProviderKind::GitHub => Some(provider.issuer.trim_end_matches("/login/oauth")),
        ProviderKind::Google | ProviderKind::Oidc(_) => None,
    };
    let tenants = match &provider.kind {
        ProviderKind::Entra(tenants) => Some(tenants),
        _ => None,
    };
    let client = |usage: ClientUse| {
        let found = provider.clients.iter().find(|client| client.usage == usage);
        found.map(|client| client.registration.client_id.clone())
    };
    let (installed, device) = (client(ClientUse::Installed), client(ClientUse::Device));
    ShownProvider {
        id: provider.id.to_string(),
        kind: provider.kind.name(),
        issuer: base_url.is_none().then(|| provider.issuer.clone()),
        base_url: base_url.map(str::to_owned),
        tenant: tenants.map(|tenants| tenants.authority().to_owned()),
        allow_tenants: tenants
            .iter()
            .flat_map(|all| all.allowed())
            .map(ToString::to_string)
            .collect(),
        client_id: provider.client_id.clone(),
        client_secret: MASK,
        installed_client_secret: installed.as_ref().map(|_| MASK),
        installed_client_id: installed,
        device_client_secret: device.as_ref().map(|_| MASK),
        device_client_id: device,
        client_authentication: provider.client_authentication.method(),
        scopes: list(&provider.scopes),
        extra_scopes: list(&provider.extra_scopes),
        browser_scopes: list(&provider.browser_scopes),
        hosted_domains: provider.hosted_domains.clone(),
        allow_emails: provider.allow.emails().map(str::to_owned).collect(),
        allow_domains: provider.allow.domains().map(str::to_owned).collect(),
        allow_credential_without_nonce: provider.allow_credential_without_nonce,
        response_type: provider.answer.response_type(),
        response_mode: provider.answer.response_mode(),
        max_age: provider.authentication.max_age.map(duration),
        acr_values: provider.authentication.acr_values.clone(),
        max_refreshes_per_second: provider.max_refreshes_per_second.get(),
    }
}

fn keys(keys: &super::Keys) -> Keys {
    let (file, names) = match &keys.list {
        KeyList::File(path) => (Some(path.display().to_string()), Vec::new()),
        KeyList::Named(first, others) => {
            (None, std::iter::once(first).chain(others).map(ToString::to_string).collect())
        }
    };
    let text = |url: &Option<Url>| url.as_ref().map(|url| url.origin().ascii_serialization());
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let own = &keys.vault;
    let vault = Vault {
        address: text(&own.address),
        token: own.token.as_ref().map(|_| MASK),
        token_file: path(&own.token_file),
        namespace: own.namespace.clone(),
        ca_file: path(&own.ca_file),
    };
    let is_vault_said = own.address.is_some() || own.token.is_some() || own.token_file.is_some();
    let google = Google {
        endpoint: text(&keys.google_endpoint),
        credentials_file: path(&keys.google_credentials),
    };
    let is_google_said = google.endpoint.is_some() || google.credentials_file.is_some();
    Keys {
        file,
        kek: names,
        per_tenant: kek::word(keys.tenants),
        vault: is_vault_said.then_some(vault),
        google: is_google_said.then_some(google),
        aws: text(&keys.aws_endpoint).map(|endpoint| Aws { endpoint }),
    }
}

/// A password may stand before the host or among the parameters; a URL that cannot be read is all mask.
fn without_password(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else {
        return MASK.to_owned();
    };
    if url.password().is_some() {
        // Fails only for URLs that cannot have a password.
        let _ = url.set_password(Some(MASK));
    }
    if url.scheme() != "sqlite" && url.query().is_some() {
        url.set_query(Some(MASK));
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_database_url_loses_its_password_only() {
        for (url, shown) in [
            ("sqlite:///var/lib/s.db", "sqlite:///var/lib/s.db"),
            ("postgres://me:canary@db/x?sslkey=canary", "postgres://me:***@db/x?***"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
