//! The browser scripts' own endpoints, as a browser calls them; what pages make of them is told in
//! the browser stories.

use reqwest::{Response, StatusCode};
use serde_json::json;

use crate::support::{CALLBACK, Google, location};

const SITE: &str = "http://127.0.0.1:8080";
const STRANGER: &str = "http://127.0.0.1:9";

/// `GET` with a query that names the seeded client, and `more`.
async fn get(google: &Google, path: &str, more: &[(&str, &str)]) -> Response {
    let mut query = vec![("client_id", google.emulator.client_id()), ("id", "auth1")];
    query.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    query.extend(more);
    google.http.get(google.url(path)).query(&query).send().await.unwrap()
}

/// The message a page of ours sends, if it goes to exactly `origin`.
#[track_caller]
fn message_to(origin: &str, page: &str) -> serde_json::Value {
    let rest = page.split_once("postMessage(").unwrap().1;
    let (message, rest) = rest.split_once("\", \"").unwrap();
    assert!(rest.starts_with(&format!("{origin}\")")), "{rest}");
    let text: String = serde_json::from_str(&format!("{message}\"")).unwrap();
    serde_json::from_str::<serde_json::Value>(&text).unwrap()["params"].clone()
}

#[tokio::test]
async fn the_scripts_may_be_loaded_by_every_page_and_know_where_they_come_from() {
    let google = Google::start().await;
    for path in ["/gsi/client", "/js/platform.js", "/js/api:client.js", "/js/client:platform.js"] {
        for prefix in ["", "/t/one"] {
            let script = google.get(&format!("{prefix}{path}")).await;
            assert_eq!(script.headers()["content-type"], "text/javascript; charset=utf-8");
            assert_eq!(script.headers()["cross-origin-resource-policy"], "cross-origin");
            let base = format!("const BASE = \"{}{prefix}\";", google.emulator.origin());
            assert_eq!(script.text().await.unwrap().matches(&base).count(), 1, "{prefix}{path}");
        }
    }
}

#[tokio::test]
async fn a_credential_is_told_to_the_registered_origin_only() {
    let google = Google::with_ada().await;
    let page =
        get(&google, "/gsi/select", &[("origin", SITE), ("state", "s"), ("nonce", "n")]).await;
    assert_eq!(page.headers()["content-security-policy"], format!("frame-ancestors {SITE}"));
    let told = message_to(SITE, &page.text().await.unwrap());
    assert_eq!(told["id"], "auth1");
    let credential = &told["credential"];
    assert_eq!(
        (&credential["select_by"], &credential["state"]),
        (&json!("btn_confirm"), &json!("s"))
    );
    let claims = crate::support::part(credential["credential"].as_str().unwrap(), 1);
    assert_eq!((&claims["email"], &claims["nonce"]), (&json!("ada@example.com"), &json!("n")));

    for path in ["/gsi/select", "/gsi/iframe/select"] {
        let refused = get(&google, path, &[("origin", STRANGER)]).await;
        assert!(location(&refused).starts_with("/signin/oauth/error?authError="), "{path}");
    }
    assert_eq!(google.events("credential_issued").await.len(), 1);
}

#[tokio::test]
async fn a_credential_is_posted_to_registered_uris_only() {
    let google = Google::with_ada().await;
    let redirect = [("origin", SITE), ("ux_mode", "redirect"), ("g_csrf_token", "t")];
    let ask = |uri| [redirect[0], redirect[1], redirect[2], ("login_uri", uri)];
    let page = get(&google, "/gsi/select", &ask(CALLBACK)).await.text().await.unwrap();
    assert!(page.contains(&format!("action=\"{CALLBACK}\"")), "{page}");
    for field in ["name=\"credential\"", "name=\"g_csrf_token\" value=\"t\"", "name=\"select_by\""]
    {
        assert!(page.contains(field), "{field}: {page}");
    }
    let refused = get(&google, "/gsi/select", &ask("http://127.0.0.1:8080/elsewhere")).await;
    let error = google.get(&location(&refused)).await.text().await.unwrap();
    assert!(error.contains("Error 400: redirect_uri_mismatch"), "{error}");
}

#[tokio::test]
async fn whoever_may_not_use_the_application_gets_no_credential_either() {
    let google = Google::with_ada().await;
    let client = google.emulator.client_id();
    let project = json!({"id": "closed", "publishing_status": "testing"});
    google.put("/_emulator/projects", &project).await;
    let moved = json!({"client_id": client, "project": "closed"});
    google.put("/_emulator/clients", &moved).await;
    let refused = get(&google, "/gsi/select", &[("origin", SITE)]).await;
    let error = google.get(&location(&refused)).await.text().await.unwrap();
    assert!(error.contains("Error 403: access_denied"), "{error}");
    for auto_select in ["false", "true"] {
        let more = [("origin", SITE), ("auto_select", auto_select)];
        let card = get(&google, "/gsi/iframe/select", &more).await;
        let told = message_to(SITE, &card.text().await.unwrap());
        assert_eq!(told["skipped"], "issuing_failed", "{told}");
    }
    assert!(google.events("credential_issued").await.is_empty());
}

#[tokio::test]
async fn an_account_that_was_blocked_later_gets_no_credential_by_itself() {
    let google = Google::with_ada().await;
    let first = get(&google, "/gsi/select", &[("origin", SITE)]).await;
    assert_eq!(first.status(), StatusCode::OK);
    google
        .put("/_emulator/users", &json!({"email": "ada@example.com", "block": "under_age"}))
        .await;
    for path in ["/gsi/select", "/gsi/iframe/select"] {
        get(&google, path, &[("origin", SITE), ("auto_select", "true")]).await;
    }
    assert_eq!(google.events("credential_issued").await.len(), 1);
}

#[tokio::test]
async fn the_pages_behind_the_button_and_the_device_run_nothing() {
    let google = Google::start().await;
    let choose = get(&google, "/gsi/select", &[("origin", SITE)]).await;
    for page in [choose, google.get("/device").await] {
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none';"), "{policy}");
        assert!(!policy.contains("script-src"), "{policy}");
    }
}

#[tokio::test]
async fn a_page_learns_whether_it_may_ask_and_not_who_is_there() {
    let google = Google::start().await;
    let status = async |client_id: &str, origin: &str| {
        let request = google.http.get(google.url("/gsi/status")).query(&[("client_id", client_id)]);
        let answer = request.header("origin", origin).send().await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], origin);
        assert_eq!(answer.headers()["access-control-allow-credentials"], "true");
        let status = answer.status();
        (status, answer.json::<serde_json::Value>().await.unwrap()["reason"].clone())
    };
    let client = google.emulator.client_id();
    let no_session = (StatusCode::OK, json!("opt_out_or_no_session"));
    assert_eq!(status(client, SITE).await, no_session);
    assert_eq!(
        status(client, STRANGER).await,
        (StatusCode::FORBIDDEN, json!("unregistered_origin"))
    );
    assert_eq!(status("x", SITE).await, (StatusCode::FORBIDDEN, json!("invalid_client")));
    google.autopilot(json!({"user": "ada@example.com", "decision": "allow"})).await;
    assert_eq!(status(client, SITE).await, (StatusCode::OK, json!(null)));
}

#[tokio::test]
async fn the_button_shows_anywhere_and_says_what_is_not_registered() {
    let google = Google::start().await;
    let good = get(&google, "/gsi/button", &[("origin", SITE), ("text", "signup_with")]).await;
    assert_eq!(good.status(), StatusCode::OK);
    let page = good.text().await.unwrap();
    assert!(page.contains(">Sign up with Google<") && page.contains("EMULATOR"), "{page}");
    let stranger = get(&google, "/gsi/button", &[("origin", STRANGER), ("id", "</script>")]).await;
    assert_eq!(stranger.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        stranger.headers()["content-security-policy"],
        format!("frame-ancestors {STRANGER}")
    );
    let page = stranger.text().await.unwrap();
    assert!(page.contains("The given origin is not allowed"), "{page}");
    assert_eq!(page.matches("</script>").count(), 1, "{page}");
    let nowhere = get(&google, "/gsi/button", &[("origin", "*; script-src 'none'")]).await;
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn consent_is_taken_back_by_name_from_a_registered_origin() {
    let google = Google::with_ada().await;
    get(&google, "/gsi/select", &[("origin", SITE)]).await;
    let revoke = async |origin: &str, hint: &str| {
        let form = [("client_id", google.emulator.client_id()), ("hint", hint)];
        let request = google.http.post(google.url("/gsi/revoke")).form(&form);
        let answer = request.header("origin", origin).send().await.unwrap();
        answer.json::<serde_json::Value>().await.unwrap()["successful"].clone()
    };
    assert_eq!(revoke(STRANGER, "ada@example.com").await, false);
    assert_eq!(revoke(SITE, "grace@example.com").await, false);
    assert_eq!(revoke(SITE, "ada@example.com").await, true);
    assert_eq!(revoke(SITE, "ada@example.com").await, false);
    assert_eq!(google.events("revoked").await.len(), 1);
}

/// Google's script has spoken several dialects to the authorization endpoint.
#[tokio::test]
async fn every_dialect_of_the_popup_answers_the_registered_origin() {
    let google = Google::with_ada().await;
    let relay = "storagerelay://http/127.0.0.1:8080?id=auth7";
    for (redirect_uri, mode, id) in [
        (relay, "", json!("auth7")),
        ("gis_transform", "form_post", json!(null)),
        ("postmessage", "", json!(null)),
    ] {
        let more = [("redirect_uri", redirect_uri), ("origin", SITE), ("response_mode", mode)];
        let page = google.authorize("openid email", &more).send().await.unwrap();
        assert_eq!(page.headers()["content-security-policy"], format!("frame-ancestors {SITE}"));
        let told = message_to(SITE, &page.text().await.unwrap());
        assert_eq!((&told["id"], &told["type"]), (&id, &json!("authResult")), "{redirect_uri}");
        let code = told["authResult"]["code"].as_str().unwrap();
        let answer = google.redeem_with(code, &[("redirect_uri", "postmessage")]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.raw);
    }
    for redirect_uri in ["storagerelay://http/127.0.0.1:9?id=a", "gis_transform"] {
        let more = [("redirect_uri", redirect_uri), ("origin", STRANGER)];
        let refused = google.authorize("openid email", &more).send().await.unwrap();
        let error = google.get(&location(&refused)).await.text().await.unwrap();
        assert!(error.contains("Error 400: origin_mismatch"), "{error}");
    }
}
