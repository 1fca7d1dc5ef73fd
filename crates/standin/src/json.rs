//! JSON objects, and nothing that only could be read as one.
//!
//! For serde a struct may be written as an array of its members, too. No specification that we follow knows
//! such a form, and whoever looks at the same bytes on their way here would not find the members.

use serde::Deserialize;

/// Reads one JSON object and nothing after it.
pub(crate) fn object<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Option<T> {
    let is_object = text.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct One {
        member: u8,
    }

    #[test]
    fn an_array_is_no_object() {
        assert_eq!(object(b" {\"member\":1}\n"), Some(One { member: 1 }));
        for other in
            [&b"[1]"[..], b"", b"{}", b"null", b"{\"member\":1}{}", b"{\"member\":1,\"member\":1}"]
        {
            assert_eq!(object::<One>(other), None);
        }
    }
}
