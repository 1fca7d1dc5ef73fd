//! The chooser and the consent page, as a browser without script sees them.

use reqwest::{Response, StatusCode};

use crate::support::{CALENDAR, CALLBACK, Callback, DRIVE, Google, SIGN_IN, location};

/// A browser: one emulator, one cookie.
struct Browser<'a> {
    google: &'a Google,
    cookie: String,
}

impl<'a> Browser<'a> {
    fn of(google: &'a Google) -> Self {
        Self { google, cookie: String::new() }
    }

    fn keep_cookie(&mut self, response: &Response) {
        if let Some(cookie) = response.headers().get("set-cookie") {
            let line = cookie.to_str().unwrap();
            assert!(line.contains("HttpOnly") && line.contains("SameSite=Lax"), "{line}");
            line.split_once(';').unwrap().0.clone_into(&mut self.cookie);
        }
    }

    async fn open(&mut self, scope: &str, more: &[(&str, &str)]) -> String {
        let request = self.google.authorize(scope, more).header("cookie", &self.cookie);
        let response = request.send().await.unwrap();
        self.keep_cookie(&response);
        location(&response)
    }

    /// Presses a button of the page at `page`.
    async fn press(&mut self, page: &str, fields: &[(&str, &str)]) -> String {
        let (path, query) = page.split_once("?part=").unwrap();
        let part = query.split_once('&').unwrap().0;
        let mut form = vec![("part", part)];
        form.extend(fields);
        let request = self.google.http.post(self.google.url(path)).form(&form);
        let response = request.header("cookie", &self.cookie).send().await.unwrap();
        self.keep_cookie(&response);
        location(&response)
    }
}

fn callback(location: &str) -> Callback {
    let query = location.strip_prefix(CALLBACK).unwrap().strip_prefix('?').unwrap();
    Callback(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

#[tokio::test]
async fn a_person_chooses_an_account_and_ticks_a_box() {
    let google = Google::start().await;
    let mut browser = Browser::of(&google);
    let chooser = browser.open(&format!("{SIGN_IN} {CALENDAR} {DRIVE}"), &[]).await;
    let page = google.get(&chooser).await.text().await.unwrap();
    assert!(page.contains("EMULATOR") && page.contains("id=\"account-ada@example.com\""), "{page}");
    let sign_in = browser.press(&chooser, &[("account", "ada@example.com")]).await;
    let page = google.get(&sign_in).await.text().await.unwrap();
    assert!(page.contains("Sign in to Example application") && page.contains("id=\"continue\""));
    assert!(!page.contains("name=\"scope\""), "signing in has no box: {page}");
    let consent = browser.press(&sign_in, &[("continue", "1")]).await;
    let page = google.get(&consent).await;
    assert_eq!(page.headers()["x-frame-options"], "DENY");
    assert!(page.headers().contains_key("content-security-policy"));
    let page = page.text().await.unwrap();
    for expected in [
        &format!("name=\"scope\" value=\"{CALENDAR}\"") as &str,
        "id=\"allow-all\"",
        "id=\"continue\"",
        "id=\"cancel\"",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains(" checked"), "boxes start unticked");
    let back = browser.press(&consent, &[("scope", CALENDAR), ("continue", "1")]).await;
    let answer = google.redeem(&callback(&back).code()).await;
    assert!(answer.scopes().contains(&CALENDAR.to_owned()));
    assert!(!answer.scopes().contains(&DRIVE.to_owned()));
}

#[tokio::test]
async fn select_all_grants_everything_and_nothing_ticked_still_signs_in() {
    let google = Google::start().await;
    let mut browser = Browser::of(&google);
    let scope = format!("{SIGN_IN} {CALENDAR} {DRIVE}");
    let chooser = browser.open(&scope, &[]).await;
    let sign_in = browser.press(&chooser, &[("account", "grace@example.com")]).await;
    let consent = browser.press(&sign_in, &[("continue", "1")]).await;
    let back = browser.press(&consent, &[("continue", "1")]).await;
    let answer = google.redeem(&callback(&back).code()).await;
    assert_eq!(answer.claims()["email"], "grace@example.com");
    assert!(!answer.scopes().contains(&CALENDAR.to_owned()));
    let consent = browser.open(&scope, &[]).await;
    assert!(consent.starts_with("/signin/oauth/consent"), "the only account needs no choosing");
    let back = browser.press(&consent, &[("allow_all", "1")]).await;
    let answer = google.redeem(&callback(&back).code()).await;
    assert!(answer.scopes().contains(&CALENDAR.to_owned()));
    let back = browser.open(&scope, &[]).await;
    assert_eq!(callback(&back).get("prompt"), Some("none"), "no page at all");
}

#[tokio::test]
async fn cancel_says_no_on_either_page() {
    let google = Google::start().await;
    let mut browser = Browser::of(&google);
    let chooser = browser.open(SIGN_IN, &[]).await;
    let back = browser.press(&chooser, &[("cancel", "1")]).await;
    assert_eq!(callback(&back).get("error"), Some("access_denied"));
    let chooser = browser.open(SIGN_IN, &[]).await;
    let consent = browser.press(&chooser, &[("account", "ada@example.com")]).await;
    let back = browser.press(&consent, &[("cancel", "1")]).await;
    assert_eq!(callback(&back).get("error"), Some("access_denied"));
}

#[tokio::test]
async fn a_hint_and_select_account_decide_whether_the_chooser_comes() {
    let google = Google::start().await;
    let mut browser = Browser::of(&google);
    for account in ["ada@example.com", "grace@example.com"] {
        let chooser = browser.open(SIGN_IN, &[("prompt", "select_account")]).await;
        let consent = browser.press(&chooser, &[("account", account)]).await;
        browser.press(&consent, &[("continue", "1")]).await;
    }
    let chooser = browser.open(SIGN_IN, &[]).await;
    assert!(chooser.starts_with("/v3/signin/accountchooser"), "two accounts are a question");
    let back = browser.open(SIGN_IN, &[("login_hint", "grace@example.com")]).await;
    let back = callback(&back);
    assert_eq!(back.get("authuser"), Some("1"));
    let sub = google.redeem(&back.code()).await.claims()["sub"].as_str().unwrap().to_owned();
    let back = browser.open(SIGN_IN, &[("login_hint", &sub)]).await;
    assert_eq!(callback(&back).get("authuser"), Some("1"));
    let stranger = browser.open(SIGN_IN, &[("login_hint", "linus@corp.example")]).await;
    assert!(stranger.starts_with("/v3/signin/accountchooser"), "a hint signs nobody in");
}

#[tokio::test]
async fn a_page_is_answered_once() {
    let google = Google::start().await;
    let mut browser = Browser::of(&google);
    let chooser = browser.open(SIGN_IN, &[]).await;
    browser.press(&chooser, &[("account", "ada@example.com")]).await;
    let page = google.get(&chooser).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.text().await.unwrap().contains("sign in again"));
}

#[tokio::test]
async fn the_popup_script_speaks_to_this_emulator() {
    let google = Google::start().await;
    let script = google.get("/gsi/client").await;
    assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
    let script = script.text().await.unwrap();
    assert!(script.contains(&format!("\"{}\"", google.emulator.origin())));
    assert!(!script.contains("EMULATOR_ORIGIN"));
}
