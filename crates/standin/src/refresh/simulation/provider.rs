//! The provider of a simulation: it replaces refresh tokens, takes the one before for a grace, and ends a family when
//! a token comes that was used up. It is the judge.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use crate::http::{Request, Response};
use crate::provider::Grace;

/// What it allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// So long it still takes a token that it has replaced.
    pub(super) grace: Duration,
}

/// The tokens that came of one consent.
#[derive(Debug)]
struct Family {
    newest: String,
    previous: Option<(String, Instant)>,
    is_revoked: bool,
}

/// What it has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    /// So often it was asked.
    pub(super) asked: usize,
    /// So many tokens it has given for another.
    pub(super) given: usize,
    /// So often for one that it had replaced, within the grace.
    pub(super) spent_again: usize,
    /// So often it has refused.
    pub(super) refused: usize,
}

#[derive(Debug)]
pub(super) struct Provider {
    rules: Rules,
    state: Mutex<(BTreeMap<String, Family>, Record)>,
    /// Until when it says of every token that it is dead.
    refuses_until: Mutex<Option<Instant>>,
    /// It fails over the next question, and wants to be left alone for so long.
    stumbles: Mutex<Option<Duration>>,
}

impl Provider {
    pub(super) fn new(rules: Rules) -> Self {
        let (refuses_until, stumbles) = (Mutex::default(), Mutex::default());
        Self { rules, state: Mutex::default(), refuses_until, stumbles }
    }

    /// The first refresh token of a consent.
    pub(super) fn consent(&self, name: &str) -> String {
        let newest = token(name, 0);
        let family = Family { newest: newest.clone(), previous: None, is_revoked: false };
        self.state.lock().unwrap().0.insert(name.to_owned(), family);
        newest
    }

    /// Whether it would give something for this token now.
    pub(super) fn takes(&self, token: &str) -> bool {
        let state = self.state.lock().unwrap();
        let family = state.0.get(family_of(token));
        family.is_some_and(|family| !family.is_revoked && family.newest == token)
    }

    /// It has an incident.
    pub(super) fn refuse_for(&self, time: Duration) {
        *self.refuses_until.lock().unwrap() = Some(Instant::now() + time);
    }

    pub(super) fn stumble_once(&self, rest: Duration) {
        *self.stumbles.lock().unwrap() = Some(rest);
    }

    /// As it is written down.
    pub(super) fn grace(&self) -> Grace {
        let grace = self.rules.grace;
        if grace.is_zero() { Grace::None } else { Grace::For(grace) }
    }

    /// The user takes it back there.
    pub(super) fn revoke(&self, name: &str) {
        self.state.lock().unwrap().0.get_mut(name).unwrap().is_revoked = true;
    }

    pub(super) fn record(&self) -> Record {
        self.state.lock().unwrap().1
    }

    /// A request that has arrived.
    pub(super) fn serve(&self, request: &Request) -> Response {
        self.state.lock().unwrap().1.asked += 1;
        if let Some(rest) = self.stumbles.lock().unwrap().take() {
            let mut failed = answer(StatusCode::INTERNAL_SERVER_ERROR, &serde_json::Value::Null);
            failed.headers.insert(RETRY_AFTER, rest.as_secs().into());
            return failed;
        }
        let form = form_urlencoded::parse(&request.body);
        let spent = form.into_owned().find(|(name, _)| name == "refresh_token");
        let spent = spent.map(|(_, token)| token).unwrap_or_default();
        match self.spend(&spent) {
            Some((refresh, access)) => answer(
                StatusCode::OK,
                &serde_json::json!({
                    "access_token": access, "token_type": "Bearer", "expires_in": 3600,
                    "refresh_token": refresh,
                }),
            ),
            None => {
                answer(StatusCode::BAD_REQUEST, &serde_json::json!({ "error": "invalid_grant" }))
            }
        }
    }

    fn spend(&self, spent: &str) -> Option<(String, String)> {
        let mut state = self.state.lock().unwrap();
        let (families, record) = &mut *state;
        let family = families.get_mut(family_of(spent))?;
        let now = Instant::now();
        if self.refuses_until.lock().unwrap().is_some_and(|until| now < until) {
            record.refused += 1;
            return None;
        }
        let until = match &family.previous {
            _ if family.is_revoked => None,
            _ if family.newest == spent => Some(now + self.rules.grace),
            Some((previous, until)) if previous == spent && now < *until => {
                record.spent_again += 1;
                Some(*until)
            }
            Some(_) | None => None,
        };
        let Some(until) = until else {
            family.is_revoked = true;
            record.refused += 1;
            return None;
        };
        record.given += 1;
        family.previous = Some((spent.to_owned(), until));
        family.newest = token(family_of(spent), record.given);
        Some((family.newest.clone(), format!("access-{}", family.newest)))
    }
}

/// `family.number`
fn token(family: &str, number: usize) -> String {
    format!("{family}.{number}")
}

fn family_of(token: &str) -> &str {
    token.split('.').next().unwrap_or_default()
}

fn answer(status: StatusCode, body: &serde_json::Value) -> Response {
    Response { status, headers: HeaderMap::new(), body: Bytes::from(body.to_string()) }
}
