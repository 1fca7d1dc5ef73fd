//! The journal of rotated tokens: what a provider has answered, written down before it comes to its row.
//!
//! Between the answer and the commit a rotated refresh token exists in one place only. The journal is a second one,
//! on a disk of this node, for the time in which the database may be slow, away, or behind after a failover. What is
//! in it is sealed exactly as it would be in the row, so it opens nowhere else.

use std::time::Duration;

use async_trait::async_trait;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::protocol::Given;
use crate::entropy::Entropy;
use crate::id::{GrantId, RefreshId};
use crate::provider::{Scopes, TokenResponse};
use crate::store::Waiting;
use crate::time::Timestamp;
use crate::vault::{Binding, Grant, Sealed, SealedTokens, Vault, VaultError};

/// One answer, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRecord {
    /// The attempt that it was given to.
    pub attempt: RefreshId,
    /// Whose it is.
    pub grant: GrantId,
    /// The generation of the refresh token that was spent for it.
    pub generation: u64,
    /// When the provider was asked.
    pub asked_at: Timestamp,
    /// The rest, sealed.
    pub body: Vec<u8>,
}

/// Keeps answers of providers until they are safe in the database, and a while longer.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Writes a record. It is on the disk when this returns.
    ///
    /// # Errors
    /// Whatever the disk says. The refresh goes on: the row is the better place anyway.
    async fn append(&self, record: JournalRecord) -> std::io::Result<()>;
    /// The row of this grant has come to `generation`, or nothing that was given for an earlier one is needed any more.
    /// It may be forgotten some minutes later: a failover may bring the row of before back.
    async fn settle(&self, grant: GrantId, generation: u64);
    /// What was asked for this grant before `since` is of no use to it any more. It may be forgotten as if it were settled.
    async fn outdate(&self, grant: GrantId, since: Timestamp);
    /// The answers that were given to this grant for `generation` or a later one, newest first.
    fn find(&self, grant: GrantId, generation: u64) -> Vec<JournalRecord>;
    /// Everything that is kept, oldest first.
    fn kept(&self) -> Vec<JournalRecord>;
    /// Takes away what is past its time.
    async fn tidy(&self) {}
    /// How many are kept of which it is not known that their row has them, and when the oldest was asked for.
    fn waiting(&self) -> Waiting {
        Waiting::default()
    }
    /// Whether a record could be written now.
    ///
    /// # Errors
    /// Whatever the disk says.
    async fn probe(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keeps nothing: for providers that never rotate, and for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoJournal;

#[async_trait]
impl Journal for NoJournal {
    async fn append(&self, _record: JournalRecord) -> std::io::Result<()> {
        Ok(())
    }

    async fn settle(&self, _grant: GrantId, _generation: u64) {}

    async fn outdate(&self, _grant: GrantId, _since: Timestamp) {}

    fn find(&self, _grant: GrantId, _generation: u64) -> Vec<JournalRecord> {
        Vec::new()
    }

    fn kept(&self) -> Vec<JournalRecord> {
        Vec::new()
    }
}

/// What a provider answered, and for which refresh token.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) attempt: RefreshId,
    pub(super) generation: u64,
    pub(super) asked_at: Timestamp,
    /// The number of the question that it answers ([`Claimed::Ours`](crate::store::Claimed::Ours)).
    pub(super) question: u64,
    /// What it was asked to open at most, if not all of its grant: whoever finds it may have asked for something else.
    pub(super) narrowed_to: Option<Scopes>,
    pub(super) tokens: TokenResponse,
}

#[derive(Serialize, Deserialize)]
struct Body {
    access: String,
    refresh: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_expires_in_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<Scopes>,
    /// Of before questions had numbers: as a lease of then has it.
    #[serde(default = "unnumbered")]
    question: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    narrowed_to: Option<Scopes>,
}

impl Answer {
    /// What it is to the one who decides what becomes of it.
    pub(super) const fn given(&self) -> Given {
        Given { generation: self.generation, question: self.question }
    }

    /// The generation that its refresh token begins.
    pub(super) fn next_generation(&self) -> u64 {
        self.generation + u64::from(self.tokens.refresh_token.is_some())
    }

    /// Seals it as the row would hold it.
    pub(super) fn record(
        &self,
        grant: &Grant,
        vault: &Vault,
        entropy: &dyn Entropy,
    ) -> Result<JournalRecord, VaultError> {
        let binding = Binding::of(grant, self.next_generation());
        let TokenResponse { access_token, refresh_token, .. } = &self.tokens;
        let sealed = vault.seal_tokens(
            &binding,
            access_token,
            refresh_token.as_ref(),
            self.asked_at,
            entropy,
        )?;
        let text =
            |sealed: Option<Sealed>| BASE64.encode(sealed.as_ref().map_or(&[], Sealed::as_bytes));
        let body = Body {
            access: text(sealed.access),
            refresh: text(sealed.refresh),
            expires_in_ms: self.tokens.expires_in.map(milliseconds),
            refresh_expires_in_ms: self.tokens.refresh_expires_in.map(milliseconds),
            scopes: self.tokens.scopes.clone(),
            question: self.question,
            narrowed_to: self.narrowed_to.clone(),
        };
        Ok(JournalRecord {
            attempt: self.attempt,
            grant: grant.id,
            generation: self.generation,
            asked_at: self.asked_at,
            body: serde_json::to_vec(&body).unwrap_or_default(),
        })
    }

    /// Opens a record of this grant; `None` if it is none, or does not open as one.
    pub(super) fn of_record(record: &JournalRecord, grant: &Grant, vault: &Vault) -> Option<Self> {
        let body: Body = serde_json::from_slice(&record.body).ok()?;
        let sealed = |text: &str| Some(Sealed::from_bytes(BASE64.decode(text.as_bytes()).ok()?));
        let as_row = Grant {
            generation: record.generation + 1,
            tokens: SealedTokens {
                access: sealed(&body.access),
                refresh: sealed(&body.refresh),
                trace: None,
            },
            ..grant.clone()
        };
        let tokens = TokenResponse {
            access_token: vault.open_access(&as_row).ok()??,
            refresh_token: Some(vault.open_refresh(&as_row).ok()??),
            expires_in: body.expires_in_ms.map(Duration::from_millis),
            refresh_expires_in: body.refresh_expires_in_ms.map(Duration::from_millis),
            scopes: body.scopes.clone(),
            unverified_id_token: None,
        };
        let JournalRecord { attempt, generation, asked_at, .. } = *record;
        let Body { question, narrowed_to, .. } = body;
        Some(Self { attempt, generation, asked_at, question, narrowed_to, tokens })
    }
}

const fn unnumbered() -> u64 {
    1
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
