//! 5 ── Vending: a fresh access token for a job that may have it.

mod policy;

pub use policy::{InvalidRule, Policy, Rule};
