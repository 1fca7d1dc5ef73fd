//! What a refused sign-in must leave as it was, in one place: session, database, provider, answer, events.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use serde_json::Value;
use standin::secret::sha256;
use standin::store::{EventKind, StoredEvent};

use super::{ADA, Answer, Browser, Google, World};

/// What stood before something that must be refused.
pub struct Before {
    session: (u16, String),
    cookie: Option<String>,
    rows: String,
    token_calls: usize,
    last_event: u64,
}

/// How it must be refused.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    status: u16,
    code: &'static str,
    token_calls: usize,
    events: usize,
}

/// With this status and this code, without a word to the token endpoint, of no known attempt.
pub fn refused(status: u16, code: &'static str) -> Refused {
    Refused { status, code, token_calls: 0, events: 0 }
}

impl Refused {
    /// The attempt was known, so the reason is among the events, once.
    pub fn known(self) -> Self {
        Self { events: 1, ..self }
    }

    /// The code went to the token endpoint, once; the attempt was known then.
    pub fn after_exchange(self) -> Self {
        Self { token_calls: 1, events: 1, ..self }
    }
}

impl World {
    /// Looks at everything that a refusal must not change.
    pub async fn before(&self, browser: &mut Browser) -> Before {
        let session = browser.session().await;
        Before {
            session: (session.status.as_u16(), session.body),
            cookie: browser.cookie("__Host-standin").map(str::to_owned),
            rows: self.rows().await,
            token_calls: self.google.token_calls().await,
            last_event: self.events_after(0).await.last().map_or(0, |e| e.sequence),
        }
    }

    /// The answer is this refusal, and nothing else has happened.
    pub async fn assert_refusal(
        &self,
        browser: &mut Browser,
        before: &Before,
        answer: &Answer,
        expected: Refused,
    ) {
        let what = format!("{expected:?} at {}\n{}", answer.url, answer.body);
        assert_eq!(answer.status, expected.status, "{what}");
        assert_eq!(answer.any_code(), expected.code, "{what}");
        let cookie = browser.cookie("__Host-standin").map(str::to_owned);
        assert_eq!(cookie, before.cookie, "the session cookie changed: {what}");
        let session = browser.session().await;
        let session = (session.status.as_u16(), session.body);
        assert_eq!(session, before.session, "the session changed: {what}");
        assert_eq!(self.rows().await, before.rows, "rows changed: {what}");
        let calls = self.google.token_calls().await - before.token_calls;
        assert_eq!(calls, expected.token_calls, "token calls: {what}");
        self.assert_tells_nothing(answer).await;
        self.assert_failures(before, expected, &what).await;
    }

    async fn assert_failures(&self, before: &Before, expected: Refused, what: &str) {
        let events = self.events_after(before.last_event).await;
        let failures: Vec<_> =
            events.iter().filter(|stored| stored.event.kind == EventKind::SignInFailed).collect();
        assert_eq!(failures.len(), expected.events, "events: {what}");
        for failure in failures {
            assert_eq!(failure.event.detail.as_deref(), Some(expected.code), "{what}");
            assert!(failure.event.attempt.is_some(), "{what}");
        }
    }

    /// No secret that the provider knows of, no part of the request that protects it, nothing unescaped.
    pub async fn assert_tells_nothing(&self, answer: &Answer) {
        let mut text = answer.body.clone();
        for (name, value) in &answer.headers {
            if name != http::header::SET_COOKIE {
                text += &["\n", name.as_str(), ": ", value.to_str().unwrap_or_default()].concat();
            }
        }
        for (name, value) in answer.url.query_pairs() {
            let protects = name == "code" || name == "state";
            assert!(
                !protects || value.len() < 8 || !text.contains(&*value),
                "{name} is in the answer: {text}"
            );
        }
        for wrong in ["<script>alert", "evil.example", "ya29.", "eyJ"] {
            assert!(!text.contains(wrong), "{wrong} is in the answer: {text}");
        }
        let secrets = self.google.secret_hashes().await;
        let is_part = |c: char| c.is_ascii_alphanumeric() || "-_./~+".contains(c);
        for word in text.split(|c: char| !is_part(c)).filter(|word| word.len() > 7) {
            let hash = HEXLOWER.encode(&sha256(word.as_bytes()));
            assert!(!secrets.contains(&hash), "a secret is in the answer: {text}");
        }
    }

    /// After everything that was refused, a good sign-in works, in this browser and in a fresh one.
    pub async fn assert_next_sign_in_works(&self, browser: &mut Browser) {
        self.google.control("DELETE", "faults", Value::Null).await;
        self.assert_next_sign_in_works_in(browser).await;
    }

    /// The same, while whatever goes wrong at the provider goes on.
    pub async fn assert_next_sign_in_works_in(&self, browser: &mut Browser) {
        self.google.allow(ADA).await;
        for browser in [browser, &mut self.browser_at(250)] {
            let headers = std::mem::take(&mut browser.headers);
            browser.sign_in("").await.assert_status(303);
            let session = browser.session().await;
            session.assert_status(200);
            assert_eq!(session.json()["user"]["email"], ADA);
            browser.headers = headers;
        }
    }

    /// A browser at another address of this machine, 127.0.0.`host`.
    pub fn browser_at(&self, host: u8) -> Browser {
        Browser::at(self.app.clone(), [127, 0, 0, host].into())
    }

    /// Everything that happened after this event.
    pub async fn events_after(&self, sequence: u64) -> Vec<StoredEvent> {
        self.standin.store().events(sequence, 10_000).await.unwrap()
    }

    /// Users, their identities, grants and how many sessions, in words that can be compared.
    async fn rows(&self) -> String {
        let store = self.standin.store();
        let users = store.users(None, 1000).await.unwrap();
        let mut text = format!("{users:?} {:?}", store.grants(None, 1000).await.unwrap());
        for user in users {
            let identities = store.identities_of(user.id).await.unwrap();
            let sessions = store.sessions_of(user.id).await.unwrap();
            let ids: Vec<_> = sessions.iter().map(|session| session.id).collect();
            write!(text, " {identities:?} {ids:?}").unwrap();
        }
        text
    }
}

impl Answer {
    /// The stable code, of a problem document or of a page.
    #[track_caller]
    pub fn any_code(&self) -> String {
        if self.body.starts_with('{') {
            return self.code();
        }
        let (_, rest) = self.body.split_once("data-code=\"").unwrap_or_default();
        rest.split('"').next().unwrap_or_default().to_owned()
    }
}

impl Google {
    /// How often the token endpoint was asked for anything, whatever came of it.
    pub async fn token_calls(&self) -> usize {
        let unanswered = ["status", "malformed", "drop_before"];
        let counts = |event: &Value| match event["kind"].as_str().unwrap_or_default() {
            "code_redeemed" | "code_refused" | "token_refreshed" | "refresh_refused" => true,
            "fault_used" => {
                event["endpoint"] == "token"
                    && unanswered.contains(&event["fault"].as_str().unwrap_or_default())
            }
            _ => false,
        };
        self.ledger().await.iter().filter(|event| counts(event)).count()
    }

    /// The hash of every secret that the provider has seen or made.
    pub async fn secret_hashes(&self) -> BTreeSet<String> {
        let ledger = self.ledger().await;
        let members = ledger.iter().filter_map(Value::as_object).flatten();
        members
            .filter(|(name, _)| name.ends_with("_sha256"))
            .filter_map(|(_, value)| value.as_str().map(str::to_owned))
            .collect()
    }
}
