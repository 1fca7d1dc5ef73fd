//! The control API: seeding, ledger, clock, guards.

use std::collections::BTreeSet;

use reqwest::StatusCode;
use serde_json::{Value, json};

use standin_emulator::{Client, Emulator};

use crate::support::{Answer, CALENDAR, CALLBACK, Google, SIGN_IN, client, location};

#[tokio::test]
async fn the_ledger_tells_a_sign_in_in_order_and_only_in_hashes() {
    let google = Google::with_ada().await;
    let answer = google.sign_in(SIGN_IN, &[("access_type", "offline")]).await;
    let ledger = google.json("/_emulator/ledger").await;
    let events = ledger["events"].as_array().unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["authorization", "consent_shown", "code_issued", "code_redeemed"]);
    assert_eq!(ledger["next"], 4);
    assert_eq!(events[3]["user"], "ada@example.com");
    assert_eq!(events[3]["client_id"], google.emulator.client_id());
    assert_eq!(events[2]["code_sha256"], events[3]["code_sha256"]);
    assert_eq!(events[3]["refresh_token_sha256"].as_str().unwrap().len(), 64);
    let text = ledger.to_string();
    for secret in ["access_token", "refresh_token"] {
        assert!(!text.contains(&answer.text(secret)));
    }
    let rest = google.json("/_emulator/ledger?after=3").await;
    assert_eq!(rest["events"].as_array().unwrap().len(), 1);
    let none = google.json("/_emulator/ledger?after=4").await;
    assert_eq!(none, json!({"events": [], "next": 4}));
}

#[tokio::test]
async fn reset_goes_back_to_the_seed_and_keeps_the_keys() {
    let google = Google::with_ada().await;
    let refresh_token = google.offline(SIGN_IN).await;
    // No two fetches need have the same order.
    let kids = async || -> BTreeSet<String> {
        let keys = google.json("/oauth2/v3/certs").await;
        keys["keys"].as_array().unwrap().iter().map(|key| key["kid"].to_string()).collect()
    };
    let before = kids().await;
    google.put("/_emulator/users", &json!({"email": "mary@example.com"})).await;
    google.post("/_emulator/clock", &json!({"advance_seconds": 60})).await;
    let response = google.post("/_emulator/reset", &json!({})).await;
    assert!(response.status().is_success());
    assert_eq!(google.json("/_emulator/ledger").await, json!({"events": [], "next": 0}));
    assert_eq!(google.json("/_emulator/clock").await["offset_seconds"], 0);
    assert_eq!(google.json("/_emulator/users").await["users"].as_array().unwrap().len(), 3);
    assert_eq!(google.json("/_emulator/autopilot").await["autopilot"], Value::Null);
    assert_eq!(kids().await, before);
    assert_eq!(google.refresh(&refresh_token).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn users_and_clients_change_at_run_time_and_keep_what_is_not_named() {
    let google = Google::with_ada().await;
    let sub = google.sign_in(SIGN_IN, &[]).await.claims()["sub"].clone();
    google
        .put("/_emulator/users", &json!([{"email": "ada@example.com", "name": "Ada King"}]))
        .await;
    let claims = google.sign_in(SIGN_IN, &[]).await.claims();
    assert_eq!((&claims["sub"], &claims["family_name"]), (&sub, &json!("King")));
    let moved = json!({"email": "ada@new.example", "sub": sub});
    google.put("/_emulator/users", &moved).await;
    google.autopilot(json!({"user": "ada@new.example", "decision": "allow"})).await;
    assert_eq!(google.sign_in(SIGN_IN, &[]).await.claims()["sub"], sub);
    let id = google.emulator.client_id();
    let client = json!({"client_id": id, "redirect_uris": ["http://localhost:1/cb"]});
    let put: Value = google.put("/_emulator/clients", &client).await.json().await.unwrap();
    assert_eq!(put["clients"][0]["client_secret"], google.emulator.client_secret());
    let clients = google.json("/_emulator/clients").await;
    assert_eq!(clients["clients"][0]["redirect_uris"], json!(["http://localhost:1/cb"]));
    assert_eq!(clients["clients"][0]["javascript_origins"].as_array().unwrap().len(), 2);
    assert!(!clients.to_string().contains(google.emulator.client_secret()));
}

#[tokio::test]
async fn a_user_who_revokes_ends_every_grant() {
    let google = Google::with_ada().await;
    let refresh_token = google.offline(CALENDAR).await;
    let response = google.post("/_emulator/users/ada@example.com/revoke", &json!({})).await;
    assert!(response.status().is_success());
    assert_eq!(google.refresh(&refresh_token).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(google.events("revoked").await[0]["by"], "user");
    let nobody = google.post("/_emulator/users/nobody/revoke", &json!({})).await;
    assert_eq!(Answer::of(nobody).await.body["code"], "unknown_user");
}

#[tokio::test]
async fn a_misspelt_field_is_a_problem_with_its_name() {
    let google = Google::start().await;
    let response = google.put("/_emulator/autopilot", &json!({"usr": "x"})).await;
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let problem = Answer::of(response).await;
    assert_eq!(problem.status, StatusCode::BAD_REQUEST);
    assert!(problem.text("detail").contains("unknown field `usr`"), "{}", problem.raw);
    let fault = json!([{"endpoint": "token", "fault": "rotat"}]);
    let problem = Answer::of(google.post("/_emulator/faults", &fault).await).await;
    assert_eq!(problem.text("code"), "invalid_fault");
    assert!(problem.text("detail").contains("did you mean `rotate`?"), "{}", problem.raw);
    let unknown = google.get("/_emulator/nothing").await;
    assert_eq!(Answer::of(unknown).await.text("code"), "not_found");
}

#[tokio::test]
async fn foreign_hosts_and_foreign_pages_are_refused() {
    let google = Google::start().await;
    let health = || google.http.get(google.url("/_emulator/health"));
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status();
    let port = google.emulator.origin().rsplit_once(':').unwrap().1;
    for host in ["evil.example".to_owned(), format!("evil.example:{port}"), "localhost".to_owned()]
    {
        assert_eq!(status(health().header("host", host)).await, StatusCode::FORBIDDEN);
    }
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let host = format!("{host}:{port}");
        assert_eq!(status(health().header("host", host)).await, StatusCode::OK);
    }
    let foreign = health().header("origin", "https://evil.example");
    assert_eq!(status(foreign).await, StatusCode::FORBIDDEN);
    let local = health().header("origin", "http://127.0.0.1:8080").send().await.unwrap();
    assert_eq!(local.status(), StatusCode::OK);
    assert!(local.headers().get("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn the_clock_can_be_moved_from_outside_and_inside() {
    let google = Google::start().await;
    let answer = google.post("/_emulator/clock", &json!({"advance_seconds": 3600})).await;
    let clock: Value = answer.json().await.unwrap();
    assert_eq!(clock["offset_seconds"], 3600);
    google.emulator.clock().advance(std::time::Duration::from_mins(1));
    assert_eq!(google.json("/_emulator/clock").await["offset_seconds"], 3660);
    let before = google.emulator.clock().now_unix_ms() / 1000;
    let now = google.json("/_emulator/clock").await["now"].as_i64().unwrap();
    let after = google.emulator.clock().now_unix_ms() / 1000;
    assert!((before..=after).contains(&now), "one clock, inside and outside");
}

#[tokio::test]
async fn a_project_in_testing_gives_refresh_tokens_that_end_after_seven_days() {
    let google = Google::with_ada().await;
    let testing = json!({
        "id": "emulated-project", "publishing_status": "testing", "test_users": ["ada@example.com"]
    });
    let response = google.put("/_emulator/projects", &testing).await;
    assert_eq!(response.status(), StatusCode::OK);
    let tokens =
        google.sign_in(&format!("{SIGN_IN} {CALENDAR}"), &[("access_type", "offline")]).await;
    let expires_in = tokens.body["refresh_token_expires_in"].as_i64().unwrap();
    assert!((604_790..=604_799).contains(&expires_in), "{expires_in}");
    let response =
        google.put("/_emulator/projects", &json!({"id": "x", "user_type": "internal"})).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn tenants_share_a_process_and_nothing_else() {
    let google = Google::start().await;
    let document = google.json("/t/alice/.well-known/openid-configuration").await;
    let issuer = format!("{}/t/alice", google.emulator.origin());
    assert_eq!(document["issuer"], issuer);
    assert_eq!(document["token_endpoint"], format!("{issuer}/token"));
    google.post("/t/alice/_emulator/clock", &json!({"advance_seconds": 100})).await;
    let fault = json!({"endpoint": "token", "fault": "invalid_grant"});
    google.post("/t/alice/_emulator/faults", &fault).await;
    assert_eq!(google.json("/t/bob/_emulator/clock").await["offset_seconds"], 0);
    assert_eq!(google.json("/_emulator/clock").await["offset_seconds"], 0);
    assert_eq!(google.json("/_emulator/faults").await["faults"], json!([]));
    assert_eq!(google.json("/_emulator/tenants").await["tenants"], json!(["alice", "bob"]));
    let removed = google.http.delete(google.url("/_emulator/tenants/alice")).send().await.unwrap();
    assert_eq!(removed.status(), StatusCode::NO_CONTENT);
    assert_eq!(google.json("/t/alice/_emulator/faults").await["faults"], json!([]));
    let refused = google.get("/t/a.b/token").await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
    assert_eq!(refused.json::<Value>().await.unwrap()["code"], "invalid_tenant");
}

#[tokio::test]
async fn a_tenants_sign_in_stays_under_its_prefix() {
    let google = Google::start().await;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", google.emulator.client_id())
        .append_pair("redirect_uri", CALLBACK)
        .append_pair("response_type", "code")
        .append_pair("scope", SIGN_IN)
        .finish();
    let response = google.get(&format!("/t/alice/o/oauth2/v2/auth?{query}")).await;
    let chooser = location(&response);
    assert!(chooser.starts_with("/t/alice/v3/signin/accountchooser?part="), "{chooser}");
    let page = google.get(&chooser).await.text().await.unwrap();
    assert!(page.contains(r#"action="/t/alice/v3/signin/accountchooser""#), "{page}");
    let response = google.get("/t/alice/o/oauth2/v2/auth?client_id=nobody").await;
    assert!(location(&response).starts_with("/t/alice/signin/oauth/error?authError="));
}

#[tokio::test]
async fn browsers_and_backends_may_reach_it_by_different_names() {
    let builder =
        Emulator::builder().origin("http://emulator:9090").browser_origin("http://localhost:9090");
    let google = Google { emulator: builder.start().await.unwrap(), http: client() };
    assert_eq!(google.emulator.origin(), "http://emulator:9090");
    let base = format!("http://{}", google.emulator.address());
    let document = google.http.get(format!("{base}/.well-known/openid-configuration"));
    let document: Value =
        document.header("host", "emulator:9090").send().await.unwrap().json().await.unwrap();
    assert_eq!(document["issuer"], "http://emulator:9090");
    assert_eq!(document["token_endpoint"], "http://emulator:9090/token");
    assert_eq!(document["authorization_endpoint"], "http://localhost:9090/o/oauth2/v2/auth");
    for (host, status) in [("localhost:9090", 200), ("emulator:9090", 200), ("evil:9090", 403)] {
        let health = google.http.get(format!("{base}/_emulator/health")).header("host", host);
        assert_eq!(health.send().await.unwrap().status(), status, "{host}");
    }
    let error = Emulator::builder().origin("http://emulator:9090/x").start().await.unwrap_err();
    assert!(error.to_string().contains("is not an origin"), "{error}");
}

#[tokio::test]
async fn the_ledger_can_be_filtered_and_waited_for() {
    let google = Google::with_ada().await;
    google.sign_in(SIGN_IN, &[]).await;
    let only = google.json("/_emulator/ledger?kind=code_issued&user=ada@example.com").await;
    assert_eq!(only["events"].as_array().unwrap().len(), 1);
    let next = only["next"].as_u64().unwrap();
    assert!(next > only["events"][0]["seq"].as_u64().unwrap());
    let path = format!("/_emulator/ledger?after={next}&kind=revoked&wait_seconds=30");
    let (woken, _) = tokio::join!(google.json(&path), async {
        google.sign_in(SIGN_IN, &[]).await;
        google.post("/_emulator/users/ada@example.com/revoke", &json!({})).await
    });
    assert_eq!(woken["events"][0]["kind"], "revoked");
    let next = woken["next"].as_u64().unwrap();
    let path = format!("/_emulator/ledger?after={next}&wait_seconds=30");
    let nothing = json!({});
    let (anew, _) = tokio::join!(google.json(&path), google.post("/_emulator/reset", &nothing));
    assert_eq!(anew, json!({"events": [], "next": 0}));
    let wrong = google.get("/_emulator/ledger?kind=revokd").await;
    assert_eq!(wrong.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn what_was_ordered_and_never_happened_is_told_at_the_end() {
    let google = Google::with_ada().await;
    google.fault(json!({"endpoint": "jwks", "fault": "status", "status": 503, "times": 2})).await;
    google.fault(json!({"endpoint": "token", "fault": "rotate"})).await;
    google.get("/oauth2/v3/certs").await;
    let left = google.http.delete(google.url("/_emulator/faults")).send().await.unwrap();
    let left: Value = left.json().await.unwrap();
    let expected = json!([
        {"endpoint": "jwks", "fault": "status", "remaining": 1},
        {"endpoint": "token", "fault": "rotate", "remaining": 1},
    ]);
    assert_eq!(left["unconsumed"], expected);
    assert_eq!(google.get("/oauth2/v3/certs").await.status(), StatusCode::OK);
    google.fault(json!({"endpoint": "token", "fault": "rotate"})).await;
    let reset: Value = google.post("/_emulator/reset", &json!({})).await.json().await.unwrap();
    assert_eq!(reset["unconsumed"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_user_can_take_back_what_one_project_has_and_keep_the_others() {
    let google = Google::with_ada().await;
    let refresh_token = google.offline(SIGN_IN).await;
    let path = "/_emulator/users/ada@example.com/revoke";
    google.post(path, &json!({"project": "another"})).await;
    assert_eq!(google.refresh(&refresh_token).await.status, StatusCode::OK);
    google.post(path, &json!({"project": "emulated-project"})).await;
    assert_eq!(google.refresh(&refresh_token).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_clients_file_points_googles_libraries_here() {
    let google = Google::start().await;
    let path = format!("/_emulator/clients/{}/file", google.emulator.client_id());
    let file = google.json(&path).await;
    assert_eq!(file["web"]["client_secret"], google.emulator.client_secret());
    assert_eq!(file["web"]["token_uri"], google.url("/token"));
    let again = Client::from_file(&file.to_string()).unwrap();
    assert_eq!(again.client_id, google.emulator.client_id());
    assert_eq!(google.get("/_emulator/clients/nobody/file").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_page_shows_what_there_is_and_no_secret() {
    let google = Google::with_ada().await;
    let answer = google.sign_in(SIGN_IN, &[("access_type", "offline")]).await;
    let refresh_token = answer.text("refresh_token");
    let state = google.json("/_emulator/state").await;
    let grant = &state["grants"][0];
    assert_eq!(grant["user"], "ada@example.com");
    let shown = grant["refresh_tokens"][0]["token"].as_str().unwrap();
    assert!(refresh_token.starts_with(shown.trim_end_matches('…')) && shown.len() < 20, "{shown}");
    for secret in [&refresh_token, &answer.text("access_token"), google.emulator.client_secret()] {
        assert!(!state.to_string().contains(secret));
    }
    for (from, to) in [("/_emulator", "/_emulator/"), ("/t/a/_emulator", "/t/a/_emulator/")] {
        assert_eq!(location(&google.get(from).await), to);
        let page = google.get(to).await;
        assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("'none'"));
        assert!(page.text().await.unwrap().contains("EMULATOR"));
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_or_misspelt_is_refused_with_the_place() {
    let google = Google::start().await;
    let large = google.http.put(google.url("/_emulator/users")).body(vec![b' '; 1024 * 1024 + 1]);
    let large = large.send().await.unwrap();
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let large: Value = large.json().await.unwrap();
    assert_eq!(large["detail"], "The body of /users is over 1 MiB.");
    let misspelt = google.put("/_emulator/users", &json!({"emial": "a@b"})).await;
    assert_eq!(misspelt.status(), StatusCode::BAD_REQUEST);
    let misspelt: Value = misspelt.json().await.unwrap();
    let detail = misspelt["detail"].as_str().unwrap();
    assert!(detail.contains("did you mean `email`?") && detail.contains("column"), "{detail}");
}

#[tokio::test]
async fn the_clock_stays_within_a_hundred_years() {
    let google = Google::start().await;
    for far in [i64::MAX, i64::MIN, 200 * 365 * 86_400] {
        let refused = google.post("/_emulator/clock", &json!({"advance_seconds": far})).await;
        let refused = Answer::of(refused).await;
        assert_eq!(
            (refused.status, refused.text("code")),
            (StatusCode::BAD_REQUEST, "invalid_body".into())
        );
        assert!(refused.text("detail").contains("100 years"), "{}", refused.raw);
    }
    assert_eq!(google.json("/_emulator/clock").await["offset_seconds"], 0);
    let century = 100 * 365 * 86_400_i64;
    google.autopilot(json!({"user": "ada@example.com", "decision": "allow"})).await;
    for step in [century, -2 * century] {
        let moved = google.post("/_emulator/clock", &json!({"advance_seconds": step})).await;
        assert_eq!(moved.status(), StatusCode::OK);
        assert_eq!(google.sign_in(SIGN_IN, &[]).await.status, StatusCode::OK);
        assert_eq!(google.get("/oauth2/v1/certs").await.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn a_foreign_host_makes_no_world() {
    let google = Google::start().await;
    let request = google.http.get(google.url("/t/alice/token")).header("host", "evil.example");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(google.json("/_emulator/tenants").await["tenants"], json!([]));
}

#[tokio::test]
async fn a_request_that_is_held_is_let_go_when_its_tenant_ends() {
    let google = Google::start().await;
    let fault = json!({"endpoint": "jwks", "fault": "hold"});
    google.post("/t/alice/_emulator/faults", &fault).await;
    let end = async {
        google.json("/t/alice/_emulator/ledger?kind=fault_used&wait_seconds=20").await;
        let tenant = google.url("/_emulator/tenants/alice");
        google.http.delete(tenant).send().await.unwrap()
    };
    let (held, ended) = tokio::join!(google.get("/t/alice/oauth2/v3/certs"), end);
    assert_eq!((held.status(), ended.status()), (StatusCode::OK, StatusCode::NO_CONTENT));
}

#[tokio::test]
async fn an_address_that_belongs_to_another_subject_is_refused() {
    let google = Google::start().await;
    let before = google.json("/_emulator/users").await;
    let ada = before["users"][0]["sub"].clone();
    let users = json!([
        {"email": "mary@example.com"},
        {"email": "Grace@example.com", "sub": ada},
    ]);
    let refused = Answer::of(google.put("/_emulator/users", &users).await).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text("detail").contains("belongs to another `sub`"), "{}", refused.raw);
    assert_eq!(google.json("/_emulator/users").await, before, "all or nothing");
}
