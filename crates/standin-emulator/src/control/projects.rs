//! `GET` and `PUT projects`: what an application's owner tells Google about it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::{self, Body, Problem};
use crate::seed::Project;
use crate::state::Shared;

/// Only projects that somebody has described; all others are ordinary.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"projects": shared.state().projects}))
}

/// Replaces each project whole; all or nothing.
pub(super) async fn upsert(
    State(shared): State<Arc<Shared>>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let projects: Vec<Project> = problem::read_list(&body)?;
    let projects: Vec<Project> = projects
        .into_iter()
        .map(Project::completed)
        .collect::<Result<_, _>>()
        .map_err(|error| Problem::invalid(error.to_string()))?;
    let mut state = shared.state();
    for project in &projects {
        state.projects.retain(|known| known.id != project.id);
        state.projects.push(project.clone());
    }
    Ok(Json(json!({"projects": projects})))
}
