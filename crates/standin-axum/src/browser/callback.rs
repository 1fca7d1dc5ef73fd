//! `GET|POST /auth/{provider}/callback`: the provider's answer.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use standin::Refusal;
use standin::signin::{Completed, Failed, Mode, Next, UnverifiedCallback};
use standin::verify::ProviderId;

use super::login::require_top_level;
use super::provider::NamedProvider;
use crate::cookies::with_cookies;
use crate::page::{self, Waiting};
use crate::{ClientIp, Shared};

pub(super) async fn get(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    client: ClientIp,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    // What other pages embed is no failure of this client's: a stranger must not use up their patience.
    if let Err(refusal) = require_top_level(&headers) {
        return page::failed(&headers, refusal.into(), Waiting::Nobody, None);
    }
    match complete(&shared, &provider, client, &headers, &query.unwrap_or_default()).await {
        Ok(completed) => leave(&completed),
        Err(failed) => {
            shared.limiter.failed(client);
            let again = format!("/auth/{provider}/login");
            let again = (failed.mode == Mode::Redirect).then_some(again);
            let window = failed.window.clone();
            let waiting = Waiting::of(failed.mode, window.as_ref());
            page::failed(&headers, failed.into(), waiting, again.as_deref())
        }
    }
}

async fn complete(
    shared: &Shared,
    provider: &ProviderId,
    client: ClientIp,
    headers: &HeaderMap,
    query: &str,
) -> Result<Completed, Failed> {
    shared.limiter.check(client).map_err(Failed::before_attempt)?;
    let signin = shared.standin.signin();
    match UnverifiedCallback::parse(query) {
        Ok(answer) => signin.callback(provider, answer, headers).await,
        Err(refusal) => Err(signin.unread(provider, refusal).await),
    }
}

/// No flow of ours asks for an answer by form post, so none that comes that way was asked for (requirement
/// CB-7). Its body is not looked at.
pub(super) async fn post(
    State(shared): State<Shared>,
    client: ClientIp,
    headers: HeaderMap,
) -> Response {
    shared.limiter.failed(client);
    page::failed(&headers, Refusal::ResponseModeMismatch.into(), Waiting::Nobody, None)
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
