//! 3 ── The vault: tokens are sealed before they reach a row, and opened only to be used.
//!
//! ```text
//! KEK, anywhere ──wraps──▶ data key (row) ──HKDF(grant id)──▶ per-grant key ──AES-256-GCM──▶ ciphertext
//! ```
//!
//! A ciphertext is bound to its place: grant, user, identity, field, our registration at the provider, where the
//! refresh token may be sent, and its generation. Moved to another row, user, column or time, it does not open. There
//! is no trying of keys, no pass-through of plain text, and no making of keys for a vault that has lost its own.
//! Keys change while the vault is in use: [`Rotation`].

mod data_key;
mod destination;
mod envelope;
#[cfg(test)]
mod golden;
mod grant;
mod kek;
mod key_file;
mod keyring;
mod live_ring;
mod rotate;
mod scope_ledger;
mod tenant;
mod trace;

pub use data_key::{DataKeyState, WrapAgain};
pub(crate) use data_key::{removed as data_key_destroyed, retired as data_key_retired};
pub use destination::Destination;
pub use envelope::{Field, HEADER, Sealed, header};
pub use grant::{Grant, GrantState, LASTING_TOKEN_LIFE, ReauthReason};
pub use kek::{
    AwsSettings, Environment, ExternalKeys, GoogleSettings, InvalidKekName, KekError, KekName,
    TransitSettings, VaultToken,
};
pub use key_file::{KeyFile, KeyFileError, LockedKeyFile};
pub use keyring::KeyRing;
pub use rotate::{DataKey, Rewrap, Rewrapped, Rotation, RotationError, UnderWay};
pub use scope_ledger::{Narrowing, ScopeLedger, ScopeRecord, ScopeSource, ScopeStanding};
pub use tenant::TenantRule;
pub use trace::{NamedToken, TokenTrace, TraceHash};

use std::sync::Arc;

use zeroize::Zeroizing;

use self::kek::Key;
use self::live_ring::LiveRing;
use crate::entropy::Entropy;
use crate::id::{AttemptId, GrantId, UserId};
use crate::secret::{AccessToken, RefreshToken};
use crate::store::{RevocationRow, Store, StoreError};
use crate::time::{Clock, Timestamp};
use crate::verify::{Identity, VerifiedIdentity};

/// Why a value could not be sealed or opened. Each is an alarm; none is ever answered with another token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// The ciphertext is not what was sealed for this place with this key.
    #[error("a sealed value does not open: it was changed or moved, or the key is another one")]
    DoesNotOpen,
    /// The key file cannot be used.
    #[error("{0}")]
    KeyFile(String),
    /// The key that a value names was a tenant's, and was destroyed for good.
    #[error("the key of this value was destroyed with its tenant's data: it never opens again")]
    KeyDestroyed,
    /// The key that a value names is not in the ring, or the key-encryption key that was named is not in the list.
    #[error(
        "a key is missing from the key ring: restore the key file that this vault was made with, or name that key-encryption key again"
    )]
    KeyMissing,
    /// A data key is wrapped by a key-encryption key that nothing at hand names.
    #[error(
        "data key {key} is wrapped by key-encryption key `{kek}`, which neither the key file nor the configuration names: restore the key file that this vault was made with, or name that key again"
    )]
    NotNamed {
        /// Which data key.
        key: u32,
        /// What it is wrapped by.
        kek: String,
    },
    /// The rows cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no key to seal with for this tenant.
    #[error(
        "the tenant has no data key that seals: it was destroyed meanwhile, or is not made yet"
    )]
    TenantKeyMissing,
    /// What stands in the row is no envelope of ours.
    #[error("a stored value is not in the vault's format")]
    UnknownFormat,
    /// A data key is not to be had. Nothing was made in its place, and nothing written.
    #[error("data key {key} cannot be unwrapped with key-encryption key `{kek}`: {reason}")]
    Unwrap {
        /// Which data key.
        key: u32,
        /// What it is wrapped by.
        kek: String,
        /// Why.
        reason: Box<KekError>,
    },
    /// A new data key was not made, or a data key not wrapped anew.
    #[error("key-encryption key `{kek}` cannot wrap a data key: {reason}")]
    Wrap {
        /// The key-encryption key.
        kek: String,
        /// Why.
        reason: Box<KekError>,
    },
}

impl VaultError {
    /// Whether it may be over in a while: a key service does not answer now.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.reason().is_some_and(KekError::is_passing)
    }

    /// Whether it is what is stored that is wrong: no restart and no other moment mends it.
    pub(crate) fn is_damage(&self) -> bool {
        match self {
            Self::DoesNotOpen | Self::KeyMissing | Self::NotNamed { .. } | Self::UnknownFormat => {
                true
            }
            Self::Unwrap { reason, .. } => reason.is_damage(),
            _ => false,
        }
    }

    /// Whether what this was said of never opens again: no restart and no other moment mends it. A key is missing for
    /// ever only where the keys could be read since ([`Vault::learn`]).
    pub(crate) fn is_for_ever(&self) -> bool {
        *self == Self::KeyDestroyed || self.is_damage()
    }

    fn reason(&self) -> Option<&KekError> {
        match self {
            Self::Unwrap { reason, .. } | Self::Wrap { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

/// The two tokens of a grant, as a row keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedTokens {
    /// The newest access token.
    pub access: Option<Sealed>,
    /// The refresh token; without one there is no offline access.
    pub refresh: Option<Sealed>,
    /// What the refresh token is recognised by.
    pub trace: Option<TokenTrace>,
}

impl SealedTokens {
    /// Those that are there.
    pub fn iter(&self) -> impl Iterator<Item = &Sealed> + Clone {
        [&self.access, &self.refresh].into_iter().flatten()
    }
}

/// What a grant's ciphertexts are bound to. Made from a [`VerifiedIdentity`] for a grant that is being
/// given, or from a [`Grant`] that was: there is no third way to seal a token.
pub struct Binding<'a> {
    grant: GrantId,
    user: UserId,
    identity: &'a Identity,
    provider_client: &'a str,
    token_endpoint: &'a str,
    generation: u64,
    holder: Holder<'a>,
}

/// Whose key seals.
enum Holder<'a> {
    /// This tenant's, or everybody's.
    Tenant(Option<&'a str>),
    /// That of whoever has these already.
    Of(&'a SealedTokens),
}

impl<'a> Binding<'a> {
    /// For the grant that this person is giving to our registration `provider_client` as this user of ours, to be
    /// refreshed at `token_endpoint`: whoever can write a row must be able neither to hand its token to somebody
    /// else nor to send it elsewhere.
    #[must_use]
    pub fn new(
        (grant, user): (GrantId, UserId),
        verified: &'a VerifiedIdentity,
        provider_client: &'a str,
        token_endpoint: &'a str,
        generation: u64,
    ) -> Self {
        let identity = verified.identity();
        let holder = Holder::Tenant(None);
        Self { grant, user, identity, provider_client, token_endpoint, generation, holder }
    }

    /// To be sealed with the key of this tenant ([`Vault::prepare`]), and not with everybody's.
    #[must_use]
    pub fn of_tenant(self, tenant: Option<&'a str>) -> Self {
        Self { holder: Holder::Tenant(tenant), ..self }
    }

    /// For a grant that is stored, at the generation `generation` of its refresh token.
    #[must_use]
    pub fn of(grant: &'a Grant, generation: u64) -> Self {
        Self {
            grant: grant.id,
            user: grant.user,
            identity: &grant.identity,
            provider_client: &grant.provider_client,
            token_endpoint: &grant.token_endpoint,
            generation,
            holder: Holder::Of(&grant.tokens),
        }
    }

    fn associated_data(&self, field: Field) -> Vec<u8> {
        envelope::associated_data(
            field,
            &[
                self.grant.as_bytes(),
                self.user.as_bytes(),
                self.identity.provider.as_str().as_bytes(),
                self.identity.issuer.as_bytes(),
                self.identity.subject.as_bytes(),
                self.provider_client.as_bytes(),
                self.token_endpoint.as_bytes(),
                &self.generation.to_be_bytes(),
            ],
        )
    }
}

/// Seals and opens.
pub struct Vault {
    ring: LiveRing,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Vault").field(&self.ring.now()).finish()
    }
}

impl Vault {
    /// Over the data keys of a store, which it goes on looking at.
    ///
    /// # Errors
    /// Those of [`KeyRing::load`].
    pub async fn open(
        keys: &KeyFile,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Self, VaultError> {
        Ok(Self { ring: LiveRing::load(keys, store, clock, entropy).await? })
    }

    /// To be called before something is sealed: whoever seals does so with a key that was the active one two
    /// seconds ago, or eight, where the one that is active since has to be asked for. If the keys cannot be read now, those at
    /// hand must do; a store refuses what a retired one has sealed.
    pub async fn keep_up(&self) {
        report(self.ring.keep_up().await);
    }

    /// As [`Vault::keep_up`], with a provider's answer in hand: its lease runs, and whoever takes that over spends the same
    /// token. So no key service is waited for as long as the key before seals what a store takes.
    pub(crate) async fn look(&self) {
        report(self.ring.look().await);
    }

    /// As [`Vault::keep_up`], before a provider is asked for something that must be sealed then.
    ///
    /// # Errors
    /// Why the keys cannot be read, or the active one not be had, once those at hand are so old that a store may refuse what
    /// they seal: the answer would be lost.
    pub async fn require_current(&self) -> Result<(), VaultError> {
        match self.ring.keep_up().await {
            Err(error) if self.ring.is_outdated() => Err(error),
            read => {
                report(read);
                Ok(())
            }
        }
    }

    /// Sees to it that there is a key to seal with for this tenant: the first one is made when it is first needed.
    ///
    /// # Errors
    /// Those of the key-encryption key and the store.
    ///
    /// # Cancel safety
    /// A key is made or it is not.
    pub async fn prepare(
        &self,
        tenant: Option<&str>,
        entropy: &dyn Entropy,
    ) -> Result<(), VaultError> {
        match tenant {
            Some(tenant) => self.ring.prepare(tenant, entropy).await,
            None => Ok(()),
        }
    }

    /// To be called when a store has refused a row that had not moved: the key it was sealed with is retired,
    /// so the keys are read, however young they are. A key service is waited for only if there is no other key to seal with.
    pub async fn catch_up(&self) {
        report(self.ring.catch_up().await);
    }

    /// To be called with rows that were just read, before their values are opened: a key that was added
    /// since is learned now.
    ///
    /// # Errors
    /// Why the keys cannot be read, where one of these is not known: nothing is said of the values then, and that one is
    /// missing least of all.
    pub async fn learn<'a>(
        &self,
        sealed: impl IntoIterator<Item = &'a Sealed, IntoIter: Clone>,
    ) -> Result<(), VaultError> {
        self.ring.learn(sealed.into_iter().filter_map(Sealed::data_key)).await
    }

    /// To be called before a provider is asked for what must be sealed then, and before that is written: the key that would
    /// seal what stands in this grant is at hand, and no store refuses it.
    ///
    /// # Errors
    /// Why it is not: the answer would be lost.
    pub(crate) fn require_sealing(&self, grant: &Grant) -> Result<(), VaultError> {
        let ring = self.ring.now();
        ring.needed_key(ring.tenant_of(grant.tokens.iter()), grant.id.as_bytes()).map(drop)
    }

    /// To be called now and then, and when [there are some](Vault::is_wanting): asks for keys that are new here, or could
    /// not be had.
    pub(crate) async fn try_again(&self) {
        report(self.ring.try_again().await);
    }

    /// Returns when there are keys to ask for.
    pub(crate) async fn is_wanting(&self) {
        self.ring.is_wanting().await;
    }

    /// Seals the tokens of a grant, which were given at `given_at`.
    ///
    /// # Errors
    /// [`VaultError::KeyMissing`] if the active key is not in the ring.
    pub fn seal_tokens(
        &self,
        binding: &Binding<'_>,
        access: &AccessToken,
        refresh: Option<&RefreshToken>,
        given_at: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<SealedTokens, VaultError> {
        let seal = |field, text: &str| self.seal_bound(binding, field, text.as_bytes(), entropy);
        Ok(SealedTokens {
            access: Some(seal(Field::AccessToken, access.expose())?),
            refresh: refresh.map(|token| seal(Field::RefreshToken, token.expose())).transpose()?,
            trace: refresh.map(|token| TokenTrace::of(token, given_at)),
        })
    }

    /// Opens the newest access token of a grant; `None` if none is stored.
    ///
    /// # Errors
    /// [`VaultError::KeyMissing`] if the key that it names is not in the ring, [`VaultError::UnknownFormat`] if
    /// it is no envelope or no text, [`VaultError::DoesNotOpen`] if it was changed or moved.
    pub fn open_access(&self, grant: &Grant) -> Result<Option<AccessToken>, VaultError> {
        self.open_bound(grant, Field::AccessToken, grant.tokens.access.as_ref())
            .map(|token| token.map(AccessToken::new))
    }

    /// Opens the refresh token of a grant; `None` if none is stored.
    ///
    /// # Errors
    /// As [`Vault::open_access`].
    ///
    /// # Security
    /// It goes to `grant.token_endpoint` (or, to be revoked, to the same provider), and nowhere else.
    pub fn open_refresh(&self, grant: &Grant) -> Result<Option<RefreshToken>, VaultError> {
        self.open_bound(grant, Field::RefreshToken, grant.tokens.refresh.as_ref())
            .map(|token| token.map(RefreshToken::new))
    }

    /// Seals a token that waits to be revoked, together with where it may be sent.
    ///
    /// # Errors
    /// [`VaultError::KeyMissing`], if there is no key to seal with.
    pub fn seal_revocation(
        &self,
        grant: GrantId,
        token: &RefreshToken,
        destination: &Destination,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, VaultError> {
        let plain = destination.with(token).ok_or(VaultError::UnknownFormat)?;
        self.seal_value(grant.as_bytes(), Field::Revocation, &plain, entropy)
    }

    /// Opens what [`Vault::seal_revocation`] sealed.
    ///
    /// # Errors
    /// Any [`VaultError`] but that of the store; [`VaultError::DoesNotOpen`] too if the row names another
    /// provider than the one it was sealed for.
    ///
    /// # Security
    /// The token goes to the [`Destination`] and nowhere else: it was sealed with it, so whoever can write
    /// the row cannot send the token elsewhere.
    pub fn open_revocation(
        &self,
        row: &RevocationRow,
    ) -> Result<(RefreshToken, Destination), VaultError> {
        let sealed = Sealed::from_bytes(row.sealed_token.clone());
        let plain = self.open_value(row.grant.as_bytes(), Field::Revocation, &sealed)?;
        let (token, destination) =
            Destination::and_token(&Zeroizing::new(plain)).ok_or(VaultError::UnknownFormat)?;
        if destination.provider != row.provider {
            return Err(VaultError::DoesNotOpen);
        }
        Ok((token, destination))
    }

    /// Seals the state of an attempt, for its cookie.
    ///
    /// # Errors
    /// As [`Vault::seal_tokens`].
    pub fn seal_attempt(
        &self,
        attempt: AttemptId,
        state: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Sealed, VaultError> {
        self.seal_value(attempt.as_bytes(), Field::Attempt, state, entropy)
    }

    /// Opens the cookie of an attempt.
    ///
    /// # Errors
    /// As [`Vault::open_access`].
    pub fn open_attempt(&self, attempt: AttemptId, sealed: &Sealed) -> Result<Vec<u8>, VaultError> {
        self.open_value(attempt.as_bytes(), Field::Attempt, sealed)
    }

    /// The tokens of a grant under the active key of its tenant; what is under it already stays as it is.
    fn reseal_tokens(
        &self,
        grant: &Grant,
        entropy: &dyn Entropy,
    ) -> Result<SealedTokens, VaultError> {
        let ring = self.ring.now();
        let tenant = ring.tenant_of(grant.tokens.iter());
        // Nothing is to be done: the key need not be at hand for that.
        if grant.tokens.iter().all(|sealed| ring.is_under_active(tenant, sealed)) {
            return Ok(grant.tokens.clone());
        }
        let target = ring.active_key(tenant, grant.id.as_bytes())?;
        let reseal = |field, sealed: &Option<Sealed>| {
            let parts = Binding::of(grant, grant.generation).associated_data(field);
            let old = |sealed: &Sealed| ring.opening_key(sealed, grant.id.as_bytes());
            let again = |sealed| reseal_with(&target, old, &parts, sealed, entropy);
            sealed.as_ref().map(again).transpose()
        };
        Ok(SealedTokens {
            access: reseal(Field::AccessToken, &grant.tokens.access)?,
            refresh: reseal(Field::RefreshToken, &grant.tokens.refresh)?,
            trace: grant.tokens.trace,
        })
    }

    /// A revocation's token under the active key.
    fn reseal_revocation(
        &self,
        row: &RevocationRow,
        entropy: &dyn Entropy,
    ) -> Result<Sealed, VaultError> {
        let id = row.grant.as_bytes();
        let bound_to = envelope::associated_data(Field::Revocation, &[id]);
        let ring = self.ring.now();
        let target = ring.active_key(None, id)?;
        let old = |sealed: &Sealed| ring.opening_key(sealed, id);
        let sealed = Sealed::from_bytes(row.sealed_token.clone());
        reseal_with(&target, old, &bound_to, &sealed, entropy)
    }

    fn seal_bound(
        &self,
        binding: &Binding<'_>,
        field: Field,
        plain: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Sealed, VaultError> {
        let ring = self.ring.now();
        let tenant = match binding.holder {
            Holder::Tenant(tenant) => tenant,
            Holder::Of(tokens) => ring.tenant_of(tokens.iter()),
        };
        let (key_id, key) = ring.sealing_key(tenant, binding.grant.as_bytes())?;
        envelope::seal(&key, key_id, &binding.associated_data(field), plain, entropy)
    }

    fn open_bound(
        &self,
        grant: &Grant,
        field: Field,
        sealed: Option<&Sealed>,
    ) -> Result<Option<String>, VaultError> {
        let Some(sealed) = sealed else {
            return Ok(None);
        };
        let key = self.ring.now().opening_key(sealed, grant.id.as_bytes())?;
        let bound_to = Binding::of(grant, grant.generation).associated_data(field);
        envelope::open(&key, &bound_to, sealed).and_then(text).map(Some)
    }

    fn seal_value(
        &self,
        id: &[u8; 16],
        field: Field,
        plain: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Sealed, VaultError> {
        let (key_id, key) = self.ring.now().sealing_key(None, id)?;
        envelope::seal(&key, key_id, &envelope::associated_data(field, &[id]), plain, entropy)
    }

    fn open_value(
        &self,
        id: &[u8; 16],
        field: Field,
        sealed: &Sealed,
    ) -> Result<Vec<u8>, VaultError> {
        let key = self.ring.now().opening_key(sealed, id)?;
        envelope::open(&key, &envelope::associated_data(field, &[id]), sealed)
    }
}

/// Under `target`, unless it is already.
fn reseal_with(
    (id, key): &(u32, Key),
    old: impl Fn(&Sealed) -> Result<Key, VaultError>,
    bound_to: &[u8],
    sealed: &Sealed,
    entropy: &dyn Entropy,
) -> Result<Sealed, VaultError> {
    if sealed.key_id()? == *id {
        return Ok(sealed.clone());
    }
    let old = old(sealed)?;
    let plain = Zeroizing::new(envelope::open(&old, bound_to, sealed)?);
    envelope::seal(key, *id, bound_to, &plain, entropy)
}

fn report(read: Result<(), VaultError>) {
    if let Err(error) = read {
        tracing::warn!(%error, "the vault's keys cannot be read again; those at hand are used");
    }
}

fn text(bytes: Vec<u8>) -> Result<String, VaultError> {
    String::from_utf8(bytes).map_err(|_| VaultError::UnknownFormat)
}
