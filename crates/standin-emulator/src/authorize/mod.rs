//! The authorization endpoint and the pages a person sees on the way to an answer.
//!
//! ```text
//! /o/oauth2/v2/auth ─ request ─▶ error page            (never a redirect to a URI nobody registered)
//!                        └────▶ flow ─▶ chooser ─▶ policy ─▶ unverified ─▶ sign-in ─▶ scopes
//!                                 │                  └─▶ error page                     │
//!                                 └──────────── conclude: grant, code, tokens ◀─────────┘
//!                                                   └─▶ outcome ─▶ redirect | form | popup
//! ```
//!
//! Between pages, what was asked stays here under an opaque id (`part`) that the forms carry.

mod conclude;
pub(crate) mod consent;
mod error;
mod flow;
mod front;
mod outcome;
mod pages;
mod policy;
mod request;
mod user_agent;

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};

use self::consent::Page;
pub(crate) use self::error::AuthError;
pub(crate) use self::flow::remember;
pub(crate) use self::pages::form_post::html as post_form;
pub(crate) use self::policy::refusal;
use self::request::AuthorizationRequest;
use crate::faults::Twist;
use crate::state::Shared;
use crate::state::ledger::{Event, Kind};

/// The endpoint before the one that discovery names; old clients and `client_secret.json` still name it.
pub(crate) const OLD_PATH: &str = "/o/oauth2/auth";

/// An authorization request waiting for a person.
#[derive(Clone, Debug)]
pub(crate) struct Interaction {
    request: AuthorizationRequest,
    /// The subject, once an account was chosen.
    sub: Option<String>,
    /// What is still to be asked; the first is on the screen.
    pages: VecDeque<Page>,
    /// Whether each scope has a box.
    boxes: bool,
    from_old_endpoint: bool,
    /// What is to be wrong with the answer.
    twist: Option<Twist>,
}

impl Interaction {
    /// Whether this account was chosen in it.
    pub(crate) fn is_of(&self, sub: &str) -> bool {
        self.sub.as_deref() == Some(sub)
    }
}

/// The pages after the endpoint itself.
pub(crate) fn page_routes() -> Router<Arc<Shared>> {
    Router::new()
        .route(error::PAGE, get(error::page))
        .route(pages::CHOOSER, get(pages::chooser::show).post(pages::chooser::choose))
        .route(Page::Unverified.path(), get(pages::unverified::show).post(pages::unverified::go_on))
        .route(Page::SignIn.path(), get(pages::sign_in::show).post(pages::sign_in::go_on))
        .route(Page::Scopes.path(), get(pages::scopes::show).post(pages::scopes::decide))
}

/// `GET` and `POST /o/oauth2/v2/auth`.
pub(crate) async fn endpoint(
    State(shared): State<Arc<Shared>>,
    twist: Option<Extension<Twist>>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Response {
    let mut params: Vec<(String, String)> =
        form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    params.extend(form_urlencoded::parse(&body).into_owned());
    let checked = AuthorizationRequest::check(&shared.state(), &params);
    let request = match checked {
        Ok(_) if user_agent::is_embedded(&headers) => {
            return AuthError::disallowed_useragent().redirect(&shared, &params);
        }
        Ok(request) => request,
        Err(error) => return error.redirect(&shared, &params),
    };
    record(&shared, &request);
    let interaction = Interaction {
        request,
        sub: None,
        pages: VecDeque::new(),
        boxes: false,
        from_old_endpoint: uri.path() == OLD_PATH,
        twist: twist.map(|Extension(twist)| twist),
    };
    flow::begin(&shared, interaction, browser(&shared, &headers).as_deref())
}

fn record(shared: &Shared, request: &AuthorizationRequest) {
    let event = Event::new(Kind::Authorization)
        .client(request.client_id.as_str())
        .with("redirect_uri", request.redirect.bound())
        .with("response_type", request.response.to_string())
        .with("scope", request.scope.as_str())
        .with("access_type", if request.offline { "offline" } else { "online" })
        .with("include_granted_scopes", request.include_granted_scopes)
        .with("prompt", request.prompt.to_string())
        .with("pkce", request.challenge.is_some());
    shared.record(event);
}

/// The cookie's name. Cookies ignore ports, so emulators side by side need names of their own, and
/// tenants, whose cookies go along with those of the root, too.
fn cookie_name(shared: &Shared) -> String {
    format!("EMULATOR_SID_{}{}", shared.port, shared.prefix.replace('/', "_"))
}

/// Which of our browsers this is, by its cookie.
pub(crate) fn browser(shared: &Shared, headers: &HeaderMap) -> Option<String> {
    let name = cookie_name(shared);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
}
