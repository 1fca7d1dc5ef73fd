//! The error page's table: every code, with its status, its title and its words.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::authorize::{error_page, error_page_of};
use crate::support::{CALENDAR, Google, SIGN_IN, location};

const BLOCKED: &str = "<h1>Access blocked: Authorization Error</h1>";
const INVALID: &str = "<h1>Access blocked: This app’s request is invalid</h1>";

/// An emulator where somebody who allows everything signs in, after `calls` of the control API.
async fn prepared(user: &str, calls: &[(&str, Value)]) -> Google {
    let google = Google::start().await;
    for (path, body) in calls {
        let response = google.put(path, body).await;
        assert_eq!(response.status(), StatusCode::OK, "{}", response.text().await.unwrap());
    }
    google.autopilot(json!({"user": user, "decision": "allow"})).await;
    google
}

fn project(more: &[(&str, Value)]) -> (&'static str, Value) {
    let mut project = json!({"id": "emulated-project"});
    for (name, value) in more {
        project[name] = value.clone();
    }
    ("/_emulator/projects", project)
}

fn user(email: &str, block: &str) -> (&'static str, Value) {
    ("/_emulator/users", json!({"email": email, "block": block}))
}

#[tokio::test]
async fn the_byte_exact_vectors_travel_in_the_redirect() {
    let google = Google::start().await;
    let response = google.authorize(SIGN_IN, &[("client_id", "x")]).send().await.unwrap();
    let vector = "Cg5pbnZhbGlkX2NsaWVudBIfVGhlIE9BdXRoIGNsaWVudCB3YXMgbm90IGZvdW5kLiCRAw";
    let expected =
        format!("/signin/oauth/error?authError={vector}&client_id=x&flowName=GeneralOAuthFlow");
    assert_eq!(location(&response), expected);
    let uri = [("redirect_uri", "http://localhost:3000/auth/google/callback")];
    let response = google.authorize(SIGN_IN, &uri).send().await.unwrap();
    let prefix = "/signin/oauth/error?authError=ChVyZWRpcmVjdF91cmlfbWlzbWF0Y2gSsAEKWW91IGNhbid0\
        IHNpZ24gaW4gdG8gdGhpcyBhcHAg";
    assert!(location(&response).starts_with(prefix), "{}", location(&response));
    let more = [("redirect_uri", "https://evil.example/"), ("access_type", "offline"), ("x", "y")];
    let location = location(&google.authorize(SIGN_IN, &more).send().await.unwrap());
    assert!(location.contains("&access_type=offline&flowName="), "{location}");
    assert!(!location.contains("x=y"), "{location}");
}

#[tokio::test]
async fn clients_that_were_switched_off_say_so() {
    let google = Google::with_ada().await;
    let id = google.emulator.client_id();
    for (status, error, words) in [
        ("deleted", "Error 401: deleted_client", "The OAuth client was deleted."),
        ("disabled", "Error 403: disabled_client", "The OAuth client was disabled."),
    ] {
        google.put("/_emulator/clients", &json!({"client_id": id, "status": status})).await;
        let page = error_page(&google, SIGN_IN, &[]).await;
        assert!(page.contains(error) && page.contains(words) && page.contains(BLOCKED), "{page}");
    }
    google.put("/_emulator/clients", &json!({"client_id": id, "status": "active"})).await;
    google.code(SIGN_IN, &[]).await;
}

#[tokio::test]
async fn an_origin_is_refused_in_the_words_of_its_time() {
    let google = Google::with_ada().await;
    let relay = [("redirect_uri", "storagerelay://https/evil.example?id=auth1")];
    let page = error_page(&google, SIGN_IN, &relay).await;
    assert!(page.contains("Error 400: origin_mismatch") && page.contains(INVALID), "{page}");
    assert!(page.contains("origin=https://evil.example"), "{page}");
    google.put("/_emulator/profile", &json!({"origin_error": "redirect_uri_mismatch"})).await;
    let page = error_page(&google, SIGN_IN, &relay).await;
    assert!(page.contains("Error 400: redirect_uri_mismatch"), "{page}");
    assert!(page.contains("register the JavaScript origin"), "{page}");
    let none = json!({"client_id": google.emulator.client_id(), "javascript_origins": []});
    google.put("/_emulator/clients", &none).await;
    for more in [relay, [("redirect_uri", "postmessage")]] {
        let page = error_page(&google, SIGN_IN, &more).await;
        assert!(page.contains("Error 401: invalid_client"), "{page}");
        assert!(page.contains("no registered origin"), "{page}");
    }
}

/// Who signs in, what was said about them and the project before, the error, and words of the page.
#[tokio::test]
async fn accounts_that_may_not_use_the_application_end_on_the_error_page() {
    let corp = "linus@corp.example";
    let ada = "ada@example.com";
    let eve = "eve@other.example";
    let other = ("/_emulator/users", json!({"email": eve, "hd": "other.example"}));
    let internal =
        project(&[("user_type", json!("internal")), ("organization", json!("corp.example"))]);
    let testing =
        [("publishing_status", json!("testing")), ("developer_email", json!("d@x.example"))];
    let blocked_domain = ("/_emulator/profile", json!({"admin_blocked_domains": ["corp.example"]}));
    let cases = [
        (
            eve,
            vec![other, internal.clone()],
            "403: org_internal",
            [
                "Access blocked: Example application can only be used within its organization",
                "Example application is restricted to users within its organization",
            ],
        ),
        (
            ada,
            vec![internal],
            "403: org_internal",
            [
                "Access blocked: Example application can only be used within its organization",
                "Example application is restricted to users within its organization",
            ],
        ),
        (
            ada,
            vec![project(&testing)],
            "403: access_denied",
            [
                "Access blocked: Example application has not completed the Google verification process",
                "contact the developer (d@x.example).",
            ],
        ),
        (
            corp,
            vec![user(corp, "admin_policy")],
            "400: admin_policy_enforced",
            [
                "Access blocked: Authorization Error",
                "restricted by policies within your organization",
            ],
        ),
        (
            corp,
            vec![blocked_domain],
            "400: admin_policy_enforced",
            [
                "Access blocked: Authorization Error",
                "restricted by policies within your organization",
            ],
        ),
        (
            ada,
            vec![user(ada, "under_age")],
            "400: access_not_configured",
            ["Access blocked: Authorization Error", "admin needs to review Example application"],
        ),
    ];
    for (who, calls, error, words) in cases {
        let google = prepared(who, &calls).await;
        let page = error_page(&google, SIGN_IN, &[]).await;
        assert!(page.contains(&format!("Error {error}")), "{error}: {page}");
        for words in words {
            assert!(page.contains(words), "{error}: {words}: {page}");
        }
        assert!(google.events("code_issued").await.is_empty());
    }
}

#[tokio::test]
async fn accounts_that_may_use_the_application_do() {
    let corp = "linus@corp.example";
    let internal =
        project(&[("user_type", json!("internal")), ("organization", json!("corp.example"))]);
    let testing = project(&[
        ("publishing_status", json!("testing")),
        ("test_users", json!(["Ada@example.com"])),
    ]);
    let trusted = project(&[("trusted_by", json!(["corp.example"]))]);
    let cases = [
        (corp, vec![internal]),
        ("ada@example.com", vec![testing]),
        (corp, vec![user(corp, "admin_policy"), trusted]),
        (corp, vec![user(corp, "admin_policy"), user(corp, "none")]),
    ];
    for (who, calls) in cases {
        let google = prepared(who, &calls).await;
        assert_eq!(google.code(SIGN_IN, &[]).await.len(), 73, "{calls:?}");
    }
}

#[tokio::test]
async fn a_browser_inside_an_app_is_refused() {
    let google = Google::with_ada().await;
    let view = "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A; wv) AppleWebKit/537.36 (KHTML, \
        like Gecko) Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36";
    let request = google.authorize(SIGN_IN, &[]).header("user-agent", view);
    let page = error_page_of(&google, request).await;
    assert!(page.contains("Error 403: disallowed_useragent") && page.contains(BLOCKED), "{page}");
    assert!(page.contains("secure browsers policy"), "{page}");
    let request = google.authorize("foo", &[]).header("user-agent", view);
    let page = error_page_of(&google, request).await;
    assert!(page.contains("invalid_scope"), "the request's own faults come first: {page}");
}

#[tokio::test]
async fn the_page_can_be_the_answer_itself() {
    let google = Google::with_ada().await;
    google.put("/_emulator/profile", &json!({"error_page_redirect": false})).await;
    let response = google.authorize(SIGN_IN, &[("client_id", "x")]).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let page = response.text().await.unwrap();
    assert!(page.contains("Error 401: invalid_client") && page.contains("EMULATOR"), "{page}");
    let response = google.authorize("foo", &[]).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(response.text().await.unwrap().contains("Example application"), "the client is known");
}

#[tokio::test]
async fn an_error_page_without_its_error_does_not_exist() {
    let google = Google::start().await;
    for path in ["/signin/oauth/error", "/signin/oauth/error?authError=%21"] {
        assert_eq!(google.get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
    }
}

/// Nothing that was asked before counts when the account is refused.
#[tokio::test]
async fn a_refused_account_is_refused_without_pages_too() {
    let google = Google::with_ada().await;
    google.code(CALENDAR, &[]).await;
    google
        .put("/_emulator/users", &json!({"email": "ada@example.com", "block": "admin_policy"}))
        .await;
    let page = error_page(&google, CALENDAR, &[("prompt", "none")]).await;
    assert!(page.contains("admin_policy_enforced"), "{page}");
}

#[tokio::test]
async fn a_redirect_uri_holds_no_name_and_no_password() {
    let google = Google::with_ada().await;
    let id = google.emulator.client_id();
    google.put("/_emulator/clients", &json!({"client_id": id, "kind": "desktop"})).await;
    google.code(SIGN_IN, &[]).await;
    for uri in ["http://me@127.0.0.1:1/", "http://:secret@127.0.0.1:1/", "http://me:x@127.0.0.1:1/"]
    {
        let page = error_page(&google, SIGN_IN, &[("redirect_uri", uri)]).await;
        assert!(page.contains(INVALID) || page.contains(BLOCKED), "{page}");
    }
}
