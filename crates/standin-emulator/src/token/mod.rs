//! `POST /token`: codes and refresh tokens into access tokens.
//!
//! ```text
//! body ─ params ─▶ grant_type ─┬▶ client_auth ─▶ code | device_code | refresh ─▶ policy ─▶ issue ─▶ answer
//!                              └▶ jwt_bearer ───────────────────────────────────────────────────▶ answer
//! ```
//!
//! The client is authenticated before a code is touched: somebody who merely saw a code cannot
//! spend it.

pub(crate) mod client_auth;
mod code;
mod device_code;
mod issue;
mod jwt_bearer;
pub(crate) mod params;
mod policy;
mod refresh;
mod service_id_token;

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use self::params::Params;
use crate::faults::Twist;
use crate::object::Object;
use crate::reply::{self, OAuthError};
use crate::state::Shared;

/// Where the endpoint is: today's path, and those of older samples and libraries.
pub(crate) const PATHS: [&str; 4] =
    ["/token", "/o/oauth2/token", "/oauth2/v3/token", "/oauth2/v4/token"];

/// Answers one token request.
pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    twist: Option<Extension<Twist>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let twist = twist.map(|Extension(twist)| twist);
    match exchange(&shared, twist.as_ref(), &headers, &body) {
        Ok(mut answer) => {
            if let Some(Twist::TokenResponse { fields }) = &twist {
                answer.merge(fields);
            }
            reply::uncached_json(StatusCode::OK, &answer)
        }
        Err(error) => error.into_response(),
    }
}

fn exchange(
    shared: &Shared,
    twist: Option<&Twist>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Object, OAuthError> {
    let params = Params::parse(headers, body)?;
    let request = Request { shared, twist, headers, params: &params };
    match params.get("grant_type").unwrap_or_default() {
        "authorization_code" => code::redeem(&request),
        "refresh_token" => refresh::refresh(&request),
        "urn:ietf:params:oauth:grant-type:device_code" | device_code::LEGACY => {
            device_code::poll(&request)
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => jwt_bearer::grant(&request),
        other => Err(OAuthError::bad_request(
            "unsupported_grant_type",
            format!("Invalid grant_type: {other}"),
        )),
    }
}

/// One request on its way through the endpoint.
#[derive(Clone, Copy, Debug)]
struct Request<'a> {
    shared: &'a Shared,
    twist: Option<&'a Twist>,
    headers: &'a HeaderMap,
    params: &'a Params,
}
