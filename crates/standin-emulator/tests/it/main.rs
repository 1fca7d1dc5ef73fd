//! The emulator over real HTTP, one module per endpoint.

mod support;
mod token;
