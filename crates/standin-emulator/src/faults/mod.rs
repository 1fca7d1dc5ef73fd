//! Scripted misbehaviour: what a test wants the provider to do wrong next.
//!
//! Faults queue per endpoint and are used up in order, one per request. Those of the transport
//! (a status, a delay, a cut connection) are played here, around the handler; those of the content
//! travel to the handler as a [`Twist`] in the request's extensions. Any of them can be held until a
//! test lets go.

mod script;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::sync::watch;

pub(crate) use self::script::Script;
use crate::reply::Abort;
use crate::state::Shared;
use crate::state::ledger::{Event, Kind};

/// Where a fault strikes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Endpoint {
    Api,
    Authorize,
    Device,
    Discovery,
    Jwks,
    Revoke,
    Token,
    Tokeninfo,
    Userinfo,
}

/// One entry of the script, with what is left of it.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) endpoint: Endpoint,
    pub(crate) name: &'static str,
    pub(crate) remaining: u32,
    delay: Duration,
    /// Whether the request waits until somebody says [`Hold::release`].
    held: bool,
    action: Action,
}

/// Where held requests wait. What a test wants to happen meanwhile happens, however slow the machine is.
#[derive(Debug)]
pub(crate) struct Hold(watch::Sender<u64>);

impl Default for Hold {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Hold {
    /// Lets go all requests that wait now.
    pub(crate) fn release(&self) {
        self.0.send_modify(|releases| *releases += 1);
    }
}

#[derive(Clone, Debug)]
enum Action {
    /// Answer this instead of asking the handler.
    Answer(Canned),
    /// Cut the connection without doing anything.
    DropBefore,
    /// Do everything, then cut the connection instead of answering.
    DropAfter,
    /// Only the delay.
    Proceed,
    /// Let the handler answer differently.
    Twist(Twist),
}

#[derive(Clone, Debug)]
struct Canned {
    status: StatusCode,
    content_type: HeaderValue,
    retry_after: Option<HeaderValue>,
    body: String,
}

/// How a handler's answer is to differ from the truth.
#[derive(Clone, Debug)]
pub(crate) enum Twist {
    AlgNone,
    BadSignature,
    Expired,
    IdTokenClaims { claims: Map<String, Value>, header: Map<String, Value> },
    InvalidClient,
    InvalidGrant,
    NarrowScope { scopes: Vec<String> },
    NoRefreshToken,
    OtherSubject,
    Rotate,
    TokenResponse { fields: Map<String, Value> },
    UnknownKid,
    WrongAud,
    WrongIss,
    WrongNonce,
}

/// The script: what is still to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Faults(VecDeque<Fault>);

impl Faults {
    pub(crate) fn extend(&mut self, faults: Vec<Fault>) {
        self.0.extend(faults);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    fn take(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let index = self.0.iter().position(|fault| fault.endpoint == endpoint)?;
        let fault = &mut self.0[index];
        fault.remaining -= 1;
        let taken = fault.clone();
        if taken.remaining == 0 {
            self.0.remove(index);
        }
        Some(taken)
    }
}

/// Plays the next fault of an endpoint around its handler.
pub(crate) async fn inject(
    State((shared, endpoint)): State<(Arc<Shared>, Endpoint)>,
    mut request: Request,
    next: Next,
) -> Response {
    // Before the ledger tells of it: whoever reads that may let go at once.
    let mut hold = shared.hold.0.subscribe();
    let Some(fault) = take_and_record(&shared, endpoint) else {
        return next.run(request).await;
    };
    if fault.held {
        let _ = hold.changed().await;
    }
    tokio::time::sleep(fault.delay).await;
    match fault.action {
        Action::Answer(canned) => canned.into_response(),
        Action::DropBefore => Abort::response(),
        Action::DropAfter => {
            next.run(request).await;
            Abort::response()
        }
        Action::Proceed => next.run(request).await,
        Action::Twist(twist) => {
            request.extensions_mut().insert(twist);
            next.run(request).await
        }
    }
}

fn take_and_record(shared: &Shared, endpoint: Endpoint) -> Option<Fault> {
    let fault = shared.state().faults.take(endpoint)?;
    let endpoint = serde_json::to_value(endpoint).unwrap_or_default();
    shared.record(Event::new(Kind::FaultUsed).with("endpoint", endpoint).with("fault", fault.name));
    Some(fault)
}

impl IntoResponse for Canned {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, self.content_type);
        if let Some(when) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, when);
        }
        response
    }
}
