//! Access and refresh tokens: which live, which are dead, and what kills them.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::aging::Aging;
use super::grants::{Grants, Owner};
use crate::chance;

/// How long an access token lives, in seconds. Google says 3599, whatever its documentation shows.
pub(crate) const LIFETIME: i64 = 3599;

/// A refresh token that gave nothing for six months is dead. In seconds.
const UNUSED: i64 = 182 * 24 * 3600;

/// More live access tokens than anybody looks at; the oldest go first.
const MOST_ACCESS: usize = 200_000;

/// So many refresh tokens are told from invented ones after they have died.
const REMEMBERED: usize = 20_000;

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
    /// When it dies because another one took its place, in seconds.
    pub(crate) lapses_at: Option<i64>,
    /// When it last gave an access token, or was issued, in seconds.
    pub(crate) last_used: i64,
    pub(crate) dead: bool,
}

/// All tokens of one emulator.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    pub(super) access: Aging<AccessToken>,
    pub(super) refresh: HashMap<String, RefreshToken>,
    /// Live refresh tokens by (client, subject), oldest first.
    live: HashMap<(String, String), VecDeque<String>>,
    /// Dead ones in the order in which they died.
    dead: VecDeque<String>,
}

impl AccessToken {
    /// Takes seconds, as all tokens do.
    pub(crate) fn is_live(&self, now: i64) -> bool {
        self.expires_at > now
    }
}

impl RefreshToken {
    pub(crate) fn is_live(&self, now: i64) -> bool {
        let is_over = |at: Option<i64>| at.is_some_and(|at| at <= now);
        let ended = is_over(self.expires_at) || is_over(self.lapses_at);
        !self.dead && !ended && self.last_used + UNUSED > now
    }
}

impl Tokens {
    /// Marks a refresh token as dead; the longest dead are forgotten.
    fn bury(&mut self, text: &str) {
        if let Some(token) = self.refresh.get_mut(text) {
            token.dead = true;
            self.dead.push_back(text.to_owned());
        }
        while self.dead.len() > REMEMBERED {
            let forgotten = self.dead.pop_front();
            forgotten.map(|text| self.refresh.remove(&text));
        }
    }

    /// Adds a live token to those of its user and client; returns the ones that are too many.
    fn enlist(&mut self, text: &str, token: &RefreshToken, limit: usize) -> Vec<String> {
        let key = (token.client_id.clone(), token.owner.sub.clone());
        let live = self.live.entry(key).or_default();
        live.push_back(text.to_owned());
        let excess = live.len().saturating_sub(limit);
        live.drain(..excess).collect()
    }
}

impl Grants {
    /// Stores an access token, which is stillborn if what it comes of was taken back meanwhile.
    pub(crate) fn add_access(&mut self, token: AccessToken) -> String {
        let text = chance::access_token();
        if self.stands(&token.owner, &token.code) {
            self.keep_access(text.clone(), token);
        }
        text
    }

    /// An access token of a service account, which looks different and comes of nobody's grant.
    pub(crate) fn add_service_access(&mut self, token: AccessToken) -> String {
        let text = chance::service_access_token();
        self.keep_access(text.clone(), token);
        text
    }

    /// Whether this is an access token of a service account, which nobody can revoke.
    pub(crate) fn is_service_token(&self, text: &str) -> bool {
        text.starts_with("ya29.c.") && self.tokens.access.get(text).is_some()
    }

    fn keep_access(&mut self, text: String, token: AccessToken) {
        // All live equally long, so this one's end tells what time it is.
        let now = token.expires_at - LIFETIME;
        self.tokens.access.insert(text, token);
        let gone = |count, token: &AccessToken| count > MOST_ACCESS || !token.is_live(now);
        self.tokens.access.drop_oldest_while(gone);
    }

    /// Stores a refresh token; beyond `limit` per user and client the oldest dies without a word. Like
    /// an access token it may be stillborn.
    pub(crate) fn add_refresh(&mut self, mut token: RefreshToken, limit: usize) -> String {
        let text = chance::refresh_token();
        token.dead = false;
        let stillborn = !self.stands(&token.owner, &token.code);
        let tokens = &mut self.tokens;
        let excess =
            if stillborn { vec![text.clone()] } else { tokens.enlist(&text, &token, limit) };
        tokens.refresh.insert(text.clone(), token);
        for doomed in excess {
            tokens.bury(&doomed);
        }
        text
    }

    pub(crate) fn refresh(&self, text: &str) -> Option<&RefreshToken> {
        self.tokens.refresh.get(text)
    }

    /// A refresh token has given an access token.
    pub(crate) fn touch_refresh(&mut self, text: &str, now: i64) {
        if let Some(token) = self.tokens.refresh.get_mut(text) {
            token.last_used = now;
        }
    }

    /// An access token that is neither revoked nor expired.
    pub(crate) fn live_access(&self, text: &str, now: i64) -> Option<&AccessToken> {
        self.tokens.access.get(text).filter(|token| token.is_live(now))
    }

    /// Whose token this is, if it still is one.
    pub(crate) fn owner_of(&self, token: &str, now: i64) -> Option<(Owner, String)> {
        let refresh = self.refresh(token).filter(|token| token.is_live(now));
        let refresh = refresh.map(|token| (token.owner.clone(), token.client_id.clone()));
        refresh.or_else(|| {
            let access = self.live_access(token, now)?;
            Some((access.owner.clone(), access.client_id.clone()))
        })
    }

    pub(crate) fn kill_refresh(&mut self, text: &str) {
        let Some(token) = self.tokens.refresh.get(text) else {
            return;
        };
        let key = (token.client_id.clone(), token.owner.sub.clone());
        if let Some(live) = self.tokens.live.get_mut(&key) {
            live.retain(|other| other != text);
        }
        self.tokens.bury(text);
    }

    /// Lets a refresh token end at `at`, unless it ends before.
    pub(crate) fn lapse_refresh(&mut self, text: &str, at: i64) {
        if let Some(token) = self.tokens.refresh.get_mut(text) {
            token.lapses_at = Some(token.lapses_at.map_or(at, |before| before.min(at)));
        }
    }

    /// Ends the tokens that `doomed` picks by their owner and the code they come from.
    pub(super) fn kill_where(&mut self, doomed: impl Fn(&Owner, &str) -> bool) {
        let tokens = &mut self.tokens;
        tokens.access.retain(|token| !doomed(&token.owner, &token.code));
        let refresh = tokens.refresh.iter().filter(|(_, token)| !token.dead);
        let dying: Vec<String> = refresh
            .filter(|(_, token)| doomed(&token.owner, &token.code))
            .map(|(text, _)| text.clone())
            .collect();
        for text in dying {
            self.kill_refresh(&text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(sub: &str) -> Owner {
        Owner { project: "p".to_owned(), sub: sub.to_owned() }
    }

    /// What two users have allowed one project.
    fn grants() -> Grants {
        let mut grants = Grants::default();
        for sub in ["1", "2"] {
            grants.allow(&owner(sub), &BTreeSet::from(["openid".to_owned()]));
        }
        grants
    }

    fn token(sub: &str, code: &str) -> RefreshToken {
        RefreshToken {
            owner: owner(sub),
            client_id: "c".to_owned(),
            scopes: BTreeSet::new(),
            code: code.to_owned(),
            expires_at: None,
            lapses_at: None,
            last_used: 0,
            dead: false,
        }
    }

    fn access(owner: Owner, expires_at: i64) -> AccessToken {
        AccessToken {
            owner,
            client_id: "c".to_owned(),
            scopes: BTreeSet::new(),
            offline: false,
            expires_at,
            code: "a".to_owned(),
        }
    }

    #[test]
    fn what_is_on_its_way_when_a_grant_is_taken_back_never_lives() {
        let mut grants = grants();
        let accepted = token("1", "a");
        grants.revoke(&owner("1"));
        let refresh = grants.add_refresh(accepted, 9);
        let late = grants.add_access(access(owner("1"), 3_599));
        let other = grants.add_access(access(owner("2"), 3_599));
        assert!(grants.refresh(&refresh).unwrap().dead);
        assert!(grants.live_access(&late, 0).is_none());
        assert!(grants.live_access(&other, 0).is_some());
    }

    #[test]
    fn a_user_takes_back_what_was_granted_and_not_what_a_domain_delegates() {
        let mut grants = grants();
        let own = grants.add_access(access(owner("1"), 3_599));
        let robot = Owner { project: "112".to_owned(), sub: "1".to_owned() };
        let delegated = grants.add_service_access(access(robot.clone(), 3_599));
        grants.revoke_user("1");
        grants.revoke(&robot);
        assert!(grants.live_access(&own, 0).is_none());
        assert!(grants.live_access(&delegated, 0).is_some());
    }

    #[test]
    fn one_refresh_token_too_many_kills_the_oldest() {
        let mut grants = grants();
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
        let mut grants = grants();
        let first = grants.add_refresh(token("1", "a"), 9);
        let second = grants.add_refresh(token("1", "b"), 9);
        grants.replay("a");
        let late = grants.add_refresh(token("1", "a"), 9);
        assert!(grants.refresh(&first).unwrap().dead);
        assert!(grants.refresh(&late).unwrap().dead);
        assert!(!grants.refresh(&second).unwrap().dead);
    }

    #[test]
    fn the_longest_dead_are_forgotten_and_the_living_are_not() {
        let mut grants = grants();
        let living = grants.add_refresh(token("2", "x"), 1);
        let first = grants.add_refresh(token("1", "a"), 1);
        for _ in 0..=REMEMBERED {
            grants.add_refresh(token("1", "a"), 1);
        }
        assert!(grants.refresh(&first).is_none());
        assert!(!grants.refresh(&living).unwrap().dead);
        assert_eq!(grants.tokens.refresh.len(), REMEMBERED + 2);
    }

    #[test]
    fn expired_access_tokens_make_room() {
        let mut grants = grants();
        let old = grants.add_access(access(owner("1"), 3_599));
        assert!(grants.live_access(&old, 3_598).is_some());
        grants.add_access(access(owner("1"), 7_199));
        assert_eq!(grants.tokens.access.iter().count(), 1);
    }

    #[test]
    fn six_months_without_use_are_too_many() {
        let token = token("1", "a");
        assert!(token.is_live(UNUSED - 1) && !token.is_live(UNUSED));
    }
}
