//! Which client may ask for whose tokens, with which scopes: nothing, unless a rule says so.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::provider::{Scopes, is_same_scope};
use crate::verify::ProviderId;

/// The rules of one client. No rule, no token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Policy(pub Vec<Rule>);

impl Policy {
    /// Every provider, every scope.
    #[must_use]
    pub fn everything() -> Self {
        Self(vec![Rule { provider: None, scope: None }])
    }

    /// Whether a token with exactly these scopes may be given.
    #[must_use]
    pub fn allows(&self, provider: &ProviderId, scopes: &Scopes) -> bool {
        let covered = |scope: &str| self.rules_for(provider).any(|rule| rule.names_scope(scope));
        self.rules_for(provider).next().is_some() && scopes.iter().all(covered)
    }

    /// Of these scopes, those that the rules name.
    #[must_use]
    pub fn allowed_of(&self, provider: &ProviderId, scopes: &Scopes) -> Scopes {
        scopes.only(|scope| self.rules_for(provider).any(|rule| rule.names_scope(scope)))
    }

    fn rules_for(&self, provider: &ProviderId) -> impl Iterator<Item = &Rule> {
        self.0
            .iter()
            .filter(move |rule| rule.provider.as_ref().is_none_or(|named| named == provider))
    }
}

/// One permission, written `*`, `google` or `google:https://www.googleapis.com/auth/calendar.events`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The provider; any, if none.
    pub provider: Option<ProviderId>,
    /// The scope; any, if none.
    pub scope: Option<String>,
}

impl Rule {
    fn names_scope(&self, scope: &str) -> bool {
        self.scope.as_deref().is_none_or(|named| is_same_scope(named, scope))
    }
}

impl FromStr for Rule {
    type Err = InvalidRule;
    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        if text == "*" {
            return Ok(Self { provider: None, scope: None });
        }
        let (provider, scope) = match text.split_once(':') {
            Some((provider, scope)) => (provider, Some(scope)),
            None => (text, None),
        };
        let provider = provider.parse().map_err(|_| InvalidRule)?;
        let is_one_scope =
            |scope: &&str| Scopes::parse(scope).is_ok_and(|scopes| scopes.len() == 1);
        match scope {
            Some(scope) if !is_one_scope(&scope) => Err(InvalidRule),
            scope => Ok(Self { provider: Some(provider), scope: scope.map(str::to_owned) }),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.provider, &self.scope) {
            (None, _) => f.write_str("*"),
            (Some(provider), None) => write!(f, "{provider}"),
            (Some(provider), Some(scope)) => write!(f, "{provider}:{scope}"),
        }
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A rule is not `*`, `PROVIDER` or `PROVIDER:SCOPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rule is `*`, `PROVIDER` or `PROVIDER:SCOPE`")]
pub struct InvalidRule;

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rules: &[&str]) -> Policy {
        Policy(rules.iter().map(|rule| rule.parse().unwrap()).collect())
    }

    #[test]
    fn without_a_rule_nothing_is_allowed() {
        let google = "google".parse().unwrap();
        assert!(!Policy::default().allows(&google, &Scopes::default()));
        assert!(!policy(&["entra"]).allows(&google, &Scopes::default()));
    }

    #[test]
    fn a_rule_with_a_scope_allows_that_scope_only() {
        let google = "google".parse().unwrap();
        let narrow = policy(&["google:https://example.com/a"]);
        assert!(narrow.allows(&google, &Scopes::parse("https://example.com/a").unwrap()));
        assert!(!narrow.allows(&google, &Scopes::parse("https://example.com/a openid").unwrap()));
        assert!(policy(&["google"]).allows(&google, &Scopes::parse("a b").unwrap()));
        assert!(Policy::everything().allows(&google, &Scopes::parse("a b").unwrap()));
    }

    #[test]
    fn is_read_back_as_it_was_written() {
        for text in ["*", "google", "google:https://example.com/a"] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
        for wrong in ["", "Google", "google:", "google:a b", ":a"] {
            assert_eq!(wrong.parse::<Rule>(), Err(InvalidRule), "{wrong}");
        }
    }
}
