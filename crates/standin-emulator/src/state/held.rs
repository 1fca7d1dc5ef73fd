//! What projects hold of users, for people to look at.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::grants::{Grants, Owner};

/// What one project holds of one user.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) owner: Owner,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) refresh_tokens: Vec<Shortened>,
    pub(crate) access_tokens: Vec<Shortened>,
}

/// A token as a page may show it: enough to tell it from others, too little to use it.
#[derive(Debug, Serialize)]
pub(crate) struct Shortened {
    token: String,
    dead: bool,
}

impl Held {
    fn new(owner: &Owner, scopes: &BTreeSet<String>) -> Self {
        Self {
            owner: owner.clone(),
            scopes: scopes.clone(),
            refresh_tokens: Vec::new(),
            access_tokens: Vec::new(),
        }
    }
}

impl Shortened {
    fn of(text: &str, dead: bool) -> Self {
        let shown: String = text.chars().take(14).collect();
        Self { token: format!("{shown}…"), dead }
    }
}

impl Grants {
    /// The refresh tokens of a user that still work, each with its project.
    pub(crate) fn live_refresh_of(&self, sub: &str, now: i64) -> Vec<(String, String)> {
        let tokens = self.tokens.refresh.iter();
        let live = tokens.filter(|(_, token)| token.owner.sub == sub && token.is_live(now));
        live.map(|(text, token)| (token.owner.project.clone(), text.clone())).collect()
    }

    /// All that users have allowed, with the tokens that came of it, for people to look at.
    pub(crate) fn held(&self, now: i64) -> Vec<Held> {
        let place = |owner: &Owner| (owner.sub.clone(), owner.project.clone());
        let owners = self.allowed.iter();
        let mut held: BTreeMap<_, Held> =
            owners.map(|(owner, scopes)| (place(owner), Held::new(owner, scopes))).collect();
        // Once over all tokens, not once for each owner: everybody else waits meanwhile.
        for (text, token) in &self.tokens.refresh {
            if let Some(held) = held.get_mut(&place(&token.owner)) {
                held.refresh_tokens.push(Shortened::of(text, token.dead));
            }
        }
        for (text, token) in self.tokens.access.iter() {
            if let Some(held) = held.get_mut(&place(&token.owner)) {
                held.access_tokens.push(Shortened::of(text, token.expires_at <= now));
            }
        }
        held.into_values().collect()
    }
}
