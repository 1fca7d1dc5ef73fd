//! People, and how providers know them.

use std::collections::HashSet;

use async_trait::async_trait;

use super::{MemoryStore, Tables};
use crate::id::UserId;
use crate::store::{
    Account, AttemptOutcome, Event, Outdated, Result, SignIn, SignedIn, StoreError, SubjectId,
    Unlinked, User, Users,
};
use crate::vault::{Grant, GrantState};
use crate::verify::{Identity, Profile, ProviderId};

impl Tables {
    /// An address that the provider was not asked for stays as it is.
    fn put_account(&mut self, sign_in: &SignIn, user: UserId) {
        self.identities.insert(sign_in.identity.clone(), user);
        if sign_in.untold.email {
            return;
        }
        match &sign_in.profile.email {
            Some(email) => self.emails.insert(sign_in.identity.clone(), email.clone()),
            None => self.emails.remove(&sign_in.identity),
        };
    }

    /// A sign-in that only brings new tokens outdates nothing.
    fn outdated_by(&self, sign_in: &SignIn, user: UserId, is_new: bool) -> Vec<Outdated> {
        let Identity { provider, subject, .. } = &sign_in.identity;
        let subject = is_new.then(|| Outdated::Subject(SubjectId::of(provider, subject)));
        let grant = sign_in.grant.as_ref();
        let is_changed = grant.is_some_and(|grant| {
            self.grants.get(&grant.id).is_some_and(|stored| {
                (stored.state, &stored.scopes) != (GrantState::Active, &grant.scopes)
            })
        });
        subject.into_iter().chain(is_changed.then_some(Outdated::User(user))).collect()
    }

    /// With their addresses, standings and grants, and the ledgers of those.
    fn forget_identities(&mut self, is_meant: impl Fn(&Identity, UserId) -> bool) {
        self.identities.retain(|identity, user| !is_meant(identity, *user));
        let identities = &self.identities;
        self.emails.retain(|identity, _| identities.contains_key(identity));
        self.standings.retain(|identity, _| identities.contains_key(identity));
        self.grants.retain(|_, grant| identities.contains_key(&grant.identity));
        let grants = &self.grants;
        self.scope_ledger.retain(|(grant, _), _| grants.contains_key(grant));
    }
}

#[async_trait]
impl Users for MemoryStore {
    async fn complete_sign_in(&self, sign_in: SignIn) -> Result<SignedIn> {
        let mut tables = self.tables();
        let known = tables.identities.get(&sign_in.identity).copied();
        let user = known.unwrap_or(sign_in.new_user);
        let is_theirs = user == sign_in.new_user && tables.users.contains_key(&user);
        if sign_in.is_bound && !is_theirs {
            return Err(StoreError::Conflict);
        }
        tables.admits(sign_in.admits, user)?;
        if let Some(grant) = sign_in.grant_of(user)? {
            tables.fits(grant, user)?;
        }

        for outdated in tables.outdated_by(&sign_in, user, known.is_none()) {
            self.note(&mut tables, outdated);
        }
        let events = sign_in.events_of(user);
        let existing = tables.users.get(&user).cloned();
        let signed_in = SignedIn { user, is_new: existing.is_none() };
        let receipt = sign_in.receipt_of(signed_in);
        let stored = existing.unwrap_or(User {
            id: user,
            profile: Profile::default(),
            created_at: sign_in.at,
        });
        tables.put_account(&sign_in, user);
        let profile = if sign_in.is_bound {
            stored.profile
        } else {
            sign_in.untold.filled(stored.profile, sign_in.profile)
        };
        let row = User { profile, ..stored };
        tables.note_first(user);
        tables.users.insert(user, row);
        if let Some(grant) = sign_in.grant {
            tables.put_scopes(grant.id, sign_in.scopes);
            tables.put_grant(grant);
        }
        if let Some(hash) = sign_in.replaces {
            tables.sessions.remove(&hash);
        }
        if let Some(session) = sign_in.session {
            tables.open_session(&session, user);
        }
        if let Some(attempt) = tables.attempts.get_mut(&sign_in.attempt) {
            attempt.1 = AttemptOutcome::Done;
        }
        tables.events.extend(events);
        if let Some(receipt) = receipt {
            tables.put_receipt(receipt);
        }
        Ok(signed_in)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>> {
        Ok(self.tables().users.get(&id).cloned())
    }

    async fn first_user(&self) -> Result<Option<UserId>> {
        Ok(self.tables().first_user)
    }

    async fn user_by_subject(
        &self,
        provider: &ProviderId,
        subject: &str,
    ) -> Result<Option<UserId>> {
        let tables = self.tables();
        let named =
            |identity: &Identity| identity.provider == *provider && identity.subject == subject;
        let owners = tables.identities.iter().filter(|entry| named(entry.0));
        let users: HashSet<UserId> = owners.map(|(_, user)| *user).collect();
        Ok(users.iter().next().copied().filter(|_| users.len() == 1))
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> Result<Vec<User>> {
        let tables = self.tables();
        let rest = tables.users.values().filter(|user| Some(user.id) > after);
        Ok(rest.take(limit).cloned().collect())
    }

    async fn user_of_identity(&self, identity: &Identity) -> Result<Option<UserId>> {
        Ok(self.tables().identities.get(identity).copied())
    }

    async fn users_by_email(&self, email: &str, limit: usize) -> Result<Vec<User>> {
        let tables = self.tables();
        let is_it = |account: &Account| {
            account.email.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(email))
        };
        let has_it = |user: &&User| tables.accounts_of(user.id).iter().any(is_it);
        Ok(tables.users.values().filter(has_it).take(limit).cloned().collect())
    }

    async fn accounts_of(&self, user: UserId) -> Result<Vec<Account>> {
        Ok(self.tables().accounts_of(user))
    }

    async fn unlink_identity(
        &self,
        user: UserId,
        identity: &Identity,
        event: Event,
    ) -> Result<Unlinked> {
        let mut tables = self.tables();
        if tables.identities.get(identity) != Some(&user) {
            return Ok(Unlinked::Unknown);
        }
        if tables.accounts_of(user).len() == 1 {
            return Ok(Unlinked::Last);
        }
        let is_live = |grant: &Grant| grant.state != GrantState::Revoked;
        if tables.grant_of(identity).is_some_and(is_live) {
            return Err(StoreError::Conflict);
        }
        tables.forget_identities(|of, _| of == identity);
        self.note(&mut tables, Outdated::User(user));
        let opened = Some(identity.hash());
        tables.sessions.retain(|_, row| row.user != user || row.opened_by != opened);
        tables.events.push(event);
        Ok(Unlinked::Done)
    }

    async fn delete_user(&self, id: UserId) -> Result<bool> {
        let mut tables = self.tables();
        tables.forget_identities(|_, owner| owner == id);
        tables.sessions.retain(|_, session| session.user != id);
        tables.first_user = tables.first_user.filter(|first| *first != id);
        tables.receipts.retain(|_, receipt| receipt.user != Some(id));
        let is_deleted = tables.users.remove(&id).is_some();
        if is_deleted {
            self.note(&mut tables, Outdated::User(id));
        }
        Ok(is_deleted)
    }
}
