//! Accounts and the browsers that remember them.

use std::collections::HashMap;

use crate::chance;
use crate::seed::User;

/// All accounts, in the order in which they were seeded.
#[derive(Debug, Default)]
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

/// Browsers by cookie.
#[derive(Debug, Default)]
pub(crate) struct Browsers(HashMap<String, Browser>);

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
        let known = cookie.filter(|cookie| self.0.contains_key(*cookie));
        let cookie = known.map_or_else(chance::opaque_id, str::to_owned);
        let browser = self.0.entry(cookie.clone()).or_default();
        if !browser.accounts.iter().any(|known| known == sub) {
            browser.accounts.push(sub.to_owned());
            browser.since.push(now);
        }
        cookie
    }
}
