//! Whether an account may use an application at all: what its organization, or the application's own
//! standing with Google, says about it.

use super::error::AuthError;
use crate::seed::{Block, Client, Project, PublishingStatus, User, UserType};
use crate::state::State;

/// The first reason why this user may not go on.
pub(crate) fn refusal(state: &State, client: &Client, user: &User) -> Option<AuthError> {
    let project = state.project_of(client);
    if project.user_type == UserType::Internal && project.organization != user.hd {
        return Some(AuthError::org_internal(&client.name));
    }
    if !is_trusted(&project, user) {
        let blocked = &state.profile.admin_blocked_domains;
        let domain_blocked = user.hd.as_ref().is_some_and(|domain| blocked.contains(domain));
        match user.block {
            Block::AdminPolicy => return Some(AuthError::admin_policy_enforced()),
            Block::UnderAge => return Some(AuthError::access_not_configured(&client.name)),
            Block::None if domain_blocked => return Some(AuthError::admin_policy_enforced()),
            Block::None => {}
        }
    }
    (!may_test(&project, user)).then(|| AuthError::not_a_test_user(&project.developer_email))
}

/// Whether the user's administrator has marked the application as trusted.
pub(super) fn is_trusted(project: &Project, user: &User) -> bool {
    user.hd.as_ref().is_some_and(|domain| project.trusted_by.contains(domain))
}

/// An external application in testing is for its test users; an internal one is for the organization.
fn may_test(project: &Project, user: &User) -> bool {
    let open = project.publishing_status == PublishingStatus::Production
        || project.user_type == UserType::Internal;
    open || project.test_users.iter().any(|tester| tester.eq_ignore_ascii_case(&user.email))
}
