//! Who may sign in: the lists of each provider, and what becomes of people who are new.
//!
//! ```text
//! proved ─▶ lists of the provider ─▶ listed, unlisted, or no list ─▶ sign_up ─▶ Admits ─▶ the store's transaction
//! ```
//!
//! Lists hold the addresses and domains of *verified* e-mail addresses, in one canonical form (requirement
//! ID-14); membership of a Workspace domain is a claim of its own and is checked where the ID token is
//! (requirement ID-15). They decide who gets in and never who somebody is. They are looked at when somebody
//! signs in, and at every request with a session (requirement SC-7): whoever is taken off a list is answered
//! as nobody from the next start on, and as themselves again once they are back on it.

use std::collections::BTreeSet;

use crate::core::Core;
use crate::error::{Error, Refusal};
use crate::provider::{Known, Provider};
use crate::receipt::{Receipt, rules};
use crate::store::{Admits, SessionView};
use crate::verify::{Profile, canonical_address};

/// What becomes of people who sign in for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignUp {
    /// Only those sign in who are known already.
    Closed,
    /// The first of all needs no list; everybody else must be on one.
    FirstUser,
    /// Whoever the provider's lists admit.
    #[default]
    Open,
}

/// The addresses and domains that may sign in at a provider. Empty: there is no such list, and anybody may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    emails: BTreeSet<String>,
    domains: BTreeSet<String>,
}

/// What cannot be on a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEntry {
    /// No one address, written in the one way that can be compared.
    #[error("\"{0}\" is not an e-mail address such as \"ada@example.com\"; there are no wildcards")]
    Address(String),
    /// No domain.
    #[error(
        "\"{0}\" is not a domain such as \"example.com\": without @ and wildcards, and beyond ASCII in its form with xn--"
    )]
    Domain(String),
}

impl AllowList {
    /// A list of addresses and domains: whoever is on either is on it. A domain stands for itself and for no
    /// domain below it. Upper and lower case are the same.
    ///
    /// # Errors
    /// [`InvalidEntry`] for the first that can match no verified address.
    pub fn new<T: AsRef<str>>(emails: &[T], domains: &[T]) -> Result<Self, InvalidEntry> {
        let email = |text: &T| address(text.as_ref());
        let domain = |text: &T| domain(text.as_ref());
        Ok(Self {
            emails: emails.iter().map(email).collect::<Result<_, _>>()?,
            domains: domains.iter().map(domain).collect::<Result<_, _>>()?,
        })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.emails.is_empty() && self.domains.is_empty()
    }

    /// The addresses, in their order.
    pub fn emails(&self) -> impl Iterator<Item = &str> {
        self.emails.iter().map(String::as_str)
    }

    /// The domains, in their order.
    pub fn domains(&self) -> impl Iterator<Item = &str> {
        self.domains.iter().map(String::as_str)
    }

    /// Whether this person is on it. An address that is not verified is on no list, and so is none.
    #[must_use]
    pub fn holds(&self, person: &Profile) -> bool {
        let address = person.email.as_deref().filter(|_| person.email_verified);
        // What is stored was canonical when it came; a rule runs on nothing else.
        let Some(address) = address.and_then(canonical_address) else { return false };
        let address = address.to_ascii_lowercase();
        let domain = address.split_once('@').map_or("", |(_, domain)| domain);
        self.domains.contains(domain) || self.emails.contains(&address)
    }
}

fn address(text: &str) -> Result<String, InvalidEntry> {
    let canonical = canonical_address(text).filter(|address| !address.contains('*'));
    let invalid = || InvalidEntry::Address(text.to_owned());
    canonical.map(|address| address.to_ascii_lowercase()).ok_or_else(invalid)
}

fn domain(text: &str) -> Result<String, InvalidEntry> {
    let canonical = canonical_address(&format!("x@{text}")).filter(|_| text.contains('.'));
    let domain = canonical.and_then(|address| address.strip_prefix("x@").map(str::to_owned));
    domain.ok_or_else(|| InvalidEntry::Domain(text.to_owned()))
}

/// How somebody stands to a provider's lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Listed,
    NoList,
    Unlisted,
}

impl Standing {
    const fn word(self) -> &'static str {
        match self {
            Self::Listed => "on it",
            Self::NoList => "no list",
            Self::Unlisted => "on none",
        }
    }
}

impl Provider {
    fn has_list(&self) -> bool {
        !(self.config().allow.is_empty() && self.config().hosted_domains.is_empty())
    }

    fn standing(&self, person: &Profile) -> Standing {
        let (allow, domains) = (&self.config().allow, &self.config().hosted_domains);
        let hosted = person.hosted_domain.as_deref().unwrap_or_default();
        let is_hosted =
            domains.is_empty() || domains.iter().any(|d| d.eq_ignore_ascii_case(hosted));
        match self.has_list() {
            false => Standing::NoList,
            true if is_hosted && (allow.is_empty() || allow.holds(person)) => Standing::Listed,
            true => Standing::Unlisted,
        }
    }
}

impl Core {
    /// What the store is to ask before it signs this person in, or why nobody needs to ask.
    ///
    /// # Errors
    /// [`Refusal::SignInNotAllowed`]; [`Error::ProviderUnavailable`] if there is a list of addresses and the
    /// provider could not be asked for this one.
    pub(crate) fn admits(
        &self,
        provider: &Provider,
        person: &Known,
        receipt: &mut Receipt,
    ) -> Result<Admits, Error> {
        if person.untold.email && !provider.config().allow.is_empty() {
            return Err(Error::unavailable());
        }
        let standing = provider.standing(&person.profile);
        let admits = match (self.sign_up, standing) {
            (SignUp::FirstUser | SignUp::Open, Standing::Listed)
            | (SignUp::Open, Standing::NoList) => Admits::Anybody,
            (SignUp::FirstUser, _) => Admits::FirstUser,
            (SignUp::Closed, Standing::Listed | Standing::NoList) => Admits::Known,
            (SignUp::Closed | SignUp::Open, Standing::Unlisted) => {
                receipt.failed(rules::LISTED, "on a list", standing.word());
                return Err(Refusal::SignInNotAllowed.into());
            }
        };
        receipt.passed(rules::LISTED, "on a list, where there is one", standing.word());
        Ok(admits)
    }

    /// What whoever the store did not admit is told.
    pub(crate) fn not_admitted(&self, receipt: &mut Receipt) -> Refusal {
        match self.sign_up {
            SignUp::Closed => {
                receipt.failed(rules::SIGN_UP, "somebody known", "somebody new");
                Refusal::SignUpClosed
            }
            SignUp::FirstUser | SignUp::Open => {
                receipt.failed(rules::SIGN_UP, "the first user, or on a list", "neither");
                Refusal::SignInNotAllowed
            }
        }
    }

    /// Whether somebody who signed in once may be refused by now.
    pub(crate) fn looks_at_sessions(&self) -> bool {
        self.sign_up == SignUp::FirstUser || self.providers.values().any(|at| at.has_list())
    }

    /// Whether somebody who has a session could sign in now, by one of their identities: the lists as they
    /// are, and what the provider said last.
    pub(crate) async fn still_admits(&self, view: &SessionView) -> Result<bool, Error> {
        let standings: Vec<_> = view
            .accounts
            .iter()
            .filter_map(|account| {
                let identity = &account.identity;
                let provider = self.providers.get(&identity.provider)?;
                provider.is_issuer_of(identity).then(|| provider.standing(&view.user.profile))
            })
            .collect();
        if standings.contains(&Standing::Listed) {
            return Ok(true);
        }
        match self.sign_up {
            SignUp::Closed | SignUp::Open => Ok(standings.contains(&Standing::NoList)),
            SignUp::FirstUser if standings.is_empty() => Ok(false),
            SignUp::FirstUser => Ok(self.store.first_user().await? == Some(view.user.id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(email: &str) -> Profile {
        Profile { email: Some(email.to_owned()), email_verified: true, ..Profile::default() }
    }

    #[test]
    fn id_14_a_list_holds_addresses_and_whole_domains_in_any_case() {
        let list = AllowList::new(&["Ada@Example.com"], &["Corp.Example"]).unwrap();
        for holds in ["ada@example.com", "ADA@EXAMPLE.COM", "x@corp.example", "X@CORP.example"] {
            assert!(list.holds(&person(holds)), "{holds}");
        }
        for not in [
            "ada@sub.example.com",
            "bda@example.com",
            "x@sub.corp.example",
            "x@evilcorp.example",
            "x@corp.example.evil.test",
            "a@evil.test@corp.example",
            "corp.example@evil.test",
            "a\u{ff20}corp.example",
            "a@corp.example.",
            "a@corp.example\0",
            "corp.example",
            "",
        ] {
            assert!(!list.holds(&person(not)), "{not}");
        }
    }

    #[test]
    fn id_14_an_address_that_is_not_verified_is_on_no_list() {
        let list = AllowList::new(&["ada@example.com"], &["example.com"]).unwrap();
        assert!(!list.holds(&Profile { email_verified: false, ..person("ada@example.com") }));
        assert!(!list.holds(&Profile { email: None, ..person("") }));
    }

    #[test]
    fn hh_10_what_can_match_nobody_is_no_entry() {
        for wrong in ["", "ada", "*@example.com", "a@b@example.com", "a@example.com.", "a@ex ample"]
        {
            assert_eq!(
                AllowList::new(&[wrong], &[]),
                Err(InvalidEntry::Address(wrong.to_owned())),
                "{wrong}"
            );
        }
        for wrong in ["", "com", "@example.com", "*.example.com", "example.com.", "m\u{fc}.example"]
        {
            assert_eq!(
                AllowList::new(&[], &[wrong]),
                Err(InvalidEntry::Domain(wrong.to_owned())),
                "{wrong}"
            );
        }
    }
}
