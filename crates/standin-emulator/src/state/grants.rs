//! Who allowed what. The codes and tokens that came of it are in `codes.rs` and `tokens.rs`.
//!
//! A grant belongs to a user and an API *project*, not to a client: consent given to one client of a
//! project counts for the others, and revoking any token ends them all.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use super::aging::Aging;
pub(crate) use super::codes::{Challenge, Code};
use super::tokens::Tokens;
pub(crate) use super::tokens::{AccessToken, LIFETIME, RefreshToken};
use crate::seed::Client;

/// Grants, codes and tokens of one emulator.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    pub(super) allowed: HashMap<Owner, BTreeSet<String>>,
    pub(super) codes: Aging<Code>,
    /// Codes that came twice.
    pub(super) replayed: Aging<()>,
    pub(super) tokens: Tokens,
    /// Subjects that must sign in again before anything is refreshed.
    reauth: HashMap<String, Reauth>,
}

/// A project and a subject: what a grant belongs to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Owner {
    pub(crate) project: String,
    pub(crate) sub: String,
}

/// How a Workspace session policy says that a user must sign in again.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reauth {
    #[default]
    InvalidRapt,
    RaptRequired,
}

impl Owner {
    pub(crate) fn new(client: &Client, sub: &str) -> Self {
        Self { project: client.project.clone(), sub: sub.to_owned() }
    }
}

impl Grants {
    pub(crate) fn allowed(&self, owner: &Owner) -> BTreeSet<String> {
        self.allowed.get(owner).cloned().unwrap_or_default()
    }

    pub(crate) fn allow(&mut self, owner: &Owner, scopes: &BTreeSet<String>) {
        self.allowed.entry(owner.clone()).or_default().extend(scopes.iter().cloned());
    }

    /// Takes back everything a user gave one project: the grant, and every client's codes and tokens.
    /// What nobody granted, as a service account's tokens, nobody can take back.
    pub(crate) fn revoke(&mut self, owner: &Owner) {
        if self.allowed.remove(owner).is_some() {
            self.spend_codes(owner);
            self.kill_where(|other, _| other == owner);
        }
    }

    /// Takes back everything a user ever gave to anybody.
    pub(crate) fn revoke_user(&mut self, sub: &str) {
        let owners = self.allowed.keys().filter(|owner| owner.sub == sub);
        for owner in owners.cloned().collect::<Vec<_>>() {
            self.revoke(&owner);
        }
    }

    /// Whether what comes of this grant and code may live. A request is accepted under one lock and
    /// answered under another: either may be gone by then.
    pub(super) fn stands(&self, owner: &Owner, code: &str) -> bool {
        self.allowed.contains_key(owner) && !self.is_replayed(code)
    }

    /// From now on nothing of this user is refreshed until [`Grants::signed_in`].
    pub(crate) fn demand_reauth(&mut self, sub: &str, how: Reauth) {
        self.reauth.insert(sub.to_owned(), how);
    }

    pub(crate) fn reauth(&self, sub: &str) -> Option<Reauth> {
        self.reauth.get(sub).copied()
    }

    pub(crate) fn signed_in(&mut self, sub: &str) {
        self.reauth.remove(sub);
    }
}
