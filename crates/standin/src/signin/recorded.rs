//! Keeping the receipt of an attempt: beside its end, and bounded.
//!
//! A sign-in that succeeds brings its receipt into its own transaction. What fails is written by itself. What
//! belongs to no attempt of ours, anybody can send: it gets an id of its own, so that the page can name it, while
//! there is room for such things in this minute, and no trace otherwise.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::attempt::Attempt;
use super::{Failed, SignIn};
use crate::error::{Error, Refusal};
use crate::id::AttemptId;
use crate::measure;
use crate::receipt::{Fact, Receipt, Rule, rules};
use crate::store::{ReceiptKind, ReceiptRow};
use crate::time::Timestamp;
use crate::verify::ProviderId;

/// So many answers that belong to nobody are kept in a minute. Below what one address may send wrong
/// (`MAX_FAILURES` in `standin-axum`), so that a flood costs one write a second and not its own rate.
const MAX_STRAYS: u32 = 60;
/// How long a minute is.
const WINDOW: Duration = Duration::from_mins(1);

/// Counts what belongs to nobody.
#[derive(Debug, Default)]
pub(super) struct Strays(Mutex<(Timestamp, u32)>);

impl Strays {
    /// Whether there is room for one more.
    fn admit(&self, now: Timestamp) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = now >= window.0.after(WINDOW) || now < window.0;
        if is_over {
            *window = (now, 0);
        }
        window.1 += 1;
        window.1 <= MAX_STRAYS
    }
}

impl SignIn {
    pub(super) fn receipt(&self) -> Receipt {
        Receipt::begin(&self.core.clock)
    }

    /// A receipt as it is kept.
    fn receipt_row(
        &self,
        attempt: AttemptId,
        provider: &ProviderId,
        receipt: &Receipt,
        (kind, error): (ReceiptKind, Option<&Error>),
    ) -> ReceiptRow {
        let now = self.core.now();
        ReceiptRow {
            attempt,
            provider: provider.clone(),
            kind,
            code: error.map(|error| error.code().to_owned()),
            offline: receipt.offline(),
            user: None,
            is_new_user: false,
            begun_at: receipt.begun_at().unwrap_or(now),
            ended_at: now,
            steps: serde_json::to_string(receipt.steps()).unwrap_or_else(|_| "[]".to_owned()),
        }
    }

    /// Keeps the receipt of an attempt that did not succeed.
    pub(super) async fn keep_receipt(&self, attempt: &Attempt, error: &Error, receipt: &Receipt) {
        // Whoever sends an answer twice has not ended the attempt: what became of it stays.
        let is_replay = *error == Error::Refused(Refusal::AttemptUsed);
        let is_over = receipt.has_consumed() && !is_replay;
        let kind = if is_over { ReceiptKind::Failed } else { ReceiptKind::TurnedAway };
        let ended = (kind, Some(error));
        self.keep(self.receipt_row(attempt.id, &attempt.provider, receipt, ended)).await;
    }

    /// The receipt of an attempt that succeeded.
    pub(super) fn done(
        &self,
        attempt: AttemptId,
        provider: &ProviderId,
        receipt: &Receipt,
    ) -> ReceiptRow {
        self.receipt_row(attempt, provider, receipt, (ReceiptKind::Done, None))
    }

    pub(super) async fn keep(&self, row: ReceiptRow) {
        let attempt = row.attempt;
        if let Err(error) = self.core.store.put_receipt(row).await {
            tracing::warn!(attempt.id = %attempt, %error, "the receipt of an attempt is not kept");
        }
    }

    /// An answer that belongs to no attempt of this browser.
    pub(super) async fn stray(
        &self,
        provider: &ProviderId,
        error: impl Into<Error>,
        mut receipt: Receipt,
    ) -> Failed {
        let error = error.into();
        measure::signed_in(&self.core, provider, Err(&error));
        if !self.strays.admit(self.core.now()) {
            return Failed::before_attempt(error);
        }
        receipt.stopped(error.code());
        let id = AttemptId::new(&*self.core.clock, &*self.core.entropy);
        let ended = (ReceiptKind::Stray, Some(&error));
        self.keep(self.receipt_row(id, provider, &receipt, ended)).await;
        Failed { attempt: Some(id), ..Failed::before_attempt(error) }
    }

    /// An answer that cannot even be read, and so belongs to no attempt: what is wrong with it is kept like any
    /// other failed check, and the id in what comes back names that.
    ///
    /// # Cancel safety
    /// Cancel-safe: the receipt is kept or not.
    pub async fn unread(&self, provider: &ProviderId, refusal: Refusal) -> Failed {
        let mut receipt = self.receipt();
        if let Some((rule, expected, came)) = fault(refusal) {
            receipt.failed(rule, Fact::Word(expected), Fact::Word(came));
        }
        self.stray(provider, refusal, receipt).await
    }
}

/// What is wrong with an answer that was refused unread.
const fn fault(refusal: Refusal) -> Option<(Rule, &'static str, &'static str)> {
    Some(match refusal {
        Refusal::CodeMissing => (rules::ONE_ANSWER, "a code", "none"),
        Refusal::DuplicateParameter => (rules::FORM, "each parameter once", "one of them twice"),
        Refusal::InvalidRequest => (rules::ONE_ANSWER, "a code or an error", "both, or more"),
        Refusal::ResponseModeMismatch => (rules::RESPONSE_MODE, "as asked", "otherwise"),
        Refusal::TokenNotAskedFor => (rules::TOKENS_ASKED_FOR, "none", "an access token"),
        Refusal::StateMissing => (rules::STATE_THERE, "a state", "none"),
        Refusal::TooLarge => (rules::SIZE, "within its limits", "larger"),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_strays_leaves_a_minute_s_worth_of_them() {
        let strays = Strays::default();
        let start = Timestamp::from_unix_seconds(1_766_000_000);
        let admitted = |at: Timestamp| (0..10_000).filter(|_| strays.admit(at)).count();
        assert_eq!(admitted(start), 60);
        assert_eq!(admitted(start.after(Duration::from_secs(59))), 0);
        assert_eq!(admitted(start.after(WINDOW)), 60);
        assert_eq!(admitted(start), 60, "a clock that is set back does not close the book");
    }
}
