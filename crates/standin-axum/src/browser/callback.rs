//! `GET|POST /auth/{provider}/callback`: the provider's answer.
//!
//! A redirect brings it in the query, or the provider's page posts it as a form (`response_mode=form_post`). Which of
//! the two it must be stands in the attempt. The form comes from another site without the session's cookie; what
//! makes it this browser's is the attempt's, and a state that nobody else knows.

use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use standin::Refusal;
use standin::signin::{Completed, Failed, Mode, Next, UnverifiedCallback};
use standin::verify::ProviderId;

use super::login::require_top_level;
use super::provider::NamedProvider;
use crate::cookies::with_cookies;
use crate::json::has_type;
use crate::page::{self, Waiting};
use crate::problem::Problem;
use crate::{ClientIp, Shared};

pub(super) async fn get(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    client: ClientIp,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let answer = UnverifiedCallback::parse(&query.unwrap_or_default());
    answered(&shared, &provider, client, &headers, answer).await
}

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    client: ClientIp,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let answer = form(&headers, query.as_deref(), body);
    answered(&shared, &provider, client, &headers, answer).await
}

/// The redirect URI has no query, so a form that comes with one was posted by nobody who was asked.
fn form(
    headers: &HeaderMap,
    query: Option<&str>,
    body: Result<Bytes, BytesRejection>,
) -> Result<UnverifiedCallback, Refusal> {
    if query.is_some() || !has_type(headers, "application/x-www-form-urlencoded") {
        return Err(Refusal::ResponseModeMismatch);
    }
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
        _ => Refusal::InvalidRequest,
    })?;
    UnverifiedCallback::parse_form(&body)
}

/// One answer, however it came.
async fn answered(
    shared: &Shared,
    provider: &ProviderId,
    client: ClientIp,
    headers: &HeaderMap,
    answer: Result<UnverifiedCallback, Refusal>,
) -> Response {
    // What other pages embed is no failure of this client's: a stranger must not use up their patience.
    if let Err(refusal) = require_top_level(headers) {
        return page::failed(headers, refusal.into(), Waiting::Nobody, None);
    }
    match complete(shared, provider, client, headers, answer).await {
        Ok(completed) => leave(&completed),
        Err(failed) => {
            let again = format!("/auth/{provider}/login");
            let again = (failed.mode == Mode::Redirect).then_some(again);
            let (mode, window) = (failed.mode, failed.window.clone());
            let waiting = Waiting::of(mode, window.as_ref());
            let problem = Problem::from(failed);
            shared.count_refusal(client, &problem).await;
            page::failed(headers, problem, waiting, again.as_deref())
        }
    }
}

async fn complete(
    shared: &Shared,
    provider: &ProviderId,
    client: ClientIp,
    headers: &HeaderMap,
    answer: Result<UnverifiedCallback, Refusal>,
) -> Result<Completed, Failed> {
    shared.standin.limiter().check(client.0).map_err(Failed::before_attempt)?;
    let signin = shared.standin.signin();
    match answer {
        Ok(answer) => signin.callback(provider, answer, headers).await,
        Err(refusal) => Err(signin.unread(provider, refusal).await),
    }
}

/// Always 303, so that nothing is posted on, and no code stays in the address (requirement CB-8).
fn leave(completed: &Completed) -> Response {
    let response = match (&completed.next, completed.mode) {
        (Next::Consent(url), _) | (Next::ReturnTo(url), Mode::Redirect | Mode::Code) => {
            Redirect::to(url.as_str()).into_response()
        }
        (Next::ReturnTo(_), Mode::Popup) => {
            page::done(&completed.attempt.to_string(), completed.window.as_ref())
        }
    };
    with_cookies(response, &completed.cookies)
}
