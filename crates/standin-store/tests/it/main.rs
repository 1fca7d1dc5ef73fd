//! One binary for all integration tests of the crate.
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod anchor;
mod backup;
mod before_terms;
mod cluster;
mod concurrency;
mod damage;
mod file;
mod fixture;
mod journal;
mod laws;
mod postgres;
mod power;
mod schema;
mod url;
