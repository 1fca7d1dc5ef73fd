//! What providers tell us: whom it is about, and what goes.

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::id::UserId;
use crate::store::{About, News, Outdated, Result, SessionRow, Signal, Signals, Spent as _};
use crate::time::Timestamp;
use crate::vault::{Grant, GrantState, NamedToken};
use crate::verify::{Identity, ProviderSession};

#[async_trait]
impl Signals for MemoryStore {
    async fn take_signal(&self, signal: Signal) -> Result<bool> {
        if !self.spend(signal.kind, &signal.sha256, signal.remembered_until).await? {
            return Ok(false);
        }
        let mut tables = self.tables();
        for news in &signal.news {
            let user = tables.carry_out(news, signal.at);
            tables.events.push(news.event_of(user, signal.at));
        }
        for grant in std::mem::take(&mut tables.withdrawn) {
            self.note(&mut tables, Outdated::Grant(grant));
        }
        Ok(true)
    }

    async fn is_suspended(&self, identity: &Identity) -> Result<bool> {
        Ok(self.tables().standings.get(identity).is_some_and(|(_, suspended)| *suspended))
    }
}

impl Tables {
    /// Whose news it was, if it was anybody's that is known.
    fn carry_out(&mut self, news: &News, at: Timestamp) -> Option<UserId> {
        match &news.about {
            About::Nobody => None,
            About::Identity(identity) => self.about_identity(news, identity, at),
            About::Session { session, identity } => {
                self.about_session(news, *session, identity.as_ref())
            }
            About::Token { provider, token } => {
                let is_it = |grant: &Grant| {
                    grant.identity.provider == *provider
                        && grant.tokens.trace.is_some_and(|trace| match *token {
                            NamedToken::Hash(hash) => trace.hash == hash,
                            NamedToken::Prefix(prefix) => trace.prefix == prefix,
                        })
                };
                let user = self.grants.values().find(|grant| is_it(grant)).map(|grant| grant.user);
                self.withdraw(news, at, is_it);
                user
            }
        }
    }

    fn about_identity(&mut self, news: &News, of: &Identity, at: Timestamp) -> Option<UserId> {
        let user = self.identities.get(of).copied()?;
        if let Some(suspended) = news.duties.suspended {
            let standing = self.standings.entry(of.clone()).or_insert((news.before, suspended));
            if standing.0 <= news.before {
                *standing = (news.before, suspended);
            }
        }
        if news.duties.end_sessions {
            self.sessions.retain(|_, row| row.user != user || row.created_at >= news.before);
        }
        self.withdraw(news, at, |grant| grant.identity == *of);
        Some(user)
    }

    fn about_session(
        &mut self,
        news: &News,
        session: ProviderSession,
        identity: Option<&Identity>,
    ) -> Option<UserId> {
        let owner = identity.and_then(|identity| self.identities.get(identity).copied());
        let from = &self.provider_sessions;
        let is_it = |row: &SessionRow| from.get(&row.hash) == Some(&session);
        let named = self.sessions.values().find(|row| is_it(row)).map(|row| row.user);
        let is_meant = |row: &SessionRow| {
            let is_unnamed = !from.contains_key(&row.hash) && Some(row.user) == owner;
            is_it(row) || is_unnamed && row.created_at < news.before
        };
        if news.duties.end_sessions {
            self.sessions.retain(|_, row| !is_meant(row));
        }
        named.or(owner)
    }

    fn withdraw(&mut self, news: &News, at: Timestamp, is_it: impl Fn(&Grant) -> bool) {
        let is_meant = |grant: &Grant| {
            is_it(grant) && grant.state != GrantState::Revoked && grant.given_at() < news.before
        };
        let meant = self.grants.values_mut().filter(|grant| is_meant(grant));
        for grant in meant.filter(|_| news.duties.withdraw_grants) {
            *grant = grant.clone().withdrawn(at);
            self.withdrawn.push(grant.id);
            self.events.push(News::event_of_grant(grant.user, grant.id, at));
        }
    }
}
