//! The steps of a sign-in, one by one, and addresses taken apart and put together wrongly.

use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::{Answer, Browser, Google, World};

/// A parameter of an address.
#[track_caller]
pub fn param(url: &Url, name: &str) -> String {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name} in {url}")).1.into_owned()
}

/// The address without a parameter.
pub fn without(url: &Url, name: &str) -> Url {
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let mut changed = url.clone();
    let kept = pairs.iter().filter(|(known, _)| known != name);
    changed.query_pairs_mut().clear().extend_pairs(kept);
    changed
}

/// The address with one more parameter, which may stand there already.
pub fn adding(url: &Url, name: &str, value: &str) -> Url {
    let mut changed = url.clone();
    changed.query_pairs_mut().append_pair(name, value);
    changed
}

/// The address with another value.
pub fn with(url: &Url, name: &str, value: &str) -> Url {
    adding(&without(url, name), name, value)
}

impl Browser {
    /// Where `/auth/google/login` sends this browser.
    pub async fn begin(&mut self, query: &str) -> Url {
        let begun = self.get(format!("/auth/google/login{query}")).await;
        begun.assert_status(303);
        begun.location()
    }

    /// Where the provider's answer will arrive, for a request that was begun.
    pub async fn answer_to(&mut self, authorization: &Url) -> Url {
        let mut next = authorization.clone();
        while !next.path().ends_with("/callback") {
            next = self.get(&next).await.location();
        }
        next
    }

    /// Posts a form, as a page without script does.
    pub async fn post_form(&mut self, url: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(fields);
        let form = [("content-type", "application/x-www-form-urlencoded")];
        self.send(Method::POST, url, &form, body.finish()).await
    }

    /// Signs in as somebody by pressing the buttons of the provider's pages; several can do so at once.
    pub async fn sign_in_by_hand(&mut self, account: &str, query: &str) -> Answer {
        let mut next = self.begin(query).await;
        loop {
            let answer = self.get(&next).await;
            next = if answer.status.is_redirection() {
                answer.location()
            } else {
                let part = param(&next, "part");
                let fields = [("part", part.as_str()), ("account", account), ("allow_all", "1")];
                let path = next.clone();
                self.post_form(path.as_str(), &fields).await.location()
            };
            if next.path().ends_with("/callback") {
                let answer = self.get(&next).await;
                // Perhaps to the provider once more, for consent.
                if answer.status != 303 || self.is_ours(&answer.location()) {
                    return answer;
                }
                next = answer.location();
            }
        }
    }

    /// Begins the one-time-code flow.
    pub async fn begin_code(&mut self, body: Value) -> Value {
        let begun = self.post("/auth/google/begin", body).await;
        begun.assert_status(200);
        begun.json()
    }

    /// Posts a code as a page does.
    pub async fn post_code(&mut self, code: &str, state: &str) -> Answer {
        let body = json!({ "code": code, "state": state });
        self.post("/auth/google/code", body).await
    }

    /// The cookies of attempts under way.
    pub fn attempts(&self) -> Vec<(String, String)> {
        let all = self.cookies().iter();
        all.filter(|(name, _)| name.starts_with("__Host-standin-att-")).cloned().collect()
    }
}

impl World {
    /// The whole one-time-code flow up to the post: state and code.
    pub async fn one_time_code(&self, browser: &mut Browser) -> (String, String) {
        let begun = browser.begin_code(json!({})).await;
        let code = self.google.popup_code(&self.app, &begun, &[]).await;
        (begun["state"].as_str().unwrap().to_owned(), code)
    }
}

impl Google {
    /// What the provider's button hands to a page of the app: a credential, given by the autopilot.
    pub async fn credential(&self, app: &Url, nonce: Option<&str>) -> String {
        let mut url = Url::parse(self.origin()).unwrap().join("/gsi/select").unwrap();
        url.query_pairs_mut()
            .append_pair("client_id", self.client_id())
            .append_pair("origin", &app.origin().ascii_serialization())
            .append_pair("id", "auth1")
            .extend_pairs(nonce.map(|nonce| ("nonce", nonce)));
        let page = Browser::new(app.clone()).get(&url).await;
        let told = page.body.split_once("\\\"credential\\\":\\\"");
        let (_, rest) = told.unwrap_or_else(|| panic!("no credential: {}", page.body));
        rest.split("\\\"").next().unwrap().to_owned()
    }

    /// What the provider's own popup hands to the page: a code, answered by the autopilot.
    pub async fn popup_code(&self, app: &Url, begun: &Value, more: &[(&str, &str)]) -> String {
        let origin = app.origin().ascii_serialization().replace("://", "/");
        let relay = format!("storagerelay://{origin}?id=auth1");
        let text = |name: &str| begun[name].as_str().unwrap_or_default().to_owned();
        let (client_id, scope, state) = (text("client_id"), text("scope"), text("state"));
        let mut url = Url::parse(self.origin()).unwrap().join("/o/oauth2/v2/auth").unwrap();
        url.query_pairs_mut()
            .append_pair("client_id", &client_id)
            .append_pair("scope", &scope)
            .append_pair("redirect_uri", &relay)
            .append_pair("state", &state)
            .append_pair("access_type", "offline")
            .append_pair("response_type", "code")
            .append_pair("include_granted_scopes", "true")
            .extend_pairs(more);
        let mut popup = Browser::new(app.clone());
        let page = popup.get(&url).await;
        let (_, rest) = page
            .body
            .split_once("\\\"code\\\":\\\"")
            .unwrap_or_else(|| panic!("no code: {}", page.body));
        rest.split("\\\"").next().unwrap().to_owned()
    }
}
