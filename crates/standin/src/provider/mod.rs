//! Providers: what we know of them, what they publish, and how to talk to their token endpoint.

mod scope;

pub use scope::{InvalidScope, Scopes};
