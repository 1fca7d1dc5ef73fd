//! The userinfo endpoints: v3 with OpenID Connect's names, v1 and v2 with Google's older ones.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::bearer;
use crate::faults::Twist;
use crate::id_token::{OTHER_SUBJECT, with_profile};
use crate::object::Object;
use crate::reply::{self, OAuthError};
use crate::scopes;
use crate::seed::User;
use crate::state::Shared;
use crate::state::grants::AccessToken;
use crate::state::ledger::{Event, Kind};

/// `/oauth2/v3/userinfo` and `/v1/userinfo`.
pub(crate) async fn v3(
    State(shared): State<Arc<Shared>>,
    twist: Option<Extension<Twist>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let Some((token, user)) = caller(&shared, &headers, query.as_deref(), &body) else {
        return OAuthError::unauthorized("invalid_request", "Invalid Credentials").into_response();
    };
    let mut claims = claims(&shared, &token, &user, &Names::V3);
    if matches!(twist, Some(Extension(Twist::OtherSubject))) {
        claims.set("sub", OTHER_SUBJECT.into());
    }
    reply::json(StatusCode::OK, &claims)
}

/// `/oauth2/v1/userinfo` and `/oauth2/v2/userinfo`; a token without a userinfo scope counts as none.
pub(crate) async fn v2(
    State(shared): State<Arc<Shared>>,
    twist: Option<Extension<Twist>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Response {
    let caller = caller(&shared, &headers, query.as_deref(), &body);
    let Some((token, user)) =
        caller.filter(|(token, _)| token.scopes.iter().any(|s| scopes::is_sign_in(s)))
    else {
        return missing_credential();
    };
    let mut claims = claims(&shared, &token, &user, &Names::V2);
    if matches!(twist, Some(Extension(Twist::OtherSubject))) {
        claims.set("id", OTHER_SUBJECT.into());
    }
    reply::json(StatusCode::OK, &claims)
}

struct Names {
    subject: &'static str,
    verified: &'static str,
}

impl Names {
    const V2: Self = Self { subject: "id", verified: "verified_email" };
    const V3: Self = Self { subject: "sub", verified: "email_verified" };
}

fn claims(shared: &Shared, token: &AccessToken, user: &User, names: &Names) -> Object {
    let mut claims = Object::default().with(names.subject, user.sub.as_str());
    if token.scopes.contains(scopes::PROFILE) {
        claims = with_profile(claims, user, &shared.origin);
    }
    if token.scopes.contains(scopes::EMAIL) {
        claims =
            claims.with("email", user.email.as_str()).with(names.verified, user.email_verified);
    }
    let names_user =
        [scopes::EMAIL, scopes::PROFILE].iter().any(|scope| token.scopes.contains(*scope));
    claims.with_some("hd", user.hd.as_deref().filter(|_| names_user))
}

fn caller(
    shared: &Shared,
    headers: &HeaderMap,
    query: Option<&str>,
    body: &[u8],
) -> Option<(AccessToken, User)> {
    let from_header = bearer::token(headers).map(str::to_owned);
    let token = from_header.or_else(|| bearer::param("access_token", query, body))?;
    let (token, user) = bearer::caller(shared, &token)?;
    let read = Event::new(Kind::UserinfoRead).user(user.email.as_str());
    shared.record(read.client(token.client_id.as_str()));
    Some((token, user))
}

fn missing_credential() -> Response {
    let error = json!({
        "code": 401, "message": crate::api::MISSING_CREDENTIAL, "status": "UNAUTHENTICATED"
    });
    reply::json(StatusCode::UNAUTHORIZED, &Object::default().with("error", error))
}
