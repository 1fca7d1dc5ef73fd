//! The one table from errors to HTTP answers (RFC 9457).
//!
//! A [`Problem`] knows nothing but what stands in an [`Error`]: no cause, no input, no secret can get into
//! an answer by this way. What operators need is logged, here and once.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use standin::error::{Error, Refusal};
use standin::id::AttemptId;
use standin::signin::Failed;
use standin::store::StoreError;
use standin_client::Problem as Wire;

/// An error on its way out, as `application/problem+json`.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    retry_after: Option<u64>,
    body: Box<Wire>,
}

impl Problem {
    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.body.code
    }

    /// The words for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.body.detail
    }

    /// The attempt, if there was one.
    #[must_use]
    pub fn attempt(&self) -> Option<&str> {
        self.body.attempt.as_deref()
    }

    /// With other words, about what the caller sent.
    #[must_use]
    pub(crate) fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.body.detail = detail.into();
        self
    }

    /// With a status that says more than the code's own.
    #[must_use]
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self.body.status = status.as_u16();
        status.canonical_reason().unwrap_or_default().clone_into(&mut self.body.title);
        self
    }

    #[must_use]
    fn of_attempt(mut self, attempt: Option<AttemptId>) -> Self {
        self.body.attempt = attempt.map(|attempt| attempt.to_string());
        self
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = status(&error);
        log(&error, status);
        let detail = public_words(&error);
        let code = error.code().to_owned();
        let title = status.canonical_reason().unwrap_or_default().to_owned();
        let mut body = Wire { status: status.as_u16(), code, title, detail, ..Wire::default() };
        let mut retry_after = None;
        match error {
            Error::InsufficientScope { missing, reconnect_url } => {
                body.missing = Some(missing.iter().map(str::to_owned).collect());
                body.reconnect_url = Some(reconnect_url);
            }
            Error::ReauthRequired { reason, reconnect_url } => {
                body.reason = Some(reason.to_string());
                body.reconnect_url = Some(reconnect_url);
            }
            // Rounded up: whoever comes back at the second they were told is not too early.
            Error::ProviderUnavailable { retry_after: wait } => {
                retry_after = Some(wait.as_millis().div_ceil(1000).try_into().unwrap_or(3600));
            }
            Error::Refused(Refusal::RateLimited) => retry_after = Some(60),
            _ => {}
        }
        Self { status, retry_after, body: Box::new(body) }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Error::from(refusal).into()
    }
}

impl From<Failed> for Problem {
    fn from(failed: Failed) -> Self {
        Self::from(failed.error).of_attempt(failed.attempt)
    }
}

/// The table.
fn status(error: &Error) -> StatusCode {
    match error {
        Error::Refused(refusal) => status_of_refusal(*refusal),
        // What the provider sent proves nothing: to the browser that is a refused sign-in.
        Error::EventToken(_) => StatusCode::BAD_REQUEST,
        Error::IdToken(_) | Error::InsufficientScope { .. } | Error::UserinfoMismatch => {
            StatusCode::FORBIDDEN
        }
        Error::ReauthRequired { .. } => StatusCode::CONFLICT,
        Error::Account(_)
        | Error::AnswerNotSupported { .. }
        | Error::ProviderAddressRefused { .. }
        | Error::ProviderMisbehaved
        | Error::ProviderRefusesClient => StatusCode::BAD_GATEWAY,
        Error::Vault(error) if error.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
        Error::Store(StoreError::Inconsistent { .. }) | Error::Vault(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        Error::ProviderUnavailable { .. } | Error::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn status_of_refusal(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::AccountAmbiguous
        | Refusal::AttemptExpired
        | Refusal::CodeMissing
        | Refusal::CodeRefused
        | Refusal::ConfirmationMissing
        | Refusal::CredentialMissing
        | Refusal::CsrfCookieMissing
        | Refusal::CsrfFieldMissing
        | Refusal::CsrfTokenMismatch
        | Refusal::DuplicateParameter
        | Refusal::IdTokenMissing
        | Refusal::InvalidRequest
        | Refusal::IssuerMismatch
        | Refusal::ProviderError
        | Refusal::ProviderMismatch
        | Refusal::ResponseModeMismatch
        | Refusal::ScopeNotAllowed
        | Refusal::StateMismatch
        | Refusal::StateMissing
        | Refusal::TokenNotAskedFor
        | Refusal::TooLarge => StatusCode::BAD_REQUEST,
        Refusal::InvalidClient | Refusal::Unauthenticated => StatusCode::UNAUTHORIZED,
        Refusal::AccessDenied
        | Refusal::AccountDisabled
        | Refusal::AttemptMissing
        | Refusal::CannotNarrow
        | Refusal::CredentialWithoutNonce
        | Refusal::CrossOrigin
        | Refusal::CsrfHeaderMissing
        | Refusal::Forbidden
        | Refusal::SessionMismatch
        | Refusal::SignInNotAllowed
        | Refusal::SignUpClosed
        | Refusal::SubjectMismatch => StatusCode::FORBIDDEN,
        Refusal::IdentityUnknown
        | Refusal::ClientNotConfigured
        | Refusal::NoGrant
        | Refusal::NoSecurityEvents
        | Refusal::NoSession
        | Refusal::NoUser
        | Refusal::UnknownProvider => StatusCode::NOT_FOUND,
        Refusal::AttemptUsed
        | Refusal::CredentialUsed
        | Refusal::IdentityTaken
        | Refusal::LastIdentity => StatusCode::CONFLICT,
        Refusal::RateLimited => StatusCode::TOO_MANY_REQUESTS,
    }
}

/// What the database or the vault says, and where names lead, is for the operator.
fn public_words(error: &Error) -> String {
    match error {
        Error::ProviderAddressRefused { .. } => {
            "the provider's address is none that this service may talk to; an operator must look at it".into()
        }
        Error::Store(StoreError::Inconsistent { .. }) => {
            "what the service has stored makes no sense to it; an operator must look at it".into()
        }
        Error::Store(_) => {
            "the service cannot reach its database at the moment; try again shortly".into()
        }
        Error::Vault(error) if error.is_passing() => {
            "the service that keeps the keys does not answer at the moment; try again shortly".into()
        }
        Error::Vault(_) => {
            "the service cannot open what it has stored; an operator must look at it".into()
        }
        error => error.to_string(),
    }
}

fn log(error: &Error, status: StatusCode) {
    let code = error.code();
    if status.is_server_error() {
        tracing::error!(code, %error, "a request failed");
    } else {
        tracing::info!(code, "a request was refused");
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let is_unauthenticated = self.status == StatusCode::UNAUTHORIZED;
        let is_client = self.body.code == Refusal::InvalidClient.code();
        let mut response = (self.status, Json(self.body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        if is_unauthenticated && is_client {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"standin\""));
        }
        response
    }
}
