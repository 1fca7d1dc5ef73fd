//! PostgreSQL's errors in our words.
//!
//! Inside this module an operation fails as [`Failure`]; where it leaves, it becomes a [`StoreError`]. The detail of
//! a server's error may repeat values of a row, so only its message and its code are ever passed on.

use deadpool_postgres::{PoolError, TimeoutType};
use standin::store::StoreError;
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// Why a read or a write did not happen.
#[derive(Debug)]
pub(super) enum Failure {
    /// No answer in time.
    Late(&'static str),
    /// The server, or the way to it.
    Postgres(Error),
    /// No connection was free, or none could be made.
    Pool(PoolError),
    /// Ours.
    Store(StoreError),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Postgres(error)
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Postgres(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
                Self::Conflict
            }
            Failure::Late(words) => Self::Unavailable(words.to_owned()),
            Failure::Pool(error) => Self::Unavailable(pool_words(&error)),
            Failure::Postgres(error) => Self::Unavailable(words(&error)),
        }
    }
}

impl Failure {
    /// Whether the same work may well succeed a moment later: it lost against another transaction, or its
    /// connection has gone before anything could be committed.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Postgres(error) => lost_against_another(error) || is_lost(error),
            Self::Late(_) | Self::Pool(_) | Self::Store(_) => false,
        }
    }

    /// Whether what was prepared on a connection is not there, or is another statement by now.
    pub(super) fn is_of_what_was_prepared(&self) -> bool {
        let states = [
            &SqlState::INVALID_SQL_STATEMENT_NAME,
            &SqlState::DUPLICATE_PSTATEMENT,
            &SqlState::FEATURE_NOT_SUPPORTED,
        ];
        self.state().is_some_and(|state| states.contains(&state))
    }

    /// What the server calls it.
    pub(super) fn state(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            Self::Late(_) | Self::Pool(_) | Self::Store(_) => None,
        }
    }

    /// Whether a COMMIT that failed so may have been carried out.
    pub(super) fn is_ambiguous(&self) -> bool {
        match self {
            Self::Postgres(error) => {
                error.as_db_error().is_none() || is_lost(error) || is_unknown(error)
            }
            Self::Late(_) => true,
            Self::Pool(_) | Self::Store(_) => false,
        }
    }
}

fn lost_against_another(error: &Error) -> bool {
    let states = [&SqlState::T_R_SERIALIZATION_FAILURE, &SqlState::T_R_DEADLOCK_DETECTED];
    error.code().is_some_and(|code| states.contains(&code))
}

/// The connection is gone, or about to be.
fn is_lost(error: &Error) -> bool {
    match error.code() {
        // 08: connection exceptions; 57P: the server stops, starts or was told to end the session.
        Some(code) => code.code().starts_with("08") || code.code().starts_with("57P"),
        None => error.is_closed() || has_io(error),
    }
}

/// The server itself does not know: it has lost those that it shares the work with. CockroachDB says 40003.
fn is_unknown(error: &Error) -> bool {
    let states =
        [&SqlState::TRANSACTION_RESOLUTION_UNKNOWN, &SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN];
    error.code().is_some_and(|code| states.contains(&code))
}

fn has_io(error: &Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

/// What an operator can act on, and PostgreSQL's own words.
fn words(error: &Error) -> String {
    let cause = match error.code().map(SqlState::code) {
        Some("23502") if is_of_an_intent(error) => {
            "the transaction came to its COMMIT too late: its process had been stopped"
        }
        Some("25006") => "the server takes no writes: it is not the primary, or was made read-only",
        Some("26000" | "42P05") => {
            "a pooler in between does not follow what is prepared: leave prepared=on out of the URL"
        }
        Some("53100") => "the server's disk is full",
        Some("53300") => "the server has no connection left",
        Some("55P03") => "another transaction holds the row, or its table",
        Some("42703" | "42P01") => {
            "its tables are of another release: restart with the one that has migrated them"
        }
        Some("57014") => "the server took too long",
        Some(code) if code.starts_with("57P") => "the server stops or starts",
        Some(_) => "the server refuses",
        None => "the server cannot be reached",
    };
    format!("{cause} ({})", chain(error))
}

/// What an intent that comes too late is refused for (`intents.rs`). Any other row without a value is another matter.
fn is_of_an_intent(error: &Error) -> bool {
    error.as_db_error().and_then(DbError::table) == Some("write_intents")
}

fn pool_words(error: &PoolError) -> String {
    match error {
        PoolError::Timeout(TimeoutType::Wait) => {
            "all connections to the server are in use (pool_size in the database URL)".to_owned()
        }
        PoolError::Timeout(_) => {
            "no host let us in in time (connect_timeout in the database URL)".to_owned()
        }
        PoolError::Backend(error) => words(error),
        other => other.to_string(),
    }
}

/// An error with its causes; of the server's own errors message and code.
pub(super) fn chain(error: &Error) -> String {
    if let Some(told) = error.as_db_error() {
        return format!("{}, SQLSTATE {}", told.message(), told.code().code());
    }
    let mut words = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
