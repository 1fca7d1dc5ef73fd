//! Which client may ask for whose tokens, with which scopes, and what else it may do: nothing, unless a rule says
//! so.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::provider::{Scopes, is_same_scope};
use crate::verify::ProviderId;

/// The rules of one client. No rule, no token; and no rule about tokens allows anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Policy(pub Vec<Rule>);

impl Policy {
    /// Tokens of every provider, with every scope. It allows nothing else.
    #[must_use]
    pub fn everything() -> Self {
        Self(vec![Rule::Token(TokenRule { provider: None, scope: None })])
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

    /// Whether it may do this.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.0.contains(&Rule::May(permission))
    }

    fn rules_for(&self, provider: &ProviderId) -> impl Iterator<Item = &TokenRule> {
        self.0.iter().filter_map(move |rule| match rule {
            Rule::Token(rule) if rule.provider.as_ref().is_none_or(|named| named == provider) => {
                Some(rule)
            }
            Rule::Token(_) | Rule::May(_) => None,
        })
    }
}

/// One thing that is allowed. No provider has a dot in its name, so the two kinds are never taken for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Something about people: `users.delete`.
    May(Permission),
    /// Tokens: `*`, `google` or `google:https://www.googleapis.com/auth/calendar.events`.
    Token(TokenRule),
}

/// What a client may do about people. Each is given by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// `users.read`: look people up.
    ReadUsers,
    /// `users.delete`: forget them, and take back all they gave.
    DeleteUsers,
    /// `grants.read`: see what they gave.
    ReadGrants,
    /// `grants.revoke`: take it back.
    RevokeGrants,
}

impl Permission {
    const ALL: [Self; 4] =
        [Self::ReadUsers, Self::DeleteUsers, Self::ReadGrants, Self::RevokeGrants];

    const fn word(self) -> &'static str {
        match self {
            Self::ReadUsers => "users.read",
            Self::DeleteUsers => "users.delete",
            Self::ReadGrants => "grants.read",
            Self::RevokeGrants => "grants.revoke",
        }
    }
}

/// Which tokens may be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRule {
    /// The provider; any, if none.
    pub provider: Option<ProviderId>,
    /// The scope; any, if none.
    pub scope: Option<String>,
}

impl TokenRule {
    fn names_scope(&self, scope: &str) -> bool {
        self.scope.as_deref().is_none_or(|named| is_same_scope(named, scope))
    }
}

impl FromStr for Rule {
    type Err = InvalidRule;
    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        if text == "*" {
            return Ok(Self::Token(TokenRule { provider: None, scope: None }));
        }
        if let Some(permission) = Permission::ALL.into_iter().find(|may| may.word() == text) {
            return Ok(Self::May(permission));
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
            scope => {
                let scope = scope.map(str::to_owned);
                Ok(Self::Token(TokenRule { provider: Some(provider), scope }))
            }
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::May(permission) => f.write_str(permission.word()),
            Self::Token(TokenRule { provider: None, .. }) => f.write_str("*"),
            Self::Token(TokenRule { provider: Some(provider), scope: None }) => {
                write!(f, "{provider}")
            }
            Self::Token(TokenRule { provider: Some(provider), scope: Some(scope) }) => {
                write!(f, "{provider}:{scope}")
            }
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

/// A rule is none of the forms that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a rule is `*`, `PROVIDER` or `PROVIDER:SCOPE` for tokens, or one of `users.read`, `users.delete`, `grants.read` and `grants.revoke`"
)]
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
    fn tv_2_what_is_allowed_about_tokens_allows_nothing_about_people_nor_the_other_way_round() {
        let google = "google".parse().unwrap();
        for permission in Permission::ALL {
            assert!(!Policy::default().may(permission));
            assert!(!Policy::everything().may(permission));
            assert!(!policy(&["google"]).may(permission));
            let only = policy(&[permission.word()]);
            let allowed = Permission::ALL.into_iter().filter(|may| only.may(*may));
            assert_eq!(allowed.collect::<Vec<_>>(), [permission]);
            assert!(!only.allows(&google, &Scopes::default()));
        }
    }

    #[test]
    fn is_read_back_as_it_was_written() {
        for text in ["*", "google", "google:https://example.com/a", "users.read", "grants.revoke"] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
        for wrong in ["", "Google", "google:", "google:a b", ":a", "users.write", "users.read:x"] {
            assert_eq!(wrong.parse::<Rule>(), Err(InvalidRule), "{wrong}");
        }
    }
}
