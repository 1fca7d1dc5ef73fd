//! Why a PostgreSQL database was not opened, in words that an operator can act on. None of them holds a password.

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::failure::chain;

/// The words are for the operator. `server` is the host and the database.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The URL cannot be used.
    #[error("the database URL cannot be used: {0}")]
    Address(String),
    /// The server knows neither the user, nor the password, nor lets either in from here.
    #[error(
        "the PostgreSQL server {server} lets nobody in with this user and password ({detail}): look at the URL \
         and at the server's pg_hba.conf"
    )]
    Denied {
        /// Which.
        server: String,
        /// What it says.
        detail: String,
    },
    /// It has no such database.
    #[error("the PostgreSQL server {server} has no such database: `createdb` it")]
    NoDatabase {
        /// Which.
        server: String,
    },
    /// A newer Standin has been here.
    #[error(
        "the database {server} has schema {found}, and this program knows schemas up to {known}: run the newer \
         program, or restore an older backup"
    )]
    NewerSchema {
        /// Which.
        server: String,
        /// The schema of the database.
        found: i64,
        /// The newest schema this program knows.
        known: i64,
    },
    /// It answers, and takes no writes.
    #[error(
        "the PostgreSQL server {server} takes no writes: it is a standby or was made read-only; name the primary, \
         or all servers with commas between them"
    )]
    NotPrimary {
        /// Which.
        server: String,
    },
    /// Tables are in the way.
    #[error(
        "the database {server} cannot be brought up to date ({detail}): Standin needs a database of its own, and \
         a user who may make tables in it"
    )]
    Schema {
        /// Which.
        server: String,
        /// What it says.
        detail: String,
    },
    /// Nothing stands against bringing it up to date, but it could not be done now. It is as it was.
    #[error("the database {server} was not brought up to date, and is as it was: {detail}")]
    NotMigrated {
        /// Which.
        server: String,
        /// What went wrong, or who is in the way.
        detail: String,
    },
    /// The COMMIT that brings it up to date was sent, and not answered.
    #[error(
        "it is not known whether the database {server} was brought up to date: the COMMIT was not answered, and then \
         {detail}; if commits wait for a standby, see whether it is there, end no session of ours, and run this again"
    )]
    MigrationUnanswered {
        /// Which.
        server: String,
        /// What went wrong after that.
        detail: String,
    },
    /// Whoever answers has not proved to be the server, or has no TLS at all.
    #[error(
        "the PostgreSQL server {server} is not trusted ({detail}): it needs a certificate for this host name from \
         an authority that this machine trusts, or that sslrootcert=FILE in the URL names"
    )]
    Untrusted {
        /// Which.
        server: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Nobody answers, or the server cannot do it now.
    #[error("the PostgreSQL server {server} cannot be reached: {detail}")]
    Unreachable {
        /// Which.
        server: String,
        /// What went wrong.
        detail: String,
    },
}

impl ServerError {
    /// What an error while connecting says.
    pub(super) fn while_connecting(server: &str, error: &Error) -> Self {
        let (server, detail) = (server.to_owned(), chain(error));
        match error.code() {
            Some(&SqlState::INVALID_CATALOG_NAME) => Self::NoDatabase { server },
            Some(code) if code.code().starts_with("28") => Self::Denied { server, detail },
            _ if detail.starts_with(TLS) => Self::Untrusted { server, detail },
            _ if detail.ends_with(READ_ONLY) => Self::NotPrimary { server },
            _ => Self::Unreachable { server, detail },
        }
    }
}

/// How tokio-postgres begins what it says of TLS; its errors have no other name.
const TLS: &str = "error performing TLS handshake";
/// What it says when `target_session_attrs=read-write` is not met.
const READ_ONLY: &str = "database does not allow writes";
