//! The device flow's own endpoint and its answers (RFC 8628; Google's spelling of it).

use std::time::Duration;

use serde::Deserialize;

use super::token::{self, TokenError, TokenResponse};
use super::{Endpoint, Provider, Scopes};
use crate::core::Core;
use crate::error::Error;
use crate::json;
use crate::secret::DeviceCode;

/// RFC 8628 §3.2, where the provider does not say.
const DEFAULT_INTERVAL: u64 = 5;
/// No provider needs longer ones.
const MAX_INTERVAL: u64 = 60;
/// Codes of people are short, and are shown on a terminal.
const MAX_USER_CODE: usize = 64;
const MAX_DEVICE_CODE: usize = 4 * 1024;
/// No code is waited for longer.
const MAX_LIFETIME: u64 = 3600;
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// What the provider gave to a device.
pub(crate) struct DeviceAuthorization {
    pub(crate) device_code: DeviceCode,
    pub(crate) user_code: String,
    pub(crate) verification_url: Endpoint,
    pub(crate) expires_in: Duration,
    pub(crate) interval: Duration,
}

#[derive(Deserialize)]
struct Written {
    device_code: String,
    user_code: String,
    verification_uri: Option<String>,
    /// Google's name of it.
    verification_url: Option<String>,
    expires_in: u64,
    interval: Option<u64>,
}

impl Provider {
    /// Asks for a pair of codes.
    ///
    /// # Errors
    /// [`Error::ProviderMisbehaved`] if the provider has no such endpoint, refuses the scopes or gives what
    /// nobody could show; [`Error::ProviderRefusesClient`], [`Error::ProviderUnavailable`].
    pub(crate) async fn authorize_device(
        &self,
        core: &Core,
        scopes: &Scopes,
    ) -> Result<DeviceAuthorization, Error> {
        let metadata = self.metadata(core).await?;
        let endpoint = metadata.device_authorization_endpoint.as_ref();
        let endpoint = endpoint.ok_or(Error::ProviderMisbehaved)?;
        let scope = scopes.to_string();
        let client_id = self.config.registration.client_id.as_str();
        let mut form = vec![("scope", scope.as_str())];
        // In the body the credentials come by themselves; in a header, the id is still asked for here.
        if self.config.registration.authentication != super::ClientAuthentication::Post {
            form.push(("client_id", client_id));
        }
        let request = token::request(endpoint.url(), &self.config.registration, &form);
        let response = core.http.send(request).await;
        let response = response.map_err(|error| Error::of_http(self.id(), error))?;
        if !response.status.is_success() {
            return Err(Error::of_exchange(self.id(), token::refused(&response)));
        }
        let written = json::object::<Written>(&response.body).ok_or(Error::ProviderMisbehaved)?;
        self.device_authorization(written).ok_or(Error::ProviderMisbehaved)
    }

    fn device_authorization(&self, written: Written) -> Option<DeviceAuthorization> {
        let is_shown = |text: &str, max| {
            (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !is_shown(&written.user_code, MAX_USER_CODE)
            || !is_shown(&written.device_code, MAX_DEVICE_CODE)
        {
            return None;
        }
        let address = written.verification_uri.or(written.verification_url)?;
        let interval = written.interval.unwrap_or(DEFAULT_INTERVAL).clamp(1, MAX_INTERVAL);
        Some(DeviceAuthorization {
            device_code: DeviceCode::new(written.device_code),
            user_code: written.user_code,
            verification_url: Endpoint::parse(&address, self.config.transport).ok()?,
            expires_in: Duration::from_secs(written.expires_in.min(MAX_LIFETIME)),
            interval: Duration::from_secs(interval),
        })
    }

    /// Asks whether the person has answered.
    pub(crate) async fn poll_device(
        &self,
        core: &Core,
        code: &DeviceCode,
    ) -> Result<Result<TokenResponse, TokenError>, Error> {
        let metadata = self.metadata(core).await?;
        let form = [("grant_type", GRANT_TYPE), ("device_code", code.expose())];
        let endpoint = metadata.token_endpoint.url();
        let registration = &self.config.registration;
        Ok(token::post(&*core.http, endpoint, registration, &form, token::read).await)
    }
}
