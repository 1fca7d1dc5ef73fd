//! People, for jobs: who they are, what they gave, taking it back, forgetting them.
//!
//! ```text
//! client ─▶ may it? ─▶ user, by id or as a provider knows them ─▶ what was asked
//! ```
//!
//! Each of these is a permission of its own that a client must be given; what a client may have tokens of says
//! nothing about them. The permission is looked at before anybody is looked for, so whoever lacks it hears the
//! same of somebody who exists and of somebody who does not (requirement TV-2).

use std::sync::Arc;

use crate::core::Core;
use crate::error::{Error, Refusal};
use crate::id::UserId;
use crate::revoke::{Revocations, Revoked};
use crate::store::{Account, ClientRow, Event, EventKind, User};
use crate::vault::Grant;
use crate::vend::{Permission, UserSelector};
use crate::verify::ProviderId;

/// More people than this with one address are not told apart by it.
const MAX_FOUND: usize = 100;

/// A user, and the accounts they can sign in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The user.
    pub user: User,
    /// How providers know them.
    pub accounts: Vec<Account>,
}

/// By what people are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An address of one of their accounts. It may be several people's, and nobody's proof.
    Email(String),
    /// A provider's name for them.
    Subject(ProviderId, String),
}

/// Looks people up, and forgets them, for clients that may.
#[derive(Clone)]
pub struct People {
    core: Arc<Core>,
    revocations: Revocations,
}

impl People {
    pub(crate) fn new(core: Arc<Core>, revocations: Revocations) -> Self {
        Self { core, revocations }
    }

    /// Those whom this describes; nobody, mostly, or one.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], and those of the store.
    pub async fn find(&self, client: &ClientRow, wanted: &Wanted) -> Result<Vec<Person>, Error> {
        self.require(client, Permission::ReadUsers).await?;
        let store = &self.core.store;
        let users = match wanted {
            Wanted::Email(email) => store.users_by_email(email, MAX_FOUND).await?,
            Wanted::Subject(provider, subject) => {
                match store.user_by_subject(provider, subject).await? {
                    Some(id) => store.user(id).await?.into_iter().collect(),
                    None => Vec::new(),
                }
            }
        };
        let mut people = Vec::with_capacity(users.len());
        for user in users {
            people.push(self.person(user).await?);
        }
        Ok(people)
    }

    /// One user.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::NoUser`], and those of the store.
    pub async fn show(&self, client: &ClientRow, user: &UserSelector) -> Result<Person, Error> {
        self.require(client, Permission::ReadUsers).await?;
        let id = self.user(user).await?.ok_or(Refusal::NoUser)?;
        let user = self.core.store.user(id).await?.ok_or(Refusal::NoUser)?;
        self.person(user).await
    }

    /// What a user gave, at every provider.
    ///
    /// # Errors
    /// As [`People::show`].
    pub async fn grants(
        &self,
        client: &ClientRow,
        user: &UserSelector,
    ) -> Result<Vec<Grant>, Error> {
        self.require(client, Permission::ReadGrants).await?;
        let id = self.user(user).await?.ok_or(Refusal::NoUser)?;
        self.core.store.user(id).await?.ok_or(Refusal::NoUser)?;
        Ok(self.core.store.grants_of(id).await?)
    }

    /// Takes back what a user gave at a provider: with the account that is named, or all of it. `None` names
    /// nothing that there could be.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`]; [`Refusal::NoGrant`] if there is nothing, or nobody; those of store and vault.
    pub async fn revoke(
        &self,
        client: &ClientRow,
        named: Option<(&UserSelector, &ProviderId)>,
    ) -> Result<Revoked, Error> {
        self.require(client, Permission::RevokeGrants).await?;
        let (user, provider) = named.ok_or(Refusal::NoGrant)?;
        let id = self.user(user).await?.ok_or(Refusal::NoGrant)?;
        let account = user.account_at(provider);
        let revoked = self.revocations.disconnect(id, provider, account).await?;
        revoked.ok_or_else(|| Refusal::NoGrant.into())
    }

    /// Forgets a user, and takes back everything they gave.
    ///
    /// # Errors
    /// As [`People::show`], and those of the vault.
    pub async fn delete(&self, client: &ClientRow, user: &UserSelector) -> Result<(), Error> {
        self.require(client, Permission::DeleteUsers).await?;
        let id = self.user(user).await?.ok_or(Refusal::NoUser)?;
        if self.revocations.delete_user(id, Some(client.id)).await? {
            Ok(())
        } else {
            Err(Refusal::NoUser.into())
        }
    }

    async fn person(&self, user: User) -> Result<Person, Error> {
        let accounts = self.core.store.accounts_of(user.id).await?;
        Ok(Person { user, accounts })
    }

    async fn user(&self, user: &UserSelector) -> Result<Option<UserId>, Error> {
        Ok(user.find(&*self.core.store).await?)
    }

    /// A refusal is on record, as that of a token is.
    async fn require(&self, client: &ClientRow, permission: Permission) -> Result<(), Error> {
        if client.policy.may(permission) {
            return Ok(());
        }
        let event = Event {
            client: Some(client.id),
            detail: Some(Refusal::Forbidden.code().to_owned()),
            ..Event::new(EventKind::VendRefused, self.core.now())
        };
        self.core.store.append_events(vec![event]).await?;
        Err(Refusal::Forbidden.into())
    }
}
