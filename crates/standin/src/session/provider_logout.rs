//! Signing out at the provider as well (OpenID Connect RP-Initiated Logout 1.0).
//!
//! ```text
//! sign out here ─▶ state, in a cookie of this browser ─▶ provider's end_session_endpoint
//!                                                              │ state
//! return_to ◀── the state of the cookie? ◀── /auth/{provider}/logged-out
//! ```
//!
//! No `id_token_hint` is sent: it would have to be kept, and a signed token that says who somebody is stays out of
//! the database for so little. The account is hinted at by `logout_hint`; a provider that wants more asks the
//! person.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Sessions;
use super::cookie::{Cookies, Found, SetCookie};
use crate::entropy::random_token;
use crate::error::Error;
use crate::provider::Provider;
use crate::secret::same_bytes;
use crate::signin::ReturnTo;
use crate::store::SessionRow;
use crate::verify::ProviderId;

/// One at a time: the browser that signs out twice is signed out.
const COOKIE: &str = "__Host-standin-out";
/// As long as an attempt to sign in may take.
const LIFETIME: Duration = Duration::from_mins(10);

/// The way out by the provider.
#[derive(Debug)]
pub struct WayOut {
    /// Where the browser goes. It holds the state: not for the log.
    pub location: Url,
    /// What it brings back.
    pub cookie: SetCookie,
}

/// What the cookie holds. It is no secret and decides nothing but the page to go to, which is judged again.
#[derive(Serialize, Deserialize)]
struct Leaving {
    provider: ProviderId,
    state: String,
    return_to: String,
}

impl Sessions {
    /// How this session's browser signs out at the provider, too. `None` if the provider has no way of doing it,
    /// or does not say so now: nobody stays signed in here because of that.
    ///
    /// # Errors
    /// [`Refusal::UnknownProvider`](crate::Refusal::UnknownProvider), and those of the store.
    pub async fn way_out(
        &self,
        session: &SessionRow,
        provider: &ProviderId,
        return_to: Option<&str>,
    ) -> Result<Option<WayOut>, Error> {
        let provider = self.core.provider(provider)?;
        let endpoint = match provider.metadata(&self.core).await {
            Ok(metadata) => metadata.end_session_endpoint.clone(),
            Err(error) => {
                tracing::info!(code = error.code(), "a provider cannot be asked how to sign out");
                None
            }
        };
        let Some(endpoint) = endpoint else { return Ok(None) };
        let leaving = Leaving {
            provider: provider.id().clone(),
            state: random_token(&*self.core.entropy),
            return_to: return_to.unwrap_or("/").to_owned(),
        };
        let hint = self.subject(session, provider).await?;
        let location = self.logout_url(endpoint.url(), provider, &leaving, hint.as_deref());
        Ok(Some(WayOut { location, cookie: leaving.cookie(&self.core.public_url) }))
    }

    /// Where a browser goes that comes back from the provider: to where it wanted to, if it brings the state that
    /// it was sent with; nowhere else.
    #[must_use]
    pub fn come_back(
        &self,
        provider: &ProviderId,
        state: Option<&str>,
        cookies: Cookies<'_>,
    ) -> Option<(Url, SetCookie)> {
        let Found::One(value) = cookies.find(COOKIE) else { return None };
        let plain = BASE64URL_NOPAD.decode(value.as_bytes()).ok()?;
        let leaving: Leaving = serde_json::from_slice(&plain).ok()?;
        let is_it = leaving.provider == *provider
            && same_bytes(leaving.state.as_bytes(), state?.as_bytes());
        let public_url = &self.core.public_url;
        let return_to = ReturnTo::new(&leaving.return_to, public_url).resolve(public_url);
        is_it.then(|| (return_to, SetCookie::clear(COOKIE)))
    }

    /// The account that opened the session, if it is one of this provider's; else any of theirs there.
    async fn subject(
        &self,
        session: &SessionRow,
        provider: &Provider,
    ) -> Result<Option<String>, Error> {
        let identities = self.core.store.identities_of(session.user).await?.into_iter();
        let mut there: Vec<_> =
            identities.filter(|identity| identity.provider == *provider.id()).collect();
        there.sort_by_key(|identity| session.opened_by != Some(identity.hash()));
        Ok(there.into_iter().next().map(|identity| identity.subject))
    }

    fn logout_url(
        &self,
        endpoint: &Url,
        provider: &Provider,
        leaving: &Leaving,
        hint: Option<&str>,
    ) -> Url {
        let mut back = self.core.public_url.clone();
        back.set_path(&format!("/auth/{}/logged-out", leaving.provider));
        let mut url = endpoint.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &provider.config().registration.client_id)
            .append_pair("post_logout_redirect_uri", back.as_str())
            .append_pair("state", &leaving.state)
            .extend_pairs(hint.map(|subject| ("logout_hint", subject)));
        url
    }
}

impl Leaving {
    /// An address that is judged away, or is too long for a cookie, leads to the front page.
    fn cookie(mut self, public_url: &Url) -> SetCookie {
        let kept = ReturnTo::new(&self.return_to, public_url).resolve(public_url);
        let path = kept
            .query()
            .map_or_else(|| kept.path().to_owned(), |query| format!("{}?{query}", kept.path()));
        self.return_to = path;
        let value = BASE64URL_NOPAD.encode(&serde_json::to_vec(&self).unwrap_or_default());
        SetCookie::new(COOKIE, value, LIFETIME)
    }
}
