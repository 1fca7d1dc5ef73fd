//! `response_mode=form_post`: a page whose form goes to the client by itself, or by its button.

use askama::Template;
use axum::response::Response;

use crate::object::Object;
use crate::reply;

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
    reply::page_with_script(page.render().unwrap_or_default(), SCRIPT)
}
