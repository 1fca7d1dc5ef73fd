//! The shell of the service from outside: its configuration, its sockets, its command line.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of tests fail as tests do; clippy knows only the test functions themselves"
)]

mod attempts;
mod backup;
mod cli;
mod config;
mod config_keys;
mod crash;
mod doctor;
mod drive;
mod every_route;
mod faults;
mod keys;
mod limiter_nodes;
mod live_nodes;
mod log_lines;
mod login;
mod metrics;
mod net;
mod nodes;
mod outbound;
mod place;
mod provider_config;
mod ready;
mod record;
mod refresh_nodes;
mod risc;
mod signals;
mod two_processes;
