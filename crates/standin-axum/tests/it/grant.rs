//! Adding scopes for somebody who is signed in, and the ledger of what they gave.

use http::Method;
use serde_json::{Value, json};
use standin::provider::{ProviderKind, ProviderProfile};
use standin::vault::{ScopeRecord, ScopeSource, ScopeStanding};
use url::Url;

use crate::support::{
    ADA, Answer, Browser, CALENDAR, Caller, DRIVE, GRACE, Wire, World, param, refused,
};

const PATH: &str = "/auth/google/grant";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

async fn ask(browser: &mut Browser, scopes: &[&str]) -> Answer {
    browser.post(PATH, json!({ "scopes": scopes, "return_to": "/notes" })).await
}

/// Where the provider is asked, and the attempt.
async fn begin(browser: &mut Browser, scopes: &[&str]) -> (Url, String) {
    let answer = ask(browser, scopes).await;
    answer.assert_status(200);
    let text = |name: &str| answer.json()[name].as_str().unwrap().to_owned();
    (Url::parse(&text("authorization_url")).unwrap(), text("attempt"))
}

/// All of it, up to the answer of the callback.
async fn add(browser: &mut Browser, scopes: &[&str]) -> Answer {
    let (url, _) = begin(browser, scopes).await;
    let callback = browser.answer_to(&url).await;
    browser.get(&callback).await
}

async fn grant(browser: &mut Browser) -> Value {
    let session = browser.session().await;
    session.assert_status(200);
    session.json()["grants"][0].clone()
}

async fn ledger(world: &World, browser: &mut Browser) -> Vec<ScopeRecord> {
    let id = grant(browser).await["id"].as_str().unwrap().parse().unwrap();
    world.standin.store().scope_ledger(id).await.unwrap()
}

async fn record(world: &World, browser: &mut Browser, scope: &str) -> ScopeRecord {
    let records = ledger(world, browser).await;
    records.into_iter().find(|record| record.scope == scope).unwrap()
}

fn has(grant: &Value, scope: &str) -> bool {
    grant["scopes"].as_array().unwrap().contains(&json!(scope))
}

#[tokio::test]
async fn rf_12_scopes_are_added_for_the_same_person_grant_and_session() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let before = browser.session().await.json();
    let cookie = browser.cookie("__Host-standin").unwrap().to_owned();

    let (url, attempt) = begin(&mut browser, &[CALENDAR]).await;

    assert_eq!(url.origin().ascii_serialization(), world.google.origin());
    assert_eq!(param(&url, "include_granted_scopes"), "true");
    assert_eq!(param(&url, "access_type"), "offline");
    assert_eq!(param(&url, "code_challenge_method"), "S256");
    assert_eq!(param(&url, "login_hint"), before["identities"][0]["subject"].as_str().unwrap());
    assert_eq!(param(&url, "scope"), format!("email {CALENDAR} openid profile"));
    assert!(!url.query_pairs().any(|(name, _)| name == "prompt"));
    let status = browser.get(format!("/auth/attempts/{attempt}")).await.json();
    assert_eq!(status, json!({ "status": "pending" }));

    let callback = browser.answer_to(&url).await;
    let done = browser.get(&callback).await;

    assert_eq!((done.status.as_u16(), done.location()), (303, world.url("/notes")));
    let after = browser.session().await.json();
    assert_eq!(browser.cookie("__Host-standin").unwrap(), cookie);
    assert_eq!(after["session"], before["session"]);
    assert_eq!(after["user"]["id"], user.as_str());
    assert_eq!(after["grants"][0]["id"], before["grants"][0]["id"]);
    assert!(has(&after["grants"][0], CALENDAR));
    assert_eq!(after["grants"][0]["missing_scopes"], json!([]));
    let status = browser.get(format!("/auth/attempts/{attempt}")).await.json();
    assert_eq!(status, json!({ "status": "done", "offline": "came" }));
    // When they signed in, and now.
    assert_eq!(world.events_of("grant_authorized"), 2);
    // A job has it at once, and with the next token, too.
    let caller = Caller::new(&world, &world.job().await, &user);
    caller.ask(json!({ "scopes": [CALENDAR] })).await.assert_status(200);
    world.google.advance(7200).await;
    caller.ask(json!({ "scopes": [CALENDAR] })).await.assert_status(200);
}

#[tokio::test]
async fn rf_12_scopes_add_up_and_the_ledger_says_when() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    world.google.advance(60).await;
    add(&mut browser, &[DRIVE]).await.assert_status(303);

    let grant = grant(&mut browser).await;
    assert!(has(&grant, CALENDAR) && has(&grant, DRIVE), "{grant}");
    let calendar = record(&world, &mut browser, CALENDAR).await;
    let drive = record(&world, &mut browser, DRIVE).await;
    assert_eq!((calendar.source, drive.source), (ScopeSource::SignIn, ScopeSource::Incremental));
    assert!(
        calendar.granted_at.unwrap().after(std::time::Duration::from_secs(59))
            < drive.granted_at.unwrap()
    );
    assert_eq!(drive.requested_at, drive.granted_at);
    let all = ledger(&world, &mut browser).await;
    assert_eq!(all.len(), 5, "one record per scope, whatever its spelling: {all:?}");
    assert!(all.iter().all(|record| record.standing() == ScopeStanding::Granted));
}

#[tokio::test]
async fn rf_12_an_answer_without_a_refresh_token_keeps_the_one_that_is_there() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let (_, refresh, generation) = world.grant_tokens();
    world.google.fault("token", "no_refresh_token", json!({})).await;
    add(&mut browser, &[CALENDAR]).await.assert_status(303);
    assert_eq!((world.grant_tokens().1, world.grant_tokens().2), (refresh, generation));
    assert_eq!(world.google.count("authorization").await, 2, "and there is no second leg");
    world.google.advance(7200).await;
    Caller::new(&world, &world.job().await, &user).token().await;
}

#[tokio::test]
async fn rf_12_another_account_is_refused_and_what_it_gave_is_revoked() {
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let adas = wire.heard("refresh_token");
    let (url, attempt) = begin(&mut browser, &[CALENDAR]).await;
    world.google.allow(GRACE).await;
    let callback = browser.answer_to(&url).await;
    let before = world.before(&mut browser).await;
    let tokens = world.grant_tokens();

    let answer = browser.get(&callback).await;

    let expected = refused(403, "subject_mismatch").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    assert_eq!(world.grant_tokens(), tokens);
    assert!(ledger(&world, &mut browser).await.iter().all(|record| record.scope != CALENDAR));
    let status = browser.get(format!("/auth/attempts/{attempt}")).await.json();
    assert_eq!(status, json!({ "status": "failed", "code": "subject_mismatch" }));
    let graces =
        wire.heard("refresh_token").into_iter().find(|token| !adas.contains(token)).unwrap();
    assert!(world.is_dead_at_provider(&graces).await);
    assert!(!adas.is_empty());
    assert_eq!(world.value::<i64>("SELECT count(*) FROM revocations"), 0);
    world.google.allow(ADA).await;
    add(&mut browser, &[CALENDAR]).await.assert_status(303);
    assert!(has(&grant(&mut browser).await, CALENDAR));
}

#[tokio::test]
async fn rf_12_a_provider_that_is_down_is_told_later_what_another_account_gave() {
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let adas = wire.heard("refresh_token");
    let (url, _) = begin(&mut browser, &[CALENDAR]).await;
    world.google.allow(GRACE).await;
    let callback = browser.answer_to(&url).await;
    world.google.fault("revoke", "status", json!({ "status": 503 })).await;
    browser.get(&callback).await.assert_refused(403, "subject_mismatch");
    assert_eq!(world.value::<i64>("SELECT count(*) FROM revocations"), 1);

    world.google.advance(60).await;
    assert_eq!(world.standin.revocations().sweep().await.unwrap(), 1);
    let graces =
        wire.heard("refresh_token").into_iter().find(|token| !adas.contains(token)).unwrap();
    assert!(world.is_dead_at_provider(&graces).await);
}

/// Revoking anything at Google revokes all that the account gave: that must not befall a bystander.
#[tokio::test]
async fn rf_12_another_account_whose_own_grant_is_alive_keeps_it() {
    let world = World::start().await;
    let (_, grace) = world.signed_in(GRACE, "").await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let (url, _) = begin(&mut browser, &[CALENDAR]).await;
    world.google.allow(GRACE).await;
    let callback = browser.answer_to(&url).await;
    browser.get(&callback).await.assert_refused(403, "subject_mismatch");
    assert_eq!(world.google.count("revoked").await, 0);
    world.google.advance(7200).await;
    Caller::new(&world, &world.job().await, &grace).token().await;
}

#[tokio::test]
async fn another_account_in_the_second_leg_or_the_one_time_code_is_given_back_too() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    world.google.fault("token", "no_refresh_token", json!({})).await;
    let callback = browser.callback_url("").await;
    let second = browser.get(&callback).await.location();
    world.google.allow(GRACE).await;
    let callback = browser.answer_to(&second).await;
    browser.get(&callback).await.assert_refused(403, "subject_mismatch");
    assert_eq!(world.google.count("revoked").await, 1);

    let mut elsewhere = world.browser();
    let (state, code) = world.one_time_code(&mut elsewhere).await;
    let body = json!({ "code": code, "state": state, "expected_subject": "1" });
    elsewhere.post("/auth/google/code", body).await.assert_refused(403, "subject_mismatch");
    assert_eq!(world.google.count("revoked").await, 2);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM revocations"), 0);
}

#[tokio::test]
async fn ar_4_an_answer_counts_only_while_the_session_that_asked_lives() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    for end in ["signed out", "signed in again", "signed in as another", "no cookie"] {
        let (url, _) = begin(&mut browser, &[CALENDAR]).await;
        let callback = browser.answer_to(&url).await;
        let mut late = browser.clone();
        match end {
            "signed out" => drop(late.post("/auth/logout", json!({})).await),
            "signed in again" => drop(late.sign_in("").await),
            "signed in as another" => {
                world.google.allow(GRACE).await;
                late.sign_in("").await.assert_status(303);
                world.google.allow(ADA).await;
            }
            _ => late.set_cookie("__Host-standin", "somethingelse"),
        }
        let before = world.before(&mut late).await;
        let answer = late.get(&callback).await;
        let expected = refused(403, "session_mismatch").known();
        world.assert_refusal(&mut late, &before, &answer, expected).await;
        assert_eq!(
            world.value::<i64>("SELECT count(*) FROM scope_ledger WHERE source = 'incremental'"),
            0,
            "{end}"
        );
        browser = world.browser();
        browser.sign_in("").await.assert_status(303);
    }
}

#[tokio::test]
async fn ar_4_an_answer_is_taken_only_from_the_browser_that_asked_and_once() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let (mut stranger, _) = world.signed_in(GRACE, "").await;
    world.google.allow(ADA).await;
    let (url, _) = begin(&mut browser, &[CALENDAR]).await;
    let callback = browser.answer_to(&url).await;
    let before = world.before(&mut stranger).await;
    let answer = stranger.get(&callback).await;
    world.assert_refusal(&mut stranger, &before, &answer, refused(403, "attempt_missing")).await;
    browser.get(&callback).await.assert_status(303);
    let before = world.before(&mut browser).await;
    let answer = browser.get(&callback).await;
    world
        .assert_refusal(&mut browser, &before, &answer, refused(409, "attempt_used").known())
        .await;
}

#[tokio::test]
async fn ar_8_only_scopes_that_the_configuration_lists_are_asked_for() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let asked = world.google.count("authorization").await;
    for scopes in [
        &["https://www.googleapis.com/auth/drive"][..],
        &[CALENDAR, "https://mail.google.com/"],
        &["CALENDAR"],
        &["a b"],
        &[""],
    ] {
        ask(&mut browser, scopes).await.assert_refused(400, "scope_not_allowed");
    }
    ask(&mut browser, &[]).await.assert_refused(400, "invalid_request");
    for body in [
        json!({}),
        json!([[CALENDAR]]),
        json!({ "scopes": CALENDAR }),
        json!({ "scopes": [CALENDAR], "login_hint": "x" }),
        json!({ "scopes": [CALENDAR], "prompt": "none" }),
    ] {
        browser.post(PATH, body).await.assert_refused(400, "invalid_request");
    }
    for (path, code) in
        [("/auth/entra/grant", "unknown_provider"), ("/auth/%00/grant", "unknown_provider")]
    {
        let answer = browser.post(path, json!({ "scopes": [CALENDAR] })).await;
        answer.assert_refused(404, code);
    }
    assert_eq!(world.google.count("authorization").await, asked);
    assert_eq!(browser.attempts(), []);
}

#[tokio::test]
async fn ar_11_a_grant_is_begun_by_post_with_a_live_session() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    browser.get(PATH).await.assert_status(405);
    ask(&mut world.browser(), &[CALENDAR]).await.assert_refused(401, "unauthenticated");
    let mut unknown = world.browser();
    unknown.set_cookie("__Host-standin", "nobody");
    ask(&mut unknown, &[CALENDAR]).await.assert_refused(401, "unauthenticated");
    let mut late = browser.clone();
    late.post("/auth/logout", json!({})).await.assert_status(204);
    ask(&mut browser, &[CALENDAR]).await.assert_refused(401, "unauthenticated");
}

/// Sends scopes with exactly these headers.
async fn send(browser: &mut Browser, headers: &[(&str, &str)]) -> Answer {
    let is_form = headers.contains(&FORM);
    let body = if is_form {
        format!("scopes={CALENDAR}%20{DRIVE}&return_to=/notes")
    } else {
        json!({ "scopes": [CALENDAR] }).to_string()
    };
    browser.send(Method::POST, PATH, headers, body).await
}

#[tokio::test]
async fn sc_12_a_grant_is_begun_from_a_page_of_ours_only() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let origin = browser.origin();
    let (ours, header) = (("origin", origin.as_str()), ("x-requested-with", "XmlHttpRequest"));
    let json = ("content-type", "application/json");
    let evil = ("origin", "https://evil.example");
    let dump = world.database_dump();
    for (headers, code) in [
        (&[json, header][..], "cross_origin"),
        (&[json, ours], "csrf_header_missing"),
        (&[json, header, evil], "cross_origin"),
        (&[json, header, ("origin", "null")], "cross_origin"),
        (&[json, header, ours, ("sec-fetch-site", "same-site")], "cross_origin"),
        (&[json, header, ours, ("sec-fetch-site", "cross-site")], "cross_origin"),
        (&[FORM, ours], "cross_origin"),
        (&[FORM, ours, header], "cross_origin"),
        (&[FORM, OWN], "cross_origin"),
        (&[FORM, evil, OWN], "cross_origin"),
        (&[FORM, ("origin", "null"), OWN], "cross_origin"),
        (&[FORM, ours, ("sec-fetch-site", "same-site")], "cross_origin"),
        (&[FORM, ours, ("sec-fetch-site", "cross-site")], "cross_origin"),
        (&[FORM, ours, OWN, ("sec-fetch-dest", "iframe")], "cross_origin"),
    ] {
        let answer = send(&mut browser, headers).await;
        answer.assert_refused(403, code);
        assert_eq!(browser.attempts(), [], "{headers:?}");
    }
    for wrong in ["text/plain", "multipart/form-data"] {
        let answer = send(&mut browser, &[("content-type", wrong), ours, header]).await;
        answer.assert_refused(415, "invalid_request");
    }
    assert_eq!(world.database_dump(), dump);
    send(&mut browser, &[json, header, ours, OWN]).await.assert_status(200);
}

#[tokio::test]
async fn sc_12_a_form_of_ours_is_sent_to_the_provider_at_once() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let origin = browser.origin();
    let headers = [FORM, ("origin", origin.as_str()), OWN, ("sec-fetch-dest", "document")];
    let begun = send(&mut browser, &headers).await;
    begun.assert_status(303);
    assert_eq!(
        param(&begun.location(), "scope"),
        format!("email {CALENDAR} {DRIVE} openid profile")
    );
    let callback = browser.answer_to(&begun.location()).await;
    assert_eq!(browser.get(&callback).await.location(), world.url("/notes"));
    assert!(has(&grant(&mut browser).await, DRIVE));

    let body = "scopes=openid&scopes=email".to_owned();
    let twice = browser.send(Method::POST, PATH, &headers, body).await;
    twice.assert_refused(400, "duplicate_parameter");
    browser.accept_html();
    let body = "scopes=openid&redirect_uri=https://evil.example".to_owned();
    let page = browser.send(Method::POST, PATH, &headers, body).await;
    assert_eq!((page.status.as_u16(), page.any_code().as_str()), (400, "invalid_request"));
    assert!(page.body.contains("<html"));
}

#[tokio::test]
async fn cb_12_what_is_unticked_is_told_to_page_attempt_job_and_ledger() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, "").await;
    world.google.allow_all_but(ADA, &[DRIVE]).await;
    let (url, attempt) = begin(&mut browser, &[CALENDAR, DRIVE]).await;
    let callback = browser.answer_to(&url).await;
    let done = browser.get(&callback).await;

    assert_eq!((done.status.as_u16(), done.location()), (303, world.url("/notes")));
    assert_eq!(grant(&mut browser).await["missing_scopes"], json!([DRIVE]));
    let status = browser.get(format!("/auth/attempts/{attempt}")).await.json();
    assert_eq!(status, json!({ "status": "done", "missing_scopes": [DRIVE], "offline": "came" }));
    let caller = Caller::new(&world, &world.job().await, &user);
    caller.ask(json!({ "scopes": [CALENDAR] })).await.assert_status(200);
    let lacks = caller.ask(json!({ "scopes": [CALENDAR, DRIVE] })).await;
    lacks.assert_refused(403, "insufficient_scope");
    assert_eq!(lacks.json()["missing"], json!([DRIVE]));
    let drive = record(&world, &mut browser, DRIVE).await;
    assert_eq!(drive.standing(), ScopeStanding::Refused);
    assert_eq!((drive.requested_at, drive.granted_at), (drive.refused_at, None));

    world.google.allow(ADA).await;
    world.google.advance(60).await;
    add(&mut browser, &[DRIVE]).await.assert_status(303);
    let given = record(&world, &mut browser, DRIVE).await;
    assert_eq!((given.standing(), given.refused_at), (ScopeStanding::Granted, None));
    assert_eq!(grant(&mut browser).await["missing_scopes"], json!([]));
}

#[tokio::test]
async fn cb_12_whoever_declines_stays_signed_in_with_what_they_gave() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let (url, attempt) = begin(&mut browser, &[DRIVE]).await;
    world.google.deny(ADA).await;
    let callback = browser.answer_to(&url).await;
    let before = world.before(&mut browser).await;
    let answer = browser.get(&callback).await;
    world
        .assert_refusal(&mut browser, &before, &answer, refused(403, "access_denied").known())
        .await;
    let status = browser.get(format!("/auth/attempts/{attempt}")).await.json();
    assert_eq!(status, json!({ "status": "failed", "code": "access_denied" }));
}

async fn narrower(world: &World, caller: &Caller) {
    world.google.advance(3600).await;
    world.google.fault("token", "narrow_scope", json!({ "scopes": [CALENDAR] })).await;
    caller.token().await;
}

#[tokio::test]
async fn rf_12_one_narrower_refresh_is_an_event_and_two_are_a_removal() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let caller = Caller::new(&world, &world.job().await, &user);
    let first = record(&world, &mut browser, CALENDAR).await;

    narrower(&world, &caller).await;
    assert_eq!(
        grant(&mut browser).await["missing_scopes"],
        json!([CALENDAR]),
        "the token lacks it"
    );
    assert_eq!(record(&world, &mut browser, CALENDAR).await, first, "the ledger keeps it");
    assert_eq!((world.events_of("scopes_narrowed"), world.events_of("scopes_removed")), (1, 0));

    narrower(&world, &caller).await;
    let gone = record(&world, &mut browser, CALENDAR).await;
    assert_eq!((gone.standing(), gone.source), (ScopeStanding::Removed, ScopeSource::Refresh));
    assert_eq!(gone.granted_at, first.granted_at);
    assert_eq!((world.events_of("scopes_narrowed"), world.events_of("scopes_removed")), (1, 1));
    let named: String = world.value("SELECT detail FROM events WHERE kind = 'scopes_removed'");
    assert_eq!(named, CALENDAR);

    narrower(&world, &caller).await;
    assert_eq!(world.events_of("scopes_removed"), 1, "it is gone once");
    world.google.advance(3600).await;
    caller.ask(json!({})).await.assert_status(200);
    let back = record(&world, &mut browser, CALENDAR).await;
    assert_eq!(back.standing(), ScopeStanding::Granted);
    assert!(back.granted_at > first.granted_at);
    assert_eq!(grant(&mut browser).await["missing_scopes"], json!([]));
}

#[tokio::test]
async fn rf_12_a_narrower_refresh_that_was_a_slip_removes_nothing() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let caller = Caller::new(&world, &world.job().await, &user);
    let first = record(&world, &mut browser, CALENDAR).await;
    for _ in 0..2 {
        narrower(&world, &caller).await;
        world.google.advance(3600).await;
        caller.token().await;
        caller.ask(json!({ "scopes": [CALENDAR] })).await.assert_status(200);
    }
    assert_eq!(record(&world, &mut browser, CALENDAR).await, first);
    assert_eq!((world.events_of("scopes_narrowed"), world.events_of("scopes_removed")), (2, 0));
}

#[tokio::test]
async fn rf_12_who_has_disconnected_can_give_it_again_in_the_same_session() {
    let world = World::start().await;
    let (mut browser, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    browser.post("/auth/google/disconnect", json!({})).await.assert_status(200);
    let gone = record(&world, &mut browser, CALENDAR).await;
    assert_eq!((gone.standing(), gone.source), (ScopeStanding::Removed, ScopeSource::Revocation));

    let (url, _) = begin(&mut browser, &[CALENDAR]).await;
    assert_eq!(param(&url, "prompt"), "consent", "only consent brings a refresh token");
    let callback = browser.answer_to(&url).await;
    browser.get(&callback).await.assert_status(303);

    let again = grant(&mut browser).await;
    assert_eq!((&again["state"], &again["offline"]), (&json!("active"), &json!(true)));
    assert_eq!(record(&world, &mut browser, CALENDAR).await.standing(), ScopeStanding::Granted);
    Caller::new(&world, &world.job().await, &user).token().await;
}

#[tokio::test]
async fn rf_12_a_provider_that_does_not_add_up_is_asked_for_everything_again() {
    let unknown = ProviderKind::Oidc(ProviderProfile::default());
    let world = World::with(|provider| provider.kind = unknown).await;
    let (mut browser, _) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    let (url, _) = begin(&mut browser, &[DRIVE]).await;
    assert_eq!(param(&url, "scope"), format!("email {CALENDAR} {DRIVE} openid profile"));
    assert!(!url.query_pairs().any(|(name, _)| name == "include_granted_scopes"));
}

#[tokio::test]
async fn a_user_who_has_never_been_at_a_provider_adds_nothing_there() {
    let (world, _other) = World::with_another().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let answer = browser.post("/auth/other/grant", json!({ "scopes": [CALENDAR] })).await;
    answer.assert_refused(404, "no_grant");
}

#[tokio::test]
async fn the_ledger_of_a_user_is_deleted_with_them() {
    let world = World::start().await;
    let (_, user) = world.signed_in(ADA, &format!("?scope={CALENDAR}")).await;
    assert_eq!(world.value::<i64>("SELECT count(*) FROM scope_ledger"), 4);
    assert!(world.standin.revocations().delete_user(user.parse().unwrap(), None).await.unwrap());
    assert_eq!(world.value::<i64>("SELECT count(*) FROM scope_ledger"), 0);
}
