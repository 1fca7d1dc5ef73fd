//! Access tokens for Google Cloud KMS: of a service account's key file, or of the machine.
//!
//! A key file signs an assertion (RFC 7523), which its token endpoint exchanges. A machine of Google's has a
//! metadata server instead, which hands out tokens of the account that the machine runs as.

use std::path::{Path, PathBuf};
use std::time::Duration;

use form_urlencoded::Serializer;
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::KekError;
use super::outbound::{self, host_of, read};
use crate::http::HttpClient;
use crate::signals::stream::ServiceAccount;
use crate::time::{Clock, Timestamp};

const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";
const LIFETIME_SECONDS: i64 = 3600;
const METADATA: &str = "metadata.google.internal";

/// Where a token comes from.
pub(super) enum GoogleCredentials {
    /// A service account's key file.
    File(PathBuf),
    /// The metadata server at this host.
    Machine(String),
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    #[serde(default)]
    expires_in: u32,
}

impl GoogleCredentials {
    /// The machine's, at the usual place unless it is said to be elsewhere.
    pub(super) fn of_machine(host: Option<&str>) -> Self {
        Self::Machine(host.unwrap_or(METADATA).to_owned())
    }

    /// A token, asked for anew, and when it ends.
    pub(super) async fn token(
        &self,
        http: &dyn HttpClient,
        clock: &dyn Clock,
    ) -> Result<(Zeroizing<String>, Timestamp), KekError> {
        let asked_at = clock.now();
        let request = match self {
            Self::File(path) => assertion(path, clock)?,
            Self::Machine(host) => {
                let url = format!(
                    "http://{host}/computeMetadata/v1/instance/service-accounts/default/token"
                );
                let url = Url::parse(&url).map_err(|_| no_account())?;
                let flavor = HeaderValue::from_static("Google");
                let mut headers = HeaderMap::new();
                headers.insert("metadata-flavor", flavor);
                outbound::get(url, headers)
            }
        };
        let host = host_of(&request.url);
        let response = outbound::send(http, request, words).await?;
        let token = read::<Token>(&host, &response)?;
        let life = Duration::from_secs(token.expires_in.into());
        Ok((Zeroizing::new(token.access_token), asked_at.after(life)))
    }
}

fn no_account() -> KekError {
    KekError::Credentials("GCE_METADATA_HOST is no host".to_owned())
}

fn assertion(path: &Path, clock: &dyn Clock) -> Result<crate::http::Request, KekError> {
    let unusable = |problem: String| {
        KekError::Credentials(format!("the service account in {}: {problem}", path.display()))
    };
    let json = std::fs::read(path).map(Zeroizing::new);
    let json = json.map_err(|reason| unusable(reason.to_string()))?;
    let account = ServiceAccount::parse(&json).map_err(|error| unusable(error.to_string()))?;
    let url = account.token_uri().and_then(|uri| Url::parse(uri).ok());
    let url = url
        .filter(outbound::trusted)
        .ok_or_else(|| unusable("`token_uri` is missing, or no https address".to_owned()))?;
    let issued_at = clock.now().unix_seconds();
    let claims = json!({
        "iss": account.email(), "scope": SCOPE, "aud": url.as_str(),
        "iat": issued_at, "exp": issued_at + LIFETIME_SECONDS,
    });
    let signed = account.sign(&claims).map_err(|error| unusable(error.to_string()))?;
    let body = Serializer::new(String::new())
        .append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
        .append_pair("assertion", &signed)
        .finish();
    let body = Zeroizing::new(body.into_bytes());
    Ok(outbound::post(url, HeaderMap::new(), "application/x-www-form-urlencoded", body))
}

/// `{"error":"invalid_grant","error_description":"…"}`
fn words(body: &Value) -> Option<String> {
    let error = body["error"].as_str()?;
    let more = body["error_description"].as_str();
    Some(more.map_or_else(|| error.to_owned(), |more| format!("{error}: {more}")))
}
