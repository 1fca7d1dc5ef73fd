//! The whole of Standin through HTTP: a browser with a cookie jar, a job with a key, the emulator as the
//! provider, SQLite below. No sign-in here skips the callback.

#![expect(unreachable_pub, reason = "a test binary exports nothing")]

mod support;

mod callback;
mod login;
mod logout;
mod popup;
mod return_to;
mod second_leg;
mod session;
mod signin;
mod vend;
