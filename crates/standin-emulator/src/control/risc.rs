//! `POST risc/send`: something happens to an account, and the applications hear of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::problem::{self, Body, Problem};
use crate::risc::{self, Happening, Spoiled};
use crate::state::Shared;

/// What is not about the event itself.
#[derive(Debug, Deserialize)]
struct Order {
    user: String,
    #[serde(default)]
    spoiled: Spoiled,
}

/// Answers when every receiver has. An empty list says that no stream wants the event, or that no
/// project with a stream knows the user's e-mail or profile.
pub(super) async fn send(
    State(shared): State<Arc<Shared>>,
    Body(body): Body,
) -> Result<Json<Value>, Problem> {
    let (order, happening) = read(&body)?;
    let user = shared.state().users.find(&order.user).cloned();
    let user = user.ok_or_else(|| Problem::unknown_user(&order.user))?;
    let deliveries = risc::send(&shared, &user, &happening, &order.spoiled).await;
    Ok(Json(json!({"deliveries": deliveries})))
}

/// `user` and `spoiled` are ours, the rest is the event's; what neither knows is refused.
fn read(body: &[u8]) -> Result<(Order, Happening), Problem> {
    let mut happening: Map<String, Value> = problem::read(body)?;
    let ours = ["user", "spoiled"].into_iter();
    let ours = ours.filter_map(|name| Some((name.to_owned(), happening.remove(name)?)));
    let order = Value::Object(ours.collect());
    let invalid = |error: serde_json::Error| Problem::invalid(error.to_string());
    Ok((
        serde_json::from_value(order).map_err(invalid)?,
        serde_json::from_value(Value::Object(happening)).map_err(invalid)?,
    ))
}
