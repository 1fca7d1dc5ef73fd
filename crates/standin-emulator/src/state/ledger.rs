//! What happened, in order: the oracle that tests and demos read back.
//!
//! Tokens and codes appear only as SHA-256, so that a ledger can be printed anywhere. It remembers
//! the newest [`CAPACITY`] events: an emulator may run for weeks.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::chance::sha256_hex;
use crate::object::Object;

const CAPACITY: usize = 100_000;

/// The events since the start or the last reset, as far as there is room.
#[derive(Debug)]
pub(crate) struct Ledger {
    entries: VecDeque<Entry>,
    /// Of the newest event.
    seq: u64,
    grown: Arc<Notify>,
}

/// Which events somebody wants to see; what is absent does not matter.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Filter {
    pub(crate) kind: Option<Kind>,
    pub(crate) user: Option<String>,
    pub(crate) client_id: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    seq: u64,
    at: i64,
    #[serde(flatten)]
    event: Event,
}

/// One thing that happened, with who was involved.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Event {
    kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(flatten)]
    details: Object,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    ApiCall,
    Authorization,
    CodeIssued,
    CodeRedeemed,
    CodeRefused,
    ConsentShown,
    CredentialIssued,
    DeviceCodeIssued,
    FaultUsed,
    RefreshRefused,
    Revoked,
    RiscDelivered,
    ServiceTokenIssued,
    ServiceTokenRefused,
    SessionEnded,
    TokenIssued,
    TokenRefreshed,
    UserinfoRead,
}

impl Event {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, user: None, client_id: None, details: Object::default() }
    }

    pub(crate) fn user(mut self, email: impl Into<String>) -> Self {
        self.user = Some(email.into());
        self
    }

    pub(crate) fn client(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = Some(client_id.into());
        self
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.details = self.details.with(name, value);
        self
    }

    /// Adds the hash of something secret under `<name>_sha256`.
    pub(crate) fn hashed(self, name: &str, secret: &str) -> Self {
        self.with(&format!("{name}_sha256"), sha256_hex(secret))
    }

    /// As [`Event::hashed`], for a secret that may be absent.
    pub(crate) fn hashed_some(self, name: &str, secret: Option<&str>) -> Self {
        match secret {
            Some(secret) => self.hashed(name, secret),
            None => self,
        }
    }
}

impl Ledger {
    /// An empty one, which wakes those who wait for events through `grown`.
    pub(crate) fn new(grown: Arc<Notify>) -> Self {
        Self { entries: VecDeque::new(), seq: 0, grown }
    }

    pub(crate) fn record(&mut self, at: i64, event: Event) {
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        self.seq += 1;
        self.entries.push_back(Entry { seq: self.seq, at, event });
        self.grown.notify_waiters();
    }

    /// The events after one, oldest first.
    pub(crate) fn after(&self, seq: u64, filter: &Filter) -> Vec<Entry> {
        let oldest = self.entries.front().map_or(0, |entry| entry.seq);
        let start =
            usize::try_from(seq.saturating_add(1).saturating_sub(oldest)).unwrap_or(usize::MAX);
        let entries = self.entries.iter().skip(start);
        entries.filter(|entry| filter.admits(&entry.event)).cloned().collect()
    }

    /// The number of the newest event.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }
}

impl Filter {
    fn admits(&self, event: &Event) -> bool {
        let is =
            |wanted: &Option<String>, given: &Option<String>| wanted.is_none() || wanted == given;
        self.kind.is_none_or(|kind| kind == event.kind)
            && is(&self.user, &event.user)
            && is(&self.client_id, &event.client_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(events: usize) -> Ledger {
        let mut ledger = Ledger::new(Arc::default());
        for _ in 0..events {
            ledger.record(7, Event::new(Kind::ApiCall).client("c"));
        }
        ledger
    }

    #[test]
    fn an_entry_is_flat_and_hides_the_token() {
        let mut ledger = ledger(0);
        ledger.record(7, Event::new(Kind::Revoked).user("ada@example.com").hashed("token", "t"));
        let all = Filter::default();
        let text = serde_json::to_string(&ledger.after(0, &all)).unwrap();
        assert!(text.starts_with(
            r#"[{"seq":1,"at":7,"kind":"revoked","user":"ada@example.com","token_sha256":""#
        ));
        assert!(ledger.after(1, &all).is_empty() && ledger.after(99, &all).is_empty());
    }

    #[test]
    fn what_is_too_old_is_forgotten_and_the_numbers_go_on() {
        let ledger = ledger(CAPACITY + 3);
        let all = Filter::default();
        assert_eq!(ledger.after(0, &all).len(), CAPACITY);
        assert_eq!(ledger.after(0, &all)[0].seq, 4);
        assert_eq!(ledger.after(CAPACITY as u64 + 2, &all).len(), 1);
    }
}
