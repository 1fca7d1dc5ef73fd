//! The shell of the service from outside: its configuration, its sockets, its command line.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail as tests do; clippy knows only the test functions themselves"
)]

mod attempts;
mod cli;
mod config;
mod config_keys;
mod crash;
mod every_route;
mod keys;
mod limiter_nodes;
mod log_lines;
mod login;
mod net;
mod nodes;
mod outbound;
mod provider_config;
mod refresh_nodes;
mod risc;
mod signals;
mod two_processes;
