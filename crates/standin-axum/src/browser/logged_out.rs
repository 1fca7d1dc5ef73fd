//! `GET /auth/{provider}/logged-out`: the browser comes back from signing out at the provider.
//!
//! With the state that it left with it goes where it wanted to. Without, or with another, it is told that it is
//! signed out, here: whoever made it come changes nothing by that.

use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use standin::session::cookie::Cookies;
use standin::signin::Parameters;

use super::provider::NamedProvider;
use crate::Shared;
use crate::cookies::with_cookies;
use crate::page;

pub(super) async fn get(
    State(shared): State<Shared>,
    NamedProvider(provider): NamedProvider,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let parameters = Parameters::parse(&query.unwrap_or_default());
    let state = parameters.ok().and_then(|mut parameters| parameters.take("state"));
    let cookies = Cookies::of(&headers);
    match shared.standin.sessions().come_back(&provider, state.as_deref(), cookies) {
        Some((next, cookie)) => {
            with_cookies(Redirect::to(next.as_str()).into_response(), &[cookie])
        }
        None => page::signed_out(),
    }
}
