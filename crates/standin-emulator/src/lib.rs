//! A Google-compatible OpenID provider for tests and demos: strict, scriptable, offline.

mod api;
mod authorize;
mod avatar;
mod bearer;
mod certs;
mod chance;
mod clock;
mod control;
mod discovery;
mod faults;
mod gsi;
mod guard;
mod id_token;
mod keys;
mod object;
mod reply;
mod revoke;
mod router;
mod scopes;
mod seed;
mod server;
mod state;
mod token;
mod tokeninfo;
mod userinfo;

pub use clock::Clock;
pub use seed::{Client, Profile, Seed, SeedError, User};
pub use server::{Builder, Emulator, EmulatorError};
