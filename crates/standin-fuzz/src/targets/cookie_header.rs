//! `Cookie` headers, one per line: a name that stands twice is nobody's, and one that stands once has exactly
//! its bytes (requirements SC-8, SC-9).

use standin::session::cookie::{Cookies, Found};

use crate::reference::{cookie_headers, cookies_named};

const NAME: &str = "__Host-a";

pub(crate) fn run(lines: &[u8]) -> bool {
    let Some(headers) = cookie_headers(lines) else {
        return false;
    };
    let cookies = Cookies::of(&headers);
    let found = cookies.find(NAME);
    let values = cookies_named(lines, NAME);
    match (&values[..], found) {
        ([value], Found::One(found)) => assert_eq!(*value, found.as_bytes()),
        ([value], Found::Nothing) => assert!(!value.is_ascii()),
        ([], Found::Nothing) | ([_, _, ..], Found::Many) => {}
        (values, found) => unreachable!("{found:?} among {}", values.len()),
    }
    let named = cookies.names_with_prefix(NAME).filter(|name| *name == NAME).count();
    assert_eq!(named, values.len());
    matches!(found, Found::One(_))
}
