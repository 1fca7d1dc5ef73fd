//! `POST /auth/{provider}/credential`: the ID token of a sign-in button or of One Tap.
//!
//! Two ways lead here. The provider's page posts a form across sites, and the browser goes where it came from; or a
//! page of ours got the credential in its callback and posts it by script. Both bring the cookie `g_csrf_token`
//! twice; a script shows as well that it runs on a page of ours.

use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::HeaderMap;
use http::header::ACCEPT;
use standin::Refusal;
use standin::session::csrf::{require_double_submit, require_same_origin};
use standin::signin::{Completed, Failed, Next, Parameters, UnverifiedCredential};
use standin::verify::ProviderId;

use super::login::require_top_level;
use super::provider::NamedProvider;
use super::session;
use crate::cookies::with_cookies;
use crate::json::{has_type, unreadable, wrong_type};
use crate::page::{self, Waiting};
use crate::problem::Problem;
use crate::{ClientIp, Shared};

const FORM: &str = "application/x-www-form-urlencoded";

pub(super) async fn post(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    client: ClientIp,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if !has_type(&headers, FORM) {
        return wrong_type(FORM);
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return unreadable(&rejection),
    };
    let read =
        shared.standin.limiter().check(client.0).and_then(|()| read(&shared, &headers, &body));
    let post = match read {
        Ok(post) => post,
        // Other sites can make a browser post this much: its owner's patience is not theirs to use up.
        Err(refusal) => return page::failed(&headers, refusal.into(), Waiting::Nobody, None),
    };
    match complete(&shared, &provider, post, &headers).await {
        Ok(response) => response,
        Err(failed) => {
            let problem = Problem::from(failed);
            shared.count_refusal(client, &problem).await;
            let again = format!("/auth/{provider}/login");
            page::failed(&headers, problem, Waiting::Nobody, Some(&again))
        }
    }
}

/// The credential of a form whose sender may send one. What else the provider puts there (`select_by`,
/// `clientId`, …) does not matter.
fn read(
    shared: &Shared,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<UnverifiedCredential, Refusal> {
    if is_script(headers) {
        require_same_origin(headers, shared.standin.public_url())?;
    } else {
        require_top_level(headers)?;
    }
    let form = std::str::from_utf8(body).map_err(|_| Refusal::InvalidRequest)?;
    let mut fields = Parameters::parse(form)?;
    require_double_submit(headers, fields.take("g_csrf_token").as_deref())?;
    UnverifiedCredential::new(fields.take("credential"), fields.take("state"))
}

/// A script asks for JSON; a form that is posted asks for a page.
fn is_script(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accept.contains("application/json")
}

async fn complete(
    shared: &Shared,
    provider: &ProviderId,
    post: UnverifiedCredential,
    headers: &HeaderMap,
) -> Result<Response, Failed> {
    let completed = shared.standin.signin().credential(provider, post, headers).await?;
    if is_script(headers) {
        return session::signed_in(shared, completed).await;
    }
    let Completed { next: Next::ReturnTo(url) | Next::Consent(url), cookies, .. } = completed;
    // 303, so that the credential is not posted on.
    Ok(with_cookies(Redirect::to(url.as_str()).into_response(), &cookies))
}
