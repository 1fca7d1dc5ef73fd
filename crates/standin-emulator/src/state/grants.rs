//! Who allowed what, and the codes and tokens that came of it.
//!
//! A grant belongs to a user and an API *project*, not to a client: consent given to one client of a
//! project counts for the others, and revoking any token ends them all.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use serde::Serialize;

use crate::chance;
use crate::id_token::Extras;
use crate::seed::Client;

/// Grants, codes and tokens of one emulator.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    allowed: HashMap<Owner, BTreeSet<String>>,
    codes: HashMap<String, Code>,
    access: HashMap<String, AccessToken>,
    refresh: HashMap<String, RefreshToken>,
    /// Codes that came twice. The second use may overtake the first one's answer.
    replayed: HashSet<String>,
    /// Live refresh tokens by (client, subject), oldest first.
    live: HashMap<(String, String), VecDeque<String>>,
}

/// A project and a subject: what a grant belongs to.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Owner {
    pub(crate) project: String,
    pub(crate) sub: String,
}

/// An authorization code and all it is bound to.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) owner: Owner,
    pub(crate) client_id: String,
    pub(crate) redirect_uri: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) nonce: Option<String>,
    /// What else the ID token is to say.
    pub(crate) extras: Extras,
    pub(crate) offline: bool,
    pub(crate) consent_shown: bool,
    pub(crate) issued_at: i64,
    pub(crate) redeemed: bool,
}

/// What the client must prove at the token endpoint (RFC 7636).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Challenge {
    Plain(String),
    S256(String),
}

/// A live or expired access token.
#[derive(Clone, Debug)]
pub(crate) struct AccessToken {
    pub(crate) owner: Owner,
    pub(crate) client_id: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) offline: bool,
    pub(crate) expires_at: i64,
    /// The code at the root of this token, whose reuse kills it.
    pub(crate) code: String,
}

/// A refresh token. Dead ones are kept, so that they are told from invented ones.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) owner: Owner,
    pub(crate) client_id: String,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) code: String,
    /// When it dies by itself, in seconds; most never do.
    pub(crate) expires_at: Option<i64>,
    pub(crate) dead: bool,
}

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

impl Owner {
    pub(crate) fn new(client: &Client, sub: &str) -> Self {
        Self { project: client.project.clone(), sub: sub.to_owned() }
    }
}

impl Challenge {
    pub(crate) fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            Self::Plain(challenge) => challenge == verifier,
            Self::S256(challenge) => {
                let hash = chance::sha256(verifier.as_bytes());
                *challenge == data_encoding::BASE64URL_NOPAD.encode(&hash)
            }
        }
    }
}

impl Grants {
    pub(crate) fn allowed(&self, owner: &Owner) -> BTreeSet<String> {
        self.allowed.get(owner).cloned().unwrap_or_default()
    }

    pub(crate) fn allow(&mut self, owner: &Owner, scopes: &BTreeSet<String>) {
        self.allowed.entry(owner.clone()).or_default().extend(scopes.iter().cloned());
    }

    pub(crate) fn add_code(&mut self, code: Code) -> String {
        let text = chance::authorization_code();
        self.codes.insert(text.clone(), code);
        text
    }

    pub(crate) fn code(&mut self, text: &str) -> Option<&mut Code> {
        self.codes.get_mut(text)
    }

    pub(crate) fn add_access(&mut self, token: AccessToken) -> String {
        let text = chance::access_token();
        if !self.is_replayed(&token.code) {
            self.access.insert(text.clone(), token);
        }
        text
    }

    /// Stores a refresh token; beyond `limit` per user and client the oldest dies without a word.
    pub(crate) fn add_refresh(&mut self, mut token: RefreshToken, limit: usize) -> String {
        let text = chance::refresh_token();
        if self.is_replayed(&token.code) {
            token.dead = true;
            self.refresh.insert(text.clone(), token);
            return text;
        }
        let key = (token.client_id.clone(), token.owner.sub.clone());
        self.refresh.insert(text.clone(), token);
        let live = self.live.entry(key).or_default();
        live.push_back(text.clone());
        let excess = live.len().saturating_sub(limit);
        for oldest in live.drain(..excess) {
            if let Some(token) = self.refresh.get_mut(&oldest) {
                token.dead = true;
            }
        }
        text
    }

    pub(crate) fn refresh(&self, text: &str) -> Option<&RefreshToken> {
        self.refresh.get(text)
    }

    /// An access token that is neither revoked nor expired.
    pub(crate) fn live_access(&self, text: &str, now: i64) -> Option<&AccessToken> {
        self.access.get(text).filter(|token| token.expires_at > now)
    }

    /// Whose token this is, if it still is one.
    pub(crate) fn owner_of(&self, token: &str, now: i64) -> Option<(Owner, String)> {
        let refresh = self.refresh.get(token).filter(|token| !token.dead);
        let refresh = refresh.map(|token| (token.owner.clone(), token.client_id.clone()));
        refresh.or_else(|| {
            let access = self.live_access(token, now)?;
            Some((access.owner.clone(), access.client_id.clone()))
        })
    }

    pub(crate) fn kill_refresh(&mut self, text: &str) {
        let Some(token) = self.refresh.get_mut(text) else {
            return;
        };
        token.dead = true;
        let key = (token.client_id.clone(), token.owner.sub.clone());
        if let Some(live) = self.live.get_mut(&key) {
            live.retain(|other| other != text);
        }
    }

    /// Ends every token that descends from one code, and those still on their way.
    pub(crate) fn replay(&mut self, code: &str) {
        self.replayed.insert(code.to_owned());
        self.kill_where(|_, family| family == code);
    }

    fn is_replayed(&self, code: &str) -> bool {
        self.replayed.contains(code)
    }

    /// Takes back everything a user gave one project: the grant, and every client's tokens.
    pub(crate) fn revoke(&mut self, owner: &Owner) {
        self.allowed.remove(owner);
        self.codes.retain(|_, code| code.owner != *owner);
        self.kill_where(|other, _| other == owner);
    }

    /// Takes back everything a user ever gave to anybody.
    pub(crate) fn revoke_user(&mut self, sub: &str) {
        self.allowed.retain(|owner, _| owner.sub != sub);
        self.codes.retain(|_, code| code.owner.sub != sub);
        self.kill_where(|owner, _| owner.sub == sub);
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
                    .refresh
                    .iter()
                    .filter(|(_, token)| token.owner == *owner)
                    .map(|(text, token)| Shortened::of(text, token.dead))
                    .collect(),
                access_tokens: self
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

    fn kill_where(&mut self, doomed: impl Fn(&Owner, &str) -> bool) {
        self.access.retain(|_, token| !doomed(&token.owner, &token.code));
        for token in self.refresh.values_mut().filter(|token| doomed(&token.owner, &token.code)) {
            token.dead = true;
        }
        let refresh = &self.refresh;
        for live in self.live.values_mut() {
            live.retain(|text| refresh.get(text).is_some_and(|token| !token.dead));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(sub: &str, code: &str) -> RefreshToken {
        RefreshToken {
            owner: Owner { project: "p".to_owned(), sub: sub.to_owned() },
            client_id: "c".to_owned(),
            scopes: BTreeSet::new(),
            code: code.to_owned(),
            expires_at: None,
            dead: false,
        }
    }

    #[test]
    fn one_refresh_token_too_many_kills_the_oldest() {
        let mut grants = Grants::default();
        let first = grants.add_refresh(token("1", "a"), 2);
        let second = grants.add_refresh(token("1", "b"), 2);
        let other = grants.add_refresh(token("2", "c"), 2);
        grants.add_refresh(token("1", "d"), 2);
        assert!(grants.refresh(&first).unwrap().dead);
        assert!(!grants.refresh(&second).unwrap().dead);
        assert!(!grants.refresh(&other).unwrap().dead);
    }

    #[test]
    fn a_dead_family_leaves_the_others_alone() {
        let mut grants = Grants::default();
        let first = grants.add_refresh(token("1", "a"), 9);
        let second = grants.add_refresh(token("1", "b"), 9);
        grants.replay("a");
        let late = grants.add_refresh(token("1", "a"), 9);
        assert!(grants.refresh(&first).unwrap().dead);
        assert!(grants.refresh(&late).unwrap().dead);
        assert!(!grants.refresh(&second).unwrap().dead);
    }

    #[test]
    fn rfc_7636_appendix_b_holds() {
        let challenge = Challenge::S256("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned());
        assert!(challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.is_met_by("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl"));
    }
}
