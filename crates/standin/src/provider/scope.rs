//! Scopes, as sets.
//!
//! Providers reorder, rename, add and drop scopes between the request and the answer, so they are compared
//! as sets under one spelling: Google's short `email` and `profile` and their long forms are the same scope.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A set of scopes. Read from and written as the space-separated list of RFC 6749 §3.3; in JSON, an array.
///
/// It is kept as that list, in order of its letters, each scope once: a row's is taken over as it stands, and clones
/// share it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(Arc<str>);

impl Scopes {
    /// Reads a space-separated list. Whatever is not a scope token of RFC 6749 §3.3 is refused.
    pub fn parse(list: &str) -> Result<Self, InvalidScope> {
        if is_as_kept(list.as_bytes()) {
            return Ok(Self(list.into()));
        }
        let scopes = || list.split_ascii_whitespace();
        let are_scopes = scopes().all(|scope| is_scope_token(scope.as_bytes()));
        if are_scopes { Ok(Self::of_known(scopes())) } else { Err(InvalidScope) }
    }

    /// Whether every scope of `wanted` is here, in whatever spelling.
    #[must_use]
    pub fn covers(&self, wanted: &Self) -> bool {
        wanted.iter().all(|scope| self.contains(scope))
    }

    /// Whether this one scope is here, in whatever spelling.
    #[must_use]
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|known| is_same_scope(known, scope))
    }

    /// The scopes of `wanted` that are not here, in the spelling of `wanted`.
    #[must_use]
    pub fn missing(&self, wanted: &Self) -> Self {
        wanted.only(|scope| !self.contains(scope))
    }

    /// What is in both, in the spelling that stands here.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.only(|scope| other.contains(scope))
    }

    /// Those that `keep` keeps.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self::of_known(self.iter().filter(|scope| keep(scope)))
    }

    /// Everything that is in either; a scope with two spellings stays as it is here.
    #[must_use]
    pub fn union(&self, more: &Self) -> Self {
        let added = more.iter().filter(|scope| !self.contains(scope));
        Self::of_known(self.iter().chain(added))
    }

    /// Of tokens that were scopes before; whatever comes from outside goes through [`Scopes::parse`].
    pub(crate) fn of_known<'a>(scopes: impl Iterator<Item = &'a str>) -> Self {
        let in_order: Vec<_> = scopes.collect::<BTreeSet<_>>().into_iter().collect();
        Self(in_order.join(" ").into())
    }

    /// In order of their letters.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = InvalidScope;
    fn try_from(scopes: Vec<String>) -> Result<Self, InvalidScope> {
        if scopes.iter().all(|scope| is_scope_token(scope.as_bytes())) {
            Ok(Self::of_known(scopes.iter().map(String::as_str)))
        } else {
            Err(InvalidScope)
        }
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let scopes = Vec::<String>::deserialize(deserializer)?;
        Self::try_from(scopes).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A scope holds a character that RFC 6749 §3.3 does not allow, or is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope may hold only printable ASCII without quotes and backslashes, and must not be empty"
)]
pub struct InvalidScope;

/// Whether a list is as it is kept. All its bytes are looked at before they are compared: a processor takes many at a
/// time where nothing ends the look early. Of scopes that are in order and differ, only the first can be empty.
fn is_as_kept(list: &[u8]) -> bool {
    let is_known = |byte: u8| (byte == b' ') | is_allowed(byte);
    let are_known = list.iter().fold(true, |all, byte| all & is_known(*byte));
    let begins = list.first().is_some_and(|first| *first != b' ');
    let is_in_order = || list.split(|byte| *byte == b' ').is_sorted_by(|one, next| one < next);
    are_known && begins && is_in_order()
}

fn is_scope_token(scope: &[u8]) -> bool {
    !scope.is_empty() && scope.iter().copied().all(is_allowed)
}

const fn is_allowed(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e)
}

/// Whether two names are of the same scope.
pub(crate) fn is_same_scope(a: &str, b: &str) -> bool {
    a == b || other_spelling(a) == Some(b)
}

/// Google asks for `email` and answers with the long form
/// (developers.google.com/identity/protocols/oauth2/scopes).
fn other_spelling(scope: &str) -> Option<&'static str> {
    match scope {
        "email" => Some("https://www.googleapis.com/auth/userinfo.email"),
        "profile" => Some("https://www.googleapis.com/auth/userinfo.profile"),
        "https://www.googleapis.com/auth/userinfo.email" => Some("email"),
        "https://www.googleapis.com/auth/userinfo.profile" => Some("profile"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(list: &str) -> Scopes {
        Scopes::parse(list).unwrap()
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        assert_eq!(scopes("b  a b"), scopes("a b"));
        assert_eq!(scopes("b a").to_string(), "a b");
        for list in ["a b", " a b", "a b ", "a  b", "a\tb", "a b\n", "\ta b", "a a b", " b\ta "] {
            assert_eq!(scopes(list), scopes("b a"), "{list:?}");
        }
        for list in ["", " ", "\t"] {
            assert_eq!((scopes(list).len(), scopes(list)), (0, Scopes::default()), "{list:?}");
        }
        assert_eq!(Scopes::try_from(vec!["b".to_owned(), "a".to_owned()]), Ok(scopes("a b")));
        let json = serde_json::to_string(&scopes("b a")).unwrap();
        assert_eq!(
            (&*json, serde_json::from_str(&json).ok()),
            (r#"["a","b"]"#, Some(scopes("a b")))
        );
    }

    #[test]
    fn a_scope_is_the_same_in_either_spelling() {
        let granted = scopes("openid https://www.googleapis.com/auth/userinfo.email");
        assert!(granted.covers(&scopes("openid email")));
        assert_eq!(granted.missing(&scopes("email profile")), scopes("profile"));
        assert_eq!(granted.union(&scopes("email")), granted);
        assert_eq!(scopes("email a").intersection(&granted), scopes("email"));
    }

    #[test]
    fn refuses_what_is_no_scope_token() {
        for wrong in ["a\"b", "a\\b", "é", "a\u{7f}"] {
            assert_eq!(Scopes::parse(wrong), Err(InvalidScope), "{wrong}");
        }
        assert_eq!(Scopes::try_from(vec!["a b".to_owned()]), Err(InvalidScope));
        assert_eq!(Scopes::try_from(vec![String::new()]), Err(InvalidScope));
        assert!(serde_json::from_str::<Scopes>(r#"["a b"]"#).is_err());
    }
}
