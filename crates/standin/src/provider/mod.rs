//! Providers: what we know of them, what they publish, and how to talk to them.
//!
//! A [`Provider`] is configuration plus two caches, discovery and keys. It holds nothing of any request,
//! so a thousand sign-ins share one (requirement AR-12).

mod answer;
mod authentication;
mod clients;
mod device;
mod discovery;
mod document;
mod endpoint;
mod entra;
mod github;
pub(crate) mod google;
mod identify;
mod jwks;
mod probe;
mod profile;
mod refresh_rate;
mod risc;
mod scope;
mod signed_events;
mod token;
mod token_receipt;
mod userinfo;

use std::sync::Arc;

use tokio::time::Instant;
use url::Url;

pub use answer::AnswerForm;
pub use authentication::UserAuthentication;
pub use clients::ClientUse;
pub(crate) use device::DeviceAuthorization;
pub use discovery::{DiscoveryFault, Metadata, MetadataCache};
pub use document::DocumentFault;
pub use endpoint::{Endpoint, EndpointFault, Transport};
pub use entra::{BASE_URL as ENTRA_BASE_URL, InvalidTenants, Tenants};
pub use github::{ISSUER as GITHUB_ISSUER, issuer_at as github_issuer};
pub use google::ISSUER as GOOGLE_ISSUER;
pub(crate) use identify::{SignInProof, is_about_somebody_else, unverified};
pub use jwks::{JwksCache, KeysFault};
pub use probe::{ProbeFault, Probed};
pub use profile::{Certainty, Grace, ProviderProfile};
pub use refresh_rate::RefreshRate;
pub use risc::RiscConfiguration;
pub(crate) use scope::is_same_scope;
pub use scope::{InvalidScope, Scopes};
pub use token::{ClientAuthentication, OAuthError, Registration, TokenError, TokenResponse};
pub(crate) use userinfo::Known;

use self::risc::RiscCache;
use crate::admission::AllowList;
use crate::core::Core;
use crate::error::Error;
use crate::measure;
use crate::receipt::{Fact, Receipt};
use crate::secret::{AccessToken, AuthorizationCode, RefreshToken};
use crate::vault::Destination;
use crate::verify::{Identity, ProviderId};

/// Which family of quirks a provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// Microsoft Entra ID and personal Microsoft accounts (identity platform v2.0).
    Entra(Tenants),
    /// GitHub, or an Enterprise Server: OAuth without ID tokens.
    GitHub,
    /// Google, or something that behaves like it.
    Google,
    /// Any other OpenID provider, with what is known of its tokens.
    Oidc(ProviderProfile),
}

impl ProviderKind {
    /// As a configuration calls it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Entra(_) => "entra",
            Self::GitHub => "github",
            Self::Google => "google",
            Self::Oidc(_) => "oidc",
        }
    }

    /// What is known of the provider's tokens.
    #[must_use]
    pub const fn profile(&self) -> &ProviderProfile {
        match self {
            Self::Entra(_) => &ProviderProfile::ENTRA,
            Self::GitHub => &ProviderProfile::GITHUB,
            Self::Google => &ProviderProfile::GOOGLE,
            Self::Oidc(profile) => profile,
        }
    }
}

/// A provider as the operator configured it.
#[derive(Clone, Debug)]
pub struct ProviderConfig {
    /// Its name in URLs.
    pub id: ProviderId,
    /// Its quirks.
    pub kind: ProviderKind,
    /// Its issuer, byte for byte; of Entra, that of [`Tenants::issuer_at`].
    pub issuer: String,
    /// Our registration there.
    pub registration: Registration,
    /// What is asked at every sign-in; holds `openid`.
    pub scopes: Scopes,
    /// What may be asked for later, or by a page.
    pub extra_scopes: Scopes,
    /// What a page may have a token for.
    pub browser_scopes: Scopes,
    /// The Workspace domains whose accounts may sign in; empty means any account.
    pub hosted_domains: Vec<String>,
    /// The addresses and domains of addresses that may sign in; empty means any.
    pub allow: AllowList,
    /// Whether a credential of the sign-in button may come without a nonce. The double submit is all that ties
    /// it to this browser then: it is for pages that cannot call `begin` before they show the button.
    pub allow_credential_without_nonce: bool,
    /// How it is asked to answer.
    pub answer: AnswerForm,
    /// What is asked of the way in which people sign in there.
    pub authentication: UserAuthentication,
    /// How often it is asked for tokens, at most.
    pub max_refreshes_per_second: RefreshRate,
    /// Whether plain http to a loopback address will do: never but in development.
    pub transport: Transport,
}

/// Where a provider's addresses are known from.
enum Publication {
    /// It publishes them.
    Discovered(MetadataCache),
    /// It publishes nothing: they follow from its issuer.
    None(Result<Arc<Metadata>, EndpointFault>),
}

/// A provider, ready to be asked.
pub struct Provider {
    config: ProviderConfig,
    redirect_uri: Url,
    /// What identities of it have as their issuer: its own or, of Entra, one for each tenant.
    issuers: Vec<String>,
    issuer_aliases: Vec<String>,
    metadata: Publication,
    keys: JwksCache,
    risc: RiscCache,
    clients: clients::Clients,
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Provider({}, {})", self.config.id, self.config.issuer)
    }
}

/// What became of a revocation that the provider was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revocation {
    /// The token is dead.
    Done,
    /// The provider has no way to be told.
    NotOffered,
}

/// A revocation that is still to be done.
#[derive(Debug)]
pub(crate) struct Unrevoked {
    /// Why.
    pub(crate) error: Error,
    /// The token that must be revoked now, if the one that was given is spent.
    pub(crate) replaced_by: Option<RefreshToken>,
}

impl From<Error> for Unrevoked {
    fn from(error: Error) -> Self {
        Self { error, replaced_by: None }
    }
}

impl Provider {
    /// Configures a provider whose callback is `redirect_uri`.
    #[must_use]
    pub fn new(mut config: ProviderConfig, redirect_uri: Url) -> Self {
        let issuers = match &config.kind {
            ProviderKind::Entra(tenants) => tenants.issuers(&config.issuer),
            _ => vec![config.issuer.clone()],
        };
        if let ProviderKind::Entra(_) = config.kind {
            config.scopes = entra::scopes_at_sign_in(&config.scopes);
        }
        let issuer_aliases = match config.kind {
            ProviderKind::Google => google::issuer_aliases(&config.issuer),
            ProviderKind::Entra(_) | ProviderKind::GitHub | ProviderKind::Oidc(_) => Vec::new(),
        };
        let metadata = match &config.kind {
            ProviderKind::Entra(tenants) => {
                let address = tenants.published_at(&config.issuer);
                let transport = config.transport;
                Publication::Discovered(MetadataCache::published_at(
                    &address,
                    &config.issuer,
                    transport,
                ))
            }
            ProviderKind::GitHub => {
                Publication::None(github::metadata(&config.issuer, config.transport).map(Arc::new))
            }
            ProviderKind::Google | ProviderKind::Oidc(_) => {
                Publication::Discovered(MetadataCache::new(&config.issuer, config.transport))
            }
        };
        let risc = RiscCache::new(&config.issuer, config.transport);
        let (keys, clients) = (JwksCache::new(), Vec::new());
        Self { config, redirect_uri, issuers, issuer_aliases, metadata, keys, risc, clients }
    }

    /// As configured.
    #[must_use]
    pub fn config(&self) -> &ProviderConfig {
        &self.config
    }

    /// Its name in URLs.
    #[must_use]
    pub fn id(&self) -> &ProviderId {
        &self.config.id
    }

    /// Where its callbacks come, from the configuration and never from a request (requirement AR-5).
    #[must_use]
    pub fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Every scope that may be asked for (requirement AR-8).
    #[must_use]
    pub fn allowed_scopes(&self) -> Scopes {
        self.config.scopes.union(&self.config.extra_scopes)
    }

    /// Where a page finds the provider's own script for button and popup, if there is one.
    #[must_use]
    pub fn script_url(&self) -> Option<String> {
        match self.config.kind {
            ProviderKind::Google => Some(google::script_url(&self.config.issuer)),
            ProviderKind::Entra(_) | ProviderKind::GitHub | ProviderKind::Oidc(_) => None,
        }
    }

    /// Whether it signs who somebody is; then a nonce can be repeated.
    pub(crate) fn sends_id_tokens(&self) -> bool {
        self.config.kind != ProviderKind::GitHub
    }

    /// Whom the provider may expect, as a parameter of an authorization request.
    pub(crate) fn hint<'h>(&self, hint: &'h str) -> Option<(&'static str, &'h str)> {
        match self.config.kind {
            ProviderKind::Entra(_) => entra::login_hint(hint).map(|name| ("login_hint", name)),
            ProviderKind::GitHub => github::login_hint(hint).map(|login| ("login", login)),
            ProviderKind::Google | ProviderKind::Oidc(_) => Some(("login_hint", hint)),
        }
    }

    /// Parameters of an authorization request beside the standard's.
    #[must_use]
    pub fn authorization_parameters(&self) -> &'static [(&'static str, &'static str)] {
        match self.config.kind {
            ProviderKind::Google => google::AUTHORIZATION_PARAMETERS,
            ProviderKind::Entra(_) | ProviderKind::GitHub | ProviderKind::Oidc(_) => &[],
        }
    }

    /// The parameters that ask how and when the person signs in there (requirement ID-23).
    pub(crate) fn authentication_parameters(&self) -> impl Iterator<Item = (&'static str, String)> {
        let asked = &self.config.authentication;
        let is_google = self.config.kind == ProviderKind::Google;
        let (name, claims) = google::AUTH_TIME_PARAMETER;
        let claims = (is_google && asked.max_age.is_some()).then(|| (name, claims.to_owned()));
        asked.parameters().chain(claims)
    }

    /// Whether an authorization request for these scopes asks for offline access: by a parameter of its own, or
    /// by the scope of OpenID Connect Core §11.
    pub(crate) fn asks_for_offline_access(&self, scopes: &Scopes) -> bool {
        match self.config.kind {
            // GitHub gives whatever it gives to everybody alike.
            ProviderKind::GitHub | ProviderKind::Google => true,
            ProviderKind::Entra(_) | ProviderKind::Oidc(_) => scopes.contains("offline_access"),
        }
    }

    /// Whether a new consent covers what was given before, asked for or not (`include_granted_scopes`).
    pub(crate) fn adds_up(&self) -> bool {
        self.profile().scopes_add_up.is_certain()
    }

    /// What is known of its tokens.
    #[must_use]
    pub fn profile(&self) -> &ProviderProfile {
        self.config.kind.profile()
    }

    /// Whether asking for consent once more, for these scopes, can bring a refresh token. An OpenID provider that
    /// gives one on consent only gives it for `offline_access` (OpenID Connect Core §11); to be asked for anything
    /// else again brings the user nothing.
    pub(crate) fn gives_refresh_token_on_consent(&self, asked: &Scopes) -> bool {
        match self.config.kind {
            ProviderKind::Google => true,
            ProviderKind::GitHub => false,
            ProviderKind::Entra(_) | ProviderKind::Oidc(_) => asked.contains("offline_access"),
        }
    }

    /// Whether an identity with this issuer is one of this provider, as it is configured.
    pub(crate) fn has_issuer(&self, issuer: &str) -> bool {
        self.issuers.iter().any(|own| own == issuer)
    }

    /// Whether somebody could sign in with this identity, as the provider is configured.
    pub(crate) fn is_issuer_of(&self, identity: &Identity) -> bool {
        self.config.id == identity.provider && self.has_issuer(&identity.issuer)
    }

    /// Whether tokens for this destination belong to us at this provider, as it is configured.
    pub(crate) fn is_of(&self, destination: &Destination) -> bool {
        let config = &self.config;
        config.id == destination.provider
            && self.has_issuer(&destination.issuer)
            && config.registration.client_id == destination.provider_client
    }

    /// Where a token may be sent that has just been given for this person.
    pub(crate) async fn destination(
        &self,
        core: &Core,
        person: &Identity,
    ) -> Result<Destination, Error> {
        let metadata = self.metadata(core).await?;
        Ok(Destination {
            provider: self.config.id.clone(),
            issuer: person.issuer.clone(),
            provider_client: self.config.registration.client_id.clone(),
            token_endpoint: metadata.token_endpoint.url().to_string(),
        })
    }

    pub(crate) async fn metadata(&self, core: &Core) -> Result<Arc<Metadata>, Error> {
        let metadata = match &self.metadata {
            Publication::Discovered(cache) => cache.get(&*core.http, &*core.clock).await,
            Publication::None(known) => known.clone().map_err(DiscoveryFault::from),
        };
        metadata.map_err(|fault| Error::of_discovery(self.id(), fault))
    }

    /// Redeems a code, once. An answer without a `redirect_uri` of ours cannot come from here.
    pub(crate) async fn exchange(
        &self,
        core: &Core,
        code: &AuthorizationCode,
        redirect_uri: &str,
        verifier: Option<&str>,
        receipt: &mut Receipt,
    ) -> Result<TokenResponse, Error> {
        let metadata = self.metadata(core).await?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", redirect_uri),
        ];
        form.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        let endpoint = metadata.token_endpoint.url();
        let verifier = Fact::Word(if verifier.is_some() { "sent" } else { "none" });
        receipt.step("exchange", &[("asked", Fact::Host(endpoint)), ("PKCE verifier", verifier)]);
        let answer = self.ask(core, endpoint, &form).await;
        let answer = token_receipt::answered(receipt, answer);
        answer.map_err(|error| Error::of_exchange(self.id(), error))
    }

    /// Spends a refresh token for all it opens, or for less, at the endpoint that was pinned when it was
    /// given (requirement RF-15).
    pub(crate) async fn refresh(
        &self,
        core: &Core,
        pinned_endpoint: &Url,
        refresh_token: &RefreshToken,
        narrowed_to: Option<&Scopes>,
    ) -> Result<TokenResponse, TokenError> {
        let scope = narrowed_to.map(ToString::to_string);
        let mut form =
            vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose())];
        form.extend(scope.as_deref().map(|scope| ("scope", scope)));
        let begun_at = Instant::now();
        let answer = self.ask(core, pinned_endpoint, &form).await;
        measure::refreshed(&self.config.id, begun_at.elapsed(), &answer);
        answer
    }

    async fn ask(
        &self,
        core: &Core,
        endpoint: &Url,
        form: &[(&str, &str)],
    ) -> Result<TokenResponse, TokenError> {
        let read = match self.config.kind {
            ProviderKind::Entra(_) => entra::read,
            ProviderKind::GitHub => github::read,
            ProviderKind::Google | ProviderKind::Oidc(_) => token::read,
        };
        token::post(&*core.http, endpoint, &self.config.registration, form, read).await
    }

    /// Revokes a token (RFC 7009), and with it, at Google, everything the user gave to the project.
    /// A provider that says the token is dead already has done what was asked.
    ///
    /// It goes only where the token may go, whatever is published by now.
    pub(crate) async fn revoke(
        &self,
        core: &Core,
        token: &RefreshToken,
        destination: &Destination,
    ) -> Result<Revocation, Unrevoked> {
        match self.config.kind {
            ProviderKind::GitHub => github::revoke(self, core, token, destination).await,
            ProviderKind::Entra(_) | ProviderKind::Google | ProviderKind::Oidc(_) => {
                self.revoke_at_endpoint(core, token, destination).await.map_err(Unrevoked::from)
            }
        }
    }

    /// Whether an access token is what it is told to revoke; elsewhere the refresh token stands for everything.
    pub(crate) fn revokes_by_access_token(&self) -> bool {
        self.config.kind == ProviderKind::GitHub
    }

    /// What of an answer that nobody wants is to be revoked: what would live on.
    pub(crate) fn token_to_give_back(&self, answer: &TokenResponse) -> Option<RefreshToken> {
        let refresh = answer.refresh_token.clone();
        let access = || RefreshToken::new(answer.access_token.expose());
        if answer.brings_offline_access() && self.revokes_by_access_token() {
            return Some(access());
        }
        refresh
    }

    /// Whether an access token that does not end by itself still lives. Only GitHub gives such tokens.
    pub(crate) async fn is_alive(&self, core: &Core, token: &AccessToken) -> Result<bool, Error> {
        github::is_alive(self, core, token.expose()).await
    }

    async fn revoke_at_endpoint(
        &self,
        core: &Core,
        token: &RefreshToken,
        destination: &Destination,
    ) -> Result<Revocation, Error> {
        let metadata = self.metadata(core).await?;
        let Some(endpoint) = &metadata.revocation_endpoint else {
            return Ok(Revocation::NotOffered);
        };
        if !destination.allows(endpoint.url()) {
            tracing::error!(
                provider = %self.id(), published = %endpoint, pinned = destination.token_endpoint,
                "a token is not sent to be revoked where it did not come from"
            );
            return Err(Error::unavailable());
        }
        let form = [("token", token.expose())];
        let request = token::request(endpoint.url(), &self.config.registration, &form);
        let response = core.http.send(request).await;
        let response = response.map_err(|error| Error::of_http(self.id(), error))?;
        let is_dead_already = response.status == http::StatusCode::BAD_REQUEST
            && token::is_invalid_token(&response.body);
        if response.status.is_success() || is_dead_already {
            Ok(Revocation::Done)
        } else {
            Err(Error::unavailable())
        }
    }
}
