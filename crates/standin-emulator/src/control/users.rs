//! `GET` and `PUT users`, and what users do to an application behind its back.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::{self, Body, Problem};
use crate::risc;
use crate::seed::{Block, User};
use crate::state::Shared;
use crate::state::grants::Owner;
use crate::state::ledger::{Event, Kind};

/// A user to add or change; what is absent stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UserPatch {
    email: String,
    sub: Option<String>,
    name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    picture: Option<String>,
    hd: Option<String>,
    email_verified: Option<bool>,
    block: Option<Block>,
}

impl UserPatch {
    /// A new name makes new first and last names, unless those are given too.
    fn apply(self, known: Option<&User>) -> User {
        let renamed = self.name.is_some();
        let kept = |part: fn(&User) -> &String| {
            known.filter(|_| !renamed).map(|user| part(user).clone()).unwrap_or_default()
        };
        User {
            given_name: self.given_name.unwrap_or_else(|| kept(|user| &user.given_name)),
            family_name: self.family_name.unwrap_or_else(|| kept(|user| &user.family_name)),
            name: self.name.unwrap_or_else(|| kept(|user| &user.name)),
            sub: self.sub.or_else(|| known.map(|user| user.sub.clone())).unwrap_or_default(),
            picture: self.picture.or_else(|| known?.picture.clone()),
            hd: self.hd.or_else(|| known?.hd.clone()),
            email_verified: self
                .email_verified
                .unwrap_or_else(|| known.is_none_or(|user| user.email_verified)),
            block: self.block.or_else(|| Some(known?.block)).unwrap_or_default(),
            email: self.email,
        }
    }
}

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let state = shared.state();
    Json(json!({"users": state.users.iter().collect::<Vec<_>>()}))
}

/// All or nothing, in the order of the list.
pub(super) async fn upsert(
    State(shared): State<Arc<Shared>>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let patches: Vec<UserPatch> = problem::read_list(&body)?;
    let mut state = shared.state();
    let mut users = state.users.clone();
    let mut changed = Vec::new();
    for patch in patches {
        let by_sub = patch.sub.as_deref().and_then(|sub| users.by_sub(sub));
        let known = by_sub.or_else(|| users.find(&patch.email));
        let user = patch.apply(known).completed();
        let user = user.map_err(|error| Problem::invalid(error.to_string()))?;
        if users.is_taken(&user) {
            let detail = format!("The address `{}` belongs to another `sub`.", user.email);
            return Err(Problem::invalid(detail));
        }
        users.upsert(user.clone());
        changed.push(user);
    }
    state.users = users;
    Ok(Json(json!({"users": changed})))
}

/// Whose access ends; everybody's when nothing is named.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    project: Option<String>,
}

/// `POST users/{user}/revoke`: the user takes back what one project was given, or everything, as on
/// the account's security page.
pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Path(user): Path<String>,
    Body(body): Body,
) -> Result<StatusCode, Problem> {
    let Revocation { project } =
        if body.is_empty() { Revocation::default() } else { problem::read(&body)? };
    let mut state = shared.state();
    let user = state.users.find(&user).cloned().ok_or_else(|| Problem::unknown_user(&user))?;
    let mut tokens = state.grants.live_refresh_of(&user.sub, shared.clock.now_unix());
    tokens.retain(|(project, _)| risc::knows(&state, project, &user.sub));
    let mut event = Event::new(Kind::Revoked).user(user.email.as_str()).with("by", "user");
    match project {
        Some(project) => {
            event = event.with("project", project.as_str());
            tokens.retain(|(other, _)| *other == project);
            state.grants.revoke(&Owner { project, sub: user.sub.clone() });
        }
        None => state.grants.revoke_user(&user.sub),
    }
    state.ledger.record(shared.clock.now_unix_ms(), event);
    drop(state);
    risc::revoked(&shared, &user, tokens);
    Ok(StatusCode::NO_CONTENT)
}
