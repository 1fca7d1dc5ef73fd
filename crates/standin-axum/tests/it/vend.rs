//! A job asks for tokens of a user who is away.

use http::Method;
use serde_json::json;
use standin::secret::sha256;
use standin::vend::Policy;

use crate::support::{ADA, Answer, CALENDAR, Caller, DRIVE, GRACE, Job, Wire, World};

const EVENTS: &str = "/calendar/v3/calendars/primary/events";

/// Sends exactly these headers and this body.
pub async fn raw(world: &World, user: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let path = format!("/v1/users/{user}/grants/google/token");
    world.browser().send(Method::POST, &path, headers, body.to_owned()).await
}

pub fn bearer(job: &Job) -> String {
    format!("Bearer {}", job.key)
}

fn policy(rules: &[&str]) -> Policy {
    Policy(rules.iter().map(|rule| rule.parse().unwrap()).collect())
}

fn token_of(answer: &Answer) -> String {
    answer.assert_status(200);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn hash_of(answer: &Answer) -> String {
    data_encoding::HEXLOWER.encode(&sha256(token_of(answer).as_bytes()))
}

fn members(answer: &Answer) -> Vec<String> {
    answer.json().as_object().unwrap().keys().cloned().collect()
}

#[tokio::test]
async fn a_job_acts_for_a_user_whose_browser_is_closed() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    browser.sign_in(&format!("?scope={CALENDAR}")).await.assert_status(303);
    let user = browser.session().await.json()["user"]["id"].as_str().unwrap().to_owned();
    drop(browser);
    let job = world.job().await;

    world.google.advance(7200).await;
    let token = job.vend(&user, json!({ "scopes": [CALENDAR] })).await;

    token.assert_status(200);
    let token = token.json();
    assert_eq!(world.google.api(EVENTS, token["access_token"].as_str().unwrap()).await, 200);
    assert_eq!(token["user"], user);
    assert_eq!(world.google.count("token_refreshed").await, 1);
}

#[tokio::test]
async fn tv_5_an_answer_says_what_the_token_is_and_holds_no_refresh_token() {
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    let (_, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let job = world.job().await;

    let first = job.vend(&user, json!({})).await;
    world.google.advance(3600).await;
    let second = job.vend(&user, json!({ "purpose": "backup" })).await;

    let expected =
        ["access_token", "expires_at", "expires_in", "provider", "scopes", "token_type", "user"];
    for answer in [&first, &second] {
        answer.assert_status(200);
        assert_eq!(members(answer), expected);
        let body = answer.json();
        assert_eq!((&body["token_type"], &body["provider"]), (&json!("Bearer"), &json!("google")));
        assert!((3500..=3599).contains(&body["expires_in"].as_u64().unwrap()), "{body}");
        assert!(body["scopes"].as_array().unwrap().contains(&json!(CALENDAR)));
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert!(!answer.headers.contains_key("set-cookie"));
        for secret in
            [wire.heard("refresh_token"), wire.heard("id_token"), wire.heard("client_secret")]
                .concat()
        {
            assert!(!answer.body.contains(&secret));
        }
    }
    assert_ne!(token_of(&first), token_of(&second));
}

#[tokio::test]
async fn tv_5_expires_in_is_the_true_remainder() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    world.google.advance(1000).await;
    let answer = job.vend(&user, json!({})).await;
    let left = answer.json()["expires_in"].as_u64().unwrap();
    assert!((2590..=2599).contains(&left), "{left}");
    assert_eq!(world.google.count("token_refreshed").await, 0);
}

#[tokio::test]
async fn tv_2_who_is_unknown_and_who_gave_nothing_are_answered_alike() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let (_, grace) = world.signed_in(GRACE, "").await;
    let subject = world.value::<String>("SELECT subject FROM identities LIMIT 1");
    browser.post("/auth/google/disconnect", json!({})).await.assert_status(200);
    world.execute(
        "DELETE FROM grants WHERE user_id != (SELECT user_id FROM grants WHERE state = 'revoked')",
        [],
    );
    let job = world.job().await;
    let mut bodies = Vec::new();
    for selector in [
        user.as_str(),
        grace.as_str(),
        &format!("google:{subject}"),
        "usr_00000000000000000000000000",
        "usr_zzzzzzzzzzzzzzzzzzzzzzzzzz",
        "usr_",
        "usr_'%20OR%201=1",
        "google:0",
        "google:",
        ":",
        "entra:1",
        "Google:1",
        "ada@example.com",
        "..%2f..",
        "%00",
        "%F0%9F%98%80",
        "me",
    ] {
        let answer = job.vend(selector, json!({})).await;
        answer.assert_refused(404, "no_grant");
        bodies.push((answer.body, answer.headers.len()));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    for provider in ["entra", "Google", "", "%20", "..", "google%00"] {
        let path = format!("/v1/users/{user}/grants/{provider}/token");
        let answer = world
            .browser()
            .send(Method::POST, &path, &[("authorization", &bearer(&job))], String::new())
            .await;
        assert_eq!(answer.status, 404, "{provider}");
    }
}

#[tokio::test]
async fn a_user_is_found_by_the_name_that_a_provider_has_for_them() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    world.signed_in(GRACE, "").await;
    let identity = browser.session().await.json()["identities"][0].clone();
    let subject = identity["subject"].as_str().unwrap();
    let job = world.job().await;
    for selector in [format!("google:{subject}"), format!("google%3A{subject}")] {
        let answer = job.vend(&selector, json!({})).await;
        answer.assert_status(200);
        assert_eq!(answer.json()["user"], user);
    }
    for nearly in [
        format!("google:{subject}0"),
        format!("google:%20{subject}"),
        format!("google:{}", &subject[1..]),
    ] {
        job.vend(&nearly, json!({})).await.assert_refused(404, "no_grant");
    }
}

#[tokio::test]
async fn tv_2_without_a_rule_nothing_is_vended() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    for rules in [&[][..], &["entra"], &["entra:openid"]] {
        let job = world.job_with(policy(rules)).await;
        for selector in [user.as_str(), "usr_00000000000000000000000000", "google:1"] {
            job.vend(selector, json!({})).await.assert_refused(403, "forbidden");
        }
    }
    let job = world.job_with(policy(&[&format!("google:{DRIVE}")])).await;
    job.vend(&user, json!({})).await.assert_refused(403, "forbidden");
    job.vend(&user, json!({ "scopes": [CALENDAR] })).await.assert_refused(403, "forbidden");
    job.vend(&user, json!({ "scopes": [DRIVE] })).await.assert_status(403);
    assert_eq!(world.google.count("token_refreshed").await, 0);
}

#[tokio::test]
async fn tv_6_a_narrow_client_never_gets_a_token_that_opens_more() {
    let world = World::start().await;
    let scope = format!("?scope={CALENDAR}%20{DRIVE}");
    let (_, user) = world.signed_in(ADA, &scope).await;
    let wide = world.job().await;
    let narrow = world.job_with(policy(&[&format!("google:{CALENDAR}")])).await;
    let other = world.job_with(policy(&[&format!("google:{DRIVE}")])).await;

    let all = token_of(&wide.vend(&user, json!({})).await);
    let answer = narrow.vend(&user, json!({ "scopes": [CALENDAR] })).await;
    let calendar = token_of(&answer);
    let drive = token_of(&other.vend(&user, json!({})).await);

    assert_eq!(answer.json()["scopes"], json!([CALENDAR]));
    assert!(all != calendar && all != drive && calendar != drive);
    assert_eq!(world.google.api(EVENTS, &calendar).await, 200);
    assert_eq!(world.google.api(EVENTS, &drive).await, 403);
    assert_eq!(token_of(&narrow.vend(&user, json!({})).await), calendar);
    assert_eq!(token_of(&wide.vend(&user, json!({})).await), all);
    assert_eq!(world.google.count("token_refreshed").await, 2);
}

#[tokio::test]
async fn tv_6_a_rule_with_a_short_scope_name_covers_googles_long_one() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job_with(policy(&["google:openid", "google:email", "google:profile"])).await;
    job.vend(&user, json!({ "scopes": ["email"] })).await.assert_status(200);
    job.vend(&user, json!({})).await.assert_status(200);
}

#[tokio::test]
async fn a_scope_that_was_never_given_is_named_and_a_way_to_it_shown() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let subject =
        browser.session().await.json()["identities"][0]["subject"].as_str().unwrap().to_owned();
    let job = world.job().await;

    let answer = job
        .vend(&user, json!({ "scopes": [CALENDAR, "openid", "https://example.com/unknown"] }))
        .await;

    answer.assert_refused(403, "insufficient_scope");
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(members(&answer), ["code", "detail", "missing", "reconnect_url", "status", "title"]);
    let problem = answer.json();
    assert_eq!(problem["missing"], json!(["https://example.com/unknown", CALENDAR]));
    let url = url::Url::parse(problem["reconnect_url"].as_str().unwrap()).unwrap();
    assert_eq!((url.origin(), url.path()), (world.app.origin(), "/auth/google/login"));
    let query: Vec<_> = url.query_pairs().into_owned().collect();
    // Only what the configuration lets anyone ask for.
    assert_eq!(query, [("login_hint".into(), subject), ("scope".into(), CALENDAR.into())]);

    // The way leads there.
    let begun = browser.get(url).await;
    browser.follow(begun).await.assert_status(303);
    job.vend(&user, json!({ "scopes": [CALENDAR] })).await.assert_status(200);
}

#[tokio::test]
async fn tv_7_min_ttl_is_honoured_by_a_new_token() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    let first = token_of(&job.vend(&user, json!({})).await);
    world.google.advance(3599 - 30).await;

    // It will do for this one, who has its successor fetched; the next one waits for that.
    assert_eq!(token_of(&job.vend(&user, json!({ "min_ttl": 10 })).await), first);
    let renewed = job.vend(&user, json!({ "min_ttl": 60 })).await;

    assert_ne!(token_of(&renewed), first);
    assert!(renewed.json()["expires_in"].as_u64().unwrap() >= 60);
    assert_eq!(token_of(&job.vend(&user, json!({ "min_ttl": 3000 })).await), token_of(&renewed));
    assert_eq!(world.google.count("token_refreshed").await, 1);
}

#[tokio::test]
async fn tv_7_what_cannot_be_honoured_is_503_and_not_a_shorter_token() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    world.google.advance(3599 - 30).await;
    world.google.fault("token", "status", json!({ "status": 503, "times": 9 })).await;
    job.vend(&user, json!({ "min_ttl": 60 })).await.assert_refused(503, "provider_unavailable");
    job.vend(&user, json!({ "min_ttl": 10 })).await.assert_status(200);
}

#[tokio::test]
async fn a_token_that_an_api_refused_is_replaced_once() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    let first = job.vend(&user, json!({})).await;
    let stale = hash_of(&first);

    let second = job.vend(&user, json!({ "stale_token_sha256": stale })).await;
    let third = job.vend(&user, json!({ "stale_token_sha256": stale })).await;
    let upper = job.vend(&user, json!({ "stale_token_sha256": stale.to_uppercase() })).await;
    let unknown = job.vend(&user, json!({ "stale_token_sha256": "0".repeat(64) })).await;

    assert_ne!(token_of(&second), token_of(&first));
    for answer in [third, upper, unknown] {
        assert_eq!(token_of(&answer), token_of(&second));
    }
    assert_eq!(world.google.count("token_refreshed").await, 1);
}

#[tokio::test]
async fn tv_9_every_vend_and_every_refusal_is_on_the_record() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    for _ in 0..3 {
        job.vend(&user, json!({ "purpose": "nightly backup" })).await.assert_status(200);
    }
    job.vend(&user, json!({ "scopes": [DRIVE] })).await.assert_status(403);
    job.vend("google:1", json!({})).await.assert_status(404);
    world.standin.flush_audit().await.unwrap();

    let events = world.standin.store().events(0, 100).await.unwrap();
    let of = |kind, detail: &str| {
        let found: Vec<_> = events
            .iter()
            .filter(|e| e.event.kind == kind && e.event.detail.as_deref() == Some(detail))
            .collect();
        assert_eq!(found.len(), 1, "{detail}: {events:?}");
        found[0].event.clone()
    };
    let vended = of(standin::store::EventKind::TokenVended, "nightly backup");
    assert_eq!(
        (vended.count, vended.client, vended.user.unwrap().to_string()),
        (3, Some(job.id), user)
    );
    for code in ["insufficient_scope", "no_grant"] {
        assert_eq!(of(standin::store::EventKind::VendRefused, code).client, Some(job.id));
    }
}

/// It was one transaction, however much there was: as long as any of it was not taken, all of it waited.
#[tokio::test]
async fn ls_6_the_record_is_written_in_parts_and_goes_on_where_it_stopped() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    for number in 0..800 {
        let purpose = json!({ "purpose": format!("job {number}") });
        caller.ask(purpose).await.assert_status(200);
    }
    let fault = "CREATE TRIGGER fault BEFORE INSERT ON events \
        WHEN (SELECT count(*) FROM events WHERE kind = 'token_vended') >= 700 \
        BEGIN SELECT raise(ABORT, 'injected'); END";
    world.execute(fault, []);
    let written = "SELECT count(DISTINCT detail) FROM events WHERE kind = 'token_vended'";

    assert!(world.standin.flush_audit().await.is_err());
    assert_eq!(world.value::<i64>(written), 500);

    world.execute("DROP TRIGGER fault", []);
    world.standin.flush_audit().await.unwrap();
    assert_eq!(world.value::<i64>(written), 800);
    assert_eq!(world.events_of("token_vended"), 800);
}
