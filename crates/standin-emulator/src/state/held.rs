//! What projects hold of users, for people to look at.

use std::collections::BTreeSet;

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
        let mut held: Vec<Held> = self
            .allowed
            .iter()
            .map(|(owner, scopes)| Held {
                owner: owner.clone(),
                scopes: scopes.clone(),
                refresh_tokens: self
                    .tokens
                    .refresh
                    .iter()
                    .filter(|(_, token)| token.owner == *owner)
                    .map(|(text, token)| Shortened::of(text, token.dead))
                    .collect(),
                access_tokens: self
                    .tokens
                    .access
                    .iter()
                    .filter(|(_, token)| token.owner == *owner)
                    .map(|(text, token)| Shortened::of(text, token.expires_at <= now))
                    .collect(),
            })
            .collect();
        held.sort_by(|a, b| {
            (&a.owner.sub, &a.owner.project).cmp(&(&b.owner.sub, &b.owner.project))
        });
        held
    }
}
