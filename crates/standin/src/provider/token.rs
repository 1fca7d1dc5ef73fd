//! The token endpoint: what we send it, and what we believe of its answer.
//!
//! A form goes out; [`TokenResponse`] comes back only if the answer has the exact shape of RFC 6749 §5.1
//! (requirement CB-11). Everything else is a [`TokenError`] that keeps apart what its callers must treat
//! apart: a refusal, a lack of time, an answer that cannot be read, and a question that may have been heard.

use std::time::Duration;

use bytes::Bytes;
use data_encoding::BASE64;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use url::Url;

use super::Scopes;
use crate::http::{HttpClient, HttpError, RefusedAddress, Request, Response};
use crate::json;
use crate::secret::{AccessToken, ClientSecret, IdToken, RefreshToken};
use crate::time::Timestamp;

/// No token answer is larger (requirement CB-11).
const MAX_ANSWER: usize = 256 * 1024;
/// What an access token lives when the provider does not say: short enough to be safe.
const UNSTATED_LIFETIME: Duration = Duration::from_mins(5);
/// No access token is believed to live longer (requirement RF-16).
const MAX_LIFETIME: Duration = Duration::from_hours(24);
/// No provider may silence us for longer (RFC 9110 §10.2.3).
const MAX_RETRY_AFTER: Duration = Duration::from_hours(1);

/// How we prove to be the registered client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// `client_secret_basic` (RFC 6749 §2.3.1), id and secret form-encoded first.
    Basic,
    /// `client_secret_post`: in the body, what Google's own clients do.
    Post,
}

impl ClientAuthentication {
    /// What OpenID Connect Core §9 calls it.
    #[must_use]
    pub const fn method(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
        }
    }
}

/// Our registration at a provider.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The public id.
    pub client_id: String,
    /// The secret.
    pub client_secret: ClientSecret,
    /// How the two are sent.
    pub authentication: ClientAuthentication,
}

/// A token answer that has the right shape. Its ID token is still unverified.
#[derive(Debug)]
pub struct TokenResponse {
    /// The new access token.
    pub access_token: AccessToken,
    /// How long it lives, clamped, from when the request was sent; none if it lives until it is taken back, as
    /// some of GitHub's do.
    pub expires_in: Option<Duration>,
    /// A refresh token; absent means that the one we have goes on working.
    pub refresh_token: Option<RefreshToken>,
    /// How long the refresh token lives, where the provider says so.
    pub refresh_expires_in: Option<Duration>,
    /// What was granted; absent means what was asked (RFC 6749 §5.1).
    pub scopes: Option<Scopes>,
    /// The ID token, not verified.
    pub unverified_id_token: Option<IdToken>,
}

impl TokenResponse {
    /// Reads an answer, for tests of its shape alone.
    ///
    /// # Errors
    /// As if it had come from a token endpoint.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn of(response: &Response) -> Result<Self, TokenError> {
        read(response)
    }

    /// When the access token dies, if it was asked for at `asked_at`.
    pub(crate) fn access_expires_at(&self, asked_at: Timestamp) -> Timestamp {
        self.expires_in.map_or(Timestamp::NEVER, |life| asked_at.after(life))
    }

    /// Whether a job can act with it while the user is away.
    pub(crate) fn brings_offline_access(&self) -> bool {
        self.refresh_token.is_some() || self.expires_in.is_none()
    }

    /// What was granted, which is what was asked if the answer does not say (RFC 6749 §5.1).
    pub(crate) fn granted<'a>(&'a self, asked: &'a Scopes) -> &'a Scopes {
        self.scopes.as_ref().unwrap_or(asked)
    }
}

/// The `error` of RFC 6749 §5.2, as far as it is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OAuthError {
    /// `access_denied`: the person says no (RFC 8628 §3.5).
    AccessDenied,
    /// `authorization_pending`: the person has not answered yet (RFC 8628 §3.5).
    AuthorizationPending,
    /// `expired_token`: the person took too long (RFC 8628 §3.5).
    ExpiredToken,
    /// `invalid_client`: our registration or secret is wrong.
    InvalidClient,
    /// `invalid_grant`: the code or refresh token is not (or no longer) good.
    InvalidGrant,
    /// `invalid_scope`.
    InvalidScope,
    /// Any other word.
    Other,
    /// `unauthorized_client`: our registration may not do this.
    UnauthorizedClient,
}

/// Why there is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The endpoint's address must not be talked to (requirement HH-7): nothing was sent.
    #[error("the token endpoint is not asked: {0}")]
    AddressRefused(RefusedAddress),
    /// The provider may have acted: no answer came, or it failed over it.
    #[error("the token endpoint may have acted, and does not say so")]
    Ambiguous {
        /// How long to wait, if it says; at most an hour.
        retry_after: Option<Duration>,
    },
    /// The answer is neither a token nor a refusal of RFC 6749 §5.
    #[error("the token endpoint's answer cannot be read: {0}")]
    Malformed(&'static str),
    /// The provider says no, with a reason.
    #[error("the token endpoint refuses: {0:?}")]
    Refused(OAuthError),
    /// The provider says yes, and what it gave cannot be read: it has acted.
    #[error("the token endpoint's answer cannot be read: {0}")]
    Unreadable(&'static str),
    /// The provider wants us to wait.
    #[error("the token endpoint asks us to wait")]
    Throttled {
        /// How long, if it says; at most an hour.
        retry_after: Option<Duration>,
    },
    /// The provider is down, or nothing reached it.
    #[error("the token endpoint is unavailable")]
    Unavailable {
        /// How long to wait, if it says; at most an hour.
        retry_after: Option<Duration>,
    },
}

/// Posts `form` with the client's credentials, once: neither a code nor a rotating refresh token may be
/// sent twice by accident (requirement CB-9). `read` knows the shape of the provider's answers.
pub(super) async fn post(
    http: &dyn HttpClient,
    endpoint: &Url,
    registration: &Registration,
    form: &[(&str, &str)],
    read: fn(&Response) -> Result<TokenResponse, TokenError>,
) -> Result<TokenResponse, TokenError> {
    let request = request(endpoint, registration, form);
    let response = http.send(request).await.map_err(|error| match error {
        HttpError::AddressRefused(refused) => TokenError::AddressRefused(refused),
        HttpError::Ambiguous => TokenError::Ambiguous { retry_after: None },
        HttpError::TooLarge(_) => TokenError::Unreadable("it is too large"),
        HttpError::Unsent | HttpError::Untrusted(_) => {
            TokenError::Unavailable { retry_after: None }
        }
    })?;
    read(&response)
}

/// A form with our credentials, for the token and the revocation endpoint.
pub(super) fn request(
    endpoint: &Url,
    registration: &Registration,
    form: &[(&str, &str)],
) -> Request {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    match registration.authentication {
        ClientAuthentication::Basic => {
            headers.insert(AUTHORIZATION, basic(registration));
        }
        ClientAuthentication::Post => {
            body.append_pair("client_id", &registration.client_id);
            body.append_pair("client_secret", registration.client_secret.expose());
        }
    }
    Request {
        method: Method::POST,
        url: endpoint.clone(),
        headers,
        body: Bytes::from(body.finish()),
        max_response_bytes: MAX_ANSWER,
    }
}

pub(super) fn basic(registration: &Registration) -> HeaderValue {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let id = encode(&registration.client_id);
    let secret = encode(registration.client_secret.expose());
    let credentials = BASE64.encode(format!("{id}:{secret}").as_bytes());
    // Base64 holds nothing that a header value may not.
    let mut value = HeaderValue::from_str(&format!("Basic {credentials}"))
        .unwrap_or_else(|_| HeaderValue::from_static("Basic"));
    value.set_sensitive(true);
    value
}

/// An answer in the form of RFC 6749 §5.
pub(super) fn read(response: &Response) -> Result<TokenResponse, TokenError> {
    match response.status {
        StatusCode::OK => parse(&response.body),
        StatusCode::TOO_MANY_REQUESTS => Err(throttled(&response.headers)),
        status if status.is_server_error() => Err(failure(response)),
        status if status.is_client_error() => Err(refusal(&response.body)),
        // It has done something, and not said what in a way that can be read.
        status if status.is_success() => Err(TokenError::Unreadable("its status is not 200")),
        // A redirect is never followed: what we hold goes to the endpoint we know, or nowhere.
        _ => Err(TokenError::Malformed("its status is neither success nor error")),
    }
}

/// Who says that it is not available has not begun, if it says so itself: when to come back, or why in a word of OAuth. Any
/// other failure may come after a refresh token was replaced, and a gateway cannot know what the server behind it has done:
/// Envoy says 503 as well where a connection broke over a request.
fn failure(response: &Response) -> TokenError {
    let retry_after = retry_after(&response.headers);
    let says_so = match refusal(&response.body) {
        TokenError::Ambiguous { .. } => false,
        TokenError::Malformed(_) => retry_after.is_some(),
        _ => true,
    };
    if response.status == StatusCode::SERVICE_UNAVAILABLE && says_so {
        TokenError::Unavailable { retry_after }
    } else {
        TokenError::Ambiguous { retry_after }
    }
}

pub(super) fn throttled(headers: &HeaderMap) -> TokenError {
    TokenError::Throttled { retry_after: retry_after(headers) }
}

/// Why another endpoint of the same server says no.
pub(super) fn refused(response: &Response) -> TokenError {
    read(response).err().unwrap_or(TokenError::Malformed("its status is neither success nor error"))
}

/// Seconds, or a date (RFC 9110 §10.2.3). Of a date only how far it is from the answer's own is believed: the
/// provider's clock need not be ours.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let said = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !said.is_empty() && said.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        Duration::from_secs(said.parse().unwrap_or(u64::MAX))
    } else {
        let answered = headers.get(DATE)?.to_str().ok()?;
        // In the past: at once.
        Duration::try_from(date(said)? - date(answered)?).unwrap_or_default()
    };
    Some(wait.min(MAX_RETRY_AFTER))
}

fn date(written: &str) -> Option<OffsetDateTime> {
    OffsetDateTime::parse(written.trim(), &Rfc2822).ok()
}

fn refusal(body: &[u8]) -> TokenError {
    #[derive(Deserialize)]
    struct Written {
        error: String,
    }
    match json::object::<Written>(body) {
        Some(written) => refusal_of(&written.error),
        None => TokenError::Malformed("the refusal has no `error`"),
    }
}

/// What an `error` of RFC 6749 §5.2 means.
pub(super) fn refusal_of(word: &str) -> TokenError {
    TokenError::Refused(match word {
        "access_denied" => OAuthError::AccessDenied,
        "authorization_pending" => OAuthError::AuthorizationPending,
        "expired_token" => OAuthError::ExpiredToken,
        "invalid_client" => OAuthError::InvalidClient,
        "invalid_grant" => OAuthError::InvalidGrant,
        "invalid_scope" => OAuthError::InvalidScope,
        "unauthorized_client" => OAuthError::UnauthorizedClient,
        // What a provider may say when it is only short of breath.
        "temporarily_unavailable" => return TokenError::Unavailable { retry_after: None },
        // It has stumbled, and need not have stumbled before it acted.
        "server_error" | "internal_failure" => return TokenError::Ambiguous { retry_after: None },
        "slow_down" | "rate_limit_exceeded" => {
            return TokenError::Throttled { retry_after: None };
        }
        _ => OAuthError::Other,
    })
}

/// Whether a refusal of the revocation endpoint says that the token is dead already (RFC 7009 §2.2 wants 200
/// then; Google answers 400 `invalid_token`).
pub(super) fn is_invalid_token(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Written<'a> {
        error: &'a str,
    }
    json::object::<Written<'_>>(body).is_some_and(|written| written.error == "invalid_token")
}

/// The members that are read; serde refuses each of them when it stands twice. Others are ignored, as
/// RFC 6749 §5.1 asks.
#[derive(Deserialize)]
struct Written {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
    refresh_token_expires_in: Option<u64>,
    scope: Option<String>,
    id_token: Option<String>,
}

/// How long an access token is believed to live (requirement RF-16).
pub(super) fn lifetime(seconds: Option<u64>) -> Duration {
    seconds.map_or(UNSTATED_LIFETIME, Duration::from_secs).min(MAX_LIFETIME)
}

fn parse(body: &[u8]) -> Result<TokenResponse, TokenError> {
    let malformed = TokenError::Unreadable;
    let written: Written = json::object(body).ok_or(malformed(
        "it is no JSON object, or a member is missing, twice there, or of the wrong type",
    ))?;
    if written.access_token.is_empty() {
        return Err(malformed("the access token is empty"));
    }
    if !written.token_type.eq_ignore_ascii_case("bearer") {
        return Err(malformed("the token type is not Bearer"));
    }
    let scopes = written.scope.as_deref().map(Scopes::parse).transpose();
    Ok(TokenResponse {
        access_token: AccessToken::new(written.access_token),
        expires_in: Some(lifetime(written.expires_in)),
        refresh_token: written
            .refresh_token
            .filter(|token| !token.is_empty())
            .map(RefreshToken::new),
        refresh_expires_in: written.refresh_token_expires_in.map(Duration::from_secs),
        scopes: scopes.map_err(|_| malformed("the scope is not a list of scopes"))?,
        unverified_id_token: written.id_token.map(IdToken::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<TokenResponse, TokenError> {
        read(&Response {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        })
    }

    #[test]
    fn cb_11_an_answer_of_another_shape_is_refused() {
        for body in [
            "",
            "[]",
            "null",
            "<html>",
            "\"a\"",
            r#"{"access_token":"a"}"#,
            r#"{"access_token":"","token_type":"Bearer"}"#,
            r#"{"access_token":1,"token_type":"Bearer"}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
            r#"{"access_token":"a","token_type":"Bearer","expires_in":"x"}"#,
            r#"{"access_token":"a","token_type":"Bearer","expires_in":"3599"}"#,
            r#"{"access_token":"a","token_type":"Bearer","expires_in":-1}"#,
            r#"{"access_token":"a","token_type":"Bearer","expires_in":1e99}"#,
            r#"{"access_token":"a","token_type":"Bearer","expires_in":NaN}"#,
            r#"{"access_token":"a","access_token":"b","token_type":"Bearer"}"#,
            r#"{"access_token":"a","token_type":"Bearer","scope":"\"quoted\""}"#,
            "{\"access_token\":\"a\",\"token_type\":\"Bearer\"",
            "{\"access_token\":\"a\",\"token_type\":\"Bearer\"} trailing",
            "\u{feff}{\"access_token\":\"a\",\"token_type\":\"Bearer\"}",
        ] {
            assert!(matches!(answer(200, body), Err(TokenError::Unreadable(_))), "{body}");
        }
    }

    #[test]
    fn rf_16_a_lifetime_is_clamped() {
        let lifetime = |expires_in: &str| {
            let body = format!(r#"{{"access_token":"a","token_type":"bearer"{expires_in}}}"#);
            answer(200, &body).unwrap().expires_in.unwrap().as_secs()
        };
        assert_eq!(lifetime(r#","expires_in":3599"#), 3599);
        assert_eq!(lifetime(r#","expires_in":0"#), 0);
        assert_eq!(lifetime(""), 300);
        assert_eq!(lifetime(r#","expires_in":18446744073709551615"#), 86400);
    }

    #[test]
    fn rf_4_an_empty_refresh_token_is_none() {
        let body = r#"{"access_token":"a","token_type":"Bearer","refresh_token":""}"#;
        assert!(answer(200, body).unwrap().refresh_token.is_none());
    }

    #[test]
    fn each_refusal_has_its_meaning() {
        let refused = TokenError::Refused;
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_grant"}"#, refused(OAuthError::InvalidGrant)),
            (401, r#"{"error":"invalid_client"}"#, refused(OAuthError::InvalidClient)),
            (401, r#"{"error":"unauthorized_client"}"#, refused(OAuthError::UnauthorizedClient)),
            (400, r#"{"error":"invalid_scope"}"#, refused(OAuthError::InvalidScope)),
            (400, r#"{"error":"admin_policy_enforced"}"#, refused(OAuthError::Other)),
            (
                403,
                r#"{"error":"rate_limit_exceeded"}"#,
                TokenError::Throttled { retry_after: None },
            ),
            (
                503,
                r#"{"error":"temporarily_unavailable"}"#,
                TokenError::Unavailable { retry_after: None },
            ),
            (
                400,
                r#"{"error":"temporarily_unavailable"}"#,
                TokenError::Unavailable { retry_after: None },
            ),
            (429, "", TokenError::Throttled { retry_after: None }),
        ] {
            assert_eq!(answer(status, body).unwrap_err(), expected, "{status} {body}");
        }
        assert!(matches!(answer(201, "{}"), Err(TokenError::Unreadable(_))));
        assert!(matches!(answer(302, ""), Err(TokenError::Malformed(_))));
        assert!(matches!(answer(404, "<html>"), Err(TokenError::Malformed(_))));
    }

    /// Only a 502, 504, 520 or 524 was taken for that: after a 500, or the 503 of a gateway whose connection broke, a
    /// rotation that was lost was named `revoked`.
    #[test]
    fn rf_9_who_fails_may_have_acted() {
        let ambiguous = TokenError::Ambiguous { retry_after: None };
        for status in [500, 501, 502, 503, 504, 520, 524] {
            assert_eq!(answer(status, "").unwrap_err(), ambiguous, "{status}");
        }
        let reset = "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
        assert_eq!(answer(503, reset).unwrap_err(), ambiguous);
        assert_eq!(answer(500, r#"{"error":"invalid_grant"}"#).unwrap_err(), ambiguous);
        for (status, word) in
            [(400, "server_error"), (400, "internal_failure"), (503, "server_error")]
        {
            let body = format!(r#"{{"error":"{word}"}}"#);
            assert_eq!(answer(status, &body).unwrap_err(), ambiguous, "{status} {word}");
        }
    }

    #[test]
    fn d2_who_fails_says_how_long_to_wait() {
        let in_9_s = Some(Duration::from_secs(9));
        let fails = |status: u16| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("9"))]);
            let status = StatusCode::from_u16(status).unwrap();
            read(&Response { status, headers, body: Bytes::new() }).unwrap_err()
        };
        assert_eq!(fails(500), TokenError::Ambiguous { retry_after: in_9_s });
        assert_eq!(fails(503), TokenError::Unavailable { retry_after: in_9_s });
    }

    #[test]
    fn d2_seconds_and_dates_are_understood_and_nobody_may_silence_us_for_ten_years() {
        let told = |said: &str, date: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(said).unwrap());
            headers.extend(date.map(|date| (DATE, HeaderValue::from_str(date).unwrap())));
            retry_after(&headers).map(|wait| wait.as_secs())
        };
        let noon = Some("Sun, 06 Nov 1994 12:00:00 GMT");
        assert_eq!(told("7", None), Some(7));
        assert_eq!(told("0", None), Some(0));
        assert_eq!(told("315360000", None), Some(3600));
        assert_eq!(told("99999999999999999999999999", None), Some(3600));
        assert_eq!(told("Sun, 06 Nov 1994 12:01:30 GMT", noon), Some(90));
        assert_eq!(told("Sun, 06 Nov 1994 11:59:59 GMT", noon), Some(0));
        assert_eq!(told("Sat, 06 Nov 2004 12:00:00 GMT", noon), Some(3600));
        for nonsense in ["", "soon", "-1", "1.5", "Sun, 06 Nov 1994"] {
            assert_eq!(told(nonsense, noon), None, "{nonsense}");
        }
        assert_eq!(told("Sun, 06 Nov 1994 12:01:30 GMT", None), None);
    }

    #[test]
    fn basic_authentication_encodes_before_it_joins() {
        let registration = Registration {
            client_id: "a:b".into(),
            client_secret: ClientSecret::new("p%"),
            authentication: ClientAuthentication::Basic,
        };
        let expected = format!("Basic {}", BASE64.encode(b"a%3Ab:p%25"));
        assert_eq!(basic(&registration).to_str().unwrap(), expected);
    }
}
