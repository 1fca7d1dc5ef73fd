//! `GET /auth/{provider}/login`: sends the browser to the provider.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, HeaderValue};
use standin::Refusal;
use standin::provider::Scopes;
use standin::session::cookie::Cookies;
use standin::signin::{Mode, Parameters, SignInRequest, WindowId};

use super::provider::NamedProvider;
use crate::cookies::with_cookies;
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
    let query = query.unwrap_or_default();
    let (mode, window) = told_of_failure(&query);
    let waiting = Waiting::of(mode, window.as_ref());
    let refused = |problem| page::failed(&headers, problem, waiting, None);
    let request = require_top_level(&headers)
        .and_then(|()| shared.standin.limiter().check(client.0))
        .and_then(|()| read(&query));
    let request = match request {
        Ok(request) => request,
        Err(refusal) => return refused(refusal.into()),
    };
    match shared.standin.signin().begin(&provider, request, Cookies::of(&headers)).await {
        Ok(begun) => {
            with_cookies(Redirect::to(begun.location.as_str()).into_response(), &begun.cookies)
        }
        Err(error) => refused(Problem::from(error)),
    }
}

/// Whom a failure is told, while the request is not read yet: in a popup, the page that waits.
fn told_of_failure(query: &str) -> (Mode, Option<WindowId>) {
    let (mut mode, mut window) = (Mode::Redirect, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (&*name, &*value) {
            ("mode", "popup") => mode = Mode::Popup,
            ("window", _) => window = WindowId::new(value.into_owned()),
            _ => {}
        }
    }
    (mode, window)
}

/// A sign-in is begun and ended by a person in a window, never by an image or a frame (requirement AR-11).
pub(super) fn require_top_level(headers: &HeaderMap) -> Result<(), Refusal> {
    let dest = headers.get("sec-fetch-dest").map(HeaderValue::as_bytes);
    if dest.is_none_or(|dest| dest == b"document") { Ok(()) } else { Err(Refusal::CrossOrigin) }
}

/// What else a query holds is refused by name: nothing from outside sets what protects the flow (AR-6).
fn read(query: &str) -> Result<SignInRequest, Refusal> {
    let mut parameters = Parameters::parse(query)?;
    let scopes = parameters.take("scope").unwrap_or_default();
    let popup = match parameters.take("mode").as_deref() {
        None | Some("redirect") => false,
        Some("popup") => true,
        Some(_) => return Err(Refusal::InvalidRequest),
    };
    let request = SignInRequest {
        return_to: parameters.take("return_to"),
        scopes: Scopes::parse(&scopes).map_err(|_| Refusal::ScopeNotAllowed)?,
        login_hint: parameters.take("login_hint").filter(|hint| hint.len() <= 320),
        popup,
        window: window(&mut parameters)?,
    };
    if parameters.is_empty() { Ok(request) } else { Err(Refusal::InvalidRequest) }
}

fn window(parameters: &mut Parameters) -> Result<Option<WindowId>, Refusal> {
    let Some(name) = parameters.take("window") else { return Ok(None) };
    WindowId::new(name).map(Some).ok_or(Refusal::InvalidRequest)
}
