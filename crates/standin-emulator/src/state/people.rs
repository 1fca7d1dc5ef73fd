//! Accounts and the browsers that remember them.

use std::collections::HashMap;

use super::aging::Aging;
use crate::chance;
use crate::seed::User;

/// All accounts, in the order in which they were seeded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Users {
    all: Vec<User>,
    by_email: HashMap<String, usize>,
    by_sub: HashMap<String, usize>,
}

impl Users {
    pub(crate) fn new(users: impl IntoIterator<Item = User>) -> Self {
        let mut known = Self::default();
        for user in users {
            known.upsert(user);
        }
        known
    }

    /// Adds a user, or replaces the one with the same subject or, failing that, the same address.
    ///
    /// The subject is matched first so that a test can change somebody's address, as Google allows.
    pub(crate) fn upsert(&mut self, user: User) {
        let email = user.email.to_lowercase();
        let known = self.by_sub.get(&user.sub).or_else(|| self.by_email.get(&email)).copied();
        let index = known.unwrap_or(self.all.len());
        self.by_email.retain(|_, at| *at != index);
        self.by_sub.retain(|_, at| *at != index);
        self.by_email.insert(email, index);
        self.by_sub.insert(user.sub.clone(), index);
        if known.is_some() {
            self.all[index] = user;
        } else {
            self.all.push(user);
        }
    }

    /// Whether the address belongs to somebody other than the known owner of the subject: one of the two
    /// would be lost.
    pub(crate) fn is_taken(&self, user: &User) -> bool {
        let by_email = self.by_email.get(&user.email.to_lowercase());
        let by_sub = self.by_sub.get(&user.sub);
        by_email.zip(by_sub).is_some_and(|(one, other)| one != other)
    }

    /// Removes an account; its subject is nobody's from now on.
    pub(crate) fn remove(&mut self, sub: &str) {
        let others = std::mem::take(&mut self.all).into_iter().filter(|user| user.sub != sub);
        *self = Self::new(others);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &User> {
        self.all.iter()
    }

    pub(crate) fn by_sub(&self, sub: &str) -> Option<&User> {
        self.by_sub.get(sub).map(|index| &self.all[*index])
    }

    /// The account of an address or a subject: both are what `login_hint` may hold.
    pub(crate) fn find(&self, email_or_sub: &str) -> Option<&User> {
        let by_email = self.by_email.get(&email_or_sub.to_lowercase());
        by_email.map(|index| &self.all[*index]).or_else(|| self.by_sub(email_or_sub))
    }
}

/// So many browsers are remembered. Every sign-in of a client without cookies is one.
const MOST_BROWSERS: usize = 20_000;

/// Browsers by cookie.
#[derive(Debug, Default)]
pub(crate) struct Browsers(Aging<Browser>);

/// The subjects signed in at one browser, and since when. The index is Google's `authuser`.
#[derive(Debug, Default)]
struct Browser {
    accounts: Vec<String>,
    /// In seconds, one for each account.
    since: Vec<i64>,
}

impl Browsers {
    /// Signs a subject out everywhere.
    pub(crate) fn forget(&mut self, sub: &str) {
        for browser in self.0.values_mut() {
            while let Some(index) = browser.accounts.iter().position(|known| known == sub) {
                browser.accounts.remove(index);
                browser.since.remove(index);
            }
        }
    }

    pub(crate) fn accounts(&self, cookie: Option<&str>) -> &[String] {
        let browser = cookie.and_then(|cookie| self.0.get(cookie));
        browser.map_or(&[], |browser| &browser.accounts)
    }

    /// When `sub` signed in at this browser, in seconds.
    pub(crate) fn since(&self, cookie: Option<&str>, sub: &str) -> Option<i64> {
        let browser = self.0.get(cookie?)?;
        let index = browser.accounts.iter().position(|known| known == sub)?;
        browser.since.get(index).copied()
    }

    /// Signs `sub` in at `now`, in seconds, unless it is; returns the browser's cookie, a new one where
    /// there was none of ours.
    pub(crate) fn sign_in(&mut self, cookie: Option<&str>, sub: &str, now: i64) -> String {
        let known = cookie.and_then(|cookie| Some((cookie, self.0.get_mut(cookie)?)));
        if let Some((cookie, browser)) = known {
            browser.sign_in(sub, now);
            return cookie.to_owned();
        }
        let (cookie, mut browser) = (chance::opaque_id(), Browser::default());
        browser.sign_in(sub, now);
        self.0.insert(cookie.clone(), browser);
        self.0.drop_oldest_while(|count, _| count > MOST_BROWSERS);
        cookie
    }
}

impl Browser {
    fn sign_in(&mut self, sub: &str, now: i64) {
        if !self.accounts.iter().any(|known| known == sub) {
            self.accounts.push(sub.to_owned());
            self.since.push(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn the_browsers_that_came_last_are_remembered() {
        let mut browsers = Browsers::default();
        let first = browsers.sign_in(None, "1", 0);
        let second = browsers.sign_in(None, "1", 0);
        assert_eq!(browsers.sign_in(Some(&second), "2", 0), second);
        for _ in 2..=MOST_BROWSERS {
            browsers.sign_in(None, "1", 0);
        }
        assert_eq!(browsers.accounts(Some(&first)), [] as [&str; 0]);
        assert_eq!(browsers.accounts(Some(&second)), ["1", "2"]);
    }

    #[test]
    fn an_address_is_taken_by_another_subject_only() {
        let user = |email: &str, sub: &str| User {
            email: email.to_owned(),
            sub: sub.to_owned(),
            ..Seed::default().users.remove(0)
        };
        let users = Users::new([user("a@example.com", "1"), user("b@example.com", "2")]);
        assert!(users.is_taken(&user("B@example.com", "1")));
        assert!(!users.is_taken(&user("c@example.com", "1")), "a new address");
        assert!(!users.is_taken(&user("a@example.com", "3")), "a new subject");
    }
}
