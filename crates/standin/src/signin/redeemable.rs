//! A code that may be spent: it came in the form that was asked for, and in the hybrid flow with an ID token that was
//! verified first.
//!
//! ```text
//! UnverifiedAnswer ─ code ────────────────────────▶ Redeemable ─▶ exchange
//!                  └ code + ID token ─ verify_front ─▶┘
//! ```
//!
//! The exchange takes nothing else, so the token endpoint is not asked before the front channel was looked at
//! (requirements CB-10, ID-10).

use super::SignIn;
use super::attempt::Attempt;
use crate::error::{Error, Refusal};
use crate::provider::Provider;
use crate::receipt::{Receipt, rules};
use crate::secret::{AuthorizationCode, Nonce};
use crate::verify::{UnverifiedFront, VerifiedFront};

/// A code that may be sent to the token endpoint.
pub(super) enum Redeemable {
    /// Nothing else was asked for.
    Code(AuthorizationCode),
    /// An ID token vouches for it.
    Front(VerifiedFront),
}

impl Redeemable {
    /// A code that came alone, if that is how it was asked for.
    pub(super) fn alone(
        attempt: &Attempt,
        code: AuthorizationCode,
        receipt: &mut Receipt,
    ) -> Result<Self, Refusal> {
        if attempt.answer.is_hybrid() {
            receipt.failed(rules::TOKENS_ASKED_FOR, "an ID token", "none");
            return Err(Refusal::IdTokenMissing);
        }
        Ok(Self::Code(code))
    }

    pub(super) fn code(&self) -> &AuthorizationCode {
        match self {
            Self::Code(code) => code,
            Self::Front(front) => front.code(),
        }
    }

    pub(super) fn front(&self) -> Option<&VerifiedFront> {
        match self {
            Self::Code(_) => None,
            Self::Front(front) => Some(front),
        }
    }
}

impl SignIn {
    /// A code that came with an ID token, if that was asked for and the token is good.
    pub(super) async fn vouched_for(
        &self,
        attempt: &Attempt,
        provider: &Provider,
        front: UnverifiedFront,
        receipt: &mut Receipt,
    ) -> Result<Redeemable, Error> {
        let is_asked_for = attempt.answer.is_hybrid();
        let asked = if is_asked_for { "an ID token" } else { "none" };
        receipt
            .check(rules::TOKENS_ASKED_FOR, asked, "an ID token", is_asked_for)
            .or(Refusal::TokenNotAskedFor)?;
        let nonce = Nonce::new(attempt.nonce.as_str());
        let begun_at = attempt.begun_at();
        let front = provider.verify_front(&self.core, front, &nonce, begun_at, receipt).await?;
        Ok(Redeemable::Front(front))
    }
}
