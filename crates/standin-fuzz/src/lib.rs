//! The doors through which strangers' bytes come in, one function each, with what must hold behind it.
//!
//! ```text
//! bytes ─▶ target ─▶ a door of `standin` ─▶ refused, or let in and then: is it what a second, simpler
//!                                           reading of the same bytes says?
//! ```
//!
//! A target panics if not. `cargo xtask fuzz` runs each under libFuzzer, from `fuzz/`; the tests of this crate
//! run each over the same seeds and many mutations of them, on any toolchain.
#![expect(clippy::expect_used, reason = "a target fails as a test does")]

mod targets {
    //! One file per door.
    pub(crate) mod attempt_cookie;
    pub(crate) mod callback_query;
    pub(crate) mod cookie_header;
    pub(crate) mod discovery;
    pub(crate) mod grant_envelope;
    pub(crate) mod id_token;
    pub(crate) mod id_token_claims;
    pub(crate) mod jwks;
    pub(crate) mod logout_token;
    pub(crate) mod return_to;
    pub(crate) mod security_event;
    pub(crate) mod session_cookie;
    pub(crate) mod token_response;
}
mod reference;
mod signer;

use targets::{
    attempt_cookie, callback_query, cookie_header, discovery, grant_envelope, id_token,
    id_token_claims, jwks, logout_token, return_to, security_event, session_cookie, token_response,
};

/// A door and what must hold behind it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its seeds, in `fuzz/seeds/`, and of its program, in `fuzz/fuzz_targets/`.
    pub name: &'static str,
    /// Brings these bytes to the door and says whether they were let in. Panics if something does not hold.
    pub run: fn(&[u8]) -> bool,
}

/// All of them, in the order of their names.
pub const TARGETS: [Target; 13] = [
    Target { name: "attempt_cookie", run: attempt_cookie::run },
    Target { name: "callback_query", run: callback_query::run },
    Target { name: "cookie_header", run: cookie_header::run },
    Target { name: "discovery", run: discovery::run },
    Target { name: "grant_envelope", run: grant_envelope::run },
    Target { name: "id_token", run: id_token::run },
    Target { name: "id_token_claims", run: id_token_claims::run },
    Target { name: "jwks", run: jwks::run },
    Target { name: "logout_token", run: logout_token::run },
    Target { name: "return_to", run: return_to::run },
    Target { name: "security_event", run: security_event::run },
    Target { name: "session_cookie", run: session_cookie::run },
    Target { name: "token_response", run: token_response::run },
];

/// Runs the target of this name.
///
/// # Panics
/// If there is none, or something does not hold.
#[expect(clippy::must_use_candidate, reason = "a fuzzer waits for a panic and nothing else")]
pub fn run(name: &str, bytes: &[u8]) -> bool {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a target of this name").run)(bytes)
}
