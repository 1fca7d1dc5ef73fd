//! `GET /auth/{provider}/login`: what goes to the provider, and what nobody from outside may decide.

use std::collections::HashSet;

use data_encoding::BASE64URL_NOPAD;
use futures_util::future::join_all;
use http::HeaderMap;
use serde_json::json;
use standin::Standin;
use standin::secret::sha256;
use standin::session::cookie::Cookies;
use standin::signin::SignInRequest;
use standin::time::{Clock, Timestamp};

use crate::support::{
    ADA, Browser, CALENDAR, DRIVE, GRACE, Wire, World, http_client, param, refused, with,
};

/// At least 128 bits in base64url.
const MIN_RANDOM: usize = 22;

#[tokio::test]
async fn ar_1_ar_2_ar_3_state_nonce_and_challenge_are_random_and_unrelated() {
    let world = World::start().await;
    let mut seen = HashSet::new();
    let mut browser = world.browser();
    for _ in 0..1000 {
        let url = browser.begin("").await;
        assert_eq!(param(&url, "code_challenge_method"), "S256");
        assert_eq!(param(&url, "response_type"), "code");
        assert_eq!(param(&url, "code_challenge").len(), 43);
        let challenge_of = |text: &str| BASE64URL_NOPAD.encode(&sha256(text.as_bytes()));
        let (state, nonce) = (param(&url, "state"), param(&url, "nonce"));
        for value in [&state, &nonce] {
            assert!(value.len() >= MIN_RANDOM, "{value}");
            assert_ne!(challenge_of(value), param(&url, "code_challenge"));
        }
        for value in [state, nonce, param(&url, "code_challenge")] {
            assert!(seen.insert(value), "the same value twice");
        }
    }
}

#[tokio::test]
async fn ar_2_a_code_asked_for_with_another_challenge_is_worth_nothing() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let before = world.before(&mut browser).await;
    let asked = browser.begin("").await;
    let others = with(&asked, "code_challenge", &"A".repeat(43));
    let callback = browser.answer_to(&others).await;

    let answer = browser.get(&callback).await;

    let expected = refused(400, "code_refused").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn ar_2_a_challenge_taken_out_on_the_way_makes_the_code_worth_nothing() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let before = world.before(&mut browser).await;
    let asked = browser.begin("").await;
    let bare = crate::support::without(&asked, "code_challenge");
    let bare = crate::support::without(&bare, "code_challenge_method");
    let callback = browser.answer_to(&bare).await;

    let answer = browser.get(&callback).await;

    let expected = refused(400, "code_refused").after_exchange();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
}

#[tokio::test]
async fn ar_3_a_code_asked_for_with_another_nonce_is_worth_nothing() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let asked = browser.begin("").await;
    for nonce in [param(&world.browser().begin("").await, "nonce"), String::new()] {
        let before = world.before(&mut browser).await;
        let own = browser.begin("").await;
        let callback = browser.answer_to(&with(&own, "nonce", &nonce)).await;
        let answer = browser.get(&callback).await;
        let expected = refused(403, "id_token_nonce_mismatch").after_exchange();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    browser.answer_to(&asked).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn ar_4_an_attempt_lives_ten_minutes_and_not_a_second_longer() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let in_time = browser.callback_url("").await;
    world.google.advance(595).await;
    browser.get(&in_time).await.assert_status(303);

    let before = world.before(&mut browser).await;
    let asked = browser.begin("").await;
    world.google.advance(601).await;
    let late = browser.answer_to(&asked).await;
    let answer = browser.get(&late).await;

    let expected = refused(400, "attempt_expired").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn ar_4_a_cookie_that_was_tampered_with_belongs_to_no_attempt() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let (name, value) = browser.attempts().remove(0);
    let before = world.before(&mut browser).await;
    let flipped = |index: usize| {
        let mut bytes = BASE64URL_NOPAD.decode(value.as_bytes()).unwrap();
        bytes[index] ^= 1;
        BASE64URL_NOPAD.encode(&bytes)
    };
    let length = BASE64URL_NOPAD.decode(value.as_bytes()).unwrap().len();
    let spoiled = [
        String::new(),
        "x".to_owned(),
        value[..value.len() - 1].to_owned(),
        format!("{value}A"),
        format!("{value}="),
        flipped(0),
        flipped(15),
        flipped(16),
        flipped(40),
        flipped(length / 2),
        flipped(length - 1),
    ];

    for spoiled in spoiled {
        browser.set_cookie(&name, &spoiled);
        let answer = browser.get(&callback).await;
        let expected = refused(403, "attempt_missing");
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }

    browser.set_cookie(&name, &value);
    browser.get(&callback).await.assert_status(303);
}

#[tokio::test]
async fn ar_4_the_cookie_of_another_attempt_does_not_vouch_for_this_one() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let name = browser.attempts().remove(0).0;
    browser.callback_url("").await;
    let other = browser.attempts().remove(1).1;
    let before = world.before(&mut browser).await;
    browser.set_cookie(&name, &other);

    let answer = browser.get(&callback).await;

    let expected = refused(400, "state_mismatch");
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn ar_5_no_header_moves_where_the_answer_goes() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "8443"),
        ("x-forwarded-prefix", "/evil"),
        ("x-original-url", "/auth/evil/login"),
        ("x-original-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=https"),
    ] {
        let mut browser = world.browser();
        browser.set_header(name, value);
        let asked = browser.begin("?return_to=/notes").await;
        let own = world.url("/auth/google/callback");
        assert_eq!(param(&asked, "redirect_uri"), own.as_str(), "{name}");
        assert_eq!(asked.origin().ascii_serialization(), world.google.origin());

        browser.headers.clear();
        let callback = browser.answer_to(&asked).await;
        browser.set_header(name, value);
        let done = browser.get(&callback).await;
        assert_eq!(done.location(), world.url("/notes"), "{name}");
        world.assert_tells_nothing(&done).await;
    }
}

#[tokio::test]
async fn ar_6_nothing_from_outside_sets_what_protects_the_flow() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let before = world.before(&mut browser).await;
    for name in [
        "state",
        "nonce",
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "code_challenge",
        "code_challenge_method",
        "code_verifier",
        "iss",
        "prompt",
        "access_type",
        "include_granted_scopes",
        "hd",
        "max_age",
        "request",
        "request_uri",
        "claims",
        "Return_To",
        "",
    ] {
        let answer = browser.get(format!("/auth/google/login?{name}=evil.example")).await;
        let expected = refused(400, "invalid_request");
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    for (query, code) in [
        ("?mode=silent", "invalid_request"),
        ("?mode=", "invalid_request"),
        ("?mode=POPUP", "invalid_request"),
    ] {
        let answer = browser.get(format!("/auth/google/login{query}")).await;
        world.assert_refusal(&mut browser, &before, &answer, refused(400, code)).await;
    }
    assert_eq!(world.google.count("authorization").await, 0);
    assert_eq!(browser.attempts(), []);
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn ar_6_a_login_hint_stays_one_parameter() {
    let world = World::start().await;
    let hint = "a@b&prompt=none&redirect_uri=https://evil.example\r\nX: y#";
    let asked: String = form_urlencoded::byte_serialize(hint.as_bytes()).collect();
    let url = world.browser().begin(&format!("?login_hint={asked}")).await;
    assert_eq!(param(&url, "login_hint"), hint);
    assert!(!url.query_pairs().any(|(name, _)| name == "prompt"));
    let long = "a".repeat(5000);
    let url = world.browser().begin(&format!("?login_hint={long}")).await;
    assert!(url.as_str().len() < 2000);
}

#[tokio::test]
async fn ar_7_a_parameter_that_stands_twice_is_refused_whatever_it_says() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let before = world.before(&mut browser).await;
    for query in [
        "return_to=/a&return_to=//evil.example",
        "return_to=/a&return_to=/a",
        "return_to=/a&return%5fto=/b",
        "scope=&scope=",
        "mode=popup&mode=redirect",
        "login_hint=a&x=1&login_hint=b",
        "x&x",
    ] {
        let answer = browser.get(format!("/auth/google/login?{query}")).await;
        let expected = refused(400, "duplicate_parameter");
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn ar_8_only_scopes_of_the_configuration_are_asked_for() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let before = world.before(&mut browser).await;
    for scope in [
        "https://www.googleapis.com/auth/gmail.readonly",
        "openid+https://www.googleapis.com/auth/gmail.readonly",
        "https://www.googleapis.com/auth/calendar",
        "https://www.googleapis.com/auth/calendar.events/",
        "HTTPS://www.googleapis.com/auth/calendar.events",
        "offline_access",
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "a%22b",
        "%00",
        "%C3%A9",
    ] {
        let answer = browser.get(format!("/auth/google/login?scope={scope}")).await;
        let expected = refused(400, "scope_not_allowed");
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
        let body = json!({ "scope": form_urlencoded::parse(scope.as_bytes()).next().unwrap().0 });
        let answer = browser.post("/auth/google/begin", body).await;
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    assert_eq!(world.google.count("authorization").await, 0);
    let asked = browser.begin(&format!("?scope={CALENDAR}")).await;
    assert_eq!(param(&asked, "scope"), format!("email {CALENDAR} openid profile"));
    assert_eq!(param(&asked, "include_granted_scopes"), "true");
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn ar_10_a_flood_of_starts_leaves_no_row_and_five_cookies() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let rows = world.database_dump();
    let mut early = world.browser();
    let early_callback = early.callback_url("").await;
    let mut flooder = world.browser();
    let long = format!("?return_to=/{}&scope={CALENDAR}", "a".repeat(2000));
    let mut last = None;
    let memory = resident_bytes();
    for number in 0..1000 {
        let query = if number % 2 == 0 { "" } else { long.as_str() };
        last = Some(flooder.begin(query).await);
        assert!(flooder.attempts().len() <= 5);
    }
    assert!(flooder.attempts().iter().all(|(name, value)| name.len() + value.len() < 4000));
    assert_eq!(world.database_dump(), rows, "a start costs a row");
    // Sixteen kilobytes for each; the process is the provider's, too.
    assert!(resident_bytes() < memory + (16 << 20), "a start costs memory");

    early.get(&early_callback).await.assert_status(303);
    let callback = flooder.answer_to(&last.unwrap()).await;
    flooder.get(&callback).await.assert_status(303);
}

/// What a start costs below HTTP, where there is time for many: `STANDIN_TEST_STARTS=100000` is what requirement
/// AR-10 speaks of.
#[tokio::test]
async fn ar_1_ar_10_ten_thousand_starts_have_nothing_in_common_and_leave_nothing() {
    #[expect(clippy::disallowed_methods, reason = "the size of a test, for whoever has the time")]
    let wanted = std::env::var("STANDIN_TEST_STARTS").ok();
    let starts: u32 = wanted.map_or(10_000, |count| count.parse().unwrap());
    let world = World::start().await;
    world.google.allow(ADA).await;
    let rows = world.database_dump();
    let mut early = world.browser();
    let early_callback = early.callback_url("").await;
    let (provider, nobody) = ("google".parse().unwrap(), HeaderMap::new());
    let memory = resident_bytes();
    let mut seen = HashSet::new();
    for _ in 0..starts {
        let request = SignInRequest::default();
        let begun = world.standin.signin().begin(&provider, request, Cookies::of(&nobody)).await;
        let url = begun.unwrap().location;
        for name in ["state", "nonce", "code_challenge"] {
            let value = param(&url, name);
            let bytes = BASE64URL_NOPAD.decode(value.as_bytes()).unwrap();
            assert!(value.len() >= MIN_RANDOM && bytes.len() >= 16, "{value}");
            let half: [u8; 16] = sha256(value.as_bytes())[..16].try_into().unwrap();
            assert!(seen.insert(half), "the same {name} twice");
        }
    }
    assert_eq!(world.database_dump(), rows, "a start costs a row");
    let own = 64 * seen.capacity() as u64;
    assert!(resident_bytes() < memory + (16 << 20) + own, "a start costs memory");
    early.get(&early_callback).await.assert_status(303);
}

/// What the token endpoint is told was never seen by a browser, in any flow: neither itself nor as a hash.
#[tokio::test]
async fn ar_1_no_state_and_no_nonce_is_a_verifier() {
    let wire = Wire::new();
    let world = World::over(wire.clone(), |_| {}).await;
    world.google.allow(ADA).await;
    let (mut seen, mut challenges) = (HashSet::new(), HashSet::new());
    for _ in 0..20 {
        let mut browser = world.browser();
        for flow in ["", "?mode=popup", "grant"] {
            let asked = if flow == "grant" {
                let more =
                    browser.post("/auth/google/grant", json!({ "scopes": [CALENDAR] })).await;
                more.json()["authorization_url"].as_str().unwrap().parse().unwrap()
            } else {
                browser.begin(flow).await
            };
            challenges.insert(param(&asked, "code_challenge"));
            seen.extend([param(&asked, "state"), param(&asked, "nonce")]);
            let callback = browser.answer_to(&asked).await;
            assert!(!browser.get(&callback).await.status.is_client_error(), "{flow}");
        }
    }
    let verifiers = wire.heard("code_verifier");
    assert_eq!((verifiers.len(), seen.len(), challenges.len()), (60, 120, 60));
    let hash = |text: &str| BASE64URL_NOPAD.encode(&sha256(text.as_bytes()));
    for verifier in verifiers {
        assert!((43..=128).contains(&verifier.len()));
        assert!(challenges.contains(&hash(&verifier)), "no S256 of it was sent");
        assert!(!seen.contains(&verifier) && !seen.contains(&hash(&verifier)), "{verifier}");
        assert!(!challenges.contains(&verifier), "{verifier}");
    }
}

struct StandsStill(Timestamp);

impl Clock for StandsStill {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Where no time goes by, a state is as good as any: every bit of it is a coin of its own.
#[tokio::test]
async fn ar_1_no_bit_of_a_state_comes_of_the_time() {
    let world = World::start().await;
    let google = "google".parse().unwrap();
    let config = world.standin.provider(&google).unwrap().config().clone();
    let store = standin_store::open(&world.database_url()).await.unwrap();
    let clock = StandsStill(world.standin.clock().now());
    let builder = Standin::builder(world.app.clone(), store, http_client()).clock(clock);
    let standin = builder.provider(config).build(&world.keys).await.unwrap();
    let nobody = HeaderMap::new();
    let (mut seen, mut ones) = (HashSet::new(), Vec::new());
    for _ in 0..2000 {
        let begun =
            standin.signin().begin(&google, SignInRequest::default(), Cookies::of(&nobody)).await;
        let state = param(&begun.unwrap().location, "state");
        let bytes = BASE64URL_NOPAD.decode(state.as_bytes()).unwrap();
        ones.resize(bytes.len() * 8, 0);
        for (index, count) in ones.iter_mut().enumerate() {
            *count += u32::from(bytes[index / 8] >> (index % 8) & 1);
        }
        assert!(seen.insert(state), "the same state twice");
    }
    // Nine standard deviations: chance alone is never out of it.
    assert!(ones.iter().all(|count| (800..1200).contains(count)), "{ones:?}");
}

/// Each way in has a nonce of its own.
#[tokio::test]
async fn ar_3_no_two_attempts_of_any_flow_share_a_nonce() {
    let world = World::start().await;
    let (mut browser, _) = world.signed_in(ADA, "").await;
    let mut nonces = HashSet::new();
    for _ in 0..3 {
        nonces.insert(param(&browser.begin("").await, "nonce"));
        nonces.insert(param(&browser.begin("?mode=popup").await, "nonce"));
        nonces.insert(browser.begin_code(json!({})).await["nonce"].as_str().unwrap().to_owned());
        let more = browser.post("/auth/google/grant", json!({ "scopes": [CALENDAR] })).await;
        let url = more.json()["authorization_url"].as_str().unwrap().parse().unwrap();
        nonces.insert(param(&url, "nonce"));
    }
    assert_eq!(nonces.len(), 12);
    assert!(nonces.iter().all(|nonce| nonce.len() >= MIN_RANDOM), "{nonces:?}");
}

/// How much memory this process has in use.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = pages.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// What common proxies take in one header line is 8 KiB; the app's own cookies need room in it, too.
#[tokio::test]
async fn ar_10_a_page_that_starts_sign_ins_cannot_fill_a_browsers_cookie_header() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let weight = |browser: &Browser| -> usize {
        let cookies = browser.attempts();
        cookies.iter().map(|(name, value)| name.len() + value.len() + "=; ".len()).sum()
    };
    let long = format!("?return_to=/{}&scope={CALENDAR}+{DRIVE}", "a".repeat(2000));
    for _ in 0..8 {
        browser.begin(&long).await;
        assert!(weight(&browser) <= 7 * 1024, "{}", weight(&browser));
    }
    for _ in 0..5 {
        browser.begin(&format!("?return_to=/notes&scope={CALENDAR}+{DRIVE}")).await;
        assert!(weight(&browser) <= 7 * 1024, "{}", weight(&browser));
    }
    assert_eq!(browser.attempts().len(), 5);
    let callback = browser.callback_url(&long).await;
    browser.get(&callback).await.assert_status(303);
}

#[tokio::test]
async fn ar_10_cookies_that_only_look_like_attempts_keep_nobody_from_signing_in() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    for number in 0..60 {
        browser.set_cookie(&format!("__Host-standin-att-{number:016x}"), "rubbish");
    }
    browser.sign_in("").await.assert_status(303);
    browser.session().await.assert_status(200);
}

#[tokio::test]
async fn ar_11_a_sign_in_begins_in_a_window_and_nowhere_else() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let before = world.before(&mut browser).await;
    for destination in ["image", "iframe", "frame", "embed", "object", "script", "empty", "style"] {
        browser.set_header("sec-fetch-dest", destination);
        let answer = browser.get("/auth/google/login").await;
        let expected = refused(403, "cross_origin");
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    assert_eq!(browser.attempts(), []);
    browser.set_header("sec-fetch-dest", "document");
    browser.begin("").await;
    world.assert_next_sign_in_works(&mut browser).await;
}

#[tokio::test]
async fn ar_11_an_answer_is_taken_in_a_window_and_costs_a_foreign_page_nobodys_patience() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let mut browser = world.browser();
    let callback = browser.callback_url("").await;
    let before = world.before(&mut browser).await;
    browser.set_header("sec-fetch-dest", "image");
    for _ in 0..70 {
        let answer = browser.get(&callback).await;
        answer.assert_refused(403, "cross_origin");
    }
    let answer = browser.get(&callback).await;
    world.assert_refusal(&mut browser, &before, &answer, refused(403, "cross_origin")).await;
    browser.headers.clear();
    browser.get(&callback).await.assert_status(303);
    browser.session().await.assert_status(200);
}

#[tokio::test]
async fn ar_12_many_people_at_once_are_never_mixed_up() {
    let world = World::start().await;
    let people: Vec<String> = (0..200).map(|n| format!("user{n}@example.com")).collect();
    let users: Vec<_> = people.iter().map(|email| json!({ "email": email })).collect();
    world.google.control("PUT", "users", json!(users)).await;
    // No two neighbours take equally long, so that answers overtake each other.
    let delay =
        |n: u64| json!({ "endpoint": "token", "fault": "delay", "delay_ms": n * 7919 % 301 });
    let delays: Vec<_> = (0..1000).map(delay).collect();
    world.google.control("POST", "faults", json!(delays)).await;
    let fresh = world.browser();

    for group in people.chunks(20) {
        let sign_ins = group.iter().cycle().take(group.len() * 5).enumerate();
        let sign_ins = sign_ins.map(async |(number, email)| {
            let mut browser = fresh.clone();
            let path = format!("/notes/{number}");
            let done = browser.sign_in_by_hand(email, &format!("?return_to={path}")).await;
            done.assert_status(303);
            assert_eq!(done.location(), world.url(&path));
            assert_eq!(browser.session().await.json()["user"]["email"], *email);
        });
        join_all(sign_ins).await;
    }

    assert_eq!(world.google.count("code_refused").await, 0);
    assert_eq!(world.standin.store().users(None, 1000).await.unwrap().len(), 200);
}

#[tokio::test]
async fn ar_12_one_person_signing_in_many_times_at_once_is_one_user() {
    let world = World::start().await;
    world.google.allow(ADA).await;
    let sign_ins = (0..12).map(async |_| {
        let mut browser = world.browser();
        browser.sign_in("").await.assert_status(303);
        browser.session().await.assert_status(200);
    });
    join_all(sign_ins).await;
    let store = world.standin.store();
    assert_eq!(store.users(None, 100).await.unwrap().len(), 1);
    let grants = store.grants(None, 100).await.unwrap();
    assert_eq!(grants.len(), 1);
    assert!(grants[0].is_offline());
}

#[tokio::test]
async fn ar_13_two_tabs_finish_in_either_order() {
    let world = World::start().await;
    let mut browser = world.browser();
    world.google.allow(ADA).await;
    browser.sign_in("").await.assert_status(303);
    let first = browser.callback_url("?return_to=/first").await;
    let second = browser.callback_url("?return_to=/second").await;

    let done = browser.get(&second).await;
    assert_eq!(done.location(), world.url("/second"));
    let done = browser.get(&first).await;
    assert_eq!(done.location(), world.url("/first"));

    assert_eq!(browser.attempts(), []);
    browser.session().await.assert_status(200);
}

#[tokio::test]
async fn ar_13_five_tabs_that_need_consent_again_all_finish() {
    let world = World::start().await;
    world.google.allow(GRACE).await;
    let mut browser = world.browser();
    let mut asked = Vec::new();
    for _ in 0..5 {
        asked.push(browser.begin("").await);
    }
    world.google.fault("token", "no_refresh_token", json!({ "times": 1 })).await;
    for asked in asked {
        let callback = browser.answer_to(&asked).await;
        let done = browser.get(&callback).await;
        browser.follow(done).await.assert_status(303);
    }
    assert_eq!(browser.session().await.json()["grants"][0]["offline"], true);
}
