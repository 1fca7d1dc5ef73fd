//! A provider whose discovery document says something else.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use standin::http::{HttpClient, HttpError, Request, ReqwestClient, Response};

use super::{changed, http_client};

/// Standin's HTTP client, through which the document has these members; `null` takes one away.
#[derive(Clone)]
pub struct Publishing(Arc<(ReqwestClient, Value)>);

impl Publishing {
    pub fn new(change: Value) -> Self {
        Self(Arc::new((http_client(), change)))
    }
}

#[async_trait]
impl HttpClient for Publishing {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let is_document = request.url.path().ends_with("/openid-configuration");
        let mut response = self.0.0.send(request).await?;
        if is_document {
            let document = serde_json::from_slice(&response.body).unwrap();
            response.body = changed(document, &self.0.1).to_string().into();
        }
        Ok(response)
    }
}
