//! Providers: what we know of them, what they publish, and how to talk to them.
//!
//! A [`Provider`] is configuration plus two caches, discovery and keys. It holds nothing of any request,
//! so a thousand sign-ins share one (requirement AR-12).

mod answer;
mod authentication;
mod discovery;
mod document;
mod endpoint;
mod github;
pub(crate) mod google;
mod jwks;
mod profile;
mod risc;
mod scope;
mod signed_events;
mod token;
mod token_receipt;
mod userinfo;

use std::sync::Arc;

use url::Url;

pub use answer::AnswerForm;
pub use authentication::UserAuthentication;
pub use discovery::{DiscoveryFault, Metadata, MetadataCache};
pub use document::DocumentFault;
pub use endpoint::{Endpoint, EndpointFault, Transport};
pub use github::{ISSUER as GITHUB_ISSUER, issuer_at as github_issuer};
pub use google::ISSUER as GOOGLE_ISSUER;
pub use jwks::{JwksCache, KeysFault};
pub use profile::{Certainty, Grace, ProviderProfile};
pub use risc::RiscConfiguration;
pub(crate) use scope::is_same_scope;
pub use scope::{InvalidScope, Scopes};
pub use token::{ClientAuthentication, OAuthError, Registration, TokenError, TokenResponse};
pub(crate) use userinfo::Known;

use self::risc::RiscCache;
use crate::admission::AllowList;
use crate::core::Core;
use crate::error::Error;
use crate::receipt::{Fact, Receipt, rules};
use crate::secret::{AccessToken, AuthorizationCode, IdToken, Nonce, RefreshToken};
use crate::time::Timestamp;
use crate::vault::Destination;
use crate::verify::{
    Expected, ExpectedNonce, IdTokenFault, Identity, LEEWAY, ProviderId, UnverifiedFront,
    UnverifiedIdToken, VerifiedCredential, VerifiedFront, VerifiedIdentity, shown,
    verify_credential, verify_front, verify_hybrid_id_token, verify_id_token,
    verify_refreshed_id_token,
};

/// Which family of quirks a provider has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderKind {
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
            Self::GitHub => "github",
            Self::Google => "google",
            Self::Oidc(_) => "oidc",
        }
    }

    /// What is known of the provider's tokens.
    #[must_use]
    pub const fn profile(&self) -> &ProviderProfile {
        match self {
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
    /// Its issuer, byte for byte.
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
    issuer_aliases: Vec<String>,
    metadata: Publication,
    keys: JwksCache,
    risc: RiscCache,
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

/// What the ID token of a sign-in must agree with.
pub(crate) struct SignInProof<'a> {
    pub(crate) nonce: ExpectedNonce<'a>,
    pub(crate) access_token: &'a AccessToken,
    pub(crate) code: &'a AuthorizationCode,
    /// What came through the browser before, if that was asked for.
    pub(crate) front: Option<&'a VerifiedFront>,
    /// When the request was made.
    pub(crate) begun_at: Timestamp,
}

impl Provider {
    /// Configures a provider whose callback is `redirect_uri`.
    #[must_use]
    pub fn new(config: ProviderConfig, redirect_uri: Url) -> Self {
        let issuer_aliases = match config.kind {
            ProviderKind::Google => google::issuer_aliases(&config.issuer),
            ProviderKind::GitHub | ProviderKind::Oidc(_) => Vec::new(),
        };
        let metadata = match config.kind {
            ProviderKind::GitHub => {
                Publication::None(github::metadata(&config.issuer, config.transport).map(Arc::new))
            }
            ProviderKind::Google | ProviderKind::Oidc(_) => {
                Publication::Discovered(MetadataCache::new(&config.issuer, config.transport))
            }
        };
        let risc = RiscCache::new(&config.issuer, config.transport);
        Self { config, redirect_uri, issuer_aliases, metadata, keys: JwksCache::new(), risc }
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
            ProviderKind::GitHub | ProviderKind::Oidc(_) => None,
        }
    }

    /// Whether it signs who somebody is; then a nonce can be repeated.
    pub(crate) fn sends_id_tokens(&self) -> bool {
        self.config.kind != ProviderKind::GitHub
    }

    /// Whom the provider may expect, as a parameter of an authorization request.
    pub(crate) fn hint<'h>(&self, hint: &'h str) -> Option<(&'static str, &'h str)> {
        match self.config.kind {
            ProviderKind::GitHub => github::login_hint(hint).map(|login| ("login", login)),
            ProviderKind::Google | ProviderKind::Oidc(_) => Some(("login_hint", hint)),
        }
    }

    /// Parameters of an authorization request beside the standard's.
    #[must_use]
    pub fn authorization_parameters(&self) -> &'static [(&'static str, &'static str)] {
        match self.config.kind {
            ProviderKind::Google => google::AUTHORIZATION_PARAMETERS,
            ProviderKind::GitHub | ProviderKind::Oidc(_) => &[],
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
            ProviderKind::Oidc(_) => scopes.contains("offline_access"),
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
            ProviderKind::Oidc(_) => asked.contains("offline_access"),
        }
    }

    /// Whether tokens for this destination belong to us at this provider, as it is configured.
    pub(crate) fn is_of(&self, destination: &Destination) -> bool {
        let config = &self.config;
        config.id == destination.provider
            && config.issuer == destination.issuer
            && config.registration.client_id == destination.provider_client
    }

    /// Where a token may be sent that has just been given.
    pub(crate) async fn destination(&self, core: &Core) -> Result<Destination, Error> {
        let metadata = self.metadata(core).await?;
        Ok(Destination {
            provider: self.config.id.clone(),
            issuer: self.config.issuer.clone(),
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
        self.ask(core, pinned_endpoint, &form).await
    }

    async fn ask(
        &self,
        core: &Core,
        endpoint: &Url,
        form: &[(&str, &str)],
    ) -> Result<TokenResponse, TokenError> {
        let read = match self.config.kind {
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
            ProviderKind::Google | ProviderKind::Oidc(_) => {
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

    /// Who signed in, by the ID token that the exchange brought; where there is none, by what the API says about
    /// the access token.
    pub(crate) async fn identify(
        &self,
        core: &Core,
        answer: &TokenResponse,
        proof: &SignInProof<'_>,
        receipt: &mut Receipt,
    ) -> Result<VerifiedIdentity, Error> {
        if self.config.kind == ProviderKind::GitHub {
            // The API does not say when and how somebody signed in, so nobody has who must show it.
            if self.config.authentication != UserAuthentication::default() {
                return Err(IdTokenFault::AuthenticationTimeInvalid.into());
            }
            receipt.step("account", &[("asked with", Fact::Word("the access token"))]);
            let found = github::find(self, core, proof.access_token).await;
            match &found {
                Ok(_) => receipt.passed(rules::API_ACCOUNT, "one", "one"),
                Err(_) => receipt.failed(rules::API_ACCOUNT, "one", "none"),
            }
            return found;
        }
        let token = answer.unverified_id_token.as_ref();
        let came = if token.is_some() { "one" } else { "none" };
        let verdict = receipt.check(rules::ID_TOKEN, "one", came, token.is_some());
        verdict.or(Error::ProviderMisbehaved)?;
        let token = token.ok_or(Error::ProviderMisbehaved)?;
        self.verify(core, token, proof, receipt).await
    }

    /// Verifies the ID token of a sign-in.
    async fn verify(
        &self,
        core: &Core,
        token: &IdToken,
        proof: &SignInProof<'_>,
        receipt: &mut Receipt,
    ) -> Result<VerifiedIdentity, Error> {
        let token = unverified(token, receipt)?;
        let expected = self.expected_of(core, proof);
        let keys = self.keys_for(core, &token, receipt).await?;
        Ok(match proof.front {
            Some(front) => verify_hybrid_id_token(&token, &keys, &expected, front, receipt)?,
            None => verify_id_token(&token, &keys, &expected, receipt)?,
        })
    }

    /// As [`Provider::verify`], for somebody who is not of the hosted domains: nobody is signed in by that, but
    /// it is known whose tokens came.
    pub(crate) async fn verify_outsider(
        &self,
        core: &Core,
        token: &IdToken,
        proof: &SignInProof<'_>,
    ) -> Result<VerifiedIdentity, Error> {
        let receipt = &mut Receipt::unkept();
        let token = unverified(token, receipt)?;
        let expected = Expected { hosted_domains: &[], ..self.expected_of(core, proof) };
        let keys = self.keys_for(core, &token, receipt).await?;
        Ok(match proof.front {
            Some(front) => verify_hybrid_id_token(&token, &keys, &expected, front, receipt)?,
            None => verify_id_token(&token, &keys, &expected, receipt)?,
        })
    }

    /// Verifies the ID token that came through the browser with a code. Nothing may be asked of the token endpoint
    /// before.
    pub(crate) async fn verify_front(
        &self,
        core: &Core,
        front: UnverifiedFront,
        nonce: &Nonce,
        begun_at: Timestamp,
        receipt: &mut Receipt,
    ) -> Result<VerifiedFront, Error> {
        let token = receipt.fault(front.token(), shown::fault)?;
        let keys = self.keys_for(core, &token, receipt).await?;
        let nonce = ExpectedNonce::Required(nonce);
        let expected = Expected { nonce, ..self.expected_of_sign_in(core, begun_at) };
        Ok(verify_front(front, &keys, &expected, receipt)?)
    }

    /// Verifies what the provider's sign-in button gave to a page.
    pub(crate) async fn verify_credential(
        &self,
        core: &Core,
        token: &UnverifiedIdToken<'_>,
        nonce: ExpectedNonce<'_>,
        receipt: &mut Receipt,
    ) -> Result<VerifiedCredential, Error> {
        let expected = Expected { nonce, ..self.expected_of_sign_in(core, core.now()) };
        let keys = self.keys_for(core, token, receipt).await?;
        Ok(verify_credential(token, &keys, &expected, receipt)?)
    }

    /// Verifies the ID token that came with a refresh: it must be about the same person (OIDC Core §12.2).
    pub(crate) async fn verify_refreshed(
        &self,
        core: &Core,
        token: &IdToken,
        access_token: &AccessToken,
        identity: &Identity,
    ) -> Result<VerifiedIdentity, Error> {
        let token = UnverifiedIdToken::parse(token)?;
        let expected = Expected { access_token: Some(access_token), ..self.expected(core) };
        let keys = self.keys_for(core, &token, &mut Receipt::unkept()).await?;
        Ok(verify_refreshed_id_token(&token, &keys, &expected, identity)?)
    }

    fn expected_of<'a>(&'a self, core: &Core, proof: &SignInProof<'a>) -> Expected<'a> {
        Expected {
            nonce: proof.nonce,
            access_token: Some(proof.access_token),
            code: Some(proof.code),
            ..self.expected_of_sign_in(core, proof.begun_at)
        }
    }

    fn expected(&self, core: &Core) -> Expected<'_> {
        Expected {
            provider: &self.config.id,
            issuer: &self.config.issuer,
            issuer_aliases: &self.issuer_aliases,
            client_id: &self.config.registration.client_id,
            nonce: ExpectedNonce::NotSent,
            access_token: None,
            code: None,
            now: core.now(),
            leeway: LEEWAY,
            hosted_domains: &self.config.hosted_domains,
            authenticated_since: None,
            acr_values: &[],
        }
    }

    /// What is expected where somebody signs in: a refresh says nothing new of how they did.
    fn expected_of_sign_in(&self, core: &Core, begun_at: Timestamp) -> Expected<'_> {
        let asked = &self.config.authentication;
        Expected {
            authenticated_since: asked.max_age.map(|age| begun_at.before(age)),
            acr_values: &asked.acr_values,
            ..self.expected(core)
        }
    }

    async fn keys_for(
        &self,
        core: &Core,
        token: &UnverifiedIdToken<'_>,
        receipt: &mut Receipt,
    ) -> Result<Arc<crate::verify::KeySet>, Error> {
        let metadata = self.metadata(core).await?;
        let kid = token.unverified_kid();
        let kept = Fact::Word(if self.keys.are_at_hand(kid) { "at hand" } else { "asked for" });
        receipt.step("keys", &[("keys", kept), ("named by a kid", Fact::yes(kid.is_some()))]);
        let jwks_uri = metadata.jwks_uri.as_ref().ok_or(Error::ProviderMisbehaved)?;
        let keys = self.keys.keys_for(kid, jwks_uri, &*core.http, &*core.clock).await;
        keys.map_err(|fault| Error::of_keys(self.id(), fault))
    }
}

/// Takes a token apart, as the first thing that its receipt tells.
pub(crate) fn unverified<'t>(
    token: &'t IdToken,
    receipt: &mut Receipt,
) -> Result<UnverifiedIdToken<'t>, IdTokenFault> {
    receipt.step("ID token", &[("size", Fact::Bytes(token.expose().len()))]);
    receipt.fault(UnverifiedIdToken::parse(token), shown::fault)
}

/// Whether a fault of a refresh's ID token means that the answer is about somebody else, so that nothing
/// of it may be used (requirement RF-11).
pub(crate) fn is_about_somebody_else(fault: IdTokenFault) -> bool {
    matches!(
        fault,
        IdTokenFault::AudienceMismatch
            | IdTokenFault::IssuerMismatch
            | IdTokenFault::SubjectInvalid
            | IdTokenFault::SubjectMismatch
    )
}
