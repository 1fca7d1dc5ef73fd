//! `GET /signin/oauth/error`: the page itself, which Google serves with 200.

use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::AuthError;
use crate::authorize::pages::{self, application};
use crate::reply;
use crate::state::Shared;

pub(in crate::authorize) async fn page(
    State(shared): State<Arc<Shared>>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let param = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    };
    match param("authError").and_then(|text| AuthError::decode(&text)) {
        Some(error) => {
            let client_id = param("client_id").unwrap_or_default();
            error.page(application(&shared, &client_id), 200)
        }
        None => reply::not_found().await.into_response(),
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    title: String,
    application: Option<String>,
    error: &'a AuthError,
}

impl AuthError {
    pub(super) fn page(&self, application: Option<String>, status: u16) -> Response {
        let title = self.title(application.as_deref().unwrap_or("This app"));
        let page = ErrorPage { title, application, error: self };
        let mut response = pages::html(page.render());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        response
    }

    fn title(&self, application: &str) -> String {
        let reason = match &*self.code {
            "redirect_uri_mismatch" | "origin_mismatch" => "This app’s request is invalid",
            "access_denied" => {
                let text = "has not completed the Google verification process";
                return format!("Access blocked: {application} {text}");
            }
            "org_internal" => {
                return format!(
                    "Access blocked: {application} can only be used within its organization"
                );
            }
            _ => "Authorization Error",
        };
        format!("Access blocked: {reason}")
    }
}
