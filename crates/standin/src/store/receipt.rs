//! The rows of receipts. What stands in one is made, and its limits are kept, in [`crate::receipt`].

use crate::id::{AttemptId, UserId};
use crate::receipt::Offline;
use crate::time::Timestamp;
use crate::verify::ProviderId;

/// How an attempt ended that has a receipt. Each kind is bounded by itself: however many fail, what is known of
/// those that succeeded stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReceiptKind {
    /// It did what it was for.
    Done,
    /// It failed, and is over.
    Failed,
    /// An answer that belongs to no attempt of the browser that brought it. The id is of its own.
    Stray,
    /// An answer to it was turned away; the right one may still come.
    TurnedAway,
}

impl ReceiptKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Done, Self::Failed, Self::Stray, Self::TurnedAway];

    /// Whether the attempt may still come to another end.
    #[must_use]
    pub const fn goes_on(self) -> bool {
        matches!(self, Self::TurnedAway)
    }

    /// As it is written.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Stray => "stray",
            Self::TurnedAway => "turned_away",
        }
    }
}

/// The receipt of an attempt. It names things and never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptRow {
    /// Whose receipt it is.
    pub attempt: AttemptId,
    /// At which provider.
    pub provider: ProviderId,
    /// How it ended.
    pub kind: ReceiptKind,
    /// The stable code of what it failed with.
    pub code: Option<String>,
    /// How it left offline access.
    pub offline: Option<Offline>,
    /// Who signed in.
    pub user: Option<UserId>,
    /// Whether they were new.
    pub is_new_user: bool,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The steps, in JSON: an array of [`Step`](crate::receipt::Step).
    pub steps: String,
}

/// Which receipts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiptFilter {
    /// Only of attempts that did not succeed.
    pub failed: bool,
    /// Only at this provider.
    pub provider: Option<ProviderId>,
    /// Only of this user.
    pub user: Option<UserId>,
    /// At most so many.
    pub limit: usize,
}
