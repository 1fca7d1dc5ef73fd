//! Asking a key service: one JSON body out, one back, and what an answer of another kind means.

use bytes::Bytes;
use data_encoding::BASE64;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;
use zeroize::{Zeroize as _, Zeroizing};

use super::{KekError, Key};
use crate::http::{HttpClient, HttpError, Request, Response};

/// A wrapped key, or a token, and its surroundings.
const LARGEST_ANSWER: usize = 64 * 1024;
/// As much of a service's words is shown to the operator.
const LONGEST_WORDS: usize = 300;

/// Bytes, as all these services write them.
pub(super) struct Base64(pub(super) Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = BASE64.decode(text.as_bytes());
        // The decoder's words are left out: what it stumbled over may be part of a key.
        bytes
            .map(|bytes| Self(Zeroizing::new(bytes)))
            .map_err(|_| serde::de::Error::custom("no base64"))
    }
}

/// A data key, from what a service unwrapped.
pub(super) fn key_of(plain: &[u8]) -> Result<Key, KekError> {
    let key = <[u8; 32]>::try_from(plain).map_err(|_| KekError::OtherKey)?;
    Ok(Zeroizing::new(key))
}

/// Who is asked, for words.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// A header that no log shows.
pub(super) fn secret_header(value: &str) -> Result<HeaderValue, KekError> {
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        KekError::Credentials("a credential has characters that no header can carry".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// The text of a body, which may hold a data key: it is wiped here, and once it has been sent. The copies that a client
/// makes on the way, for TLS and for what comes back, are not.
pub(super) fn written(mut body: Value) -> Zeroizing<Vec<u8>> {
    // With room for all of it: a text that grows leaves its beginning behind.
    let mut text = Zeroizing::new(Vec::with_capacity(LARGEST_ANSWER));
    // JSON of its own, into memory: neither can fail.
    let _written = serde_json::to_writer(&mut *text, &body);
    for member in body.as_object_mut().into_iter().flat_map(|members| members.values_mut()) {
        if let Value::String(member) = member {
            member.zeroize();
        }
    }
    text
}

/// A request for a JSON answer.
pub(super) fn post(
    url: Url,
    mut headers: HeaderMap,
    kind: &'static str,
    body: Zeroizing<Vec<u8>>,
) -> Request {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let (method, body) = (Method::POST, Bytes::from_owner(body));
    Request { method, url, headers, body, max_response_bytes: LARGEST_ANSWER }
}

/// A request for what lies at an address.
pub(super) fn get(url: Url, headers: HeaderMap) -> Request {
    let (method, body) = (Method::GET, Bytes::new());
    Request { method, url, headers, body, max_response_bytes: LARGEST_ANSWER }
}

/// The address, if keys and credentials may go there: https, or http within this machine.
pub(super) fn trusted(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback)
}

/// Sends it. The answer is one of success.
pub(super) async fn send(
    http: &dyn HttpClient,
    request: Request,
    words: fn(&Value) -> Option<String>,
) -> Result<Response, KekError> {
    let host = host_of(&request.url);
    let sent = http.send(request).await;
    let response = sent.map_err(|reason| match reason {
        HttpError::Untrusted(_) => KekError::Untrusted { host: host.clone(), reason },
        reason => KekError::Unreachable { host: host.clone(), reason },
    })?;
    if response.status.is_success() {
        return Ok(response);
    }
    let said = serde_json::from_slice(&response.body).ok().and_then(|body| words(&body));
    let words = readable(said.as_deref().unwrap_or("it says no more"));
    let status = response.status.as_u16();
    let is_passing =
        response.status.is_server_error() || response.status == StatusCode::TOO_MANY_REQUESTS;
    Err(if is_passing {
        KekError::Unavailable { host, status, words }
    } else {
        KekError::Refused { host, status, words }
    })
}

/// Reads the answer's JSON.
pub(super) fn read<T: DeserializeOwned>(host: &str, response: &Response) -> Result<T, KekError> {
    let fault = "it is not in the form that the service is known for";
    serde_json::from_slice(&response.body)
        .map_err(|_| KekError::Answer { host: host.to_owned(), fault })
}

/// Somebody else's words: on one line, and not too many.
fn readable(words: &str) -> String {
    let plain = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(LONGEST_WORDS).collect()
}
