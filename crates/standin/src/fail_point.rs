//! Places at which a test may kill the process, hold it up or make it fail: one before and one after each thing that
//! a refresh and a sign-in do to the world.
//!
//! With the feature `failpoints`, which no build has that somebody runs, the variable `FAILPOINTS` says what happens
//! where, in the words of the crate [`fail`](https://docs.rs/fail/0.5.1/fail/fn.cfg.html):
//! `refresh.ask=return(kill)`, or from the third time on `journal.append=2*off->return(error)`. In the brackets
//! stand `kill` (the process ends here, and nothing is tidied up), `error` (what was to be done fails) or
//! `delay:MILLISECONDS`; `panic` panics. Without the feature a point is nothing at all: not even its name is there.

/// The table of all points.
macro_rules! fail_points {
    ($($point:ident = $name:literal: $doc:literal;)*) => {
        /// A place at which a process may end.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum FailPoint {
            $(#[doc = $doc] $point,)*
        }

        #[cfg(feature = "failpoints")]
        impl FailPoint {
            /// All of them, in the order of the table.
            pub const ALL: &[Self] = &[$(Self::$point),*];

            /// Its name in `FAILPOINTS`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$point => $name,)*
                }
            }
        }
    };
}

fail_points! {
    RefreshRead = "refresh.read": "The row is going to be read.";
    RefreshHasRead = "refresh.read.done": "The row was read.";
    RefreshClaim = "refresh.claim": "The lease is going to be taken.";
    RefreshHasClaimed = "refresh.claim.done": "The lease was taken, or is somebody else's.";
    RefreshAsk = "refresh.ask": "The provider is going to be asked.";
    RefreshHasAnswer = "refresh.ask.answered": "The provider has answered; nothing of it was looked at.";
    RefreshHasAsked = "refresh.ask.done": "The provider's answer is understood.";
    RefreshKeep = "refresh.keep": "The answer is going to the journal.";
    RefreshHasKept = "refresh.keep.done": "The answer is in the journal.";
    RefreshCommit = "refresh.commit": "The answer is going to its row.";
    RefreshHasCommitted = "refresh.commit.done": "The answer is in its row, or was refused there.";
    RefreshRecall = "refresh.recall": "A refusal is going to be compared with the journal.";
    RefreshHasRecalled = "refresh.recall.done": "The journal was looked at.";
    RefreshBury = "refresh.bury": "It is going to be written that the provider refuses the grant.";
    RefreshHasBuried = "refresh.bury.done": "It is written, or was refused.";
    RefreshDiscard = "refresh.discard": "An answer that nobody may have is going to be revoked.";
    RefreshHasDiscarded = "refresh.discard.done": "It is revoked, or queued for it.";
    RefreshRelease = "refresh.release": "The lease is going to be given back.";
    RefreshHasReleased = "refresh.release.done": "The lease was given back.";
    RefreshYield = "refresh.yield": "The lease is going to be left as a record.";
    RefreshHasYielded = "refresh.yield.done": "The lease is a record that is due.";
    RefreshWait = "refresh.wait": "Somebody else has the lease.";
    RefreshHasWaited = "refresh.wait.done": "Some time has passed.";
    RefreshReplay = "refresh.replay": "An answer of the journal is going to be brought to its row.";
    RefreshSweep = "refresh.sweep": "Leases whose time is over were found.";
    JournalAppend = "journal.append": "A record is going to be written.";
    JournalHasWritten = "journal.append.written": "A record is written, and not yet on the disk.";
    JournalHasSynced = "journal.append.synced": "A record is on the disk.";
    JournalSettle = "journal.settle": "It is going to be noted that an answer is in its row.";
    JournalBegin = "journal.begin": "A file is there, and empty.";
    JournalHasBegun = "journal.begin.synced": "A file has what older ones kept; they are there as well.";
    DatabaseFenced = "database.refresh.fenced": "The lease is ended, the row not yet written; nothing is committed.";
    DatabaseRefreshed = "database.refresh.written": "All of a refresh is written, and nothing is committed.";
    DatabaseSignedIn = "database.sign_in.written": "All of a sign-in is written, and nothing is committed.";
    SignInConsume = "sign_in.consume": "The attempt is going to be used up.";
    SignInHasConsumed = "sign_in.consume.done": "The attempt is used up.";
    SignInExchange = "sign_in.exchange": "The code is going to be redeemed.";
    SignInHasExchanged = "sign_in.exchange.done": "The code is redeemed; nothing of the answer was looked at.";
    SignInHasVerified = "sign_in.verify.done": "It is proved who it is.";
    SignInSettle = "sign_in.settle": "The grant and the session are going to be written.";
    SignInHasSettled = "sign_in.settle.done": "They are written; the browser knows nothing of it.";
}

/// A point was told to fail.
#[cfg(feature = "failpoints")]
#[derive(Clone, Copy, Debug)]
pub struct Injected(());

/// Without fail points there is nothing that it could be.
#[cfg(not(feature = "failpoints"))]
#[derive(Clone, Copy, Debug)]
pub enum Injected {}

impl From<Injected> for crate::store::StoreError {
    fn from(_: Injected) -> Self {
        Self::Unavailable("a fail point".to_owned())
    }
}

impl From<Injected> for crate::Error {
    fn from(injected: Injected) -> Self {
        crate::store::StoreError::from(injected).into()
    }
}

impl From<Injected> for std::io::Error {
    fn from(_: Injected) -> Self {
        Self::other("a fail point")
    }
}

#[cfg(not(feature = "failpoints"))]
impl FailPoint {
    /// Nothing.
    ///
    /// # Errors
    /// None.
    pub fn reach(self) -> std::future::Ready<Result<(), Injected>> {
        std::future::ready(Ok(()))
    }

    /// Nothing.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::must_use_candidate, reason = "without fail points it says nothing")]
    pub const fn reach_now(self) -> Result<(), Injected> {
        Ok(())
    }
}

/// Nothing.
///
/// # Errors
/// None.
#[cfg(not(feature = "failpoints"))]
pub fn arm() -> Result<(), String> {
    Ok(())
}

#[cfg(feature = "failpoints")]
pub use armed::arm;

#[cfg(feature = "failpoints")]
mod armed {
    use std::time::Duration;

    use super::{FailPoint, Injected};

    /// What a point may be told, beside what the crate `fail` does by itself.
    enum Told {
        Nothing,
        Fail,
        Delay(Duration),
    }

    impl FailPoint {
        /// Does here what it was told to; nothing, if it was told nothing.
        ///
        /// # Errors
        /// [`Injected`], if it is to fail.
        pub async fn reach(self) -> Result<(), Injected> {
            match self.told() {
                Told::Nothing => Ok(()),
                Told::Fail => Err(Injected(())),
                Told::Delay(time) => {
                    tokio::time::sleep(time).await;
                    Ok(())
                }
            }
        }

        /// As [`FailPoint::reach`], on a thread that may sleep.
        ///
        /// # Errors
        /// [`Injected`], if it is to fail.
        pub fn reach_now(self) -> Result<(), Injected> {
            match self.told() {
                Told::Nothing => Ok(()),
                Told::Fail => Err(Injected(())),
                Told::Delay(time) => {
                    std::thread::sleep(time);
                    Ok(())
                }
            }
        }

        fn told(self) -> Told {
            match self.argument().as_deref() {
                None => Told::Nothing,
                Some("error") => {
                    tracing::warn!(point = self.name(), "told to fail");
                    Told::Fail
                }
                Some(delay) => {
                    let time = delay.strip_prefix("delay:").and_then(|time| time.parse().ok());
                    // `kill`, and whatever nobody understands: a test must not go on as if it had worked.
                    time.map_or_else(
                        || std::process::abort(),
                        |time| Told::Delay(Duration::from_millis(time)),
                    )
                }
            }
        }

        fn argument(self) -> Option<String> {
            fail::fail_point!(self.name(), |argument| argument);
            None
        }
    }

    /// Reads `FAILPOINTS`. What it says is in force until what this gives is dropped.
    ///
    /// # Errors
    /// The name of a point that there is not.
    ///
    /// # Panics
    /// If the variable is not written as [`fail`] wants it.
    pub fn arm() -> Result<fail::FailScenario<'static>, String> {
        let scenario = fail::FailScenario::setup();
        let is_known = |name: &str| FailPoint::ALL.iter().any(|point| point.name() == name);
        match fail::list().into_iter().find(|(name, _)| !is_known(name)) {
            Some((name, _)) => Err(format!("FAILPOINTS names {name}, and there is no such point")),
            None => Ok(scenario),
        }
    }
}
