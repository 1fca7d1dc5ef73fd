//! A page with the provider's button on it.

use http::Method;
use serde_json::{Value, json};

use super::{Answer, Browser, World};

const FORM: &str = "application/x-www-form-urlencoded";
/// What the provider's script puts into its cookie and its form.
pub const CSRF: &str = "5f1c0de5f1c0de00";

/// The browser, and what `begin` told the page.
#[derive(Clone)]
pub struct ButtonPage {
    pub browser: Browser,
    pub state: String,
    pub nonce: String,
}

impl ButtonPage {
    /// A page in a new browser.
    pub async fn open(world: &World) -> Self {
        Self::of(world.browser(), json!({})).await
    }

    /// A page in this browser, which asks `begin` for this.
    pub async fn of(mut browser: Browser, body: Value) -> Self {
        let begun = browser.begin_code(body).await;
        browser.set_cookie("g_csrf_token", CSRF);
        let text = |name: &str| begun[name].as_str().unwrap().to_owned();
        Self { browser, state: text("state"), nonce: text("nonce") }
    }

    /// The credential of whoever the autopilot is.
    pub async fn credential(&self, world: &World) -> String {
        world.google.credential(&world.app, Some(&self.nonce)).await
    }

    /// Posts as the provider's page does: from another site, so that only cookies for that come along.
    pub async fn post(&mut self, credential: &str) -> Answer {
        self.post_fields(&[("credential", credential), ("g_csrf_token", CSRF)]).await
    }

    /// The same with other fields.
    pub async fn post_fields(&mut self, fields: &[(&str, &str)]) -> Answer {
        let session = self.browser.cookie("__Host-standin").map(str::to_owned);
        self.browser.forget("__Host-standin");
        let answer = self.browser.post_form("/auth/google/credential", fields).await;
        if let (Some(session), None) = (session, self.browser.cookie("__Host-standin")) {
            self.browser.set_cookie("__Host-standin", &session);
        }
        answer
    }

    /// Posts as a script of the page does.
    pub async fn fetch(&mut self, credential: &str) -> Answer {
        let origin = self.browser.origin();
        self.fetch_with(credential, &[("origin", &origin), ("x-requested-with", "fetch")]).await
    }

    /// The same with these headers.
    pub async fn fetch_with(&mut self, credential: &str, more: &[(&str, &str)]) -> Answer {
        let mut headers = vec![("content-type", FORM), ("accept", "application/json")];
        headers.extend(more);
        let body = format!("credential={credential}&g_csrf_token={CSRF}");
        self.browser.send(Method::POST, "/auth/google/credential", &headers, body).await
    }
}
