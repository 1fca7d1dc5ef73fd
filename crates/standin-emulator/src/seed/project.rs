//! The API projects: what an application's owner has told Google about it.

use serde::{Deserialize, Serialize};

use super::SeedError;

/// A project of the cloud console. Clients name it by `id`; one that nobody describes is
/// [`Project::named`]: external, in production, verified.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// What [`super::Client::project`] refers to.
    pub id: String,
    /// Who may use it.
    #[serde(default)]
    pub user_type: UserType,
    /// The Workspace domain it belongs to; needed for [`UserType::Internal`].
    #[serde(default)]
    pub organization: Option<String>,
    /// How far it is.
    #[serde(default)]
    pub publishing_status: PublishingStatus,
    /// Who may use it while it is in testing, by e-mail address.
    #[serde(default)]
    pub test_users: Vec<String>,
    /// Whether Google has verified it. Without that, scopes beyond sign-in are preceded by a warning.
    #[serde(default = "super::yes")]
    pub verified: bool,
    /// Workspace domains whose administrators trust it: for their users nothing is blocked, no warning
    /// is shown, and consent is all or nothing.
    #[serde(default)]
    pub trusted_by: Vec<String>,
    /// Whether its clients may ask for the `auth_time` claim.
    #[serde(default)]
    pub auth_time: bool,
    /// The address that error pages name.
    #[serde(default = "developer")]
    pub developer_email: String,
}

/// Who may use an application.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UserType {
    /// Any Google account.
    #[default]
    External,
    /// Accounts of the project's own organization.
    Internal,
}

/// Google's "publishing status".
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PublishingStatus {
    /// Everybody.
    #[default]
    Production,
    /// Test users only, and refresh tokens that die after seven days.
    Testing,
}

impl Project {
    /// A project with nothing special about it.
    #[must_use]
    pub fn named(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            user_type: UserType::External,
            organization: None,
            publishing_status: PublishingStatus::Production,
            test_users: Vec::new(),
            verified: true,
            trusted_by: Vec::new(),
            auth_time: false,
            developer_email: developer(),
        }
    }

    pub(crate) fn completed(self) -> Result<Self, SeedError> {
        let reason = match (self.user_type, &self.organization) {
            _ if self.id.is_empty() => "it needs an `id`",
            (UserType::Internal, None) => "an internal project needs its `organization`",
            _ => return Ok(self),
        };
        Err(SeedError::Project { id: self.id, reason })
    }
}

/// The project of clients that name none.
pub(super) fn default_id() -> String {
    "emulated-project".to_owned()
}

fn developer() -> String {
    "developer@example.com".to_owned()
}
