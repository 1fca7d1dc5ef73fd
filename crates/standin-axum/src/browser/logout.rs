//! `POST /auth/logout`: ends this session, or all of the user's; and says where the provider's own is ended, if the
//! page wants that.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use standin::session::WayOut;
use standin::signin::Parameters;
use standin::{Error, Refusal};

use super::posted::{Fields, Posted};
use crate::Shared;
use crate::cookies::{signed_out, with_cookies};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body {
    #[serde(default)]
    everywhere: bool,
    provider: Option<String>,
    return_to: Option<String>,
}

impl Fields for Body {
    fn take(form: &mut Parameters) -> Result<Self, Refusal> {
        let everywhere = match form.take("everywhere").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => return Err(Refusal::InvalidRequest),
        };
        let (provider, return_to) = (form.take("provider"), form.take("return_to"));
        Ok(Self { everywhere, provider, return_to })
    }
}

/// The URL holds a state: it is for the browser that the answer goes to, and no log. It is `null` where the
/// provider has none, as Google.
#[derive(Serialize)]
struct Answer {
    logout_url: Option<String>,
}

pub(super) async fn post(State(shared): State<Shared>, posted: Posted<Body>) -> Response {
    match end(&shared, &posted).await {
        Ok(way_out) => signed_out(answer(&shared, &posted, way_out)),
        Err(error) => posted.refused(error),
    }
}

/// The way out is looked for first: a provider that is not configured ends nothing.
async fn end(shared: &Shared, posted: &Posted<Body>) -> Result<Option<WayOut>, Error> {
    let (sessions, Body { everywhere, provider, return_to }) =
        (shared.standin.sessions(), &posted.body);
    let way_out = match provider {
        Some(name) => {
            let provider = name.parse().map_err(|_| Refusal::UnknownProvider)?;
            sessions.way_out(&posted.session, &provider, return_to.as_deref()).await?
        }
        None => None,
    };
    if *everywhere {
        sessions.end_all(posted.session.user).await?;
    } else {
        sessions.end(&posted.session).await?;
    }
    Ok(way_out)
}

fn answer(shared: &Shared, posted: &Posted<Body>, way_out: Option<WayOut>) -> Response {
    let (location, cookie) = way_out.map(|way| (way.location, way.cookie)).unzip();
    let response = match (location, posted.is_form) {
        (Some(location), true) => Redirect::to(location.as_str()).into_response(),
        (location, false) if posted.body.provider.is_some() => {
            Json(Answer { logout_url: location.map(String::from) }).into_response()
        }
        _ => {
            let return_to = posted.body.return_to.as_deref().unwrap_or("/");
            posted.done(shared, Some(return_to), StatusCode::NO_CONTENT)
        }
    };
    with_cookies(response, cookie.as_slice())
}
