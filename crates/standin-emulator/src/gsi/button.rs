//! `GET /gsi/button`: the button itself, in a frame, so that the page's styles stay out of it.
//!
//! It shows at any origin, registered or not, and says which: Google's does so too, and the click ends
//! at the error page. All it tells the page is its size and that it was pressed.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::site::{self, Asked};
use crate::relay::script_literal;
use crate::reply;
use crate::state::Shared;

/// How the button looks; what is unknown looks as Google's default does.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Look {
    r#type: String,
    theme: String,
    size: String,
    text: String,
    shape: String,
    logo_alignment: String,
    width: String,
    hl: String,
}

#[derive(Template)]
#[template(path = "gsi_button.html")]
struct ButtonPage<'a> {
    class: String,
    width: Option<u16>,
    label: &'a str,
    lang: &'a str,
    origin: String,
    ready: String,
    pressed: String,
}

pub(super) async fn page(
    State(shared): State<Arc<Shared>>,
    Query(asked): Query<Asked>,
    Query(look): Query<Look>,
) -> Response {
    if !site::is_origin(&asked.origin) {
        return reply::not_found().await.into_response();
    }
    let refusal = asked.client(&shared.state()).err();
    let receiver = asked.receiver();
    let ready = json!({"refusal": refusal.map(site::Refusal::text)});
    let (lang, labels) = labels(&look.hl);
    let page = ButtonPage {
        class: look.class(),
        width: look.width(),
        label: labels[look.text()],
        lang,
        origin: script_literal(&asked.origin),
        ready: script_literal(&receiver.message("ready", ready)),
        pressed: script_literal(&receiver.message("pressed", json!({}))),
    };
    let status = if refusal.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    (status, receiver.framed(page.render().unwrap_or_default())).into_response()
}

impl Look {
    fn class(&self) -> String {
        let pick = |value: &str, known: &[&'static str]| {
            known.iter().find(|known| **known == value).copied().unwrap_or(known[0])
        };
        [
            pick(&self.r#type, &["standard", "icon"]),
            pick(&self.theme, &["outline", "filled_blue", "filled_black"]),
            pick(&self.size, &["large", "medium", "small"]),
            pick(&self.shape, &["rectangular", "pill", "circle", "square"]),
            pick(&self.logo_alignment, &["left", "center"]),
        ]
        .join(" ")
    }

    /// In pixels. Google's button is never wider than 400.
    fn width(&self) -> Option<u16> {
        let width: u16 = self.width.trim_end_matches("px").parse().ok()?;
        (width > 0 && self.r#type != "icon").then_some(width.min(400))
    }

    fn text(&self) -> usize {
        let known = ["signin_with", "signup_with", "continue_with", "signin"];
        known.iter().position(|text| *text == self.text).unwrap_or(0)
    }
}

/// The four texts in a page's language, as far as we speak it.
fn labels(locale: &str) -> (&'static str, [&'static str; 4]) {
    let known = [
        (
            "de",
            ["Über Google anmelden", "Über Google registrieren", "Weiter mit Google", "Anmelden"],
        ),
        ("es", ["Acceder con Google", "Registrarse con Google", "Continuar con Google", "Acceder"]),
        (
            "fr",
            [
                "Se connecter avec Google",
                "S’inscrire avec Google",
                "Continuer avec Google",
                "Se connecter",
            ],
        ),
    ];
    let english =
        ("en", ["Sign in with Google", "Sign up with Google", "Continue with Google", "Sign in"]);
    let language = locale.split(['-', '_']).next().unwrap_or_default().to_lowercase();
    known.into_iter().find(|(code, _)| *code == language).unwrap_or(english)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_looks_as_the_default_does() {
        let look = Look { theme: "pink".to_owned(), ..Look::default() };
        assert_eq!(look.class(), "standard outline large rectangular left");
        assert_eq!(Look { width: "900".to_owned(), ..Look::default() }.width(), Some(400));
        assert_eq!(Look { width: "wide".to_owned(), ..Look::default() }.width(), None);
        assert_eq!(labels("de-AT").1[2], "Weiter mit Google");
        assert_eq!(labels("xx").0, "en");
    }
}
