//! The journal of rotated tokens: what a provider has answered, written down before it comes to its row.
//!
//! Between the answer and the commit a rotated refresh token exists in one place only. The journal is a second one,
//! on a disk of this node, for the time in which the database may be slow, away, or behind after a failover. What is
//! in it is sealed exactly as it would be in the row, so it opens nowhere else.

use std::collections::BTreeSet;
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
use crate::vault::{Binding, Grant, Sealed, SealedTokens, TraceHash, Vault, VaultError};

/// One answer, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRecord {
    /// The attempt that it was given to.
    pub attempt: RefreshId,
    /// Whose it is.
    pub grant: GrantId,
    /// The generation of the refresh token that was spent for it.
    pub generation: u64,
    /// The number of the question that it answers: of two answers for one generation the later one has the higher, whatever
    /// the clock of this node said ([`Claimed::Ours`](crate::store::Claimed::Ours)). 1 of before they had numbers.
    pub question: u64,
    /// When the provider was asked.
    pub asked_at: Timestamp,
    /// By what the refresh token is recognised that was spent for it; `None` where nobody noted it.
    pub spent: Option<TraceHash>,
    /// The rest, sealed.
    pub body: Vec<u8>,
}

impl JournalRecord {
    /// Whether it is of tokens that its user has replaced: those that stand in the row are recognised by `stands`, and were
    /// given after `since`. What was answered to the very token that stands there is not, whatever clocks say.
    #[must_use]
    pub fn is_outdated(&self, since: Timestamp, stands: Option<TraceHash>) -> bool {
        is_outdated((self.asked_at, self.spent), since, stands)
    }
}

pub(super) fn is_outdated(
    (asked_at, spent): (Timestamp, Option<TraceHash>),
    since: Timestamp,
    stands: Option<TraceHash>,
) -> bool {
    asked_at < since && (spent.is_none() || spent != stands)
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
    /// What [is outdated](JournalRecord::is_outdated) of this grant's is of no use to it any more. It may be forgotten as if
    /// it were settled.
    async fn outdate(&self, grant: GrantId, since: Timestamp, stands: Option<TraceHash>);
    /// The answers that were given to this grant for `generation` or a later one, newest first: by generation, then by
    /// question.
    fn find(&self, grant: GrantId, generation: u64) -> Vec<JournalRecord>;
    /// Everything that is kept, oldest first.
    fn kept(&self) -> Vec<JournalRecord>;
    /// Takes away what is past its time.
    async fn tidy(&self) {}
    /// Whose answers are kept of which it is not known that their row has them.
    fn waiting_for(&self) -> BTreeSet<GrantId> {
        BTreeSet::new()
    }
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

    async fn outdate(&self, _grant: GrantId, _since: Timestamp, _stands: Option<TraceHash>) {}

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
    /// By what the refresh token is recognised that was spent for it.
    pub(super) spent: Option<TraceHash>,
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
            narrowed_to: self.narrowed_to.clone(),
        };
        Ok(JournalRecord {
            attempt: self.attempt,
            grant: grant.id,
            generation: self.generation,
            question: self.question,
            asked_at: self.asked_at,
            spent: self.spent,
            body: serde_json::to_vec(&body).unwrap_or_default(),
        })
    }

    /// Opens a record of this grant; `None` if it is none, or never opens as one.
    ///
    /// # Errors
    /// Why it does not open now: nobody may spend the token that it is the answer to meanwhile.
    pub(super) fn of_record(
        record: &JournalRecord,
        grant: &Grant,
        vault: &Vault,
    ) -> Result<Option<Self>, VaultError> {
        let Ok(body) = serde_json::from_slice::<Body>(&record.body) else { return Ok(None) };
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
        let (access, refresh) = match (vault.open_access(&as_row), vault.open_refresh(&as_row)) {
            (Ok(Some(access)), Ok(Some(refresh))) => (access, refresh),
            (Err(error), _) | (_, Err(error)) if !error.is_for_ever() => return Err(error),
            _ => return Ok(None),
        };
        let tokens = TokenResponse {
            access_token: access,
            refresh_token: Some(refresh),
            expires_in: body.expires_in_ms.map(Duration::from_millis),
            refresh_expires_in: body.refresh_expires_in_ms.map(Duration::from_millis),
            scopes: body.scopes.clone(),
            unverified_id_token: None,
        };
        let JournalRecord { attempt, generation, question, asked_at, spent, .. } = *record;
        let narrowed_to = body.narrowed_to;
        Ok(Some(Self { attempt, generation, asked_at, question, spent, narrowed_to, tokens }))
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
