//! The emulator's control API: what the page's "make trouble" buttons are made of.

use std::time::Duration;

use ::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Answer, Call, Http, Unanswered};

/// Speaks to one emulator.
#[derive(Clone, Debug)]
pub(super) struct Control {
    http: Http,
    origin: String,
}

/// The emulator did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    #[error("the emulator answered {0}")]
    Status(StatusCode),
}

impl Control {
    pub(super) fn new(http: Http, origin: &str) -> Self {
        Self { http, origin: origin.to_owned() }
    }

    /// Where it is, for a policy that lets its script in.
    pub(super) fn origin(&self) -> &str {
        &self.origin
    }

    pub(super) async fn advance(&self, by: Duration) -> Result<(), Refused> {
        let body = json!({"advance_seconds": by.as_secs()});
        self.call(Method::POST, "clock", Some(&body)).await.map(drop)
    }

    /// The user removes the app on Google's security page.
    pub(super) async fn revoke(&self, email: &str) -> Result<(), Refused> {
        let path = format!("users/{email}/revoke");
        self.call(Method::POST, &path, None).await.map(drop)
    }

    /// The next use of any refresh token, or code, is refused.
    pub(super) async fn refuse_next_refresh(&self) -> Result<(), Refused> {
        let faults = json!([{"endpoint": "token", "fault": "invalid_grant", "times": 1}]);
        self.call(Method::POST, "faults", Some(&faults)).await.map(drop)
    }

    pub(super) async fn clear_faults(&self) -> Result<(), Refused> {
        self.call(Method::DELETE, "faults", None).await.map(drop)
    }

    pub(super) async fn reset(&self) -> Result<(), Refused> {
        self.call(Method::POST, "reset", None).await.map(drop)
    }

    /// Everything that happened, in order.
    pub(super) async fn ledger(&self) -> Result<Vec<Value>, Refused> {
        #[derive(Deserialize)]
        struct Ledger {
            events: Vec<Value>,
        }
        let answer = self.call(Method::GET, "ledger", None).await?;
        Ok(answer.read::<Ledger>()?.events)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Refused> {
        let call = Call::new(method, format!("{}/_emulator/{path}", self.origin));
        let call = match body {
            Some(body) => call.json(body)?,
            None => call,
        };
        let answer = self.http.send(call).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(Refused::Status(answer.status)) }
    }
}
