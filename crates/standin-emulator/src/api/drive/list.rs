//! `GET /drive/v3/files`: searched, sorted, in pages.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::access::{no_such_space, opens_space, sees};
use super::order::Order;
use super::query::Query;
use super::store::{File, Folders};
use super::{API, LIST_FIELDS, READING, resource, shapes};
use crate::api::call::{Answer, Call, Method, call};
use crate::api::refusal::Refusal;
use crate::state::Shared;

const LIST: Method = Method {
    api: &API,
    name: "google.apps.drive.v3.DriveFiles.List",
    scopes: READING,
    shape: &shapes::FILES,
    default_fields: Some(LIST_FIELDS),
    limit: super::BODY_LIMIT,
};

pub(crate) async fn endpoint(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    call(&shared, request, &LIST, |call| listed(call).map(Answer::Resource)).await
}

fn listed(call: &Call) -> Result<Value, Refusal> {
    let size = call.params.number("pageSize", 1..=1000)?.unwrap_or(100);
    let parsed = |name: &'static str| invalid_value(name);
    let query = call.params.get("q").map(|q| Query::parse(q).ok_or_else(|| parsed("q")));
    let query = query.transpose()?;
    let order = call.params.get("orderBy");
    let order = order.map(|text| Order::parse(text).ok_or_else(|| parsed("orderBy")));
    let order = order.transpose()?.unwrap_or_else(Order::newest);
    let offset = call.params.get("pageToken");
    let offset = offset.map(|token| offset_of(token).ok_or_else(|| parsed("pageToken")));
    let offset = offset.transpose()?.unwrap_or(0);
    let spaces = spaces(call)?;
    let folders = Folders::of(call.sub(), &call.token.owner.project);
    let state = call.shared.state();
    let mut files: Vec<&File> = state.drives.files(call.sub()).iter().rev().collect();
    files.retain(|file| {
        spaces.contains(&if file.is_app_data { "appDataFolder" } else { "drive" })
            && sees(&call.token, file)
            && query.as_ref().is_none_or(|query| query.matches(file, &folders))
    });
    order.sort(&mut files);
    let end = offset.saturating_add(size);
    let page = files.iter().skip(offset).take(size);
    let page: Vec<Value> = page.map(|file| resource::of(file, &call.user, &call.token)).collect();
    let mut list = json!({"kind": "drive#fileList", "incompleteSearch": false, "files": page});
    if files.len() > end {
        list["nextPageToken"] = page_token(end).into();
    }
    Ok(list)
}

fn invalid_value(name: &'static str) -> Refusal {
    Refusal::bad_request("invalid", "Invalid Value").at("parameter", name)
}

/// The spaces that are asked for; `drive` unless others are named.
fn spaces(call: &Call) -> Result<Vec<&str>, Refusal> {
    let spaces = call.params.get("spaces").unwrap_or("drive");
    let spaces: Vec<&str> = spaces.split(',').map(str::trim).collect();
    if spaces.iter().any(|space| !["drive", "appDataFolder", "photos"].contains(space)) {
        return Err(invalid_value("spaces"));
    }
    let open = spaces.iter().all(|space| opens_space(&call.token, space));
    open.then_some(spaces).ok_or_else(no_such_space)
}

fn page_token(offset: usize) -> String {
    BASE64URL_NOPAD.encode(format!("files:{offset}").as_bytes())
}

fn offset_of(token: &str) -> Option<usize> {
    let text = String::from_utf8(BASE64URL_NOPAD.decode(token.as_bytes()).ok()?).ok()?;
    text.strip_prefix("files:")?.parse().ok()
}
