//! The userinfo endpoint: where some providers keep the claims that a scope promises (OpenID Connect Core
//! §5.3, §5.4).
//!
//! ```text
//! VerifiedIdentity ─ something promised is left out? ─▶ GET with the access token ─▶ UnverifiedUserinfo
//!        └──────── no ──▶ its own profile                        sub is the same? ─▶ Known
//! ```
//!
//! Google puts the address and the name into the ID token, so it is not asked. A picture is optional
//! everywhere: that it is left out is no reason to ask.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::timeout;

use super::{Endpoint, Provider, ProviderKind, Scopes, github};
use crate::core::Core;
use crate::error::Error;
use crate::http::{HttpClient, HttpError, Request};
use crate::receipt::{Fact, Receipt, rules};
use crate::secret::AccessToken;
use crate::verify::{LeftOut, Profile, UnverifiedUserinfo, VerifiedIdentity};

/// No answer about one person has reason to be larger.
const MAX_ANSWER: usize = 64 * 1024;
/// How long a sign-in waits for it. Meanwhile a refresh token that is given once is in memory only, and a
/// name is not worth that token.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of a person at the end of a sign-in.
pub(crate) struct Known {
    /// What was told.
    pub(crate) profile: Profile,
    /// What was promised, and could not be asked for: what was known before still holds.
    pub(crate) untold: LeftOut,
}

impl From<Profile> for Known {
    fn from(profile: Profile) -> Self {
        Self { profile, untold: LeftOut::default() }
    }
}

impl Provider {
    /// What the provider says about a person: what was signed and, where the ID token left out what
    /// `granted` promises, what the userinfo endpoint adds. An endpoint that fails adds nothing and takes
    /// nothing away: whoever was proved is signed in with the address and the name that were known before.
    ///
    /// # Errors
    /// [`Error::UserinfoMismatch`] if the endpoint speaks about somebody else, or does not say about whom
    /// (requirement ID-16): then the access token is not this person's either.
    pub(crate) async fn known(
        &self,
        core: &Core,
        person: &VerifiedIdentity,
        granted: &Scopes,
        access_token: &AccessToken,
        receipt: &mut Receipt,
    ) -> Result<Known, Error> {
        if self.config.kind == ProviderKind::GitHub {
            return Ok(github::known(self, core, person, access_token).await);
        }
        let signed = person.profile().clone();
        if let ProviderKind::Entra(_) = self.config.kind {
            return Ok(signed.into());
        }
        let untold = promised(person.left_out(), granted);
        if !(untold.email || untold.name) {
            return Ok(signed.into());
        }
        let metadata = self.metadata(core).await?;
        let Some(endpoint) = &metadata.userinfo_endpoint else {
            return Ok(signed.into());
        };
        let answer = timeout(PATIENCE, fetch(&*core.http, endpoint, access_token)).await;
        let answer = answer.unwrap_or(Err("it takes too long"));
        match answer.as_deref().map_err(|reason| *reason).and_then(read) {
            Ok(userinfo) => {
                receipt.step("userinfo", &[("asked", Fact::Host(endpoint.url()))]);
                let known = userinfo.complete(person).map(Known::from);
                let came =
                    Fact::Word(if known.is_some() { "the same" } else { "another, or none" });
                let rule = rules::USERINFO_SUBJECT;
                receipt
                    .check(rule, "that of the ID token", came, known.is_some())
                    .or(Error::UserinfoMismatch)?;
                known.ok_or(Error::UserinfoMismatch)
            }
            Err(reason) => {
                receipt.step("userinfo", &[("adds nothing", Fact::Word(reason))]);
                tracing::warn!(provider = %self.config.id, reason, "userinfo adds nothing to a sign-in");
                Ok(Known { profile: signed, untold })
            }
        }
    }
}

/// OpenID Connect Core §5.4: what is left out although a scope asks for it.
fn promised(left_out: LeftOut, granted: &Scopes) -> LeftOut {
    let has_profile = granted.contains("profile");
    LeftOut {
        email: left_out.email && granted.contains("email"),
        name: left_out.name && has_profile,
        picture: left_out.picture && has_profile,
    }
}

/// The token goes in the header and nowhere else (RFC 6750 §2.1): a query would be written into logs.
async fn fetch(
    http: &dyn HttpClient,
    endpoint: &Endpoint,
    access_token: &AccessToken,
) -> Result<Bytes, &'static str> {
    let bearer = format!("Bearer {}", access_token.expose());
    let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| "the token fits in no header")?;
    bearer.set_sensitive(true);
    let accept = HeaderValue::from_static("application/json");
    let request = Request {
        method: Method::GET,
        url: endpoint.url().clone(),
        headers: HeaderMap::from_iter([(AUTHORIZATION, bearer), (ACCEPT, accept)]),
        body: Bytes::new(),
        max_response_bytes: MAX_ANSWER,
    };
    match http.send(request).await {
        Ok(response) if response.status == StatusCode::OK => Ok(response.body),
        Ok(_) => Err("the answer is not 200"),
        Err(HttpError::AddressRefused(_)) => {
            Err("its address is refused, and not named in `outbound.allow_networks`")
        }
        Err(_) => Err("there is no whole answer"),
    }
}

fn read(body: &[u8]) -> Result<UnverifiedUserinfo<'_>, &'static str> {
    UnverifiedUserinfo::parse(body).ok_or("the answer is not one JSON object")
}
