//! Who an access token belongs to, and their addresses.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tokio::time::timeout;
use url::Url;

use super::api;
use crate::core::Core;
use crate::error::Error;
use crate::http::{Request, Response};
use crate::provider::{Known, Provider};
use crate::secret::AccessToken;
use crate::verify::{
    AccountFault, ExpectedAccount, LeftOut, UnverifiedEmails, VerifiedIdentity, verify_account,
};

/// No answer about one person has reason to be larger.
const MAX_ANSWER: usize = 256 * 1024;
/// How long a sign-in waits for the addresses, as for a userinfo endpoint.
const PATIENCE: Duration = Duration::from_secs(2);
/// The version whose shapes are read here.
const VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-github-api-version"), HeaderValue::from_static("2022-11-28"));

/// Whom an access token speaks for.
///
/// # Security
/// The token comes from an exchange of ours, with the verifier of this browser's attempt: it is asked about in no
/// other case.
pub(in crate::provider) async fn find(
    provider: &Provider,
    core: &Core,
    access_token: &AccessToken,
) -> Result<VerifiedIdentity, Error> {
    let response = get(provider, core, "/user", access_token).await?;
    let expected = ExpectedAccount { provider: provider.id(), issuer: &provider.config().issuer };
    match response.status {
        StatusCode::OK => Ok(verify_account(&response.body, &expected)?),
        StatusCode::UNAUTHORIZED => Err(AccountFault::TokenRefused.into()),
        // A rate limit, mostly.
        StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS => Err(Error::unavailable()),
        status if status.is_server_error() => Err(Error::unavailable()),
        _ => Err(AccountFault::Malformed.into()),
    }
}

/// What is known of a person at the end of a sign-in. Whoever may not be asked for their addresses, or has none
/// that counts, is signed in with what was known before.
pub(in crate::provider) async fn known(
    provider: &Provider,
    core: &Core,
    person: &VerifiedIdentity,
    access_token: &AccessToken,
) -> Known {
    let told = person.profile().clone();
    let answer = timeout(PATIENCE, get(provider, core, "/user/emails", access_token)).await;
    let body = match answer {
        Ok(Ok(response)) if response.status == StatusCode::OK => Some(response.body),
        _ => None,
    };
    let Some(emails) = body.as_deref().and_then(UnverifiedEmails::parse) else {
        tracing::warn!(provider = %provider.id(), "GitHub tells no addresses at a sign-in");
        return Known { profile: told, untold: LeftOut { email: true, ..LeftOut::default() } };
    };
    person.left_out().filled(emails.profile(), told).into()
}

/// The token goes in the header and nowhere else.
async fn get(
    provider: &Provider,
    core: &Core,
    path: &str,
    access_token: &AccessToken,
) -> Result<Response, Error> {
    let bearer = format!("Bearer {}", access_token.expose());
    let mut bearer =
        HeaderValue::from_str(&bearer).map_err(|_| Error::from(AccountFault::TokenRefused))?;
    bearer.set_sensitive(true);
    let request = Request {
        method: Method::GET,
        url: address(provider, path)?,
        headers: headers([(AUTHORIZATION, bearer)]),
        body: Bytes::new(),
        max_response_bytes: MAX_ANSWER,
    };
    core.http.send(request).await.map_err(|error| Error::of_http(provider.id(), error))
}

pub(super) fn address(provider: &Provider, path: &str) -> Result<Url, Error> {
    let config = provider.config();
    api(&config.issuer, path, config.transport).map_err(|_| Error::unavailable())
}

pub(super) fn headers<const N: usize>(more: [(HeaderName, HeaderValue); N]) -> HeaderMap {
    let json = HeaderValue::from_static("application/vnd.github+json");
    [(ACCEPT, json), VERSION].into_iter().chain(more).collect()
}
