//! The query of a callback: read if and only if it has one state, at most one of code and error, and each
//! name once (requirements CB-1, CB-6, CB-15).

use standin::signin::UnverifiedCallback;

use crate::reference;

pub(crate) fn run(bytes: &[u8]) -> bool {
    let Ok(query) = std::str::from_utf8(bytes) else {
        return false;
    };
    let is_read = UnverifiedCallback::parse(query).is_ok();
    assert_eq!(is_read, may_be_read(query), "{query:?}");
    is_read
}

fn may_be_read(query: &str) -> bool {
    let pairs = reference::form(query);
    let value = |name| pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let (state, code) = (value("state"), value("code"));
    let mut names: Vec<_> = pairs.iter().map(|(name, _)| name).collect();
    names.sort();
    query.len() <= 16384
        && pairs.len() <= 64
        && names.windows(2).all(|pair| pair[0] != pair[1])
        && state.is_some_and(|state| (1..=1024).contains(&state.len()))
        && code.is_none_or(|code| code.len() <= 4096)
        && (code.is_none() || value("error").is_none())
}
