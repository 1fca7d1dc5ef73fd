//! Ending what a person has here: one of their accounts, or all of it.
//!
//! What it must not be is slow or forgetful. Nothing waits for a provider before it is over here: tokens are
//! queued and wiped, rows go, sessions end, and only then the provider is asked.

use crate::error::{Error, Refusal};
use crate::id::{ClientId, UserId};
use crate::revoke::{Revocations, Revoked};
use crate::store::{Event, EventKind, RevocationRow, StoreError, Unlinked};
use crate::vault::{Grant, GrantState};
use crate::verify::{Identity, ProviderId};

/// How often a row that changes under the hands is taken back again. Each round that is lost was won by a sign-in
/// of the very person who is leaving.
const MAX_ROUNDS: usize = 16;

impl Revocations {
    /// Takes an account from its user: what it gave is revoked at the provider, and its sessions end.
    /// `subject` says which, if they have several there.
    ///
    /// # Errors
    /// [`Refusal::IdentityUnknown`] if it is not theirs, [`Refusal::AccountAmbiguous`] if it is not said which
    /// of several is meant, [`Refusal::LastIdentity`] if it is the only one they can sign in with. Of two that
    /// are taken at the same instant and are all there is, one stays; what it gave may have been taken back.
    ///
    /// # Cancel safety
    /// What has been wiped is queued, and is revoked later if it is not now.
    pub async fn unlink(
        &self,
        user: UserId,
        provider: &ProviderId,
        subject: Option<&str>,
    ) -> Result<Revoked, Error> {
        let identity = self.account(user, provider, subject).await?;
        let event = Event {
            user: Some(user),
            detail: Some(provider.to_string()),
            ..Event::new(EventKind::IdentityUnlinked, self.core.now())
        };
        let (mut queued, mut revoked) = (Vec::new(), Revoked::Confirmed);
        for _ in 0..MAX_ROUNDS {
            if let Some(grant) = self.core.store.grant_of_identity(&identity).await?
                && grant.state != GrantState::Revoked
            {
                revoked = revoked.max(self.wipe_all(grant, &mut queued).await?);
            }
            match self.core.store.unlink_identity(user, &identity, event.clone()).await {
                Ok(Unlinked::Done) => return Ok(revoked.max(self.ask(queued).await?)),
                Ok(Unlinked::Last) => return Err(Refusal::LastIdentity.into()),
                Ok(Unlinked::Unknown) => return Err(Refusal::IdentityUnknown.into()),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(StoreError::Conflict.into())
    }

    /// The account that is meant, if it may be taken.
    async fn account(
        &self,
        user: UserId,
        provider: &ProviderId,
        subject: Option<&str>,
    ) -> Result<Identity, Error> {
        let all = self.core.store.identities_of(user).await?;
        let is_last = all.len() == 1;
        let mut meant = all.into_iter().filter(|identity| {
            identity.provider == *provider
                && subject.is_none_or(|subject| subject == identity.subject)
        });
        match (meant.next(), meant.next()) {
            (None, _) => Err(Refusal::IdentityUnknown.into()),
            (Some(_), Some(_)) => Err(Refusal::AccountAmbiguous.into()),
            (Some(_), None) if is_last => Err(Refusal::LastIdentity.into()),
            (Some(identity), None) => Ok(identity),
        }
    }

    /// Forgets a user and takes back everything they gave. `false` if there is no such user. `by` is the client
    /// that asked for it, if it was not they themselves or an operator.
    ///
    /// Their sessions end first and at once, whatever becomes of the rest.
    ///
    /// # Cancel safety
    /// May be begun again at any point. What has been wiped is queued, and is revoked later if it is not now.
    pub async fn delete_user(&self, user: UserId, by: Option<ClientId>) -> Result<bool, Error> {
        self.core.store.end_sessions_of(user).await?;
        let mut queued = Vec::new();
        for _ in 0..MAX_ROUNDS {
            let grants = self.core.store.grants_of(user).await?.into_iter();
            let live: Vec<_> = grants.filter(|grant| grant.state != GrantState::Revoked).collect();
            if live.is_empty() {
                break;
            }
            for grant in live {
                self.wipe_leniently(grant, &mut queued).await?;
            }
        }
        let existed = self.core.store.delete_user(user).await?;
        if existed {
            let event = Event {
                user: Some(user),
                client: by,
                ..Event::new(EventKind::UserDeleted, self.core.now())
            };
            self.core.store.append_events(vec![event]).await?;
        }
        if let Err(error) = self.ask(queued).await {
            tracing::warn!(code = error.code(), "a deleted user's tokens are revoked later");
        }
        Ok(existed)
    }

    /// Who wants to be forgotten is forgotten, whatever has become of their tokens.
    async fn wipe_leniently(
        &self,
        grant: Grant,
        queued: &mut Vec<RevocationRow>,
    ) -> Result<(), Error> {
        let id = grant.id;
        match self.wipe_all(grant, queued).await {
            Err(Error::Vault(error)) => {
                tracing::error!(grant.id = %id, %error, "a deleted user's token cannot be revoked");
                Ok(())
            }
            wiped => wiped.map(drop),
        }
    }
}
