//! The people: Google accounts.

use serde::{Deserialize, Serialize};

use super::SeedError;
use crate::chance;

/// A Google account.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The address the user signs in with.
    pub email: String,
    /// The stable subject, decimal digits; derived from the address when absent.
    #[serde(default)]
    pub sub: String,
    /// The full name; the part before the `@` when absent.
    #[serde(default)]
    pub name: String,
    /// First name; the first word of `name` when absent.
    #[serde(default)]
    pub given_name: String,
    /// Last name; the other words of `name` when absent.
    #[serde(default)]
    pub family_name: String,
    /// An avatar's URL.
    #[serde(default)]
    pub picture: Option<String>,
    /// The Workspace domain. Consumer accounts have none.
    #[serde(default)]
    pub hd: Option<String>,
    /// Whether the address is verified.
    #[serde(default = "super::yes")]
    pub email_verified: bool,
    /// What an administrator keeps the user from.
    #[serde(default)]
    pub block: Block,
}

/// Why a user may not use an application, however willing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Nothing stands in the way.
    #[default]
    None,
    /// The Workspace administrator blocks third-party applications: `admin_policy_enforced`.
    AdminPolicy,
    /// A school has not reviewed the application for users under 18: `access_not_configured`.
    UnderAge,
}

impl User {
    pub(crate) fn completed(mut self) -> Result<Self, SeedError> {
        let Some((local, domain)) = self.email.split_once('@') else {
            return Err(self.refused("the e-mail has no `@`"));
        };
        if local.is_empty() || domain.is_empty() {
            return Err(self.refused("the e-mail lacks a part around its `@`"));
        }
        if self.name.is_empty() {
            local.clone_into(&mut self.name);
        }
        let (given, family) = self.name.split_once(' ').unwrap_or((&self.name, ""));
        if self.given_name.is_empty() {
            self.given_name = given.to_owned();
        }
        if self.family_name.is_empty() {
            self.family_name = family.to_owned();
        }
        if self.sub.is_empty() {
            self.sub = derived_sub(&self.email);
        }
        if self.sub.len() > 255 || !self.sub.is_ascii() {
            return Err(self.refused("`sub` is at most 255 ASCII characters"));
        }
        Ok(self)
    }

    pub(super) fn refused(&self, reason: &'static str) -> SeedError {
        SeedError::User { email: self.email.clone(), reason }
    }
}

/// 21 decimal digits that the same address always gets.
pub(super) fn derived_sub(email: &str) -> String {
    let hash = chance::sha256(email.to_lowercase().as_bytes());
    let digits: String = hash.iter().map(|byte| char::from(b'0' + byte % 10)).take(20).collect();
    format!("1{digits}")
}

pub(super) fn default_users() -> Vec<User> {
    let user = |email: &str, sub: &str, (given, family): (&str, &str), hd: Option<&str>| User {
        email: email.to_owned(),
        sub: sub.to_owned(),
        name: format!("{given} {family}"),
        given_name: given.to_owned(),
        family_name: family.to_owned(),
        picture: None,
        hd: hd.map(str::to_owned),
        email_verified: true,
        block: Block::None,
    };
    vec![
        user("ada@example.com", "108151210181518451210", ("Ada", "Lovelace"), None),
        user("grace@example.com", "109061209061906199201", ("Grace", "Hopper"), None),
        user(
            "linus@corp.example",
            "106912281969122819691",
            ("Linus", "Corp"),
            Some("corp.example"),
        ),
    ]
}
