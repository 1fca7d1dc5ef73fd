//! The emulator over real HTTP, one module per endpoint.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step of a test that fails is a failed test"
)]

mod api;
mod authorize;
mod authorize_answers;
mod authorize_clients;
mod authorize_refusals;
mod calendar;
mod control;
mod device;
mod discovery;
mod drive;
mod faults;
mod gsi;
mod pages;
mod refresh;
mod revoke;
mod risc;
mod service_accounts;
mod support;
mod support_table;
mod token;
mod token_clients;
mod userinfo;
