//! Device codes: what a machine without a browser waits for, and what a person said elsewhere.

use std::collections::BTreeSet;

use super::aging::Aging;
use crate::chance;

/// How long a code lives, in seconds.
pub(crate) const LIFETIME: i64 = 1_800;

/// How long a device waits between two polls, in seconds.
pub(crate) const INTERVAL: i64 = 5;

/// Codes that may wait for a person at the same time, for each client.
const MOST_PENDING: usize = 1_000;

/// So many codes are told from invented ones after they have died.
const REMEMBERED: usize = 10_000;

/// A device's request on its way to a person's answer.
#[derive(Clone, Debug)]
pub(crate) struct DeviceCode {
    /// What the device shows and the person types.
    pub(crate) user_code: String,
    pub(crate) client_id: String,
    pub(crate) scopes: BTreeSet<String>,
    /// Milliseconds, as below.
    pub(crate) issued_at: i64,
    /// The last poll that was not too early.
    pub(crate) polled_at: Option<i64>,
    pub(crate) outcome: Outcome,
}

/// What became of it so far.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    Pending,
    Denied,
    /// This subject allowed these scopes.
    Granted {
        sub: String,
        scopes: BTreeSet<String>,
    },
    /// The tokens were handed out.
    Redeemed,
}

/// All device codes of one emulator.
#[derive(Debug, Default)]
pub(crate) struct DeviceCodes(Aging<DeviceCode>);

impl DeviceCode {
    pub(crate) fn is_expired(&self, now: i64) -> bool {
        self.issued_at + LIFETIME * 1000 <= now
    }

    fn is_pending(&self, now: i64) -> bool {
        self.outcome == Outcome::Pending && !self.is_expired(now)
    }

    /// Notes a poll; whether it came too early.
    pub(crate) fn is_polled_too_soon(&mut self, now: i64) -> bool {
        if self.polled_at.is_some_and(|at| now < at + INTERVAL * 1000) {
            return true;
        }
        self.polled_at = Some(now);
        false
    }
}

impl DeviceCodes {
    /// Stores a code and returns its text; `None` if its client has too many waiting.
    pub(crate) fn add(&mut self, code: DeviceCode) -> Option<String> {
        let now = code.issued_at;
        self.0.drop_oldest_while(|count, code| count > REMEMBERED && !code.is_pending(now));
        let of_client = |other: &DeviceCode| other.client_id == code.client_id;
        let waiting = self.0.iter().filter(|(_, other)| of_client(other) && other.is_pending(now));
        if waiting.count() >= MOST_PENDING {
            return None;
        }
        let text = chance::device_code();
        self.0.insert(text.clone(), code);
        Some(text)
    }

    pub(crate) fn get_mut(&mut self, text: &str) -> Option<&mut DeviceCode> {
        self.0.get_mut(text)
    }

    /// The code that waits for the person who typed this.
    pub(crate) fn pending(&mut self, user_code: &str, now: i64) -> Option<&mut DeviceCode> {
        let typed = |code: &DeviceCode| code.user_code == user_code && code.is_pending(now);
        let text = self.0.iter().find(|(_, code)| typed(code))?.0.to_owned();
        self.0.get_mut(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(client_id: &str, issued_at: i64) -> DeviceCode {
        DeviceCode {
            user_code: chance::user_code(),
            client_id: client_id.to_owned(),
            scopes: BTreeSet::new(),
            issued_at,
            polled_at: None,
            outcome: Outcome::Pending,
        }
    }

    #[test]
    fn a_client_may_have_only_so_many_waiting() {
        let mut codes = DeviceCodes::default();
        for _ in 0..MOST_PENDING {
            assert!(codes.add(code("tv", 0)).is_some());
        }
        assert!(codes.add(code("tv", 0)).is_none());
        assert!(codes.add(code("radio", 0)).is_some());
        assert!(codes.add(code("tv", LIFETIME * 1000)).is_some(), "those before have expired");
    }

    #[test]
    fn an_early_poll_does_not_put_off_the_next() {
        let mut code = code("tv", 0);
        assert!(!code.is_polled_too_soon(0));
        assert!(code.is_polled_too_soon(4_999));
        assert!(!code.is_polled_too_soon(5_000));
    }
}
