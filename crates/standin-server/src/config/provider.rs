//! `[[provider]]`: who people sign in with, and what may be asked of them.

use std::path::Path;

use standin::http::AddressPolicy;
use standin::provider::{ClientAuthentication, ProviderKind, RefreshRate, Scopes};
use standin::secret::ClientSecret;

use super::answer;
use super::error::{ConfigError, did_you_mean};
use super::raw::RawProvider;
use super::secrets::{self, Registration};
use super::{Provider, address, admission, clients, entra, token_profile};

const GOOGLE: &str = "https://accounts.google.com";
const KINDS: [&str; 4] = ["google", "oidc", "entra", "github"];

pub(super) fn resolve_all(
    raw: Vec<RawProvider>,
    directory: &Path,
    policy: &AddressPolicy,
) -> Result<Vec<Provider>, ConfigError> {
    if raw.is_empty() {
        return Err(ConfigError::invalid(
            "provider",
            "none is configured, so nobody could sign in; add a [[provider]]",
        ));
    }
    let mut providers: Vec<Provider> = Vec::new();
    for (index, raw) in raw.into_iter().enumerate() {
        let provider = resolve(raw, index, directory, policy)?;
        if providers.iter().any(|other| other.id == provider.id) {
            let problem = "stands twice; ids are in URLs, so each provider needs its own";
            return Err(Keys::of(provider.id.as_str()).invalid("id", problem));
        }
        providers.push(provider);
    }
    Ok(providers)
}

fn resolve(
    mut raw: RawProvider,
    index: usize,
    directory: &Path,
    policy: &AddressPolicy,
) -> Result<Provider, ConfigError> {
    let unnamed = Keys(format!("provider {index}"));
    let id = raw.id.take();
    let id = id.ok_or_else(|| unnamed.invalid("id", "missing; such as \"google\""))?;
    let keys = Keys::of(&id);
    let kind = kind(&keys, &raw)?;
    entra::nowhere_else(&keys, &kind, &raw)?;
    let issuer = issuer(&keys, &kind, raw.issuer.take(), raw.base_url.take(), policy)?;
    let registration = registration(&keys, &mut raw, directory)?;
    if kind == ProviderKind::GitHub && raw.device_client_id.is_some() {
        let problem = "GitHub's device flow is not supported; leave it out";
        return Err(keys.invalid("device_client_id", problem));
    }
    let name = |key: &str| keys.name(key);
    let clients = clients::resolve(&mut raw, &registration.client_id, name, directory)?;
    let scopes = scopes_at_sign_in(&keys, &kind, raw.scopes.take())?;
    let extra_scopes = keys.scopes("extra_scopes", raw.extra_scopes)?;
    let browser_scopes = keys.scopes("browser_scopes", raw.browser_scopes)?;
    let never_asked = scopes.union(&extra_scopes).missing(&browser_scopes);
    if !never_asked.is_empty() {
        let problem = format!(
            "{never_asked} is in neither scopes nor extra_scopes, so no user can ever grant it"
        );
        return Err(keys.invalid("browser_scopes", problem));
    }
    let tells_address = kind == ProviderKind::GitHub || scopes.contains("email");
    let allow = admission::allow_list(raw.allow_emails, raw.allow_domains, tells_address)
        .map_err(|(key, problem)| keys.invalid(key, problem))?;
    Ok(Provider {
        id: id.parse().map_err(|error| keys.invalid("id", format!("{error}")))?,
        issuer,
        client_id: registration.client_id,
        client_secret: registration.client_secret,
        client_authentication: client_authentication(
            &keys,
            &kind,
            raw.client_authentication.as_deref(),
        )?,
        scopes,
        extra_scopes,
        browser_scopes,
        hosted_domains: hosted_domains(&keys, &kind, raw.hosted_domains)?,
        allow,
        clients,
        allow_credential_without_nonce: without_nonce(
            &keys,
            &kind,
            raw.allow_credential_without_nonce,
        )?,
        answer: answer::form(
            &keys,
            &kind,
            raw.response_type.as_deref(),
            raw.response_mode.as_deref(),
        )?,
        authentication: answer::authentication(&keys, &kind, raw.max_age, raw.acr_values)?,
        max_refreshes_per_second: refresh_rate(&keys, raw.max_refreshes_per_second)?,
        kind,
    })
}

/// Names keys of one provider in messages.
pub(super) struct Keys(String);

impl Keys {
    fn of(id: &str) -> Self {
        Self(format!("provider \"{id}\""))
    }

    pub(super) fn name(&self, key: &str) -> String {
        format!("{}: {key}", self.0)
    }

    pub(super) fn invalid(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::invalid(self.name(key), problem)
    }

    fn scopes(&self, key: &str, written: Vec<String>) -> Result<Scopes, ConfigError> {
        Scopes::try_from(written).map_err(|error| self.invalid(key, error.to_string()))
    }
}

fn kind(keys: &Keys, raw: &RawProvider) -> Result<ProviderKind, ConfigError> {
    let profile = token_profile::resolve(keys, raw)?;
    let known = |kind: ProviderKind| match profile {
        None => Ok(kind),
        Some((key, _)) => {
            let problem = format!("what {}'s tokens are like is known; leave it out", kind.name());
            Err(keys.invalid(key, problem))
        }
    };
    match raw.kind.as_deref() {
        Some("google") => known(ProviderKind::Google),
        Some("oidc") => {
            Ok(ProviderKind::Oidc(profile.map(|(_, profile)| profile).unwrap_or_default()))
        }
        Some("github") => known(ProviderKind::GitHub),
        Some("entra") => known(ProviderKind::Entra(entra::tenants(keys, raw)?)),
        Some(other) => Err(keys.invalid(
            "kind",
            format!(
                "\"{other}\" is none of google, github, entra and oidc{}",
                did_you_mean(other, KINDS)
            ),
        )),
        None => Err(keys.invalid("kind", "missing; google, github, entra or oidc")),
    }
}

fn issuer(
    keys: &Keys,
    kind: &ProviderKind,
    written: Option<String>,
    base_url: Option<String>,
    policy: &AddressPolicy,
) -> Result<String, ConfigError> {
    if let ProviderKind::Entra(tenants) = kind {
        return entra::issuer(keys, tenants, written.as_deref(), base_url, policy);
    }
    if *kind == ProviderKind::GitHub {
        return github_issuer(keys, written.as_deref(), base_url, policy);
    }
    if base_url.is_some() {
        return Err(
            keys.invalid("base_url", "is for GitHub and Entra; other providers have an `issuer`")
        );
    }
    match (written, kind) {
        (Some(written), _) => address::issuer(&keys.name("issuer"), written, policy),
        (None, ProviderKind::GitHub) => Ok(standin::provider::GITHUB_ISSUER.to_owned()),
        (None, ProviderKind::Google) => Ok(GOOGLE.to_owned()),
        (None, ProviderKind::Entra(_) | ProviderKind::Oidc(_)) => Err(keys.invalid(
            "issuer",
            "missing; the `issuer` of the provider's .well-known/openid-configuration",
        )),
    }
}

/// It follows from where GitHub is.
fn github_issuer(
    keys: &Keys,
    issuer: Option<&str>,
    base_url: Option<String>,
    policy: &AddressPolicy,
) -> Result<String, ConfigError> {
    if issuer.is_some() {
        let problem = "GitHub's follows from its address; leave it out, or name a `base_url`";
        return Err(keys.invalid("issuer", problem));
    }
    let base_url = base_url.unwrap_or_else(|| "https://github.com".to_owned());
    let checked = address::issuer(&keys.name("base_url"), base_url, policy)?;
    Ok(standin::provider::github_issuer(&checked))
}

fn registration(
    keys: &Keys,
    raw: &mut RawProvider,
    directory: &Path,
) -> Result<Registration, ConfigError> {
    let secret = secrets::one_of(
        &keys.name("client_secret"),
        raw.client_secret.take(),
        raw.client_secret_file.as_deref(),
        directory,
    )?;
    match (raw.client_secret_json.take(), raw.client_id.take(), secret) {
        (Some(json), None, None) => {
            secrets::google_json(&keys.name("client_secret_json"), &directory.join(json))
        }
        (Some(_), _, _) => Err(keys.invalid(
            "client_secret_json",
            "brings client id and secret; leave out client_id, client_secret and client_secret_file",
        )),
        (None, Some(client_id), Some(secret)) if !client_id.is_empty() => Ok(Registration {
            client_id,
            client_secret: ClientSecret::new(secret),
        }),
        (None, Some(client_id), None) if !client_id.is_empty() => Err(keys.invalid(
            "client_secret",
            "missing; one of client_secret, client_secret_file and client_secret_json",
        )),
        (None, _, _) => Err(keys.invalid(
            "client_id",
            "missing; the provider's console shows it, and client_secret_json may bring it",
        )),
    }
}

/// RFC 6749 §2.3.1: every provider that gives out secrets takes Basic, and OpenID Connect registers clients so
/// unless they ask for another way. Google's and Microsoft's own clients post theirs.
fn client_authentication(
    keys: &Keys,
    kind: &ProviderKind,
    written: Option<&str>,
) -> Result<ClientAuthentication, ConfigError> {
    let Some(written) = written else {
        return Ok(match kind {
            ProviderKind::Entra(_) | ProviderKind::GitHub | ProviderKind::Google => {
                ClientAuthentication::Post
            }
            ProviderKind::Oidc(_) => ClientAuthentication::Basic,
        });
    };
    let all = [ClientAuthentication::Basic, ClientAuthentication::Post];
    all.into_iter().find(|one| one.method() == written).ok_or_else(|| {
        let hint = did_you_mean(written, all.map(ClientAuthentication::method));
        let problem =
            format!("\"{written}\" is none of client_secret_basic and client_secret_post{hint}");
        keys.invalid("client_authentication", problem)
    })
}

fn scopes_at_sign_in(
    keys: &Keys,
    kind: &ProviderKind,
    written: Option<Vec<String>>,
) -> Result<Scopes, ConfigError> {
    let is_github = *kind == ProviderKind::GitHub;
    let default: &[&str] =
        if is_github { &["read:user", "user:email"] } else { &["openid", "email", "profile"] };
    let default = || default.iter().map(|&scope| scope.to_owned()).collect();
    let scopes = keys.scopes("scopes", written.unwrap_or_else(default))?;
    if is_github || scopes.contains("openid") {
        return Ok(scopes);
    }
    Err(keys.invalid(
        "scopes",
        "`openid` is missing; without it the provider gives no ID token and nobody can be signed in",
    ))
}

fn refresh_rate(keys: &Keys, written: Option<u32>) -> Result<RefreshRate, ConfigError> {
    let Some(written) = written else { return Ok(RefreshRate::default()) };
    RefreshRate::per_second(written).ok_or_else(|| {
        let problem = "0 would refresh nothing; at least 1, or leave it out for 100";
        keys.invalid("max_refreshes_per_second", problem)
    })
}

/// Only Google has the button whose credential this is about.
fn without_nonce(keys: &Keys, kind: &ProviderKind, written: bool) -> Result<bool, ConfigError> {
    if written && *kind != ProviderKind::Google {
        let problem = "only Google has a button that gives a credential; leave it out";
        return Err(keys.invalid("allow_credential_without_nonce", problem));
    }
    Ok(written)
}

fn hosted_domains(
    keys: &Keys,
    kind: &ProviderKind,
    written: Option<Vec<String>>,
) -> Result<Vec<String>, ConfigError> {
    let Some(domains) = written else {
        return Ok(Vec::new());
    };
    let wrong = |problem: String| Err(keys.invalid("hosted_domains", problem));
    if *kind != ProviderKind::Google {
        return wrong("only Google vouches for domains; leave it out".to_owned());
    }
    if domains.is_empty() {
        return wrong(
            "is empty, which would admit nobody; name domains, or leave it out to admit everybody"
                .to_owned(),
        );
    }
    let is_domain = |domain: &&String| {
        domain.contains('.')
            && domain.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
    };
    match domains.iter().find(|domain| !is_domain(domain)) {
        Some(wrong_one) => {
            wrong(format!("\"{wrong_one}\" is not a domain in lower case, such as \"example.com\""))
        }
        None => Ok(domains),
    }
}
