//! Sign in once; it stands in for you while you are away.

pub mod entropy;
pub mod http;
pub mod id;
pub mod provider;
pub mod secret;
pub mod store;
pub mod time;
pub mod vault;
pub mod vend;
pub mod verify;
