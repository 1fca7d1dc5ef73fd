//! The session cookie: what is looked up is the hash of the one value, and of two values
//! none (requirements SC-3, SC-8).

use aws_lc_rs::digest::{SHA256, digest};
use standin::session::cookie::Cookies;
use standin::session::{Presented, SESSION_COOKIE, Sessions};

use crate::reference::{cookie_headers, cookies_named};

pub(crate) fn run(lines: &[u8]) -> bool {
    let Some(headers) = cookie_headers(lines) else {
        return false;
    };
    let values = cookies_named(lines, SESSION_COOKIE);
    match Sessions::presented(Cookies::of(&headers)) {
        Presented::Ambiguous => assert!(values.len() > 1),
        Presented::Nothing => assert!(values.iter().all(|value| !value.is_ascii())),
        Presented::Session(hash) => {
            assert_eq!(values.len(), 1);
            assert_eq!(digest(&SHA256, values[0]).as_ref(), hash.0);
            return true;
        }
    }
    false
}
