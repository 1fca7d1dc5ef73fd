//! What happened, in order: the oracle that tests and demos read back.
//!
//! Tokens and codes appear only as SHA-256, so that a ledger can be printed anywhere.

use serde::Serialize;

use crate::chance::sha256_hex;
use crate::object::Object;

/// Every event since the start or the last reset.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
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

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    ApiCall,
    Authorization,
    CodeIssued,
    CodeRedeemed,
    CodeRefused,
    ConsentShown,
    FaultUsed,
    RefreshRefused,
    Revoked,
    TokenRefreshed,
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
    pub(crate) fn record(&mut self, at: i64, event: Event) {
        let seq = self.entries.len() as u64 + 1;
        self.entries.push(Entry { seq, at, event });
    }

    pub(crate) fn after(&self, seq: u64) -> &[Entry] {
        let start = usize::try_from(seq).unwrap_or(usize::MAX).min(self.entries.len());
        &self.entries[start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_flat_and_hides_the_token() {
        let mut ledger = Ledger::default();
        ledger.record(7, Event::new(Kind::Revoked).user("ada@example.com").hashed("token", "t"));
        let text = serde_json::to_string(ledger.after(0)).unwrap();
        assert!(text.starts_with(
            r#"[{"seq":1,"at":7,"kind":"revoked","user":"ada@example.com","token_sha256":""#
        ));
        assert!(ledger.after(1).is_empty() && ledger.after(99).is_empty());
    }
}
