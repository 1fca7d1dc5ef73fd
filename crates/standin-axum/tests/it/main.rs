//! The whole of Standin through HTTP: a browser with a cookie jar, a job with a key, the emulator as the
//! provider, SQLite below. No sign-in here skips the callback.

#![expect(unreachable_pub, reason = "a test binary exports nothing")]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step of a test that fails is a failed test"
)]

mod support;

mod access_token;
mod account_page;
mod admission;
mod attempts;
mod authentication;
mod backchannel_logout;
mod bound;
mod callback;
mod client_key;
mod code;
mod code_origin;
mod conformance;
mod credential;
mod credential_token;
mod disconnect;
mod entra;
mod events;
mod exchange;
mod form_post;
mod github;
mod grant;
mod hybrid;
mod id_token;
mod issuer;
mod link;
mod login;
mod logout;
mod logs;
mod outbound;
mod own_page;
mod people;
mod popup;
mod provider_binding;
mod provider_logout;
mod receipts;
mod refresh;
mod refresh_faults;
mod refresh_guard;
mod restore;
mod return_corpus;
mod return_parameters;
mod return_to;
mod risc;
mod risc_burst;
mod rotation;
mod routes;
mod second_leg;
mod session;
mod sessions;
mod signed_in;
mod signin;
mod started_elsewhere;
mod state_now;
mod swapped_tokens;
mod tenants;
mod token_profile;
mod unlink;
mod userinfo;
mod vault;
mod vend;
