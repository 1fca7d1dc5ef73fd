//! What keeps a refresh token or a device from getting access although the user once agreed: the
//! account, its organization, the application's standing.

use axum::http::StatusCode;

use super::client_auth;
use crate::reply::OAuthError;
use crate::seed::{Block, Client, User, UserType};
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
    let project = state.project_of(client);
    if project.user_type == UserType::Internal && project.organization != user.hd {
        return Err(OAuthError::new(StatusCode::FORBIDDEN, "org_internal", ""));
    }
    if user.hd.as_ref().is_some_and(|domain| project.trusted_by.contains(domain)) {
        return Ok(());
    }
    let blocked = &state.profile.admin_blocked_domains;
    let domain_blocked = user.hd.as_ref().is_some_and(|domain| blocked.contains(domain));
    match user.block {
        Block::None if !domain_blocked => Ok(()),
        Block::None | Block::AdminPolicy => {
            Err(OAuthError::bad_request("admin_policy_enforced", ""))
        }
        Block::UnderAge => Err(OAuthError::bad_request("access_not_configured", "")),
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
