//! The client that ships: reqwest over rustls, certificates always verified, addresses always judged.

use std::error::Error;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use reqwest::dns::Resolve;
use rustls::CertificateError;
use url::{Host, Url};

use super::resolver::{JudgingResolver, SystemResolver};
use super::{
    AddressPolicy, CONNECT_TIMEOUT, HttpClient, HttpError, RefusedAddress, Request, Response,
    TOTAL_TIMEOUT,
};

/// Outbound HTTP with a provider's limits: only to addresses of its policy, no redirects, no proxies from the
/// environment, no cookies, no decompression (a small body cannot become a large one), connections kept alive
/// and shared.
#[derive(Clone, Debug)]
pub struct ReqwestClient {
    client: reqwest::Client,
    policy: Arc<AddressPolicy>,
}

impl ReqwestClient {
    /// A client with the limits above, that talks to what `policy` allows: [`AddressPolicy::public`] but in
    /// development and for providers on a network of one's own.
    ///
    /// # Errors
    /// When the TLS back end cannot be set up, for instance without any trusted certificate.
    pub fn new(policy: AddressPolicy) -> Result<Self, reqwest::Error> {
        Self::over(Arc::new(SystemResolver), policy, Vec::new())
    }

    /// As [`ReqwestClient::new`], trusting the certificates of these authorities (PEM), too.
    ///
    /// # Errors
    /// As there, and if `authorities` are no certificates.
    pub fn trusting(policy: AddressPolicy, authorities: &[u8]) -> Result<Self, reqwest::Error> {
        let authorities = reqwest::Certificate::from_pem_bundle(authorities)?;
        Self::over(Arc::new(SystemResolver), policy, authorities)
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that builds an HTTP client")]
    fn over(
        resolver: Arc<dyn Resolve>,
        policy: AddressPolicy,
        authorities: Vec<reqwest::Certificate>,
    ) -> Result<Self, reqwest::Error> {
        let policy = Arc::new(policy);
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .https_only(policy.is_https_only())
            .no_proxy()
            .dns_resolver(JudgingResolver { policy: Arc::clone(&policy), inner: resolver })
            .retry(reqwest::retry::never())
            .user_agent(concat!("standin/", env!("CARGO_PKG_VERSION")))
            .tls_certs_merge(authorities)
            .build()?;
        Ok(Self { client, policy })
    }

    /// An address in place of a name is dialled without asking the resolver.
    fn judge_written(&self, url: &Url) -> Result<(), RefusedAddress> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.policy.judge(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.policy.judge(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }
}

#[async_trait]
impl HttpClient for ReqwestClient {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.judge_written(&request.url)?;
        let limit = request.max_response_bytes;
        let response = self
            .client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .send()
            .await
            .map_err(|error| why(&error))?;
        let status = response.status();
        let headers = response.headers().clone();
        let body = read_body(response, limit).await?;
        Ok(Response { status, headers, body })
    }
}

/// What the resolver refused is the cause of a connection that was not made.
fn why(error: &reqwest::Error) -> HttpError {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    if let Some(refused) = causes.find_map(|cause| cause.downcast_ref::<RefusedAddress>()) {
        HttpError::AddressRefused(*refused)
    } else if let Some(fault) = certificate_fault(error) {
        HttpError::Untrusted(fault)
    } else if error.is_connect() || error.is_builder() {
        HttpError::Unsent
    } else {
        HttpError::Ambiguous
    }
}

/// What is wrong with the peer's certificate, in words for an operator.
fn certificate_fault(error: &reqwest::Error) -> Option<&'static str> {
    let mut causes = std::iter::successors(error.source(), |&cause| inner(cause));
    let found = causes.find_map(|cause| match cause.downcast_ref::<rustls::Error>() {
        Some(rustls::Error::InvalidCertificate(fault)) => Some(fault),
        _ => None,
    })?;
    Some(match found {
        // An authority that was made anew has the name of the one before, and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no authority that is trusted here vouches for it (or it is not from the one that is named)"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is for another name"
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its time is over",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its time has not begun"
        }
        _ => "it is not valid",
    })
}

/// What an error was made of. An error of a socket does not name what it carries as its source.
fn inner<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    let carried = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    carried.map(|carried| carried as &(dyn Error + 'static)).or_else(|| error.source())
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

#[cfg(test)]
mod tests;
