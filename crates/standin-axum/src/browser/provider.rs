//! The provider that a path names.

use axum::extract::{FromRequestParts, Path};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use standin::Refusal;
use standin::verify::ProviderId;

use crate::Shared;
use crate::problem::Problem;

/// The `{provider}` of the path. Whether it is configured is the service's business.
pub(crate) struct NamedProvider(pub(crate) ProviderId);

impl FromRequestParts<Shared> for NamedProvider {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let unknown = || Problem::from(Refusal::UnknownProvider).into_response();
        let Path(name) =
            Path::<String>::from_request_parts(parts, shared).await.map_err(|_| unknown())?;
        name.parse().map(Self).map_err(|_| unknown())
    }
}
