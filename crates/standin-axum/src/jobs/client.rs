//! Which client sent a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{AUTHORIZATION, ORIGIN};
use http::request::Parts;
use standin::Refusal;
use standin::secret::ClientKey;
use standin::signin::Parameters;
use standin::store::ClientRow;

use crate::problem::Problem;
use crate::{ClientIp, Shared};

/// No key of ours is longer; a longer one is not even hashed.
const MAX_KEY: usize = 128;

/// The client whose key the request carries.
pub(crate) struct AuthenticatedClient(pub(crate) Arc<ClientRow>);

impl FromRequestParts<Shared> for AuthenticatedClient {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let key = key(&parts.headers).and_then(|key| match parts.uri.query() {
            Some(_) => Err(Refusal::InvalidRequest),
            None => Ok(key),
        });
        authenticate(parts, shared, key).await.map(Self)
    }
}

/// The client of a request that asks in its query. The key is not among what is asked.
pub(crate) struct AskingClient {
    pub(crate) client: Arc<ClientRow>,
    pub(crate) query: Parameters,
}

impl FromRequestParts<Shared> for AskingClient {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let client = authenticate(parts, shared, key(&parts.headers)).await?;
        let query = Parameters::parse(parts.uri.query().unwrap_or_default());
        let query = query.map_err(|refusal| Problem::from(refusal).into_response())?;
        Ok(Self { client, query })
    }
}

async fn authenticate(
    parts: &mut Parts,
    shared: &Shared,
    key: Result<ClientKey, Refusal>,
) -> Result<Arc<ClientRow>, Response> {
    let refuse = |refusal: Refusal| Problem::from(refusal).into_response();
    let client =
        ClientIp::from_request_parts(parts, shared).await.unwrap_or_else(|never| match never {});
    shared.standin.limiter().check(client.0).map_err(refuse)?;
    let key = key.map_err(refuse)?;
    let found = shared.standin.vend().authenticate(&key).await;
    if matches!(found, Err(standin::Error::Refused(_))) {
        shared.standin.limiter().failed(client.0).await;
    }
    found.map_err(|error| Problem::from(error).into_response())
}

/// Only from `Authorization: Bearer`: never from a cookie, a page, or a query (requirement TV-14).
fn key(headers: &HeaderMap) -> Result<ClientKey, Refusal> {
    if headers.contains_key(ORIGIN) {
        return Err(Refusal::CrossOrigin);
    }
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::InvalidClient);
    };
    let text = value.to_str().map_err(|_| Refusal::InvalidClient)?;
    let (scheme, key) = text.split_once(' ').ok_or(Refusal::InvalidClient)?;
    let is_ours = scheme.eq_ignore_ascii_case("bearer") && key.starts_with("sk_");
    if is_ours && key.len() <= MAX_KEY {
        Ok(ClientKey::new(key))
    } else {
        Err(Refusal::InvalidClient)
    }
}
