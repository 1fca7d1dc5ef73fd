//! A small HTTP client for what the app and its job ask of others.

use ::http::header::{AUTHORIZATION, CONTENT_TYPE, InvalidHeaderValue};
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use standin::http::{AddressPolicy, HttpClient as _, HttpError, Request, ReqwestClient};
use url::Url;

const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub(super) struct Http(ReqwestClient);

/// A request in the making.
pub(super) struct Call {
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Bytes,
}

/// Why nothing usable came back.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the address is not a URL")]
    Url(#[from] url::ParseError),
    #[error("a header holds characters that no header may hold")]
    Header(#[from] InvalidHeaderValue),
    #[error("the answer is not the JSON that was expected: {0}")]
    Json(#[from] serde_json::Error),
}

impl Http {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self(ReqwestClient::new(AddressPolicy::public().and_loopback())?))
    }

    pub(super) async fn send(&self, call: Call) -> Result<Answer, Unanswered> {
        let request = Request {
            method: call.method,
            url: Url::parse(&call.url)?,
            headers: call.headers,
            body: call.body.into(),
            max_response_bytes: MAX_ANSWER,
        };
        let response = self.0.send(request).await?;
        Ok(Answer { status: response.status, body: response.body })
    }
}

impl Call {
    pub(super) fn new(method: Method, url: impl Into<String>) -> Self {
        Self { method, url: url.into(), headers: HeaderMap::new(), body: Vec::new() }
    }

    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    pub(super) fn bearer(self, token: &str) -> Result<Self, Unanswered> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))?;
        value.set_sensitive(true);
        Ok(self.header(AUTHORIZATION, value))
    }

    pub(super) fn body(mut self, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE, HeaderValue::from_static(content_type))
    }

    pub(super) fn json(self, body: &impl serde::Serialize) -> Result<Self, Unanswered> {
        Ok(self.body("application/json", serde_json::to_vec(body)?))
    }
}

impl Answer {
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Unanswered> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}
