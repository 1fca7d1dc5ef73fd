//! Whether what the configuration says of us at each provider can be right.

use url::Host;

use super::Finding;
use crate::config::{Config, Provider};
use standin::provider::{GOOGLE_ISSUER, ProviderKind};

const ADDRESS: &str = "public_url";
const CLIENT: &str = "client";
/// Words that stand in examples.
const PLACEHOLDERS: [&str; 6] = ["changeme", "example", "placeholder", "secret", "todo", "xxx"];

pub(super) fn look(config: &Config) -> Vec<Finding> {
    let mut findings = vec![address(config)];
    findings.extend(config.providers.iter().map(|provider| client(config, provider)));
    findings
}

fn address(config: &Config) -> Finding {
    let url = config.public_url.as_str();
    if config.is_development() {
        let action = "name the https address that browsers see, before anybody else signs in";
        return Finding::warning(ADDRESS, format!("{url} is for development"), action);
    }
    let is_example = match config.public_url.host() {
        Some(Host::Domain(name)) => {
            ["example.com", "example"].into_iter().any(|example| is_within(name, example))
        }
        _ => false,
    };
    if is_example {
        let action = "put in the address that browsers see";
        return Finding::warning(ADDRESS, format!("{url} is nobody's address"), action);
    }
    Finding::ok(ADDRESS, url.to_owned())
}

/// `name` is `domain`, or below it.
fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|above| above.is_empty() || above.ends_with('.'))
}

fn client(config: &Config, provider: &Provider) -> Finding {
    let id = &provider.id;
    if let Some((what, action)) = implausible(provider) {
        return Finding::error(CLIENT, format!("{id}: {what}"), action);
    }
    let callback = config.public_url.join(&format!("/auth/{id}/callback"));
    let callback = callback.map_or_else(|_| String::new(), String::from);
    let detail = format!("{id}: plausible; its redirect URI is {callback}, letter for letter");
    Finding::ok(CLIENT, detail)
}

/// What cannot be right, and what to do.
fn implausible(provider: &Provider) -> Option<(&'static str, &'static str)> {
    let (client, secret) = (&provider.client_id, provider.client_secret.expose());
    let is_google = provider.kind == ProviderKind::Google && provider.issuer == GOOGLE_ISSUER;
    if is_google && !client.ends_with(".apps.googleusercontent.com") {
        let what = "Google's client ids end in .apps.googleusercontent.com, and this one does not";
        return Some((what, "copy the client id from Google's console, or use client_secret_json"));
    }
    let has_blanks = |text: &str| text.chars().any(char::is_whitespace);
    if has_blanks(client) || has_blanks(secret) {
        let what = "the client id or its secret has blanks or line breaks in it";
        return Some((what, "write it as the provider's console shows it, without line breaks"));
    }
    let lower = secret.to_lowercase();
    if secret.len() < 4 || PLACEHOLDERS.contains(&lower.trim_matches(['<', '>', '-', '_'])) {
        let what = "the client secret is that of an example";
        return Some((what, "put in the secret that the provider's console shows"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;
    use crate::config::{Flags, Source};

    fn config(public_url: &str, client_id: &str) -> Config {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("standin.toml");
        let text = format!(
            "public_url = \"{public_url}\"\n[database]\nurl = \"sqlite://standin.db\"\n[keys]\n\
             file = \"keys.toml\"\n[[provider]]\nid = \"google\"\nkind = \"google\"\n\
             client_id = \"{client_id}\"\nclient_secret = \"GOCSPX-not-a-secret\"\n"
        );
        std::fs::write(&path, text).unwrap();
        let (variables, flags) = (Vec::new(), Flags::default());
        Config::load(&Source { path, must_exist: true, variables, flags }).unwrap()
    }

    #[test]
    fn another_providers_client_id_is_not_googles() {
        let verdict = |client_id| {
            let config = config("https://app.example.org", client_id);
            client(&config, &config.providers[0]).verdict
        };
        assert_eq!(verdict("1-a.apps.googleusercontent.com"), Verdict::Ok);
        assert_eq!(verdict("Iv1.8a61f9b3a7aba766"), Verdict::Error);
    }

    #[test]
    fn an_address_that_nobody_has_is_a_warning() {
        let verdict = |url| address(&config(url, "1-a.apps.googleusercontent.com")).verdict;
        assert_eq!(verdict("https://app.example.org"), Verdict::Ok);
        assert_eq!(verdict("https://app.example.com"), Verdict::Warning);
        assert_eq!(verdict("http://127.0.0.1:8080"), Verdict::Warning);
    }
}
