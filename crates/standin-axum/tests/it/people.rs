//! Deleting oneself, and what jobs may do about people: look them up, take back, delete. Each only if it was allowed.

use http::Method;
use serde_json::json;
use standin::vend::Policy;

use crate::support::{ADA, Answer, CALENDAR, Caller, GRACE, Job, World};

const DELETE: &str = "/auth/delete-account";

/// A client with these rules.
async fn client(world: &World, rules: &[&str]) -> Job {
    world.job_with(Policy(rules.iter().map(|rule| rule.parse().unwrap()).collect())).await
}

async fn ask(world: &World, job: &Job, method: Method, path: &str) -> Answer {
    let bearer = format!("Bearer {}", job.key);
    let headers = [("authorization", bearer.as_str())];
    world.browser().send(method, path, &headers, String::new()).await
}

#[tokio::test]
async fn sc_6_whoever_deletes_themselves_is_gone_with_all_they_gave_at_once() {
    let world = World::start().await;
    let (mut here, user) = world.signed_in(ADA, "").await;
    let (mut there, _) = world.signed_in(ADA, "").await;
    let (mut grace, _) = world.signed_in(GRACE, "").await;
    let caller = Caller::new(&world, &world.job().await, &user);
    let token = caller.token().await;

    let answer = here.post(DELETE, json!({ "confirm": user })).await;

    answer.assert_status(204);
    assert_eq!(answer.headers["clear-site-data"], "\"cache\", \"storage\"");
    assert!(here.cookie("__Host-standin").is_none());
    there.session().await.assert_refused(401, "unauthenticated");
    caller.ask(json!({})).await.assert_refused(404, "no_grant");
    assert!(world.is_dead_at_provider(&token).await);
    assert_eq!((world.events_of("user_deleted"), world.events_of("grant_revoked")), (1, 1));
    for table in ["users", "identities", "grants", "sessions"] {
        assert_eq!(world.value::<i64>(&format!("SELECT count(*) FROM {table}")), 1, "{table}");
    }
    grace.session().await.assert_status(200);
    let (_, again) = world.signed_in(ADA, "").await;
    assert_ne!(again, user);
}

#[tokio::test]
async fn sc_6_deleting_does_not_wait_for_a_provider_that_is_away() {
    let world = World::start().await;
    let (mut here, user) = world.signed_in(ADA, "").await;
    world.google.fault("revoke", "status", json!({ "status": 503 })).await;
    here.post(DELETE, json!({ "confirm": user })).await.assert_status(204);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users"), 0);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM revocations"), 1);
    world.google.advance(60).await;
    assert_eq!(world.standin.revocations().sweep().await, Ok(1));
}

#[tokio::test]
async fn nobody_is_deleted_who_does_not_say_whom_they_mean() {
    let world = World::start().await;
    let (mut ada, user) = world.signed_in(ADA, "").await;
    let (_, graces) = world.signed_in(GRACE, "").await;
    let dump = world.database_dump();
    for body in [
        json!({}),
        json!({ "confirm": graces }),
        json!({ "confirm": ADA }),
        json!({ "confirm": "" }),
    ] {
        ada.post(DELETE, body).await.assert_refused(400, "confirmation_missing");
    }
    for body in [json!({ "confirm": true }), json!({ "user": user }), json!([user])] {
        ada.post(DELETE, body).await.assert_refused(400, "invalid_request");
    }
    ada.get(DELETE).await.assert_status(405);
    world
        .browser()
        .post(DELETE, json!({ "confirm": user }))
        .await
        .assert_refused(401, "unauthenticated");
    let evil = [
        ("origin", "https://evil.example"),
        ("x-requested-with", "x"),
        ("content-type", "application/json"),
    ];
    let body = json!({ "confirm": user }).to_string();
    ada.send(Method::POST, DELETE, &evil, body).await.assert_refused(403, "cross_origin");
    assert_eq!(world.database_dump(), dump);
}

#[tokio::test]
async fn tv_2_without_its_permission_a_client_hears_the_same_of_everybody() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, "").await;
    let unknown = "usr_00000000000000000000000000";
    let calls = |id: &str| {
        [
            ("users.read", Method::GET, format!("/v1/users/{id}")),
            ("users.delete", Method::DELETE, format!("/v1/users/{id}")),
            ("grants.read", Method::GET, format!("/v1/users/{id}/grants")),
            ("grants.revoke", Method::DELETE, format!("/v1/users/{id}/grants/google")),
        ]
    };
    let all = ["users.read", "users.delete", "grants.read", "grants.revoke"];
    for (needed, method, path) in calls(&user) {
        let others: Vec<_> = all.into_iter().filter(|rule| *rule != needed).collect();
        for rules in [&["*"][..], &["google"], &[], &others] {
            let job = client(&world, rules).await;
            let known = ask(&world, &job, method.clone(), &path).await;
            known.assert_refused(403, "forbidden");
            for nobody in [unknown, "x", "google:1", "%ff"] {
                let answer = ask(&world, &job, method.clone(), &path.replace(&user, nobody)).await;
                assert_eq!(
                    (answer.status, answer.json()),
                    (known.status, known.json()),
                    "{nobody}"
                );
            }
        }
    }
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users"), 1);
    assert!(world.events_of("vend_refused") > 0);
    // Who may tokens only, may tokens; and who may only look, may no token.
    let looks = client(&world, &all).await;
    Caller::new(&world, &looks, &user).ask(json!({})).await.assert_refused(403, "forbidden");
}

#[tokio::test]
async fn people_are_found_by_address_and_by_what_a_provider_calls_them() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    world.signed_in(GRACE, "").await;
    let session = browser.session().await.json();
    let subject = session["identities"][0]["subject"].as_str().unwrap().to_owned();
    let job = client(&world, &["users.read", "grants.read"]).await;
    let by_id = ask(&world, &job, Method::GET, &format!("/v1/users/{user}")).await;
    by_id.assert_status(200);
    let ada = by_id.json();
    assert_eq!((&ada["id"], &ada["email"]), (&json!(user), &json!(ADA)));
    assert_eq!(ada["identities"], session["identities"]);
    for path in [
        format!("/v1/users?email={ADA}"),
        format!("/v1/users?email={}", ADA.to_uppercase()),
        format!("/v1/users?provider=google&subject={subject}"),
    ] {
        let found = ask(&world, &job, Method::GET, &path).await;
        assert_eq!(found.json(), json!({ "users": [ada] }), "{path}");
    }
    for path in [
        "/v1/users?email=nobody@example.com",
        "/v1/users?provider=google&subject=1",
        "/v1/users?provider=other&subject=1",
    ] {
        let found = ask(&world, &job, Method::GET, path).await;
        assert_eq!(found.json(), json!({ "users": [] }), "{path}");
    }
    for wrong in [
        "",
        "?",
        "?email=a&subject=1",
        "?provider=google",
        "?subject=1",
        "?email=a&limit=1",
        "?provider=NO&subject=1",
        "?access_token=x&email=a",
        "?email=a&email=b",
    ] {
        let answer = ask(&world, &job, Method::GET, &format!("/v1/users{wrong}")).await;
        assert_eq!(answer.status.as_u16(), 400, "{wrong}: {}", answer.body);
    }
    for name in [user.clone(), format!("google:{subject}")] {
        let grants = ask(&world, &job, Method::GET, &format!("/v1/users/{name}/grants")).await;
        let grant = &grants.json()["grants"][0];
        assert_eq!((&grant["provider"], &grant["subject"]), (&json!("google"), &json!(subject)));
        assert_eq!((&grant["state"], &grant["offline"]), (&json!("active"), &json!(true)));
        assert_eq!(grant["scopes"], session["grants"][0]["scopes"]);
        world.assert_tells_nothing(&grants).await;
    }
    for nobody in ["usr_00000000000000000000000000", "x", "google:1", "%ff"] {
        let path = format!("/v1/users/{nobody}");
        ask(&world, &job, Method::GET, &path).await.assert_refused(404, "no_user");
        let path = format!("/v1/users/{nobody}/grants");
        ask(&world, &job, Method::GET, &path).await.assert_refused(404, "no_user");
    }
}

#[tokio::test]
async fn a_client_that_may_takes_back_and_deletes_and_the_record_says_who_it_was() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let job = client(&world, &["users.delete", "grants.revoke", "google"]).await;
    let caller = Caller::new(&world, &job, &user);
    caller.token().await;
    let grant = format!("/v1/users/{user}/grants/google");
    let answer = ask(&world, &job, Method::DELETE, &grant).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "revoked": "confirmed" })));
    caller.ask(json!({})).await.assert_refused(404, "no_grant");
    browser.session().await.assert_status(200);
    for nothing in [
        grant.as_str(),
        "/v1/users/x/grants/google",
        "/v1/users/google:1/grants/google",
        "/v1/users/x/grants/%ff",
    ] {
        ask(&world, &job, Method::DELETE, nothing).await.assert_refused(404, "no_grant");
    }

    let path = format!("/v1/users/{user}");
    ask(&world, &job, Method::DELETE, &path).await.assert_status(204);
    browser.session().await.assert_refused(401, "unauthenticated");
    ask(&world, &job, Method::DELETE, &path).await.assert_refused(404, "no_user");
    let events = world.events_after(0).await;
    let deleted: Vec<_> = events
        .iter()
        .filter(|stored| stored.event.kind == standin::store::EventKind::UserDeleted)
        .collect();
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0].event.client, Some(job.id));
}
