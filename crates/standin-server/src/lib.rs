//! The service `standin`: configuration, command line, lifecycle, logs.
//!
//! ```text
//! command line ─▶ config ─▶ app (the services) ─▶ http (around the routers) ─▶ net (the sockets)
//! ```
//!
//! What it serves is in `standin-axum`, what that does in `standin`: this crate decides nothing about
//! sign-ins or tokens. It alone reads the environment, opens sockets and writes logs.

pub mod app;
pub mod cli;
pub mod config;
#[cfg(feature = "demo")]
pub mod demo;
pub mod doctor;
pub mod http;
pub mod keys;
pub mod lifecycle;
pub mod metrics;
pub mod net;
pub mod telemetry;
