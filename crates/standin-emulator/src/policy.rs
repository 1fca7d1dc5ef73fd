//! What an organization and its administrator allow, asked at every door: the sign-in pages, the button
//! and One Tap, refreshes and devices. Each says it in its own words.

use crate::seed::{Block, Client, Project, User, UserType};
use crate::state::State;

/// Why a user may not use an application.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Obstacle {
    /// The application is internal to another organization.
    OrgInternal,
    /// An administrator lets nobody, or not this user, use third-party applications.
    AdminPolicy,
    /// The account is a child's.
    UnderAge,
}

/// The first thing that stands between this user and the application.
pub(crate) fn obstacle(state: &State, client: &Client, user: &User) -> Option<Obstacle> {
    let project = state.project_of(client);
    if project.user_type == UserType::Internal && project.organization != user.hd {
        return Some(Obstacle::OrgInternal);
    }
    if is_trusted(&project, user) {
        return None;
    }
    let blocked = &state.profile.admin_blocked_domains;
    let domain_blocked = user.hd.as_ref().is_some_and(|domain| blocked.contains(domain));
    match user.block {
        Block::UnderAge => Some(Obstacle::UnderAge),
        Block::AdminPolicy => Some(Obstacle::AdminPolicy),
        Block::None => domain_blocked.then_some(Obstacle::AdminPolicy),
    }
}

/// Whether the user's administrator has marked the application as trusted.
pub(crate) fn is_trusted(project: &Project, user: &User) -> bool {
    user.hd.as_ref().is_some_and(|domain| project.trusted_by.contains(domain))
}
