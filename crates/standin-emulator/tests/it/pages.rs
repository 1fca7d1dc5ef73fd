//! The chooser and the consent page, as a browser without script sees them.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

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
async fn a_page_from_before_a_session_ended_is_gone() {
    let google = Google::start().await;
    let mut browser = Browser::of(&google);
    let chooser = browser.open(SIGN_IN, &[]).await;
    let sign_in = browser.press(&chooser, &[("account", "linus@corp.example")]).await;
    assert!(sign_in.starts_with("/signin/oauth/id?"), "{sign_in}");
    google.post("/_emulator/users/linus@corp.example/reauth", &json!({})).await;
    let again = browser.open(SIGN_IN, &[]).await;
    assert!(again.starts_with("/v3/signin/accountchooser?"), "signed out: {again}");
    let (path, query) = sign_in.split_once("?part=").unwrap();
    let form = [("part", query.split_once('&').unwrap().0), ("continue", "1")];
    let answer = google.http.post(google.url(path)).form(&form).send().await.unwrap();
    assert_eq!(answer.headers().get("location"), None, "no code comes of it");
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
async fn which_pages_come_depends_on_what_is_asked_and_who_asks() {
    let unverified = json!({"id": "emulated-project", "verified": false});
    let trusted =
        json!({"id": "emulated-project", "verified": false, "trusted_by": ["corp.example"]});
    let testing = json!({
        "id": "emulated-project", "verified": false, "publishing_status": "testing",
        "test_users": ["linus@corp.example"]
    });
    let internal = json!({
        "id": "emulated-project", "verified": false, "user_type": "internal",
        "organization": "corp.example"
    });
    let plain = json!({"id": "emulated-project"});
    let (both, all) = (format!("{CALENDAR} {DRIVE}"), format!("{SIGN_IN} {CALENDAR}"));
    let (warning, sign_in) = ("/signin/oauth/warning", "/signin/oauth/id");
    let consent = "/signin/oauth/consent";
    let cases: [(&Value, &str, &[&str], bool); 10] = [
        (&plain, SIGN_IN, &[sign_in], false),
        (&plain, CALENDAR, &[consent], false),
        (&plain, &both, &[consent], true),
        (&plain, &all, &[sign_in, consent], true),
        (&unverified, SIGN_IN, &[sign_in], false),
        (&unverified, CALENDAR, &[warning, consent], false),
        (&unverified, &all, &[warning, sign_in, consent], true),
        (&testing, &all, &[warning, sign_in, consent], true),
        (&trusted, &all, &[sign_in, consent], false),
        (&internal, &all, &[sign_in, consent], true),
    ];
    for (project, scope, expected, boxes) in cases {
        let google = Google::start().await;
        google.put("/_emulator/projects", project).await;
        let mut browser = Browser::of(&google);
        let chooser = browser.open(scope, &[]).await;
        let mut page = browser.press(&chooser, &[("account", "linus@corp.example")]).await;
        for (index, path) in expected.iter().enumerate() {
            assert!(page.starts_with(&format!("{path}?part=")), "{scope}: {page}");
            let html = google.get(&page).await.text().await.unwrap();
            assert!(html.contains("EMULATOR"), "{page}");
            if index + 1 == expected.len() {
                assert_eq!(html.contains("type=\"checkbox\""), boxes, "{project} {scope}: {html}");
            }
            page = browser.press(&page, &[("continue", "1"), ("scope", CALENDAR)]).await;
        }
        assert!(callback(&page).get("code").is_some(), "{page}");
        assert_eq!(google.events("consent_shown").await.len(), 1, "one round, one consent");
        let again = browser.open(scope, &[]).await;
        let partly = scope.contains(DRIVE);
        assert_eq!(
            again.starts_with(CALLBACK),
            !partly,
            "what was granted is not asked again: {again}"
        );
    }
}

#[tokio::test]
async fn the_warning_hides_the_way_on_and_leads_back_to_safety() {
    let google = Google::start().await;
    let unverified =
        json!({"id": "emulated-project", "verified": false, "developer_email": "d@x.example"});
    google.put("/_emulator/projects", &unverified).await;
    let mut browser = Browser::of(&google);
    let chooser = browser.open(CALENDAR, &[]).await;
    let warning = browser.press(&chooser, &[("account", "ada@example.com")]).await;
    let html = google.get(&warning).await.text().await.unwrap();
    for expected in [
        "Google hasn’t verified this app",
        "the developer (d@x.example)",
        "<summary id=\"advanced\">Advanced</summary>",
        "id=\"unsafe\" name=\"continue\" value=\"1\">Go to Example application (unsafe)<",
        "id=\"cancel\" name=\"cancel\" value=\"1\">Back to safety<",
    ] {
        assert!(html.contains(expected), "{expected}: {html}");
    }
    let back = browser.press(&warning, &[("cancel", "1")]).await;
    assert_eq!(callback(&back).get("error"), Some("access_denied"));
    let testing = json!({
        "id": "emulated-project", "verified": false, "publishing_status": "testing",
        "test_users": ["ada@example.com"]
    });
    google.put("/_emulator/projects", &testing).await;
    let warning = browser.open(CALENDAR, &[]).await;
    let html = google.get(&warning).await.text().await.unwrap();
    assert!(html.contains("currently being tested") && !html.contains("(unsafe)"), "{html}");
}

#[tokio::test]
async fn a_page_cannot_be_skipped() {
    let google = Google::start().await;
    let unverified = json!({"id": "emulated-project", "verified": false});
    google.put("/_emulator/projects", &unverified).await;
    let mut browser = Browser::of(&google);
    let chooser = browser.open(CALENDAR, &[]).await;
    let warning = browser.press(&chooser, &[("account", "ada@example.com")]).await;
    let consent = warning.replace("/signin/oauth/warning", "/signin/oauth/consent");
    assert!(google.get(&consent).await.text().await.unwrap().contains("sign in again"));
    let part = warning.split_once("part=").unwrap().1.split_once('&').unwrap().0;
    let form = [("part", part), ("allow_all", "1")];
    let request = google.http.post(google.url("/signin/oauth/consent")).form(&form);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK, "a page, no redirect");
    assert!(google.events("code_issued").await.is_empty());
    let consent = browser.press(&warning, &[("continue", "1")]).await;
    assert!(consent.starts_with("/signin/oauth/consent"), "the right page still works");
}

/// Only a client from before 2019 can do without boxes, and the profile for everybody.
#[tokio::test]
async fn boxes_are_taken_away_only_from_old_clients() {
    let google = Google::start().await;
    let scope = format!("{SIGN_IN} {CALENDAR} {DRIVE}");
    let untick = json!({"user": "ada@example.com", "decision": "allow", "untick": [DRIVE]});
    google.autopilot(untick).await;
    let id = google.emulator.client_id().to_owned();
    let has_drive = async |more: &[(&str, &str)]| {
        let mut params = vec![("prompt", "consent")];
        params.extend(more);
        google.sign_in(&scope, &params).await.scopes().contains(&DRIVE.to_owned())
    };
    for name in ["enable_granular_consent", "enable_serial_consent"] {
        assert!(!has_drive(&[(name, "false")]).await, "{name} has no effect for new clients");
    }
    google
        .put("/_emulator/clients", &json!({"client_id": id, "registered_before_2019": true}))
        .await;
    for name in ["enable_granular_consent", "enable_serial_consent"] {
        assert!(has_drive(&[(name, "false")]).await, "{name}");
        assert!(!has_drive(&[(name, "true")]).await, "{name}");
    }
    google.put("/_emulator/profile", &json!({"granular": false})).await;
    assert!(has_drive(&[]).await);
}

#[tokio::test]
async fn unticking_all_there_is_says_no() {
    let google = Google::start().await;
    let mut browser = Browser::of(&google);
    let chooser = browser.open(&format!("{CALENDAR} {DRIVE}"), &[]).await;
    let consent = browser.press(&chooser, &[("account", "ada@example.com")]).await;
    let back = browser.press(&consent, &[("continue", "1")]).await;
    assert_eq!(callback(&back).get("error"), Some("access_denied"), "nothing is left to grant");
}

#[tokio::test]
async fn the_autopilot_answers_every_page() {
    let google = Google::with_ada().await;
    let unverified = json!({"id": "emulated-project", "verified": false});
    google.put("/_emulator/projects", &unverified).await;
    let answer = google.sign_in(&format!("{SIGN_IN} {CALENDAR}"), &[]).await;
    assert!(answer.scopes().contains(&CALENDAR.to_owned()));
}

/// A tenant's pages stay under its prefix.
#[tokio::test]
async fn pages_of_a_tenant_lead_to_its_own_pages() {
    let google = Google::start().await;
    let query = google.authorize(SIGN_IN, &[]).build().unwrap().url().query().unwrap().to_owned();
    let chooser = location(&google.get(&format!("/t/a/o/oauth2/v2/auth?{query}")).await);
    assert!(chooser.starts_with("/t/a/v3/signin/accountchooser?part="), "{chooser}");
    let html = google.get(&chooser).await.text().await.unwrap();
    assert!(html.contains("action=\"/t/a/v3/signin/accountchooser\""), "{html}");
    let error = location(&google.get("/t/a/o/oauth2/v2/auth").await);
    assert!(error.starts_with("/t/a/signin/oauth/error?authError="), "{error}");
}
