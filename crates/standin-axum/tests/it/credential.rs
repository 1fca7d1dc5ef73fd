//! `POST /auth/{provider}/credential`: what the provider's button gave, posted by its page or by ours.

use futures_util::future::join_all;
use http::Method;
use serde_json::json;

use crate::support::{
    ADA, Browser, ButtonPage, CALENDAR, CSRF, GRACE, World, param, refused, with,
};

const PATH: &str = "/auth/google/credential";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_credential_signs_in_by_form_and_by_script_and_gives_nothing_more() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut page = ButtonPage::open(&world).await;
    let credential = page.credential(&world).await;
    let done = page.post(&credential).await;
    done.assert_status(303);
    assert_eq!(done.location(), world.url("/"));
    assert_eq!(page.browser.attempts(), []);

    let asked = json!({ "return_to": "/notes?page=2" });
    let mut other = ButtonPage::of(world.browser(), asked).await;
    let credential = other.credential(&world).await;
    let fields = [
        ("credential", credential.as_str()),
        ("g_csrf_token", CSRF),
        ("select_by", "btn"),
        ("clientId", world.google.client_id()),
        ("state", &other.state.clone()),
    ];
    assert_eq!(other.post_fields(&fields).await.location(), world.url("/notes?page=2"));

    let mut third = ButtonPage::open(&world).await;
    let credential = third.credential(&world).await;
    let answer = third.fetch(&credential).await;
    answer.assert_status(200);
    assert_eq!(answer.json(), third.browser.session().await.json());
    assert_eq!(answer.json()["user"]["email"], ADA);
    assert_eq!(answer.json()["user"]["name"], "Ada Lovelace");
    assert_eq!(answer.json()["grants"], json!([]));
    assert_eq!(world.google.token_calls().await, 0);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users"), 1);
    assert_eq!(world.events_of("signed_in"), 3);
}

#[tokio::test]
async fn id_20_cookie_and_form_must_agree() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut page = ButtonPage::open(&world).await;
    let credential = page.credential(&world).await;
    let before = world.before(&mut page.browser).await;
    for (cookie, field, code) in [
        (None, Some(CSRF), "csrf_cookie_missing"),
        (Some(""), Some(CSRF), "csrf_cookie_missing"),
        (None, None, "csrf_cookie_missing"),
        (Some(""), Some(""), "csrf_cookie_missing"),
        (Some(CSRF), None, "csrf_field_missing"),
        (Some(CSRF), Some(""), "csrf_field_missing"),
        (Some(CSRF), Some("5f1c0de5f1c0de01"), "csrf_token_mismatch"),
        (Some(CSRF), Some("5f1c0de5f1c0de0"), "csrf_token_mismatch"),
        (Some(CSRF), Some("5F1C0DE5F1C0DE00"), "csrf_token_mismatch"),
    ] {
        page.browser.forget("g_csrf_token");
        if let Some(cookie) = cookie {
            page.browser.set_cookie("g_csrf_token", cookie);
        }
        let mut fields = vec![("credential", credential.as_str())];
        fields.extend(field.map(|field| ("g_csrf_token", field)));
        let answer = page.post_fields(&fields).await;
        world.assert_refusal(&mut page.browser, &before, &answer, refused(400, code)).await;
        page.browser.accept_html();
        let shown = page.post_fields(&fields).await;
        world.assert_refusal(&mut page.browser, &before, &shown, refused(400, code)).await;
        assert!(shown.body.contains("press the button again"), "{}", shown.body);
        page.browser.headers.clear();
    }
    let two = [("cookie", "g_csrf_token=5f1c0de5f1c0de00; g_csrf_token=5f1c0de5f1c0de00")];
    let mut browser = world.browser();
    let headers = [("content-type", FORM), two[0]];
    let body = format!("credential={credential}&g_csrf_token={CSRF}");
    let answer = browser.send(Method::POST, PATH, &headers, body).await;
    answer.assert_refused(400, "csrf_token_mismatch");
    page.browser.set_cookie("g_csrf_token", CSRF);
    page.post(&credential).await.assert_status(303);
}

#[tokio::test]
async fn id_20_a_credential_is_accepted_once() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut page = ButtonPage::open(&world).await;
    let mut thief = page.clone();
    let credential = page.credential(&world).await;
    page.post(&credential).await.assert_status(303);

    let before = world.before(&mut thief.browser).await;
    let answer = thief.post(&credential).await;
    let expected = refused(409, "credential_used").known();
    world.assert_refusal(&mut thief.browser, &before, &answer, expected).await;
    thief.fetch(&credential).await.assert_refused(409, "credential_used");
    let before = world.before(&mut thief.browser).await;
    let again = thief.credential(&world).await;
    let answer = thief.post(&again).await;
    let expected = refused(409, "attempt_used").known();
    world.assert_refusal(&mut thief.browser, &before, &answer, expected).await;
    page.browser.session().await.assert_status(200);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM sessions"), 1);
}

#[tokio::test]
async fn id_20_one_credential_posted_twenty_times_at_once_makes_one_session() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let page = ButtonPage::open(&world).await;
    let credential = page.credential(&world).await;
    let post = async |mut page: ButtonPage| (page.post(&credential).await, page);
    let answers = join_all((0..20).map(|_| post(page.clone()))).await;
    let (won, lost): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|(answer, _)| answer.status == 303);
    assert_eq!(won.len(), 1);
    for (answer, _) in lost {
        answer.assert_refused(409, "credential_used");
    }
    assert_eq!(world.value::<i64>("SELECT count(*) FROM sessions"), 1);
    for (_, mut page) in won {
        page.browser.session().await.assert_status(200);
    }
}

#[tokio::test]
async fn id_20_the_nonce_is_one_that_begin_gave_to_this_browser() {
    let world = World::start().await;
    world.google.allow(GRACE).await;
    let stranger = ButtonPage::open(&world).await;
    let theirs = stranger.credential(&world).await;
    world.google.allow(ADA).await;
    let bare = world.google.credential(&world.app, None).await;
    let invented = world.google.credential(&world.app, Some("of a page of somebody else")).await;
    let mut page = ButtonPage::open(&world).await;
    let before = world.before(&mut page.browser).await;
    for (credential, code) in [
        (&theirs, "attempt_missing"),
        (&invented, "attempt_missing"),
        (&bare, "credential_without_nonce"),
    ] {
        let answer = page.post(credential).await;
        world.assert_refusal(&mut page.browser, &before, &answer, refused(403, code)).await;
    }
    let state = page.state.clone();
    for credential in [&theirs, &invented, &bare] {
        let before = world.before(&mut page.browser).await;
        let fields = [("credential", &**credential), ("g_csrf_token", CSRF), ("state", &state)];
        let answer = page.post_fields(&fields).await;
        let expected = refused(403, "id_token_nonce_mismatch").known();
        world.assert_refusal(&mut page.browser, &before, &answer, expected).await;
    }
    let own = page.credential(&world).await;
    let before = world.before(&mut page.browser).await;
    let fields = [("credential", own.as_str()), ("g_csrf_token", CSRF), ("state", "another")];
    let answer = page.post_fields(&fields).await;
    let expected = refused(403, "attempt_missing");
    world.assert_refusal(&mut page.browser, &before, &answer, expected).await;
    page.post(&own).await.assert_status(303);
    assert_eq!(page.browser.session().await.json()["user"]["email"], ADA);
    world.assert_next_sign_in_works(&mut page.browser).await;
}

#[tokio::test]
async fn id_20_an_attempt_of_another_flow_or_time_takes_no_credential() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let nonce = param(&browser.begin("").await, "nonce");
    browser.set_cookie("g_csrf_token", CSRF);
    let of_redirect = world.google.credential(&world.app, Some(&nonce)).await;
    let mut page = ButtonPage { browser, state: String::new(), nonce };
    let before = world.before(&mut page.browser).await;
    let answer = page.post(&of_redirect).await;
    let expected = refused(400, "response_mode_mismatch").known();
    world.assert_refusal(&mut page.browser, &before, &answer, expected).await;

    let mut page = ButtonPage::of(page.browser, json!({})).await;
    world.google.advance(601).await;
    let late = page.credential(&world).await;
    let before = world.before(&mut page.browser).await;
    let answer = page.post(&late).await;
    let expected = refused(400, "attempt_expired").known();
    world.assert_refusal(&mut page.browser, &before, &answer, expected).await;
}

#[tokio::test]
async fn id_20_without_a_nonce_only_where_the_configuration_says_so_and_once() {
    let world = World::with(|google| google.allow_credential_without_nonce = true).await;
    world.google.allow(ADA).await;
    let bare = world.google.credential(&world.app, None).await;
    let mut browsers = [world.browser(), world.browser()];
    for browser in &mut browsers {
        browser.set_cookie("g_csrf_token", CSRF);
    }
    let [first, second] = &mut browsers;
    let fields = [("credential", bare.as_str()), ("g_csrf_token", CSRF)];
    first.post_form(PATH, &fields).await.assert_status(303);
    first.session().await.assert_status(200);

    let before = world.before(second).await;
    for seconds in [0, 3600] {
        world.google.advance(seconds).await;
        world.standin.store().prune(world.standin.clock().now()).await.unwrap();
        let answer = second.post_form(PATH, &fields).await;
        world.assert_refusal(second, &before, &answer, refused(409, "credential_used")).await;
    }
    world.google.advance(60).await;
    let answer = second.post_form(PATH, &fields).await;
    world.assert_refusal(second, &before, &answer, refused(403, "id_token_expired")).await;

    let nonce = ButtonPage::open(&world).await.nonce;
    let of_another = world.google.credential(&world.app, Some(&nonce)).await;
    let fields = [("credential", of_another.as_str()), ("g_csrf_token", CSRF)];
    let answer = second.post_form(PATH, &fields).await;
    world.assert_refusal(second, &before, &answer, refused(403, "attempt_missing")).await;
}

#[tokio::test]
async fn cb_13_the_session_from_before_ends_though_its_cookie_stays_at_home() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let old = browser.cookie("__Host-standin").unwrap().to_owned();
    let grants = browser.session().await.json()["grants"].clone();
    let mut page = ButtonPage::of(browser, json!({})).await;
    let credential = page.credential(&world).await;
    page.post(&credential).await.assert_status(303);

    let session = page.browser.session().await.json();
    assert_eq!(session["user"]["email"], ADA);
    assert_eq!(session["grants"], grants, "a grant from before is left alone");
    assert_ne!(page.browser.cookie("__Host-standin").unwrap(), old);
    let mut thief = world.browser();
    thief.set_cookie("__Host-standin", &old);
    thief.session().await.assert_refused(401, "unauthenticated");
}

#[tokio::test]
async fn cb_14_another_accounts_credential_takes_the_session_and_never_joins_the_user() {
    let world = World::start().await;
    let (browser, ada) = world.signed_in(ADA, "").await;
    world.google.allow(GRACE).await;
    let mut page = ButtonPage::of(browser, json!({})).await;
    let credential = page.credential(&world).await;
    let grace = page.fetch(&credential).await;
    grace.assert_status(200);
    assert_eq!(grace.json()["user"]["email"], GRACE);
    assert_ne!(grace.json()["user"]["id"], ada);
    assert_eq!(grace.json()["identities"].as_array().unwrap().len(), 1);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM sessions"), 1);
}

#[tokio::test]
async fn oc_1_a_script_that_posts_a_credential_runs_on_a_page_of_ours() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut page = ButtonPage::open(&world).await;
    let credential = page.credential(&world).await;
    let ours = page.browser.origin();
    let before = world.before(&mut page.browser).await;
    let header = ("x-requested-with", "fetch");
    for (headers, code) in [
        (vec![], "cross_origin"),
        (vec![header], "cross_origin"),
        (vec![("origin", ours.as_str())], "csrf_header_missing"),
        (vec![("origin", "null"), header], "cross_origin"),
        (vec![("origin", "https://evil.example"), header], "cross_origin"),
        (vec![("origin", &ours), header, ("sec-fetch-site", "cross-site")], "cross_origin"),
    ] {
        let answer = page.fetch_with(&credential, &headers).await;
        world.assert_refusal(&mut page.browser, &before, &answer, refused(403, code)).await;
    }
    for dest in ["iframe", "image", "empty"] {
        page.browser.set_header("sec-fetch-dest", dest);
        let answer = page.post(&credential).await;
        let expected = refused(403, "cross_origin");
        world.assert_refusal(&mut page.browser, &before, &answer, expected).await;
    }
    page.browser.set_header("sec-fetch-dest", "document");
    page.post(&credential).await.assert_status(303);
}

#[tokio::test]
async fn a_credential_is_posted_as_a_form_and_in_no_other_way() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut page = ButtonPage::open(&world).await;
    let credential = page.credential(&world).await;
    let before = world.before(&mut page.browser).await;
    let body = format!("credential={credential}&g_csrf_token={CSRF}");
    for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE] {
        let headers = [("content-type", FORM)];
        let answer = page.browser.send(method, PATH, &headers, body.clone()).await;
        answer.assert_status(405);
    }
    for kind in ["application/json", "text/plain", "multipart/form-data; boundary=x"] {
        let headers = [("content-type", kind)];
        let answer = page.browser.send(Method::POST, PATH, &headers, body.clone()).await;
        let expected = refused(415, "invalid_request");
        world.assert_refusal(&mut page.browser, &before, &answer, expected).await;
    }
    for (body, code) in [
        (format!("g_csrf_token={CSRF}"), "credential_missing"),
        (format!("credential=&g_csrf_token={CSRF}"), "credential_missing"),
        (format!("{body}&credential={credential}"), "duplicate_parameter"),
        (format!("{body}&g_csrf_token={CSRF}"), "duplicate_parameter"),
        (format!("{body}&state=a&state=a"), "duplicate_parameter"),
        (format!("{body}&state={}", "s".repeat(1025)), "too_large"),
        (format!("g_csrf_token={CSRF}&credential={}", "a".repeat(32 * 1024 + 1)), "too_large"),
        (format!("g_csrf_token={CSRF}&credential={}", ".".repeat(1024 * 1024)), "too_large"),
    ] {
        let headers = [("content-type", FORM)];
        let answer = page.browser.send(Method::POST, PATH, &headers, body).await;
        world.assert_refusal(&mut page.browser, &before, &answer, refused(400, code)).await;
    }
    page.post(&credential).await.assert_status(303);
}

#[tokio::test]
async fn cb_4_a_credential_of_one_provider_signs_nobody_in_at_another() {
    let (world, other) = World::with_another().await;
    world.google.allow(ADA).await;
    other.allow(ADA).await;
    let mut page = ButtonPage::open(&world).await;
    let own = page.credential(&world).await;
    let foreign = other.credential(&world.app, Some(&page.nonce)).await;
    let before = world.before(&mut page.browser).await;
    let answer = page.post(&foreign).await;
    let expected = refused(403, "id_token_unknown_key").known();
    world.assert_refusal(&mut page.browser, &before, &answer, expected).await;

    let elsewhere = "/auth/other/credential";
    let before = world.before(&mut page.browser).await;
    let fields = [("credential", own.as_str()), ("g_csrf_token", CSRF)];
    let answer = page.browser.post_form(elsewhere, &fields).await;
    let expected = refused(400, "provider_mismatch").known();
    world.assert_refusal(&mut page.browser, &before, &answer, expected).await;
    let bare = other.credential(&world.app, None).await;
    let before = world.before(&mut page.browser).await;
    let fields = [("credential", bare.as_str()), ("g_csrf_token", CSRF)];
    let answer = page.browser.post_form(elsewhere, &fields).await;
    let expected = refused(404, "unknown_provider");
    world.assert_refusal(&mut page.browser, &before, &answer, expected).await;
    page.post(&own).await.assert_status(303);
}

/// Somebody who has signed in with the button: their browser.
async fn by_button(world: &World, person: &str) -> Browser {
    world.google.allow(person).await;
    let mut page = ButtonPage::open(world).await;
    let credential = page.credential(world).await;
    page.fetch(&credential).await.assert_status(200);
    page.browser
}

#[tokio::test]
async fn after_the_button_offline_access_is_one_call_away_and_reuses_the_account() {
    let world = World::start().await;
    let mut browser = by_button(&world, ADA).await;
    let ada = browser.session().await.json();
    let asked = browser.begin(&format!("?scope={CALENDAR}")).await;
    assert_eq!(param(&asked, "login_hint"), ada["identities"][0]["subject"].as_str().unwrap());
    browser.sign_in(&format!("?scope={CALENDAR}")).await.assert_status(303);

    let session = browser.session().await.json();
    assert_eq!(session["user"]["id"], ada["user"]["id"]);
    assert_eq!(session["identities"], ada["identities"]);
    assert_eq!(session["grants"][0]["offline"], true);
    assert_eq!(session["grants"][0]["missing_scopes"], json!([]));
    assert_eq!(world.google.count("consent_shown").await, 1);
    assert_eq!(world.value::<i64>("SELECT count(*) FROM users"), 1);
}

#[tokio::test]
async fn another_account_than_the_one_signed_in_adds_no_scopes() {
    let world = World::start().await;
    let mut browser = by_button(&world, ADA).await;
    let before = world.before(&mut browser).await;
    world.google.allow(GRACE).await;
    let callback = browser.callback_url(&format!("?scope={CALENDAR}")).await;
    let answer = browser.get(&callback).await;
    let expected = refused(403, "subject_mismatch").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
}

#[tokio::test]
async fn whoever_asks_for_no_more_or_names_somebody_may_change_the_account() {
    let world = World::start().await;
    for query in [String::new(), format!("?scope={CALENDAR}&login_hint={GRACE}")] {
        let mut browser = by_button(&world, ADA).await;
        world.google.allow(GRACE).await;
        browser.sign_in(&query).await.assert_status(303);
        assert_eq!(browser.session().await.json()["user"]["email"], GRACE);
    }
    // A session that is over names nobody.
    let mut browser = by_button(&world, ADA).await;
    world.standin.store().end_sessions_of(user_of(&mut browser).await).await.unwrap();
    let asked = browser.begin(&format!("?scope={CALENDAR}")).await;
    assert!(asked.query_pairs().all(|(name, _)| name != "login_hint"));
    assert_ne!(with(&asked, "state", ""), asked);
}

async fn user_of(browser: &mut Browser) -> standin::id::UserId {
    let session = browser.session().await.json();
    session["user"]["id"].as_str().unwrap().parse().unwrap()
}
