//! What keeps a refresh token or a device from getting access although the user once agreed: the
//! account, its organization, the application's standing.

use axum::http::StatusCode;

use super::client_auth;
use crate::policy::{Obstacle, obstacle};
use crate::reply::OAuthError;
use crate::seed::{Client, User};
use crate::state::State;
use crate::state::grants::Reauth;

/// The account of a subject, unless it was deleted.
pub(super) fn account<'a>(state: &'a State, sub: &str) -> Result<&'a User, OAuthError> {
    let deleted = || OAuthError::bad_request("invalid_grant", "Account has been deleted");
    state.users.by_sub(sub).ok_or_else(deleted)
}

/// Refuses what an organization does not allow.
pub(super) fn check(state: &State, client: &Client, user: &User) -> Result<(), OAuthError> {
    client_auth::check_status(client)?;
    match obstacle(state, client, user) {
        None => Ok(()),
        Some(Obstacle::OrgInternal) => {
            Err(OAuthError::new(StatusCode::FORBIDDEN, "org_internal", ""))
        }
        Some(Obstacle::AdminPolicy) => Err(OAuthError::bad_request("admin_policy_enforced", "")),
        Some(Obstacle::UnderAge) => Err(OAuthError::bad_request("access_not_configured", "")),
    }
}

/// Refuses to refresh anything until the user has signed in again.
pub(super) fn check_session(state: &State, sub: &str) -> Result<(), OAuthError> {
    let (description, more) = match state.grants.reauth(sub) {
        None => return Ok(()),
        Some(Reauth::InvalidRapt) => ("reauth related error (invalid_rapt)", INVALID_RAPT),
        Some(Reauth::RaptRequired) => ("", RAPT_REQUIRED),
    };
    Err(OAuthError { more, ..OAuthError::bad_request("invalid_grant", description) })
}

const INVALID_RAPT: &[(&str, &str)] = &[
    ("error_uri", "https://support.google.com/a/answer/9368756"),
    ("error_subtype", "invalid_rapt"),
];
const RAPT_REQUIRED: &[(&str, &str)] = &[("error_subtype", "rapt_required")];
