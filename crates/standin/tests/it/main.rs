//! One binary for the integration tests of the crate that need nothing to be compiled.
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod wycheproof;
