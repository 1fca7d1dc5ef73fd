//! Whether an account may use an application at all: what its organization, or the application's own
//! standing with Google, says about it.

use super::error::AuthError;
use crate::policy::{Obstacle, obstacle};
use crate::seed::{Client, Project, PublishingStatus, User, UserType};
use crate::state::State;

/// The first reason why this user may not go on.
pub(crate) fn refusal(state: &State, client: &Client, user: &User) -> Option<AuthError> {
    let project = state.project_of(client);
    match obstacle(state, client, user) {
        Some(Obstacle::OrgInternal) => Some(AuthError::org_internal(&client.name)),
        Some(Obstacle::AdminPolicy) => Some(AuthError::admin_policy_enforced()),
        Some(Obstacle::UnderAge) => Some(AuthError::access_not_configured(&client.name)),
        None => (!may_test(&project, user))
            .then(|| AuthError::not_a_test_user(&project.developer_email)),
    }
}

/// An external application in testing is for its test users; an internal one is for the organization.
fn may_test(project: &Project, user: &User) -> bool {
    let open = project.publishing_status == PublishingStatus::Production
        || project.user_type == UserType::Internal;
    open || project.test_users.iter().any(|tester| tester.eq_ignore_ascii_case(&user.email))
}
