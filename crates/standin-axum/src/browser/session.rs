//! `GET /auth/session`: who is signed in, and what they gave.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::Serialize;
use standin::id::{GrantId, SessionId, UserId};
use standin::provider::Scopes;
use standin::session::cookie::Cookies;
use standin::session::{Presented, Sessions};
use standin::signin::{Completed, Failed};
use standin::store::SessionView;
use standin::time::Timestamp;
use standin::vault::{Grant, GrantState};
use standin::{Error, Refusal};

use crate::Shared;
use crate::cookies::{ambiguous, unauthenticated, with_cookies};
use crate::problem::Problem;

#[derive(Serialize)]
struct Body<'a> {
    user: User<'a>,
    identities: Vec<Identity<'a>>,
    grants: Vec<GrantBody<'a>>,
    session: Session,
}

#[derive(Serialize)]
struct User<'a> {
    id: UserId,
    email: Option<&'a str>,
    email_verified: bool,
    name: Option<&'a str>,
    picture: Option<&'a str>,
}

#[derive(Serialize)]
struct Identity<'a> {
    provider: &'a str,
    subject: &'a str,
    email: Option<&'a str>,
}

#[derive(Serialize)]
struct GrantBody<'a> {
    id: GrantId,
    provider: &'a str,
    subject: &'a str,
    scopes: &'a Scopes,
    missing_scopes: Scopes,
    offline: bool,
    state: GrantState,
}

#[derive(Serialize)]
struct Session {
    id: SessionId,
    created_at: Timestamp,
    expires_at: Timestamp,
}

pub(super) async fn get(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let hash = match Sessions::presented(Cookies::of(&headers)) {
        Presented::Session(hash) => hash,
        Presented::Nothing => return unauthenticated(),
        Presented::Ambiguous => return ambiguous(),
    };
    match shared.standin.sessions().view(&hash).await {
        Ok(Some(view)) => answer(&view),
        Ok(None) => unauthenticated(),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// What a page gets that posted the end of a sign-in: who is signed in now, and the cookie.
pub(super) async fn signed_in(shared: &Shared, completed: Completed) -> Result<Response, Failed> {
    let Completed { session, cookies, attempt, mode, .. } = completed;
    let failed = |error: Error| Failed { error, attempt: Some(attempt), mode, window: None };
    let session = session.ok_or_else(|| failed(Refusal::Unauthenticated.into()))?;
    let view = shared.standin.sessions().view(&session).await.map_err(failed)?;
    let view = view.ok_or_else(|| failed(Refusal::Unauthenticated.into()))?;
    Ok(with_cookies(answer(&view), &cookies))
}

/// The body that every successful sign-in from a page gets, too. No token is in it, and none can be.
pub(super) fn answer(view: &SessionView) -> Response {
    let profile = &view.user.profile;
    Json(Body {
        user: User {
            id: view.user.id,
            email: profile.email.as_deref(),
            email_verified: profile.email_verified,
            name: profile.name.as_deref(),
            picture: profile.picture.as_deref(),
        },
        identities: view
            .accounts
            .iter()
            .map(|account| Identity {
                provider: account.identity.provider.as_str(),
                subject: &account.identity.subject,
                email: account.email.as_deref(),
            })
            .collect(),
        grants: view.grants.iter().map(grant).collect(),
        session: Session {
            id: view.session.id,
            created_at: view.session.created_at,
            expires_at: view.session.expires_at,
        },
    })
    .into_response()
}

fn grant(grant: &Grant) -> GrantBody<'_> {
    GrantBody {
        id: grant.id,
        provider: grant.identity.provider.as_str(),
        subject: &grant.identity.subject,
        scopes: &grant.scopes,
        missing_scopes: grant.missing_scopes(),
        offline: grant.is_offline(),
        state: grant.state,
    }
}
