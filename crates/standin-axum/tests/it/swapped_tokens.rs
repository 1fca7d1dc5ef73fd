//! A token of one kind where another belongs, at every route there is (requirement ID-21): the routes are read from
//! the router's own page, and whatever can be carried is carried in every place that something can be carried in.

use http::Method;
use serde_json::json;
use standin::provider::AnswerForm;

use crate::backchannel_logout;
use crate::routes::{By, TABLE, concrete, routes};
use crate::support::{
    ADA, Answer, Browser, Caller, KID, WithOurKey, World, changed, refused, signed,
};

/// What somebody may have got hold of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    AccessToken,
    /// From the token endpoint.
    IdToken,
    /// From the provider's button.
    Credential,
    LogoutToken,
    SecurityEvent,
    ClientKey,
    Session,
    Attempt,
}

/// Where it is put.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Bearer,
    SessionCookie,
    Query,
    Form,
    Json,
    Body,
}

const PLACES: [Place; 6] =
    [Place::Bearer, Place::SessionCookie, Place::Query, Place::Form, Place::Json, Place::Body];

/// Under every name that a token has anywhere.
const NAMES: [&str; 9] = [
    "logout_token",
    "credential",
    "id_token",
    "access_token",
    "refresh_token",
    "token",
    "code",
    "state",
    "assertion",
];

/// The one way in that is its own.
fn is_rightful(path: &str, by: By, kind: Kind, place: Place) -> bool {
    match (kind, place) {
        (Kind::ClientKey, Place::Bearer) => by == By::Job,
        (Kind::Session, Place::SessionCookie) => true,
        (Kind::SecurityEvent, Place::Body) => path.ends_with("/risc"),
        (Kind::LogoutToken, Place::Form) => path.ends_with("/backchannel-logout"),
        _ => false,
    }
}

/// One of each, all of them good where they belong.
async fn tokens(world: &World) -> Vec<(Kind, String)> {
    let (mut browser, user) = world.signed_in(ADA, "").await;
    let job = world.job().await;
    let access = Caller::new(world, &job, &user).token().await;
    let (_, code) = world.one_time_code(&mut browser).await;
    let id_token = world.google.redeem(&code).await;
    let credential = world.google.credential(&world.app, None).await;
    let logout = backchannel_logout::claims_about(world, ADA, "logout");
    let header = |typ: &str| json!({ "alg": "ES256", "kid": KID, "typ": typ });
    let sessions = "https://schemas.openid.net/secevent/risc/event-type/sessions-revoked";
    let subject = json!({
        "subject_type": "iss-sub", "iss": logout["iss"].clone(), "sub": logout["sub"].clone()
    });
    let event = json!({
        "exp": null, "sub": null, "events": { sessions: { "subject": subject } }, "jti": "event",
    });
    let event = changed(logout.clone(), &event);
    vec![
        (Kind::AccessToken, access),
        (Kind::IdToken, id_token),
        (Kind::Credential, credential),
        (Kind::LogoutToken, signed(&header("logout+jwt"), &logout)),
        (Kind::SecurityEvent, signed(&header("secevent+jwt"), &event)),
        (Kind::ClientKey, job.key),
        (Kind::Session, browser.cookie("__Host-standin").unwrap().to_owned()),
        (Kind::Attempt, browser.attempts().remove(0).1),
    ]
}

/// Carries it there as the one would who is expected there.
async fn carry(
    browser: &mut Browser,
    method: &Method,
    (path, by): (&str, By),
    place: Option<Place>,
    token: &str,
) -> Answer {
    let (origin, bearer) = (browser.origin(), format!("Bearer {token}"));
    let mut headers = Vec::new();
    if by == By::Page {
        headers.extend([("origin", origin.as_str()), ("x-requested-with", "XmlHttpRequest")]);
    }
    let pairs = || {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        pairs.extend_pairs(NAMES.iter().map(|name| (name, token))).finish()
    };
    let (mut path, mut body) = (concrete(path), String::new());
    match place {
        None => {}
        Some(Place::Bearer) => headers.push(("authorization", &bearer)),
        Some(Place::SessionCookie) => browser.set_cookie("__Host-standin", token),
        Some(Place::Query) => path = [&path, "?", &pairs()].concat(),
        Some(Place::Form) => {
            headers.push(("content-type", "application/x-www-form-urlencoded"));
            body = pairs();
        }
        Some(Place::Json) => {
            headers.push(("content-type", "application/json"));
            let members = NAMES.iter().map(|name| ((*name).to_owned(), json!(token)));
            body = json!(members.collect::<serde_json::Map<_, _>>()).to_string();
        }
        Some(Place::Body) => {
            headers.push(("content-type", "application/secevent+jwt"));
            token.clone_into(&mut body);
        }
    }
    browser.send(method.clone(), &path, &headers, body).await
}

#[tokio::test]
async fn id_21_no_token_opens_what_another_kind_opens() {
    let world = World::over(WithOurKey::new(), |_| {}).await;
    let tokens = tokens(&world).await;
    let before = world.database_dump();
    // Failures are counted by address; a browser costs more than a request.
    let browsers: Vec<_> = (3..43).map(|host| world.browser_at(host)).collect();
    let mut tried = 0;
    for (path, by) in TABLE {
        for method in &routes()[path] {
            let plain = carry(&mut browsers[0].clone(), method, (path, by), None, "").await;
            for (kind, token) in &tokens {
                for place in PLACES.into_iter().filter(|p| !is_rightful(path, by, *kind, *p)) {
                    tried += 1;
                    let mut browser = browsers[tried % browsers.len()].clone();
                    let answer = carry(&mut browser, method, (path, by), Some(place), token).await;
                    let what = format!("{kind:?} as {place:?} at {method} {path}: {}", answer.body);
                    assert_opens_nothing(&plain, &answer, &what);
                }
            }
        }
    }
    assert!(tried > 1000, "{tried}");
    assert_eq!(world.database_dump(), before);
}

/// Refused, or answered as whoever brings nothing is.
fn assert_opens_nothing(plain: &Answer, answer: &Answer, what: &str) {
    assert!(answer.status.is_client_error() || answer.status == plain.status, "{what}");
    assert_ne!(answer.status, 429, "{what}");
    assert!(!answer.body.contains(ADA) && !answer.body.contains("ya29."), "{what}");
    let cookies = answer.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap());
    let opens =
        |cookie: &str| cookie.starts_with("__Host-standin=") && !cookie.contains("Max-Age=0");
    assert!(!cookies.into_iter().any(opens), "{what}");
}

/// Each of them is good where it belongs, so that what was refused was refused for its kind.
#[tokio::test]
async fn id_21_each_token_opens_what_is_its_own() {
    let world = World::over(WithOurKey::new(), |_| {}).await;
    let tokens = tokens(&world).await;
    let of = |wanted: Kind| &tokens.iter().find(|(kind, _)| *kind == wanted).unwrap().1;
    assert_eq!(world.google.api("/v1/userinfo", of(Kind::AccessToken)).await, 200);
    let mut browser = world.browser();
    browser.set_cookie("__Host-standin", of(Kind::Session));
    browser.session().await.assert_status(200);
    for (path, by) in TABLE {
        let (kind, place) = match by {
            By::Job => (Kind::ClientKey, Place::Bearer),
            By::Provider if path.ends_with("/risc") => (Kind::SecurityEvent, Place::Body),
            By::Provider => (Kind::LogoutToken, Place::Form),
            _ => continue,
        };
        let method = routes()[path][0].clone();
        let answer = carry(&mut world.browser(), &method, (path, by), Some(place), of(kind)).await;
        if by == By::Job {
            // What it asks for may not be there; that it may ask is not in doubt.
            assert_ne!(answer.status, 401, "{path}: {}", answer.body);
        } else {
            assert!(answer.status.is_success(), "{path}: {}", answer.body);
        }
    }
}

/// Where an attempt is under way, the answer is read further; with the wrong token in it, it is none.
#[tokio::test]
async fn id_21_an_attempt_takes_no_token_in_the_place_of_another() {
    let world = World::with(|provider| provider.answer = AnswerForm::HybridFormPost).await;
    let (_, user) = world.signed_in(ADA, "").await;
    let access = Caller::new(&world, &world.job().await, &user).token().await;
    let mut browser = world.browser_at(9);
    for (name, status, code) in
        [("id_token", 403, "id_token_not_compact"), ("code", 403, "id_token_code_hash_mismatch")]
    {
        let form = browser.form("").await;
        let before = world.before(&mut browser).await;
        let answer = browser.submit(&form.with(name, &access)).await;
        let expected = refused(status, code).known();
        world.assert_refusal(&mut browser, &before, &answer, expected).await;
    }
    let form = browser.form("").await;
    let before = world.before(&mut browser).await;
    let answer = browser.submit(&form.with("code", form.get("id_token"))).await;
    let expected = refused(403, "id_token_code_hash_mismatch").known();
    world.assert_refusal(&mut browser, &before, &answer, expected).await;
    world.assert_next_sign_in_works(&mut browser).await;
}
