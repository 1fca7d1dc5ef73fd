//! A document that a provider publishes, fetched seldom and kept: discovery metadata and key sets alike.
//!
//! A reader asks for the document and says whether the copy at hand will do. Mostly it does, and the answer
//! is a clone of an `Arc`. If not, one reader fetches while the others wait for that one fetch; whatever it
//! brings, good or bad, is the answer for all who waited. Three promises:
//! - the last good copy survives every outage and every bad answer;
//! - a fetch that failed, or that did not bring what was asked for, is not repeated before a cool-down;
//! - a reader who goes away in the middle of its fetch leaves it to the next one, and cannot make the
//!   provider be asked again and again by doing so.

use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AGE, CACHE_CONTROL};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::endpoint::Endpoint;
use crate::http::{HttpClient, HttpError, RefusedAddress, Request};
use crate::time::{Clock, Timestamp};

/// No document of a provider has reason to be larger (requirements HH-7, ID-22).
pub(super) const MAX_BYTES: usize = 1024 * 1024;
/// A copy is good for at least this long, whatever the provider says: it bounds how often we ask.
pub(super) const MIN_AGE: Duration = Duration::from_mins(5);
/// A copy is good for at most this long, whatever the provider says: it bounds how long we go without asking.
pub(super) const MAX_AGE: Duration = Duration::from_hours(24);
/// How long after a fetch that did not bring what was asked for nobody asks for something missing again.
/// A key that the provider starts to use is accepted at the latest after this (requirement ID-17).
pub(super) const COOL_DOWN: Duration = Duration::from_mins(1);
/// How long after a failed fetch nobody fetches again; doubles with each failure up to [`COOL_DOWN`].
pub(super) const FAILURE_COOL_DOWN: Duration = Duration::from_secs(10);
/// How many fetches may be given up by their readers in a row before that counts as a failure.
const MAX_ABANDONED: u32 = 2;

/// Why a document could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentFault {
    /// Its address must not be talked to (requirement HH-7).
    #[error("the document is not asked for: {0}")]
    AddressRefused(RefusedAddress),
    /// Those who asked for it did not wait for it.
    #[error("the document's fetch was given up")]
    Abandoned,
    /// A redirect, which is never followed (requirement ID-22).
    #[error("the document's address answers with a redirect")]
    Redirected,
    /// An answer other than 200.
    #[error("the document's address answers with status {0}")]
    Status(StatusCode),
    /// Larger than a megabyte.
    #[error("the document is too large")]
    TooLarge,
    /// No connection, or no whole answer in time.
    #[error("the document's address cannot be reached")]
    Unreachable,
}

/// A document as it came, and for how long it is good.
pub(super) struct Fetched<T> {
    pub(super) document: T,
    pub(super) good_for: Duration,
}

/// Fetches a document.
pub(super) async fn fetch(
    http: &dyn HttpClient,
    endpoint: &Endpoint,
) -> Result<Fetched<Bytes>, DocumentFault> {
    let accept = (ACCEPT, HeaderValue::from_static("application/json"));
    let request = Request {
        method: Method::GET,
        url: endpoint.url().clone(),
        headers: HeaderMap::from_iter([accept]),
        body: Bytes::new(),
        max_response_bytes: MAX_BYTES,
    };
    let response = http.send(request).await.map_err(|error| match error {
        HttpError::AddressRefused(refused) => DocumentFault::AddressRefused(refused),
        HttpError::TooLarge(_) => DocumentFault::TooLarge,
        HttpError::Ambiguous | HttpError::Unsent | HttpError::Untrusted(_) => {
            DocumentFault::Unreachable
        }
    })?;
    match response.status {
        StatusCode::OK => {
            Ok(Fetched { good_for: good_for(&response.headers), document: response.body })
        }
        status if status.is_redirection() => Err(DocumentFault::Redirected),
        status => Err(DocumentFault::Status(status)),
    }
}

/// What `Cache-Control: max-age` leaves after `Age` (RFC 9111 §4.2), within our bounds.
fn good_for(headers: &HeaderMap) -> Duration {
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_ascii_lowercase();
    let directives: Vec<String> = headers.get_all(CACHE_CONTROL).iter().map(text).collect();
    let max_age = directives
        .iter()
        .flat_map(|list| list.split(','))
        .find_map(|directive| directive.trim().strip_prefix("max-age="));
    let age = headers.get(AGE).and_then(|value| value.to_str().ok());
    let seconds = |text: Option<&str>| text.and_then(|text| text.trim().parse::<u64>().ok());
    let left = seconds(max_age).unwrap_or(0).saturating_sub(seconds(age).unwrap_or(0));
    Duration::from_secs(left).clamp(MIN_AGE, MAX_AGE)
}

/// A document of type `T` whose fetch may fail with `F`.
#[derive(Debug)]
pub(super) struct Document<T, F> {
    name: &'static str,
    /// Held for a glance, never across an await.
    state: Mutex<State<T, F>>,
    /// Whose turn it is to fetch. Readers whom the copy at hand suits never touch it.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State<T, F> {
    copy: Option<Arc<T>>,
    fault: Option<F>,
    fresh: Span,
    /// After a fetch that did not bring what was asked for: nothing missing is looked for.
    missing: Span,
    /// After a failure: nothing is fetched.
    failed: Span,
    failures: u32,
    abandoned: u32,
    /// How many fetches have come to an end.
    rounds: u64,
}

/// From one instant until another. A clock that was set back leaves every span: it must not stretch one.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    from: Timestamp,
    until: Timestamp,
}

impl Span {
    fn starting(from: Timestamp, length: Duration) -> Self {
        Self { from, until: from.after(length) }
    }

    fn contains(self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// What the state says to a reader.
enum Verdict<T, F> {
    /// This is the answer.
    Answer(Result<Arc<T>, F>),
    /// A fetch is due. If somebody else is at it, `meanwhile` will do.
    Fetch { meanwhile: Option<Arc<T>>, round: u64 },
}

impl<T, F: Copy + Display + From<DocumentFault>> State<T, F> {
    fn verdict(&self, now: Timestamp, suits: impl Fn(&T) -> bool) -> Verdict<T, F> {
        let suiting = self.copy.as_ref().filter(|copy| suits(copy));
        let hopeless = self.failed.contains(now)
            || self.copy.is_some() && suiting.is_none() && self.missing.contains(now);
        if hopeless || suiting.is_some() && self.fresh.contains(now) {
            return Verdict::Answer(self.latest());
        }
        Verdict::Fetch { meanwhile: suiting.cloned(), round: self.rounds }
    }

    /// The last good copy, or why there is none.
    fn latest(&self) -> Result<Arc<T>, F> {
        match (&self.copy, self.fault) {
            (Some(copy), _) => Ok(Arc::clone(copy)),
            (None, Some(fault)) => Err(fault),
            (None, None) => Err(DocumentFault::Abandoned.into()),
        }
    }

    fn succeed(&mut self, fetched: Fetched<T>, now: Timestamp, suits: impl Fn(&T) -> bool) {
        if !suits(&fetched.document) {
            self.missing = Span::starting(now, COOL_DOWN);
        }
        self.fresh = Span::starting(now, fetched.good_for);
        self.copy = Some(Arc::new(fetched.document));
        self.fault = None;
        self.failures = 0;
        self.failed = Span::default();
        self.abandoned = 0;
        self.rounds += 1;
    }

    fn fail(&mut self, fault: F, now: Timestamp) {
        let doubled = FAILURE_COOL_DOWN.saturating_mul(1 << self.failures.min(8));
        self.failed = Span::starting(now, doubled.min(COOL_DOWN));
        self.failures = self.failures.saturating_add(1);
        self.fault = Some(fault);
        self.abandoned = 0;
        self.rounds += 1;
    }
}

impl<T, F: Copy + Display + From<DocumentFault>> Document<T, F> {
    /// Not fetched yet. The name is for the log.
    pub(super) fn new(name: &'static str) -> Self {
        let state = State {
            copy: None,
            fault: None,
            fresh: Span::default(),
            missing: Span::default(),
            failed: Span::default(),
            failures: 0,
            abandoned: 0,
            rounds: 0,
        };
        Self { name, state: Mutex::new(state), turn: tokio::sync::Mutex::new(()) }
    }

    /// The copy at hand, however old.
    pub(super) fn copy(&self) -> Option<Arc<T>> {
        self.state().copy.clone()
    }

    /// A copy that is fresh and suits, if that can be had now; else the last good one. `fetch` is awaited at
    /// most once, and only if a fetch is due and it is this reader's turn.
    pub(super) async fn get(
        &self,
        clock: &dyn Clock,
        suits: impl Fn(&T) -> bool,
        fetch: impl Future<Output = Result<Fetched<T>, F>>,
    ) -> Result<Arc<T>, F> {
        let verdict = self.state().verdict(clock.now(), &suits);
        let (meanwhile, round) = match verdict {
            Verdict::Answer(answer) => return answer,
            Verdict::Fetch { meanwhile, round } => (meanwhile, round),
        };
        let _turn = match (self.turn.try_lock(), meanwhile) {
            (Ok(turn), _) => turn,
            (Err(_), Some(copy)) => return Ok(copy),
            (Err(_), None) => self.turn.lock().await,
        };
        if let Some(answer) = self.fetched_since(round) {
            return answer;
        }
        let attempt = Attempt { document: self, started: clock.now(), ended: false };
        attempt.end(fetch.await, clock.now(), suits)
    }

    /// What the fetch brought that ended while this reader waited for its turn.
    fn fetched_since(&self, round: u64) -> Option<Result<Arc<T>, F>> {
        let state = self.state();
        (state.rounds != round).then(|| state.latest())
    }

    fn state(&self) -> MutexGuard<'_, State<T, F>> {
        // Nothing panics while it is held; and if it did, a whole state is still better than no sign-in.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch that is under way. Dropped before its end, it has been abandoned by its reader.
struct Attempt<'d, T, F: Copy + Display + From<DocumentFault>> {
    document: &'d Document<T, F>,
    started: Timestamp,
    ended: bool,
}

impl<T, F: Copy + Display + From<DocumentFault>> Attempt<'_, T, F> {
    fn end(
        mut self,
        result: Result<Fetched<T>, F>,
        now: Timestamp,
        suits: impl Fn(&T) -> bool,
    ) -> Result<Arc<T>, F> {
        self.ended = true;
        let mut state = self.document.state();
        match result {
            Ok(fetched) => state.succeed(fetched, now, suits),
            Err(fault) => {
                state.fail(fault, now);
                let kept = state.copy.is_some();
                tracing::warn!(document = self.document.name, %fault, kept, "no new copy of a provider's document");
            }
        }
        state.latest()
    }
}

impl<T, F: Copy + Display + From<DocumentFault>> Drop for Attempt<'_, T, F> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let mut state = self.document.state();
        state.abandoned += 1;
        // Else somebody who sends requests and hangs up could have the provider asked without end.
        if state.abandoned == MAX_ABANDONED {
            state.fail(DocumentFault::Abandoned.into(), self.started);
        }
    }
}

#[cfg(test)]
pub(super) mod scripted_http;
#[cfg(test)]
mod tests;
