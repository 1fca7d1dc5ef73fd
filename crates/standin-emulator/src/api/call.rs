//! One call of an API: authenticated, worked, answered, and written to the ledger.
//!
//! ```text
//! token ─▶ user ─▶ scope ─▶ fields ─▶ body ─▶ the method's work ─▶ selection, member order ─▶ answer
//! ```
//!
//! A call without a good token learns nothing about its parameters or its body.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method as Verb, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};

use super::fields::Fields;
use super::params::Params;
use super::refusal::{
    Refusal, insufficient_scope, invalid_credential, json_answer, missing_credential,
};
use super::shape::Shape;
use crate::bearer;
use crate::scopes;
use crate::seed::User;
use crate::state::Shared;
use crate::state::grants::AccessToken;
use crate::state::ledger::{Event, Kind};

/// What the methods of one API have in common.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) service: &'static str,
    /// The member order of its errors.
    pub(super) errors: Shape,
    /// Whether the answer to a weak token still carries the older list of errors.
    pub(super) lists_insufficient_permissions: bool,
}

/// A method: its name in error bodies, the scopes of which one is enough, and what it answers.
#[derive(Debug)]
pub(super) struct Method {
    pub(super) api: &'static Api,
    pub(super) name: &'static str,
    pub(super) scopes: &'static [&'static str],
    pub(super) shape: &'static Shape,
    /// What is answered without a `fields` parameter; everything if absent.
    pub(super) default_fields: Option<&'static str>,
    /// The largest body, in bytes.
    pub(super) limit: usize,
}

/// A call that was allowed.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) shared: Arc<Shared>,
    pub(super) token: AccessToken,
    pub(super) user: User,
    pub(super) params: Params,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// What the work of a method comes to.
#[derive(Debug)]
pub(super) enum Answer {
    /// 200 and a resource, of which `fields` selects.
    Resource(Value),
    /// 204.
    Empty,
    /// Anything else, as it is.
    Other(Response),
}

/// Authenticates a call, does its work if that is allowed, and writes the ledger.
pub(super) async fn call(
    shared: &Arc<Shared>,
    request: Request,
    method: &Method,
    work: impl FnOnce(&Call) -> Result<Answer, Refusal>,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, method.limit).await;
    let params = Params::parse(parts.uri.query());
    let token = bearer::token(&parts.headers).or_else(|| params.get("access_token"));
    let caller = token.and_then(|token| bearer::caller(shared, token));
    let token = token.map(str::to_owned);
    let mut event = event(&parts).hashed_some("access_token", token.as_deref());
    if let Some((token, user)) = &caller {
        event = event.user(user.email.as_str()).client(token.client_id.as_str());
    }
    let response = match caller {
        Some((token, user)) if method.accepts(&token) => {
            let Parts { headers, .. } = parts;
            let shared = shared.clone();
            let body = body.map_err(|_| too_large());
            let answer = body.and_then(|body| {
                let call = Call { shared, token, user, params, headers, body };
                call.worked(&parts.method, method, work)
            });
            answer.unwrap_or_else(|refusal| refusal.into_response(&method.api.errors))
        }
        Some(_) => insufficient_scope(method),
        None if token.is_some() => invalid_credential(),
        None => missing_credential(),
    };
    shared.record(event.with("status", response.status().as_u16()));
    response
}

/// The ledger's entry of a call, before it is known how it ends.
pub(super) fn event(parts: &Parts) -> Event {
    Event::new(Kind::ApiCall).with("method", parts.method.as_str()).with("path", parts.uri.path())
}

fn too_large() -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "uploadTooLarge", "Request Too Large.")
}

impl Method {
    fn accepts(&self, token: &AccessToken) -> bool {
        self.scopes.iter().any(|name| token.scopes.contains(&scopes::url(name)))
    }

    /// The selection of a `fields` parameter, or what stands for it.
    pub(super) fn fields(&self, given: Option<&str>) -> Result<Fields, Refusal> {
        let Some(text) = given.or(self.default_fields) else {
            return Ok(Fields::All);
        };
        Fields::parse(text, self.shape).map_err(|unknown| {
            Refusal::invalid_parameter("fields", format!("Invalid field selection {unknown}"))
        })
    }
}

impl Call {
    fn worked(
        &self,
        verb: &Verb,
        method: &Method,
        work: impl FnOnce(&Self) -> Result<Answer, Refusal>,
    ) -> Result<Response, Refusal> {
        let fields = method.fields(self.params.get("fields"))?;
        Ok(match work(self)? {
            Answer::Resource(value) if verb == Verb::GET && self.has(&value) => {
                StatusCode::NOT_MODIFIED.into_response()
            }
            Answer::Resource(value) => self.resource(method.shape, &fields, value),
            Answer::Empty => StatusCode::NO_CONTENT.into_response(),
            Answer::Other(response) => response,
        })
    }

    pub(super) fn resource(&self, shape: &Shape, fields: &Fields, value: Value) -> Response {
        let etag = value["etag"].as_str().and_then(|etag| etag.parse().ok());
        let pretty = self.params.get("prettyPrint") != Some("false");
        let mut response = json_answer(StatusCode::OK, shape, &fields.select(value), pretty);
        if let Some(etag) = etag {
            response.headers_mut().insert(header::ETAG, etag);
        }
        response
    }

    /// Whether the caller holds this very version already.
    fn has(&self, value: &Value) -> bool {
        let known = self.header(header::IF_NONE_MATCH).unwrap_or_default();
        value["etag"].as_str().is_some_and(|etag| lists(known, etag))
    }

    /// Refuses a change of a version that the caller does not mean.
    pub(super) fn if_match(&self, etag: &str) -> Result<(), Refusal> {
        match self.header(header::IF_MATCH) {
            Some(wanted) if !lists(wanted, etag) => {
                let status = StatusCode::PRECONDITION_FAILED;
                let refusal = Refusal::new(status, "conditionNotMet", "Precondition Failed");
                Err(refusal.at("header", "If-Match"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn now(&self) -> i64 {
        self.shared.clock.now_unix_ms()
    }

    /// The body as a JSON object; an empty body is an empty object.
    pub(super) fn json(&self) -> Result<Map<String, Value>, Refusal> {
        json_object(&self.body)
    }
}

pub(super) fn json_object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(body).map_err(|_| Refusal::bad_request("parseError", "Parse Error"))
}

/// Whether a list of entity tags holds this one, or `*`.
fn lists(list: &str, etag: &str) -> bool {
    list.split(',').map(str::trim).any(|listed| listed == "*" || listed == etag)
}
