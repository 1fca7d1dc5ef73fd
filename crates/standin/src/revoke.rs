//! Taking back: what was given is revoked at the provider, and gone from the vault.
//!
//! The token to revoke is queued first, then the grant is wiped, then the provider is asked. Whatever dies
//! in between, the queue still knows what is left to do, and a token that was meant to die never stays
//! usable because a provider was down for a minute.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, StreamExt as _, stream};

use crate::core::Core;
use crate::error::Error;
use crate::id::{GrantId, UserId};
use crate::provider::Revocation;
use crate::secret::RefreshToken;
use crate::store::{Event, EventKind, RevocationRow, StoreError};
use crate::time::Timestamp;
use crate::vault::{Destination, Grant, GrantState, ScopeLedger, Sealed, VaultError};
use crate::verify::ProviderId;

/// How far a revocation has come, the worse the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Revoked {
    /// The provider has confirmed it, or there was nothing to revoke there.
    Confirmed,
    /// The provider could not be reached; it is asked again until it answers.
    Queued,
    /// The provider has no way to be told: the tokens are wiped here, and live on there, held by nobody, until
    /// they end or the user removes the application.
    NotOffered,
    /// A token did not open: it is wiped here, and nobody can tell the provider.
    Untold,
}

impl Revoked {
    /// As it is told to programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Queued => "queued",
            Self::NotOffered => "not_offered",
            Self::Untold => "untold",
        }
    }
}

impl From<Revocation> for Revoked {
    fn from(done: Revocation) -> Self {
        match done {
            Revocation::Done => Self::Confirmed,
            Revocation::NotOffered => Self::NotOffered,
        }
    }
}

/// What came of a revocation that has waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It must not be done any more.
    Dropped,
    /// Somebody else asks the provider, or has: it says nothing of whether the provider answers.
    Elsewhere,
    /// This far it has come here.
    Tried(Revoked),
}

/// How long until a revocation that failed is tried again: a minute, doubled each time, up to six hours.
fn delay(attempts: u32) -> Duration {
    Duration::from_mins(1).saturating_mul(1 << attempts.min(8)).min(Duration::from_hours(6))
}

/// How many revocations are under way at a time.
pub(crate) const AT_A_TIME: usize = 8;

/// Takes grants back.
#[derive(Clone)]
pub struct Revocations {
    pub(crate) core: Arc<Core>,
}

impl Revocations {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Takes back what a user gave at a provider: with the account that is named, or with every one they have
    /// there. `None` if that is nothing.
    pub async fn disconnect(
        &self,
        user: UserId,
        provider: &ProviderId,
        subject: Option<&str>,
    ) -> Result<Option<Revoked>, Error> {
        let grants = self.core.store.grants_of(user).await?.into_iter();
        let meant = grants.filter(|grant| {
            grant.identity.provider == *provider
                && subject.is_none_or(|subject| subject == grant.identity.subject)
                && grant.state != GrantState::Revoked
        });
        let (mut queued, mut revoked) = (Vec::new(), None);
        for grant in meant {
            revoked = revoked.max(Some(self.wipe_all(grant, &mut queued).await?));
        }
        let asked = self.ask(queued).await?;
        Ok(revoked.map(|revoked| revoked.max(asked)))
    }

    /// Takes back one grant, as it was read, and whatever a refresh has made of it since.
    ///
    /// # Errors
    /// Those of the store and of the key ring. A token that does not open is none: [`Revoked::Untold`].
    pub async fn take_back(&self, grant: Grant) -> Result<Revoked, Error> {
        let mut queued = Vec::new();
        let revoked = self.wipe_all(grant, &mut queued).await?;
        Ok(revoked.max(self.ask(queued).await?))
    }

    /// Queues what stands in a grant and wipes it, and what a refresh has put there instead, until it is gone.
    pub(crate) async fn wipe_all(
        &self,
        grant: Grant,
        queued: &mut Vec<RevocationRow>,
    ) -> Result<Revoked, Error> {
        let (mut next, mut revoked) = (Some(grant), Revoked::Confirmed);
        while let Some(grant) = next {
            // Keys that cannot be read now say nothing of the token.
            self.core.vault.learn(grant.tokens.iter()).await?;
            match self.token_of(&grant) {
                Ok(Some(token)) => {
                    let to = Destination::of(&grant);
                    queued.push(queue(&self.core, grant.id, &to, &token).await?);
                }
                Ok(None) => {}
                Err(error) if error.is_for_ever() => {
                    tracing::error!(grant.id = %grant.id, %error, "a token is wiped that cannot be revoked at its provider");
                    revoked = Revoked::Untold;
                }
                Err(error) => return Err(error.into()),
            }
            next = self.wipe(grant).await?;
        }
        Ok(revoked)
    }

    /// Asks the providers to revoke what was queued. The worst that came of it.
    pub(crate) async fn ask(&self, queued: Vec<RevocationRow>) -> Result<Revoked, Error> {
        let mut revoked = Revoked::Confirmed;
        for row in queued {
            revoked = revoked.max(self.attempt(row).await?);
        }
        Ok(revoked)
    }

    /// Tries the revocations whose time has come, several at a time: a provider that hangs takes a time-out for each.
    /// How many the provider confirmed.
    ///
    /// # Errors
    /// The first of those of the store, once all have been tried.
    pub async fn sweep(&self) -> Result<usize, Error> {
        self.sweep_until(std::future::pending()).await
    }

    /// As [`sweep`](Self::sweep); once `stop` has come, what was begun is finished and nothing more is begun.
    pub(crate) async fn sweep_until(&self, stop: impl Future<Output = ()>) -> Result<usize, Error> {
        let due = self.core.store.due_revocations(self.core.now(), 100).await?;
        let trying: Vec<BoxFuture<'_, _>> =
            due.into_iter().map(|row| self.again(row).boxed()).collect();
        let tried = stream::iter(trying).take_until(stop).buffer_unordered(AT_A_TIME);
        // None is dropped on its way because another one failed: a provider may have acted.
        let tried: Vec<Result<Again, Error>> = tried.collect().await;
        let is_confirmed = |came| usize::from(came == Again::Tried(Revoked::Confirmed));
        tried.into_iter().try_fold(0, |confirmed, tried| Ok(confirmed + is_confirmed(tried?)))
    }

    /// Tries a revocation that has waited, unless somebody else does.
    pub(crate) async fn again(&self, row: RevocationRow) -> Result<Again, Error> {
        if self.was_given_again(&row).await? {
            self.core.store.finish_revocation(row.grant, row.queued_at).await?;
            return Ok(Again::Dropped);
        }
        if !self.claim(&row).await? {
            return Ok(Again::Elsewhere);
        }
        let grant = row.grant;
        match self.attempt(row).await {
            // It must not hold up those behind it.
            Err(Error::Vault(error)) => {
                tracing::error!(grant.id = %grant, %error, "a queued revocation does not open");
                Ok(Again::Tried(Revoked::Queued))
            }
            attempted => attempted.map(Again::Tried),
        }
    }

    /// Puts the next try off before this one is made: of all processes that have read the row one asks. Whether it is ours.
    async fn claim(&self, row: &RevocationRow) -> Result<bool, StoreError> {
        let RevocationRow { grant, queued_at, attempts, .. } = *row;
        let retry_at = self.core.now().after(delay(attempts.saturating_add(1)));
        self.core.store.postpone_revocation(grant, queued_at, attempts, retry_at).await
    }

    /// Revoking an old token takes everything of the user with it at Google: once they have given access
    /// again, it must not be done any more.
    async fn was_given_again(&self, row: &RevocationRow) -> Result<bool, StoreError> {
        let grant = self.core.store.grant(row.grant).await?;
        Ok(grant.is_some_and(|grant| grant.is_live() && grant.updated_at > row.queued_at))
    }

    /// The refresh token stands for everything; without one, or where the provider wants it so, the access token.
    fn token_of(&self, grant: &Grant) -> Result<Option<RefreshToken>, VaultError> {
        let refresh = self.core.vault.open_refresh(grant)?;
        let access =
            self.core.vault.open_access(grant)?.map(|token| RefreshToken::new(token.expose()));
        let provider = self.core.providers.get(&grant.identity.provider);
        let by_access = provider.is_some_and(|provider| provider.revokes_by_access_token())
            && grant.access_expires_at > self.core.now();
        Ok(if by_access { access.or(refresh) } else { refresh.or(access) })
    }

    /// Wipes a grant as it was read. What stands there instead, if a refresh was faster: that must be taken
    /// back as well.
    async fn wipe(&self, grant: Grant) -> Result<Option<Grant>, Error> {
        let (id, now) = (grant.id, self.core.now());
        let event = Event {
            user: Some(grant.user),
            grant: Some(id),
            ..Event::new(EventKind::GrantRevoked, now)
        };
        let mut ledger = ScopeLedger::new(self.core.store.scope_ledger(id).await?);
        ledger.revoke(now);
        let (wiped, scopes) = (grant.revoked(now), ledger.into_changes());
        match self.core.store.change_scopes(wiped, scopes, vec![event]).await {
            Ok(()) => Ok(None),
            Err(StoreError::Conflict) => {
                let newer = self.core.store.grant(id).await?;
                Ok(newer.filter(|newer| newer.state != GrantState::Revoked))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One try. The next one has its time already.
    async fn attempt(&self, row: RevocationRow) -> Result<Revoked, Error> {
        self.core.vault.learn([&Sealed::from_bytes(row.sealed_token.clone())]).await?;
        let (token, destination) = match self.core.vault.open_revocation(&row) {
            Ok(opened) => opened,
            // It never will, and its key could never be retired.
            Err(error @ (VaultError::DoesNotOpen | VaultError::UnknownFormat)) => {
                tracing::error!(grant.id = %row.grant, %error, "a queued revocation is given up: it does not open");
                self.core.store.finish_revocation(row.grant, row.queued_at).await?;
                return Ok(Revoked::Untold);
            }
            Err(error) => return Err(error.into()),
        };
        let provider = self.core.providers.get(&destination.provider);
        let provider = provider.map(|provider| provider.of_client(&destination.provider_client));
        let asked = match provider.filter(|provider| provider.is_of(&destination)) {
            Some(provider) => provider.revoke(&self.core, &token, &destination).await,
            // It is no longer configured so: nobody is left to be asked.
            None => Ok(Revocation::Done),
        };
        let unrevoked = match asked {
            Ok(done) => {
                self.core.store.finish_revocation(row.grant, row.queued_at).await?;
                return Ok(done.into());
            }
            Err(unrevoked) => unrevoked,
        };
        tracing::info!(grant.id = %row.grant, code = unrevoked.error.code(), "a revocation is tried again later");
        if let Some(token) = unrevoked.replaced_by {
            queue(&self.core, row.grant, &destination, &token).await?;
            self.core.store.finish_revocation(row.grant, row.queued_at).await?;
        }
        Ok(Revoked::Queued)
    }
}

/// More than there can be tokens of one grant in one millisecond.
const MAX_TRIES: usize = 64;

/// Queues a token. Two of one grant in one millisecond are told apart by the next; and one that was sealed
/// with a key which is retired by now is sealed again.
pub(crate) async fn queue(
    core: &Core,
    grant: GrantId,
    destination: &Destination,
    token: &RefreshToken,
) -> Result<RevocationRow, Error> {
    let mut now = core.now();
    for _ in 0..MAX_TRIES {
        core.vault.keep_up().await;
        let row = row(core, grant, destination, token, now)?;
        match core.store.queue_revocation(row.clone()).await {
            Err(StoreError::Conflict) => {
                now = now.after(Duration::from_millis(1));
                core.vault.catch_up().await;
            }
            result => return Ok(result.map(|()| row)?),
        }
    }
    Err(StoreError::Conflict.into())
}

fn row(
    core: &Core,
    grant: GrantId,
    destination: &Destination,
    token: &RefreshToken,
    now: Timestamp,
) -> Result<RevocationRow, Error> {
    let sealed = core.vault.seal_revocation(grant, token, destination, &*core.entropy)?;
    Ok(RevocationRow {
        grant,
        queued_at: now,
        provider: destination.provider.clone(),
        sealed_token: sealed.as_bytes().to_vec(),
        // The one who queues it tries it first; the sweep comes after them.
        retry_at: now.after(delay(0)),
        attempts: 0,
    })
}

/// Revokes a token that has no grant any more. It is queued before anything else; failing to queue it is
/// logged, since there is nobody left to tell. Whether it is queued.
pub(crate) async fn discard(
    core: &Arc<Core>,
    grant: GrantId,
    destination: &Destination,
    token: &RefreshToken,
) -> bool {
    let row = match queue(core, grant, destination, token).await {
        Ok(row) => row,
        Err(error) => {
            tracing::error!(grant.id = %grant, code = error.code(), "a token could not be queued for revocation");
            return false;
        }
    };
    if let Err(error) = Revocations::new(Arc::clone(core)).attempt(row).await {
        tracing::error!(grant.id = %grant, code = error.code(), "a revocation waits in the queue");
    }
    true
}
