//! What providers tell us directly, behind the browser's back: that a user signed out over there, that a
//! token was revoked, that an account is not safe any more.
//!
//! ```text
//! POST …/backchannel-logout ─ logout token ─┐
//!                                           ├─▶ verify ─▶ News ─▶ one transaction: jti, sessions, grants, event
//! POST …/risc ─ security event token ───────┘
//! ```
//!
//! Whoever posts need not be the provider: the signature decides. A token is taken in the same transaction
//! that does what it asks, so that nothing acknowledged is lost and nothing is done twice (requirements RI-3,
//! RI-4). Sessions end in every process within two seconds: none keeps a copy for longer than one.

mod logout;
mod risc;
pub mod stream;

use std::sync::Arc;
use std::time::Duration;

use crate::core::Core;
use crate::error::Error;
use crate::secret::sha256;
use crate::store::{News, Signal, SpentKind};
use crate::time::Timestamp;
use crate::verify::ProviderId;

/// Receives what providers tell.
#[derive(Clone)]
pub struct Signals {
    core: Arc<Core>,
}

impl Signals {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Takes a token with its news. `false`, and nothing done, if it was taken before.
    async fn take(&self, taken: Taken<'_>, news: Vec<News>) -> Result<bool, Error> {
        let now = self.core.now();
        let Taken { kind, provider, id, remembered_for } = taken;
        // The provider's id has no line break in it, so the two parts cannot be told apart wrongly.
        let sha256 = sha256(format!("{provider}\n{id}").as_bytes());
        let remembered_until = now.after(remembered_for);
        let signal = Signal { kind, sha256, remembered_until, at: now, news };
        Ok(self.core.store.take_signal(signal).await?)
    }
}

/// A verified token, as far as it must be recognised.
struct Taken<'a> {
    kind: SpentKind,
    provider: &'a ProviderId,
    id: &'a str,
    remembered_for: Duration,
}

/// Tokens tell the time in seconds: what happened in the same second is meant as well.
fn up_to_and_including(second: Timestamp) -> Timestamp {
    second.after(Duration::from_secs(1))
}
