//! `PUT service-accounts`: accounts of programs, answered with the key file that a program needs.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{self, Body, Problem};
use crate::object::Object;
use crate::seed::ServiceAccount;
use crate::state::Shared;

/// An account to add or change; what is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Patch {
    email: String,
    project: Option<String>,
    client_id: Option<String>,
    delegated_scopes: Option<Vec<String>>,
}

impl Patch {
    /// An account that is known keeps its key.
    fn apply(self, known: Option<&ServiceAccount>) -> ServiceAccount {
        let mut account = known.cloned().unwrap_or_else(|| ServiceAccount::named(&self.email));
        account.project = self.project.unwrap_or(account.project);
        account.client_id = self.client_id.unwrap_or(account.client_id);
        account.delegated_scopes = self.delegated_scopes.unwrap_or(account.delegated_scopes);
        account
    }
}

/// Without keys: those are in the answers of `PUT`.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"service_accounts": shared.state().service_accounts}))
}

/// One key file, or, for a list of accounts, a list of them.
pub(super) async fn upsert(
    State(shared): State<Arc<Shared>>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let several = body.trim_ascii_start().starts_with(b"[");
    let patches: Vec<Patch> = problem::read_list(&body)?;
    let accounts = store(&shared, patches)?;
    let file = |account: &ServiceAccount| account.key_file(&shared.origin, &shared.browser_origin);
    let files: Vec<Object> = accounts.iter().map(file).collect();
    match files.as_slice() {
        [only] if !several => Ok(Json(only).into_response()),
        files => Ok(Json(files).into_response()),
    }
}

fn store(shared: &Shared, patches: Vec<Patch>) -> Result<Vec<ServiceAccount>, Problem> {
    let mut state = shared.state();
    let mut accounts = Vec::new();
    for patch in patches {
        let known = state.service_account(&patch.email);
        let account = patch.apply(known).completed();
        accounts.push(account.map_err(|error| Problem::invalid(error.to_string()))?);
    }
    for account in &accounts {
        state.service_accounts.retain(|known| known.email != account.email);
        state.service_accounts.push(account.clone());
    }
    Ok(accounts)
}
