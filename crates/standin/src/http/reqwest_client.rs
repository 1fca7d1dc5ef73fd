//! The client that ships: reqwest over rustls, certificates always verified.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::{CONNECT_TIMEOUT, HttpClient, HttpError, Request, Response, TOTAL_TIMEOUT};

/// Outbound HTTP with a provider's limits: no redirects, no proxies from the environment, no cookies, no
/// decompression (a small body cannot become a large one), connections kept alive and shared.
#[derive(Clone, Debug)]
pub struct ReqwestClient(reqwest::Client);

impl ReqwestClient {
    /// A client with the limits above.
    ///
    /// # Errors
    /// When the TLS back end cannot be set up, for instance without any trusted certificate.
    #[expect(clippy::disallowed_methods, reason = "the one place that builds an HTTP client")]
    pub fn new() -> Result<Self, reqwest::Error> {
        reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .no_proxy()
            .retry(reqwest::retry::never())
            .user_agent(concat!("standin/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
    }
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let limit = request.max_response_bytes;
        let response =
            self.0
                .request(request.method, request.url)
                .headers(request.headers)
                .body(request.body)
                .send()
                .await
                .map_err(|error| {
                    if error.is_connect() { HttpError::Unsent } else { HttpError::Ambiguous }
                })?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = read_body(response, limit).await?;
        Ok(Response { status, headers, body })
    }
}

async fn read_body(mut response: reqwest::Response, limit: usize) -> Result<Bytes, HttpError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| HttpError::Ambiguous)? {
        if body.len() + chunk.len() > limit {
            return Err(HttpError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
