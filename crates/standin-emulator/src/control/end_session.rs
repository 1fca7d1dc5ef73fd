//! `GET end-session`: OpenID Connect RP-Initiated Logout 1.0, for clients that are to be tried with it.
//!
//! Google has none. It stands here, and discovery names it only with profile `end_session`.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Redirect;
use serde::Deserialize;
use url::Url;

use super::problem::Problem;
use crate::state::Shared;
use crate::state::ledger::{Event, Kind};

/// The path, as discovery gives it.
pub(crate) const PATH: &str = "/_emulator/end-session";

/// What is read of the request. `id_token_hint` is recommended and not demanded.
#[derive(Deserialize)]
pub(super) struct Request {
    client_id: Option<String>,
    post_logout_redirect_uri: Option<String>,
    state: Option<String>,
    logout_hint: Option<String>,
}

/// Signs the hinted account out at every browser and sends this one back.
pub(super) async fn end(
    State(shared): State<Arc<Shared>>,
    Query(request): Query<Request>,
) -> Result<Redirect, Problem> {
    let mut state = shared.state();
    let client_id = request.client_id.unwrap_or_default();
    let client = state.clients.iter().find(|client| client.client_id == client_id);
    let client = client.ok_or_else(|| Problem::invalid_query("`client_id` is nobody's"))?;
    let mut back = request
        .post_logout_redirect_uri
        .and_then(|uri| Url::parse(&uri).ok())
        .filter(|uri| client.redirect_uris.iter().any(|known| is_beside(uri, known)))
        .ok_or_else(|| {
            Problem::invalid_query(
                "`post_logout_redirect_uri` is on the origin of none of the client's redirect URIs",
            )
        })?;
    let user = request.logout_hint.as_deref().and_then(|hint| state.users.find(hint)).cloned();
    let mut event = Event::new(Kind::SessionEnded).client(client_id);
    if let Some(user) = user {
        state.browsers.forget(&user.sub);
        event = event.user(user.email);
    }
    state.ledger.record(shared.clock.now_unix_ms(), event);
    back.query_pairs_mut().extend_pairs(request.state.iter().map(|state| ("state", state)));
    Ok(Redirect::to(back.as_str()))
}

fn is_beside(uri: &Url, registered: &str) -> bool {
    Url::parse(registered).is_ok_and(|registered| registered.origin() == uri.origin())
}
