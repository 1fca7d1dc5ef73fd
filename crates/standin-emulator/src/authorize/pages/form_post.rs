//! `response_mode=form_post`: a page whose form goes to the client by itself, or by its button.

use askama::Template;
use axum::http::HeaderValue;
use axum::response::Response;
use data_encoding::BASE64;

use super::{POLICY, html_with};
use crate::chance;
use crate::object::Object;

/// The one script of these pages; the policy admits it by its hash.
const SCRIPT: &str = "document.getElementById(\"form-post\").submit()";

#[derive(Template)]
#[template(path = "form_post.html")]
struct FormPostPage<'a> {
    action: &'a str,
    fields: Vec<(&'a str, &'a str)>,
    script: &'static str,
}

pub(crate) fn html(action: &str, answer: &Object) -> Response {
    let fields = answer.members().map(|(name, value)| (name, value.as_str().unwrap_or_default()));
    let page = FormPostPage { action, fields: fields.collect(), script: SCRIPT };
    let hash = BASE64.encode(&chance::sha256(SCRIPT.as_bytes()));
    let policy = format!("{POLICY}; script-src 'sha256-{hash}'");
    let fallback = HeaderValue::from_static(POLICY);
    html_with(page.render(), HeaderValue::from_str(&policy).unwrap_or(fallback))
}
