//! Taking an account away: with what it gave and the sessions that it opened, and never the last one.

use serde_json::{Value, json};

use crate::support::{ADA, Browser, Caller, GRACE, World};

const PATH: &str = "/auth/google/unlink";

/// Ada, who has linked Grace's account and is signed in with each; their subjects.
struct Two {
    world: World,
    with_ada: Browser,
    with_grace: Browser,
    user: String,
    adas: String,
    graces: String,
}

async fn two() -> Two {
    let world = World::start().await;
    let (mut with_ada, user) = world.signed_in(ADA, "").await;
    let adas = subjects(&mut with_ada).await.remove(0);
    world.google.allow(GRACE).await;
    let begun = with_ada.post("/auth/google/link", json!({})).await.json();
    let url = begun["authorization_url"].as_str().unwrap().parse().unwrap();
    let callback = with_ada.answer_to(&url).await;
    with_ada.get(&callback).await.assert_status(303);
    let (with_grace, same) = world.signed_in(GRACE, "").await;
    assert_eq!(same, user);
    let mut all = subjects(&mut with_ada).await;
    all.retain(|subject| *subject != adas);
    Two { graces: all.remove(0), world, with_ada, with_grace, user, adas }
}

async fn subjects(browser: &mut Browser) -> Vec<String> {
    let session = browser.session().await.json();
    let identities = session["identities"].as_array().unwrap().iter();
    identities.map(|identity| identity["subject"].as_str().unwrap().to_owned()).collect()
}

fn named(subject: &str) -> Value {
    json!({ "subject": subject })
}

#[tokio::test]
async fn sc_6_unlinking_takes_what_the_account_gave_and_the_sessions_that_it_opened() {
    let Two { world, mut with_ada, mut with_grace, user, adas, graces } = two().await;
    let job = world.job().await;
    let of_grace = Caller::new(&world, &job, &format!("google:{graces}"));
    let token = of_grace.token().await;

    let answer = with_ada.post(PATH, named(&graces)).await;

    answer.assert_status(200);
    assert_eq!(answer.json(), json!({ "revoked": "confirmed" }));
    assert_eq!(subjects(&mut with_ada).await, [adas]);
    with_grace.session().await.assert_refused(401, "unauthenticated");
    of_grace.ask(json!({})).await.assert_refused(404, "no_grant");
    assert!(world.is_dead_at_provider(&token).await);
    Caller::new(&world, &job, &user).token().await;
    assert_eq!(world.value::<i64>("SELECT count(*) FROM grants"), 1);
    assert_eq!((world.events_of("identity_unlinked"), world.events_of("grant_revoked")), (1, 1));
    let detail: String = world.value("SELECT detail FROM events WHERE kind = 'identity_unlinked'");
    assert_eq!(detail, "google");
    // Whoever comes with it now is somebody else.
    let (_, other) = world.signed_in(GRACE, "").await;
    assert_ne!(other, user);
    with_ada.post(PATH, named(&graces)).await.assert_refused(404, "identity_unknown");
}

#[tokio::test]
async fn unlinking_the_account_that_opened_this_session_signs_out() {
    let Two { world: _world, mut with_ada, mut with_grace, graces, .. } = two().await;
    let answer = with_grace.post(PATH, named(&graces)).await;
    answer.assert_status(200);
    assert_eq!(answer.headers["clear-site-data"], "\"cache\", \"storage\"");
    assert!(with_grace.cookie("__Host-standin").is_none());
    with_ada.session().await.assert_status(200);
}

#[tokio::test]
async fn the_last_account_stays_with_all_that_it_gave() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let only = subjects(&mut browser).await;
    for body in [json!({}), named(&only[0])] {
        let answer = browser.post(PATH, body).await;
        answer.assert_refused(409, "last_identity");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("link another one first") && detail.contains("delete"), "{detail}");
    }
    assert_eq!(subjects(&mut browser).await, only);
    Caller::new(&world, &world.job().await, &user).token().await;
    assert_eq!(world.google.count("revoked").await, 0);
}

#[tokio::test]
async fn which_of_several_is_meant_must_be_said_and_nobody_elses_can_be() {
    let Two { world, mut with_ada, graces, adas, .. } = two().await;
    let dump = world.database_dump();
    with_ada.post(PATH, json!({})).await.assert_refused(400, "account_ambiguous");
    for wrong in ["", "1", &format!("{graces} "), ADA] {
        with_ada.post(PATH, named(wrong)).await.assert_refused(404, "identity_unknown");
    }
    let elsewhere = with_ada.post("/auth/other/unlink", named(&graces)).await;
    elsewhere.assert_refused(404, "identity_unknown");
    world.browser().post(PATH, named(&graces)).await.assert_refused(401, "unauthenticated");
    with_ada.get(PATH).await.assert_status(405);
    assert_eq!(world.database_dump(), dump);
    let (mut stranger, _) = world.signed_in("linus@corp.example", "").await;
    stranger.post(PATH, named(&adas)).await.assert_refused(404, "identity_unknown");
    assert_eq!(subjects(&mut with_ada).await.len(), 2);
}

#[tokio::test]
async fn unlinking_does_not_wait_for_a_provider_that_is_away() {
    let Two { world, mut with_ada, mut with_grace, graces, .. } = two().await;
    world.google.fault("revoke", "status", json!({ "status": 503 })).await;
    let answer = with_ada.post(PATH, named(&graces)).await;
    assert_eq!(answer.json(), json!({ "revoked": "queued" }));
    with_grace.session().await.assert_refused(401, "unauthenticated");
    assert_eq!(world.google.count("revoked").await, 0);
    world.google.advance(60).await;
    assert_eq!(world.standin.revocations().sweep().await, Ok(1));
    assert_eq!(world.google.count("revoked").await, 1);
}
