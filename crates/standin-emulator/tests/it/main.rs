//! The emulator over real HTTP, one module per endpoint.

mod api;
mod authorize;
mod control;
mod discovery;
mod faults;
mod pages;
mod revoke;
mod support;
mod token;
mod userinfo;
