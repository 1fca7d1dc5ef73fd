//! `GET /a/{sub}=s96-c`: a drawn avatar, so that pages have a picture to show without the internet.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::chance;
use crate::reply;
use crate::state::Shared;

pub(crate) async fn picture(
    State(shared): State<Arc<Shared>>,
    Path(file): Path<String>,
) -> Response {
    let sub = file.split_once('=').map_or(file.as_str(), |(sub, _)| sub);
    let name = shared.state().users.by_sub(sub).map(|user| user.name.clone());
    let Some(name) = name else {
        return reply::not_found().await;
    };
    let initial = name.chars().find(|first| first.is_alphanumeric()).unwrap_or('·');
    let hue = u32::from(chance::sha256(sub.as_bytes())[0]) * 360 / 256;
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 96 96\">\
         <rect width=\"96\" height=\"96\" fill=\"hsl({hue} 45% 42%)\"/>\
         <text x=\"48\" y=\"64\" font-family=\"sans-serif\" font-size=\"46\" fill=\"#fff\" \
         text-anchor=\"middle\">{initial}</text></svg>"
    );
    ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response()
}
