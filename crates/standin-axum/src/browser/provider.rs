//! The provider that a path names.

use axum::extract::{FromRequestParts, Path};
use axum::response::Response;
use http::request::Parts;
use standin::Refusal;
use standin::verify::ProviderId;

use crate::Shared;
use crate::page::{self, Waiting};

/// The `{provider}` of the path. Whether it is configured is the service's business.
pub(crate) struct NamedProvider(pub(crate) ProviderId);

impl FromRequestParts<Shared> for NamedProvider {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let path = Path::<String>::from_request_parts(parts, shared).await;
        path.ok().and_then(|Path(name)| name.parse().ok()).map(Self).ok_or_else(|| {
            let problem = Refusal::UnknownProvider.into();
            page::failed(&parts.headers, problem, Waiting::Nobody, None)
        })
    }
}
