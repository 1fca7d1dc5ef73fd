//! `GET` and `PUT clients`: registrations at run time, as in the cloud console.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{self, Body, Problem};
use crate::seed::{Client, ClientKind, ClientStatus};
use crate::state::{Shared, State as Known};

/// A client to add or change; what is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientPatch {
    client_id: Option<String>,
    client_secret: Option<String>,
    kind: Option<ClientKind>,
    status: Option<ClientStatus>,
    name: Option<String>,
    project: Option<String>,
    registered_before_2019: Option<bool>,
    redirect_uris: Option<Vec<String>>,
    javascript_origins: Option<Vec<String>>,
}

impl ClientPatch {
    fn apply(self, state: &Known) -> Client {
        let known = self.client_id.as_deref().and_then(|id| state.client(id)).cloned();
        let known = known.unwrap_or_else(|| Client::named(self.client_id.unwrap_or_default()));
        Client {
            client_id: known.client_id,
            client_secret: self.client_secret.unwrap_or(known.client_secret),
            kind: self.kind.unwrap_or(known.kind),
            status: self.status.unwrap_or(known.status),
            name: self.name.unwrap_or(known.name),
            project: self.project.unwrap_or(known.project),
            registered_before_2019: self
                .registered_before_2019
                .unwrap_or(known.registered_before_2019),
            redirect_uris: self.redirect_uris.unwrap_or(known.redirect_uris),
            javascript_origins: self.javascript_origins.unwrap_or(known.javascript_origins),
        }
    }
}

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let state = shared.state();
    Json(json!({"clients": state.clients.iter().map(public).collect::<Vec<_>>()}))
}

/// Answers with the secrets: whoever registers a client needs a secret that was made up here.
pub(super) async fn upsert(
    State(shared): State<Arc<Shared>>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let patches: Vec<ClientPatch> = problem::read_list(&body)?;
    let mut state = shared.state();
    let mut clients = Vec::new();
    for patch in patches {
        let client = patch.apply(&state).completed();
        clients.push(client.map_err(|error| Problem::invalid(error.to_string()))?);
    }
    for client in &clients {
        state.clients.retain(|known| known.client_id != client.client_id);
        state.clients.push(client.clone());
    }
    Ok(Json(json!({"clients": clients.iter().map(with_secret).collect::<Vec<_>>()})))
}

/// `GET clients/{client_id}/file`: what the console's download button gives, for Google's libraries.
pub(super) async fn file(
    State(shared): State<Arc<Shared>>,
    Path(client_id): Path<String>,
) -> Result<Response, Problem> {
    let state = shared.state();
    let Some(client) = state.client(&client_id) else {
        let detail = format!("There is no client `{client_id}`; GET /_emulator/clients lists all.");
        return Err(Problem::new(StatusCode::NOT_FOUND, "unknown_client", detail));
    };
    Ok(Json(client.to_file(&shared.origin, &shared.browser_origin)).into_response())
}

pub(super) fn public(client: &Client) -> Value {
    json!({
        "client_id": client.client_id,
        "kind": client.kind,
        "status": client.status,
        "name": client.name,
        "project": client.project,
        "registered_before_2019": client.registered_before_2019,
        "redirect_uris": client.redirect_uris,
        "javascript_origins": client.javascript_origins,
    })
}

fn with_secret(client: &Client) -> Value {
    let mut value = public(client);
    value["client_secret"] = Value::from(client.client_secret.as_str());
    value
}
